// The Comet Lake laptop's log as people get to see it, in both languages and as JSON.
#include <gtest/gtest.h>

#include "base/text.h"
#include "cli/render/explain_text.h"
#include "cli/render/translate.h"
#include "host/host.h"
#include "host/program.h"
#include "support/golden.h"

namespace cleave {
namespace {

ExplainedFile comet_lake() {
  return explain_file("comet-lake.log", testing::read_test_file("golden/explain/comet-lake.log"));
}

std::string locales() { return join_path(directory_name(own_program().value_or("")), "locale"); }

TEST(ExplainText, CometLakeInEnglish) {
  choose_language("en", locales());
  const std::string text = explain_text(comet_lake(), {});
  testing::expect_golden("explain/comet-lake.en.txt", text);
  EXPECT_EQ(text.find('{'), std::string::npos);
  for (const std::string_view line : lines(text)) EXPECT_LE(display_width(line), 80U) << line;
}

TEST(ExplainText, CometLakeInKorean) {
  choose_language("ko", locales());
  const std::string text = explain_text(comet_lake(), {});
  choose_language("en", locales());
  testing::expect_golden("explain/comet-lake.ko.txt", text);
  for (const std::string_view line : lines(text)) EXPECT_LE(display_width(line), 80U) << line;
}

TEST(ExplainText, CometLakeAsJson) {
  const std::string text = to_text(explain_json({comet_lake()}), 2) + "\n";
  testing::expect_golden("explain/comet-lake.json", text);
}

TEST(ExplainText, LongFilesShowWhatMattersUnlessAllIsAsked) {
  std::string log = testing::read_test_file("golden/explain/comet-lake.log");
  for (int i = 0; i < 3000; ++i) log += "[    9.000000] usb 1-1: new device\n";
  const ExplainedFile file = explain_file("long.log", log);
  EXPECT_EQ(explain_text(file, {}).find("usb 1-1"), std::string::npos);
  EXPECT_NE(explain_text(file, {.all_lines = true}).find("usb 1-1"), std::string::npos);
}

TEST(ExplainText, HostileBytesDoNotReachTheTerminal) {
  const ExplainedFile file =
      explain_file("x\x1b[2J", "[    0.000000] DMAR: Unknown option - '\x1b]0;x\x07'\n");
  const std::string text = explain_text(file, {});
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('\x07'), std::string::npos);
}

}  // namespace
}  // namespace cleave
