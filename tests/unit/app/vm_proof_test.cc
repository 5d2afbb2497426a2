#include "app/vm_proof.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <thread>

#include "app/vm.h"
#include "host/memory_host.h"
#include "lab/agent_protocol.h"

namespace cleave {
namespace {

using std::chrono::seconds;

const GuestCard kVgpu = {
    .bus = 0, .slot = 2, .function = 0, .vendor_id = 0x8086, .device_id = 0x9b41};

// A guest's agent, played by a thread: `answers` to each command, in the order in which they come.
class FakeAgent {
 public:
  explicit FakeAgent(std::vector<std::string> answers) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) != 0)
      throw std::runtime_error("socketpair");
    client_ = OwnedFd(ends[0]);
    thread_ = std::thread([guest = OwnedFd(ends[1]), answers = std::move(answers), this] {
      const Json sync = hear(guest);
      if (sync.is_null()) return;
      say(guest, "\xff{\"return\":" + to_text(*sync.find("arguments")->find("id")) + "}\n");
      for (const std::string& answer : answers) {
        heard_.push_back(to_text(hear(guest)));
        say(guest, answer + "\n");
      }
    });
  }
  ~FakeAgent() { wait(); }
  FakeAgent(const FakeAgent&) = delete;
  FakeAgent& operator=(const FakeAgent&) = delete;
  OwnedFd take() { return std::move(client_); }
  void wait() {
    if (thread_.joinable()) thread_.join();
  }
  [[nodiscard]] const std::vector<std::string>& heard() const { return heard_; }

 private:
  static Json hear(const OwnedFd& socket) {
    std::string line;
    char byte = 0;
    while (::recv(socket.get(), &byte, 1, 0) == 1 && byte != '\n') {
      if (byte != '\xff') line += byte;
    }
    return line.empty() ? Json() : *parse_json(line);
  }
  static void say(const OwnedFd& socket, const std::string& text) {
    (void)::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL);
  }

  OwnedFd client_;
  std::vector<std::string> heard_;
  std::thread thread_;
};

std::string file_answer(const std::string& content) {
  return to_text(Json::object({{"return", Json::object({{"count", content.size()},
                                                        {"buf-b64", to_base64(content)},
                                                        {"eof", true}})}}));
}

Result<std::vector<DeviceInGuest>> ask(FakeAgent& guest, bool is_windows) {
  Result<GuestAgent> agent = GuestAgent::synchronise(guest.take(), seconds(10));
  if (!agent) return agent.error();
  return ask_guest_devices(*agent, is_windows, {kVgpu});
}

TEST(VmProof, ALinuxGuestsTableIsReadOverItsAgent) {
  std::string table = "0010\t80869b41\t0";
  for (int i = 0; i < 14; ++i) table += "\t0";
  FakeAgent guest({R"({"return": 1000})", file_answer(table + "\ti915\n"), R"({"return": {}})"});
  const auto devices = ask(guest, false);
  ASSERT_TRUE(devices) << english(devices.error().message);
  ASSERT_EQ(devices->size(), 1U);
  EXPECT_EQ(devices->front().driver, "i915");
  guest.wait();
  ASSERT_EQ(guest.heard().size(), 3U);
  EXPECT_NE(guest.heard().front().find("/proc/bus/pci/devices"), std::string::npos);
  EXPECT_NE(guest.heard().back().find("guest-file-close"), std::string::npos);
}

TEST(VmProof, AnAgentThatMayNotOpenFilesIsAnErrorWithItsWords) {
  FakeAgent guest({R"({"error": {"class": "CommandNotFound", "desc": "disabled by its owner"}})"});
  const auto devices = ask(guest, false);
  ASSERT_FALSE(devices);
  EXPECT_NE(english(devices.error().message).find("disabled by its owner"), std::string::npos);
}

TEST(VmProof, WhatIsNoBase64IsMalformed) {
  FakeAgent guest({R"({"return": 1})", R"({"return": {"buf-b64": "?"}})", R"({"return": {}})"});
  EXPECT_EQ(ask(guest, false).error().code, ErrorCode::Malformed);
}

TEST(VmProof, AWindowsGuestIsAskedForItsDevices) {
  FakeAgent guest({R"({"return": [{"driver-name": "Intel(R) UHD Graphics", "driver-version": "1", )"
                   R"("id": {"type": "pci", "vendor-id": 32902, "device-id": 39745}}]})"});
  const auto devices = ask(guest, true);
  ASSERT_TRUE(devices) << english(devices.error().message);
  EXPECT_EQ(devices->front().driver, "Intel(R) UHD Graphics");
}

Picture picture_of(std::uint8_t value, std::uint32_t width = 4) {
  return {.width = width,
          .height = 2,
          .pixels = std::vector<std::uint8_t>(std::size_t{width} * 2 * 3, value)};
}

TEST(VmProof, PicturesThatAreAlikeHaveNotChanged) {
  PictureComparison comparison;
  comparison.add(picture_of(0));
  comparison.add(picture_of(0));
  EXPECT_FALSE(comparison.seen().changed);
  EXPECT_EQ(comparison.seen().lit_permille, 0U);
  comparison.add(picture_of(200));
  EXPECT_TRUE(comparison.seen().changed);
  EXPECT_EQ(comparison.seen().lit_permille, 1000U);
  comparison.add(picture_of(200));
  EXPECT_TRUE(comparison.seen().changed) << "that it changed before stays true";
  EXPECT_EQ(comparison.seen().count, 4U);
}

TEST(VmProof, AVmThatDoesNotRunIsNoAnswer) {
  const MemoryHost host;
  VmEnvironment environment;
  environment.owner.uid = ::geteuid();
  environment.owner.gid = ::getegid();
  environment.runtime_home = ::testing::TempDir();
  environment.system_runtime_base = ::testing::TempDir();
  const auto proof = prove_vm(host, environment, {.name = "nobody-started-this"});
  ASSERT_FALSE(proof);
  EXPECT_EQ(proof.error().code, ErrorCode::NotFound);
  EXPECT_FALSE(proof.error().remedy.empty());
}

TEST(VmProof, ItsJsonHasTheAnswerAndEachSign) {
  VmProof proof{.name = "a", .way = "gvt-g", .proof = judge_guest({})};
  const Json json = to_json(proof);
  EXPECT_EQ(json.text_of("schema"), "cleave.vm-prove/1");
  EXPECT_EQ(json.text_of("answer"), "unknown");
  EXPECT_EQ(json.find("signs")->as_array()->size(), proof.proof.signs.size());
}

}  // namespace
}  // namespace cleave
