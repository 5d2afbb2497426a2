#include "install/driver_package.h"

#include <algorithm>

#include "base/format.h"
#include "base/text.h"

namespace cleave {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kUtf16Mark = "\xFF\xFE"sv;  // little-endian, as Windows writes it
constexpr std::string_view kUtf8Mark = "\xEF\xBB\xBF"sv;
constexpr std::string_view kIntelDevice = "PCI\\VEN_8086";

struct KnownDriver {
  DriverVersion version;
  DriverHealth health;
  const char* about;   // N_
  const char* source;  // issues of github.com/intel/gvt-linux
};

constexpr const char* kWorks = N_("Users report that it works.");

// What people reported: no list of Intel's is newer than 2020. One row for each version.
constexpr auto kKnown = std::to_array<KnownDriver>({
    {{{25, 20, 100, 6374}}, DriverHealth::Works, kWorks, "68"},
    {{{25, 20, 100, 6444}}, DriverHealth::Works, kWorks, "68"},
    {{{25, 20, 100, 6448}}, DriverHealth::Works, kWorks, "68"},
    {{{25, 20, 100, 6471}},
     DriverHealth::Works,
     N_("Users report that it works; on Kaby Lake with Linux 4.19 QEMU told “Bad address”."),
     "68, 60"},
    {{{25, 20, 100, 6519}},
     DriverHealth::Breaks,
     N_("Windows stops with a blue screen; Intel confirmed that this version broke it."),
     "68"},
    {{{26, 20, 100, 7000}},
     DriverHealth::Breaks,
     N_("QEMU told “Bad address” on Kaby Lake with Linux 4.19."),
     "60"},
    {{{26, 20, 100, 7261}},
     DriverHealth::Works,
     N_("It works on Coffee Lake with Linux 5.4."),
     "140"},
    {{{26, 20, 100, 7985}},
     DriverHealth::Breaks,
     N_("Windows restarts again and again on Skylake."),
     "147"},
    {{{27, 20, 100, 9030}},
     DriverHealth::Breaks,
     N_("It hangs on Coffee Lake with Linux 5.10."),
     "120"},
});

// UTF-16 without what is no ASCII: keys, versions and PCI ids are.
std::string ascii_of_utf16(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() / 2);
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
    const auto low = static_cast<unsigned char>(bytes[i]);
    const bool ascii = bytes[i + 1] == 0 && low < 0x80;
    text += ascii ? bytes[i] : '?';
  }
  return text;
}

std::string text_of(std::string_view bytes) {
  if (bytes.starts_with(kUtf16Mark)) return ascii_of_utf16(bytes.substr(kUtf16Mark.size()));
  if (bytes.starts_with(kUtf8Mark)) bytes.remove_prefix(kUtf8Mark.size());
  return std::string(bytes);
}

std::string_view without_comment(std::string_view line) {
  return trim(line.substr(0, line.find(';')));
}

// "DriverVer = 12/06/2018,25.20.100.6471" → the version.
std::optional<DriverVersion> driver_ver(std::string_view value) {
  const std::size_t comma = value.find(',');
  if (comma == std::string_view::npos) return std::nullopt;
  return parse_driver_version(trim(value.substr(comma + 1)));
}

}  // namespace

std::string to_text(const DriverVersion& version) {
  const auto& n = version.numbers;
  return format("{}.{}.{}.{}", n[0], n[1], n[2], n[3]);
}

std::optional<DriverVersion> parse_driver_version(std::string_view text) {
  const std::vector<std::string_view> parts = split(text, '.');
  DriverVersion version;
  if (parts.empty() || parts.size() > version.numbers.size()) return std::nullopt;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto number = parse_unsigned<std::uint16_t>(trim(parts[i]));
    if (!number) return std::nullopt;
    version.numbers[i] = *number;
  }
  return version;
}

std::optional<InfFile> parse_inf(std::string_view bytes) {
  if (bytes.size() > kInfLimit) return std::nullopt;
  const std::string text = text_of(bytes);
  InfFile inf;
  bool has_version = false;
  bool in_version = false;
  for (const std::string_view written : lines(text)) {
    const std::string_view line = without_comment(written);
    if (line.starts_with('[')) {
      in_version = lower_case(line) == "[version]";
      continue;
    }
    const std::size_t equals = line.find('=');
    if (!in_version || equals == std::string_view::npos) continue;
    const std::string key = lower_case(trim(line.substr(0, equals)));
    const std::string_view value = trim(line.substr(equals + 1));
    if (key == "class") inf.is_display = lower_case(value) == "display";
    if (key != "driverver") continue;
    const std::optional<DriverVersion> version = driver_ver(value);
    if (version) inf.version = *version;
    has_version = has_version || version;
  }
  inf.is_intel = text.find(kIntelDevice) != std::string::npos;
  if (!has_version) return std::nullopt;
  return inf;
}

const char* driver_health_name(DriverHealth health) {
  switch (health) {
    case DriverHealth::Works:
      return "works";
    case DriverHealth::Breaks:
      return "breaks";
    case DriverHealth::NotKnown:
      break;
  }
  return "not-known";
}

DriverJudgement judge_gvt_g_driver(const DriverVersion& version) {
  const auto* const known = std::ranges::find(kKnown, version, &KnownDriver::version);
  if (known != kKnown.end()) {
    return {known->health, known->about, format("intel/gvt-linux {}", known->source)};
  }
  return {DriverHealth::NotKnown,
          N_("Nothing is known of this version with GVT-g; 25.20.100.6448 is one that works."), ""};
}

}  // namespace cleave
