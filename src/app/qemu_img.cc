#include "app/qemu_img.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>

#include "base/fd.h"
#include "base/format.h"
#include "base/text.h"
#include "host/host.h"
#include "host/signals_wait.h"
#include "run/process.h"
#include "vm/command_line.h"

namespace cleave {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// An image with 1,000 snapshots has some 300 KiB.
constexpr std::size_t kMostOutput = std::size_t{4} << 20U;
constexpr std::size_t kMostSnapshots = 10'000;
constexpr std::size_t kLongestChain = 64;
constexpr milliseconds kLookForSignals(200);
constexpr milliseconds kToEnd = std::chrono::seconds(10);

struct Pipe {
  OwnedFd ours;
  OwnedFd theirs;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return system_error(errno, {N_("Could not make a pipe")});
  return Pipe{.ours = OwnedFd(ends[0]), .theirs = OwnedFd(ends[1])};
}

// Reads what has come; false at the end. What is beyond the limit is read and dropped.
bool take(OwnedFd& from, std::string& text) {
  std::array<char, 16384> bytes{};
  const ssize_t count = ::read(from.get(), bytes.data(), bytes.size());
  if (count < 0 && errno == EINTR) return true;
  if (count <= 0) {
    from.reset();
    return false;
  }
  const auto room = kMostOutput - std::min(kMostOutput, text.size());
  text.append(bytes.data(), std::min(static_cast<std::size_t>(count), room));
  return true;
}

void end(Process& process) {
  (void)process.send_signal(SIGTERM);
  const auto ended = process.wait(kToEnd);
  if (ended && *ended) return;
  (void)process.send_signal(SIGKILL);
  (void)process.wait(kToEnd);
}

Result<Process> start(const VmEnvironment& environment, const QemuImgCall& call, int output,
                      int errors) {
  ProcessSpec spec;
  spec.argv = {"qemu-img"};
  spec.argv.insert(spec.argv.end(), call.arguments.begin(), call.arguments.end());
  spec.environment = {{"PATH", "/usr/local/bin:/usr/bin:/bin"}, {"LC_ALL", "C"}, {"HOME", "/"}};
  spec.inherit_environment = false;
  spec.descriptors = {{STDOUT_FILENO, output}, {STDERR_FILENO, errors}};
  spec.new_session = true;  // Ctrl-C is ours to pass on
  spec.die_with_parent = true;
  if (environment.is_root) spec.credentials = credentials_of(environment.owner);
  Result<Process> process = Process::start(spec);
  if (process || process.error().code != ErrorCode::NotFound) return process;
  return error_of(
      ErrorCode::NotFound, {N_("The program qemu-img is not installed")},
      {N_("It is in the package qemu-utils on Debian and Ubuntu, qemu-img on Fedora and "
          "Arch, qemu-tools on openSUSE.")});
}

Error failed(const QemuImgCall& call, const std::string& errors) {
  std::string words = printable(trim(errors));
  return error_of(ErrorCode::Io, {N_("qemu-img {command} failed: {text}"),
                                  {{"command", call.arguments.front()}, {"text", words}}});
}

std::uint64_t number_of(const Json& json, std::string_view key) {
  const Json* found = json.find(key);
  return found == nullptr ? 0 : found->as_unsigned().value_or(0);
}

Error no_info() {
  return error_of(ErrorCode::Malformed, {N_("What qemu-img tells of the image is not understood")});
}

}  // namespace

Result<std::string> run_qemu_img(const VmEnvironment& environment, const QemuImgCall& call) {
  const SignalsKept kept;
  Pipe output = TRY(make_pipe());
  Pipe errors = TRY(make_pipe());
  Process process = TRY(start(environment, call, output.theirs.get(), errors.theirs.get()));
  output.theirs.reset();
  errors.theirs.reset();
  const auto deadline = Clock::now() + call.limit;
  std::string printed;
  std::string complaints;
  double told = -1;
  while (output.ours.is_open() || errors.ours.is_open()) {
    if (call.interruptible && SignalsKept::has_come()) {
      end(process);
      return error_of(ErrorCode::Interrupted, {N_("Ended by a signal")});
    }
    if (Clock::now() >= deadline) {
      end(process);
      return system_error(ETIMEDOUT, {N_("qemu-img {command} took too long and was ended"),
                                      {{"command", call.arguments.front()}}});
    }
    std::array<pollfd, 2> waiting{{{.fd = output.ours.get(), .events = POLLIN, .revents = 0},
                                   {.fd = errors.ours.get(), .events = POLLIN, .revents = 0}}};
    if (::poll(waiting.data(), waiting.size(), static_cast<int>(kLookForSignals.count())) <= 0) {
      continue;
    }
    if (waiting[0].revents != 0) take(output.ours, printed);
    if (waiting[1].revents != 0) take(errors.ours, complaints);
    if (const auto percent = call.progress ? progress_in(printed) : std::nullopt;
        percent && *percent > told) {
      told = *percent;
      call.progress(told);
    }
  }
  const std::optional<ProcessEnd> ended = TRY(process.wait(kToEnd));
  if (!ended) end(process);
  if (!ended || ended->signal != 0 || ended->exit_status != 0) return failed(call, complaints);
  return printed;
}

std::optional<double> progress_in(std::string_view printed) {
  constexpr std::string_view kEnding = "/100%)";
  const auto ending = printed.rfind(kEnding);
  if (ending == std::string_view::npos) return std::nullopt;
  const auto begin = printed.rfind('(', ending);
  if (begin == std::string_view::npos) return std::nullopt;
  const std::string_view text = printed.substr(begin + 1, ending - begin - 1);
  double percent = 0;
  const char* const first = text.data();  // NOLINT(bugprone-suspicious-stringview-data-usage)
  const auto [stop, problem] = std::from_chars(first, first + text.size(), percent);
  if (problem != std::errc() || stop != first + text.size()) return std::nullopt;
  return percent >= 0 && percent <= 100 ? std::optional(percent) : std::nullopt;
}

std::string image_options(const std::string& file, const std::string& format) {
  return cleave::format("driver={},file.driver={},file.filename={}", format,
                        file.starts_with("/dev/") ? "host_device" : "file",
                        qemu_option_value(file));
}

Result<ImageInfo> image_info_from_json(const Json& json) {
  ImageInfo info;
  const Json* size = json.find("virtual-size");
  const auto bytes = size == nullptr ? std::nullopt : size->as_unsigned();
  if (!bytes) return no_info();
  info.virtual_size = *bytes;
  info.backing_file = printable(json.text_of("backing-filename"));
  const Json* snapshots = json.find("snapshots");
  if (snapshots == nullptr) return info;
  const auto* all = snapshots->as_array();
  if (all == nullptr || all->size() > kMostSnapshots) return no_info();
  for (const Json& each : *all) {
    info.snapshots.push_back(
        {.id = printable(each.text_of("id")),
         .name = printable(each.text_of("name")),
         .made_at = static_cast<std::int64_t>(number_of(each, "date-sec") & INT64_MAX),
         .vm_state_size = number_of(each, "vm-state-size")});
  }
  return info;
}

Result<ImageInfo> image_info(const VmEnvironment& environment, const std::string& file,
                             const std::string& format, bool shared) {
  QemuImgCall call{.arguments = {"info", "--output=json", "-f", format}};
  if (shared) call.arguments.emplace_back("-U");
  call.arguments.push_back(file);
  const std::string printed = TRY(run_qemu_img(environment, call));
  const Result<Json> json = parse_json(printed);
  if (!json) return no_info();
  return image_info_from_json(*json);
}

Result<std::vector<std::string>> image_chain(const VmEnvironment& environment,
                                             const std::string& file, const std::string& format) {
  const QemuImgCall call{
      .arguments = {"info", "--output=json", "--backing-chain", "-U", "-f", format, file}};
  const std::string printed = TRY(run_qemu_img(environment, call));
  const Result<Json> json = parse_json(printed);
  if (!json || json->as_array() == nullptr || json->as_array()->size() > kLongestChain) {
    return no_info();
  }
  std::vector<std::string> files;
  for (const Json& each : *json->as_array()) files.emplace_back(each.text_of("filename"));
  return files;
}

}  // namespace cleave
