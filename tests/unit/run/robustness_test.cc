// What a VM's supervisor bears: a QEMU that talks nonsense or not at all, is stopped, killed, or
// has no room for its disk, and others at its sockets.
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>

#include "run/local_socket.h"
#include "run/own_process.h"
#include "run/process.h"
#include "unit/run/supervisor_fixture.h"

namespace cleave {
namespace {

constexpr const char* kGreeting =
    R"({"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}}, "capabilities": []}})";

class RobustnessTest : public SupervisorTest {
 protected:
  // A program in QEMU's place, whose monitor is descriptor 3.
  [[nodiscard]] static LaunchSpec in_place_of_qemu(const std::string& script,
                                                   milliseconds limit = seconds(30)) {
    return {.argv = {"sh", "-c", script}, .limit = limit};
  }
  void start_one(const std::vector<std::string>& more = {}) {
    Result<Supervisor> supervisor = Supervisor::start(spec());
    ASSERT_TRUE(supervisor.has_value()) << english(supervisor.error());
    const auto launched = supervisor->launch(qemu(more));
    ASSERT_TRUE(launched.has_value()) << english(launched.error());
    launched_ = *launched;
  }
  static void signal(const ProcessIdentity& identity, int number) {
    const auto process = open_process(identity);
    ASSERT_TRUE(process.has_value());
    ASSERT_TRUE(send_signal_to(*process, number).has_value());
  }
  LaunchedVm launched_;
};

TEST_F(RobustnessTest, NonsenseForAGreetingEndsTheStart) {
  Result<Supervisor> supervisor = Supervisor::start(spec());
  ASSERT_TRUE(supervisor->announce(vgpu()).has_value());
  const auto launched =
      supervisor->launch(in_place_of_qemu("echo nonsense >&3; echo words; sleep 60"));
  ASSERT_FALSE(launched.has_value());
  EXPECT_EQ(launched.error().code, ErrorCode::Malformed);
  EXPECT_FALSE(alive(*state().qemu));
  expect_nothing_left();
}

TEST_F(RobustnessTest, SilenceAfterTheGreetingIsBounded) {
  Result<Supervisor> supervisor = Supervisor::start(spec());
  ASSERT_TRUE(supervisor->announce(vgpu()).has_value());
  // More than a pipe holds is printed meanwhile: it must be read.
  const auto launched = supervisor->launch(
      in_place_of_qemu(std::string("echo '") + kGreeting +
                           "' >&3; head -c 300000 /dev/zero | tr '\\0' x; echo; echo waits; "
                           "sleep 60",
                       milliseconds(1500)));
  ASSERT_FALSE(launched.has_value());
  EXPECT_EQ(launched.error().error_number, ETIMEDOUT);
  EXPECT_NE(english(launched.error()).find("waits"), std::string::npos)
      << english(launched.error());
  expect_nothing_left();
}

TEST_F(RobustnessTest, AnswersWithoutEndDoNotFillTheMemory) {
  Result<Supervisor> supervisor = Supervisor::start(spec());
  const auto launched = supervisor->launch(
      in_place_of_qemu(std::string("echo '") + kGreeting + "' >&3; tr '\\0' y </dev/zero >&3"));
  ASSERT_FALSE(launched.has_value());
  EXPECT_EQ(launched.error().code, ErrorCode::Malformed);
  EXPECT_FALSE(alive(*state().qemu));
}

// The person logs out, or gives up, while QEMU still builds the machine.
TEST_F(RobustnessTest, SigtermEndsAStartThatIsStuck) {
  const pid_t starter = ::fork();
  if (starter == 0) {
    Result<Supervisor> supervisor = Supervisor::start(spec());
    (void)supervisor->launch(
        in_place_of_qemu(std::string("echo '") + kGreeting + "' >&3; sleep 60"));
    ::_exit(0);
  }
  const auto seen = [&]() -> std::optional<VmState> {
    const auto read = read_state(directory_);
    return read && *read && (**read).qemu ? *read : std::nullopt;
  };
  ASSERT_TRUE(becomes_true([&] { return seen().has_value(); }));
  std::this_thread::sleep_for(milliseconds(100));
  const auto begin = std::chrono::steady_clock::now();
  signal(*seen()->supervisor, SIGTERM);
  EXPECT_TRUE(ends_soon(*seen()->supervisor));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(5));
  EXPECT_EQ(state().end->kind, VmEndKind::NeverRan);
  EXPECT_FALSE(alive(*state().qemu));
  ::waitpid(starter, nullptr, 0);
}

TEST_F(RobustnessTest, AStoppedQemuIsEndedAtLogoutToo) {
  start_one();
  signal(launched_.qemu, SIGSTOP);
  ASSERT_TRUE(becomes_true([&] { return is_stopped(launched_.qemu); }));
  signal(launched_.supervisor, SIGTERM);
  EXPECT_TRUE(ends_soon(launched_.supervisor));
  EXPECT_FALSE(alive(launched_.qemu));
  EXPECT_EQ(state().end->kind, VmEndKind::HostRequest) << "in good order";
}

// As systemd does when logind ends a session: both signals to each process of the scope.
TEST_F(RobustnessTest, TellsTheEndOfItsSession) {
  start_one();
  for (const auto& process : {launched_.supervisor, launched_.qemu}) {
    signal(process, SIGTERM);
    signal(process, SIGHUP);
  }
  EXPECT_TRUE(ends_soon(launched_.supervisor));
  EXPECT_FALSE(alive(launched_.qemu));
  ASSERT_TRUE(state().end.has_value());
  EXPECT_EQ(state().end->kind, VmEndKind::HostRequest);
}

// As a logout that removes the user's runtime directory first.
TEST_F(RobustnessTest, EndsWithoutItsRuntimeDirectory) {
  start_one();
  std::filesystem::remove_all(directory_);
  signal(launched_.supervisor, SIGTERM);
  EXPECT_TRUE(ends_soon(launched_.supervisor));
  EXPECT_FALSE(alive(launched_.qemu));
  EXPECT_EQ(observe_vm(directory_)->status, VmStatus::NeverStarted);
}

// As the kernel does when memory is short: nobody is asked.
TEST_F(RobustnessTest, AKilledQemuIsKnownWithinASecond) {
  start_one();
  signal(launched_.qemu, SIGKILL);
  EXPECT_TRUE(becomes_true([&] { return state().phase == VmPhase::Ended; }, seconds(1)));
  EXPECT_EQ(state().end->kind, VmEndKind::Killed);
  EXPECT_EQ(state().end->signal, SIGKILL);
}

// Sends orders and reads no answer, as long as QEMU takes them, half a second at most.
void flood(int socket) {
  const std::string order = "{\"execute\":\"qmp_capabilities\"}\n{\"execute\":\"query-status\"}\n";
  std::string orders;
  for (int i = 0; i < 500; ++i) orders += order;
  const auto end = std::chrono::steady_clock::now() + milliseconds(500);
  while (std::chrono::steady_clock::now() < end) {
    if (::send(socket, orders.data(), orders.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
      std::this_thread::sleep_for(milliseconds(1));
    }
  }
}

TEST_F(RobustnessTest, FloodedSocketsDoNotReachTheSupervisor) {
  start_one({"-qmp", "unix:" + directory_ + "/tools.sock,server=on,wait=off"});
  const auto first = connect_local_socket(directory_ + "/qmp.sock");
  const auto second = connect_local_socket(directory_ + "/tools.sock");
  ASSERT_TRUE(first.has_value() && second.has_value());
  flood(first->get());
  flood(second->get());
#if !defined(__SANITIZE_ADDRESS__)
  EXPECT_LE(private_memory(launched_.supervisor.process_id), 4096U);
#endif
  // Both are still connected. QEMU obeys, or on a busy machine is killed for being too slow.
  signal(launched_.supervisor, SIGTERM);
  EXPECT_TRUE(ends_soon(launched_.supervisor));
  EXPECT_FALSE(alive(launched_.qemu));
  const VmEndKind kind = state().end->kind;
  EXPECT_TRUE(kind == VmEndKind::HostRequest || kind == VmEndKind::Killed);
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/qmp.sock"));
}

TEST_F(RobustnessTest, AVanishingViewerEndsNothing) {
  start_one({"-vnc", "unix:" + directory_ + "/vnc.sock"});
  for (const std::string words : {"", "RFB 003.008\n", "no protocol at all\n"}) {
    const auto viewer = connect_local_socket(directory_ + "/vnc.sock");
    ASSERT_TRUE(viewer.has_value()) << english(viewer.error());
    (void)::send(viewer->get(), words.data(), words.size(), MSG_NOSIGNAL);
    std::this_thread::sleep_for(milliseconds(20));
  }
  ASSERT_TRUE(order("query-status").has_value());
  EXPECT_EQ(observe_vm(directory_)->status, VmStatus::Running);
}

TEST_F(RobustnessTest, NoOtherUserReachesItsSockets) {
  if (::geteuid() != 0) GTEST_SKIP() << "skipped: needs root";
  start_one();
  ASSERT_EQ(::chmod(base_.c_str(), 0755), 0);
  ASSERT_EQ(::chmod((base_ + "/run").c_str(), 0755), 0);
  const pid_t other = ::fork();
  if (other == 0) {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(2);
    const auto socket = connect_local_socket(directory_ + "/qmp.sock");
    ::_exit(!socket && socket.error().error_number == EACCES ? 0 : 1);
  }
  int status = 0;
  ::waitpid(other, &status, 0);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

// A boot sector that writes 32 KiB after 32 KiB to the first disk (int 13h, AH=43h; the packet is
// that of the Enhanced Disk Drive specification).
std::string writing_boot_sector() {
  std::string sector(512, '\0');
  const auto code = std::to_array<unsigned char>({
      0x31, 0xC0,                    // xor ax, ax
      0x8E, 0xD8,                    // mov ds, ax
      0xBE, 0x20, 0x7C,              // again: mov si, packet
      0xB8, 0x00, 0x43,              // mov ax, 4300h
      0xB2, 0x80,                    // mov dl, 80h
      0xCD, 0x13,                    // int 13h
      0x83, 0x06, 0x28, 0x7C, 0x40,  // add word [packet + 8], 64
      0xEB, 0xEF,                    // jmp again
  });
  std::ranges::copy(code, sector.begin());
  const auto packet = std::to_array<unsigned char>({0x10, 0, 64, 0, 0, 0, 0, 0x10, 64});
  std::ranges::copy(packet, sector.begin() + 0x20);
  sector[510] = '\x55';
  sector[511] = '\xAA';
  return sector;
}

class FullDiskTest : public RobustnessTest {
 protected:
  void SetUp() override {
    RobustnessTest::SetUp();
    if (IsSkipped()) return;
    if (::geteuid() != 0) GTEST_SKIP() << "skipped: needs root";
    if (::access("/usr/bin/qemu-img", X_OK) != 0) GTEST_SKIP() << "skipped: no qemu-img";
    small_ = base_ + "/small";
    std::filesystem::create_directories(small_);
    if (::mount("none", small_.c_str(), "tmpfs", 0, "size=4m") != 0) {
      small_.clear();
      GTEST_SKIP() << "skipped: no tmpfs can be mounted";
    }
  }
  void TearDown() override {
    if (!base_.empty() && launched_.qemu.process_id != 0) {
      if (const auto process = open_process(launched_.qemu)) {
        (void)send_signal_to(*process, SIGKILL);
        (void)ends_soon(launched_.supervisor);
      }
    }
    if (!small_.empty()) ::umount2(small_.c_str(), MNT_DETACH);
    RobustnessTest::TearDown();
  }
  // 64 MiB with the boot sector, on 4 MiB.
  [[nodiscard]] std::string make_disk() const {
    const std::string raw = base_ + "/raw";
    std::ofstream(raw) << writing_boot_sector();
    std::filesystem::resize_file(raw, std::uintmax_t{64} << 20U);
    auto converted = Process::start(
        {.argv = {"qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, small_ + "/disk.qcow2"}});
    const auto end = converted->wait(seconds(60));
    EXPECT_TRUE(end && *end && (**end).exit_status == 0);
    return small_ + "/disk.qcow2";
  }
  [[nodiscard]] std::string guest() const {
    const auto status = order("query-status");
    return status ? std::string(status->text_of("status")) : "";
  }
  std::string small_;
};

TEST_F(FullDiskTest, IsNotedUntilThereIsRoomAndTheGuestGoesOn) {
  const std::string disk = make_disk();
  Result<Supervisor> supervisor = Supervisor::start(spec());
  LaunchSpec launch;
  launch.argv = {"qemu-system-x86_64",
                 "-nodefaults",
                 "-machine",
                 "pc,accel=tcg",
                 "-m",
                 "32",
                 "-display",
                 "none",
                 "-qmp",
                 "unix:" + directory_ + "/qmp.sock,server=on,wait=off",
                 "-drive",
                 "if=none,id=drive0,format=qcow2,file=" + disk,
                 "-device",
                 "virtio-blk-pci,drive=drive0,bootindex=0"};
  launch.disks = {{"drive0", disk}};
  const auto launched = supervisor->launch(launch);
  ASSERT_TRUE(launched.has_value()) << english(launched.error());
  launched_ = *launched;
  ASSERT_TRUE(becomes_true([&] { return state().disk_trouble.has_value(); }, seconds(60)));
  EXPECT_EQ(state().disk_trouble->disk, disk);
  EXPECT_TRUE(state().disk_trouble->is_full);
  EXPECT_EQ(guest(), "io-error");
  // It stays so as long as nothing changes.
  ASSERT_TRUE(order("cont").has_value());
  ASSERT_TRUE(
      becomes_true([&] { return state().disk_trouble.has_value() && guest() == "io-error"; }));
  ASSERT_EQ(::mount("none", small_.c_str(), "tmpfs", MS_REMOUNT, "size=128m"), 0);
  ASSERT_TRUE(order("cont").has_value());
  ASSERT_TRUE(becomes_true([&] { return !state().disk_trouble.has_value(); }, seconds(1)));
  EXPECT_EQ(guest(), "running");
  ASSERT_TRUE(order("quit").has_value());
  EXPECT_TRUE(ends_soon(launched_.supervisor));
}

}  // namespace
}  // namespace cleave
