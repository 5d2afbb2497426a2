// The agent and its client over a socket pair, with real commands of this machine.
#include "lab/agent.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/text.h"
#include "lab/agent_client.h"
#include "lab/cache.h"

namespace cleave {
namespace {

class AgentTest : public testing::Test {
 protected:
  AgentTest() {
    // The agent has one thread and reads SIGCHLD from a descriptor. Here it is a thread beside this
    // one, which would take the signal away if it did not block it, too.
    sigset_t children;
    ::sigemptyset(&children);
    ::sigaddset(&children, SIGCHLD);
    ::pthread_sigmask(SIG_BLOCK, &children, &signals_before_);
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    raw_ = ends[0];
    client_.emplace(OwnedFd(ends[0]), AgentWatch{});
    agent_ = std::thread([port = ends[1]] { (void)serve_agent(OwnedFd(port), {}).has_value(); });
    directory_ = testing::TempDir() + "agent_test_XXXXXX";
    EXPECT_NE(::mkdtemp(directory_.data()), nullptr);
  }
  ~AgentTest() override {
    client_.reset();
    agent_.join();
    remove_tree(directory_);
    ::pthread_sigmask(SIG_SETMASK, &signals_before_, nullptr);
  }

  LaptopCommand command(std::vector<std::string> argv) {
    LaptopCommand command;
    command.argv = std::move(argv);
    command.limit = std::chrono::seconds(30);
    command.on_output = [this](std::string_view bytes) { output_ += bytes; };
    command.on_error_output = [this](std::string_view bytes) { errors_ += bytes; };
    return command;
  }
  LaptopCommand shell(const std::string& script) { return command({"/bin/sh", "-c", script}); }

  sigset_t signals_before_{};
  int raw_ = -1;
  std::optional<AgentClient> client_;
  std::thread agent_;
  std::string directory_;
  std::string output_;
  std::string errors_;
};

TEST_F(AgentTest, OutputErrorsAndStatusArrive) {
  ASSERT_TRUE(client_->greet(std::chrono::seconds(10)));
  const Result<int> status = client_->run(shell("printf out; printf err >&2; exit 9"));
  ASSERT_TRUE(status);
  EXPECT_EQ(*status, 9);
  EXPECT_EQ(output_, "out");
  EXPECT_EQ(errors_, "err");
  EXPECT_EQ(*client_->run(shell("kill -KILL $$")), 128 + 9);
}

TEST_F(AgentTest, DirectoryAndEnvironmentAreSet) {
  LaptopCommand command = shell("pwd; printf %s \"$GREETING\"");
  command.working_directory = "/usr";
  command.environment = {{"GREETING", "a  b"}};
  EXPECT_EQ(*client_->run(command), 0);
  EXPECT_EQ(output_, "/usr\na  b");
}

TEST_F(AgentTest, WhatCannotBeStartedIsAnErrorWithItsErrno) {
  const Result<int> missing = client_->run(command({"/no/such/program"}));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::NotFound);
  const Result<int> directory = client_->run(command({"/usr"}));
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().error_number, EACCES);
  LaptopCommand nowhere = shell("true");
  nowhere.working_directory = "/no/such/directory";
  EXPECT_FALSE(client_->run(nowhere));
  EXPECT_EQ(*client_->run(shell("true")), 0);
}

TEST_F(AgentTest, MuchOutputIsComplete) {
  EXPECT_EQ(*client_->run(shell("head -c 5000000 /dev/zero")), 0);
  EXPECT_EQ(output_.size(), 5'000'000U);
}

TEST_F(AgentTest, AProgramLeftBehindDoesNotHoldUpTheEnd) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(*client_->run(shell("sleep 20 & echo $!")), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  EXPECT_EQ(*client_->run(command({"kill", std::string(trim(output_))})), 0);
}

TEST_F(AgentTest, ACommandOverItsLimitTimesOut) {
  LaptopCommand command = shell("exec sleep 100");
  command.limit = std::chrono::seconds(1);
  const Result<int> status = client_->run(command);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().error_number, ETIMEDOUT);
  // The next caller's greeting ends it.
  ASSERT_TRUE(client_->greet(std::chrono::seconds(10)));
  EXPECT_EQ(*client_->run(shell("exit 3")), 3);
}

TEST_F(AgentTest, GarbageAndHalfLinesOfAnEarlierCallerArePassedOver) {
  const std::string garbage = "{\"type\":\"run\"}\nnot json\n{\"type\":\"he";
  ASSERT_EQ(::send(raw_, garbage.data(), garbage.size(), 0), static_cast<ssize_t>(garbage.size()));
  // The first greeting completes the half line; a later one is heard.
  ASSERT_TRUE(client_->greet(std::chrono::seconds(10)));
  EXPECT_EQ(*client_->run(shell("exit 4")), 4);
}

TEST_F(AgentTest, FilesComeBackWholeOrNotAtAll) {
  const std::string from = directory_ + "/from";
  const std::string to = directory_ + "/to";
  std::string content(300'000, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 7 % 251);
  ASSERT_TRUE(write_whole_file(from, content));
  ASSERT_TRUE(client_->fetch({.laptop_path = from, .host_path = to}, std::chrono::seconds(30)));
  EXPECT_EQ(*read_whole_file(to, 1U << 20U), content);
  for (const std::string& path : {directory_ + "/none", directory_, std::string("/dev/null")}) {
    const std::string beside = directory_ + "/bad";
    EXPECT_FALSE(
        client_->fetch({.laptop_path = path, .host_path = beside}, std::chrono::seconds(30)));
    EXPECT_FALSE(std::filesystem::exists(beside));
  }
}

TEST_F(AgentTest, ATerminalHasASizeAndAnEnd) {
  LaptopCommand command = shell("tty >/dev/null && stty size && read line && echo got-$line");
  std::array<int, 2> typed{};
  ASSERT_EQ(::pipe(typed.data()), 0);
  const OwnedFd reading(typed[0]);
  OwnedFd writing(typed[1]);
  ASSERT_EQ(::write(writing.get(), "hello\n", 6), 6);
  command.terminal =
      LaptopTerminal{.input = reading.get(), .size = [] { return TerminalSize{33, 111}; }};
  EXPECT_EQ(*client_->run(command), 0);
  EXPECT_NE(output_.find("33 111"), std::string::npos) << output_;
  EXPECT_NE(output_.find("got-hello"), std::string::npos) << output_;
}

TEST_F(AgentTest, CtrlCReachesTheCommand) {
  LaptopCommand command = shell("echo ready; exec sleep 100");
  std::array<int, 2> typed{};
  ASSERT_EQ(::pipe(typed.data()), 0);
  const OwnedFd reading(typed[0]);
  const OwnedFd writing(typed[1]);
  command.terminal = LaptopTerminal{.input = reading.get(), .size = [] { return TerminalSize{}; }};
  command.on_output = [&](std::string_view bytes) {
    if (bytes.find("ready") != std::string_view::npos) {
      EXPECT_EQ(::write(writing.get(), "\x03", 1), 1);
    }
  };
  EXPECT_EQ(*client_->run(command), 128 + 2);
}

TEST(AgentClientTest, ADeadLaptopIsNoticed) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  AgentClient client(OwnedFd(ends[0]), {});
  OwnedFd other(ends[1]);
  const Result<AgentReply> silent = client.greet(std::chrono::milliseconds(50));
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().error_number, ETIMEDOUT);
  other.reset();
  const Result<AgentReply> gone = client.greet(std::chrono::seconds(5));
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().error_number, EPIPE);
}

TEST(LaptopAgent, RefusesToRunOutsideALaptop) {
  const Result<void> started = run_laptop_agent();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::Unsupported);
}

}  // namespace
}  // namespace cleave
