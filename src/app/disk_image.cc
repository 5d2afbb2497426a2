#include "app/disk_image.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>

#include "base/fd.h"
#include "base/format.h"
#include "base/text.h"
#include "run/process.h"

namespace cleave {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr auto kLookLimit = seconds(20);
constexpr auto kCreateLimit = minutes(2);
constexpr auto kCopyLimit = minutes(60);
constexpr std::size_t kMostWords = 4096;
constexpr std::uint64_t kSmallest = std::uint64_t{1} << 20U;
constexpr std::uint64_t kLargest = std::uint64_t{64} << 40U;
constexpr int kOutputNumber = 3;  // in qemu-img: the first after the standard three

// The end of what qemu-img said, from a file in memory.
std::string words_in(const OwnedFd& file) {
  std::string text(kMostWords, '\0');
  const ssize_t count = ::pread(file.get(), text.data(), text.size(), 0);
  text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  return printable(trim(text));
}

Result<OwnedFd> memory_file(const char* name) {
  OwnedFd file(::memfd_create(name, MFD_CLOEXEC));
  // The VM's user opens it again by its number.
  if (!file.is_open() || ::fchmod(file.get(), 0666) != 0) {
    return system_error(errno, {N_("Could not make a file in memory")});
  }
  return file;
}

// Images are untrusted: only the VM's user reads them. `output` may be a further descriptor.
Result<void> run_qemu_img(const VmEnvironment& environment, std::vector<std::string> arguments,
                          milliseconds limit, const OwnedFd* output = nullptr) {
  const OwnedFd words = TRY(memory_file("qemu-img"));
  ProcessSpec spec;
  spec.argv = {"qemu-img"};
  spec.argv.insert(spec.argv.end(), arguments.begin(), arguments.end());
  spec.environment = {{"PATH", "/usr/local/bin:/usr/bin:/bin"}, {"LC_ALL", "C"}};
  spec.inherit_environment = false;
  spec.descriptors = {{STDERR_FILENO, words.get()}};
  if (output != nullptr) spec.descriptors.emplace_back(kOutputNumber, output->get());
  spec.die_with_parent = true;
  spec.working_directory = "/";
  if (environment.is_root) spec.credentials = credentials_of(environment.owner);
  Result<Process> process = Process::start(spec);
  if (!process && process.error().error_number == ENOENT) {
    return error_of(
        ErrorCode::NotFound, {N_("The program qemu-img is not here")},
        {N_("Install it: package qemu-utils on Debian and Ubuntu, qemu-img elsewhere.")});
  }
  if (!process) return process.error();
  const std::optional<ProcessEnd> end = TRY(process->wait(limit));
  if (!end) {
    (void)process->send_signal(SIGKILL);
    (void)process->wait(kLookLimit);
    return system_error(ETIMEDOUT,
                        {N_("qemu-img {command} did not end within {seconds} seconds"),
                         {{"command", arguments.front()}, {"seconds", limit.count() / 1000}}});
  }
  if (end->signal == 0 && end->exit_status == 0) return {};
  return error_of(ErrorCode::Io, {N_("qemu-img {command} failed: {words}"),
                                  {{"command", arguments.front()}, {"words", words_in(words)}}});
}

// A path that is no protocol ("nbd:…") and no option for qemu-img.
std::string plain_path(const std::string& file) {
  return file.starts_with('/') ? file : "./" + file;
}

Result<void> make_directories(HostWriter& host, const VmEnvironment& environment,
                              const std::string& file) {
  const std::string directory(directory_name(file));
  const ActingAs owner = TRY(ActingAs::begin(credentials_of(environment.owner)));
  if (host.exists(directory)) return {};
  return host.create_directories(directory, 0700);
}

}  // namespace

std::string image_format(std::string_view file) {
  const std::string lower = lower_case(file);
  if (lower.ends_with(".qcow2")) return "qcow2";
  const bool raw = lower.ends_with(".raw") || lower.ends_with(".img") || file.starts_with("/dev/");
  return raw ? "raw" : "";
}

std::optional<std::uint64_t> image_size(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const std::size_t unit = std::string_view("KMGT").find(text.back());
  if (unit == std::string_view::npos) return std::nullopt;
  const auto number = parse_unsigned<std::uint32_t>(text.substr(0, text.size() - 1));
  if (!number) return std::nullopt;
  const std::uint64_t bytes = std::uint64_t{*number} << (10U * (unit + 1));
  const bool fits = *number <= (kLargest >> (10U * (unit + 1)));
  if (!fits || bytes < kSmallest) return std::nullopt;
  return bytes;
}

Result<std::string> first_sectors(const HostReader& host, const VmEnvironment& environment,
                                  const std::string& file, const std::string& format) {
  if (format != "qcow2") {
    const ActingAs owner = TRY(ActingAs::begin(credentials_of(environment.owner)));
    return host.read_at(file, 0, kPartitionTableBytes);
  }
  {
    const ActingAs owner = TRY(ActingAs::begin(credentials_of(environment.owner)));
    (void)TRY(host.status(file));
  }
  const OwnedFd output = TRY(memory_file("sectors"));
  // -U: a VM that runs may have it open.
  TRY(run_qemu_img(environment,
                   {"dd", "-U", "-f", "qcow2", "-O", "raw", "bs=512",
                    cleave::format("count={}", kPartitionTableBytes / 512),
                    "if=" + plain_path(file), cleave::format("of=/dev/fd/{}", kOutputNumber)},
                   kLookLimit, &output));
  std::string sectors(kPartitionTableBytes, '\0');
  const ssize_t count = ::pread(output.get(), sectors.data(), sectors.size(), 0);
  if (count < 0) return system_error(errno, {N_("Could not read {path}"), {{"path", file}}}, file);
  sectors.resize(static_cast<std::size_t>(count));
  return sectors;
}

DiskStart look_at_disk(const HostReader& host, const VmEnvironment& environment,
                       const std::string& file, const std::string& format) {
  const Result<std::string> sectors = first_sectors(host, environment, file, format);
  return sectors && !sectors->empty() ? disk_start(*sectors) : DiskStart::Unknown;
}

Result<void> create_image(HostWriter& host, const VmEnvironment& environment,
                          const NewImage& image) {
  TRY(make_directories(host, environment, image.file));
  {
    const ActingAs owner = TRY(ActingAs::begin(credentials_of(environment.owner)));
    if (host.exists(image.file)) {
      return error_of(ErrorCode::Conflict,
                      {N_("The file {path} is there already"), {{"path", image.file}}});
    }
  }
  return run_qemu_img(
      environment,
      {"create", "-q", "-f", image.format, plain_path(image.file), std::to_string(image.bytes)},
      kCreateLimit);
}

Result<void> copy_image(HostWriter& host, const VmEnvironment& environment,
                        const std::string& source, const NewImage& image) {
  TRY(make_directories(host, environment, image.file));
  ImageKind kind = ImageKind::Other;
  {
    const ActingAs owner = TRY(ActingAs::begin(credentials_of(environment.owner)));
    kind = image_kind(TRY(host.read_at(source, 0, kPartitionTableBytes)));
  }
  if (kind == ImageKind::Qcow2WithOtherFiles) {
    Error error = error_of(
        ErrorCode::Unsupported,
        {N_("The image {path} refers to other files of this machine, which it could show a guest"),
         {{"path", source}}},
        {N_("Take an image that stands by itself, as those for download do.")});
    error.path = source;
    return error;
  }
  // Beside it first: what is half copied has another name.
  const std::string half = image.file + ".new";
  TRY(run_qemu_img(environment,
                   {"convert", "-q", "-f", kind == ImageKind::Qcow2 ? "qcow2" : "raw", "-O",
                    image.format, plain_path(source), plain_path(half)},
                   kCopyLimit));
  if (image.bytes != 0) {
    TRY(run_qemu_img(
        environment,
        {"resize", "-q", "-f", image.format, plain_path(half), std::to_string(image.bytes)},
        kCreateLimit));
  }
  const ActingAs owner = TRY(ActingAs::begin(credentials_of(environment.owner)));
  if (::rename(half.c_str(), image.file.c_str()) != 0) {
    return system_error(errno, {N_("Could not make {path}"), {{"path", image.file}}}, image.file);
  }
  return {};
}

}  // namespace cleave
