// What every command of `cleave vm` says of a VM that is not there, or that does not run: the same
// sentence, and exit status 1.
#include <gtest/gtest.h>
#include <stdlib.h>  // setenv

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "cli/command.h"
#include "unit/cli/ran.h"

namespace cleave {
namespace {

// A home with one VM, "office", that does not run.
class VmAbsent : public testing::Test {
 protected:
  void SetUp() override {
    home_ = testing::TempDir() + "cleave-absent-XXXXXX";
    ASSERT_NE(::mkdtemp(home_.data()), nullptr);
    const std::string vms = home_ + "/cleave/vms";
    std::filesystem::create_directories(vms);
    std::ofstream(vms + "/office.toml") << "accelerator = \"tcg\"\n[display]\ntype = \"none\"\n";
    ::setenv("XDG_CONFIG_HOME", home_.c_str(), 1);
    ::setenv("XDG_DATA_HOME", home_.c_str(), 1);
    ::setenv("XDG_RUNTIME_DIR", home_.c_str(), 1);
    ::unsetenv("SUDO_UID");
  }
  void TearDown() override { std::filesystem::remove_all(home_); }

  // A word that is good for each positional.
  static std::string word_for(const std::string& positional, const std::string& vm) {
    if (positional == "NAME") return vm;
    if (positional == "KEYS") return "ret";
    if (positional == "SIZE") return "2G";
    if (positional == "DEVICE") return "1-2";
    if (positional == "WHEN") return "no";
    return "word";
  }

  static bool takes_a_vm(const Command& command) {
    const std::string name = command.name;
    return name.starts_with("vm ") && name != "vm new" && !command.positionals.empty() &&
           std::string(command.positionals.front().name) == "NAME";
  }

  static std::vector<std::string> words_for(const Command& command, const std::string& vm) {
    std::vector<std::string> words;
    std::string name = command.name;
    for (std::size_t end = name.find(' '); end != std::string::npos; end = name.find(' ')) {
      words.push_back(name.substr(0, end));
      name.erase(0, end + 1);
    }
    words.push_back(name);
    for (const PositionalSpec& positional : command.positionals) {
      if (positional.required) words.push_back(word_for(positional.name, vm));
    }
    return words;
  }

  std::string home_;
};

TEST_F(VmAbsent, EveryCommandSaysThatThereIsNone) {
  std::size_t asked = 0;
  for (const Command& command : all_commands()) {
    if (!takes_a_vm(command)) continue;
    SCOPED_TRACE(command.name);
    ++asked;
    const Ran ran = run_words(words_for(command, "ofice"));
    EXPECT_EQ(ran.status, 1);
    EXPECT_NE(ran.errors.find("There is no VM ofice"), std::string::npos) << ran.errors;
    EXPECT_NE(ran.errors.find("Did you mean “office”?"), std::string::npos) << ran.errors;
  }
  EXPECT_GE(asked, 25U);
}

TEST_F(VmAbsent, EveryCommandSaysThatANameCanBeNone) {
  for (const Command& command : all_commands()) {
    if (!takes_a_vm(command)) continue;
    SCOPED_TRACE(command.name);
    const Ran ran = run_words(words_for(command, "a b"));
    EXPECT_EQ(ran.status, 2);
    EXPECT_NE(ran.errors.find("cannot be the name of a VM"), std::string::npos) << ran.errors;
  }
}

TEST_F(VmAbsent, WhatNeedsARunningVmSaysThatItDoesNotRun) {
  for (const char* name :
       {"vm stop", "vm kill", "vm screenshot", "vm prove", "vm pause", "vm resume", "vm reset",
        "vm send-key", "vm monitor", "vm balloon", "vm console", "vm eject", "vm insert",
        "vm usb attach", "vm usb detach"}) {
    SCOPED_TRACE(name);
    const auto found = std::ranges::find_if(
        all_commands(), [&](const Command& command) { return std::string(command.name) == name; });
    ASSERT_NE(found, all_commands().end());
    const Ran ran = run_words(words_for(*found, "office"));
    EXPECT_EQ(ran.status, 1);
    EXPECT_NE(ran.errors.find("The VM office does not run"), std::string::npos) << ran.errors;
    EXPECT_NE(ran.errors.find("cleave vm start office"), std::string::npos) << ran.errors;
  }
}

TEST_F(VmAbsent, ItsStateIsNoFailure) {
  const Ran ran = run_words({"vm", "status", "office"});
  EXPECT_EQ(ran.status, 1);
  EXPECT_NE(ran.output.find("was not started"), std::string::npos);
}

TEST_F(VmAbsent, ProgramsAreToldTheSame) {
  for (const char* name : {"stop", "status", "show", "pause"}) {
    SCOPED_TRACE(name);
    const Ran ran = run_words({"vm", name, "ofice", "--json"});
    EXPECT_EQ(ran.status, 1);
    EXPECT_NE(ran.output.find("cleave.error/1"), std::string::npos);
    EXPECT_NE(ran.output.find("\"not-found\""), std::string::npos) << ran.output;
  }
}

}  // namespace
}  // namespace cleave
