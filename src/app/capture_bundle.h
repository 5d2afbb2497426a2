// A capture: what one machine answered, as values. As a bundle it is a manifest
// ("cleave-capture.json", schema "cleave.capture/1") and the contents of its files below "tree/".
// The manifest says of every path what it is, or with which error it answered; so no link, no
// device and no error has to stand in an archive or a directory.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "host/memory_host.h"

namespace cleave {

inline constexpr const char* kManifestName = "cleave-capture.json";
inline constexpr const char* kTreeName = "tree";

// Larger captures are refused: many times what cleave writes.
inline constexpr std::size_t kCaptureNodes = 200'000;
inline constexpr std::size_t kCaptureFileBytes = std::size_t{32} << 20U;
inline constexpr std::size_t kCaptureBytes = std::size_t{256} << 20U;  // uncompressed, all files
inline constexpr std::size_t kManifestBytes = std::size_t{64} << 20U;  // as parse_json

struct LeftOut {
  std::string path;
  std::string why;  // the system's words, in English

  bool operator==(const LeftOut&) const = default;
};

struct Capture {
  MemoryHost machine;
  std::string cleave_version;
  std::string kernel;      // release; empty if it was not to be read
  std::uint64_t time = 0;  // seconds since 1970, UTC
  bool is_root = false;
  std::vector<std::pair<std::string, std::size_t>> replaced;  // by kind of private value
  std::vector<LeftOut> left_out;                              // for want of rights
  std::vector<std::string> cut;                               // too large
};

struct BundleFile {
  std::string name;  // "cleave-capture.json", "tree/proc/cmdline"
  std::string content;
};

// Paths and link targets must be UTF-8 without control characters (capture_machine sees to it).
std::vector<BundleFile> bundle_files(const Capture& capture);

// Gives the content of one file by its path ("/proc/cmdline"), which has `size` bytes.
using ContentReader = std::function<Result<std::string>(const std::string& path, std::size_t size)>;

// Malformed if the manifest is not sound: it names the place. Errors of `read_content` as they
// are.
Result<Capture> read_capture(std::string_view manifest, const ContentReader& read_content);

// Absolute, plain, of a sane length, UTF-8 without control characters.
bool is_capturable_path(std::string_view path);

}  // namespace cleave
