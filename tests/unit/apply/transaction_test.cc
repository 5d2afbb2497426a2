#include "apply/transaction.h"

#include <gtest/gtest.h>

#include "unit/apply/mdev_machine.h"
#include "unit/apply/pci_machine.h"

namespace cleave {
namespace {

using testing::kUuid;
using testing::MdevMachine;
using testing::PciMachine;

constexpr const char* kGrub = "/etc/default/grub";
constexpr const char* kDropIn = "/etc/default/grub.d/90-cleave.cfg";
constexpr const char* kModules = "/etc/modules-load.d/cleave.conf";
constexpr const char* kOld = "/etc/modprobe.d/old.conf";

const MdevMachine kMachine{.parent_path = "/sys/devices/pci0000:00/0000:00:02.0",
                           .type_id = "i915-GVTg_V5_4",
                           .instances = 2};

// Twins, of which one is given away; one that no driver has; one that nobody may take.
const PciMachine& pci_machine() {
  static const PciMachine machine({
      {.address = "0000:03:00.0",
       .vendor_id = 0x144d,
       .device_id = 0xa808,
       .driver = "nvme",
       .group = 11},
      {.address = "0000:04:00.0",
       .vendor_id = 0x144d,
       .device_id = 0xa808,
       .driver = "nvme",
       .group = 12},
      {.address = "0000:05:00.0",
       .vendor_id = 0x8086,
       .device_id = 0x1572,
       .driver_override = "pci-stub",
       .group = 13},
      {.address = "0000:06:00.0", .vendor_id = 0x8086, .device_id = 0x1572, .driver = "i40e"},
  });
  return machine;
}

Effect bind_to_vfio(const std::string& address, std::uint16_t vendor_id, std::uint16_t device_id) {
  return BindDriver{.device = "/sys/bus/pci/devices/" + address,
                    .driver = "vfio-pci",
                    .vendor_id = vendor_id,
                    .device_id = device_id};
}

MemoryHost make_host() {
  MemoryHost host;
  kMachine.add_to(host);
  pci_machine().add_to(host);
  host.add_directory("/var/lib");
  host.add_file(kGrub, "GRUB_TIMEOUT=5\n", 0640);
  host.add_file(kOld, "options i915 enable_gvt=0\n");
  host.add_directory("/etc/modules-load.d");
  host.add_file("/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs", "0\n");
  host.add_file("/boot/grub/grub.cfg", "timeout 5\n");
  // As update-grub: its result follows from the files.
  host.on_command("update-grub", [](MemoryHost& changed, const std::vector<std::string>&) {
    const auto drop_in = changed.read_file(kDropIn);
    std::string text = *changed.read_file(kGrub);
    if (drop_in) text += *drop_in;
    changed.add_file("/boot/grub/grub.cfg",
                     text.contains("gvt") ? "timeout 5 gvt\n" : "timeout 5\n");
    return CommandOutput();
  });
  return host;
}

Change change_of(Effect effect, bool permanent = true) {
  Change change;
  change.id = "test";
  change.summary = Message("Change something");
  change.effect = std::move(effect);
  change.permanent = permanent;
  return change;
}

// One change of every kind, files that are there and that are not.
Plan big_plan() {
  Plan plan;
  plan.purpose = Message("set this machine up");
  // Undone last, when the files are back.
  plan.changes.push_back(change_of(RunCommand{{}, {"update-grub"}, 60}));
  plan.changes.push_back(change_of(WriteFile{kGrub, "GRUB_TIMEOUT=5\n# cleave\n", 0644, ""}));
  plan.changes.push_back(change_of(WriteFile{kDropIn, "i915.enable_gvt=1\n", 0644, ""}));
  plan.changes.push_back(change_of(WriteFile{kModules, "kvmgt\n", 0644, kAbsentFile}));
  plan.changes.push_back(change_of(RemoveFile{kOld, content_hash("options i915 enable_gvt=0\n")}));
  plan.changes.push_back(change_of(RunCommand{{"update-grub"}, {}, 60}));
  WriteAttribute functions;
  functions.path = functions.undo_path = "/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs";
  functions.value = "2\n";
  functions.undo_value = "0\n";
  plan.changes.push_back(change_of(functions, false));
  plan.changes.push_back(change_of(bind_to_vfio("0000:03:00.0", 0x144d, 0xa808), false));
  plan.changes.push_back(change_of(bind_to_vfio("0000:05:00.0", 0x8086, 0x1572), false));
  plan.changes.push_back(kMachine.create_change(kUuid));
  const std::string device = std::string("/sys/bus/mdev/devices/") + kUuid;
  plan.changes.push_back(
      change_of(ChangeOwner{"/dev/vfio", device + "/iommu_group", 1000, 100, 1000}, false));
  plan.changes.push_back(change_of(ChangeOwner{device + "/remove", "", 1000, 100, 0}, false));
  return plan;
}

// Everything but the journal: contents, links, kinds, modes, owners, directories, nodes.
std::map<std::string, std::string> state_of(const MemoryHost& host, const std::string& top = "/") {
  std::map<std::string, std::string> state;
  const auto names = host.list_directory(top);
  if (!names) return state;
  for (const std::string& name : *names) {
    const std::string path = join_path(top, name);
    if (path == kStateDirectory) continue;
    const auto status = host.status(path);
    std::string text = format("{} {:o} {}:{} ", static_cast<int>(status->kind), status->mode,
                              status->user, status->group);
    if (status->kind == FileKind::Regular) text += *host.read_file(path);
    if (status->kind == FileKind::Symlink) text += *host.read_link(path);
    state[path] = text;
    if (status->kind == FileKind::Directory) state.merge(state_of(host, path));
  }
  return state;
}

TEST(Transactions, ApplyThenUndoIsNothing) {
  MemoryHost host = make_host();
  const auto start = state_of(host);
  Transactions transactions(host);
  const auto report = transactions.apply(big_plan());
  ASSERT_TRUE(report) << english(report.error());
  EXPECT_EQ(report->transaction, 1U);
  EXPECT_TRUE(report->skipped.empty());
  EXPECT_EQ(*host.read_file("/boot/grub/grub.cfg"), "timeout 5 gvt\n");
  EXPECT_EQ(host.status("/dev/vfio/0")->user, 1000U);
  EXPECT_EQ(host.status(kGrub)->mode, 0640U);
  EXPECT_EQ(transactions.list()->front().state, TransactionRecord::State::Applied);

  const auto undone = transactions.undo(1);
  ASSERT_TRUE(undone) << english(undone.error());
  EXPECT_EQ(state_of(host), start);
  EXPECT_EQ(transactions.list()->front().state, TransactionRecord::State::Undone);
  EXPECT_TRUE(transactions.undo(1)) << "undoing twice is no error";
}

TEST(Transactions, AFailureOfAnyEffectLeavesTheStartOrTheEnd) {
  MemoryHost finished = make_host();
  ASSERT_TRUE(Transactions(finished).apply(big_plan()));
  const auto end = state_of(finished);
  const int effects = finished.effects();
  ASSERT_GT(effects, 30);
  for (int n = 1; n <= effects; ++n) {
    MemoryHost host = make_host();
    const auto start = state_of(host);
    host.fail_effect(n, EIO);
    Transactions transactions(host);
    const auto report = transactions.apply(big_plan());
    EXPECT_EQ(state_of(host), report ? end : start) << "effect " << n;
    ASSERT_FALSE(report) << "effect " << n;
    // Nothing is left to do, and the next try works.
    EXPECT_EQ(transactions.recover()->size(), 0U) << "effect " << n;
    const auto second = transactions.apply(big_plan());
    ASSERT_TRUE(second) << "effect " << n << ": " << english(second.error());
    EXPECT_EQ(state_of(host), end);
  }
}

TEST(Transactions, AnInterruptionAtAnyEffectTakesEverythingBack) {
  MemoryHost finished = make_host();
  ASSERT_TRUE(Transactions(finished).apply(big_plan()));
  const auto end = state_of(finished);
  int taken_back = 0;
  for (int n = 1; n <= finished.effects(); ++n) {
    MemoryHost host = make_host();
    const auto start = state_of(host);
    host.interrupt_at_effect(n);
    const auto report = Transactions(host).apply(big_plan());
    EXPECT_EQ(state_of(host), report ? end : start) << "effect " << n;
    if (report) continue;
    EXPECT_EQ(report.error().code, ErrorCode::Interrupted) << english(report.error());
    ++taken_back;
  }
  EXPECT_GT(taken_back, finished.effects() / 2);
}

TEST(Transactions, APowerCutAtAnyEffectIsTakenBack) {
  MemoryHost finished = make_host();
  ASSERT_TRUE(Transactions(finished).apply(big_plan()));
  const int effects = finished.effects();
  for (int n = 1; n <= effects; ++n) {
    MemoryHost host = make_host();
    const auto start = state_of(host);
    host.stop_at_effect(n);
    ASSERT_FALSE(Transactions(host).apply(big_plan()));
    host.stop_at_effect(0);
    Transactions after(host);
    const auto recovered = after.recover();
    ASSERT_TRUE(recovered) << "effect " << n << ": " << english(recovered.error());
    EXPECT_EQ(state_of(host), start) << "effect " << n;
    const auto records = after.list();
    ASSERT_TRUE(records);
    for (const TransactionRecord& record : *records) {
      EXPECT_EQ(record.state, TransactionRecord::State::Undone) << "effect " << n;
    }
  }
}

TEST(Transactions, APowerCutWhileUndoingIsFinishedByUndoingAgain) {
  MemoryHost finished = make_host();
  const auto start = state_of(finished);
  ASSERT_TRUE(Transactions(finished).apply(big_plan()));
  const int applied = finished.effects();
  ASSERT_TRUE(Transactions(finished).undo(1));
  const int undoing = finished.effects() - applied;
  for (int n = 1; n <= undoing; ++n) {
    MemoryHost host = make_host();
    ASSERT_TRUE(Transactions(host).apply(big_plan()));
    host.stop_at_effect(n);
    ASSERT_FALSE(Transactions(host).undo(1)) << "effect " << n;
    host.stop_at_effect(0);
    const auto again = Transactions(host).undo(1);
    ASSERT_TRUE(again) << "effect " << n << ": " << english(again.error());
    EXPECT_EQ(state_of(host), start) << "effect " << n;
  }
}

TEST(Transactions, ATornLineOfTheJournalCountsAsNotWritten) {
  const std::string path = std::string(kStateDirectory) + "/transactions/1/journal";
  MemoryHost finished = make_host();
  const auto start = state_of(finished);
  ASSERT_TRUE(Transactions(finished).apply(big_plan()));
  const std::string journal = *finished.read_file(path);
  // Cut anywhere in the last line: the transaction is open again.
  const std::size_t last = journal.rfind('\n', journal.size() - 2) + 1;
  for (std::size_t length = last; length < journal.size(); ++length) {
    MemoryHost host = make_host();
    ASSERT_TRUE(Transactions(host).apply(big_plan()));
    host.add_file(path, journal.substr(0, length));
    const auto recovered = Transactions(host).recover();
    ASSERT_TRUE(recovered) << english(recovered.error());
    EXPECT_EQ(recovered->size(), 1U);
    EXPECT_EQ(state_of(host), start);
    EXPECT_EQ(Transactions(host).list()->front().state, TransactionRecord::State::Undone);
  }
}

TEST(Transactions, ADamagedJournalIsAnErrorThatNamesIt) {
  MemoryHost host = make_host();
  ASSERT_TRUE(Transactions(host).apply(big_plan()));
  const std::string path = std::string(kStateDirectory) + "/transactions/1/journal";
  host.add_file(path, "{\"begin\":1\n" + *host.read_file(path));
  const auto list = Transactions(host).list();
  ASSERT_FALSE(list);
  EXPECT_EQ(list.error().code, ErrorCode::Malformed);
  EXPECT_EQ(list.error().path, path);
}

TEST(Transactions, WhatIsDoneAlreadyIsSkipped) {
  MemoryHost host = make_host();
  Plan plan;
  plan.changes.push_back(change_of(WriteFile{kGrub, "GRUB_TIMEOUT=5\n", 0644, ""}));
  plan.changes.push_back(change_of(RemoveFile{"/etc/not-there", ""}));
  Transactions transactions(host);
  const auto nothing = transactions.apply(plan);
  ASSERT_TRUE(nothing);
  EXPECT_EQ(nothing->transaction, 0U);
  EXPECT_EQ(nothing->skipped.size(), 2U);
  EXPECT_EQ(host.effects(), 0);

  plan.changes.push_back(change_of(WriteFile{kModules, "kvmgt\n", 0644, ""}));
  const auto some = transactions.apply(plan);
  ASSERT_TRUE(some);
  EXPECT_EQ(some->skipped, (std::vector<std::size_t>{0, 1}));
  // What was skipped is not undone.
  ASSERT_TRUE(transactions.undo(some->transaction));
  EXPECT_TRUE(host.exists(kGrub));
}

TEST(Transactions, AFileThatChangedSinceThePlanIsNotTouched) {
  MemoryHost host = make_host();
  Plan plan;
  plan.changes.push_back(change_of(WriteFile{kModules, "kvmgt\n", 0644, kAbsentFile}));
  plan.changes.push_back(
      change_of(WriteFile{kGrub, "new\n", 0644, content_hash("what it was at the plan\n")}));
  const auto start = state_of(host);
  const auto report = Transactions(host).apply(plan);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::Conflict);
  EXPECT_EQ(report.error().path, kGrub);
  EXPECT_EQ(report.error().context.back().text,
            "Everything that had been changed before was put back.");
  EXPECT_EQ(state_of(host), start);
}

TEST(Transactions, AFileThatAppearedSinceThePlanIsNotTouched) {
  MemoryHost host = make_host();
  host.add_file(kModules, "somebody else's\n");
  Plan plan;
  plan.changes.push_back(change_of(WriteFile{kModules, "kvmgt\n", 0644, kAbsentFile}));
  ASSERT_FALSE(Transactions(host).apply(plan));
  EXPECT_EQ(*host.read_file(kModules), "somebody else's\n");
}

TEST(Transactions, UndoLeavesAFileAloneThatSomebodyEdited) {
  MemoryHost host = make_host();
  Transactions transactions(host);
  ASSERT_TRUE(transactions.apply(big_plan()));
  host.add_file(kGrub, "GRUB_TIMEOUT=9\n");
  const auto undone = transactions.undo(1);
  ASSERT_FALSE(undone);
  EXPECT_EQ(undone.error().code, ErrorCode::Conflict);
  EXPECT_EQ(undone.error().path, kGrub);
  EXPECT_TRUE(english(undone.error().remedy).contains("before-1"));
  EXPECT_EQ(*host.read_file(kGrub), "GRUB_TIMEOUT=9\n");
  // All the rest is back.
  EXPECT_FALSE(host.exists(kDropIn));
  EXPECT_TRUE(host.exists(kOld));
  EXPECT_EQ(transactions.list()->front().done, (std::vector<std::size_t>{1}));
  // The person puts it back by hand: now nothing is in the way.
  host.add_file(kGrub, "GRUB_TIMEOUT=5\n");
  EXPECT_TRUE(transactions.undo(1));
}

TEST(Transactions, UndoKeepsADirectoryThatSomebodyElseUses) {
  MemoryHost host = make_host();
  Transactions transactions(host);
  ASSERT_TRUE(transactions.apply(big_plan()));
  host.add_file("/etc/default/grub.d/10-other.cfg", "");
  ASSERT_TRUE(transactions.undo(1));
  EXPECT_FALSE(host.exists(kDropIn));
  EXPECT_TRUE(host.exists("/etc/default/grub.d/10-other.cfg"));
}

TEST(Transactions, ALinkIsFollowedAndItsTargetPutBack) {
  MemoryHost host = make_host();
  host.add_file("/usr/share/real.conf", "old\n");
  host.add_link("/etc/link.conf", "/usr/share/real.conf");
  host.add_link("/etc/nowhere.conf", "/usr/share/none.conf");
  const auto start = state_of(host);
  Plan plan;
  plan.changes.push_back(change_of(WriteFile{"/etc/link.conf", "new\n", 0644, ""}));
  Transactions transactions(host);
  ASSERT_TRUE(transactions.apply(plan));
  EXPECT_EQ(*host.read_file("/usr/share/real.conf"), "new\n");
  ASSERT_TRUE(transactions.undo(1));
  EXPECT_EQ(state_of(host), start);

  plan.changes = {change_of(WriteFile{"/etc/nowhere.conf", "new\n", 0644, ""})};
  EXPECT_EQ(transactions.apply(plan).error().code, ErrorCode::Conflict);
  plan.changes = {change_of(RemoveFile{"/etc/link.conf", ""})};
  EXPECT_EQ(transactions.apply(plan).error().code, ErrorCode::Conflict);
  EXPECT_EQ(state_of(host), start);
}

TEST(Transactions, RootIsAskedForBeforeAnythingHappens) {
  MemoryHost host = make_host();
  host.set_user_id(1000);
  const auto report = Transactions(host).apply(big_plan());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::Denied);
  EXPECT_TRUE(english(report.error().remedy).contains("sudo cleave"));
  EXPECT_EQ(host.effects(), 0);
}

TEST(Transactions, ASecondCleaveIsToldWhatGoesOn) {
  MemoryHost host = make_host();
  std::optional<Error> refusal;
  host.on_command("slow", [&](MemoryHost& running, const std::vector<std::string>&) {
    Plan other;
    other.changes.push_back(change_of(WriteFile{kModules, "x\n", 0644, ""}));
    refusal = Transactions(running).apply(other).error();
    EXPECT_EQ(Transactions(running).recover().error().code, ErrorCode::Busy)
        << "what runs is not taken for a crash";
    return CommandOutput();
  });
  Plan plan;
  plan.purpose = Message("set this machine up");
  plan.changes.push_back(change_of(RunCommand{{"slow"}, {}, 60}));
  ASSERT_TRUE(Transactions(host).apply(plan));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code, ErrorCode::Busy);
  ASSERT_EQ(refusal->context.size(), 1U);
  EXPECT_EQ(refusal->context.front(), plan.purpose);
  EXPECT_FALSE(host.exists(kModules));
}

TEST(Transactions, AFailedCommandTellsItsLastLine) {
  MemoryHost host = make_host();
  host.on_command("update-grub", [](MemoryHost&, const std::vector<std::string>&) {
    return CommandOutput{.exit_status = 2, .output = "Generating\ncannot find a device\n"};
  });
  Plan plan = big_plan();
  plan.changes.erase(plan.changes.begin());
  const auto start = state_of(host);
  const auto report = Transactions(host).apply(plan);
  ASSERT_FALSE(report);
  EXPECT_EQ(english(report.error().message),
            "update-grub ended with status 2: cannot find a device");
  EXPECT_EQ(state_of(host), start);
}

TEST(Transactions, WhatCannotBePutBackIsNamed) {
  MemoryHost host = make_host();
  host.on_command("breaks", [](MemoryHost& changed, const std::vector<std::string>&) {
    changed.add_file(kModules, "edited meanwhile\n");
    return CommandOutput{.exit_status = 1, .output = ""};
  });
  Plan plan;
  plan.changes.push_back(change_of(WriteFile{kModules, "kvmgt\n", 0644, ""}));
  plan.changes.push_back(change_of(RunCommand{{"breaks"}, {}, 60}));
  const auto report = Transactions(host).apply(plan);
  ASSERT_FALSE(report);
  EXPECT_TRUE(english(report.error()).contains("Not everything that had been changed"));
  EXPECT_TRUE(english(report.error()).contains(kModules));
  EXPECT_EQ(Transactions(host).list()->front().state, TransactionRecord::State::Open);
  // Nothing new is begun on top of it.
  Plan other;
  other.changes.push_back(change_of(WriteFile{kDropIn, "x\n", 0644, ""}));
  EXPECT_EQ(Transactions(host).apply(other).error().code, ErrorCode::Conflict);
}

TEST(Transactions, TheNodeOfAGroupIsWaitedFor) {
  MemoryHost host = make_host();
  host.add_link("/sys/device/iommu_group", "../../kernel/iommu_groups/7");
  Plan plan;
  plan.changes.push_back(
      change_of(ChangeOwner{"/dev/vfio", "/sys/device/iommu_group", 1000, 100, 1000}, false));
  const auto never = Transactions(host).apply(plan);
  ASSERT_FALSE(never);
  EXPECT_EQ(never.error().code, ErrorCode::NotFound);
  EXPECT_EQ(host.now().time_since_epoch(), std::chrono::seconds(1)) << "waited one second";

  int pauses = 0;
  host.on_pause([&](MemoryHost& waiting) {
    if (++pauses == 3) waiting.add_device("/dev/vfio/7", 0600, 511, 0);
  });
  const auto report = Transactions(host).apply(plan);
  ASSERT_TRUE(report) << english(report.error());
  EXPECT_EQ(host.status("/dev/vfio/7")->user, 1000U);
  EXPECT_EQ(pauses, 3);
}

// As udev does it that comes to the node after cleave.
TEST(Transactions, AnOwnerThatIsAnothersByNowKeepsNothingElseFromBeingPutBack) {
  MemoryHost host = make_host();
  host.add_device("/dev/vfio/7", 0600, 511, 0);
  Plan plan;
  plan.changes.push_back(change_of(WriteFile{kDropIn, "x\n", 0644, ""}));
  plan.changes.push_back(change_of(ChangeOwner{"/dev/vfio/7", "", 1000, 100, 0}, false));
  const auto report = Transactions(host).apply(plan);
  ASSERT_TRUE(report) << english(report.error());
  ASSERT_TRUE(host.change_owner("/dev/vfio/7", 0, 108));
  const auto notes = Transactions(host).undo(report->transaction);
  ASSERT_TRUE(notes) << english(notes.error());
  EXPECT_EQ(notes->size(), 1U);
  EXPECT_EQ(host.status("/dev/vfio/7")->group, 108U);
  EXPECT_FALSE(host.exists(kDropIn));
}

// On kernels without groups: "vfio-dev" has the device's own name in it once vfio-pci has it.
TEST(Transactions, TheNodeOfADeviceIsNamedByItsDirectory) {
  MemoryHost host = make_host();
  host.add_directory("/dev/vfio/devices");
  Plan plan;
  plan.changes.push_back(
      change_of(ChangeOwner{"/dev/vfio/devices", "/sys/device/vfio-dev", 1000, 100, 1000}, false));
  EXPECT_EQ(Transactions(host).apply(plan).error().code, ErrorCode::NotFound);
  int pauses = 0;
  host.on_pause([&](MemoryHost& waiting) {
    if (++pauses == 2) waiting.add_directory("/sys/device/vfio-dev/vfio3");
    if (pauses == 3) waiting.add_device("/dev/vfio/devices/vfio3", 0600, 511, 3);
  });
  const auto report = Transactions(host).apply(plan);
  ASSERT_TRUE(report) << english(report.error());
  EXPECT_EQ(host.status("/dev/vfio/devices/vfio3")->user, 1000U);
  ASSERT_TRUE(Transactions(host).undo(report->transaction));
  EXPECT_EQ(host.status("/dev/vfio/devices/vfio3")->user, 0U);
}

Plan vgpu_plan() {
  Plan plan;
  plan.purpose = Message("create a vGPU");
  plan.changes.push_back(kMachine.create_change(kUuid));
  const std::string device = std::string("/sys/bus/mdev/devices/") + kUuid;
  plan.changes.push_back(
      change_of(ChangeOwner{"/dev/vfio", device + "/iommu_group", 1000, 100, 1000}, false));
  return plan;
}

TEST(Transactions, ADeviceThatIsGoneIsUndone) {
  MemoryHost host = make_host();
  const auto start = state_of(host);
  Transactions transactions(host);
  ASSERT_TRUE(transactions.apply(vgpu_plan()));
  // Somebody removes it by hand.
  ASSERT_TRUE(host.write_attribute(std::string("/sys/bus/mdev/devices/") + kUuid + "/remove", "1"));
  EXPECT_EQ(transactions.list()->front().state, TransactionRecord::State::Undone);
  ASSERT_TRUE(transactions.undo(1));
  EXPECT_EQ(state_of(host), start);
}

TEST(Transactions, AfterARebootADeviceOfTheSameNameIsNotOurs) {
  MemoryHost host = make_host();
  Transactions transactions(host);
  ASSERT_TRUE(transactions.apply(vgpu_plan()));
  // A new boot; something else has made the same device again.
  host.add_file("/proc/sys/kernel/random/boot_id", "22222222-0000-0000-0000-000000000000\n");
  EXPECT_EQ(transactions.list()->front().state, TransactionRecord::State::Undone);
  const auto before = state_of(host);
  ASSERT_TRUE(transactions.undo(1));
  EXPECT_EQ(state_of(host), before);
}

// Two more transactions after the first one, since the newest journal always stays.
void apply_two_more(MemoryHost& host) {
  for (const char* path : {"/etc/first", "/etc/second"}) {
    Plan plan;
    plan.changes.push_back(change_of(WriteFile{path, "x\n", 0644, ""}));
    ASSERT_TRUE(Transactions(host).apply(plan));
  }
}

TEST(Transactions, AJournalIsForgottenByItsLastLineOnceTheDeviceIsGone) {
  const std::string path = std::string(kStateDirectory) + "/transactions/1/journal";
  const std::string remove = std::string("/sys/bus/mdev/devices/") + kUuid + "/remove";
  for (const bool removed : {false, true}) {
    MemoryHost host = make_host();
    ASSERT_TRUE(Transactions(host).apply(vgpu_plan()));
    if (removed) {
      ASSERT_TRUE(host.write_attribute(remove, "1"));
    }
    apply_two_more(host);
    EXPECT_EQ(host.exists(path), !removed);
  }
}

TEST(Transactions, AJournalOfAnEarlierBootIsForgottenWhateverIsThereNow) {
  MemoryHost host = make_host();
  ASSERT_TRUE(Transactions(host).apply(vgpu_plan()));
  host.add_file("/proc/sys/kernel/random/boot_id", "22222222-0000-0000-0000-000000000000\n");
  apply_two_more(host);
  EXPECT_FALSE(host.exists(std::string(kStateDirectory) + "/transactions/1/journal"));
  EXPECT_TRUE(host.exists(std::string("/sys/bus/mdev/devices/") + kUuid));
}

TEST(Transactions, ADeviceOfAnotherTypeUnderTheSameUuidIsNotOurs) {
  MemoryHost host = make_host();
  const MdevMachine other{
      .parent_path = "/sys/devices/virtual/mtty/mtty", .type_id = "mtty-1", .instances = 2};
  other.add_to(host);
  Transactions transactions(host);
  ASSERT_TRUE(transactions.apply(vgpu_plan()));
  const std::string device = std::string("/sys/bus/mdev/devices/") + kUuid;
  ASSERT_TRUE(host.write_attribute(device + "/remove", "1"));
  ASSERT_TRUE(host.write_attribute(other.type_path() + "/create", kUuid));
  const auto before = state_of(host);
  ASSERT_TRUE(transactions.undo(1));
  EXPECT_EQ(state_of(host), before);
}

TEST(Transactions, ADriverThatAcceptsAndDoesNothingIsAFailure) {
  MemoryHost host = make_host();
  host.on_write(kMachine.type_path() + "/create", [](MemoryHost&, std::string_view) { return 0; });
  const auto report = Transactions(host).apply(vgpu_plan());
  ASSERT_FALSE(report);
  EXPECT_TRUE(english(report.error()).contains("did not appear"));
}

TEST(Transactions, TheDriversAnswerIsKept) {
  MemoryHost host = make_host();
  host.add_file(kMachine.type_path() + "/available_instances", "0\n");
  const auto report = Transactions(host).apply(vgpu_plan());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().error_number, ENOSPC);
  EXPECT_EQ(report.error().path, kMachine.type_path() + "/create");
}

std::string driver_of(const MemoryHost& host, const std::string& address) {
  const auto link = host.read_link("/sys/bus/pci/devices/" + address + "/driver");
  return link ? std::string(base_name(*link)) : "";
}

Plan plan_of(Effect effect) {
  Plan plan;
  plan.changes.push_back(change_of(std::move(effect), false));
  return plan;
}

TEST(Transactions, OfTwinsOnlyTheOneThatIsMeantIsGivenAway) {
  MemoryHost host = make_host();
  Transactions transactions(host);
  const auto report = transactions.apply(plan_of(bind_to_vfio("0000:03:00.0", 0x144d, 0xa808)));
  ASSERT_TRUE(report) << english(report.error());
  EXPECT_EQ(driver_of(host, "0000:03:00.0"), "vfio-pci");
  EXPECT_EQ(driver_of(host, "0000:04:00.0"), "nvme");
  EXPECT_EQ(*host.read_file("/sys/bus/pci/devices/0000:04:00.0/driver_override"), "(null)\n");
}

TEST(Transactions, ADeviceThatItsNewDriverRefusesGoesBackToItsOwn) {
  MemoryHost host = make_host();
  const auto start = state_of(host);
  const auto report =
      Transactions(host).apply(plan_of(bind_to_vfio("0000:06:00.0", 0x8086, 0x1572)));
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().error_number, EINVAL);
  EXPECT_EQ(state_of(host), start);
}

TEST(Transactions, AnotherDeviceAtTheSameAddressIsNotTouched) {
  MemoryHost host = make_host();
  const auto report =
      Transactions(host).apply(plan_of(bind_to_vfio("0000:03:00.0", 0x144d, 0xa80a)));
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::Conflict);
  EXPECT_EQ(driver_of(host, "0000:03:00.0"), "nvme");
}

TEST(Transactions, ADeviceThatSomebodyElseTookSinceIsLeftToThem) {
  MemoryHost host = make_host();
  pci_machine().add_to(host, {"pci-stub"});
  Transactions transactions(host);
  ASSERT_TRUE(transactions.apply(plan_of(bind_to_vfio("0000:03:00.0", 0x144d, 0xa808))));
  const std::string device = "/sys/bus/pci/devices/0000:03:00.0";
  ASSERT_TRUE(host.write_attribute(device + "/driver/unbind", "0000:03:00.0"));
  ASSERT_TRUE(host.write_attribute(device + "/driver_override", "pci-stub"));
  ASSERT_TRUE(host.write_attribute("/sys/bus/pci/drivers_probe", "0000:03:00.0"));
  const auto undone = transactions.undo(1);
  ASSERT_FALSE(undone);
  EXPECT_EQ(undone.error().code, ErrorCode::Conflict);
  EXPECT_EQ(driver_of(host, "0000:03:00.0"), "pci-stub");
}

TEST(Transactions, WhereTheOldDriverIsGoneWhicheverFitsTakesTheDevice) {
  MemoryHost host = make_host();
  Transactions transactions(host);
  ASSERT_TRUE(transactions.apply(plan_of(bind_to_vfio("0000:03:00.0", 0x144d, 0xa808))));
  host.forget("/sys/bus/pci/drivers/nvme");
  ASSERT_TRUE(transactions.undo(1));
  EXPECT_EQ(driver_of(host, "0000:03:00.0"), "");
  EXPECT_EQ(*host.read_file("/sys/bus/pci/devices/0000:03:00.0/driver_override"), "(null)\n");
}

TEST(Transactions, AContradictoryPlanIsRefused) {
  MemoryHost host = make_host();
  Plan plan;
  plan.changes.push_back(change_of(WriteFile{kModules, "a\n", 0644, ""}));
  plan.changes.push_back(change_of(WriteFile{kModules, "b\n", 0644, ""}));
  EXPECT_EQ(Transactions(host).apply(plan).error().code, ErrorCode::Conflict);
  EXPECT_EQ(host.effects(), 0);
}

TEST(Transactions, AnUnknownNumberIsNotFound) {
  MemoryHost host = make_host();
  EXPECT_EQ(Transactions(host).undo(3).error().code, ErrorCode::NotFound);
  EXPECT_TRUE(Transactions(host).list()->empty());
  EXPECT_TRUE(Transactions(host).recover()->empty());
  EXPECT_EQ(host.effects(), 0);
}

}  // namespace
}  // namespace cleave
