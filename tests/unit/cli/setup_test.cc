// What a person is shown before anything is changed, for every captured boot loader, in both
// languages.
#include <gtest/gtest.h>

#include <string>

#include "app/trial.h"
#include "base/text.h"
#include "cli/render/setup_text.h"
#include "cli/render/translate.h"
#include "facts/readers/read_facts.h"
#include "host/program.h"
#include "support/golden.h"
#include "support/machine.h"

namespace cleave {
namespace {

constexpr std::size_t kWidth = 80;
constexpr const char* kProgram = "/usr/bin/cleave";

std::string locales() { return join_path(directory_name(own_program().value_or("")), "locale"); }

std::string joined(const std::vector<std::string>& all) {
  std::string text;
  for (const std::string& line : all) text += line + "\n";
  return text;
}

// As `cleave setup --from MACHINE` shows it.
std::string shown(const HostReader& host) {
  const auto setup = prepare_setup(host, read_facts(host),
                                   {.way = "gvt-g", .gpu = std::nullopt, .program = kProgram});
  if (!setup) return translate(setup.error());
  std::string text = joined(setup_lines(*setup, kWidth));
  const auto trial = prepare_trial(host, *setup, "/var/lib/cleave", kProgram, "0badcafe");
  if (!trial) return text + "\n" + translate(trial.error());
  text += "\n" + joined(trial_lines(*trial, setup->texts, kWidth));
  if (!trial->trial.once) text += translate(trial->why_not_once) + "\n";
  return text;
}

class SetupPreview : public ::testing::TestWithParam<std::string> {
 protected:
  void TearDown() override { choose_language("en", locales()); }
};

void expect_text(const std::string& machine, const std::string& language) {
  choose_language(language, locales());
  const std::string text = shown(testing::load_machine(machine));
  testing::expect_golden("setup/" + machine + "." + language + ".txt", text);
}

TEST_P(SetupPreview, IsAsExpected) { expect_text(GetParam(), "en"); }

TEST_P(SetupPreview, IsAsExpectedInKorean) { expect_text(GetParam(), "ko"); }

std::vector<std::string> boot_machines() {
  std::vector<std::string> names;
  for (const std::string& name : testing::machine_names()) {
    if (name.starts_with("boot-")) names.push_back(name);
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, SetupPreview, ::testing::ValuesIn(boot_machines()),
                         [](const auto& machine) { return replace_all(machine.param, "-", "_"); });

TEST(Difference, IsWhatChangedAndNoMore) {
  using Lines = std::vector<std::string>;
  EXPECT_EQ(difference_lines("a\nb\nc\n", "a\nx\nc\n"), (Lines{"- b", "+ x"}));
  EXPECT_EQ(difference_lines("", "a\n"), Lines{"+ a"});
  EXPECT_EQ(difference_lines("a\na\n", "a\n"), Lines{"- a"});
  EXPECT_EQ(difference_lines("a\n", "a\n"), Lines{});
}

}  // namespace
}  // namespace cleave
