// The doctor's report on every captured machine, as text and as JSON.
#include <gtest/gtest.h>

#include <string>

#include "base/text.h"
#include "cli/render/doctor_json.h"
#include "cli/render/doctor_text.h"
#include "cli/render/translate.h"
#include "facts/readers/read_facts.h"
#include "host/program.h"
#include "support/golden.h"
#include "support/machine.h"

namespace cleave {
namespace {

std::string locales() { return join_path(directory_name(own_program().value_or("")), "locale"); }

// Without the findings that passed or do not apply: a new rule shall not touch every machine.
Json without_the_good(const Json& report) {
  Json findings = Json::array();
  for (const Json& finding : *report.find("findings")->as_array()) {
    const std::string_view outcome = finding.text_of("outcome");
    if (outcome == "fail" || outcome == "unknown") findings.push_back(finding);
  }
  Json shorter = report;
  shorter.set("findings", std::move(findings));
  return shorter;
}

class DoctorReport : public ::testing::TestWithParam<std::string> {
 protected:
  void TearDown() override { choose_language("en", locales()); }
};

void expect_text(const std::string& machine, const std::string& language) {
  choose_language(language, locales());
  const MemoryHost host = testing::load_machine(machine);
  const Facts facts = read_facts(host);
  const std::string text = doctor_text(diagnose(facts), {});
  testing::expect_golden("doctor/" + machine + "." + language + ".txt", text);
  for (const std::string_view line : lines(text)) {
    EXPECT_LE(display_width(line), 80U) << line;
  }
  EXPECT_EQ(text.find('{'), std::string::npos) << "a field without a value";
}

TEST_P(DoctorReport, TextIsAsExpected) { expect_text(GetParam(), "en"); }

TEST_P(DoctorReport, KoreanTextIsAsExpected) { expect_text(GetParam(), "ko"); }

TEST_P(DoctorReport, JsonIsAsExpected) {
  const MemoryHost host = testing::load_machine(GetParam());
  const Facts facts = read_facts(host);
  const Json report = doctor_json(diagnose(facts));
  const std::string text = to_text(without_the_good(report), 2) + "\n";
  testing::expect_golden("doctor/" + GetParam() + ".json", text);
  EXPECT_TRUE(parse_json(to_text(report)).has_value());
}

INSTANTIATE_TEST_SUITE_P(Machines, DoctorReport, ::testing::ValuesIn(testing::machine_names()),
                         [](const auto& machine) {
                           return replace_all(replace_all(machine.param, "-", "_"), ".", "_");
                         });

TEST(DoctorColour, MarksAreColouredOnlyWhenAsked) {
  const MemoryHost host = testing::load_machine("comet-lake-plain");
  const Facts facts = read_facts(host);
  const Diagnosis diagnosis = diagnose(facts);
  EXPECT_EQ(doctor_text(diagnosis, {}).find('\x1b'), std::string::npos);
  EXPECT_NE(doctor_text(diagnosis, {.colour = true}).find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace cleave
