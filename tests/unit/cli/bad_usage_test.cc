// A value that an option cannot have is wrong usage: exit status 2, with what it can be, and
// nothing is done.
#include <gtest/gtest.h>
#include <stdlib.h>  // setenv

#include <filesystem>
#include <fstream>

#include "cli/command.h"
#include "unit/cli/ran.h"

namespace cleave {
namespace {

struct Case {
  std::vector<std::string> words;
  const char* told;
};

// A home with the VM "office".
class BadUsage : public testing::Test {
 protected:
  void SetUp() override {
    home_ = testing::TempDir() + "cleave-usage-XXXXXX";
    ASSERT_NE(::mkdtemp(home_.data()), nullptr);
    std::filesystem::create_directories(home_ + "/cleave/vms");
    std::ofstream(file("office")) << "accelerator = \"tcg\"\n[display]\ntype = \"none\"\n";
    ::setenv("XDG_CONFIG_HOME", home_.c_str(), 1);
    ::setenv("XDG_DATA_HOME", home_.c_str(), 1);
    ::setenv("XDG_CACHE_HOME", home_.c_str(), 1);
    ::setenv("XDG_RUNTIME_DIR", home_.c_str(), 1);
    ::unsetenv("SUDO_UID");
  }
  void TearDown() override { std::filesystem::remove_all(home_); }
  [[nodiscard]] std::string file(const std::string& vm) const {
    return home_ + "/cleave/vms/" + vm + ".toml";
  }
  void expect_refused(const std::vector<Case>& cases) {
    for (const Case& each : cases) {
      std::string line;
      for (const std::string& word : each.words) line += word + " ";
      SCOPED_TRACE(line);
      const Ran ran = run_words(each.words);
      EXPECT_EQ(ran.status, 2) << ran.errors;
      EXPECT_NE(ran.errors.find(each.told), std::string::npos) << ran.errors;
      EXPECT_FALSE(std::filesystem::exists(file("fresh")));
    }
  }
  std::string home_;
};

TEST_F(BadUsage, AWordThatIsNoneOfThoseThatAre) {
  expect_refused({
      {{"vm", "new", "fresh", "--os", "nosuch"}, "linux, windows, windows10, windows11"},
      {{"vm", "new", "fresh", "--os", "windos10"}, "Did you mean “windows10”?"},
      {{"vm", "new", "fresh", "--firmware", "x"}, "bios"},
      {{"vm", "new", "fresh", "--display", "x"}, "egl-headless"},
      {{"vm", "new", "fresh", "--gpu", "gvtg"}, "gvt-g"},
      {{"vm", "new", "fresh", "--accelerator", "hvf"}, "kvm, tcg"},
      {{"vm", "export", "office", "--format", "x"}, "libvirt, script"},
      {{"vm", "import", "/dev/null", "--format", "x"}, "libvirt, qemu"},
      {{"vm", "autostart", "office", "x"}, "no, login and boot"},
      {{"doctor", "--way", "x"}, "gvt-g"},
      {{"setup", "--way", "x", "--dry-run"}, "gvt-g"},
      {{"qemu", "options", "x"}, "x"},
      {{"qemu", "build", "--source", "distribution", "--with", "x"}, "x"},
      {{"qemu", "build", "--source", "distribution", "--without", "x"}, "x"},
  });
}

TEST_F(BadUsage, AValueThatIsNotOfItsKind) {
  expect_refused({
      {{"vm", "new", "a b"}, "cannot be the name of a VM"},
      {{"vm", "new", "fresh", "--cpus", "many"}, "--cpus"},
      {{"vm", "new", "fresh", "--memory", "much"}, "memory"},
      {{"vm", "new", "fresh", "--size", "64"}, "64G"},
      {{"vm", "start", "office", "--limit", "0"}, "--limit"},
      {{"vm", "start", "office", "--limit", "9999999"}, "--limit"},
      {{"vm", "start", "office", "--force", "card"}, "0000:01:00.0"},
      {{"vm", "start", "office", "--prove", "--foreground"}, "do not go together"},
      {{"vm", "stop", "office", "--limit", "soon"}, "--limit"},
      {{"vm", "prove", "office", "--wait", "9999999"}, "--wait"},
      {{"vm", "import", "/dev/null", "--name", "a b"}, "cannot be the name of a VM"},
      {{"vm", "install", "office"}, "--iso"},
      {{"vm", "install", "office", "--cloud-image", "/dev/null", "--size", "x"}, "64G"},
      {{"vm", "balloon", "office", "much"}, "much"},
      {{"vm", "send-key", "office", "nokey"}, "nokey"},
      {{"vm", "usb", "attach", "office", "mouse"}, "046d:c52b"},
      {{"lab", "run", "--module-parameter", "enable_gvt", "--", "true"}, "MODULE.NAME=VALUE"},
      {{"lab", "run", "--kernel-argument", "a b", "--", "true"}, "a b"},
      {{"lab", "run", "--memory", "12", "--", "true"}, "--memory"},
      {{"lab", "up", "--name", "a b"}, "32 letters"},
      {{"qemu", "build", "--version", "x"}, "x"},
      {{"qemu", "build", "--source", "distribution", "--name", "a b"}, "a b"},
      {{"qemu", "build", "--source", "distribution", "--refresh-ms", "900000"}, "--refresh-ms"},
      {{"qemu", "build"}, "--source"},
  });
}

// Every choice that a row offers is one that the command takes.
TEST_F(BadUsage, WhatIsOfferedIsTaken) {
  std::size_t asked = 0;
  for (const Command& command : all_commands()) {
    for (const OptionSpec& option : command.options) {
      if (option.choices == nullptr) continue;
      SCOPED_TRACE(std::string(command.name) + " " + option.name);
      EXPECT_GE(option.choices().size(), 2U);
      ++asked;
    }
  }
  EXPECT_GE(asked, 7U);
  for (const std::string format : {"libvirt", "script", "quickemu", "proxmox", "kubevirt"}) {
    const Ran ran = run_words({"vm", "export", "office", "--format", format, "--output", "-"});
    EXPECT_EQ(ran.status, 0) << ran.errors;
  }
}

}  // namespace
}  // namespace cleave
