// A Windows driver's version, and what is known of Intel's graphics drivers with GVT-g. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/message.h"

namespace cleave {

// Intel's graphics .inf files have up to half a megabyte in UTF-16.
inline constexpr std::size_t kInfLimit = std::size_t{4} << 20U;

struct DriverVersion {
  std::array<std::uint32_t, 4> numbers{};  // 25.20.100.6471
  auto operator<=>(const DriverVersion&) const = default;
};
std::string to_text(const DriverVersion& version);
std::optional<DriverVersion> parse_driver_version(std::string_view text);

struct InfFile {
  DriverVersion version;
  bool is_display = false;  // Class=Display
  bool is_intel = false;    // it names devices of the vendor 8086
};

// The .inf's [Version] section (learn.microsoft.com, "INF DriverVer directive"), in UTF-16 with a
// byte order mark, UTF-8 or ASCII. Empty: no version can be read in it.
std::optional<InfFile> parse_inf(std::string_view bytes);

enum class DriverHealth : std::uint8_t { Works, Breaks, NotKnown };
const char* driver_health_name(DriverHealth health);  // "works", "breaks", "not-known"

struct DriverJudgement {
  DriverHealth health = DriverHealth::NotKnown;
  Message about;       // one sentence
  std::string source;  // "intel/gvt-linux issue 68"; empty: none
};
// Of Intel's graphics driver in a guest on a vGPU of GVT-g.
DriverJudgement judge_gvt_g_driver(const DriverVersion& version);

}  // namespace cleave
