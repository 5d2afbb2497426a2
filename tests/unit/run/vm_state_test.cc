#include "run/vm_state.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "run/memory_kills.h"

namespace cleave {
namespace {

class VmStateTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = testing::TempDir() + "cleave-state-XXXXXX";
    ASSERT_NE(::mkdtemp(directory_.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  void write(const std::string& name, const std::string& content) const {
    std::filesystem::create_directories(
        std::filesystem::path(directory_ + "/" + name).parent_path());
    std::ofstream(directory_ + "/" + name) << content;
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    std::ifstream file(directory_ + "/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // A VM whose QEMU and supervisor are gone, without their having said so.
  [[nodiscard]] VmState crashed() const {
    VmState state;
    state.name = "demo";
    state.phase = VmPhase::Running;
    state.qemu = ProcessIdentity{.process_id = static_cast<std::uint32_t>(::getpid()),
                                 .start_time = 1};  // our number, another's start
    state.vgpu = VgpuRecord{.uuid = "u", .sysfs_path = directory_ + "/vgpu", .created = true};
    return state;
  }
  std::string directory_;
};

TEST_F(VmStateTest, ComesBackAsItWasWritten) {
  VmState state = crashed();
  state.definition = "/etc/cleave/vms/demo.toml";
  state.phase = VmPhase::Ended;
  state.started_at = 1700000000;
  state.way = "gvt-g";
  state.on_suspend = "stop";
  state.supervisor = ProcessIdentity{.process_id = 7, .start_time = 9};
  state.end = VmEnd{.kind = VmEndKind::Failed,
                    .exit_status = 1,
                    .signal = 0,
                    .shutdown_reason = "host-error",
                    .last_words = "first\nsecond"};
  ASSERT_TRUE(write_state(directory_, state).has_value());
  const auto read_back = read_state(directory_);
  ASSERT_TRUE(read_back.has_value() && read_back->has_value());
  EXPECT_EQ(to_json(**read_back), to_json(state));
}

TEST_F(VmStateTest, AnEndForLackOfMemoryIsKept) {
  VmEnd end{.kind = VmEndKind::Killed,
            .signal = 9,
            .memory_kills = 2,
            .shutdown_reason = {},
            .last_words = {}};
  EXPECT_EQ(end_from_json(to_json(end))->memory_kills, 2U);
  EXPECT_EQ(memory_kills_in("nr_free_pages 7\noom_kill 12\nnuma_hit 3\n"), 12U);
  EXPECT_EQ(memory_kills_in("nr_free_pages 7\n"), std::nullopt);
}

TEST_F(VmStateTest, DamagedStateIsMalformedAndNamesTheFile) {
  for (const char* content : {"", "{", "[]", "{\"schema\":\"cleave.vm-state/2\"}",
                              "{\"schema\":\"cleave.vm-state/1\",\"state\":\"flying\"}"}) {
    write("state.json", content);
    const auto state = read_state(directory_);
    ASSERT_FALSE(state.has_value()) << content;
    EXPECT_EQ(state.error().code, ErrorCode::Malformed);
    EXPECT_EQ(state.error().path, directory_ + "/state.json");
  }
}

TEST_F(VmStateTest, StateIsNotReadThroughALink) {
  ASSERT_EQ(::symlink("/etc/passwd", (directory_ + "/state.json").c_str()), 0);
  EXPECT_FALSE(read_state(directory_).has_value());
}

TEST_F(VmStateTest, ADirectoryThatWasNeverThereIsAVmThatNeverRan) {
  const auto seen = observe_vm(directory_ + "/none");
  ASSERT_TRUE(seen.has_value());
  EXPECT_EQ(seen->status, VmStatus::NeverStarted);
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/none"));
}

TEST_F(VmStateTest, LeftoversOfACrashAreClearedAwayOnce) {
  ASSERT_TRUE(write_state(directory_, crashed()).has_value());
  write("qmp.sock", "");
  write("serial.sock", "");
  write("screen.ppm", "");
  write("vgpu/remove", "");
  write("qemu.log", "qemu: something\n");
  const auto seen = observe_vm(directory_);
  ASSERT_TRUE(seen.has_value());
  EXPECT_EQ(seen->status, VmStatus::Ended);
  EXPECT_EQ(seen->cleaned.size(), 2U);
  EXPECT_EQ(read("vgpu/remove"), "1");
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/qmp.sock"));
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/serial.sock"));
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/screen.ppm"));
  ASSERT_TRUE(seen->state.end.has_value());
  EXPECT_EQ(seen->state.end->kind, VmEndKind::Unknown);
  EXPECT_EQ(seen->state.end->last_words, "qemu: something");
  // The second look finds nothing more to do.
  write("vgpu/remove", "");
  const auto again = observe_vm(directory_);
  ASSERT_TRUE(again.has_value());
  EXPECT_TRUE(again->cleaned.empty());
  EXPECT_EQ(read("vgpu/remove"), "");
}

TEST_F(VmStateTest, AVgpuThatWasThereBeforeStays) {
  VmState state = crashed();
  state.vgpu->created = false;
  ASSERT_TRUE(write_state(directory_, state).has_value());
  write("vgpu/remove", "");
  ASSERT_TRUE(observe_vm(directory_).has_value());
  EXPECT_EQ(read("vgpu/remove"), "");
}

TEST_F(VmStateTest, AVgpuThatCannotBeRemovedIsTriedAgainNextTime) {
  ASSERT_TRUE(write_state(directory_, crashed()).has_value());
  // A directory in its place cannot be written to, not even by root.
  std::filesystem::create_directories(directory_ + "/vgpu/remove");
  const auto seen = observe_vm(directory_);
  ASSERT_TRUE(seen.has_value());
  EXPECT_TRUE(seen->state.vgpu->created);
  std::filesystem::remove(directory_ + "/vgpu/remove");
  write("vgpu/remove", "");
  ASSERT_TRUE(observe_vm(directory_).has_value());
  EXPECT_EQ(read("vgpu/remove"), "1");
}

TEST_F(VmStateTest, ALivingQemuWithoutASupervisorIsLeftAlone) {
  VmState state = crashed();
  state.qemu = identify_process(static_cast<std::uint32_t>(::getpid()));
  ASSERT_TRUE(write_state(directory_, state).has_value());
  write("qmp.sock", "");
  write("vgpu/remove", "");
  const auto seen = observe_vm(directory_);
  ASSERT_TRUE(seen.has_value());
  EXPECT_EQ(seen->status, VmStatus::Unsupervised);
  EXPECT_TRUE(std::filesystem::exists(directory_ + "/qmp.sock"));
  EXPECT_EQ(read("vgpu/remove"), "");
}

TEST_F(VmStateTest, TheLockTellsWhetherItIsSupervised) {
  ASSERT_TRUE(write_state(directory_, crashed()).has_value());
  write("vgpu/remove", "");
  const auto lock = lock_runtime_directory(directory_);
  ASSERT_TRUE(lock.has_value() && lock->has_value());
  const auto second = lock_runtime_directory(directory_);
  ASSERT_TRUE(second.has_value());
  EXPECT_FALSE(second->has_value());
  EXPECT_EQ(observe_vm(directory_)->status, VmStatus::Running);
  EXPECT_EQ(read("vgpu/remove"), "");
}

TEST_F(VmStateTest, RuntimeDirectoryIsPrivateOrRefused) {
  const std::string path = directory_ + "/cleave/demo";
  ASSERT_TRUE(prepare_runtime_directory(path).has_value());
  struct stat status{};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0700U);
  ASSERT_EQ(::chmod(path.c_str(), 0755), 0);
  EXPECT_EQ(prepare_runtime_directory(path).error().code, ErrorCode::Denied);
  const std::string link = directory_ + "/link";
  ASSERT_EQ(::symlink(path.c_str(), link.c_str()), 0);
  EXPECT_EQ(prepare_runtime_directory(link).error().code, ErrorCode::Denied);
}

TEST_F(VmStateTest, LastWordsAreShortAndPrintable) {
  EXPECT_EQ(last_words("a\nb\x1b[31m\n\n"), "a\nb\xef\xbf\xbd[31m");
  std::string much;
  for (int i = 0; i < 1000; ++i) much += "line " + std::to_string(i) + "\n";
  const std::string words = last_words(much);
  EXPECT_TRUE(words.ends_with("line 999"));
  EXPECT_LE(last_words(std::string(100'000, 'x')).size(), 4096U);
  EXPECT_EQ(last_words(""), "");
}

}  // namespace
}  // namespace cleave
