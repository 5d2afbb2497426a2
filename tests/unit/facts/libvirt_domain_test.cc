// Domains of libvirt, and its logs of them.
#include "facts/libvirt_domain.h"

#include <gtest/gtest.h>

namespace cleave {
namespace {

constexpr const char* kWindows = R"(<?xml version="1.0"?>
<!-- WARNING: THIS IS AN AUTO-GENERATED FILE. -->
<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>win11</name>
  <uuid>11111111-2222-3333-4444-555555555555</uuid>
  <description>Mina's</description>
  <metadata>
    <libosinfo:libosinfo xmlns:libosinfo="http://libosinfo.org/xmlns/libvirt/domain/1.0">
      <libosinfo:os id="http://microsoft.com/win/11"/>
    </libosinfo:libosinfo>
  </metadata>
  <memory unit='GiB'>8</memory>
  <os firmware='efi'>
    <type arch='x86_64' machine='pc-q35-9.2'>hvm</type>
    <nvram>/var/lib/libvirt/qemu/nvram/win11_VARS.fd</nvram>
  </os>
  <features>
    <hyperv mode='custom'><relaxed state='on'/><vendor_id state='on' value='GenuineIntel'/></hyperv>
    <kvm><hidden state='on'/></kvm>
  </features>
  <cpu mode='host-passthrough'>
    <feature policy='disable' name='hypervisor'/><feature policy='disable' name='vmx'/>
  </cpu>
  <clock offset='localtime'/>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file'><source file='/home/mina/win11.qcow2'/><serial>S123</serial></disk>
    <interface type='network'><mac address='52:54:00:aa:bb:cc'/></interface>
    <graphics type='spice' port='-1' passwd='hunter22' listen='10.1.2.3'>
      <listen type='address' address='10.1.2.3'/>
      <image compression='off'/>
      <gl enable='yes' rendernode='/dev/dri/by-path/pci-0000:00:02.0-render'/>
    </graphics>
    <graphics type='egl-headless'/>
    <video><model type='none'/></video>
    <hostdev mode='subsystem' type='usb'><source><vendor id='0x1234'/></source></hostdev>
    <hostdev mode='subsystem' type='mdev' model='vfio-pci' display='on'>
      <source><address uuid='2AEE154E-7d0d-11e8-88b8-6f45320c7162'/></source>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x02' function='0x0'/>
    </hostdev>
    <hostdev mode='subsystem' type='pci' managed='yes'>
      <source><address domain='0' bus='0' slot='2' function='5'/></source>
      <rom bar='on' file='/home/mina/gop.rom'/>
    </hostdev>
  </devices>
  <qemu:commandline>
    <qemu:arg value='-set'/><qemu:arg value='device.hostdev1.ramfb=on'/>
    <qemu:arg value='-smbios'/><qemu:arg value='type=1,serial=S123'/>
  </qemu:commandline>
  <qemu:override>
    <qemu:device alias='hostdev1'><qemu:frontend>
      <qemu:property name='x-igd-opregion' type='bool' value='true'/>
    </qemu:frontend></qemu:device>
  </qemu:override>
</domain>
)";

TEST(LibvirtDomain, AWindowsGuest) {
  const auto domain = parse_libvirt_domain(kWindows);
  ASSERT_TRUE(domain);
  const GuestSettings& settings = domain->settings;
  EXPECT_EQ(domain->emulator, "/usr/bin/qemu-system-x86_64");
  EXPECT_EQ(settings.name, "win11");
  EXPECT_EQ(settings.machine, "pc-q35-9.2");
  EXPECT_EQ(settings.memory_bytes, std::uint64_t{8} << 30U);
  EXPECT_EQ(settings.firmware, GuestFirmware::Ovmf);
  EXPECT_EQ(settings.windows_sign, "http://microsoft.com/win/11");
  EXPECT_EQ(settings.cpu.model, "host");
  EXPECT_EQ(settings.cpu.hypervisor, false);
  EXPECT_EQ(settings.cpu.virtualisation, false);
  EXPECT_EQ(settings.cpu.kvm, false);
  EXPECT_EQ(settings.cpu.hyperv_vendor_id, "GenuineIntel");
  EXPECT_TRUE(settings.emulated_displays.empty());
  ASSERT_EQ(settings.displays.size(), 2U);
  EXPECT_TRUE(settings.displays[0].gl);
  EXPECT_EQ(settings.displays[0].render_node, "/dev/dri/by-path/pci-0000:00:02.0-render");
  EXPECT_EQ(settings.displays[0].image_compression, "off");
  EXPECT_TRUE(settings.displays[1].gl);
  ASSERT_EQ(settings.devices.size(), 2U);
  EXPECT_EQ(settings.devices[0].id, "hostdev1");
  EXPECT_EQ(settings.devices[0].uuid, "2aee154e-7d0d-11e8-88b8-6f45320c7162");
  EXPECT_EQ(settings.devices[0].slot, "02.0");
  EXPECT_EQ(settings.devices[0].ramfb, true);
  EXPECT_EQ(settings.devices[0].opregion, true);
  EXPECT_EQ(settings.devices[1].host, (PciAddress{0, 0, 2, 5}));
  EXPECT_EQ(settings.devices[1].rom_file, "gop.rom");
}

TEST(LibvirtDomain, AReducedOneSaysTheSame) {
  const std::string reduced = reduced_libvirt_domain(kWindows, "vm1");
  for (const char* secret : {"mina", "Mina", "win11_VARS", "S123", "hunter22", "10.1.2.3", "52:54",
                             "0x1234", "11111111"}) {
    EXPECT_EQ(reduced.find(secret), std::string::npos) << secret << " in " << reduced;
  }
  const auto domain = parse_libvirt_domain(reduced);
  ASSERT_TRUE(domain);
  GuestSettings expected = parse_libvirt_domain(kWindows)->settings;
  expected.name = "vm1";
  EXPECT_EQ(domain->settings, expected);
  EXPECT_EQ(reduced_libvirt_domain(reduced, "vm1"), reduced);
}

TEST(LibvirtDomain, WhatIsNoneIsRefused) {
  for (const std::string& text :
       {std::string(), std::string("<domain"), std::string("<network><name>x</name></network>"),
        std::string("\0\1\2\xFF", 4), std::string(kWindows).substr(0, 900),
        "<domain>" + std::string(2U << 20U, ' ') + "</domain>"}) {
    EXPECT_FALSE(parse_libvirt_domain(text)) << text.substr(0, 40);
    EXPECT_TRUE(reduced_libvirt_domain(text, "x").empty());
  }
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "<a>";
  EXPECT_FALSE(parse_libvirt_domain("<domain>" + deep));
  std::string closed = deep;
  for (int i = 0; i < 100'000; ++i) closed += "</a>";
  EXPECT_FALSE(parse_libvirt_domain("<domain>" + closed + "</domain>"));
  EXPECT_TRUE(parse_libvirt_domain("<domain><name>\xFF\xFE</name></domain>"));
}

TEST(LibvirtDomain, OddValuesAreNotKnown) {
  const auto domain = parse_libvirt_domain(
      "<domain><memory unit='YiB'>1</memory><os><loader>/x/unheard-of.fd</loader></os><devices>"
      "<hostdev type='mdev' model='vfio-ccw'><source><address uuid='x'/></source></hostdev>"
      "<hostdev type='pci'><source><address slot='99'/></source></hostdev></devices></domain>");
  ASSERT_TRUE(domain);
  EXPECT_FALSE(domain->settings.memory_bytes);
  EXPECT_EQ(domain->settings.firmware, GuestFirmware::Unknown);
  ASSERT_EQ(domain->settings.devices.size(), 1U);
  EXPECT_TRUE(domain->settings.devices[0].is_unknown());
}

TEST(LibvirtLog, TheLastStartCounts) {
  const LibvirtLog log = parse_libvirt_log(
      "2026-01-01 10:00:00.000+0000: starting up libvirt version: 10.0.0, qemu version: 8.0.0\n"
      "qemu-system-x86_64: old\n"
      "2026-01-02 10:00:00.000+0000: starting up libvirt version: 10.0.0, package: 2ubuntu8.6, "
      "qemu "
      "version: 8.2.2Debian 1:8.2.2+ds-0ubuntu1, kernel: 6.8.0-60-generic, hostname: book\n"
      "LC_ALL=C \\\nPATH=/usr/bin \\\n/usr/bin/qemu-system-x86_64 \\\n-name guest=a,b=c \\\n-msg "
      "timestamp=on\n2026-01-02T10:00:01.000000Z qemu-system-x86_64: -device vfio-pci: no\n");
  EXPECT_EQ(log.qemu_version, "8.2.2Debian 1:8.2.2+ds-0ubuntu1");
  ASSERT_EQ(log.arguments.size(), 5U);
  EXPECT_EQ(log.arguments[2], "guest=a,b=c");
  EXPECT_EQ(log.said, "2026-01-02T10:00:01.000000Z qemu-system-x86_64: -device vfio-pci: no\n");
  EXPECT_EQ(parse_libvirt_log("only words\n").said, "only words\n");
  EXPECT_EQ(parse_libvirt_log("").said, "");
  EXPECT_TRUE(parse_libvirt_log("starting up libvirt version: 1").arguments.empty());
}

}  // namespace
}  // namespace cleave
