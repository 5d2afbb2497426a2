#include "run/qmp.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <thread>

#include "run/process.h"

namespace cleave {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kGreeting = "{\"QMP\":{\"version\":{},\"capabilities\":[]}}\r\n";

// The other end of the socket, played by a thread.
class Peer {
 public:
  explicit Peer(OwnedFd socket) : socket_(std::move(socket)) {}
  void say(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t sent = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      text.remove_prefix(static_cast<size_t>(sent));
    }
  }
  // The next request, or null at the end.
  Json hear() {
    while (buffer_.find('\n') == std::string::npos) {
      std::array<char, 4096> bytes{};
      const ssize_t count = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
      if (count <= 0) return {};
      buffer_.append(bytes.data(), static_cast<size_t>(count));
    }
    const size_t end = buffer_.find('\n');
    const Json request = *parse_json(buffer_.substr(0, end));
    buffer_.erase(0, end + 1);
    return request;
  }
  void answer(const Json& request, const std::string& rest) const {
    say("{" + rest + ",\"id\":" + to_text(*request.find("id")) + "}\r\n");
  }
  void greet() {
    say(kGreeting);
    answer(hear(), R"("return":{})");
  }

 private:
  OwnedFd socket_;
  std::string buffer_;
};

class QmpTest : public testing::Test {
 protected:
  void play(std::function<void(Peer&)> part) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    ours_ = OwnedFd(ends[0]);
    thread_ = std::thread([part = std::move(part), theirs = ends[1]] {
      Peer peer{OwnedFd(theirs)};
      part(peer);
    });
  }
  QmpClient client() {
    Result<QmpClient> made = QmpClient::negotiate(std::move(ours_), seconds(10));
    EXPECT_TRUE(made.has_value()) << english(made.error());
    return std::move(*made);
  }
  void TearDown() override {
    ours_.reset();
    if (thread_.joinable()) thread_.join();
  }
  OwnedFd ours_;
  std::thread thread_;
};

TEST_F(QmpTest, CommandsAnswersAndEventsBetween) {
  play([](Peer& peer) {
    peer.greet();
    const Json request = peer.hear();
    EXPECT_EQ(request.text_of("execute"), "query-status");
    EXPECT_EQ(request.find("arguments"), nullptr);
    peer.say(R"({"event":"STOP","timestamp":{}})"
             "\r\n");
    peer.say(R"({"event":"SHUTDOWN","data":{"guest":true}})"
             "\n");
    peer.answer(request, R"("return":{"status":"running"})");
    peer.hear();
  });
  {
    QmpClient qmp = client();
    const Result<Json> status = qmp.execute("query-status");
    ASSERT_TRUE(status.has_value()) << english(status.error());
    EXPECT_EQ(status->text_of("status"), "running");
    EXPECT_EQ((**qmp.next_event(seconds(1))).name, "STOP");
    const auto event = qmp.next_event(seconds(1));
    EXPECT_EQ((**event).name, "SHUTDOWN");
    EXPECT_TRUE(*(**event).data.find("guest")->as_bool());
    EXPECT_FALSE((*qmp.next_event(milliseconds(5))).has_value());
  }
}

TEST_F(QmpTest, RefusalCarriesClassAndText) {
  play([](Peer& peer) {
    peer.greet();
    peer.answer(peer.hear(), R"("error":{"class":"CommandNotFound","desc":"no such thing"})");
    peer.hear();
  });
  QmpClient qmp = client();
  const auto refused = qmp.execute("frobnicate");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::Unsupported);
  EXPECT_EQ(english(refused.error()), "QEMU refused frobnicate: no such thing (CommandNotFound)");
}

TEST_F(QmpTest, SilenceIsATimeout) {
  play([](Peer& peer) {
    peer.greet();
    const Json late = peer.hear();
    const Json next = peer.hear();  // only comes when the first was given up
    peer.answer(late, R"("return":{"which":"late"})");
    peer.answer(next, R"("return":{"which":"next"})");
    peer.hear();
  });
  QmpClient qmp = client();
  const auto silent = qmp.execute("query-status", Json::object(), milliseconds(20));
  ASSERT_FALSE(silent.has_value());
  EXPECT_EQ(silent.error().error_number, ETIMEDOUT);
  // The late answer is not taken for that of the next command.
  const auto next = qmp.execute("query-status");
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(next->text_of("which"), "next");
}

TEST_F(QmpTest, GoneIsNotSilence) {
  play([](Peer& peer) {
    peer.greet();
    peer.hear();
  });
  QmpClient qmp = client();
  const auto gone = qmp.execute("query-status");
  ASSERT_FALSE(gone.has_value());
  EXPECT_EQ(gone.error().error_number, ECONNRESET);
}

TEST_F(QmpTest, GarbageIsMalformed) {
  for (const char* bytes : {"hello\n", "[]\n", "{}\n", "{\"QMP\":\n", "\n", "\"QMP\"\n"}) {
    play([bytes](Peer& peer) {
      peer.say(bytes);
      peer.hear();
    });
    const auto refused = QmpClient::negotiate(std::move(ours_), seconds(5));
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, ErrorCode::Malformed) << bytes;
    thread_.join();
  }
}

TEST_F(QmpTest, AnEndlessLineIsGivenUp) {
  play([](Peer& peer) {
    const std::string flood(1U << 20U, 'x');
    for (int i = 0; i < 8; ++i) peer.say(flood);
  });
  const auto refused = QmpClient::negotiate(std::move(ours_), seconds(20));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::Malformed);
}

TEST_F(QmpTest, AnAnswerInPiecesIsPutTogether) {
  play([](Peer& peer) {
    for (const char letter : std::string(kGreeting)) peer.say(std::string(1, letter));
    peer.answer(peer.hear(), R"("return":{})");
    peer.hear();
  });
  client();
}

TEST(Qmp, APathThatIsTooLongIsAnError) {
  const auto refused = QmpClient::connect("/tmp/" + std::string(200, 'x'), seconds(5));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().error_number, ENAMETOOLONG);
}

TEST(Qmp, ConnectGivesUpWhenToldSo) {
  int asked = 0;
  const auto refused =
      QmpClient::connect("/nonexistent/qmp.sock", seconds(60), [&] { return ++asked == 3; });
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::NotFound);
  EXPECT_EQ(asked, 3);
}

TEST(Qmp, SpeaksWithTheRealQemu) {
  std::string directory = testing::TempDir() + "cleave-qmp-XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  const std::string path = directory + "/qmp.sock";
  Result<Process> qemu =
      Process::start({.argv = {"qemu-system-x86_64", "-machine", "none", "-display", "none",
                               "-nodefaults", "-qmp", "unix:" + path + ",server=on,wait=off"},
                      .die_with_parent = true});
  if (!qemu) GTEST_SKIP() << "skipped: " << english(qemu.error());
  {
    Result<QmpClient> qmp = QmpClient::connect(path, seconds(60));
    ASSERT_TRUE(qmp.has_value()) << english(qmp.error());
    const auto schema = qmp->execute("query-qmp-schema");
    ASSERT_TRUE(schema.has_value()) << english(schema.error());
    EXPECT_GT(schema->as_array()->size(), 100U);
    EXPECT_EQ(qmp->execute("no-such-command").error().code, ErrorCode::Unsupported);
    // An open file stays with QEMU when its giver is gone, until it is told to close it.
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe(pipe.data()), 0);
    const OwnedFd reader(pipe[0]);
    OwnedFd writer(pipe[1]);
    const auto given = qmp->give_file("lock", writer.get());
    ASSERT_TRUE(given.has_value()) << english(given.error());
    writer.reset();
    // The monitor serves one at a time.
    qmp = error_of(ErrorCode::Interrupted, {"closed"});
    qmp = QmpClient::connect(path, seconds(60));
    ASSERT_TRUE(qmp.has_value()) << english(qmp.error());
    EXPECT_EQ(fcntl(reader.get(), F_SETFL, O_NONBLOCK), 0);
    char byte = 0;
    EXPECT_EQ(::read(reader.get(), &byte, 1), -1);
    EXPECT_EQ(errno, EAGAIN);
    EXPECT_TRUE(qmp->execute("closefd", Json::object({{"fdname", "lock"}})).has_value());
    EXPECT_EQ(::read(reader.get(), &byte, 1), 0) << "QEMU still has it";
    EXPECT_FALSE(qmp->execute("closefd", Json::object({{"fdname", "lock"}})).has_value());
    ASSERT_TRUE(qmp->execute("quit").has_value());
    const auto event = qmp->next_event(seconds(10));
    ASSERT_TRUE(event.has_value() && event->has_value());
    EXPECT_EQ((**event).name, "SHUTDOWN");
    EXPECT_EQ((**event).data.text_of("reason"), "host-qmp-quit");
  }
  EXPECT_EQ((**qemu->wait(seconds(30))).exit_status, 0);
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace cleave
