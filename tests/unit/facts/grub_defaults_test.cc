// The shell subset of GRUB's files, and what bash made of every such file of the corpus.
#include "facts/grub_defaults.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/text.h"
#include "support/golden.h"

namespace cleave {
namespace {

constexpr const char* kUnknown = "<unknown>";
constexpr const char* kUnset = "<unset>";

std::string value(std::string_view text, std::string_view name = "GRUB_A") {
  const GrubDefaults defaults = parse_grub_defaults(text);
  const auto found = defaults.variables.find(name);
  if (found == defaults.variables.end()) return kUnset;
  return found->second.value.value_or(kUnknown);
}

TEST(GrubDefaults, QuotesAreTakenOffAsAShellDoes) {
  EXPECT_EQ(value("GRUB_A=plain"), "plain");
  EXPECT_EQ(value("GRUB_A=\"two words\"\n"), "two words");
  EXPECT_EQ(value("GRUB_A='a \"b\" $C'"), "a \"b\" $C");
  EXPECT_EQ(value("GRUB_A=\"a \\\"b\\\" \\$C \\x\""), "a \"b\" $C \\x");
  EXPECT_EQ(value("GRUB_A=a\"b c\"'d e'\\ f"), "ab cd e f");
  EXPECT_EQ(value("GRUB_A="), "");
  EXPECT_EQ(value("GRUB_A=a#b # comment"), "a#b");
  EXPECT_EQ(value("# GRUB_A=x"), kUnset);
  EXPECT_EQ(value("GRUB_A=x;GRUB_A=y"), "y");
  EXPECT_EQ(value("GRUB_A=\"one \\\ntwo\""), "one two");
  EXPECT_EQ(value("GRUB_A=\"one\ntwo\""), "one\ntwo");
  EXPECT_EQ(value("GRUB_A=x\r\n"), "x\r");
}

TEST(GrubDefaults, VariablesArePutIn) {
  EXPECT_EQ(value("GRUB_B=x\nGRUB_A=\"$GRUB_B y\""), "x y");
  EXPECT_EQ(value("GRUB_B=x\nGRUB_A=${GRUB_B}y"), "xy");
  EXPECT_EQ(value("GRUB_A=\"$GRUB_A more\""), " more");
  EXPECT_EQ(value("GRUB_A=a\nGRUB_A+=\" b\""), "a b");
  EXPECT_EQ(value("GRUB_A+=b"), "b");
  EXPECT_EQ(value("GRUB_A=\"5$ and $ 6\""), "5$ and $ 6");
  EXPECT_EQ(value("export GRUB_A=\"x y\""), "x y");
  EXPECT_EQ(value("GRUB_A=x\nexport GRUB_A"), "x");
  EXPECT_EQ(value("GRUB_A=x\nunset GRUB_A"), kUnset);
  const GrubDefaults first = parse_grub_defaults("GRUB_A=quiet\n");
  EXPECT_EQ(parse_grub_defaults("GRUB_A=\"$GRUB_A intel_iommu=on\"", first).value_of("GRUB_A"),
            "quiet intel_iommu=on");
}

TEST(GrubDefaults, AlternativesOfUnsetVariables) {
  EXPECT_EQ(value("GRUB_A=\"${GRUB_A-} x\""), " x");
  EXPECT_EQ(value("GRUB_A=\"${GRUB_A:+${GRUB_A} }x\""), "x");
  EXPECT_EQ(value("GRUB_A=a\nGRUB_A=\"${GRUB_A:+${GRUB_A} }x\""), "a x");
  EXPECT_EQ(value("GRUB_A=\nGRUB_A=\"[${GRUB_A:-y}${GRUB_A-z}${GRUB_A+w}]\""), "[yw]");
}

TEST(GrubDefaults, WhatOnlyAShellKnowsIsUnknown) {
  EXPECT_EQ(value("GRUB_A=`uname`"), kUnknown);
  EXPECT_EQ(value("GRUB_A=$(a (b) ')' )"), kUnknown);
  EXPECT_EQ(value("GRUB_A=\"$(echo \"x\")\"\nGRUB_B=1", "GRUB_B"), "1");
  EXPECT_EQ(value("GRUB_A=${B:-c}"), kUnknown);
  EXPECT_EQ(value("GRUB_A=${GRUB_B:=c}"), kUnknown);
  EXPECT_EQ(value("GRUB_A=${GRUB_B:-'c'}"), kUnknown);
  EXPECT_EQ(value("GRUB_A=$HOME"), kUnknown);
  EXPECT_EQ(value("GRUB_A=~/x"), kUnknown);
  EXPECT_EQ(value("GRUB_A=$1"), kUnknown);
  EXPECT_EQ(value("GRUB_A=(a b)"), kUnknown);
  EXPECT_EQ(value("if true; then\nGRUB_A=x\nfi"), kUnknown);
  EXPECT_EQ(value("if true; then\nGRUB_A=x\nfi\nGRUB_A=y"), "y");
  EXPECT_EQ(value("[ -f x ] && GRUB_A=x"), kUnknown);
  EXPECT_EQ(value("GRUB_A=x &"), kUnknown);
  EXPECT_EQ(value("GRUB_A=x | cat"), kUnknown);
  EXPECT_EQ(value("f() {\nGRUB_A=x\n}"), kUnknown);
  EXPECT_EQ(value("GRUB_A=x\n. /etc/other"), kUnknown);
  EXPECT_EQ(value(". /etc/other\nGRUB_A=\"$GRUB_B\""), kUnknown);
  EXPECT_EQ(value("cat <<E\nGRUB_A=x\nE\n"), kUnknown);
}

TEST(GrubDefaults, AnAssignmentInFrontOfACommandIsNotKept) {
  // GRUB_CMDLINE_LINUX=quiet splash runs "splash".
  EXPECT_EQ(value("GRUB_A=quiet splash"), kUnset);
  EXPECT_EQ(value("GRUB_A=x\nGRUB_A=quiet splash"), "x");
  EXPECT_EQ(value("GRUB_A = x"), kUnset);
}

TEST(GrubDefaults, AnOpenQuoteEndsTheFile) {
  const GrubDefaults defaults = parse_grub_defaults("GRUB_A=x\nGRUB_B=\"y\nGRUB_C=z\n");
  EXPECT_EQ(defaults.value_of("GRUB_A"), "x");
  EXPECT_FALSE(defaults.value_of("GRUB_C").has_value());
  ASSERT_FALSE(defaults.problems.empty());
  EXPECT_EQ(defaults.problems.back().kind, GrubProblem::Kind::OpenQuote);
  EXPECT_EQ(defaults.problems.back().line, 2U);
}

TEST(GrubDefaults, ProblemsNameTheirLine) {
  const GrubDefaults defaults = parse_grub_defaults("# a\nGRUB_A=`x`\n\nGRUB_B=a\nGRUB_B+=b\n");
  ASSERT_EQ(defaults.problems.size(), 2U);
  EXPECT_EQ(defaults.problems[0].line, 2U);
  EXPECT_EQ(defaults.problems[0].kind, GrubProblem::Kind::Unknown);
  EXPECT_EQ(defaults.problems[1].line, 5U);
  EXPECT_EQ(defaults.problems[1].kind, GrubProblem::Kind::Append);
  EXPECT_EQ(defaults.variables.at("GRUB_B").append_line, 5U);
}

TEST(GrubDefaults, DoublingDoesNotGrowForEver) {
  std::string text = "GRUB_A=xxxxxxxxxxxxxxxx\n";
  for (int i = 0; i < 60; ++i) text += "GRUB_A=\"$GRUB_A$GRUB_A\"\n";
  EXPECT_EQ(value(text), kUnknown);
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

TEST(GrubDefaultsCorpus, EveryFileHasTheValuesThatBashSees) {
  const std::string corpus = testing::corpus_directory();
  if (corpus.empty()) GTEST_SKIP() << "skipped: no corpus";
  const std::string table = read_file(corpus + "/grub/shell-oracle.tsv");
  std::size_t compared = 0;
  for (const std::string_view row : lines(table)) {
    const std::vector<std::string_view> cells = split(row, '\t');
    if (cells.size() < 5 || cells[1] != "bash") continue;
    const std::string text = read_file(corpus + "/grub/" + std::string(cells[0]));
    for (const auto& [name, cell] : {std::pair{"GRUB_CMDLINE_LINUX", cells[3]},
                                     std::pair{"GRUB_CMDLINE_LINUX_DEFAULT", cells[4]}}) {
      EXPECT_EQ(value(text, name), cell) << cells[0] << " " << name;
      ++compared;
    }
  }
  EXPECT_GE(compared, 60U);
}

}  // namespace
}  // namespace cleave
