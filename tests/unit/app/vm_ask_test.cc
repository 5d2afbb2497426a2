#include "app/vm_ask.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>

#include "run/process.h"
#include "vm/runtime_files.h"

namespace cleave {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Lines of JSON over a socket, without the 0xff of the agent's protocol.
class Peer {
 public:
  explicit Peer(OwnedFd socket) : socket_(std::move(socket)) {}
  void say(std::string_view text) const {
    (void)::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
  }
  std::optional<Json> hear() {
    while (buffer_.find('\n') == std::string::npos) {
      std::array<char, 4096> bytes{};
      const ssize_t count = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
      if (count <= 0) return std::nullopt;
      buffer_.append(bytes.data(), static_cast<size_t>(count));
    }
    const size_t end = buffer_.find('\n');
    std::string line = buffer_.substr(0, end);
    buffer_.erase(0, end + 1);
    if (line.starts_with('\xff')) line.erase(0, 1);
    return *parse_json(line);
  }

 private:
  OwnedFd socket_;
  std::string buffer_;
};

// A process that takes QEMU's part, a monitor, and a channel for the guest's agent.
class VmAskTest : public testing::Test {
 protected:
  void SetUp() override {
    base_ = testing::TempDir() + "cleave-ask-XXXXXX";
    ASSERT_NE(::mkdtemp(base_.data()), nullptr);
    Result<Process> started = Process::start({.argv = {"sleep", "60"}, .die_with_parent = true});
    ASSERT_TRUE(started.has_value());
    qemu_.emplace(std::move(*started));
    process_ = *open_process(*identify_process(static_cast<std::uint32_t>(qemu_->id())));
  }
  void TearDown() override {
    if (qemu_) {
      (void)qemu_->send_signal(SIGKILL);
      (void)qemu_->wait(seconds(10));
    }
    if (agent_.joinable()) agent_.join();
    if (monitor_.joinable()) monitor_.join();
    std::filesystem::remove_all(base_);
  }
  void end_qemu() { (void)qemu_->send_signal(SIGKILL); }

  // Answers whatever is asked; `obeyed`: the number of the press that the guest obeys, 0: none.
  QmpClient play_monitor(int obeyed, const char* status = "running") {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    monitor_ = std::thread([this, obeyed, status, theirs = ends[1]] {
      int presses = 0;
      Peer peer{OwnedFd(theirs)};
      peer.say("{\"QMP\":{}}\n");
      while (const auto request = peer.hear()) {
        const std::string command(request->text_of("execute"));
        heard_ += command + " ";
        const std::string result =
            command == "query-status" ? "{\"status\":\"" + std::string(status) + "\"}" : "{}";
        peer.say("{\"return\":" + result + ",\"id\":" + to_text(*request->find("id")) + "}\n");
        if (command == "system_powerdown" && ++presses == obeyed) end_qemu();
      }
    });
    return *QmpClient::negotiate(OwnedFd(ends[0]), seconds(10));
  }

  // `answers`: an agent is behind the channel, and shuts down when it is asked.
  void play_agent(bool answers) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::ranges::copy(base_ + "/" + kAgentSocket, static_cast<char*>(address.sun_path));
    OwnedFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    ASSERT_EQ(::listen(listener.get(), 1), 0);
    agent_ = std::thread([this, answers, listener = std::move(listener)] {
      Peer peer{OwnedFd(::accept(listener.get(), nullptr, nullptr))};
      while (const auto request = peer.hear()) {
        if (!answers) continue;
        if (request->text_of("execute") == "guest-sync-delimited") {
          peer.say("\xff{\"return\":" + to_text(*request->find("arguments")->find("id")) + "}\n");
        } else if (request->text_of("execute") == "guest-shutdown") {
          EXPECT_EQ(request->find("arguments")->text_of("mode"), "powerdown");
          end_qemu();
        }
      }
    });
  }

  std::string base_;
  std::optional<Process> qemu_;
  OwnedFd process_;
  std::thread monitor_;
  std::thread agent_;
  std::string heard_;
};

TEST_F(VmAskTest, AGuestThatObeysTheButtonIsAskedNothingElse) {
  QmpClient monitor = play_monitor(1);
  const auto means = ask_guest_to_stop(base_, monitor, process_, seconds(10));
  ASSERT_TRUE(means.has_value());
  EXPECT_EQ(*means, StopMeans::Guest);
}

TEST_F(VmAskTest, TheAgentIsAskedWhenTheButtonDoesNotHelp) {
  play_agent(true);
  QmpClient monitor = play_monitor(0);
  const auto means = ask_guest_to_stop(base_, monitor, process_, seconds(2));
  ASSERT_TRUE(means.has_value());
  EXPECT_EQ(*means, StopMeans::Agent);
}

TEST_F(VmAskTest, AGuestThatWasStillStartingSeesTheButtonLater) {
  QmpClient monitor = play_monitor(2);
  const auto means = ask_guest_to_stop(base_, monitor, process_, seconds(1));
  ASSERT_TRUE(means.has_value());
  EXPECT_EQ(*means, StopMeans::Guest);
}

TEST_F(VmAskTest, AGuestThatSleepsIsNotWokenUp) {
  {
    QmpClient monitor = play_monitor(2, "suspended");
    const auto means = ask_guest_to_stop(base_, monitor, process_, milliseconds(300));
    ASSERT_TRUE(means.has_value());
    EXPECT_FALSE(means->has_value());
  }
  monitor_.join();
  EXPECT_EQ(heard_, "qmp_capabilities query-status system_powerdown query-status ");
}

TEST_F(VmAskTest, NeitherHelps) {
  play_agent(false);
  QmpClient monitor = play_monitor(0);
  const auto means = ask_guest_to_stop(base_, monitor, process_, milliseconds(300));
  ASSERT_TRUE(means.has_value());
  EXPECT_FALSE(means->has_value());
}

TEST_F(VmAskTest, APausedGuestGoesOnFirst) {
  {
    QmpClient monitor = play_monitor(1, "paused");
    ASSERT_TRUE(ask_guest_to_stop(base_, monitor, process_, seconds(10)).has_value());
  }
  monitor_.join();
  EXPECT_EQ(heard_, "qmp_capabilities query-status cont system_powerdown ");
}

}  // namespace
}  // namespace cleave
