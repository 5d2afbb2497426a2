// Supervisors of real QEMUs, in a directory of their own.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "run/qmp.h"
#include "run/supervisor.h"

namespace cleave {

using std::chrono::milliseconds;
using std::chrono::seconds;

inline bool alive(const ProcessIdentity& identity) {
  return identify_process(identity.process_id) == identity;
}

inline bool ends_soon(const ProcessIdentity& identity) {
  const auto process = open_process(identity);
  return !process || *wait_for_end(*process, seconds(20));
}

// Until `holds`, at most `limit`.
template <typename Condition>
bool becomes_true(Condition holds, milliseconds limit = seconds(20)) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return true;
}

// Private_Dirty and Private_Clean of /proc/PID/smaps_rollup, KiB.
inline std::uint64_t private_memory(std::uint32_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/smaps_rollup");
  std::uint64_t total = 0;
  std::string word;
  while (file >> word) {
    std::uint64_t size = 0;
    if ((word == "Private_Dirty:" || word == "Private_Clean:") && file >> size) total += size;
  }
  return total;
}

inline std::string switches(std::uint32_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/status");
  std::string all{std::istreambuf_iterator<char>(file), {}};
  return all.substr(all.find("voluntary_ctxt_switches"));
}

// All with the real QEMU, which needs no guest to answer its monitor.
class SupervisorTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::access("/usr/bin/qemu-system-x86_64", X_OK) != 0) GTEST_SKIP() << "skipped: no QEMU";
    base_ = testing::TempDir() + "cleave-supervisor-XXXXXX";
    ASSERT_NE(::mkdtemp(base_.data()), nullptr);
    directory_ = base_ + "/run/demo";
    std::filesystem::create_directories(base_ + "/vgpu");
    std::ofstream(base_ + "/vgpu/remove");
  }
  void TearDown() override {
    if (base_.empty()) return;
    const auto state = read_state(directory_);
    if (state && *state && (**state).qemu) {
      if (const auto qemu = open_process(*(**state).qemu)) (void)send_signal_to(*qemu, SIGKILL);
    }
    if (state && *state && (**state).supervisor) (void)ends_soon(*(**state).supervisor);
    std::filesystem::remove_all(base_);
  }
  [[nodiscard]] SupervisorSpec spec() const {
    return {.vm_name = "demo", .definition = "demo.toml", .runtime_directory = directory_};
  }
  [[nodiscard]] LaunchSpec qemu(std::vector<std::string> more = {}) const {
    LaunchSpec launch;
    launch.argv = {"qemu-system-x86_64",
                   "-machine",
                   "none",
                   "-display",
                   "none",
                   "-nodefaults",
                   "-qmp",
                   "unix:" + directory_ + "/qmp.sock,server=on,wait=off"};
    launch.argv.insert(launch.argv.end(), more.begin(), more.end());
    return launch;
  }
  [[nodiscard]] VgpuRecord vgpu() const {
    return {.uuid = "5ab0c7a1-0000-5000-8000-000000000001",
            .sysfs_path = base_ + "/vgpu",
            .created = true};
  }
  [[nodiscard]] std::string removed() const {
    std::ifstream file(base_ + "/vgpu/remove");
    return {std::istreambuf_iterator<char>(file), {}};
  }
  [[nodiscard]] VmState state() const { return **read_state(directory_); }
  void expect_nothing_left() const {
    EXPECT_FALSE(std::filesystem::exists(directory_ + "/qmp.sock"));
    EXPECT_EQ(removed(), "1");
    EXPECT_EQ(state().phase, VmPhase::Ended);
  }
  Result<Json> order(const std::string& command) const {
    QmpClient client = TRY(QmpClient::connect(directory_ + "/qmp.sock", seconds(20)));
    return client.execute(command);
  }
  std::string base_;
  std::string directory_;
};

}  // namespace cleave
