// A set-up that changes the initramfs: a second card beside its twin, on a desktop with Debian's
// tool for it.
#include <gtest/gtest.h>

#include <map>

#include "app/setup.h"
#include "app/trial.h"
#include "facts/readers/read_facts.h"
#include "support/machine.h"

namespace cleave {
namespace {

constexpr const char* kProgram = "/usr/bin/cleave";
constexpr const char* kState = "/var/lib/cleave";
constexpr const char* kRule = "/etc/udev/rules.d/90-cleave.rules";
constexpr const char* kScript = "/etc/initramfs-tools/scripts/init-top/cleave-early-binding";
constexpr const char* kMachine =
    "== include amd-only.machine\n"
    "== /etc/group\nroot:x:0:\nkvm:x:108:mina\n"
    "== /usr/sbin/mkinitramfs\n\n"
    "== /etc/initramfs-tools/initramfs.conf\nMODULES=most\n"
    "== /sys/bus/pci/devices/0000:0b:00.0 -> ../../../devices/pci0000:00/0000:0b:00.0\n"
    "== /sys/devices/pci0000:00/0000:0b:00.0/vendor\n0x1002\n"
    "== /sys/devices/pci0000:00/0000:0b:00.0/device\n0x73ff\n"
    "== /sys/devices/pci0000:00/0000:0b:00.0/class\n0x030000\n"
    "== /sys/devices/pci0000:00/0000:0b:00.0/boot_vga\n0\n"
    "== /sys/devices/pci0000:00/0000:0b:00.0/driver -> ../../../bus/pci/drivers/amdgpu\n"
    "== /sys/devices/pci0000:00/0000:0b:00.0/iommu_group -> ../../../kernel/iommu_groups/30\n";

using Images = std::vector<std::string>;  // of each, which of cleave's files it took along

class SetupEarlyBinding : public ::testing::Test {
 protected:
  void SetUp() override {
    auto machine = parse_machine(kMachine, [](const std::string& name) -> Result<std::string> {
      return testing::read_test_file("machines/" + name);
    });
    ASSERT_TRUE(machine) << english(machine.error());
    host_ = std::move(*machine);
    host_.add_directory("/var/lib");
    host_.add_directory("/run/systemd/system");
    const auto nothing = [](MemoryHost&, const std::vector<std::string>&) {
      return CommandOutput();
    };
    host_.on_command("modprobe", nothing);
    host_.on_command("systemctl", nothing);
    host_.on_command("update-initramfs",
                     [this](MemoryHost& host, const std::vector<std::string>& argv) {
                       return build(host, argv);
                     });
    before_ = host_.snapshot("/etc");
  }

  CommandOutput build(const MemoryHost& host, const std::vector<std::string>& argv) {
    EXPECT_EQ(argv, (std::vector<std::string>{"update-initramfs", "-u", "-k", "all"}));
    images_.push_back(std::string(host.exists(kRule) ? "rule " : "") +
                      (host.exists(kScript) ? "script" : ""));
    const bool fails = images_.size() <= failures_;
    return {.exit_status = fails ? 1 : 0, .output = fails ? "No space left on device\n" : ""};
  }

  Result<PreparedSetup> prepared() {
    return prepare_setup(
        host_, read_facts(host_),
        {.way = "passthrough", .gpu = parse_pci_address("0000:0b:00.0"), .program = kProgram});
  }

  MemoryHost host_;
  std::map<std::string, std::string> before_;
  Images images_;
  std::size_t failures_ = 0;  // that many builds do not succeed
};

TEST_F(SetupEarlyBinding, ImagesHaveTheFilesAndAfterAnUndoNone) {
  const auto setup = prepared();
  ASSERT_TRUE(setup) << english(setup.error());
  EXPECT_TRUE(setup->plan.needs_reboot());
  Transactions transactions(host_, kState);
  ASSERT_TRUE(transactions.apply(setup->plan));
  EXPECT_EQ(images_, Images{"rule script"});

  const auto again = prepared();
  ASSERT_TRUE(again) << english(again.error());
  for (const Change& change : again->plan.changes) {
    EXPECT_EQ(change.id, "modules.now");  // here modprobe loads nothing
  }

  const auto undone = undo_setup(transactions);
  ASSERT_TRUE(undone) << english(undone.error());
  EXPECT_EQ(images_, (Images{"rule script", ""}));
  EXPECT_EQ(host_.snapshot("/etc"), before_);
}

TEST_F(SetupEarlyBinding, AnImageThatCannotBeBuiltTakesAllOfItBack) {
  const auto setup = prepared();
  ASSERT_TRUE(setup) << english(setup.error());
  failures_ = 1;
  Transactions transactions(host_, kState);
  const auto applied = transactions.apply(setup->plan);
  ASSERT_FALSE(applied);
  EXPECT_NE(english(applied.error()).find("No space left on device"), std::string::npos)
      << english(applied.error());
  // Once more without cleave's files, whatever the first left of the image.
  EXPECT_EQ(images_, (Images{"rule script", ""}));
  EXPECT_EQ(host_.snapshot("/etc"), before_);
}

TEST_F(SetupEarlyBinding, IsNotTriedWithTheUsualEntriesInitramfs) {
  const auto setup = prepared();
  ASSERT_TRUE(setup) << english(setup.error());
  const auto trial = prepare_trial(host_, *setup, kState, kProgram, "0badcafe");
  ASSERT_FALSE(trial);
  EXPECT_EQ(trial.error().code, ErrorCode::Unsupported);
  EXPECT_NE(english(trial.error()).find("initramfs"), std::string::npos);
  EXPECT_NE(english(trial.error().remedy).find("--no-trial"), std::string::npos);
  EXPECT_TRUE(images_.empty());
}

}  // namespace
}  // namespace cleave
