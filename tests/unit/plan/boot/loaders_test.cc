// The contract of every kind of set-up, on captured machines: words are added where the next boot
// finds them, recovery entries do not get them, a second time adds nothing, and an undo puts back
// every byte. Where cleave does not write, it says what to do by hand.
#include <gtest/gtest.h>

#include <set>

#include "apply/transaction.h"
#include "base/text.h"
#include "facts/readers/read_facts.h"
#include "plan/boot/loader.h"
#include "support/golden.h"
#include "support/machine.h"

namespace cleave {
namespace {

const std::vector<std::string> kWords = {"cleave.one=1", "cleave.two=a,b"};

std::vector<std::string> boot_machines() {
  std::vector<std::string> names;
  for (const std::string& name : testing::machine_names()) {
    if (name.starts_with("boot-")) names.push_back(name);
  }
  return names;
}

void add_text(const HostReader& host, const std::string& path, ArgumentsRequest& request) {
  if (const auto text = host.read_file(path)) request.texts[path] = *text;
}

ArgumentsRequest request_for(const HostReader& host, const Facts& facts, const BootLoader& loader) {
  ArgumentsRequest request{.facts = facts, .loader = loader, .words = kWords, .texts = {}};
  for (const std::string& file : loader.files) add_text(host, file, request);
  for (const LoaderPlace& place : facts.boot.places) {
    for (const BootEntry& entry : place.entries.value_or({})) add_text(host, entry.source, request);
  }
  if (const auto names = host.list_directory("/etc/default/grub.d")) {
    for (const std::string& name : *names) {
      add_text(host, join_path("/etc/default/grub.d", name), request);
    }
  }
  return request;
}

// As grub-mkconfig, as far as a change of GRUB_CMDLINE_LINUX_DEFAULT goes: the menu that is there,
// with what the settings add in every entry that is none for recovery.
CommandOutput generate_menu(MemoryHost& host, const std::vector<std::string>& argv) {
  const std::string fresh = argv.at(2);
  const std::string menu = host.read_file(fresh.substr(0, fresh.find(".cleave-new"))).value_or("");
  const GrubSettings settings = read_facts(host).boot.grub_settings.value_or({});
  const std::string wanted = settings.merged.value_of("GRUB_CMDLINE_LINUX_DEFAULT").value_or("");
  std::string text;
  for (const std::string_view line : lines(menu)) {
    text += line;
    const auto parts = words(line);
    const bool starts = !parts.empty() && parts.front().starts_with("linux");
    if (starts && !is_recovery("", line)) {
      for (const std::string& word : words_to_add(line, kWords)) {
        if (wanted.find(word) != std::string::npos) text += " " + word;
      }
    }
    text += "\n";
  }
  host.add_file(fresh, text, 0444);
  return {};
}

MemoryHost machine_with_tools(const std::string& name) {
  MemoryHost host = testing::load_machine(name);
  host.add_directory("/var/lib");
  const auto nothing = [](MemoryHost&, const std::vector<std::string>&) { return CommandOutput(); };
  for (const char* tool : {"grub-mkconfig", "grub2-mkconfig"}) host.on_command(tool, generate_menu);
  for (const char* tool :
       {"grub-script-check", "grub2-script-check", "kernelstub", "rpm-ostree", "proxmox-boot-tool",
        "sdbootutil", "limine-update", "limine-mkinitcpio"}) {
    host.on_command(tool, nothing);
  }
  return host;
}

std::map<std::string, std::string> files_of(const MemoryHost& host) {
  auto files = host.snapshot("/etc");
  files.merge(host.snapshot("/boot"));
  files.merge(host.snapshot("/efi"));
  return files;
}

// What keeps its arguments in a tool's own place; here the tool does nothing.
bool is_kept_by_tool(BootWriter writer) {
  return writer == BootWriter::Kernelstub || writer == BootWriter::RpmOstree;
}

// Words that a file wants and the running kernel has not.
std::set<std::string> waiting_words(const Facts& facts, const BootLoader& loader) {
  std::set<std::string> waiting;
  // Of rEFInd's rows the first one starts; the comparison takes the one that is nearest to the
  // running system.
  if (loader.writer == BootWriter::Refind) {
    const std::vector<BootEntry> rows = facts.boot.refind_linux.value_or({});
    const std::string first = rows.empty() ? std::string() : rows.front().arguments;
    for (const std::string_view word : words(first)) waiting.emplace(word);
  }
  for (const auto& difference : {loader.menu, loader.settings}) {
    if (difference) waiting.insert(difference->missing.begin(), difference->missing.end());
  }
  return waiting;
}

void expect_recovery_untouched(const Facts& facts) {
  const auto check = [](const std::vector<BootEntry>& entries) {
    for (const BootEntry& entry : entries) {
      if (!entry.recovery) continue;
      EXPECT_EQ(entry.arguments.find("cleave."), std::string::npos) << entry.source << entry.title;
    }
  };
  for (const LoaderPlace& place : facts.boot.places) check(place.entries.value_or({}));
  check(facts.boot.grub_config.value_or({}).entries);
  check(facts.boot.refind_linux.value_or({}));
  check(facts.boot.limine_config.value_or({}));
}

class BootMachine : public ::testing::TestWithParam<std::string> {};

TEST_P(BootMachine, KeepsTheContract) {
  MemoryHost host = machine_with_tools(GetParam());
  const auto start = files_of(host);
  const Facts facts = read_facts(host);
  const BootLoader loader = find_boot_loader(facts);
  const Loader* row = find_loader(loader.writer);
  if (row == nullptr) {
    EXPECT_EQ(loader.writer, BootWriter::Unknown) << writer_name(loader.writer);
    return;
  }
  const auto changes = row->add_arguments(request_for(host, facts, loader));
  if (!changes) {
    if (changes.error().code == ErrorCode::Denied) return;
    EXPECT_EQ(changes.error().code, ErrorCode::Unsupported) << english(changes.error());
    EXPECT_NE(english(changes.error().remedy).find("cleave.one=1"), std::string::npos);
    return;
  }
  ASSERT_FALSE(changes->empty());
  Plan plan;
  plan.purpose = Message("test");
  plan.changes = *changes;
  EXPECT_TRUE(conflicts(plan).empty());
  Transactions transactions(host);
  const auto report = transactions.apply(plan);
  ASSERT_TRUE(report) << english(report.error());

  const Facts after = read_facts(host);
  const BootLoader found = find_boot_loader(after);
  EXPECT_EQ(found.writer, loader.writer);
  expect_recovery_untouched(after);
  if (!is_kept_by_tool(loader.writer)) {
    const std::set<std::string> waiting = waiting_words(after, found);
    for (const std::string& word : kWords) EXPECT_TRUE(waiting.contains(word)) << word;
    const auto second = row->add_arguments(request_for(host, after, found));
    ASSERT_TRUE(second) << english(second.error());
    EXPECT_TRUE(second->empty()) << "a second time";
  }
  const auto undone = transactions.undo(report->transaction);
  ASSERT_TRUE(undone) << english(undone.error());
  EXPECT_TRUE(undone->empty());
  EXPECT_EQ(files_of(host), start);
}

INSTANTIATE_TEST_SUITE_P(Machines, BootMachine, ::testing::ValuesIn(boot_machines()),
                         [](const auto& machine) { return replace_all(machine.param, "-", "_"); });

TEST(BootLoaders, EveryKindHasARow) {
  for (int kind = 1; kind <= static_cast<int>(BootWriter::SnapCore); ++kind) {
    EXPECT_NE(find_loader(static_cast<BootWriter>(kind)), nullptr)
        << writer_name(static_cast<BootWriter>(kind));
  }
  EXPECT_EQ(find_loader(BootWriter::Unknown), nullptr);
}

}  // namespace
}  // namespace cleave
