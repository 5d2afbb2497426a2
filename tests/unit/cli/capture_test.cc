// A diagnosis from a capture equals the diagnosis of the machine, and nothing private is in it.
#include "app/capture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

#include "app/capture_archive.h"
#include "app/capture_list.h"
#include "app/machine.h"
#include "base/text.h"
#include "cli/render/doctor_json.h"
#include "facts/readers/read_facts.h"
#include "host/file_host.h"
#include "support/golden.h"
#include "support/machine.h"

namespace cleave {
namespace {

std::string doctor_of(const HostReader& host) {
  Facts facts = read_facts(host);
  facts.is_live = false;  // the one thing that differs
  return to_text(doctor_json(diagnose(facts)), 2);
}

// Through the bytes of an archive.
Capture packed_and_opened(const Capture& capture) {
  const auto bytes = pack_archive(bundle_files(capture));
  EXPECT_TRUE(bytes);
  auto opened = open_bundle(*bytes);
  EXPECT_TRUE(opened) << english(opened.error());
  return opened ? std::move(*opened) : Capture();
}

class CapturedMachine : public ::testing::TestWithParam<std::string> {};

TEST_P(CapturedMachine, GivesTheSameDiagnosis) {
  const MemoryHost host = testing::load_machine(GetParam());
  const Capture capture = capture_machine(host, "0", 1);
  const Capture opened = packed_and_opened(capture);
  EXPECT_EQ(doctor_of(opened.machine), doctor_of(capture.machine));
  // VMs get other names and places in a capture: capture_vms_test.cc compares what is said of them.
  if (!read_facts(host).virtual_machines.machines.value_or({}).empty()) return;
  // The machine's own, with the same stand-ins for what is private.
  Scrubber scrubber(identity_of(host));
  for (const auto& [path, node] : host.nodes()) {
    scrubber.learn_path(path);
    scrubber.learn(node.content, text_kind_of(path, node.content));
  }
  scrubber.settle();
  const std::string direct = scrubber.scrub(doctor_of(host), TextKind::Technical);
  EXPECT_EQ(doctor_of(opened.machine), direct);
}

INSTANTIATE_TEST_SUITE_P(Machines, CapturedMachine, ::testing::ValuesIn(testing::machine_names()),
                         [](const auto& machine) {
                           return replace_all(replace_all(machine.param, "-", "_"), ".", "_");
                         });

TEST(LiveCapture, GivesTheSameDiagnosis) {
  const auto host = live_host();
  const Capture opened = packed_and_opened(capture_machine(*host, "0", 1));
  const std::string captured = doctor_of(opened.machine);
  Scrubber scrubber(identity_of(*host));
  scrubber.settle();
  EXPECT_EQ(captured, scrubber.scrub(doctor_of(*host), TextKind::Technical));
}

// Whoever kept QEMU's answers, and wherever: a diagnosis from the capture finds them, and the place
// is in no bundle.
TEST(Capture, KeepsQemusAnswersAndOfPackagesOnlyTheirVersions) {
  MemoryHost host = testing::load_machine("with-qemu-9.2");
  const std::string name = "/qemu-system-x86_64-35fbf3952134b61f.json";
  const std::string answers = *host.read_file(kSystemQemuAnswers + name);
  host.forget("/var/cache");
  host.add_file("/data/mina/answers" + name, answers);
  const FactPlaces places = {.qemu_answers = {"/data/mina/answers", kSystemQemuAnswers}};
  const std::string status = *host.read_file("/var/lib/dpkg/status");
  host.add_file("/var/lib/dpkg/status",
                "Package: secret\nStatus: install ok installed\n\n" + status);
  host.add_directory("/opt/secret-tool");
  host.add_file("/proc/sys/kernel/hostname", "mesa\n");  // a word that decides
  const Capture opened = packed_and_opened(capture_machine(host, "0", 1, places));
  const QemuFacts there = read_facts(host, places).qemu;
  const QemuFacts captured = read_facts(opened.machine).qemu;
  ASSERT_TRUE(captured.programs.is_known());
  EXPECT_TRUE(captured.programs.value()->front().abilities.is_known());
  EXPECT_EQ(captured.programs.value()->front().abilities,
            there.programs.value()->front().abilities);
  EXPECT_EQ(captured.programs.value()->front().identity, there.programs.value()->front().identity);
  EXPECT_EQ(captured.virglrenderer, there.virglrenderer);
  EXPECT_EQ(captured.mesa, there.mesa);
  for (const auto& [path, node] : opened.machine.nodes()) {
    EXPECT_EQ(path.find("mina"), std::string::npos);
    EXPECT_EQ((path + node.content).find("secret"), std::string::npos) << path;
  }
}

TEST(Capture, OfPacmansListOnlyWhatIsAskedFor) {
  MemoryHost host = testing::load_machine("with-qemu-10.1");
  host.add_file("/var/lib/pacman/local/secret-1.0-1/desc", "");
  host.add_file("/opt/qemu-11/bin/qemu-system-x86_64", "", 0755);
  const Capture opened = packed_and_opened(capture_machine(host, "0", 1));
  EXPECT_EQ(read_facts(opened.machine).qemu.virglrenderer, read_facts(host).qemu.virglrenderer);
  EXPECT_EQ(read_facts(opened.machine).qemu.programs.value_or({}).size(), 2U);
  for (const auto& [path, node] : opened.machine.nodes()) {
    EXPECT_EQ(path.find("secret"), std::string::npos);
  }
}

// Whom logind, the journal and /etc/group name.
TEST(Capture, PeopleOfSessionsAndGroupsAreReplaced) {
  MemoryHost host = testing::load_machine("comet-lake-user-journal");
  host.add_file("/etc/passwd",
                "root:x:0:0::/root:/bin/sh\nmina:x:1000:1000:Mina Kim:/srv/mina:\n"
                "gdm:x:120:120::/var/lib/gdm3:/bin/false\n");
  host.add_file("/etc/group",
                "root:x:0:\nadm:x:4:syslog,mina\nkvm:x:104:mina,bora\n"
                "render:x:992:\nmina:x:1000:\n");
  host.add_file("/run/systemd/users/1000", "NAME=mina\nSTATE=active\n");
  host.add_file("/run/systemd/sessions/2",
                "UID=1000\nUSER=mina\nTYPE=wayland\nCLASS=user\nSEAT=seat0\nREMOTE_HOST=borabook\n"
                "REMOTE_USER=bora\nSTATE=active\n");
  host.add_file(kernel_journal_path(-1),
                "[    1.000000] usb 1-1: SerialNumber: 5XYZNF0\n[    2.000000] mina was here\n");
  const Capture capture = packed_and_opened(capture_machine(host, "0", 1));
  for (const auto& [path, node] : capture.machine.nodes()) {
    for (const char* secret : {"mina", "Mina", "bora", "5XYZNF0"}) {
      EXPECT_EQ(node.content.find(secret), std::string::npos) << path << ": " << secret;
    }
  }
  const Facts facts = read_facts(capture.machine);
  ASSERT_NE(facts.user.group("kvm"), nullptr);
  EXPECT_EQ(facts.user.group("kvm")->members.front(), facts.user.name.value_or("?"));
  EXPECT_EQ(facts.session.sessions.value_or({}).size(), 2U);
  EXPECT_TRUE(facts.previous_boot_log.is_known());
}

TEST(Capture, NothingPrivateIsInTheBundle) {
  MemoryHost host = testing::load_machine("comet-lake-one-v5-4-used");
  const std::string uuid = "9f1e7a0c-3b1d-4c8e-9f6a-0d1e2c3b4a59";
  host.add_file("/proc/sys/kernel/hostname", "minabook\n");
  host.add_directory("/home/mina");
  host.add_file("/proc/cmdline", "root=UUID=" + uuid +
                                     " ip=10.11.12.13::10.11.12.1 luks_password=hunter22 "
                                     "resume=/dev/disk/by-id/ata-S5XYZNF0 quiet\n");
  host.add_file("/proc/version", "Linux version 5.15 (mina@minabook) (gcc)\n");
  host.add_file("/etc/modprobe.d/mina.conf", "# Mina, aa:bb:cc:dd:ee:01, key in /home/mina/k\n");
  host.add_file("/etc/default/grub", "GRUB_CMDLINE_LINUX=\"cryptdevice=UUID=" + uuid + ":c\"\n");
  host.add_file("/boot/loader/entries/0123456789abcdef0123456789abcdef-5.15.conf",
                "machine-id 0123456789abcdef0123456789abcdef\n");
  host.add_file("/dev/kmsg",
                "6,1,1,-;e1000e eth0: aa:bb:cc:dd:ee:01\n6,2,1,-;usb 1-1: SerialNumber: 77XQ1\n"
                "6,3,1,-;wlan0: associated, ssid='Minas Netz' at 10.11.12.13\n");
  const Capture capture = capture_machine(host, "0", 1);
  std::string bundle;
  for (const BundleFile& file : bundle_files(capture)) bundle += file.name + "\n" + file.content;
  const std::string lower = lower_case(bundle);
  for (const char* secret : {"9f1e7a0c", "10.11.12.", "hunter22", "s5xyznf0", "mina", "aa:bb:cc",
                             "77xq1", "0123456789abcdef0123456789abcdef"}) {
    const std::size_t at = lower.find(secret);
    EXPECT_EQ(at, std::string::npos)
        << secret << " in " << lower.substr(at - std::min<std::size_t>(at, 60), 120);
  }
  // The same value, the same stand-in.
  const auto command_line = capture.machine.read_file("/proc/cmdline");
  const auto grub = capture.machine.read_file("/etc/default/grub");
  ASSERT_TRUE(command_line && grub);
  const std::string stand_in = command_line->substr(10, 36);
  EXPECT_EQ(grub->substr(37, 36), stand_in) << *grub;
  // Scrubbing again changes nothing.
  const ScrubbedMachine again = scrub_machine(capture.machine, identity_of(host));
  EXPECT_EQ(again.machine.snapshot(), capture.machine.snapshot());
}

TEST(Capture, WhatWasNotAskedIsUnknownAndWhatIsForbiddenIsSaid) {
  MemoryHost host = testing::load_machine("comet-lake-plain");
  host.add_unreadable("/etc/default/grub", EACCES);
  const Capture opened = packed_and_opened(capture_machine(host, "9.9", 7));
  EXPECT_EQ(opened.cleave_version, "9.9");
  EXPECT_EQ(opened.time, 7U);
  EXPECT_FALSE(opened.left_out.empty());
  const auto unasked = opened.machine.status("/etc/vimrc");
  ASSERT_FALSE(unasked);
  EXPECT_NE(unasked.error().code, ErrorCode::NotFound);
  EXPECT_EQ(opened.machine.read_file("/etc/default/grub").error().code, ErrorCode::Denied);
}

TEST(Capture, PathsWithStars) {
  EXPECT_TRUE(matches("card0-HDMI-A-1", "card*"));
  EXPECT_TRUE(matches("resource2_resize", "resource*_resize"));
  EXPECT_TRUE(matches("x", "*"));
  EXPECT_FALSE(matches("ab", "ab*b"));
  EXPECT_FALSE(matches("renderD128", "card*"));
  EXPECT_TRUE(matches("aXbXc", "a*b*c"));
}

}  // namespace
}  // namespace cleave
