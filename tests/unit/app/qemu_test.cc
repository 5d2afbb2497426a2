// Asking QEMU: the one of this machine, and programs that are none.
#include "app/qemu.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "app/owner.h"
#include "app/qemu_probe.h"
#include "app/vm_place.h"
#include "facts/readers/readers.h"
#include "host/file_host.h"
#include "host/memory_host.h"

namespace cleave {
namespace {

// Never as root, as the command does.
std::optional<Credentials> not_root() {
  if (::geteuid() != 0) return std::nullopt;
  const auto owner = vm_owner(this_caller());
  return owner ? std::optional(credentials_of(*owner)) : std::nullopt;
}

std::optional<QemuProgram> qemu_of_this_machine() {
  const QemuFacts qemu = read_qemu(*live_host(), {});
  const auto* programs = qemu.programs.value();
  return programs == nullptr ? std::nullopt : std::optional(programs->front());
}

class Script {
 public:
  explicit Script(const std::string& text) {
    std::string pattern = "/tmp/cleave-qemu-test-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    ::chmod(directory_.c_str(), 0755);
    std::ofstream(path()) << text;
    ::chmod(path().c_str(), 0755);
  }
  Script(const Script&) = delete;
  Script& operator=(const Script&) = delete;
  ~Script() { std::filesystem::remove_all(directory_); }
  [[nodiscard]] std::string path() const { return directory_ + "/qemu"; }

 private:
  std::string directory_;
};

TEST(QemuProbe, AsksTheQemuOfThisMachine) {
  const auto program = qemu_of_this_machine();
  if (!program) GTEST_SKIP() << "no QEMU";
  const auto abilities = ask_qemu(program->identity.path, not_root());
  ASSERT_TRUE(abilities) << english(abilities.error());
  EXPECT_GE(abilities->version.major, 6U);
  EXPECT_TRUE(abilities->has_kvm());
  EXPECT_NE(abilities->property("vfio-pci", "display"), nullptr);
  EXPECT_FALSE(abilities->machines.empty());
  EXPECT_NE(std::ranges::find(abilities->displays, "none"), abilities->displays.end());
  EXPECT_NE(std::ranges::find(abilities->audio_drivers, "none"), abilities->audio_drivers.end());
  // What it says can be kept and read again.
  const auto read = parse_qemu_file(qemu_file(program->identity, *abilities), program->identity);
  ASSERT_TRUE(read) << english(read.error());
  EXPECT_EQ(*read, *abilities);
}

TEST(QemuProbe, WhatIsNoQemuIsAnErrorAtOnce) {
  EXPECT_EQ(ask_qemu("/nowhere/qemu", not_root()).error().code, ErrorCode::NotFound);
  const Script ends("#!/bin/sh\nexit 1\n");
  EXPECT_FALSE(ask_qemu(ends.path(), not_root()));
  const Script babbles("#!/bin/sh\necho '{\"no\":1}' >&3\nsleep 60\n");
  EXPECT_EQ(ask_qemu(babbles.path(), not_root()).error().code, ErrorCode::Malformed);
}

// As QEMU 8.2 of Ubuntu 24.04: without OpenGL it ends when it is asked for one of its devices.
constexpr const char* kEndsWhenAsked = R"(#!/usr/bin/python3
import json, os, sys
if "help" in sys.argv:
    print("none")
    sys.exit()
monitor = os.fdopen(3, "r+b", buffering=0)
with_opengl = "dbus,p2p=on" in sys.argv
answers = {"query-version": {"qemu": {"major": 8, "minor": 2, "micro": 2}, "package": ""},
           "device-list-properties": [{"name": "blob", "default-value": False}]}
monitor.write(b'{"QMP": {}}\n')
for line in monitor:
    asked = json.loads(line)
    device = asked.get("arguments", {}).get("typename")
    if device == "virtio-vga-gl" and not with_opengl or device == "ramfb":
        sys.exit(1)
    answer = answers.get(asked["execute"], [])
    monitor.write(json.dumps({"return": answer, "id": asked["id"]}).encode() + b"\n")
)";

TEST(QemuProbe, BearsAQemuThatEndsWhenItIsAsked) {
  if (!std::filesystem::exists("/usr/bin/python3")) GTEST_SKIP() << "skipped: no python3";
  const Script qemu(kEndsWhenAsked);
  const auto abilities = ask_qemu(qemu.path(), not_root());
  ASSERT_TRUE(abilities) << english(abilities.error());
  EXPECT_NE(abilities->property("virtio-vga-gl", "blob"), nullptr) << "asked again with OpenGL";
  EXPECT_FALSE(abilities->has_device("ramfb")) << "ends whatever is done";
  EXPECT_TRUE(abilities->has_device("ivshmem-plain")) << "asked after that";
}

TEST(QemuList, KeepsNothingOfACapturedMachine) {
  MemoryHost host;
  MemoryNode node;
  node.status = {.kind = FileKind::Regular, .mode = 0755};
  host.set_node("/usr/bin/qemu-system-x86_64", std::move(node));
  const auto before = host.snapshot();
  const auto listing = list_qemu(host, {});
  ASSERT_TRUE(listing);
  EXPECT_EQ(listing->qemu.programs.value_or({}).size(), 1U);
  EXPECT_TRUE(listing->problems.empty());
  EXPECT_EQ(host.snapshot(), before);
  EXPECT_EQ(fact_places(host).qemu_answers, std::vector<std::string>{kSystemQemuAnswers});
}

}  // namespace
}  // namespace cleave
