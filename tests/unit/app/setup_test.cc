// A set-up from the plan to its undo, with the start that tries it in between, on a captured Ubuntu
// machine whose cloud image overwrites GRUB's arguments in a drop-in.
#include "app/setup.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

#include "app/kernel_check.h"
#include "app/trial.h"
#include "base/text.h"
#include "facts/readers/read_facts.h"
#include "support/machine.h"

namespace cleave {
namespace {

constexpr const char* kProgram = "/usr/bin/cleave";
constexpr const char* kState = "/var/lib/cleave";
constexpr const char* kWord = "i915.enable_gvt=1";
constexpr const char* kFirstBoot = "11111111-0000-4000-8000-000000000000";

using Files = std::map<std::string, std::string>;

Files files_of(const MemoryHost& host) {
  Files files = host.snapshot("/etc");
  files.merge(host.snapshot("/boot"));
  return files;
}

// Names of the files in which they differ.
std::string difference(const Files& one, const Files& other) {
  std::string names;
  for (const auto& [path, text] : one) {
    const auto found = other.find(path);
    if (found == other.end() || found->second != text) names += path + " ";
  }
  for (const auto& [path, text] : other) {
    if (!one.contains(path)) names += path + " ";
  }
  return names;
}

// As grub-mkconfig: the menu that is there, with the arguments of the settings.
CommandOutput generate_menu(MemoryHost& host, const std::vector<std::string>& argv) {
  const GrubDefaults settings = read_facts(host).boot.grub_settings.value_or({}).merged;
  const std::string wanted = settings.value_of("GRUB_CMDLINE_LINUX").value_or("") + " " +
                             settings.value_of("GRUB_CMDLINE_LINUX_DEFAULT").value_or("");
  std::string text;
  const std::string menu = host.read_file("/boot/grub/grub.cfg").value_or("");
  for (const std::string_view line : lines(menu)) {
    const std::size_t end = line.find(" ro ");
    const bool normal = trim(line).starts_with("linux") && !is_recovery("", line);
    text += normal && end != std::string_view::npos
                ? std::string(line.substr(0, end + 4)) + std::string(trim(wanted))
                : std::string(line);
    text += "\n";
  }
  host.add_file(argv.at(2), text, 0444);
  return {};
}

void add_tools(MemoryHost& host) {
  const auto nothing = [](MemoryHost&, const std::vector<std::string>&) { return CommandOutput(); };
  host.on_command("grub-mkconfig", generate_menu);
  host.on_command("grub-script-check", nothing);
  host.on_command("modprobe", nothing);
  host.on_command("systemctl", nothing);
}

MemoryHost machine_of(const std::string& text) {
  auto machine = parse_machine(text, [](const std::string& name) -> Result<std::string> {
    return testing::read_test_file("machines/" + name);
  });
  EXPECT_TRUE(machine) << english(machine.error());
  return std::move(*machine);
}

MemoryHost machine_before() {
  MemoryHost host = machine_of(
      "== include boot-ubuntu-cloud.machine\n"
      "== /etc/group\nroot:x:0:\nkvm:x:108:mina\n"
      "== /proc/sys/kernel/random/boot_id\n" +
      std::string(kFirstBoot) + "\n");
  host.add_directory("/var/lib");
  host.add_directory("/run");
  add_tools(host);
  return host;
}

void keep(const MemoryHost& before, MemoryHost& after, const char* below) {
  const auto texts = before.snapshot(below);
  for (const auto& [path, text] : texts) {
    if (!text.starts_with("-> ")) after.add_file(path, text);
  }
}

// The machine after a restart with `command_line`: with GVT-g in operation where it was asked for,
// and the files that were on its disk.
MemoryHost restarted(const MemoryHost& before, const std::string& command_line,
                     const std::string& boot = "22222222-0000-4000-8000-000000000000") {
  const bool on = command_line.find(kWord) != std::string::npos;
  MemoryHost host =
      machine_of(std::string("== include boot-ubuntu-cloud.machine\n") +
                 (on ? "== include comet-lake-ready.machine\n" : "") + "== /proc/cmdline\n" +
                 command_line + "\n" + "== /proc/sys/kernel/random/boot_id\n" + boot + "\n");
  for (const auto& [path, text] : files_of(host)) {
    if (text.starts_with("-> ")) continue;
    EXPECT_TRUE(host.remove_file(path)) << path;
  }
  for (const char* place : {"/etc", "/boot", "/var"}) keep(before, host, place);
  host.add_directory("/var/lib");
  host.add_directory("/run");
  add_tools(host);
  return host;
}

std::string command_line_of(const MemoryHost& host) {
  return std::string(trim(host.read_file("/proc/cmdline").value_or("")));
}

// What GRUB would start next, as it stands in custom.cfg and grubenv.
std::string next_command_line(const MemoryHost& host) {
  const std::string environment = host.read_file("/boot/grub/grubenv").value_or("");
  if (environment.find("next_entry=cleave-trial") == std::string::npos) return "";
  const std::string menu = host.read_file("/boot/grub/custom.cfg").value_or("");
  for (const std::string_view line : lines(menu)) {
    const auto parts = words(line);
    if (parts.empty() || parts.front() != "linux") continue;
    std::string text = "BOOT_IMAGE=" + std::string(parts[1]);
    for (std::size_t i = 2; i < parts.size(); ++i) text += " " + std::string(parts[i]);
    return text;
  }
  return "";
}

Result<PreparedSetup> prepared(const MemoryHost& host) {
  return prepare_setup(host, read_facts(host),
                       {.way = "gvt-g", .gpu = std::nullopt, .program = kProgram});
}

Result<void> begin_trial(MemoryHost& host) {
  const PreparedSetup setup = TRY(prepared(host));
  const PreparedTrial trial = TRY(prepare_trial(host, setup, kState, kProgram, "0badcafe"));
  EXPECT_TRUE(trial.trial.once) << english(trial.why_not_once);
  Transactions transactions(host, kState);
  (void)TRY(transactions.apply(trial.plan));
  return {};
}

Result<TrialReport> settle(MemoryHost& host) {
  Transactions transactions(host, kState);
  return settle_trial(host, transactions,
                      {.state_directory = kState, .patience = std::chrono::seconds(4)});
}

std::string reasons_of(const TrialReport& report) {
  std::string all;
  for (const Message& reason : report.reasons) all += english(reason) + "\n";
  return all;
}

TEST(Setup, GivesWhatTheWayWantsAndTakesItBack) {
  MemoryHost host = machine_before();
  const Files start = files_of(host);
  const auto setup = prepared(host);
  ASSERT_TRUE(setup) << english(setup.error());
  EXPECT_TRUE(setup->plan.needs_reboot());
  Transactions transactions(host, kState);
  const auto report = transactions.apply(setup->plan);
  ASSERT_TRUE(report) << english(report.error());
  EXPECT_NE(host.read_file("/boot/grub/grub.cfg")->find(kWord), std::string::npos);
  EXPECT_NE(host.read_file("/etc/modules-load.d/cleave.conf")->find("kvmgt"), std::string::npos);

  const auto status = setup_status(host, transactions);
  ASSERT_TRUE(status) << english(status.error());
  ASSERT_EQ(status->applied.size(), 1U);
  const SetupTransaction& applied = status->applied[0];
  for (std::size_t i = 0; i < applied.states.size(); ++i) {
    const bool command = std::holds_alternative<RunCommand>(applied.record.plan.changes[i].effect);
    EXPECT_EQ(applied.states[i], command ? ChangeState::Unknown : ChangeState::InPlace);
  }
  EXPECT_EQ(status->waiting, std::vector<std::string>{kWord});

  const auto undone = undo_setup(transactions);
  ASSERT_TRUE(undone) << english(undone.error());
  EXPECT_TRUE(undone->notes.empty());
  EXPECT_EQ(difference(files_of(host), start), "");
}

TEST(Setup, ChangesNothingTheSecondTime) {
  MemoryHost host = machine_before();
  Transactions transactions(host, kState);
  ASSERT_TRUE(transactions.apply(prepared(host)->plan));
  const auto again = prepared(host);
  ASSERT_TRUE(again) << english(again.error());
  EXPECT_TRUE(again->plan.empty());
  EXPECT_EQ(again->waiting, std::vector<std::string>{kWord});

  MemoryHost later = restarted(host, command_line_of(host) + " " + kWord);
  const auto then = prepared(later);
  ASSERT_TRUE(then) << english(then.error());
  EXPECT_TRUE(then->plan.empty());
  EXPECT_TRUE(then->waiting.empty());
}

// What binds a card to vfio-pci at every start leaves nothing for another way.
TEST(Setup, RefusesAWayThatAnotherOneTakesTheGpuFrom) {
  MemoryHost host = machine_before();
  Transactions transactions(host, kState);
  auto setup = prepared(host);
  ASSERT_TRUE(setup) << english(setup.error());
  ASSERT_TRUE(transactions.apply(setup->plan));
  const auto status = setup_status(host, transactions);
  ASSERT_TRUE(status);
  for (const auto& [way, allowed] : {std::pair("gvt-g", true), std::pair("virtio-gpu", true),
                                     std::pair("passthrough", false), std::pair("sr-iov", false)}) {
    setup->way = way;
    EXPECT_EQ(refuse_beside_other_way(*status, *setup).has_value(), allowed) << way;
  }
  setup->gpu_name = "another card";
  EXPECT_TRUE(refuse_beside_other_way(*status, *setup));
}

TEST(Setup, SaysWhatSomebodyChangedSince) {
  MemoryHost host = machine_before();
  const Files start = files_of(host);
  Transactions transactions(host, kState);
  ASSERT_TRUE(transactions.apply(prepared(host)->plan));
  const std::string path = "/etc/modprobe.d/cleave.conf";
  host.add_file(path, "# mine\n" + *host.read_file(path));
  ASSERT_TRUE(host.remove_file("/etc/modules-load.d/cleave.conf"));

  const auto status = setup_status(host, transactions);
  ASSERT_TRUE(status);
  const auto& states = status->applied[0].states;
  EXPECT_EQ(std::ranges::count(states, ChangeState::Edited), 1);
  EXPECT_EQ(std::ranges::count(states, ChangeState::Missing), 1);

  const auto undone = undo_setup(transactions);
  ASSERT_TRUE(undone) << english(undone.error());
  EXPECT_FALSE(undone->notes.empty());
  EXPECT_EQ(*host.read_file(path), "# mine\n");
}

TEST(Setup, RefusesFilesThatDidNotStartTheSystem) {
  MemoryHost host = machine_before();
  host.add_file("/proc/cmdline", command_line_of(host) + " somebody.else=1\n");
  const auto setup = prepared(host);
  ASSERT_FALSE(setup);
  EXPECT_EQ(setup.error().code, ErrorCode::Conflict);
  EXPECT_NE(english(setup.error()).find("somebody.else=1"), std::string::npos)
      << english(setup.error());
}

TEST(Setup, RefusesWhatTheMachineCannotHave) {
  MemoryHost host = testing::load_machine("tiger-lake");
  const auto setup = prepare_setup(host, read_facts(host),
                                   {.way = "gvt-g", .gpu = std::nullopt, .program = kProgram});
  ASSERT_FALSE(setup);
  EXPECT_EQ(setup.error().code, ErrorCode::Unsupported);
  EXPECT_FALSE(setup.error().remedy.empty());
}

TEST(Setup, WaitsForPackageManagers) {
  MemoryHost host = machine_before();
  EXPECT_TRUE(refuse_beside_package_manager(host));
  host.set_lock_holder("/var/lib/dpkg/lock-frontend", 4711);
  const auto refused = refuse_beside_package_manager(host);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Busy);
  EXPECT_NE(english(refused.error()).find("4711"), std::string::npos);
}

// --- new kernels

constexpr const char* kRelease = "6.8.0-62-generic";

MemoryHost set_up_machine() {
  MemoryHost host = machine_before();
  Transactions transactions(host, kState);
  EXPECT_TRUE(transactions.apply(prepared(host)->plan));
  return host;
}

void install_kernel(MemoryHost& host, bool with_gvt) {
  const std::string modules = std::string("/usr/lib/modules/") + kRelease;
  host.add_file(modules + "/modules.dep",
                with_gvt ? "kernel/drivers/gpu/drm/i915/kvmgt.ko.zst: kernel/vfio/mdev.ko.zst\n"
                         : "kernel/drivers/gpu/drm/i915/i915.ko.zst:\n");
  host.add_file(modules + "/modules.builtin", "");
  host.add_file(
      std::string("/boot/config-") + kRelease,
      with_gvt ? "CONFIG_DRM_I915_GVT_KVMGT=m\n" : "# CONFIG_DRM_I915_GVT_KVMGT is not set\n");
}

std::string warnings_of(const MemoryHost& host) {
  MemoryHost copy = host;
  const Transactions transactions(copy, kState);
  const auto check = check_kernel(copy, transactions, kRelease);
  if (!check) return english(check.error());
  std::string all;
  for (const Message& warning : check->warnings) all += english(warning) + "\n";
  return all;
}

TEST(KernelCheck, SaysNothingOfAKernelThatCanShare) {
  MemoryHost host = set_up_machine();
  install_kernel(host, true);
  EXPECT_EQ(warnings_of(host), "");
}

TEST(KernelCheck, WarnsOfAKernelThatCannot) {
  MemoryHost host = set_up_machine();
  install_kernel(host, false);
  const std::string warnings = warnings_of(host);
  EXPECT_NE(warnings.find("without GVT-g"), std::string::npos) << warnings;
  EXPECT_NE(warnings.find("does not have the module kvmgt"), std::string::npos) << warnings;
}

TEST(KernelCheck, WarnsOfAMenuThatLostTheArguments) {
  MemoryHost host = set_up_machine();
  install_kernel(host, true);
  host.add_file("/boot/grub/grub.cfg",
                replace_all(*host.read_file("/boot/grub/grub.cfg"), std::string(" ") + kWord, ""));
  EXPECT_NE(warnings_of(host).find("/boot/grub/grub.cfg"), std::string::npos) << warnings_of(host);
}

TEST(KernelCheck, IsSilentWhereNothingIsSetUpAndRefusesWhatIsNoKernel) {
  EXPECT_EQ(warnings_of(machine_before()), "");
  EXPECT_NE(warnings_of(set_up_machine()).find(kRelease), std::string::npos);
}

TEST(KernelHooks, AreWrittenWhereThePackageManagerLooks) {
  MemoryHost debian = machine_before();
  EXPECT_TRUE(kernel_hook_changes(debian, kProgram).empty());
  debian.add_directory("/etc/kernel/postinst.d");
  const auto changes = kernel_hook_changes(debian, kProgram);
  ASSERT_EQ(changes.size(), 1U);
  const auto& file = std::get<WriteFile>(changes[0].effect);
  EXPECT_EQ(file.path, "/etc/kernel/postinst.d/zzz-cleave");
  EXPECT_EQ(file.mode, 0755U);
  EXPECT_NE(file.content.find("/usr/bin/cleave kernel-check"), std::string::npos);
  debian.add_file(file.path, file.content);
  EXPECT_TRUE(kernel_hook_changes(debian, kProgram).empty());
  // A name that a shell would take for something else.
  EXPECT_TRUE(kernel_hook_changes(debian, "/opt/my cleave").empty());
}

TEST(Trial, ChangesNothingButTheNextStart) {
  MemoryHost host = machine_before();
  const Files start = files_of(host);
  ASSERT_TRUE(begin_trial(host));
  EXPECT_EQ(*host.read_file("/boot/grub/grub.cfg"), start.at("/boot/grub/grub.cfg"));
  const std::string next = next_command_line(host);
  for (const char* word :
       {kWord, "modules_load=kvmgt", "kvm.ignore_msrs=1", "panic=30", "cleave.trial=0badcafe"}) {
    EXPECT_NE(next.find(word), std::string::npos) << word << " in " << next;
  }
  const auto waiting = settle(host);
  ASSERT_TRUE(waiting) << english(waiting.error());
  EXPECT_EQ(waiting->result, TrialResult::Waiting);

  Transactions transactions(host, kState);
  ASSERT_TRUE(undo_setup(transactions));
  EXPECT_EQ(difference(files_of(host), start), "");
}

TEST(Trial, BecomesPermanentWhereItWorked) {
  MemoryHost before = machine_before();
  const Files start = files_of(before);
  ASSERT_TRUE(begin_trial(before));
  MemoryHost tried = restarted(before, next_command_line(before));
  const auto report = settle(tried);
  ASSERT_TRUE(report) << english(report.error());
  ASSERT_EQ(report->result, TrialResult::Confirmed) << reasons_of(*report);
  const Files after = files_of(tried);
  EXPECT_FALSE(after.contains("/boot/grub/custom.cfg"));
  EXPECT_FALSE(after.contains("/etc/systemd/system/cleave-trial.service"));
  EXPECT_NE(after.at("/boot/grub/grub.cfg").find(kWord), std::string::npos);
  EXPECT_EQ(after.at("/boot/grub/grub.cfg").find("cleave.trial"), std::string::npos);
  EXPECT_EQ(settle(tried)->result, TrialResult::None);
  EXPECT_EQ(last_trial(tried, kState)->result, TrialResult::Confirmed);

  Transactions transactions(tried, kState);
  const auto undone = undo_setup(transactions);
  ASSERT_TRUE(undone) << english(undone.error());
  EXPECT_EQ(difference(files_of(tried), start), "");
}

TEST(Trial, IsTakenBackWhereTheMachineDidNotComeUp) {
  MemoryHost before = machine_before();
  const Files start = files_of(before);
  ASSERT_TRUE(begin_trial(before));
  MemoryHost after = restarted(before, command_line_of(before));
  const auto report = settle(after);
  ASSERT_TRUE(report) << english(report.error());
  EXPECT_EQ(report->result, TrialResult::Failed);
  EXPECT_FALSE(report->restart);
  EXPECT_EQ(difference(files_of(after), start), "");
  EXPECT_EQ(last_trial(after, kState)->result, TrialResult::Failed);
}

TEST(Trial, IsTakenBackWhereTheTypesDoNotAppear) {
  MemoryHost before = machine_before();
  const Files start = files_of(before);
  ASSERT_TRUE(begin_trial(before));
  MemoryHost tried = restarted(before, command_line_of(before));
  tried.add_file("/proc/cmdline", next_command_line(before) + "\n");
  const auto report = settle(tried);
  ASSERT_TRUE(report) << english(report.error());
  EXPECT_EQ(report->result, TrialResult::Failed);
  EXPECT_TRUE(report->restart);
  EXPECT_NE(reasons_of(*report).find("kvmgt"), std::string::npos) << reasons_of(*report);
  EXPECT_EQ(difference(files_of(tried), start), "");
}

// Whatever stands at the end is the start, or the whole of what was wanted.
TEST(Trial, SurvivesAPowerCutAtEveryStepOfItsEnd) {
  MemoryHost before = machine_before();
  const Files start = files_of(before);
  ASSERT_TRUE(begin_trial(before));
  const std::string next = next_command_line(before);
  const std::string normal = command_line_of(before);
  MemoryHost whole = restarted(before, next);
  ASSERT_EQ(settle(whole)->result, TrialResult::Confirmed);
  const Files end = files_of(whole);

  for (int n = 1; n <= whole.effects(); ++n) {
    MemoryHost tried = restarted(before, next);
    tried.stop_at_effect(n);
    (void)settle(tried);
    // The next start is a usual one; it gets the arguments if they are permanent by then.
    const bool permanent = tried.read_file("/boot/grub/grub.cfg")->find(kWord) != std::string::npos;
    MemoryHost after = restarted(tried, permanent ? normal + " " + kWord : normal,
                                 "33333333-0000-4000-8000-000000000000");
    const auto report = settle(after);
    ASSERT_TRUE(report) << n << ": " << english(report.error());
    const Files now = files_of(after);
    EXPECT_TRUE(now == start || now == end)
        << "cut at effect " << n << ": " << difference(now, start) << "/ " << difference(now, end);
    EXPECT_EQ(settle(after)->result, TrialResult::None) << n;
    EXPECT_EQ(difference(files_of(after), now), "") << n;
  }
}

TEST(Trial, SurvivesAFailureAtEveryStepOfItsBeginning) {
  const Files start = files_of(machine_before());
  MemoryHost whole = machine_before();
  ASSERT_TRUE(begin_trial(whole));
  const Files end = files_of(whole);
  for (int n = 1; n <= whole.effects(); ++n) {
    MemoryHost host = machine_before();
    host.fail_effect(n, ENOSPC);
    const bool begun = begin_trial(host).has_value();
    EXPECT_EQ(difference(files_of(host), begun ? end : start), "") << "failed at effect " << n;
  }
}

TEST(Trial, KnowsWhenItIsCalledFromAfar) {
  Facts facts;
  EXPECT_FALSE(is_called_from_afar(facts));
  LoginSession at_the_seat;
  at_the_seat.id = "1";
  LoginSession over_ssh;
  over_ssh.id = "2";
  over_ssh.remote = true;
  facts.session.sessions = {std::vector<LoginSession>{at_the_seat, over_ssh}, "/run"};
  facts.session.own = {"1", "/proc/self/cgroup"};
  EXPECT_FALSE(is_called_from_afar(facts));
  facts.session.own = {"2", "/proc/self/cgroup"};
  EXPECT_TRUE(is_called_from_afar(facts));
}

TEST(Setup, SaysWhatNobodyCouldTell) {
  MemoryHost host = machine_before();
  ASSERT_TRUE(host.remove_file("/proc/cpuinfo"));
  const auto setup = prepared(host);
  ASSERT_TRUE(setup) << english(setup.error());
  const auto& remarks = setup->preparation.remarks;
  EXPECT_TRUE(std::ranges::any_of(remarks, [](const Message& remark) {
    return english(remark).find("gvt_g.kvm") != std::string::npos;
  }));
}

TEST(Trial, SurvivesReadingWhatItWrote) {
  Trial trial;
  trial.way = "gvt-g";
  trial.words = {kWord, "cleave.trial=0badcafe"};
  trial.failing = {"log.hang"};
  trial.graphical = true;
  const auto again = trial_from_json(to_json(trial));
  ASSERT_TRUE(again) << english(again.error());
  EXPECT_EQ(to_text(to_json(*again)), to_text(to_json(trial)));
  EXPECT_FALSE(trial_from_json(Json::object({{"way", "gvt-g"}})));
}

}  // namespace
}  // namespace cleave
