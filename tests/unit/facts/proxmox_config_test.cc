// VMs of Proxmox VE.
#include "facts/proxmox_config.h"

#include <gtest/gtest.h>

namespace cleave {
namespace {

constexpr const char* kWindows =
    "# Mina's\nagent: 1\nargs: -global vfio-pci.x-igd-opregion=on -smbios 'type=1,serial=S123'\n"
    "bios: ovmf\ncpu: host,hidden=1,flags=+pcid;-vmx\nhostpci0: 0000:00:02.1,pcie=1,"
    "romfile=gop.rom\nhostpci1: 00:02.0,mdev=i915-GVTg_V5_4\nhostpci2: 01:00,x-vga=1\n"
    "hostpci3: mapping=card\nmachine: pc-q35-9.2+pve1\nmemory: 8192\nname: win11\nostype: win11\n"
    "net0: virtio=AA:BB:CC:00:11:22,bridge=vmbr0\nscsi0: local-lvm:vm-100-disk-0,serial=S123\n"
    "smbios1: uuid=11111111-2222-3333-4444-555555555555\nvga: virtio-gl,memory=64\n"
    "[before]\nhostpci4: 00:03.0\nname: old\n";

TEST(ProxmoxConfig, AWindowsGuest) {
  const GuestSettings settings = parse_proxmox_config(kWindows);
  EXPECT_EQ(settings.name, "win11");
  EXPECT_EQ(settings.firmware, GuestFirmware::Ovmf);
  EXPECT_EQ(settings.machine, "pc-q35-9.2+pve1");
  EXPECT_EQ(settings.memory_bytes, std::uint64_t{8} << 30U);
  EXPECT_TRUE(settings.is_windows());
  EXPECT_EQ(settings.cpu.model, "host");
  EXPECT_EQ(settings.cpu.kvm, false);
  EXPECT_EQ(settings.cpu.virtualisation, false);
  EXPECT_EQ(settings.emulated_displays, std::vector<std::string>{"virtio-gl"});
  ASSERT_EQ(settings.devices.size(), 4U);
  EXPECT_EQ(settings.devices[0].host, (PciAddress{0, 0, 2, 1}));
  EXPECT_EQ(settings.devices[0].rom_file, "gop.rom");
  EXPECT_EQ(settings.devices[1].mdev_type, "i915-GVTg_V5_4");
  EXPECT_EQ(settings.devices[1].parent, (PciAddress{0, 0, 2, 0}));
  EXPECT_FALSE(settings.devices[1].host);
  EXPECT_TRUE(settings.devices[2].all_functions);
  EXPECT_EQ(settings.devices[2].vga, true);
  EXPECT_TRUE(settings.devices[3].is_unknown());
  EXPECT_EQ(settings.unknown, std::vector<std::string>{"hostpci3: mapping=card"});
}

TEST(ProxmoxConfig, AReducedOneSaysTheSame) {
  const std::string reduced = reduced_proxmox_config(kWindows, "vm1");
  for (const char* secret : {"Mina", "S123", "AA:BB", "11111111", "local-lvm", "win11\nname"}) {
    EXPECT_EQ(reduced.find(secret), std::string::npos) << secret << " in " << reduced;
  }
  GuestSettings expected = parse_proxmox_config(kWindows);
  expected.name = "vm1";
  EXPECT_EQ(parse_proxmox_config(reduced), expected);
  EXPECT_EQ(reduced_proxmox_config(reduced, "vm1"), reduced);
}

TEST(ProxmoxConfig, OddTextDoesNoHarm) {
  EXPECT_EQ(parse_proxmox_config("").emulated_displays, std::vector<std::string>{"std"});
  EXPECT_TRUE(parse_proxmox_config("hostpci: 00:02.0\nhostpcix: 00:02.0\n").devices.empty());
  EXPECT_TRUE(parse_proxmox_config("hostpci0: ;;,\xFF\n").devices.at(0).is_unknown());
  EXPECT_EQ(parse_proxmox_config("hostpci0: 01:00.0;01:00.1\n").devices.size(), 2U);
  EXPECT_TRUE(parse_proxmox_config("vga: none\n").emulated_displays.empty());
  std::string many;
  for (int i = 0; i < 100'000; ++i) many += "hostpci0: 00:02.0\n";
  EXPECT_EQ(parse_proxmox_config(many).devices.size(), 64U);
}

}  // namespace
}  // namespace cleave
