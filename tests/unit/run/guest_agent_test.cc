#include "run/guest_agent.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <functional>
#include <string>
#include <thread>

namespace cleave {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// The guest's end, played by a thread.
class Guest {
 public:
  explicit Guest(OwnedFd socket) : socket_(std::move(socket)) {}
  void say(std::string_view text) const {
    (void)::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
  }
  // The next request without the 0xff that may stand before it; null at the end.
  Json hear() {
    while (buffer_.find('\n') == std::string::npos) {
      std::array<char, 4096> bytes{};
      const ssize_t count = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
      if (count <= 0) return {};
      buffer_.append(bytes.data(), static_cast<size_t>(count));
    }
    const size_t end = buffer_.find('\n');
    std::string line = buffer_.substr(0, end);
    buffer_.erase(0, end + 1);
    if (line.starts_with('\xff')) line.erase(0, 1);
    return *parse_json(line);
  }
  void synchronise() {
    const Json request = hear();
    EXPECT_EQ(request.text_of("execute"), "guest-sync-delimited");
    say("\xff{\"return\": " + to_text(*request.find("arguments")->find("id")) + "}\n");
  }

 private:
  OwnedFd socket_;
  std::string buffer_;
};

class GuestAgentTest : public testing::Test {
 protected:
  void play(std::function<void(Guest&)> part) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    ours_ = OwnedFd(ends[0]);
    thread_ = std::thread([part = std::move(part), theirs = ends[1]] {
      Guest guest{OwnedFd(theirs)};
      part(guest);
    });
  }
  void TearDown() override {
    ours_.reset();
    if (thread_.joinable()) thread_.join();
  }
  OwnedFd ours_;
  std::thread thread_;
};

TEST_F(GuestAgentTest, AnswersAreTakenOnlyBehindTheDelimiter) {
  play([](Guest& guest) {
    guest.say("{\"return\": {}}\n{\"ret");  // what another client had left
    guest.synchronise();
    const Json request = guest.hear();
    EXPECT_EQ(request.text_of("execute"), "guest-ping");
    guest.say("{\"return\": {\"a\": 1}}\n");
    guest.hear();
  });
  auto agent = GuestAgent::synchronise(std::move(ours_), seconds(10));
  ASSERT_TRUE(agent.has_value()) << english(agent.error());
  const auto answer = agent->execute("guest-ping", Json::object(), seconds(10));
  ASSERT_TRUE(answer.has_value()) << english(answer.error());
  EXPECT_EQ(answer->find("a")->as_unsigned(), 1U);
}

TEST_F(GuestAgentTest, NobodyBehindTheChannelIsSilence) {
  play([](Guest& guest) {
    guest.hear();
    guest.hear();
  });
  const auto silent = GuestAgent::synchronise(std::move(ours_), milliseconds(50));
  ASSERT_FALSE(silent.has_value());
  EXPECT_EQ(silent.error().error_number, ETIMEDOUT);
}

TEST_F(GuestAgentTest, AFloodOfWrongAnswersComesToAnEnd) {
  play([](Guest& guest) {
    const Json request = guest.hear();
    for (int i = 0; i < 200; ++i) {
      guest.say("\xff{\"return\": 1}\n");
      std::this_thread::sleep_for(milliseconds(1));
    }
  });
  const auto refused = GuestAgent::synchronise(std::move(ours_), milliseconds(100));
  EXPECT_FALSE(refused.has_value());
}

TEST_F(GuestAgentTest, ARefusalIsTold) {
  play([](Guest& guest) {
    guest.synchronise();
    guest.hear();
    guest.say("{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"disabled\\u001b[0m\"}}\n");
    guest.hear();
  });
  auto agent = GuestAgent::synchronise(std::move(ours_), seconds(10));
  ASSERT_TRUE(agent.has_value()) << english(agent.error());
  const auto told = agent->tell("guest-shutdown", Json::object(), seconds(10));
  ASSERT_FALSE(told.has_value());
  EXPECT_NE(english(told.error()).find("guest-shutdown: disabled"), std::string::npos);
  EXPECT_EQ(english(told.error()).find('\x1b'), std::string::npos);
}

TEST_F(GuestAgentTest, SilenceAfterShutdownIsConsent) {
  play([](Guest& guest) {
    guest.synchronise();
    guest.hear();
    guest.hear();
  });
  auto agent = GuestAgent::synchronise(std::move(ours_), seconds(10));
  ASSERT_TRUE(agent.has_value()) << english(agent.error());
  EXPECT_TRUE(agent->tell("guest-shutdown", Json::object(), milliseconds(50)).has_value());
}

TEST(GuestAgentAnswers, WhatHasNoEndIsGivenUp) {
  GuestAgentAnswers answers;
  answers.add("\xff");
  EXPECT_FALSE((*answers.take()).has_value());
  answers.add(std::string(GuestAgentAnswers::kLongestAnswer + 1, 'x'));
  EXPECT_EQ(answers.take().error().code, ErrorCode::Malformed);
  answers.add("\xff{}\n");
  EXPECT_TRUE((*answers.take()).has_value());
}

TEST(GuestAgentAnswers, OnlyObjectsAreAnswers) {
  for (const char* line : {"[]\n", "1\n", "\n", "{\n"}) {
    GuestAgentAnswers answers;
    answers.add(std::string("\xff") + line);
    EXPECT_EQ(answers.take().error().code, ErrorCode::Malformed) << line;
  }
}

}  // namespace
}  // namespace cleave
