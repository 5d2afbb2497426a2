// Where QEMU's source comes from, and what a build of it is called.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "facts/qemu.h"

namespace cleave {

enum class SourceKind : std::uint8_t { Directory, Tarball, Download, Git, Distribution };
const char* source_kind_name(SourceKind kind);  // "directory", "tarball", …

struct BuildSource {
  SourceKind kind = SourceKind::Distribution;
  std::string location = {};  // a path or an address; empty for the distribution's
  std::string version = {};   // as --version named it; empty: whatever comes
};

// What is at the path that --source names.
enum class FoundThere : std::uint8_t { Nothing, Directory, File, Unreadable };

// `text` as typed, "" if no --source was given; `absolute`: the same as an absolute path, and what
// `found` is there. Malformed where nothing is named, or the version is none; NotFound for a path
// at which nothing is.
Result<BuildSource> classify_source(const std::string& text, const std::string& version,
                                    const std::string& absolute, FoundThere found);

// "8.2.0", "9.0.0-rc1": digits, dots and a release candidate.
bool is_qemu_version(std::string_view text);
// https://download.qemu.org/qemu-8.2.0.tar.xz
std::string release_address(std::string_view version);

// The text of the file VERSION in QEMU's source. Malformed if it is none.
Result<Version> parse_version_file(std::string_view text);

// For files and directories: letters, digits, dots, hyphens, underscores; at most 63; starts with
// a letter or digit; not what a program in PATH is called (qemu-system-x86_64, kvm).
bool is_build_name(std::string_view name);

// "7.2.22" or "7.2.22-refresh-10ms".
std::string build_name(const Version& version, std::uint32_t refresh_ms);

// The directory of an unfinished build: readable, and another for each source. "distribution",
// "qemu-8.2.0-5f3c…"; with the refresh where that was asked for.
std::string work_name(const BuildSource& source, std::uint32_t refresh_ms);

// Sixteen digits that are others for other words. FNV-1a, 64 bits (Fowler, Noll, Vo).
std::string fingerprint(const std::vector<std::string>& words);

// Of the sources of this machine's apt, those of the distribution itself, as deb-src: what goes
// into a file of one-line style, and what into one of deb822 style (sources.list(5)).
struct AptSources {
  std::string one_line;
  std::string deb822;

  [[nodiscard]] bool empty() const { return one_line.empty() && deb822.empty(); }
};
struct AptFile {
  std::string name;  // ends in ".list" or ".sources"
  std::string text;
};
// `codename`: VERSION_CODENAME of os-release; empty: every source counts.
AptSources sources_for_source_packages(const std::vector<AptFile>& files,
                                       std::string_view codename);

}  // namespace cleave
