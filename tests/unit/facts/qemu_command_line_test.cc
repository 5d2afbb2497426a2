// QEMU's command line in all the forms in which people and libvirt write it.
#include "facts/qemu_command_line.h"

#include <gtest/gtest.h>

namespace cleave {
namespace {

using namespace std::string_literals;

constexpr const char* kUuid = "2aee154e-7d0d-11e8-88b8-6f45320c7162";

GuestSettings parse(std::string_view text) {
  return parse_qemu_command_line(split_command_line(text));
}

TEST(QemuCommandLine, AWindowsGuestOnAVgpu) {
  const GuestSettings settings = parse(
      "qemu-system-x86_64 -name guest=win10,debug-threads=on -M pc-q35-10.0,accel=kvm -m 4096 "
      "-cpu host,hv_relaxed,hv-vendor-id=GenuineIntel,kvm=off,-hypervisor,vmx=off -nodefaults "
      "-rtc base=localtime,driftfix=slew -bios /usr/share/OVMF/OVMF.fd -vga none "
      "-display gtk,gl=on,grab-on-hover=on "
      "-device vfio-pci-nohotplug,id=gpu,sysfsdev=/sys/bus/mdev/devices/2AEE154E-7d0d-11e8-88b8-"
      "6f45320c7162,addr=02.0,display=on,ramfb=on,x-igd-opregion=on,romfile=/a/b/i915ovmf.rom");
  EXPECT_EQ(settings.name, "win10");
  EXPECT_EQ(settings.machine, "pc-q35-10.0");
  EXPECT_EQ(settings.accelerator, "kvm");
  EXPECT_EQ(settings.memory_bytes, std::uint64_t{4096} << 20U);
  EXPECT_EQ(settings.cpu.model, "host");
  EXPECT_EQ(settings.cpu.hyperv_vendor_id, "GenuineIntel");
  EXPECT_EQ(settings.cpu.kvm, false);
  EXPECT_EQ(settings.cpu.hypervisor, false);
  EXPECT_EQ(settings.cpu.virtualisation, false);
  EXPECT_TRUE(settings.is_windows());
  EXPECT_EQ(settings.firmware, GuestFirmware::Ovmf);
  EXPECT_TRUE(settings.emulated_displays.empty());
  ASSERT_EQ(settings.displays.size(), 1U);
  EXPECT_EQ(settings.displays[0].kind, "gtk");
  EXPECT_TRUE(settings.displays[0].gl);
  ASSERT_EQ(settings.devices.size(), 1U);
  const HostDevice& device = settings.devices[0];
  EXPECT_EQ(device.driver, "vfio-pci-nohotplug");
  EXPECT_EQ(device.uuid, kUuid);
  EXPECT_EQ(device.slot, "02.0");
  EXPECT_EQ(device.display, true);
  EXPECT_EQ(device.ramfb, true);
  EXPECT_EQ(device.opregion, true);
  EXPECT_EQ(device.rom_file, "i915ovmf.rom");
  EXPECT_TRUE(settings.unknown.empty());
}

TEST(QemuCommandLine, SilenceMeansQemusDefaults) {
  const GuestSettings settings = parse("qemu-system-x86_64 -m 2G disk.qcow2");
  EXPECT_EQ(settings.firmware, GuestFirmware::SeaBios);
  EXPECT_EQ(settings.emulated_displays, std::vector{"std"s});
  EXPECT_TRUE(settings.displays.empty());
  EXPECT_FALSE(settings.is_windows());
  EXPECT_EQ(parse("qemu-system-aarch64 -M virt").firmware, GuestFirmware::Unknown);
  EXPECT_TRUE(parse("qemu-system-x86_64 -nodefaults").emulated_displays.empty());
  EXPECT_EQ(parse("qemu-system-x86_64 -device qxl-vga").emulated_displays, std::vector{"qxl-vga"s});
}

TEST(QemuCommandLine, JsonDevicesAsLibvirtWritesThem) {
  const GuestSettings settings = parse(
      "LC_ALL=C \\\nPATH=/bin \\\n/usr/bin/qemu-system-x86_64 \\\n-name guest=a,debug-threads=on "
      "\\\n-machine pc-q35-9.2,usb=off,pflash0=libvirt-pflash0-format \\\n-spice "
      "port=0,gl=on,rendernode=/dev/dri/renderD129,image-compression=off \\\n-device "
      "'{\"driver\":\"vfio-pci-nohotplug\",\"id\":\"hostdev0\",\"sysfsdev\":\"/sys/bus/mdev/"
      "devices/"
      "2aee154e-7d0d-11e8-88b8-6f45320c7162\",\"display\":\"on\",\"ramfb\":true,\"addr\":\"0x3\"}' "
      "\\\n-device '{\"driver\":\"vfio-pci\",\"host\":\"0000:01:00.0\",\"id\":\"hostdev1\"}' "
      "\\\n-msg "
      "timestamp=on\n2026-01-01 00:00:00.000+0000: Domain id=1 is tainted: custom-argv\n");
  ASSERT_EQ(settings.devices.size(), 2U);
  EXPECT_EQ(settings.devices[0].uuid, kUuid);
  EXPECT_EQ(settings.devices[0].ramfb, true);
  EXPECT_EQ(settings.devices[1].host, (PciAddress{0, 1, 0, 0}));
  EXPECT_EQ(settings.firmware, GuestFirmware::Ovmf);
  ASSERT_EQ(settings.displays.size(), 1U);
  EXPECT_EQ(settings.displays[0].kind, "spice");
  EXPECT_TRUE(settings.displays[0].gl);
  EXPECT_EQ(settings.displays[0].render_node, "/dev/dri/renderD129");
  EXPECT_EQ(settings.displays[0].image_compression, "off");
}

TEST(QemuCommandLine, SetAndGlobalChangeDevices) {
  const GuestSettings settings = parse(
      "qemu-system-x86_64 -set device.hostdev0.ramfb=on -set device.hostdev0.driver=vfio-pci-"
      "nohotplug -set device.other.ramfb=on -set drive.x.file=y -global vfio-pci.x-igd-opregion=on "
      "-global driver=vfio-pci,property=display,value=on -device vfio-pci,host=02.0 "
      "-device vfio-pci,host=00:02.1,id=hostdev0,display=off");
  ASSERT_EQ(settings.devices.size(), 2U);
  EXPECT_TRUE(settings.devices[0].is_unknown());  // "02.0" is no address
  EXPECT_EQ(settings.devices[1].ramfb, true);
  EXPECT_EQ(settings.devices[1].driver, "vfio-pci-nohotplug");
  EXPECT_EQ(settings.devices[1].opregion, true);
  EXPECT_EQ(settings.devices[1].display, false);
  EXPECT_EQ(settings.devices[0].display, true);
}

TEST(QemuCommandLine, TheLastWindowCountsBesideTheServers) {
  const GuestSettings settings = parse(
      "qemu-system-x86_64 -display gtk -display egl-headless,rendernode=/dev/dri/renderD128 "
      "-vnc :0 -spice disable-ticketing=on,port=5900");
  ASSERT_EQ(settings.displays.size(), 3U);
  EXPECT_EQ(settings.displays[0].kind, "egl-headless");
  EXPECT_TRUE(settings.displays[0].gl);
  EXPECT_EQ(settings.displays[1].kind, "vnc");
  EXPECT_FALSE(settings.displays[2].gl);
  EXPECT_FALSE(parse("qemu-system-x86_64 -display egl-headless,gl=off").displays[0].gl);
  EXPECT_TRUE(parse("qemu-system-x86_64 -display sdl,gl=es").displays[0].gl);
  EXPECT_TRUE(parse("qemu-system-x86_64 -vnc none").displays.empty());
}

TEST(QemuCommandLine, WhatAShellWouldPutInIsUnknown) {
  const GuestSettings settings = parse(
      "#!/bin/sh\nexec 2>&1\nqemu-system-x86_64 -enable-kvm -m \"$RAM\"G \\\n  -device "
      "vfio-pci,sysfsdev=$device,display=on,romfile=`pwd`/i915ovmf.rom -smp 2 # four\necho done");
  EXPECT_FALSE(settings.memory_bytes);
  ASSERT_EQ(settings.devices.size(), 1U);
  EXPECT_TRUE(settings.devices[0].is_unknown());
  EXPECT_EQ(settings.devices[0].display, true);
  EXPECT_EQ(settings.devices[0].rom_file, "i915ovmf.rom");
  ASSERT_EQ(settings.unknown.size(), 2U);
  EXPECT_EQ(settings.unknown[1], "-device vfio-pci,sysfsdev=?,display=on,romfile=?/i915ovmf.rom");
  EXPECT_EQ(parse("qemu-system-x86_64 -readconfig /home/mina/vm.cfg").unknown,
            std::vector{"-readconfig vm.cfg"s});
  EXPECT_TRUE(parse("kvm -readconfig /usr/share/qemu-server/pve-q35-4.0.cfg").unknown.empty());
}

TEST(QemuCommandLine, AMediatedDeviceBelowItsParent) {
  const HostDevice device = parse(
                                "qemu-system-x86_64 -device vfio-pci,sysfsdev=/sys/bus/pci/"
                                "devices/0000:00:02.0/2aee154e-7d0d-11e8-88b8-6f45320c7162/")
                                .devices.at(0);
  EXPECT_EQ(device.uuid, kUuid);
  EXPECT_EQ(device.parent, (PciAddress{0, 0, 2, 0}));
  EXPECT_EQ(parse("qemu-system-x86_64 -device vfio-pci,sysfsdev=/sys/bus/pci/devices/0000:00:02.3")
                .devices.at(0)
                .host,
            (PciAddress{0, 0, 2, 3}));
}

TEST(QemuCommandLine, Sizes) {
  EXPECT_EQ(parse_qemu_size("512"), std::uint64_t{512} << 20U);
  EXPECT_EQ(parse_qemu_size("219136k"), std::uint64_t{219136} << 10U);
  EXPECT_EQ(parse_qemu_size("1.75G"), std::uint64_t{7} << 28U);
  EXPECT_EQ(parse_qemu_size("8g"), std::uint64_t{8} << 30U);
  for (const char* text : {"", "G", "x", "1.xG", "-1", "99999999999999999999", "99999999999P"}) {
    EXPECT_EQ(parse_qemu_size(text), std::nullopt) << text;
  }
}

TEST(QemuCommandLine, OddWordsDoNoHarm) {
  EXPECT_TRUE(split_command_line("").empty());
  EXPECT_TRUE(split_command_line("no qemu here -device vfio-pci").empty());
  EXPECT_TRUE(split_arguments("").empty());
  EXPECT_EQ(split_arguments("a\0\0b\0"s), (std::vector{"a"s, ""s, "b"s}));
  EXPECT_TRUE(parse("qemu-system-x86_64 -device").devices.empty());
  EXPECT_FALSE(parse("qemu-system-x86_64 -device {\"driver\":").unknown.empty());
  EXPECT_TRUE(parse("qemu-system-x86_64 -device \xFF\xFE,host=\x01").devices.empty());
  EXPECT_EQ(split_command_line("qemu-system-x86_64 'open quote").size(), 2U);
  EXPECT_EQ(split_command_line("qemu-system-x86_64 \\"),
            (std::vector{"qemu-system-x86_64"s, "\\"s}));
  EXPECT_EQ(split_command_line("qemu-system-x86_64 a'b c'\"d $x\"").at(1), "ab cd \x1A"s);
  // A comma that is meant is written twice.
  EXPECT_EQ(parse("qemu-system-x86_64 -name guest=a,,b,debug-threads=on").name, "a,b");
  std::string many = "qemu-system-x86_64";
  for (int i = 0; i < 100; ++i) many += " -device vfio-pci,host=00:02.0";
  EXPECT_EQ(parse(many).devices.size(), 64U);
  EXPECT_EQ(parse(many).unknown.front(), "more than 64 devices");
  std::string huge = "qemu-system-x86_64";
  for (int i = 0; i < 100'000; ++i) huge += " -a";
  EXPECT_EQ(parse(huge).unknown, std::vector{"more than 4096 arguments"s});
}

TEST(QemuCommandLine, AReducedOneSaysTheSame) {
  const auto arguments = split_command_line(
      "/home/mina/qemu/qemu-system-x86_64 -name guest=secret,debug-threads=on -uuid "
      "11111111-2222-3333-4444-555555555555 -machine pc-q35-10.0,pflash0=p0 -cpu host,hv_time "
      "-drive file=/home/mina/secret.qcow2,if=virtio -netdev user,id=n -device "
      "virtio-net-pci,mac=aa:bb:cc:dd:ee:ff -smbios type=1,serial=S123 -device "
      "'{\"driver\":\"vfio-pci\",\"id\":\"h\",\"host\":\"0000:00:02.1\",\"romfile\":\"/home/mina/"
      "gop.rom\"}' -spice port=5900,password=hunter22,gl=on -vnc unix:/home/mina/vnc -display "
      "gtk,gl=on -readconfig /home/mina/vm.cfg -set device.h.display=on -nodefaults -m 4G -global "
      "virtio-blk-pci.serial=S123 -rtc base=localtime -fw_cfg name=opt/x,string=secret");
  const auto reduced = reduced_command_line(arguments, "vm1");
  std::string text;
  for (const std::string& word : reduced) text += word + " ";
  for (const char* secret : {"mina", "secret", "S123", "hunter22", "aa:bb", "11111111"}) {
    EXPECT_EQ(text.find(secret), std::string::npos) << secret << " in " << text;
  }
  GuestSettings expected = parse_qemu_command_line(arguments);
  expected.name = "vm1";
  EXPECT_EQ(parse_qemu_command_line(reduced), expected);
  EXPECT_EQ(reduced_command_line(reduced, "vm1"), reduced);
}

}  // namespace
}  // namespace cleave
