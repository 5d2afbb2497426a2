// What the demo guest says of itself over its serial port: JSON lines, schema cleave.guest/1
// (lab/guest/report.h). The guest is not trusted: lines are bounded, and one that makes no sense
// is skipped.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace cleave {

struct GuestReport {
  std::string gpu_name;     // "Intel UHD Graphics (Comet Lake)"
  std::string gpu_address;  // on the guest's own bus: "00:01.0"
  std::string vendor_id;
  std::string device_id;
  std::string kind;  // "gvt-g", "mdpy", "bochs"
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::uint64_t frames = 0;
  double frames_per_second = 0;
  std::string error;  // what kept the guest from drawing; empty if it draws
};

// Empty if the line is no report.
std::optional<GuestReport> parse_guest_report(std::string_view line);
Json to_json(const GuestReport& report);

// The first report over the socket that `wanted` accepts. Unsupported with the guest's own words if
// it says that it cannot draw; Io with ETIMEDOUT after `limit`; Interrupted when `cancel` (a
// descriptor, or -1) becomes readable.
Result<GuestReport> wait_for_guest_report(const std::string& serial_socket,
                                          const std::function<bool(const GuestReport&)>& wanted,
                                          std::chrono::milliseconds limit, int cancel);

}  // namespace cleave
