#include "run/own_process.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "base/format.h"
#include "base/text.h"

namespace cleave {
namespace {

// After SIGTERM: swtpm writes its state, which is some 10 KiB.
constexpr auto kEndPatience = std::chrono::seconds(3);

// The words behind `key` ("Uid:") in /proc/PID/status; empty if it has ended.
std::vector<std::string> status_words(std::uint32_t process_id, std::string_view key) {
  const std::string path = format("/proc/{}/status", process_id);
  const OwnedFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  // Some 1.5 KiB, more with many supplementary groups, which come after what is asked for here.
  std::array<char, 8192> bytes{};
  ssize_t count = 0;
  do {
    count = ::read(file.get(), bytes.data(), bytes.size());
  } while (count < 0 && errno == EINTR);
  const std::string_view text(bytes.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
  for (const std::string_view line : lines(text)) {
    if (!line.starts_with(key)) continue;
    const auto found = words(line.substr(key.size()));
    return {found.begin(), found.end()};
  }
  return {};
}

}  // namespace

Result<OwnedFd> open_own_process(const ProcessIdentity& identity) {
  OwnedFd process = TRY(open_process(identity));
  // Real, effective, saved and file system user (proc(5)).
  const auto users = status_words(identity.process_id, "Uid:");
  if (users.empty()) {
    return error_of(ErrorCode::NotFound,
                    {N_("Process {process} has ended"), {{"process", identity.process_id}}});
  }
  if (users.front() != format("{}", ::geteuid())) {
    return error_of(ErrorCode::Denied,
                    {N_("Process {process} belongs to another user than the VM"),
                     {{"process", identity.process_id}}},
                    {N_("The VM's state.json is wrong; remove it.")});
  }
  return process;
}

bool is_stopped(const ProcessIdentity& identity) {
  if (identify_process(identity.process_id) != identity) return false;
  const auto state = status_words(identity.process_id, "State:");
  // "T (stopped)", "t (tracing stop)": fs/proc/array.c
  return !state.empty() && (state.front() == "T" || state.front() == "t");
}

std::vector<Message> end_left_companions(const std::vector<CompanionRecord>& companions) {
  std::vector<Message> done;
  for (const CompanionRecord& companion : companions) {
    const Result<OwnedFd> process = open_own_process(companion.process);
    if (!process) continue;
    (void)send_signal_to(*process, SIGTERM);
    (void)send_signal_to(*process, SIGCONT);
    const Result<bool> ended = wait_for_end(*process, kEndPatience);
    if (!ended || !*ended) (void)send_signal_to(*process, SIGKILL);
    done.emplace_back(
        N_("Ended {name} (process {process}), which it left behind."),
        std::vector<Field>{{"name", companion.name}, {"process", companion.process.process_id}});
  }
  return done;
}

}  // namespace cleave
