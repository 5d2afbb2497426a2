#include "run/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <thread>

#include "base/text.h"

namespace cleave {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uid_t kNobody = 65534;

struct Finished {
  ProcessEnd end;
  std::string output;
};

// Runs to the end and gives what was written to standard output.
Finished finish(ProcessSpec spec) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const OwnedFd reader(ends[0]);
  OwnedFd writer(ends[1]);
  spec.descriptors.emplace_back(1, writer.get());
  Result<Process> process = Process::start(spec);
  EXPECT_TRUE(process.has_value()) << english(process.error());
  writer.reset();
  Finished finished;
  std::array<char, 4096> bytes{};
  for (ssize_t count = 0; (count = ::read(reader.get(), bytes.data(), bytes.size())) > 0;) {
    finished.output.append(bytes.data(), static_cast<size_t>(count));
  }
  const auto end = process->wait(seconds(10));
  EXPECT_TRUE(end.has_value() && end->has_value());
  finished.end = **end;
  return finished;
}

TEST(Process, TellsExitStatusAndSignal) {
  EXPECT_EQ(finish({.argv = {"sh", "-c", "exit 42"}}).end.exit_status, 42);
  const ProcessEnd killed = finish({.argv = {"sh", "-c", "kill -KILL $$"}}).end;
  EXPECT_EQ(killed.signal, SIGKILL);
}

TEST(Process, ArgumentsReachTheProgramUnchanged) {
  const Finished done = finish({.argv = {"printf", "%s|", "a b", "$HOME", "*", "", "'\"\n"}});
  EXPECT_EQ(done.output, "a b|$HOME|*||'\"\n|");
}

TEST(Process, ErrorsOfExecComeBackWithTheProgramsName) {
  const auto absent = Process::start({.argv = {"no-such-program-here"}});
  ASSERT_FALSE(absent.has_value());
  EXPECT_EQ(absent.error().error_number, ENOENT);
  EXPECT_EQ(absent.error().code, ErrorCode::NotFound);
  EXPECT_NE(english(absent.error()).find("no-such-program-here"), std::string::npos);
  const auto forbidden = Process::start({.argv = {"/etc/passwd"}});
  ASSERT_FALSE(forbidden.has_value());
  EXPECT_EQ(forbidden.error().error_number, EACCES);
  const auto nowhere = Process::start({.argv = {"true"}, .working_directory = "/no/such/place"});
  ASSERT_FALSE(nowhere.has_value());
  EXPECT_EQ(nowhere.error().path, "/no/such/place");
}

TEST(Process, OnlyNamedDescriptorsAreOpen) {
  // Not close-on-exec on purpose: what a careless library leaves open.
  const OwnedFd stray(::open("/etc/passwd", O_RDONLY));  // NOLINT(android-cloexec-open)
  const OwnedFd high(::fcntl(stray.get(), F_DUPFD, 200));
  const OwnedFd named(::open("/etc/hostname", O_RDONLY | O_CLOEXEC));
  const Finished done = finish(
      {.argv = {"sh", "-c", "cd /proc/self/fd && echo *"}, .descriptors = {{7, named.get()}}});
  // The shell itself has the directory open for a moment while it reads the names.
  const auto numbers = words(trim(done.output));
  EXPECT_NE(std::ranges::find(numbers, "7"), numbers.end());
  for (const std::string_view number : numbers) {
    EXPECT_TRUE(number == "0" || number == "1" || number == "2" || number == "7" || number == "3" ||
                number == "10")
        << number;
    EXPECT_NE(number, "200");
  }
}

TEST(Process, DescriptorsMayTradePlaces) {
  const OwnedFd one(::open("/etc/passwd", O_RDONLY | O_CLOEXEC));
  const OwnedFd two(::open("/etc/group", O_RDONLY | O_CLOEXEC));
  const Finished done = finish({.argv = {"readlink", "/proc/self/fd/" + std::to_string(one.get()),
                                         "/proc/self/fd/" + std::to_string(two.get())},
                                .descriptors = {{one.get(), two.get()}, {two.get(), one.get()}}});
  EXPECT_EQ(done.output, "/etc/group\n/etc/passwd\n");
}

TEST(Process, EnvironmentReplacesOrAdds) {
  EXPECT_EQ(
      finish({.argv = {"env"}, .environment = {{"A", "1"}}, .inherit_environment = false}).output,
      "A=1\n");
  const Finished added =
      finish({.argv = {"sh", "-c", "echo \"$PATH\""}, .environment = {{"PATH", "/usr/bin:/bin"}}});
  EXPECT_EQ(added.output, "/usr/bin:/bin\n");
}

TEST(Process, IgnoredSignalsDoNotStayIgnored) {
  ::signal(SIGPIPE, SIG_IGN);
  const Finished done = finish({.argv = {"sh", "-c", "kill -PIPE $$"}});
  ::signal(SIGPIPE, SIG_DFL);
  EXPECT_EQ(done.end.signal, SIGPIPE);
}

TEST(Process, WaitEndsAtItsLimitAndMayBeRepeated) {
  Result<Process> process = Process::start({.argv = {"sleep", "60"}});
  ASSERT_TRUE(process.has_value());
  const auto running = process->wait(milliseconds(20));
  ASSERT_TRUE(running.has_value());
  EXPECT_FALSE(running->has_value());
  ASSERT_TRUE(process->send_signal(SIGTERM).has_value());
  EXPECT_EQ((**process->wait(seconds(10))).signal, SIGTERM);
  EXPECT_EQ((**process->wait(milliseconds::max())).signal, SIGTERM);
  EXPECT_EQ(process->send_signal(SIGTERM).error().error_number, ESRCH);
}

TEST(Process, DiesWithItsParent) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const pid_t middle = ::fork();
  ASSERT_GE(middle, 0);
  if (middle == 0) {
    const auto child = Process::start({.argv = {"sleep", "60"}, .die_with_parent = true});
    const pid_t id = child ? child->id() : 0;
    const ssize_t written = ::write(ends[1], &id, sizeof(id));
    ::_exit(written == sizeof(id) ? 0 : 1);
  }
  pid_t grandchild = 0;
  ASSERT_EQ(::read(ends[0], &grandchild, sizeof(grandchild)), ssize_t{sizeof(grandchild)});
  ASSERT_GT(grandchild, 0);
  for (int i = 0; i < 500 && identify_process(static_cast<std::uint32_t>(grandchild)); ++i) {
    ::usleep(10'000);
  }
  EXPECT_FALSE(identify_process(static_cast<std::uint32_t>(grandchild)).has_value());
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(Process, ARecordThatFailsKeepsTheProgramFromRunning) {
  const std::string marker = testing::TempDir() + "cleave-process-marker";
  ::unlink(marker.c_str());
  std::optional<ProcessIdentity> recorded;
  const auto refused =
      Process::start({.argv = {"touch", marker}, .record = [&](const ProcessIdentity& identity) {
                        recorded = identity;
                        return Result<void>(system_error(ENOSPC, {"full"}));
                      }});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().error_number, ENOSPC);
  ASSERT_TRUE(recorded.has_value());
  EXPECT_FALSE(identify_process(recorded->process_id).has_value());
  EXPECT_NE(::access(marker.c_str(), F_OK), 0);
}

TEST(Process, TheRecordedIdentityIsThatOfTheProgram) {
  std::optional<ProcessIdentity> recorded;
  Result<Process> process =
      Process::start({.argv = {"sleep", "60"}, .record = [&](const ProcessIdentity& identity) {
                        recorded = identity;
                        return Result<void>();
                      }});
  ASSERT_TRUE(process.has_value() && recorded.has_value());
  EXPECT_EQ(identify_process(static_cast<std::uint32_t>(process->id())), recorded);
  const auto opened = open_process(*recorded);
  ASSERT_TRUE(opened.has_value());
  EXPECT_FALSE(*wait_for_end(*opened, milliseconds(1)));
  ASSERT_TRUE(send_signal_to(*opened, SIGKILL).has_value());
  EXPECT_TRUE(*wait_for_end(*opened, seconds(10)));
  // Ended but not waited for: no process any more.
  EXPECT_FALSE(identify_process(recorded->process_id).has_value());
  EXPECT_EQ((**process->wait(seconds(10))).signal, SIGKILL);
  EXPECT_EQ(open_process(*recorded).error().code, ErrorCode::NotFound);
}

TEST(Process, AReusedNumberIsAnotherProcess) {
  auto identity = identify_process(static_cast<std::uint32_t>(::getpid()));
  ASSERT_TRUE(identity.has_value());
  identity->start_time += 1;
  EXPECT_EQ(open_process(*identity).error().code, ErrorCode::NotFound);
}

TEST(Process, RunsAsAnotherUserWithoutAnyPrivilege) {
  if (::geteuid() != 0) GTEST_SKIP() << "skipped: needs root";
  const Credentials nobody{.user = kNobody, .group = kNobody, .supplementary_groups = {4242}};
  const Finished who = finish({.argv = {"sh", "-c", "id -u; id -g; id -G"}, .credentials = nobody});
  EXPECT_EQ(who.output, "65534\n65534\n65534 4242\n");
  const Finished status = finish(
      {.argv = {"grep", "-E", "^(Cap|NoNewPrivs)", "/proc/self/status"}, .credentials = nobody});
  for (const std::string_view line : lines(status.output)) {
    if (line.starts_with("NoNewPrivs")) {
      EXPECT_EQ(line, "NoNewPrivs:\t1");
    } else {
      EXPECT_TRUE(line.ends_with("\t0000000000000000")) << line;
    }
  }
  EXPECT_EQ(lines(status.output).size(), 6U);
}

// Real, effective, saved: none is left by which a program could be root again.
TEST(Process, WhoActsAsAnotherStartsProgramsAsThatOther) {
  if (::geteuid() != 0) GTEST_SKIP() << "skipped: needs root";
  const auto acting = ActingAs::begin({.user = kNobody, .group = kNobody});
  ASSERT_TRUE(acting.has_value());
  const Finished done = finish({.argv = {"grep", "^[UG]id:", "/proc/self/status"}});
  EXPECT_EQ(done.output, "Uid:\t65534\t65534\t65534\t65534\nGid:\t65534\t65534\t65534\t65534\n");
}

TEST(Process, DiesWithItsParentAsAnotherUserToo) {
  if (::geteuid() != 0) GTEST_SKIP() << "skipped: needs root";
  // A change of user clears the signal (prctl(2)); it must be asked for after it.
  const Credentials nobody{.user = kNobody, .group = kNobody, .supplementary_groups = {}};
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const pid_t middle = ::fork();
  if (middle == 0) {
    const auto child =
        Process::start({.argv = {"sleep", "60"}, .die_with_parent = true, .credentials = nobody});
    const pid_t id = child ? child->id() : 0;
    const ssize_t written = ::write(ends[1], &id, sizeof(id));
    ::_exit(written == sizeof(id) ? 0 : 1);
  }
  pid_t grandchild = 0;
  ASSERT_EQ(::read(ends[0], &grandchild, sizeof(grandchild)), ssize_t{sizeof(grandchild)});
  for (int i = 0; i < 500 && identify_process(static_cast<std::uint32_t>(grandchild)); ++i) {
    ::usleep(10'000);
  }
  EXPECT_FALSE(identify_process(static_cast<std::uint32_t>(grandchild)).has_value());
}

TEST(Process, MemoryLockLimitIsSet) {
  rlimit now{};
  ::getrlimit(RLIMIT_MEMLOCK, &now);
  const std::uint64_t wanted = std::min<rlim_t>(now.rlim_max, 1U << 20U);
  const Finished done = finish({.argv = {"sh", "-c", "ulimit -l"}, .memory_lock = wanted});
  EXPECT_EQ(done.output, std::to_string(wanted / 1024) + "\n");
}

TEST(IdentifyProcess, BearsThatAProcessEndsWhileItIsRead) {
  for (int i = 0; i < 300; ++i) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    std::thread reaper([child] { ::waitpid(child, nullptr, 0); });
    while (identify_process(static_cast<std::uint32_t>(child))) {
    }
    reaper.join();
    EXPECT_EQ(identify_process(static_cast<std::uint32_t>(child)), std::nullopt);
  }
}

}  // namespace
}  // namespace cleave
