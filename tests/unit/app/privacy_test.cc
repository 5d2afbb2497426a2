// What tells one person's machine apart is replaced alike everywhere; what decides stays.
#include "app/privacy.h"

#include <gtest/gtest.h>

namespace cleave {
namespace {

const Identity kMina{.users = {"mina", "root"}, .hosts = {"minabook.example.org"}};

std::string scrubbed(std::string_view text, TextKind kind = TextKind::ForPeople) {
  Scrubber scrubber(kMina);
  scrubber.learn(text, kind);
  scrubber.settle();
  std::string once = scrubber.scrub(text, kind);
  Scrubber again(kMina);
  again.learn(once, kind);
  again.settle();
  EXPECT_EQ(again.scrub(once, kind), once);
  return once;
}

TEST(Privacy, TheSameValueGetsTheSameReplacement) {
  EXPECT_EQ(scrubbed("root=UUID=9f1e7a0c-3b1d-4c8e-9f6a-0d1e2c3b4a59 "
                     "resume=UUID=1F1E7A0C-3b1d-4c8e-9f6a-0d1e2c3b4a59 "
                     "rd.luks.uuid=luks-9F1E7A0C-3B1D-4C8E-9F6A-0D1E2C3B4A59 "
                     "id=9f1e7a0c3b1d4c8e9f6a0d1e2c3b4a59"),
            "root=UUID=00000000-0000-0000-0000-000000000002 "
            "resume=UUID=00000000-0000-0000-0000-000000000001 "
            "rd.luks.uuid=luks-00000000-0000-0000-0000-000000000002 "
            "id=00000000000000000000000000000002");
  EXPECT_EQ(scrubbed("e1000e eth0: aa:bb:cc:00:11:22, BOOTIF=01-aa-bb-cc-00-11-22 enxaabbcc001122"),
            "e1000e eth0: fe:00:00:00:00:02, BOOTIF=fe-00-00-00-00-01 enxfe0000000002");
}

TEST(Privacy, ANumberThatIsThereAlreadyIsNotGivenOut) {
  EXPECT_EQ(scrubbed("00000000-0000-0000-0000-000000000001 9f1e7a0c-3b1d-4c8e-9f6a-0d1e2c3b4a59"),
            "00000000-0000-0000-0000-000000000001 00000000-0000-0000-0000-000000000002");
  EXPECT_EQ(scrubbed("/home/user1/x /home/mina/x"), "/home/user1/x /home/user2/x");
}

TEST(Privacy, WhatAReplacementMakesPrivateIsReplacedToo) {
  // First "/home/2001:db8::1", where "2001" has a user's place.
  EXPECT_EQ(scrubbed("/home/::a:1 x\n/home/mina ssid=::a:1\nssid=::a:1, /home/::a:1 /home/user2"),
            "/home/user3:db8::1 x\n/home/user1 ssid=wifi1:db8::1\n"
            "ssid=wifi1:db8::1, /home/user3:db8::1 /home/user2");
}

TEST(Privacy, EndsOfLinesStay) {
  for (const char* text : {"", "\n", "a", "a\n", "\n\na\r\n\nb"}) EXPECT_EQ(scrubbed(text), text);
}

TEST(Privacy, NamesOfPeopleAndHosts) {
  EXPECT_EQ(scrubbed("Linux version 6.9 (mina@minabook) for MINA, at /home/tom/linux; tom's"),
            "Linux version 6.9 (user1@host1) for user1, at /home/user2/linux; user2's");
  // The name was learnt from the path: a second look finds the word, too.
  Scrubber scrubber({});
  scrubber.learn("/home/tom/linux", TextKind::Technical);
  scrubber.settle();
  EXPECT_EQ(scrubber.scrub("tom's tomcat", TextKind::ForPeople), "user1's tomcat");
  // A word of a machine-made list is no name.
  EXPECT_EQ(scrubber.scrub("kernel/tom.ko", TextKind::Technical), "kernel/tom.ko");
  EXPECT_EQ(scrubbed("root=/dev/sda1 localhost /home/ubuntu/x"),
            "root=/dev/sda1 localhost /home/ubuntu/x");
}

TEST(Privacy, AHomeThatIsNamedAsTheHost) {
  EXPECT_EQ(scrubbed("/home/minabook/x of minabook"), "/home/host1/x of host1");
}

TEST(Privacy, AddressesOfNetworks) {
  EXPECT_EQ(scrubbed("at 10.1.2.3, 2a02:8070:1::5, fe80::1 and 10.1.2.3:80; 127.0.0.1 0.0.0.0"),
            "at 198.18.0.1, 2001:db8::1, 2001:db8::2 and 198.18.0.1:80; 127.0.0.1 0.0.0.0");
  // Versions, PCI addresses and times are none.
  for (const char* text :
       {"linux-5.15.0.91-generic", "0000:00:02.0", "12:34:56", "8086:9b41", "1.2.3.4.5",
        "std::string", "[    0.000000] DMAR: dmar0", "pci 0000:00:02.0: [8086:9b41]"}) {
    EXPECT_EQ(scrubbed(text), text);
  }
}

TEST(Privacy, SecretsOfTheCommandLine) {
  EXPECT_EQ(scrubbed("quiet ip=10.0.0.2::10.0.0.1:255.255.255.0:book:eth0 luks.key=/k:UUID=AB-1 "
                     "wifi_password=\"a b\" pass=x url=http://a:b@c/ rd.iscsi.username=m x=1"),
            "quiet ip=removed luks.key=removed wifi_password=\"removed\" pass=removed "
            "url=http://removed@c/ rd.iscsi.username=removed x=1");
  EXPECT_EQ(scrubbed("password_pbkdf2 mina grub.pbkdf2.sha512.10000.AB\nnext"),
            "password_pbkdf2 removed\nnext");
  const char* kept =
      "intel_iommu=on iommu=pt i915.enable_gvt=1 secretmem.enable=1 vconsole.keymap=de";
  EXPECT_EQ(scrubbed(kept), kept);
}

TEST(Privacy, DisksSerialNumbersAndWifi) {
  EXPECT_EQ(scrubbed("root=UUID=ABCD-1234 root=PARTUUID=1234abcd-02 root=LABEL=Minas_disk "
                     "resume=/dev/disk/by-id/nvme-Samsung_S5X:1-part2"),
            "root=UUID=disk2 root=PARTUUID=disk1 root=LABEL=label1 resume=/dev/disk/by-id/disk3");
  EXPECT_EQ(scrubbed("usb 1-1: SerialNumber: 0123AB\nSerial Number: X-9\nssid='Our Home', ssid=a"),
            "usb 1-1: SerialNumber: serial1\nSerial Number: serial2\nssid='wifi2', ssid=wifi1");
  const char* kept = "Serial: 8250/16550 driver, 4 ports, IRQ sharing enabled";
  EXPECT_EQ(scrubbed(kept), kept);
}

TEST(Privacy, PublicIdentifiersStay) {
  const char* variable =
      "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
  EXPECT_EQ(scrubbed(variable, TextKind::Technical), variable);
}

TEST(Privacy, PathsAndLinks) {
  Scrubber scrubber(kMina);
  const std::string device = "/sys/bus/mdev/devices/9f1e7a0c-3b1d-4c8e-9f6a-0d1e2c3b4a59";
  scrubber.learn_path(device);
  scrubber.settle();
  EXPECT_EQ(scrubber.scrub_path(device),
            "/sys/bus/mdev/devices/00000000-0000-0000-0000-000000000001");
  EXPECT_EQ(scrubber.scrub_path("/etc/modprobe.d/mina.conf"), "/etc/modprobe.d/user1.conf");
  EXPECT_EQ(scrubber.scrub_path("/sys/module/mina"), "/sys/module/mina");
}

TEST(Privacy, BinaryDataKeepsItsLength) {
  const std::string bytes =
      std::string("\0mina", 5) + " 9f1e7a0c-3b1d-4c8e-9f6a-0d1e2c3b4a59 ip=10.1.2.3";
  EXPECT_EQ(text_kind_of("/x", bytes), TextKind::Binary);
  EXPECT_EQ(scrubbed(bytes, TextKind::Binary),
            std::string("\0mina", 5) + " 00000000-0000-0000-0000-000000000001 ip=10.1.2.3");
}

TEST(Privacy, TheSerialNumberOfADeviceIsTakenOut) {
  std::string config(0x1000, '\0');
  config[0x100] = 0x10;  // SR-IOV, next at 0x140
  config[0x102] = 0x01;
  config[0x103] = 0x14;
  config[0x140] = 0x03;  // the serial number, last
  config[0x142] = 0x01;
  config[0x144] = 0x55;
  config[0x14b] = 0x66;
  config[0x14c] = 0x77;
  const std::string clean = scrub_pci_config(config);
  EXPECT_EQ(clean[0x144], '\0');
  EXPECT_EQ(clean[0x14b], '\0');
  EXPECT_EQ(clean[0x14c], 0x77);
  EXPECT_EQ(clean[0x140], 0x03);
  config[0x143] = 0x14;  // points at itself
  EXPECT_EQ(scrub_pci_config(config).size(), config.size());
  EXPECT_EQ(scrub_pci_config(config.substr(0, 0x142)), config.substr(0, 0x142));
  EXPECT_EQ(scrub_pci_config("short"), "short");
}

TEST(Privacy, TheKernelsAddressesAreTakenOut) {
  EXPECT_EQ(scrub_module_list("i915 3 1 kvmgt, Live 0xffffffffc0a1b000 (OE)\nkvm 1 0 - Live 0x0"),
            "i915 3 1 kvmgt, Live 0x0000000000000000 (OE)\nkvm 1 0 - Live 0x0");
}

TEST(Privacy, OnlyTheSystemsOwnMountsAreKept) {
  EXPECT_EQ(scrub_mounts("/dev/sda2 / ext4 rw 0 0\n/dev/sdb1 /media/mina/STICK vfat rw 0 0\n"
                         "proc /proc proc rw 0 0\n/dev/sda1 /boot/efi vfat rw 0 0\nodd\n"),
            "/dev/sda2 / ext4 rw 0 0\n/dev/sda1 /boot/efi vfat rw 0 0\n");
  EXPECT_EQ(scrub_mounts(""), "");
  EXPECT_EQ(scrub_mapping("LVM-yTGfNn0FgD8Zs7R2kq1Xw3c5b9vJ\n"), "LVM");
  EXPECT_EQ(scrub_mapping("CRYPT-LUKS2-9f1e7a0c-luks"), "CRYPT");
}

TEST(Privacy, OfAProcessItsStartStaysAndItsNameAndAddressesDoNot) {
  EXPECT_EQ(scrub_process_stat("42 (minas (vm)) S 1 42 42 0 -1 4194560 9 0 0 0 7 3 0 0 20 0 4 0 "
                               "12300 880000 90 18446744073709551615 94000000000000 1\n"),
            "42 () S 1 42 42 0 -1 4194560 9 0 0 0 7 3 0 0 20 0 4 0 12300\n");
  EXPECT_EQ(scrub_process_stat("42 (x) S"), "42 () S\n");
  EXPECT_EQ(scrub_process_stat(")("), "");
}

TEST(Privacy, NumbersOfFatFileSystemsInGrubsMenu) {
  EXPECT_EQ(scrubbed("menuentry 'Windows' --id 'osprober-efi-5A2B-1C3D' {\n"
                     "search --no-floppy --fs-uuid --set=root --hint-efi=hd0,gpt1  5A2B-1C3D\n"
                     "set superusers=\"mina\"\n5A2B-1C3D"),
            "menuentry 'Windows' --id 'osprober-efi-disk1' {\n"
            "search --no-floppy --fs-uuid --set=root --hint-efi=hd0,gpt1  disk1\n"
            "set superusers=\"removed\"\n5A2B-1C3D");
}

TEST(Privacy, TextInVariablesOfTheFirmware) {
  using std::string_literals::operator""s;
  const std::string bytes = "\x06\0\0\0a\0b\0.\0\0\0"s;
  EXPECT_EQ(text_of_variable(bytes), "ab.");
  EXPECT_EQ(with_text_of_variable(bytes, "ab."), bytes);
  EXPECT_EQ(text_of_variable("\x06\0\0\0a\0\xE9\x01"s), "a?");
  EXPECT_EQ(text_of_variable("\x06"s), "");
  EXPECT_EQ(with_text_of_variable("\x06"s, "x"), "\x06"s);
}

TEST(Privacy, VolumesAreNamedAfterTheHost) {
  Scrubber scrubber(kMina);
  scrubber.settle();
  EXPECT_EQ(scrubber.scrub_path("/dev/mapper/minabook--vg-root"), "/dev/mapper/host1--vg-root");
  EXPECT_EQ(scrubber.scrub("/dev/mapper/minabook--vg-root / ext4", TextKind::ForPeople),
            "/dev/mapper/host1--vg-root / ext4");
}

TEST(Privacy, SettingsOfLoadersAreForPeople) {
  EXPECT_EQ(text_kind_of("/etc/kernelstub/configuration", "x"), TextKind::ForPeople);
  EXPECT_EQ(text_kind_of("/boot/grub/grub.cfg", "x"), TextKind::ForPeople);
  EXPECT_EQ(text_kind_of("/proc/71/mounts", "x"), TextKind::ForPeople);
  EXPECT_EQ(text_kind_of("/boot/config-6.8.0", "x"), TextKind::Technical);
  EXPECT_EQ(text_kind_of("/usr/lib/modules/6.8.0/config", "x"), TextKind::Technical);
}

}  // namespace
}  // namespace cleave
