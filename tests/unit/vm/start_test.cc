// Every example is really started with the QEMU of this machine, stopped before its first
// instruction, and must answer over QMP. What this machine may lack is replaced: KVM by TCG, the
// virtual GPU by nothing, the window by none.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/fd.h"
#include "base/text.h"
#include "examples.h"

namespace cleave {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr auto kLimit = std::chrono::seconds(30);

// The smallest kernel that QEMU loads: a multiboot header with addresses (Multiboot
// Specification 0.6.96, 3.1), then "cli; hlt; jmp".
std::string small_kernel() {
  constexpr std::uint32_t kMagic = 0x1BADB002;
  constexpr std::uint32_t kAddressesAreValid = 1U << 16U;
  constexpr std::uint32_t kAddress = 0x100000;
  const std::array<std::uint32_t, 8> header = {
      kMagic, kAddressesAreValid, 0U - (kMagic + kAddressesAreValid), kAddress, kAddress, 0,
      0,      kAddress + 32};
  std::string kernel(sizeof(header), '\0');
  std::memcpy(kernel.data(), header.data(), sizeof(header));
  return kernel + "\xFA\xF4\xEB\xFD";
}

class Directory {
 public:
  // The comma, the blank and the letters are part of the test: they reach QEMU's options.
  Directory() : root_(fs::temp_directory_path() / ("vm,t 가" + std::to_string(::getpid()))) {
    fs::remove_all(root_);
    fs::create_directories(root_ / "vms");
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() { fs::remove_all(root_); }
  [[nodiscard]] std::string root() const { return root_.string(); }
  [[nodiscard]] std::string vms() const { return (root_ / "vms").string(); }

 private:
  fs::path root_;
};

pid_t spawn(const std::vector<std::string>& argv, const std::string& output) {
  std::vector<char*> arguments;
  std::vector<std::string> copies = argv;
  for (std::string& copy : copies) arguments.push_back(copy.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, output.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                   0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t child = -1;
  const int problem =
      posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  return problem == 0 ? child : -1;
}

bool runs(const std::vector<std::string>& argv) {
  const pid_t child = spawn(argv, "/dev/null");
  int status = 0;
  return child > 0 && ::waitpid(child, &status, 0) == child && status == 0;
}

std::string content(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// True if files in `directory` can be opened as cache=none does; tmpfs could not before Linux 6.6.
bool has_direct_io(const std::string& directory) {
  const std::string probe = directory + "/probe";
  const OwnedFd file(::open(probe.c_str(), O_CREAT | O_RDWR | O_DIRECT | O_CLOEXEC, 0600));
  fs::remove(probe);
  return file.is_open();
}

bool make_disk(const Vm::Disk& disk) {
  fs::create_directories(fs::path(disk.file).parent_path());
  if (disk.format == "qcow2") {
    return runs({"qemu-img", "create", "-q", "-f", "qcow2", disk.file, "1M"});
  }
  std::ofstream(disk.file) << std::string(std::size_t{1} << 20U, '\0');
  return true;
}

// Leaves out what needs a device, a program or a right that this machine may lack.
void make_startable(Vm& vm, const std::string& directory) {
  if (vm.cpu.starts_with("host")) vm.cpu = replace_all(vm.cpu, "host", "max");
  vm.accelerator = "tcg";
  vm.hyperv = false;
  vm.huge_pages = false;
  vm.firmware.tpm = false;
  // QEMU parts the name at commas for a kernel that is, as ours, no Linux (load_multiboot).
  vm.initrd.clear();
  vm.gpu.reset();
  vm.devices.clear();
  vm.qemu = "qemu-system-x86_64";
  if (vm.display != "vnc" && vm.display != "spice") vm.display = "none";
  if (vm.display != "spice" && vm.sound) vm.sound->backend = "none";
  std::erase_if(vm.networks, [](const Vm::Network& network) { return network.type == "bridge"; });
  // A port of the host's may be taken, or closed to us.
  for (Vm::Network& network : vm.networks) network.forwards.clear();
  std::erase_if(vm.shares, [](const Vm::Share& share) { return share.type == "virtiofs"; });
  for (Vm::Share& share : vm.shares) share.path = directory;
}

std::vector<std::string> startable(Vm vm, const std::string& directory) {
  make_startable(vm, directory);
  StartResources resources = testing::example_resources(vm, directory);
  if (vm.firmware.uefi) {
    resources.firmware.nvram = directory + "/nvram.fd";
    const char* kind = vm.firmware.secure_boot ? "VARS_4M.ms.fd" : "VARS_4M.fd";
    fs::copy_file(std::string("/usr/share/OVMF/OVMF_") + kind, resources.firmware.nvram);
  }
  std::vector<std::string> argv = build_command_line(vm, resources).argv();
  argv.emplace_back("-S");
  return argv;
}

OwnedFd connect_to(const std::string& path) {
  OwnedFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return {};
  std::memcpy(address.sun_path, path.data(), path.size());
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return {};
  }
  return socket;
}

// Leaves it to be waited for, so that its number stays its own.
bool has_ended(pid_t child) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
         info.si_pid != 0;
}

OwnedFd connect_when_ready(const std::string& path, pid_t child) {
  for (const auto end = Clock::now() + kLimit; Clock::now() < end;) {
    if (OwnedFd socket = connect_to(path); socket.is_open()) return socket;
    if (has_ended(child)) return {};
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return {};
}

// Everything that QEMU says until `wanted` has come.
std::string read_until(const OwnedFd& socket, std::string_view wanted) {
  std::string text;
  std::array<char, 4096> buffer{};
  for (const auto end = Clock::now() + kLimit;
       text.find(wanted) == std::string::npos && Clock::now() < end;) {
    pollfd waiting{.fd = socket.get(), .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, 1000) <= 0) continue;
    const ssize_t got = ::read(socket.get(), buffer.data(), buffer.size());
    if (got <= 0) break;
    text.append(buffer.data(), static_cast<size_t>(got));
  }
  return text;
}

std::string ask_status(const OwnedFd& socket) {
  read_until(socket, "QMP");
  constexpr std::string_view kQuestions =
      "{\"execute\":\"qmp_capabilities\"}{\"execute\":\"query-status\"}";
  if (::send(socket.get(), kQuestions.data(), kQuestions.size(), MSG_NOSIGNAL) < 0) return {};
  return read_until(socket, "\"status\"");
}

class Start : public ::testing::TestWithParam<std::string> {};

TEST_P(Start, AnswersOverQmp) {
  if (!runs({"qemu-system-x86_64", "--version"}) || !runs({"qemu-img", "--version"})) {
    GTEST_SKIP() << "skipped: no qemu-system-x86_64 with qemu-img";
  }
  const Directory directory;
  if (!has_direct_io(directory.root()))
    GTEST_SKIP() << "skipped: no O_DIRECT in the temp directory";
  auto vm = testing::example(GetParam(), directory.vms());
  ASSERT_TRUE(vm);
  for (Vm::Disk& disk : vm->disks) {
    if (disk.file.empty()) continue;
    if (disk.file.starts_with("/srv/")) disk.file = directory.vms() + disk.file;
    ASSERT_TRUE(make_disk(disk)) << disk.file;
  }
  if (!vm->kernel.empty()) {
    if (vm->kernel.starts_with("/boot/")) vm->kernel = directory.vms() + vm->kernel;
    fs::create_directories(fs::path(vm->kernel).parent_path());
    std::ofstream(vm->kernel) << small_kernel();
  }

  const std::vector<std::string> argv = startable(*vm, directory.root());
  const std::string log = directory.root() + "/log";
  const pid_t qemu = spawn(argv, log);
  ASSERT_GT(qemu, 0);
  const OwnedFd socket = connect_when_ready(directory.root() + "/qmp.sock", qemu);
  if (socket.is_open()) {
    EXPECT_NE(ask_status(socket).find("\"status\": \"prelaunch\""), std::string::npos);
    EXPECT_EQ(fs::exists(directory.root() + "/serial.sock"), vm->serial);
  }
  EXPECT_TRUE(socket.is_open() && !has_ended(qemu)) << to_shell_text(argv) << "\n" << content(log);
  if (::kill(qemu, SIGKILL) == 0) ::waitpid(qemu, nullptr, 0);
}

INSTANTIATE_TEST_SUITE_P(Vm, Start, ::testing::ValuesIn(testing::example_names()),
                         [](const auto& which) { return replace_all(which.param, "-", "_"); });

}  // namespace
}  // namespace cleave
