#include "plan/early_binding.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <variant>

#include "base/text.h"

namespace cleave {
namespace {

namespace fs = std::filesystem;
using Texts = std::map<std::string, std::string, std::less<>>;

const EarlyDevice kCard{"0000:0b:00.0", 0x1002, 0x73ff};
const EarlyDevice kOther{"0000:21:00.0", 0x10de, 0x0fb1};
constexpr const char* kTools[] = {"initramfs-tools", "dracut", "mkinitcpio"};

Texts files_of(const EarlyBinding& early) {
  Texts files;
  for (const Change& change : early.last) {
    if (const auto* file = std::get_if<WriteFile>(&change.effect)) {
      files[file->path] = file->content;
    }
  }
  return files;
}

std::string script_in(const Texts& files) {
  for (const auto& [path, text] : files) {
    if (text.contains("give_to_vfio")) return text;
  }
  return {};
}

TEST(EarlyBinding, ImagesAreBuiltLastAndWhenUndoneLastToo) {
  for (const char* tool : kTools) {
    ASSERT_TRUE(can_bind_early(tool));
    const EarlyBinding early = early_binding_changes(tool, {kCard}, {});
    ASSERT_EQ(early.first.size(), 1U);
    const auto& undone = std::get<RunCommand>(early.first.front().effect);
    const auto& done = std::get<RunCommand>(early.last.back().effect);
    EXPECT_TRUE(undone.argv.empty());
    EXPECT_TRUE(done.undo_argv.empty());
    EXPECT_EQ(undone.undo_argv, done.argv);
    EXPECT_TRUE(changes_initramfs(early.last));
    EXPECT_FALSE(early.last.front().reason.empty());
    for (const Change& change : early.last) EXPECT_TRUE(change.needs_reboot && change.permanent);
  }
}

TEST(EarlyBinding, NothingIsDoneTwice) {
  for (const char* tool : kTools) {
    const Texts files = files_of(early_binding_changes(tool, {kCard}, {}));
    const EarlyBinding again = early_binding_changes(tool, {kCard}, files);
    EXPECT_TRUE(again.first.empty());
    EXPECT_TRUE(again.last.empty());
    EXPECT_FALSE(changes_initramfs(again.last));
  }
}

TEST(EarlyBinding, WhatAnEarlierSetUpWroteStays) {
  for (const char* tool : kTools) {
    Texts files = files_of(early_binding_changes(tool, {kCard}, {}));
    const EarlyBinding more = early_binding_changes(tool, {kOther}, files);
    ASSERT_EQ(more.last.size(), 2U) << "the script and the build";
    const std::string script = script_in(files_of(more));
    EXPECT_TRUE(
        script.contains("\ngive_to_vfio 0000:0b:00.0 0x1002 0x73ff\n"
                        "give_to_vfio 0000:21:00.0 0x10de 0x0fb1\n"))
        << script;
  }
}

TEST(EarlyBinding, EveryFileCanBeReadBeforeThePlan) {
  const std::vector<std::string> paths = early_binding_paths();
  for (const char* tool : kTools) {
    for (const auto& [path, text] : files_of(early_binding_changes(tool, {kCard}, {}))) {
      EXPECT_NE(std::ranges::find(paths, path), paths.end()) << path;
      EXPECT_TRUE(text.contains("Written by `cleave setup`")) << path;
    }
  }
  EXPECT_TRUE(early_binding_changes("booster", {kCard}, {}).last.empty());
  EXPECT_TRUE(early_binding_changes("dracut", {}, {}).last.empty());
}

// --- The script itself, under a real shell with a /sys of plain files.

class Script : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    root_ = fs::path(::testing::TempDir()) / ("early-" + std::to_string(::getpid()));
    fs::remove_all(root_);
    write("proc/cmdline", "BOOT_IMAGE=/vmlinuz ro quiet\n");
    write("sys/bus/pci/drivers_probe", "");
    device("0000:0b:00.0", "0x1002", "0x73ff");
    device("0000:0c:00.0", "0x1002", "0x73ff");  // its twin
  }
  void TearDown() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& text) const {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  void device(const std::string& address, const std::string& vendor,
              const std::string& model) const {
    const std::string base = "sys/bus/pci/devices/" + address;
    write(base + "/vendor", vendor + "\n");
    write(base + "/device", model + "\n");
    write(base + "/driver_override", "(null)\n");
  }
  [[nodiscard]] std::string read(const std::string& path) const {
    std::ifstream file(root_ / path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  [[nodiscard]] std::string override_of(const std::string& address) const {
    return std::string(trim(read("sys/bus/pci/devices/" + address + "/driver_override")));
  }
  int run(const std::string& shell, const std::string& words = "") const {
    std::string text = script_in(files_of(early_binding_changes("initramfs-tools", {kCard}, {})));
    text = replace_all(text, "/sys/", (root_ / "sys/").string());
    text = replace_all(text, "/proc/", (root_ / "proc/").string());
    write("script", text);
    const std::string command = shell + " " + (root_ / "script").string() + " " + words + " > " +
                                (root_ / "said").string() + " 2>&1";
    return std::system(command.c_str());  // NOLINT: a test's own words
  }

  fs::path root_;
};

TEST_P(Script, GivesTheCardAtItsAddressAndNotItsTwin) {
  EXPECT_EQ(run(GetParam()), 0);
  EXPECT_EQ(override_of("0000:0b:00.0"), "vfio-pci");
  EXPECT_EQ(read("sys/bus/pci/drivers_probe"), "0000:0b:00.0\n");
  EXPECT_EQ(override_of("0000:0c:00.0"), "(null)");
  EXPECT_EQ(read("said"), "");
}

TEST_P(Script, LeavesAnotherDeviceAtTheAddressAlone) {
  device("0000:0b:00.0", "0x1002", "0x744c");
  EXPECT_EQ(run(GetParam()), 0);
  EXPECT_EQ(override_of("0000:0b:00.0"), "(null)");
  fs::remove_all(root_ / "sys/bus/pci/devices/0000:0b:00.0");
  EXPECT_EQ(run(GetParam()), 0);
  EXPECT_EQ(read("said"), "");
}

TEST_P(Script, LeavesADeviceThatHasADriverAlone) {
  write("sys/bus/pci/devices/0000:0b:00.0/driver/uevent", "");
  EXPECT_EQ(run(GetParam()), 0);
  EXPECT_EQ(override_of("0000:0b:00.0"), "(null)");
}

TEST_P(Script, DoesNothingWhenTheBootMenuSaysSo) {
  write("proc/cmdline", "BOOT_IMAGE=/vmlinuz ro cleave.early_binding=off quiet\n");
  EXPECT_EQ(run(GetParam()), 0);
  EXPECT_EQ(override_of("0000:0b:00.0"), "(null)");
  EXPECT_EQ(run(GetParam(), "prereqs"), 0);
  EXPECT_EQ(read("said"), "");
}

TEST_P(Script, SaysNothingWhereTheKernelRefuses) {
  write("proc/cmdline", "ro\n");
  fs::remove(root_ / "sys/bus/pci/drivers_probe");
  fs::create_directories(root_ / "sys/bus/pci/drivers_probe");
  EXPECT_EQ(run(GetParam()), 0);
  EXPECT_EQ(override_of("0000:0b:00.0"), "vfio-pci");
  EXPECT_EQ(read("said"), "");
}

INSTANTIATE_TEST_SUITE_P(
    Shells, Script, ::testing::Values("dash", "bash", "busybox sh"), [](const auto& shell) {
      return std::string(shell.param).substr(0, std::string(shell.param).find(' '));
    });

}  // namespace
}  // namespace cleave
