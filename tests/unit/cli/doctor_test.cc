// The doctor's report on every captured machine, as text and as JSON.
#include <gtest/gtest.h>

#include "base/text.h"
#include "cli/render/doctor_json.h"
#include "cli/render/doctor_text.h"
#include "cli/render/translate.h"
#include "facts/readers/read_facts.h"
#include "support/golden.h"
#include "support/machine.h"

namespace cleave {
namespace {

class DoctorReport : public ::testing::TestWithParam<const char*> {};

TEST_P(DoctorReport, TextIsAsExpected) {
  const MemoryHost host = testing::load_machine(GetParam());
  const Facts facts = read_facts(host);
  const std::string text = doctor_text(diagnose(facts), {});
  testing::expect_golden("doctor/" + std::string(GetParam()) + ".en.txt", text);
  for (const std::string_view line : lines(text)) {
    EXPECT_LE(display_width(line), 80U) << line;
  }
  EXPECT_EQ(text.find('{'), std::string::npos) << "a field without a value";
}

TEST_P(DoctorReport, JsonIsAsExpected) {
  const MemoryHost host = testing::load_machine(GetParam());
  const Facts facts = read_facts(host);
  const std::string text = to_text(doctor_json(diagnose(facts)), 2) + "\n";
  testing::expect_golden("doctor/" + std::string(GetParam()) + ".json", text);
  EXPECT_TRUE(parse_json(text).has_value());
}

INSTANTIATE_TEST_SUITE_P(Machines, DoctorReport,
                         ::testing::Values("amd-only", "broadwell", "comet-lake-one-v5-4-used",
                                           "comet-lake-plain", "comet-lake-ready",
                                           "gemini-lake-unsupported", "kabylake-guc", "long-domain",
                                           "mtty-mdpy-mbochs", "no-config", "no-gpu-vm",
                                           "nvidia-only", "tiger-lake", "unreadable"),
                         [](const auto& machine) { return replace_all(machine.param, "-", "_"); });

TEST(DoctorColour, MarksAreColouredOnlyWhenAsked) {
  const MemoryHost host = testing::load_machine("comet-lake-plain");
  const Facts facts = read_facts(host);
  const Diagnosis diagnosis = diagnose(facts);
  EXPECT_EQ(doctor_text(diagnosis, {}).find('\x1b'), std::string::npos);
  EXPECT_NE(doctor_text(diagnosis, {.colour = true}).find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace cleave
