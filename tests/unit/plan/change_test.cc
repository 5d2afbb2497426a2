#include "plan/change.h"

#include <gtest/gtest.h>

#include <random>

namespace cleave {
namespace {

// A text of random bytes, most of them plain, some not UTF-8.
std::string random_bytes(std::mt19937& random, std::size_t longest) {
  std::string bytes(random() % (longest + 1), ' ');
  const bool plain = random() % 2 == 0;
  for (char& byte : bytes) byte = static_cast<char>(plain ? 'a' + random() % 26 : random() % 256);
  return bytes;
}

std::string random_path(std::mt19937& random) {
  std::string path = "/" + random_bytes(random, 20);
  std::erase(path, '\0');
  return path;
}

std::vector<std::string> random_argv(std::mt19937& random) {
  std::vector<std::string> argv{"program"};
  for (auto count = random() % 4; count > 0; --count) {
    argv.push_back(random_bytes(random, 10));
    std::erase(argv.back(), '\0');
  }
  return argv;
}

Effect random_effect(std::mt19937& random) {
  switch (random() % 5) {
    case 0:
      return WriteAttribute{random_path(random),      random_bytes(random, 40),
                            random_path(random),      random_bytes(random, 4),
                            random() % 2 ? "" : "/d", random() % 2 ? "" : random_path(random),
                            random_bytes(random, 9)};
    case 1:
      return WriteFile{random_path(random), random_bytes(random, 3000),
                       static_cast<std::uint32_t>(random() % 010000), random_bytes(random, 30)};
    case 2:
      return RemoveFile{random_path(random), content_hash(random_bytes(random, 9))};
    case 3:
      return RunCommand{random_argv(random), random_argv(random),
                        static_cast<std::uint32_t>(random() % 1000)};
    default:
      return ChangeOwner{random_path(random), random() % 2 ? "" : random_path(random),
                         static_cast<std::uint32_t>(random()), static_cast<std::uint32_t>(random()),
                         static_cast<std::uint32_t>(random() % 1001)};
  }
}

Change random_change(std::mt19937& random) {
  Change change;
  change.id = "vgpu.create";
  change.summary = Message("Create {uuid}", {{"uuid", random_bytes(random, 36)}});
  change.reason = Message("Because {why} of {thing}",
                          {{"why", random_bytes(random, 5)}, {"thing", random_bytes(random, 5)}});
  change.effect = random_effect(random);
  change.needs_root = random() % 2 == 0;
  change.needs_reboot = random() % 2 == 0;
  change.permanent = random() % 2 == 0;
  return change;
}

TEST(Change, SurvivesJsonAsText) {
  std::mt19937 random(20261122);
  for (int i = 0; i < 2000; ++i) {
    const Change change = random_change(random);
    const auto json = parse_json(to_text(to_json(change)));
    ASSERT_TRUE(json);
    const auto again = change_from_json(*json);
    ASSERT_TRUE(again) << english(again.error()) << to_text(to_json(change));
    EXPECT_EQ(*again, change);
  }
}

TEST(Change, KeepsReadableTextReadable) {
  Change change;
  change.effect = WriteFile{"/etc/default/grub", "# 부트 로더\nGRUB_TIMEOUT=5\n", 0644, ""};
  const Json json = to_json(change);
  EXPECT_EQ(json.find("effect")->text_of("content"), "# 부트 로더\nGRUB_TIMEOUT=5\n");
}

// Every member taken away, or replaced by something of another type, is an error and no crash.
TEST(Change, RefusesEveryDamagedMember) {
  std::mt19937 random(7);
  for (int i = 0; i < 50; ++i) {
    const Json whole = to_json(random_change(random));
    for (std::size_t member = 0; member < whole.as_object()->size(); ++member) {
      Json cut = whole;
      cut.as_object()->erase(cut.as_object()->begin() + static_cast<std::ptrdiff_t>(member));
      ASSERT_FALSE(change_from_json(cut));
      Json wrong = whole;
      (*wrong.as_object())[member].second = Json::array({1, 2});
      const auto refused = change_from_json(wrong);
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error().code, ErrorCode::Malformed);
    }
    const Json::Object effect = *whole.find("effect")->as_object();
    for (std::size_t member = 0; member < effect.size(); ++member) {
      Json cut = effect;
      cut.as_object()->erase(cut.as_object()->begin() + static_cast<std::ptrdiff_t>(member));
      Json damaged = whole;
      damaged.set("effect", cut);
      ASSERT_FALSE(change_from_json(damaged)) << effect[member].first;
    }
  }
}

Json remove_file_json(Json path) {
  Change change;
  change.effect = RemoveFile{"/x", ""};
  Json json = to_json(change);
  Json effect = *json.find("effect");
  effect.set("path", std::move(path));
  json.set("effect", std::move(effect));
  return json;
}

TEST(Change, RefusesPathsThatAreNone) {
  EXPECT_TRUE(change_from_json(remove_file_json("/etc/x")));
  EXPECT_FALSE(change_from_json(remove_file_json("etc/x")));
  EXPECT_FALSE(change_from_json(remove_file_json("")));
  EXPECT_FALSE(change_from_json(remove_file_json("/" + std::string(5000, 'a'))));
  EXPECT_FALSE(change_from_json(remove_file_json(Json::object({{"hex", "2f00"}}))));
  EXPECT_FALSE(change_from_json(remove_file_json(Json::object({{"hex", "2f7"}}))));
  EXPECT_FALSE(change_from_json(remove_file_json(Json::object({{"hex", "zz"}}))));
  EXPECT_TRUE(change_from_json(remove_file_json(Json::object({{"hex", "2fff"}}))));
}

TEST(ContentHash, TellsContentsApart) {
  // The reference value of FNV-1a 64 for "foobar", from its authors' test vectors.
  EXPECT_EQ(content_hash("foobar"), "fnv1a64:6:85944171f73967e8");
  EXPECT_NE(content_hash("a"), content_hash("b"));
  EXPECT_NE(content_hash(""), kAbsentFile);
}

// Written again, one of the two would be gone.
TEST(Change, AFieldThatStandsTwiceIsRefused) {
  const std::string text =
      to_text(to_json(Change{.id = "x",
                             .summary = {"{a}", {{"a", "1"}}},
                             .reason = {},
                             .effect = RemoveFile{.path = "/etc/x", .expected_before = ""}}));
  const std::size_t field = text.find(R"("a":"1")");
  ASSERT_NE(field, std::string::npos) << text;
  EXPECT_TRUE(change_from_json(*parse_json(text)));
  const std::string twice = text.substr(0, field) + R"("a":"2",)" + text.substr(field);
  const auto refused = change_from_json(*parse_json(twice));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Malformed);
}

}  // namespace
}  // namespace cleave
