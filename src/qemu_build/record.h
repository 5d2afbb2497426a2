// What is known of a QEMU that cleave built: the file build.json beside it. Without that file it is
// no build, so nothing half-installed is ever taken for one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace cleave {

inline constexpr const char* kBuildRecord = "build.json";
inline constexpr std::size_t kBuildRecordLimit = std::size_t{64} << 10U;
// The program of a build, below its prefix.
inline constexpr const char* kBuiltProgram = "bin/qemu-system-x86_64";

struct BuildRecord {
  std::string name;
  std::string version;           // "7.2.22", as the program answered
  std::string source;            // "distribution", "https://…", "/home/…"
  std::string source_detail;     // "qemu 1:7.2+dfsg-7+deb12u18", a sha256, a commit; "" if none
  std::uint64_t built_at = 0;    // seconds since 1970
  std::uint32_t refresh_ms = 0;  // 0: as shipped
  std::string targets;
  std::vector<std::string> options;    // ids
  std::vector<std::string> configure;  // the words given to it
  std::string configuration;           // fingerprint: the same build again is known by it
  // The proof.
  std::vector<std::string> displays;
  std::uint64_t guest_frames = 0;  // that the demo guest drew
  double guest_frames_per_second = 0;
  std::uint64_t seconds = 0;  // that the last run of the build took

  bool operator==(const BuildRecord&) const = default;
};

Json to_json(const BuildRecord& record);
std::string to_text(const BuildRecord& record);
// Malformed for what is none, or has another name than its directory's.
Result<BuildRecord> parse_build_record(std::string_view text, std::string_view name);

}  // namespace cleave
