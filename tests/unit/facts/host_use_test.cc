#include "facts/host_use.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

#include "facts/readers/readers.h"
#include "host/memory_host.h"

namespace cleave {
namespace {

constexpr PciAddress kPort{0, 0, 0x1d, 0};
constexpr PciAddress kFirst{0, 3, 0, 0};
constexpr PciAddress kSecond{0, 4, 0, 0};
constexpr PciAddress kUsb{0, 0, 0x14, 0};

// A machine with two NVMe disks behind ports of their own, of which nothing is used.
class HostUseTest : public ::testing::Test {
 protected:
  HostUseTest() {
    host_.add_directory("/sys/class/net");
    host_.add_directory("/sys/class/input");
    host_.add_directory("/sys/fs/btrfs");
    host_.add_file("/proc/swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
    add_disk("pci0000:00/0000:00:1d.0/0000:03:00.0/nvme/nvme0/nvme0n1", "259:0");
    add_partition("pci0000:00/0000:00:1d.0/0000:03:00.0/nvme/nvme0/nvme0n1/nvme0n1p1", "259:1");
    add_partition("pci0000:00/0000:00:1d.0/0000:03:00.0/nvme/nvme0/nvme0n1/nvme0n1p2", "259:2");
    add_disk("pci0000:00/0000:00:1d.4/0000:04:00.0/nvme/nvme1/nvme1n1", "259:3");
    add_partition("pci0000:00/0000:00:1d.4/0000:04:00.0/nvme/nvme1/nvme1n1/nvme1n1p1", "259:4");
  }

  void add_disk(const std::string& path, const std::string& numbers) {
    const std::string real = "/sys/devices/" + path;
    const std::string name(base_name(real));
    host_.add_directory(real + "/holders");
    host_.add_link("/sys/class/block/" + name, "../../devices/" + path);
    host_.add_link("/sys/dev/block/" + numbers, "../../devices/" + path);
    host_.add_device("/dev/" + name, 0660, 259, 0);
  }

  void add_partition(const std::string& path, const std::string& numbers) {
    add_disk(path, numbers);
    host_.add_file("/sys/devices/" + path + "/partition", "1\n");
  }

  // A device that is made of others: /sys/devices/virtual/block/NAME.
  void add_made_of(const std::string& name, const std::string& numbers,
                   const std::vector<std::string>& parts) {
    add_disk("virtual/block/" + name, numbers);
    const std::string slaves = "/sys/devices/virtual/block/" + name + "/slaves/";
    for (const std::string& part : parts) {
      const std::string real = *host_.real_path("/sys/class/block/" + part);
      host_.add_link(slaves + part, real);
      host_.add_link(real + "/holders/" + name, "/sys/devices/virtual/block/" + name);
    }
  }

  void mount(const std::string& numbers, const std::string& place, const std::string& type,
             const std::string& source) {
    mounts_ += "36 35 " + numbers + " / " + place + " rw,noatime shared:1 - " + type + " " +
               source + " rw\n";
    host_.add_file("/proc/self/mountinfo", mounts_);
  }

  void add_interface(const std::string& name, const std::string& device, const std::string& state) {
    const std::string real = device.empty() ? "/sys/devices/virtual/net/" + name
                                            : "/sys/devices/" + device + "/net/" + name;
    host_.add_file(real + "/operstate", state + "\n");
    if (!device.empty()) host_.add_link(real + "/device", "/sys/devices/" + device);
    host_.add_link("/sys/class/net/" + name, real);
  }

  void add_route(const std::string& interface) {
    host_.add_file("/proc/net/route",
                   "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\n" +
                       interface + "\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\n" +
                       "enp9s0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\n");
  }

  void add_input(const std::string& name, const std::string& path, const std::string& keys) {
    const std::string real = "/sys/devices/" + path + "/input/" + name;
    host_.add_file(real + "/name", "A keyboard\n");
    host_.add_file(real + "/capabilities/ev", "120013\n");
    host_.add_file(real + "/capabilities/key", keys + "\n");
    host_.add_link("/sys/class/input/" + name, real);
  }

  [[nodiscard]] std::vector<DiskUse> disks() const {
    const auto uses = read_host_uses(host_).disks;
    EXPECT_TRUE(uses.is_known()) << uses.source();
    return uses.value_or({});
  }

  [[nodiscard]] DiskUse disk_at(const std::string& place) const {
    const auto all = disks();
    const auto found = std::ranges::find(all, place, &DiskUse::place);
    EXPECT_NE(found, all.end()) << place;
    return found == all.end() ? DiskUse() : *found;
  }

  [[nodiscard]] bool any_on(const PciAddress& address) const {
    return std::ranges::any_of(disks(), [&](const DiskUse& use) {
      const auto above = use.above.value_or({});
      return std::ranges::find(above, address) != above.end();
    });
  }

  MemoryHost host_;
  std::string mounts_;
};

// A laptop's usual keyboard: KEY_ESC to KEY_S and more.
constexpr const char* kLetters = "402000000 3803078f800d001 feffffdfffefffff fffffffffffffffe";

TEST_F(HostUseTest, ARootOnAPartitionHangsOnItsControllerAndThePortAbove) {
  mount("0:21", "/proc", "proc", "proc");
  mount("259:2", "/", "ext4", "/dev/nvme0n1p2");
  mount("259:1", "/boot/efi", "vfat", "/dev/nvme0n1p1");
  ASSERT_EQ(disks().size(), 2U);
  EXPECT_EQ(disk_at("/").device, "nvme0n1p2");
  EXPECT_EQ(disk_at("/").above.value_or({}), (DevicesAbove{kPort, kFirst}));
  EXPECT_TRUE(any_on(kFirst));
  EXPECT_FALSE(any_on(kSecond));
}

TEST_F(HostUseTest, LvmOnLuksIsFollowedDownToTheDisk) {
  add_made_of("dm-0", "254:0", {"nvme0n1p2"});
  add_made_of("dm-1", "254:1", {"dm-0"});
  add_made_of("dm-2", "254:2", {"dm-0"});
  host_.add_file("/proc/swaps", "Filename Type Size Used Priority\n/dev/dm-2 partition 8 0 -2\n");
  mount("254:1", "/", "ext4", "/dev/mapper/vg-root");
  EXPECT_EQ(disk_at("/").above.value_or({}), (DevicesAbove{kPort, kFirst}));
  EXPECT_EQ(disk_at("/dev/dm-2").kind, DiskUse::Kind::Swap);
  EXPECT_EQ(disk_at("/dev/dm-2").above.value_or({}), (DevicesAbove{kPort, kFirst}));
  EXPECT_FALSE(any_on(kSecond));
}

TEST_F(HostUseTest, APartitionOfARaidOverTwoControllersHangsOnBoth) {
  add_made_of("md0", "9:0", {"nvme0n1p2", "nvme1n1p1"});
  add_partition("virtual/block/md0/md0p1", "259:9");
  mount("259:9", "/srv", "xfs", "/dev/md0p1");
  mount("259:1", "/", "ext4", "/dev/nvme0n1p1");
  const DevicesAbove above = disk_at("/srv").above.value_or({});
  EXPECT_NE(std::ranges::find(above, kFirst), above.end());
  EXPECT_NE(std::ranges::find(above, kSecond), above.end());
}

TEST_F(HostUseTest, WhatIsHeldIsInUseThoughNothingIsMounted) {
  add_made_of("dm-0", "254:0", {"nvme1n1p1"});
  mount("259:2", "/", "ext4", "/dev/nvme0n1p2");
  const DiskUse held = disk_at("dm-0");
  EXPECT_EQ(held.kind, DiskUse::Kind::Held);
  EXPECT_EQ(held.device, "nvme1n1p1");
  EXPECT_TRUE(any_on(kSecond));
}

TEST_F(HostUseTest, BtrfsHangsOnAllOfItsDisks) {
  host_.add_link("/dev/mapper/root", "../nvme0n1p2");
  host_.add_directory("/sys/fs/btrfs/features");
  for (const char* name : {"nvme0n1p2", "nvme1n1p1"}) {
    host_.add_link(std::string("/sys/fs/btrfs/1b2c/devices/") + name,
                   *host_.real_path(std::string("/sys/class/block/") + name));
  }
  mount("0:30", "/", "btrfs", "/dev/mapper/root");
  mount("0:30", "/home", "btrfs", "/dev/mapper/root");
  EXPECT_EQ(disk_at("/").device, "nvme0n1p2");
  EXPECT_EQ(disk_at("/home").above.value_or({}).back(), kSecond);
  EXPECT_TRUE(any_on(kFirst));
}

TEST_F(HostUseTest, ABtrfsThatSysfsDoesNotKnowIsUnknown) {
  mount("0:30", "/", "btrfs", "/dev/nvme0n1p2");
  EXPECT_NE(disk_at("/").above.unreadable(), nullptr);
}

TEST_F(HostUseTest, OverlaysAndZfsAreUnknownAsRootAndNeverUnused) {
  mount("0:40", "/", "overlay", "overlay");
  mount("0:41", "/var/lib/docker/overlay2/1/merged", "overlay", "overlay");
  mount("0:42", "/tank", "zfs", "tank");
  ASSERT_EQ(disks().size(), 2U);
  EXPECT_NE(disk_at("/").above.unreadable(), nullptr);
  EXPECT_NE(disk_at("/tank").above.unreadable(), nullptr);
}

TEST_F(HostUseTest, WithoutARootInSightItIsUnknown) {
  mount("259:4", "/mnt", "ext4", "/dev/nvme1n1p1");
  EXPECT_NE(disk_at("/").above.unreadable(), nullptr);
}

TEST_F(HostUseTest, ADiskThatSeveralControllersMayLeadToIsFollowedThroughItsSubsystem) {
  const std::string subsystem = "/sys/devices/virtual/nvme-subsystem/nvme-subsys2";
  add_disk("virtual/nvme-subsystem/nvme-subsys2/nvme2n1", "259:6");
  host_.add_directory("/sys/devices/pci0000:00/0000:00:06.0/0000:05:00.0/nvme/nvme2");
  host_.add_link(subsystem + "/nvme2", "../../../pci0000:00/0000:00:06.0/0000:05:00.0/nvme/nvme2");
  mount("259:6", "/", "xfs", "/dev/nvme2n1");
  EXPECT_EQ(disk_at("/").above.value_or({}).back(), (PciAddress{0, 5, 0, 0}));
}

TEST_F(HostUseTest, SnapsAndSwapInMemoryHangOnNoDisk) {
  add_disk("virtual/block/loop0", "7:0");
  add_disk("virtual/block/zram0", "252:0");
  host_.add_file("/proc/swaps", "Filename Type Size\n/dev/zram0 partition 8\n");
  mount("259:2", "/", "ext4", "/dev/nvme0n1p2");
  mount("7:0", "/snap/core/1", "squashfs", "/dev/loop0");
  EXPECT_EQ(disk_at("/snap/core/1").above.value_or({kUsb}), DevicesAbove());
  EXPECT_EQ(disk_at("/dev/zram0").above.value_or({kUsb}), DevicesAbove());
}

TEST_F(HostUseTest, ASwapFileHangsOnTheFileSystemThatHoldsIt) {
  host_.add_file("/proc/swaps", "Filename Type Size\n/data\\040one/swap file 8\n");
  mount("259:2", "/", "ext4", "/dev/nvme0n1p2");
  mount("259:4", "/data\\040one", "ext4", "/dev/nvme1n1p1");
  const DiskUse swap = disk_at("/data one/swap");
  EXPECT_EQ(swap.kind, DiskUse::Kind::Swap);
  EXPECT_EQ(swap.above.value_or({}).back(), kSecond);
}

TEST_F(HostUseTest, ADiskWhosePlaceCannotBeSeenIsUnknown) {
  mount("259:77", "/", "ext4", "/dev/root");
  EXPECT_NE(disk_at("/").above.unreadable(), nullptr);
}

TEST_F(HostUseTest, TheWayOutGoesThroughTheWirelessCard) {
  add_interface("enp9s0", "pci0000:00/0000:00:1f.6", "down");
  add_interface("wlp4s0", "pci0000:00/0000:00:14.3", "up");
  add_interface("lo", "", "unknown");
  add_route("wlp4s0");
  const auto uses = read_host_uses(host_).networks.value_or({});
  ASSERT_EQ(uses.size(), 2U);
  EXPECT_EQ(uses[0], (NetworkUse{.interface = "enp9s0", .above = {{0, 0, 0x1f, 6}}}));
  EXPECT_EQ(uses[1], (NetworkUse{.interface = "wlp4s0",
                                 .above = {{0, 0, 0x14, 3}},
                                 .has_link = true,
                                 .default_route = true}));
}

TEST_F(HostUseTest, ACardInABondInABridgeHasTheBridgesRoute) {
  add_interface("eno1", "pci0000:00/0000:00:1f.6", "up");
  add_interface("bond0", "", "up");
  add_interface("br0", "", "up");
  host_.add_link("/sys/devices/virtual/net/br0/lower_bond0", "../bond0");
  host_.add_link("/sys/devices/virtual/net/bond0/lower_eno1", "../eno1");
  host_.add_file("/proc/net/ipv6_route",
                 "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
                 "fe800000000000000000000000000001 00000400 00000001 00000000 00000003      br0\n"
                 "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
                 "00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n");
  const auto uses = read_host_uses(host_).networks.value_or({});
  ASSERT_EQ(uses.size(), 1U);
  EXPECT_TRUE(uses[0].default_route);
}

TEST_F(HostUseTest, AnInterfaceWithoutAStateHasALinkIfItsCarrierSaysSo) {
  add_interface("eth0", "pci0000:00/0000:00:1f.6", "unknown");
  host_.add_file(*host_.real_path("/sys/class/net/eth0") + "/carrier", "1\n");
  EXPECT_TRUE(read_host_uses(host_).networks.value_or({}).at(0).has_link);
}

TEST_F(HostUseTest, RoutesThatCannotBeReadMakeTheNetworksUnknown) {
  add_interface("eth0", "pci0000:00/0000:00:1f.6", "up");
  host_.add_unreadable("/proc/net/route", EACCES);
  EXPECT_NE(read_host_uses(host_).networks.unreadable(), nullptr);
}

TEST_F(HostUseTest, KeyboardsHaveLetters) {
  add_input("input3", "platform/i8042/serio0", kLetters);
  add_input("input7", "pci0000:00/0000:00:14.0/usb1/1-3/1-3:1.0", kLetters);
  add_input("input8", "pci0000:00/0000:00:14.0/usb1/1-4/1-4:1.0", "70000 0 0 0 0");  // a mouse
  add_input("input0", "LNXSYSTM:00/LNXPWRBN:00", "10000000000000 0");                // power
  add_input("input9", "virtual/misc/uhid/0005:046D:B342.0004", kLetters);            // Bluetooth
  const auto keyboards = read_host_uses(host_).keyboards.value_or({});
  ASSERT_EQ(keyboards.size(), 2U);
  EXPECT_TRUE(keyboards[0].above.empty());
  EXPECT_EQ(keyboards[1], (Keyboard{.name = "A keyboard", .above = {kUsb}, .usb_above = {"1-3"}}));
}

TEST_F(HostUseTest, SoundIsOfTheCardThatAProcessHasOpen) {
  EXPECT_TRUE(read_host_uses(host_).sounds.is_known());  // a kernel without sound
  const std::string card = "pci0000:00/0000:00:14.0/0000:03:00.0/sound/card1";
  for (const char* name : {"pcmC1D0p", "pcmC1D3p", "pcmC1D0c", "controlC1"}) {
    host_.add_directory("/sys/devices/" + card + "/" + name);
    host_.add_link("/sys/class/sound/" + std::string(name), "../../devices/" + card + "/" + name);
  }
  host_.add_file("/proc/asound/card1/pcm0p/sub0/status", "closed\n");
  host_.add_file("/proc/asound/card1/pcm0c/sub0/status",
                 "state: PREPARED\nowner_pid   : 77\ntrigger_time: 0.000000000\n");
  host_.add_file("/proc/asound/card1/pcm3p/sub0/status", "state: RUNNING\nowner_pid   : 99\n");
  host_.add_file("/proc/77/comm", "pipewire\n");
  const auto sounds = read_host_uses(host_).sounds;
  ASSERT_TRUE(sounds.is_known());
  EXPECT_EQ(*sounds.value(),
            (std::vector<SoundUse>{{"pcmC1D0c", "pipewire (77)", {kUsb, kFirst}, false},
                                   {"pcmC1D3p", "? (99)", {kUsb, kFirst}, true}}));
}

// Built without SND_VERBOSE_PROCFS.
TEST_F(HostUseTest, AKernelThatDoesNotTellWhatPlaysIsUnknown) {
  const std::string stream = "pci0000:00/0000:00:14.0/sound/card0/pcmC0D0p";
  host_.add_directory("/sys/devices/" + stream);
  host_.add_link("/sys/class/sound/pcmC0D0p", "../../devices/" + stream);
  const auto sounds = read_host_uses(host_).sounds;
  ASSERT_NE(sounds.unreadable(), nullptr);
  EXPECT_EQ(sounds.unreadable()->path, "/proc/asound/card0/pcm0p");
}

TEST(HostUse, StatusOfAStream) {
  EXPECT_EQ(parse_sound_status("closed\n"), std::nullopt);
  EXPECT_EQ(parse_sound_status(""), std::nullopt);
  EXPECT_EQ(parse_sound_status("state: DRAINING\nowner_pid   : 5\n"), (SoundStatus{5, true}));
  EXPECT_EQ(parse_sound_status("state: PAUSED\nowner_pid   : -1\n"), (SoundStatus{0, false}));
  EXPECT_EQ(parse_sound_status("owner_pid: 5\nnothing\n"), std::nullopt);
}

TEST(HostUse, ACaptureThatNeverAskedAnswersUnknown) {
  MemoryHost host;
  host.add_file("/proc/cmdline", "quiet\n");
  host.become_capture();
  const HostUses uses = read_host_uses(host);
  EXPECT_NE(uses.disks.unreadable(), nullptr);
  EXPECT_NE(uses.networks.unreadable(), nullptr);
  EXPECT_NE(uses.keyboards.unreadable(), nullptr);
}

TEST(HostUse, WhatIsMissingAltogetherIsUnknown) {
  MemoryHost host;
  host.add_directory("/sys/class");
  const HostUses uses = read_host_uses(host);
  EXPECT_NE(uses.disks.unreadable(), nullptr);
  EXPECT_NE(uses.networks.unreadable(), nullptr);
  EXPECT_NE(uses.keyboards.unreadable(), nullptr);
}

TEST(HostUse, LinesOfAnotherFormArePassedOver) {
  EXPECT_TRUE(
      parse_mount_info("\n1 2 3\n36 35 8:1 / / rw - ext4\n36 35 8:1 / / rw x ext4 a\n").empty());
  EXPECT_EQ(parse_mount_info("36 35 8:1 / /a\\134b\\0 rw - ext4 /dev/sda1 rw").at(0).place,
            "/a\\b\\0");
  EXPECT_TRUE(parse_swaps("Filename Type\n\n/dev/sda2\n").empty());
  EXPECT_TRUE(default_routes("eth0 00000000", "00 00 00").empty());
  EXPECT_FALSE(is_keyboard("", ""));
  EXPECT_FALSE(is_keyboard("120013", "zz"));
}

}  // namespace
}  // namespace cleave
