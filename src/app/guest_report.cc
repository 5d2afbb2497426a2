#include "app/guest_report.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/fd.h"
#include "base/text.h"
#include "run/local_socket.h"

namespace cleave {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kLongestLine = 4096;

std::string text_of(const Json* object, std::string_view key) {
  return object == nullptr ? std::string() : printable(object->text_of(key));
}

std::uint64_t number_of(const Json* object, std::string_view key) {
  const Json* member = object == nullptr ? nullptr : object->find(key);
  return member == nullptr ? 0 : member->as_unsigned().value_or(0);
}

Error silent(int error_number) {
  return system_error(error_number, {N_("The guest did not report over its serial port")});
}

// The next bytes, appended to `buffer`.
Result<void> read_more(int socket, int cancel, steady_clock::time_point end, std::string& buffer) {
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(end - steady_clock::now()).count();
    if (left <= 0) return silent(ETIMEDOUT);
    std::array<pollfd, 2> waiting = {pollfd{.fd = socket, .events = POLLIN, .revents = 0},
                                     pollfd{.fd = cancel, .events = POLLIN, .revents = 0}};
    const int ready = ::poll(waiting.data(), waiting.size(),
                             static_cast<int>(std::min<std::int64_t>(left, 60'000)));
    if (ready < 0 && errno != EINTR) return silent(errno);
    if (ready <= 0) continue;
    if (waiting[1].revents != 0) return error_of(ErrorCode::Interrupted, {N_("Interrupted")});
    std::array<char, 4096> bytes{};
    const ssize_t count = ::read(socket, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return silent(count < 0 ? errno : ECONNRESET);
    buffer.append(bytes.data(), static_cast<std::size_t>(count));
    return {};
  }
}

}  // namespace

std::optional<GuestReport> parse_guest_report(std::string_view line) {
  const Result<Json> parsed = parse_json(trim(line));
  if (!parsed || parsed->text_of("schema") != "cleave.guest/1") return std::nullopt;
  const Json& json = *parsed;
  const Json* gpu = json.find("gpu");
  const Json* framebuffer = json.find("framebuffer");
  const Json* speed = json.find("frames_per_second");
  GuestReport report;
  report.gpu_name = text_of(gpu, "name");
  report.gpu_address = text_of(gpu, "address");
  report.vendor_id = text_of(gpu, "vendor_id");
  report.device_id = text_of(gpu, "device_id");
  report.kind = text_of(gpu, "kind");
  report.width = static_cast<std::uint32_t>(number_of(framebuffer, "width"));
  report.height = static_cast<std::uint32_t>(number_of(framebuffer, "height"));
  report.frames = number_of(&json, "frames");
  report.frames_per_second = speed == nullptr ? 0 : speed->as_number().value_or(0);
  report.error = text_of(&json, "error");
  return report;
}

Json to_json(const GuestReport& report) {
  Json gpu;
  gpu.set("name", report.gpu_name);
  gpu.set("address", report.gpu_address);
  gpu.set("vendor_id", report.vendor_id);
  gpu.set("device_id", report.device_id);
  gpu.set("kind", report.kind);
  Json framebuffer;
  framebuffer.set("width", report.width);
  framebuffer.set("height", report.height);
  Json json;
  json.set("gpu", std::move(gpu));
  json.set("framebuffer", std::move(framebuffer));
  json.set("frames", report.frames);
  json.set("frames_per_second", report.frames_per_second);
  return json;
}

Result<GuestReport> wait_for_guest_report(const std::string& serial_socket,
                                          const std::function<bool(const GuestReport&)>& wanted,
                                          std::chrono::milliseconds limit, int cancel) {
  const auto end = steady_clock::now() + limit;
  const OwnedFd socket = TRY(connect_local_socket(serial_socket));
  std::string buffer;
  while (true) {
    TRY(read_more(socket.get(), cancel, end, buffer));
    for (std::size_t newline = buffer.find('\n'); newline != std::string::npos;
         newline = buffer.find('\n')) {
      const auto report = parse_guest_report(std::string_view(buffer).substr(0, newline));
      buffer.erase(0, newline + 1);
      if (!report) continue;
      if (!report->error.empty()) {
        return error_of(ErrorCode::Unsupported,
                        Message(N_("The guest could not draw: {why}"), {{"why", report->error}}));
      }
      if (wanted(*report)) return *report;
    }
    // No line of the guest's is that long: what stands there is noise.
    if (buffer.size() > kLongestLine) buffer.clear();
  }
}

}  // namespace cleave
