// A boot menu that is generated, beside a file that somebody else may edit: nothing but the start
// or the end is ever seen, and an undo takes out what is cleave's and no more.
#include <gtest/gtest.h>

#include "apply/transaction.h"
#include "base/format.h"
#include "host/memory_host.h"
#include "plan/own_part.h"

namespace cleave {
namespace {

constexpr const char* kSettings = "/etc/default/grub";
constexpr const char* kMenu = "/boot/grub/grub.cfg";
constexpr const char* kFresh = "/boot/grub/grub.cfg.cleave-new";
constexpr const char* kWord = "i915.enable_gvt=1";
constexpr const char* kPlain = "GRUB_CMDLINE_LINUX_DEFAULT=quiet\n";

// As grub-mkconfig: what it writes follows from the settings and the kernels.
CommandOutput make_menu(MemoryHost& host, const std::vector<std::string>& argv) {
  const std::string settings = *host.read_file(kSettings);
  const std::string words = settings.contains(kWord) ? std::string("quiet ") + kWord : "quiet";
  std::string menu;
  const auto names = host.list_directory("/boot");
  for (const std::string& kernel : *names) {
    if (!kernel.starts_with("vmlinuz-")) continue;
    menu += format(
        "menuentry 'Linux {0}' {{\n\tlinux /boot/{0} root=/dev/vda1 ro {1}\n}}\n"
        "menuentry 'Linux {0} (recovery mode)' {{\n"
        "\tlinux /boot/{0} root=/dev/vda1 ro single\n}}\n",
        kernel, words);
  }
  host.add_file(argv.at(2), menu, 0600);
  return {};
}

MemoryHost make_host() {
  MemoryHost host;
  host.add_directory("/var/lib");
  host.add_file("/boot/vmlinuz-6.1", "kernel");
  host.add_file(kSettings, kPlain, 0640);
  host.on_command("grub-mkconfig", make_menu);
  host.on_command("grub-script-check",
                  [](MemoryHost&, const std::vector<std::string>&) { return CommandOutput(); });
  make_menu(host, {"grub-mkconfig", "-o", kMenu});
  return host;
}

Plan boot_plan() {
  GenerateFile menu;
  menu.argv = {"grub-mkconfig", "-o", kFresh};
  menu.fresh = kFresh;
  menu.path = kMenu;
  menu.check_argv = {"grub-script-check", kFresh};
  menu.words = {kWord};
  GenerateFile undo = menu;
  undo.only_undo = true;
  WriteFile settings;
  settings.path = kSettings;
  settings.content = with_block(kPlain, format("X=\"$X {}\"\n", kWord));
  settings.expected_before = content_hash(kPlain);
  settings.own = WriteFile::Own::Block;
  Plan plan;
  plan.purpose = Message("give the kernel an argument");
  for (Effect effect : {Effect(undo), Effect(settings), Effect(menu)}) {
    Change change;
    change.id = "test";
    change.effect = std::move(effect);
    change.permanent = true;
    plan.changes.push_back(std::move(change));
  }
  return plan;
}

using State = std::map<std::string, std::string>;
State state_of(const MemoryHost& host) {
  State state = host.snapshot("/boot");
  state.merge(host.snapshot("/etc"));
  return state;
}

TEST(GeneratedFile, ApplyThenUndoIsNothing) {
  MemoryHost host = make_host();
  const State start = state_of(host);
  Transactions transactions(host);
  const auto report = transactions.apply(boot_plan());
  ASSERT_TRUE(report) << english(report.error());
  EXPECT_TRUE(host.read_file(kMenu)->contains(kWord));
  EXPECT_FALSE(host.exists(kFresh));
  const auto undone = transactions.undo(1);
  ASSERT_TRUE(undone) << english(undone.error());
  EXPECT_TRUE(undone->empty());
  EXPECT_EQ(state_of(host), start);
}

TEST(GeneratedFile, AMenuThatWasBehindItsSettingsComesBackAsItWas) {
  MemoryHost host = make_host();
  host.add_file(kMenu, "# by hand\n" + *host.read_file(kMenu));
  const State start = state_of(host);
  Transactions transactions(host);
  ASSERT_TRUE(transactions.apply(boot_plan()));
  ASSERT_TRUE(transactions.undo(1));
  EXPECT_EQ(state_of(host), start);
}

TEST(GeneratedFile, AFailureOfAnyEffectLeavesTheStartOrTheEnd) {
  MemoryHost finished = make_host();
  ASSERT_TRUE(Transactions(finished).apply(boot_plan()));
  const int effects = finished.effects();
  for (int n = 1; n <= effects; ++n) {
    MemoryHost host = make_host();
    const State start = state_of(host);
    host.fail_effect(n, ENOSPC);
    const auto report = Transactions(host).apply(boot_plan());
    EXPECT_EQ(state_of(host), report ? state_of(finished) : start) << "effect " << n;
  }
}

TEST(GeneratedFile, APowerCutAtAnyEffectIsTakenBack) {
  MemoryHost finished = make_host();
  ASSERT_TRUE(Transactions(finished).apply(boot_plan()));
  const int effects = finished.effects();
  for (int n = 1; n <= effects; ++n) {
    MemoryHost host = make_host();
    const State start = state_of(host);
    host.stop_at_effect(n);
    ASSERT_FALSE(Transactions(host).apply(boot_plan()));
    // A machine that starts: the menu is the old or the new one, never half of one.
    const std::string menu = *host.read_file(kMenu);
    EXPECT_TRUE(menu == start.at(kMenu) || menu == state_of(finished).at(kMenu)) << "effect " << n;
    host.stop_at_effect(0);
    ASSERT_TRUE(Transactions(host).recover()) << "effect " << n;
    EXPECT_EQ(state_of(host), start) << "effect " << n;
  }
}

TEST(GeneratedFile, AMenuWithoutTheWordsIsNotPutInPlace) {
  MemoryHost host = make_host();
  const State start = state_of(host);
  host.on_command("grub-mkconfig", [](MemoryHost& changed, const std::vector<std::string>& argv) {
    changed.add_file(argv.at(2), "menuentry 'Linux' {\n\tlinux /boot/vmlinuz-6.1 ro quiet\n}\n");
    return CommandOutput();
  });
  const auto report = Transactions(host).apply(boot_plan());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::Conflict);
  EXPECT_EQ(report.error().path, kMenu);
  EXPECT_EQ(state_of(host), start);
}

TEST(GeneratedFile, ARecoveryEntryThatGetsTheWordsIsRefused) {
  MemoryHost host = make_host();
  const State start = state_of(host);
  host.on_command("grub-mkconfig", [](MemoryHost& changed, const std::vector<std::string>& argv) {
    changed.add_file(argv.at(2),
                     format("menuentry 'Linux' {{\n\tlinux /boot/vmlinuz-6.1 ro {0}\n}}\n"
                            "menuentry 'Linux (recovery mode)' {{\n"
                            "\tlinux /boot/vmlinuz-6.1 ro single {0}\n}}\n",
                            kWord));
    return CommandOutput();
  });
  ASSERT_FALSE(Transactions(host).apply(boot_plan()));
  EXPECT_EQ(state_of(host), start);
}

TEST(GeneratedFile, AMenuThatAKernelUpdateWroteIsGeneratedOnceMore) {
  MemoryHost host = make_host();
  Transactions transactions(host);
  ASSERT_TRUE(transactions.apply(boot_plan()));
  host.add_file("/boot/vmlinuz-6.2", "kernel");
  make_menu(host, {"grub-mkconfig", "-o", kMenu});
  const auto undone = transactions.undo(1);
  ASSERT_TRUE(undone) << english(undone.error());
  ASSERT_EQ(undone->size(), 1U);
  EXPECT_TRUE(english(undone->front()).starts_with(kMenu));
  const std::string menu = *host.read_file(kMenu);
  EXPECT_TRUE(menu.contains("vmlinuz-6.2")) << "the new kernel keeps its entry";
  EXPECT_FALSE(menu.contains(kWord));
  EXPECT_EQ(*host.read_file(kSettings), kPlain);
}

TEST(GeneratedFile, OfSettingsThatSomebodyEditedOnlyTheBlockIsTakenOut) {
  MemoryHost host = make_host();
  Transactions transactions(host);
  ASSERT_TRUE(transactions.apply(boot_plan()));
  host.add_file(kSettings, "GRUB_TIMEOUT=9\n" + *host.read_file(kSettings) + "# more\n", 0640);
  const auto undone = transactions.undo(1);
  ASSERT_TRUE(undone) << english(undone.error());
  ASSERT_EQ(undone->size(), 1U);
  EXPECT_EQ(
      english(undone->front()),
      format("{} was changed by somebody else after cleave; only cleave's part was taken out.",
             kSettings));
  EXPECT_EQ(*host.read_file(kSettings), std::string("GRUB_TIMEOUT=9\n") + kPlain + "# more\n");
  EXPECT_FALSE(host.read_file(kMenu)->contains(kWord));
}

TEST(BootEntryFile, IsFoundAgainWhenItsCounterOfTriesHasChanged) {
  constexpr const char* kEntries = "/boot/loader/entries";
  const std::string before = "title Debian\nlinux /vmlinuz\noptions root=/dev/vda1 quiet\n";
  MemoryHost host;
  host.add_directory("/var/lib");
  host.add_file(join_path(kEntries, "debian-6.1+3.conf"), before);
  WriteFile write;
  write.path = join_path(kEntries, "debian-6.1+3.conf");
  write.content = "title Debian\nlinux /vmlinuz\noptions root=/dev/vda1 quiet x=1\n";
  write.own = WriteFile::Own::Words;
  write.words = {"x=1"};
  Plan plan;
  plan.purpose = Message("give the kernel an argument");
  plan.changes.push_back(
      {.id = "test", .summary = {}, .reason = {}, .effect = write, .permanent = true});
  Transactions transactions(host);
  ASSERT_TRUE(transactions.apply(plan));
  // systemd-boot counts, and systemd-bless-boot takes the counter off.
  host.add_file(join_path(kEntries, "debian-6.1.conf"), write.content);
  ASSERT_TRUE(host.remove_file(write.path));

  const auto undone = transactions.undo(1);
  ASSERT_TRUE(undone) << english(undone.error());
  EXPECT_EQ(*host.read_file(join_path(kEntries, "debian-6.1.conf")), before);
  EXPECT_FALSE(host.exists(write.path));
}

}  // namespace
}  // namespace cleave
