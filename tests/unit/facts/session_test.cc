// logind's files, group(5), the ids of a process, the journal of a machine, registers, firmware.
#include "facts/session.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "facts/firmware_files.h"
#include "facts/readers/read_facts.h"
#include "facts/readers/readers.h"
#include "facts/virtualisation_switch.h"
#include "host/memory_host.h"
#include "support/machine.h"

namespace cleave {
namespace {

// Written by systemd 255 (session_save, src/login/logind-session.c).
constexpr const char* kWayland =
    "# This is private data. Do not parse.\nUID=1000\nUSER=mina\nACTIVE=1\nIS_DISPLAY=1\n"
    "STATE=active\nREMOTE=0\nLEADER_FD_SAVED=1\nTYPE=wayland\nORIGINAL_TYPE=wayland\nCLASS=user\n"
    "SCOPE=session-2.scope\nSEAT=seat0\nTTY=tty2\nSERVICE=gdm-password\nDESKTOP=ubuntu\nVTNR=2\n";

TEST(LoginSession, IsReadAsLogindWritesIt) {
  const auto session = parse_login_session(kWayland, "2");
  ASSERT_TRUE(session);
  EXPECT_EQ(session->id, "2");
  EXPECT_EQ(session->user, 1000U);
  EXPECT_EQ(session->type, "wayland");
  EXPECT_EQ(session->klass, "user");
  EXPECT_EQ(session->seat, "seat0");
  EXPECT_EQ(session->state, "active");
  EXPECT_TRUE(session->active);
  EXPECT_FALSE(session->remote);
  EXPECT_TRUE(session->is_graphical());
  EXPECT_TRUE(session->is_of_a_person());
}

TEST(LoginSession, OfSshAndOfTheLoginScreen) {
  const auto ssh = parse_login_session(
      "UID=0\nUSER=root\nACTIVE=1\nSTATE=active\nREMOTE=1\nTYPE=tty\nCLASS=user\n"
      "REMOTE_HOST=192.0.2.7\n",
      "5");
  ASSERT_TRUE(ssh);
  EXPECT_TRUE(ssh->remote);
  EXPECT_FALSE(ssh->is_graphical());
  const auto greeter = parse_login_session("UID=120\nTYPE=\"x11\"\r\nCLASS=greeter\n", "c1");
  ASSERT_TRUE(greeter);
  EXPECT_EQ(greeter->type, "x11");
  EXPECT_FALSE(greeter->is_of_a_person());
}

TEST(LoginSession, WhatIsNoneIsRefusedAndStrangeWordsAreNotTaken) {
  for (const std::string& text :
       std::vector<std::string>{"", "UID=\n", "UID=-1\n", "UID=4294967296\n", "TYPE=wayland\n",
                                std::string("\0\x01\x02\xff", 4), std::string(100'000, '=')}) {
    EXPECT_FALSE(parse_login_session(text, "1")) << text.size();
  }
  const auto odd = parse_login_session("UID=1\nTYPE=way\x1bland\nSEAT=a b\nUID=2", "1");
  ASSERT_TRUE(odd);
  EXPECT_EQ(odd->type, "");
  EXPECT_EQ(odd->seat, "");
  EXPECT_EQ(odd->user, 2U);
}

TEST(LoginSession, OfAProcess) {
  EXPECT_EQ(session_of_cgroup("0::/user.slice/user-1000.slice/session-2.scope\n"), "2");
  EXPECT_EQ(session_of_cgroup("12:pids:/user.slice/user-0.slice/session-c1.scope\n1:x:/\n"), "c1");
  EXPECT_FALSE(session_of_cgroup("0::/user.slice/user-1000.slice/user@1000.service/app.slice\n"));
  EXPECT_FALSE(session_of_cgroup("0::/session-.scope\n/session-2\n"));
  EXPECT_FALSE(session_of_cgroup(""));
}

TEST(Groups, AreRead) {
  const auto groups = parse_groups(
      "root:x:0:\nkvm:x:104:mina,bora\n# comment\n:x:1:\nbad:x:y:\nshort:x\nnoeol:x:7:a,,b");
  ASSERT_EQ(groups.size(), 3U);
  EXPECT_EQ(groups[1], (UserGroup{"kvm", 104, {"mina", "bora"}}));
  EXPECT_EQ(groups[2], (UserGroup{"noeol", 7, {"a", "b"}}));
  EXPECT_TRUE(parse_groups("").empty());
  EXPECT_TRUE(parse_groups(std::string("\0\xff:::\n", 6)).empty());
  std::string huge;
  for (int i = 0; i < 20'000; ++i) huge += "g:x:1:\n";
  EXPECT_EQ(parse_groups(huge).size(), 10'000U);
}

TEST(ProcessIds, AreTheEffectiveOnes) {
  const auto ids = parse_process_ids(
      "Name:\tcleave\nUid:\t1000\t0\t1000\t1000\nGid:\t1000\t1001\t1000\t1000\nGroups:\t4 104 24 "
      "\n");
  ASSERT_TRUE(ids);
  EXPECT_EQ(ids->user, 0U);
  EXPECT_EQ(ids->groups, (std::vector<std::uint32_t>{4, 24, 104, 1001}));
  EXPECT_FALSE(parse_process_ids(""));
  EXPECT_FALSE(parse_process_ids("Uid:\t1\t1\t1\t1\n"));
  EXPECT_FALSE(parse_process_ids("Uid:\t1\tx\t1\t1\nGid:\t1\t1\t1\t1\n"));
}

TEST(VirtualisationSwitch, BitsOfIntelAndAmd) {
  const auto bytes = [](unsigned char low) {
    return std::string(1, static_cast<char>(low)) + std::string(7, '\0');
  };
  const auto intel = parse_virtualisation_switch(kIntelFeatureControl, bytes(0x5));
  ASSERT_TRUE(intel);
  EXPECT_TRUE(intel->locked);
  EXPECT_FALSE(intel->off);
  EXPECT_TRUE(parse_virtualisation_switch(kIntelFeatureControl, bytes(0x1))->off);
  const auto amd = parse_virtualisation_switch(kAmdVmControl, bytes(0x18));
  EXPECT_TRUE(amd->locked && amd->off);
  EXPECT_FALSE(parse_virtualisation_switch(kAmdVmControl, bytes(0x8))->off);
  EXPECT_EQ(parse_virtualisation_switch(kIntelFeatureControl, std::string(7, '\0') + "\x80")->value,
            0x8000000000000000U);
  EXPECT_FALSE(parse_virtualisation_switch(kIntelFeatureControl, ""));
  EXPECT_FALSE(parse_virtualisation_switch(kIntelFeatureControl, std::string(9, '\0')));
}

TEST(FirmwareFiles, TheFirstPlaceAndThePlainFileWin) {
  FirmwareFiles files;
  add_firmware_file(files, "/lib/firmware/updates", "i915", "tgl_guc_70.bin.xz");
  add_firmware_file(files, "/lib/firmware", "i915", "tgl_guc_70.bin");
  add_firmware_file(files, "/lib/firmware", "i915", "kbl_dmc_ver1_04.bin.xz");
  add_firmware_file(files, "/lib/firmware", "i915", "kbl_dmc_ver1_04.bin.zst");
  add_firmware_file(files, "/lib/firmware", "i915", "README");
  EXPECT_EQ(files.size(), 2U);
  EXPECT_EQ(files["i915/tgl_guc_70.bin"].path, "/lib/firmware/updates/i915/tgl_guc_70.bin.xz");
  EXPECT_EQ(files["i915/kbl_dmc_ver1_04.bin"].compression, Compression::Zstd);
  add_firmware_file(files, "/lib/firmware", "i915", "kbl_dmc_ver1_04.bin");
  EXPECT_EQ(files["i915/kbl_dmc_ver1_04.bin"].compression, Compression::None);
}

TEST(FirmwareFiles, AreFoundWhereTheKernelLooks) {
  MemoryHost host;
  EXPECT_TRUE(read_gpu_firmware(host, "6.8.0").is_absent());
  host.add_file("/usr/lib/firmware/amdgpu/x.bin", "");
  host.add_link("/lib", "usr/lib");
  const auto none = read_gpu_firmware(host, "6.8.0");
  ASSERT_TRUE(none.is_known());
  EXPECT_TRUE(none.value()->empty());
  host.add_file("/usr/lib/firmware/6.8.0/xe/ptl_guc_70.bin", "");
  host.add_file("/sys/module/firmware_class/parameters/path", "/opt/firmware/\n");
  host.add_file("/opt/firmware/i915/tgl_guc_70.bin", "");
  const auto found = read_gpu_firmware(host, "6.8.0");
  EXPECT_EQ(found.value()->at("xe/ptl_guc_70.bin").path, "/lib/firmware/6.8.0/xe/ptl_guc_70.bin");
  EXPECT_EQ(found.value()->at("i915/tgl_guc_70.bin").path, "/opt/firmware/i915/tgl_guc_70.bin");
  host.add_unreadable("/usr/lib/firmware/updates", EACCES);
  EXPECT_NE(read_gpu_firmware(host, "6.8.0").unreadable(), nullptr);
}

TEST(SessionReader, KeepsClosedAndMissingApart) {
  MemoryHost host;
  EXPECT_TRUE(read_session(host).sessions.is_absent());
  host.add_directory("/run/systemd/sessions");
  EXPECT_EQ(read_session(host).sessions.value()->size(), 0U);
  host.add_file("/run/systemd/sessions/2", kWayland);
  host.add_file("/run/systemd/sessions/2.ref", "");
  EXPECT_EQ(read_session(host).sessions.value()->size(), 1U);
  host.add_unreadable("/run/systemd/sessions/3", EACCES);
  EXPECT_NE(read_session(host).sessions.unreadable(), nullptr);
}

TEST(SessionReader, OfTheUsersMachine) {
  const Facts facts = read_facts(testing::load_machine("comet-lake-user-journal"));
  EXPECT_EQ(facts.session.sessions.value_or({}).size(), 2U);
  EXPECT_EQ(facts.session.display_manager.value_or(""), "gdm.service");
  EXPECT_EQ(facts.user.name.value_or(""), "user1");
  EXPECT_EQ(facts.kernel_log.source(), "journalctl -k");
  EXPECT_NE(facts.kernel_log.value_or("").find("MDEV: Registered"), std::string::npos);
}

TEST(PreviousBootLog, OfTheJournalElseOfTheFirmware) {
  MemoryHost host;
  EXPECT_TRUE(read_previous_boot_log(host).is_absent());
  host.add_file("/sys/fs/pstore/dmesg-efi_pstore-170000000001001",
                "Panic#1 Part2\n<6>[    1.0] a\n");
  host.add_file("/sys/fs/pstore/dmesg-efi_pstore-170000000002001",
                "Panic#1 Part1\n<0>[    2.0] b\n");
  host.add_file("/sys/fs/pstore/dmesg-efi_pstore-170000000003001.enc.z", "x");
  host.add_file("/sys/fs/pstore/dmesg-efi_pstore-170000000004001", "no such head");
  EXPECT_EQ(read_previous_boot_log(host),
            Fact<std::string>("<6>[    1.0] a\n<0>[    2.0] b\n", "/sys/fs/pstore"));
  host.add_unreadable(kernel_journal_path(-1), EACCES);
  EXPECT_EQ(read_previous_boot_log(host).source(), "/sys/fs/pstore");
  host.forget("/sys/fs/pstore");
  EXPECT_NE(read_previous_boot_log(host).unreadable(), nullptr);
  host.add_file(kernel_journal_path(-1), "[    1.000000] a\n");
  EXPECT_EQ(read_previous_boot_log(host).source(), "journalctl -k -b -1");
}

TEST(VirtualisationSwitch, IsReadOfTheRightRegister) {
  const Facts locked = read_facts(testing::load_machine("skylake-firmware-lock"));
  ASSERT_TRUE(locked.virtualisation_switch.is_known());
  EXPECT_TRUE(locked.virtualisation_switch.value()->off);
  MemoryHost host = testing::load_machine("skylake-firmware-lock");
  host.add_unreadable("/dev/cpu/0/msr@0x3a", EIO);
  EXPECT_NE(read_facts(host).virtualisation_switch.unreadable(), nullptr);
  host.forget("/dev/cpu/0/msr@0x3a");
  EXPECT_NE(read_facts(host).virtualisation_switch.unreadable(), nullptr) << "no eight bytes";
  host.forget("/dev/cpu");
  EXPECT_TRUE(read_facts(host).virtualisation_switch.is_absent());
}

}  // namespace
}  // namespace cleave
