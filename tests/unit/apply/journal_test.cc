#include "apply/journal.h"

#include <gtest/gtest.h>

namespace cleave {
namespace {

Journal example() {
  Journal journal;
  journal.number = 4;
  journal.time = 1790000000;
  journal.boot = "11111111-0000-0000-0000-000000000000";
  journal.plan.purpose = Message("Set it up");
  for (const char* path : {"/etc/a", "/etc/b"}) {
    Change change;
    change.effect = WriteFile{path, "text\n", 0644, ""};
    journal.plan.changes.push_back(change);
  }
  return journal;
}

TEST(Journal, ReadsWhatIsWritten) {
  const Before before{"/etc/a", true, "fnv1a64:0:00", "", "nvme", 1, 2, {"/etc/x", "/etc/x/y"}};
  const std::string text = begin_line(example()) + intent_line(0, before) + done_line(0) +
                           intent_line(1, Before()) + undone_line(0) +
                           end_line(Journal::End::Undone);
  const auto journal = parse_journal(text);
  ASSERT_TRUE(journal) << english(journal.error());
  EXPECT_EQ(journal->number, 4U);
  EXPECT_EQ(journal->plan, example().plan);
  EXPECT_EQ(journal->intents.at(0), before);
  EXPECT_EQ(journal->done, (std::vector<std::size_t>{0}));
  EXPECT_EQ(journal->undone, (std::set<std::size_t>{0}));
  EXPECT_EQ(journal->end, Journal::End::Undone);
  EXPECT_FALSE(journal->torn);
}

TEST(Journal, ItsLastLineTellsWhatItStandsWith) {
  const std::string begun = begin_line(example()) + intent_line(0, Before()) + done_line(0);
  const std::string text = begun + end_line(Standing{.boot = "1-1", .paths = {"/sys/a", "/sys/b"}});
  const auto standing = standing_of(text);
  ASSERT_TRUE(standing);
  EXPECT_EQ(standing->boot, "1-1");
  EXPECT_EQ(standing->paths, (std::vector<std::string>{"/sys/a", "/sys/b"}));
  const auto journal = parse_journal(text);
  ASSERT_TRUE(journal) << english(journal.error());
  EXPECT_EQ(journal->end, Journal::End::Applied);
  EXPECT_TRUE(has_ended(text));
  EXPECT_FALSE(standing_of(text.substr(0, text.size() - 1)));
  EXPECT_FALSE(standing_of(text + undoing_line()));
  EXPECT_FALSE(standing_of(text + undone_line(0)));
  EXPECT_FALSE(standing_of(begun + end_line(Journal::End::Applied)));
  EXPECT_FALSE(standing_of(""));
}

TEST(Journal, ToleratesATearAtEveryByteOfTheLastLine) {
  const std::string whole = begin_line(example()) + intent_line(0, Before());
  const std::string last = done_line(0);
  for (std::size_t length = 1; length < last.size(); ++length) {
    const auto journal = parse_journal(whole + last.substr(0, length));
    ASSERT_TRUE(journal);
    EXPECT_TRUE(journal->torn);
    EXPECT_TRUE(journal->done.empty());
  }
}

TEST(Journal, WithoutAWholeFirstLineHasNotBegun) {
  const std::string begin = begin_line(example());
  EXPECT_EQ(parse_journal("").error().code, ErrorCode::NotFound);
  EXPECT_EQ(parse_journal(begin.substr(0, begin.size() - 1)).error().code, ErrorCode::NotFound);
}

// A file system that wrote the length and not the content leaves zeros.
TEST(Journal, ZerosAtTheEndCountAsNotWritten) {
  const std::string begin = begin_line(example());
  for (const std::string& text : {begin, begin + intent_line(0, Before())}) {
    const auto journal = parse_journal(text + std::string(100, '\0'));
    ASSERT_TRUE(journal) << english(journal.error());
    EXPECT_TRUE(journal->torn);
    EXPECT_EQ(journal->plan, example().plan);
  }
  EXPECT_EQ(parse_journal(std::string(4096, '\0')).error().code, ErrorCode::NotFound);
}

// What is only looked for says the same as what is read, wherever the text breaks off.
TEST(Journal, HasEndedWhereItReadsAnEnd) {
  const std::string text = begin_line(example()) + intent_line(0, Before()) + done_line(0) +
                           end_line(Journal::End::Applied) + undone_line(0) + undoing_line() +
                           end_line(Journal::End::Undone);
  for (std::size_t length = 0; length <= text.size(); ++length) {
    const std::string torn = text.substr(0, length);
    const auto journal = parse_journal(torn);
    const bool ended = journal && journal->end != Journal::End::None;
    EXPECT_EQ(has_ended(torn), ended) << torn;
    EXPECT_EQ(has_ended(torn + std::string(8, '\0')), ended) << torn;
  }
}

TEST(Journal, RefusesLinesThatCannotBe) {
  const std::string begin = begin_line(example());
  const std::string intent = intent_line(0, Before());
  for (const std::string& text :
       {std::string("{}\n"), std::string("garbage\n"), done_line(0), begin + "{}\n", begin + "\n",
        begin + done_line(0),              // done without intent
        begin + undone_line(0),            // undone without intent
        begin + intent_line(2, Before()),  // no such change
        begin + intent + intent,           // twice
        begin + "{\"end\":\"perhaps\"}\n", begin + begin}) {
    const auto journal = parse_journal(text);
    ASSERT_FALSE(journal) << text;
    EXPECT_EQ(journal.error().code, ErrorCode::Malformed) << text;
  }
}

}  // namespace
}  // namespace cleave
