#include "qemu_build/source.h"

#include <algorithm>

#include "base/format.h"
#include "base/text.h"

namespace cleave {
namespace {

constexpr std::size_t kLongestName = 63;

bool is_digit(char one) { return one >= '0' && one <= '9'; }
bool is_letter(char one) { return (one >= 'a' && one <= 'z') || (one >= 'A' && one <= 'Z'); }

Error usage(Message message, Message remedy = {}) {
  return error_of(ErrorCode::Malformed, std::move(message), std::move(remedy));
}

bool is_archive_name(std::string_view name) {
  return std::ranges::any_of(
      std::vector<std::string_view>{".tar", ".tar.xz", ".tar.gz", ".tgz", ".tar.bz2", ".tar.zst"},
      [name](std::string_view ending) { return name.ends_with(ending); });
}

// Git knows more ways to fetch, some of which start programs (git-remote-ext(1)).
Result<BuildSource> classify_address(const std::string& text, const std::string& version) {
  const std::string scheme = text.substr(0, text.find("://"));
  BuildSource source{.kind = SourceKind::Git, .location = text, .version = version};
  if (is_archive_name(text)) {
    source.kind = SourceKind::Download;
    if (scheme == "https") return source;
    return usage({N_("{address} is not fetched: only https tells who answers."),
                  {{"address", printable(text)}}},
                 {N_("Fetch it yourself, and give --source the file.")});
  }
  for (const char* known : {"https", "ssh", "git", "file"}) {
    if (scheme == known) return source;
  }
  return usage({N_("{address} is not fetched: git is asked over https, ssh, git and file alone."),
                {{"address", printable(text)}}});
}

std::string name_of(std::string_view location) {
  while (location.ends_with('/')) location.remove_suffix(1);
  std::string name(location.substr(location.rfind('/') + 1));
  for (const char* ending :
       {".git", ".tar.xz", ".tar.gz", ".tgz", ".tar.bz2", ".tar.zst", ".tar"}) {
    if (name.ends_with(ending)) name.resize(name.size() - std::string_view(ending).size());
  }
  for (char& one : name) {
    if (!is_digit(one) && !is_letter(one) && one != '.' && one != '-' && one != '_') one = '_';
  }
  constexpr std::size_t kReadable = 24;
  if (name.size() > kReadable) name.resize(kReadable);
  return name.empty() || name.front() == '.' ? "source" : name;
}

// --- apt

bool is_of_distribution(std::string_view suite, std::string_view codename) {
  if (codename.empty() || suite == codename) return true;
  return suite.starts_with(codename) && suite.size() > codename.size() &&
         (suite[codename.size()] == '-' || suite[codename.size()] == '/');
}

// "deb [options] URI suite component…" → "deb-src …"; empty if it is no such line.
std::string one_line_source(std::string_view line, std::string_view codename) {
  line = trim(line.substr(0, line.find('#')));
  const auto parts = words(line);
  if (parts.empty() || (parts[0] != "deb" && parts[0] != "deb-src")) return {};
  std::size_t at = 1;
  if (at < parts.size() && parts[at].starts_with('[')) {
    while (at < parts.size() && !parts[at].ends_with(']')) ++at;
    ++at;
  }
  if (at + 1 >= parts.size() || !is_of_distribution(parts[at + 1], codename)) return {};
  return "deb-src " + std::string(trim(line.substr(parts[0].size()))) + "\n";
}

// A paragraph of deb822 style with its Types made deb-src; empty if it is of another distribution
// or switched off.
std::string paragraph_source(const std::vector<std::string_view>& paragraph,
                             std::string_view codename) {
  std::string text = "Types: deb-src\n";
  bool wanted = false;
  bool dropping = false;
  for (const std::string_view line : paragraph) {
    const bool goes_on = line.starts_with(' ') || line.starts_with('\t');
    if (!goes_on) {
      const std::string field = lower_case(line.substr(0, line.find(':')));
      const std::string_view value = trim(line.substr(std::min(line.find(':') + 1, line.size())));
      if (field == "enabled" && lower_case(value) == "no") return {};
      if (field == "suites") {
        wanted = std::ranges::any_of(words(value), [codename](std::string_view suite) {
          return is_of_distribution(suite, codename);
        });
      }
      dropping = field == "types";
    }
    if (!dropping) text.append(line) += '\n';
  }
  return wanted ? text + "\n" : std::string();
}

std::string deb822_sources(std::string_view text, std::string_view codename) {
  std::string sources;
  std::vector<std::string_view> paragraph;
  const auto end_paragraph = [&] {
    if (!paragraph.empty()) sources += paragraph_source(paragraph, codename);
    paragraph.clear();
  };
  for (const std::string_view line : lines(text)) {
    if (trim(line).empty())
      end_paragraph();
    else if (!line.starts_with('#'))
      paragraph.push_back(line);
  }
  end_paragraph();
  return sources;
}

AptSources sources_of(const std::vector<AptFile>& files, std::string_view codename) {
  AptSources sources;
  for (const AptFile& file : files) {
    if (file.name.ends_with(".sources")) {
      sources.deb822 += deb822_sources(file.text, codename);
      continue;
    }
    for (const std::string_view line : lines(file.text)) {
      const std::string source = one_line_source(line, codename);
      // "deb" and "deb-src" of one place are the same here.
      if (sources.one_line.find(source) == std::string::npos) sources.one_line += source;
    }
  }
  return sources;
}

}  // namespace

const char* source_kind_name(SourceKind kind) {
  switch (kind) {
    case SourceKind::Directory:
      return "directory";
    case SourceKind::Tarball:
      return "tarball";
    case SourceKind::Download:
      return "download";
    case SourceKind::Git:
      return "git";
    case SourceKind::Distribution:
      break;
  }
  return "distribution";
}

Result<BuildSource> classify_source(const std::string& text, const std::string& version,
                                    const std::string& absolute, FoundThere found) {
  if (!version.empty() && !is_qemu_version(version)) {
    return usage({N_("“{version}” is no version of QEMU; they look like 8.2.0 or 9.0.0-rc1."),
                  {{"version", printable(version)}}});
  }
  if (text.empty() && version.empty()) {
    return usage({N_("It is not said which QEMU to build.")},
                 {N_("--source distribution takes this distribution's; --version 8.2.0 fetches a "
                     "release; --source takes a directory, a tarball or an address, too.")});
  }
  if (text.empty()) {
    return BuildSource{
        .kind = SourceKind::Download, .location = release_address(version), .version = version};
  }
  if (text == "distribution") {
    return BuildSource{.kind = SourceKind::Distribution, .location = {}, .version = version};
  }
  if (text.find("://") != std::string::npos) return classify_address(text, version);
  switch (found) {
    case FoundThere::Directory:
      return BuildSource{.kind = SourceKind::Directory, .location = absolute, .version = version};
    case FoundThere::File:
      return BuildSource{.kind = SourceKind::Tarball, .location = absolute, .version = version};
    case FoundThere::Unreadable:
      return error_of(ErrorCode::Denied,
                      {N_("{path} cannot be looked at."), {{"path", printable(absolute)}}});
    case FoundThere::Nothing:
      break;
  }
  return error_of(
      ErrorCode::NotFound, {N_("There is no source at {path}."), {{"path", printable(absolute)}}},
      {N_("--source takes a directory, a tarball, the address of a git repository, or the word "
          "“distribution”.")});
}

bool is_qemu_version(std::string_view text) {
  constexpr std::size_t kLongest = 20;
  const std::string_view number = text.substr(0, text.find("-rc"));
  const std::string_view candidate = text.substr(number.size());
  const auto parts = split(number, '.');
  const auto is_number = [](std::string_view part) {
    return !part.empty() && std::ranges::all_of(part, is_digit);
  };
  if (text.size() > kLongest || parts.size() < 2 || parts.size() > 4) return false;
  return std::ranges::all_of(parts, is_number) &&
         (candidate.empty() || is_number(candidate.substr(std::string_view("-rc").size())));
}

std::string release_address(std::string_view version) {
  return format("https://download.qemu.org/qemu-{}.tar.xz", version);
}

Result<Version> parse_version_file(std::string_view text) {
  const std::string_view line = trim(text);
  const auto version = is_qemu_version(line) ? parse_package_version(line) : std::nullopt;
  if (version) return *version;
  return error_of(ErrorCode::Malformed,
                  {N_("The file VERSION of the source holds no version of QEMU: “{text}”"),
                   {{"text", printable(line.substr(0, kLongestName))}}});
}

bool is_build_name(std::string_view name) {
  if (name.empty() || name.size() > kLongestName) return false;
  if (!is_digit(name.front()) && !is_letter(name.front())) return false;
  const auto fits = [](char one) {
    return is_digit(one) || is_letter(one) || one == '.' || one == '-' || one == '_';
  };
  return std::ranges::all_of(name, fits) && !name.starts_with("qemu-system") &&
         name != "qemu-kvm" && name != "kvm";
}

std::string build_name(const Version& version, std::uint32_t refresh_ms) {
  if (refresh_ms == 0) return to_text(version);
  return format("{}-refresh-{}ms", to_text(version), refresh_ms);
}

std::string work_name(const BuildSource& source, std::uint32_t refresh_ms) {
  std::string name = "distribution";
  if (source.kind != SourceKind::Distribution) {
    name = format("{}-{}", name_of(source.location),
                  fingerprint({source_kind_name(source.kind), source.location, source.version}));
  }
  return refresh_ms == 0 ? name : format("{}-refresh-{}ms", name, refresh_ms);
}

std::string fingerprint(const std::vector<std::string>& words) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const std::string& word : words) {
    for (const char letter : word) {
      hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3;
    }
    hash *= 0x100000001b3;  // "ab", "c" is not "a", "bc"
    ++hash;
  }
  return format("{:016x}", hash);
}

AptSources sources_for_source_packages(const std::vector<AptFile>& files,
                                       std::string_view codename) {
  AptSources sources = sources_of(files, codename);
  // Files that name a suite by its age: "stable".
  if (sources.empty() && !codename.empty()) sources = sources_of(files, "");
  return sources;
}

}  // namespace cleave
