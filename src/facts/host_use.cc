#include "facts/host_use.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace cleave {
namespace {

// Blank, tab, newline and backslash stand as \040, \011, \012 and \134 (fs/proc_namespace.c,
// mangle).
std::string without_escapes(std::string_view text) {
  constexpr std::size_t kLength = 4;
  std::string plain;
  while (!text.empty()) {
    const auto code = text.front() == '\\' && text.size() >= kLength
                          ? parse_unsigned<std::uint8_t>(text.substr(1, kLength - 1), 8)
                          : std::nullopt;
    plain += code ? static_cast<char>(*code) : text.front();
    text.remove_prefix(code ? kLength : 1);
  }
  return plain;
}

// include/uapi/linux/route.h: RTF_UP, and RTF_REJECT of a route that leads nowhere.
constexpr std::uint32_t kRouteUp = 0x0001;
constexpr std::uint32_t kRouteReject = 0x0200;

bool leads_somewhere(std::string_view flags) {
  const auto value = parse_unsigned<std::uint32_t>(flags, 16);
  return value && (*value & kRouteUp) != 0 && (*value & kRouteReject) == 0;
}

bool is_zero(std::string_view hexadecimal) {
  return !hexadecimal.empty() && hexadecimal.find_first_not_of('0') == std::string_view::npos;
}

// The last word of a bitmap in sysfs holds its lowest bits (drivers/input/input.c,
// input_print_bitmap).
std::uint64_t lowest_bits(std::string_view bitmap) {
  const auto all = words(trim(bitmap));
  return all.empty() ? 0 : parse_unsigned<std::uint64_t>(all.back(), 16).value_or(0);
}

}  // namespace

std::vector<MountLine> parse_mount_info(std::string_view text) {
  // id, parent, major:minor, root, place, options, then fields until a hyphen, type, source.
  constexpr std::size_t kNumbers = 2;
  constexpr std::size_t kPlace = 4;
  constexpr std::size_t kOptional = 6;
  std::vector<MountLine> mounts;
  for (const std::string_view line : lines(text)) {
    const auto parts = words(line);
    if (parts.size() < kOptional) continue;
    const auto hyphen = std::find(parts.begin() + kOptional, parts.end(), "-");
    if (parts.end() - hyphen < 3) continue;
    mounts.push_back({.numbers = std::string(parts[kNumbers]),
                      .place = without_escapes(parts[kPlace]),
                      .type = std::string(hyphen[1]),
                      .source = without_escapes(hyphen[2])});
  }
  return mounts;
}

std::vector<SwapLine> parse_swaps(std::string_view text) {
  std::vector<SwapLine> areas;
  for (const std::string_view line : lines(text)) {
    const auto parts = words(line);
    if (parts.size() < 2 || !parts[0].starts_with('/')) continue;  // the heading
    areas.push_back({.path = without_escapes(parts[0]), .is_file = parts[1] == "file"});
  }
  return areas;
}

std::set<std::string> default_routes(std::string_view ipv4, std::string_view ipv6) {
  std::set<std::string> interfaces;
  for (const std::string_view line : lines(ipv4)) {
    // net/ipv4/fib_trie.c, fib_route_seq_show: interface, destination, gateway, flags, reference
    // count, use, metric, mask, …
    constexpr std::size_t kMask = 7;
    const auto parts = words(line);
    if (parts.size() <= kMask || !is_zero(parts[1]) || !is_zero(parts[kMask])) continue;
    if (leads_somewhere(parts[3])) interfaces.emplace(parts[0]);
  }
  for (const std::string_view line : lines(ipv6)) {
    // net/ipv6/ip6_fib.c, ipv6_route_native_seq_show: destination, its length, source, its length,
    // gateway, metric, reference count, use, flags, interface.
    constexpr std::size_t kFlags = 8;
    const auto parts = words(line);
    if (parts.size() != kFlags + 2 || !is_zero(parts[0]) || !is_zero(parts[1])) continue;
    if (leads_somewhere(parts[kFlags])) interfaces.emplace(parts[kFlags + 1]);
  }
  return interfaces;
}

bool is_keyboard(std::string_view events, std::string_view keys) {
  // EV_KEY is event type 1 (include/uapi/linux/input-event-codes.h). A full keyboard has the codes
  // 1 to 31, escape to S; 0 is KEY_RESERVED. udev draws the line there, too
  // (src/udev/udev-builtin-input_id.c, test_key).
  constexpr std::uint64_t kKeyEvents = 1U << 1U;
  constexpr std::uint64_t kFirstKeys = 0xFFFFFFFE;
  return (lowest_bits(events) & kKeyEvents) != 0 && (lowest_bits(keys) & kFirstKeys) == kFirstKeys;
}

std::optional<SoundStatus> parse_sound_status(std::string_view text) {
  // sound/core/pcm.c, snd_pcm_substream_proc_status_read: "closed", or lines of "name : value";
  // what is left in the buffer of a stream that ends still plays (DRAINING).
  std::optional<SoundStatus> status;
  for (const std::string_view line : lines(text)) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view name = trim(line.substr(0, colon));
    const std::string_view value = trim(line.substr(colon + 1));
    if (name == "state")
      status = {.process_id = 0, .running = value == "RUNNING" || value == "DRAINING"};
    if (name == "owner_pid" && status) {
      status->process_id = parse_unsigned<std::uint32_t>(value).value_or(0);
    }
  }
  return status;
}

DevicesAbove devices_in_path(std::string_view path) {
  DevicesAbove devices;
  for (const std::string_view part : split(path, '/')) {
    if (const auto address = parse_pci_address(part)) devices.push_back(*address);
  }
  return devices;
}

bool is_essential_place(std::string_view place) {
  // What a running system opens files of at any time, and what it needs to start again. /nix/store
  // is /usr on NixOS, /sysroot the root behind an ostree.
  constexpr std::array<std::string_view, 10> kPlaces = {
      "/", "/boot", "/boot/efi", "/efi", "/home", "/nix", "/usr", "/var", "/nix/store", "/sysroot"};
  return std::ranges::find(kPlaces, place) != kPlaces.end();
}

}  // namespace cleave
