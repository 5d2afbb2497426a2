#include "app/privacy_patterns.h"

#include <algorithm>
#include <array>

#include "base/format.h"
#include "base/text.h"

namespace cleave {
namespace {

constexpr std::size_t kUuidLength = 36;
constexpr std::size_t kPlainUuidLength = 32;
// GUIDs of EFI variables, the same on every machine: EFI_GLOBAL_VARIABLE and the image security
// database (UEFI 2.10, 3.3 and 32.4), shim's lock, systemd-boot's loader variables.
constexpr std::array<std::string_view, 4> kPublicUuids = {
    "8be4df6193ca11d2aa0d00e098032b8c", "d719b2cb3d3a4596a3bcdad00e67656f",
    "605dab50e0464300abb63dd810dd8b23", "4a67b0820a4c41cfb6c7440b29bb8c4f"};
// Names that are no secret: of accounts and hosts that come with a distribution, and words of
// logs and boot files that a name could be by chance.
constexpr std::array<std::string_view, 58> kPublicNames = {
    "admin",   "amd",      "arch",    "archlinux", "boot",    "cleave", "console",     "daemon",
    "debian",  "default",  "device",  "disk",      "driver",  "eth0",   "fedora",      "gpu",
    "home",    "host",     "i915",    "input",     "intel",   "iommu",  "kernel",      "kvm",
    "label",   "laptop",   "linux",   "live",      "loader",  "local",  "localdomain", "localhost",
    "manjaro", "memory",   "module",  "nixos",     "nobody",  "none",   "nvidia",      "off",
    "on",      "opensuse", "options", "pci",       "proxmox", "pve",    "quiet",       "removed",
    "root",    "serial",   "splash",  "system",    "test",    "ubuntu", "user",        "vfio",
    "wifi",    "xe"};

bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }
bool is_hex(char letter) {
  return is_digit(letter) || (letter >= 'a' && letter <= 'f') || (letter >= 'A' && letter <= 'F');
}
bool is_word(char letter) {
  return is_digit(letter) || (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
         letter == '_' || (static_cast<unsigned char>(letter) & 0x80U) != 0;
}
bool is_name(char letter) { return is_word(letter) || letter == '-' || letter == '.'; }

template <typename Predicate>
std::size_t run(std::string_view text, std::size_t at, Predicate predicate,
                std::size_t most = std::string_view::npos) {
  std::size_t length = 0;
  while (length < most && at + length < text.size() && predicate(text[at + length])) ++length;
  return length;
}

char before(std::string_view text, std::size_t at) { return at == 0 ? ' ' : text[at - 1]; }
char letter_at(std::string_view text, std::size_t at) { return at < text.size() ? text[at] : ' '; }

bool starts_with_at(std::string_view text, std::size_t at, std::string_view word) {
  return text.substr(at).starts_with(word);
}

// 8-4-4-4-12 hexadecimal digits, or 32 of them.
std::size_t uuid_at(std::string_view text, std::size_t at) {
  const std::size_t first = run(text, at, is_hex, kPlainUuidLength + 1);
  if (first == kPlainUuidLength) return is_word(letter_at(text, at + first)) ? 0 : first;
  if (first != 8) return 0;
  std::size_t length = first;
  for (const std::size_t digits : {4UL, 4UL, 4UL, 12UL}) {
    if (letter_at(text, at + length) != '-') return 0;
    if (run(text, at + length + 1, is_hex, 13) != digits) return 0;
    length += 1 + digits;
  }
  return is_word(letter_at(text, at + length)) ? 0 : length;
}

// A whole UUID is found by its shape, wherever it stands: "luks-" may be before it.
bool holds_uuid(std::string_view text, std::size_t at, std::size_t length) {
  for (std::size_t i = at; i < at + length; ++i) {
    if (!is_word(before(text, i)) && uuid_at(text, i) != 0) return true;
  }
  return false;
}

// Six pairs of hexadecimal digits or more (InfiniBand has eight), all with the same separator.
std::size_t mac_at(std::string_view text, std::size_t at) {
  constexpr std::size_t kMostPairs = 20;
  const char separator = letter_at(text, at + 2);
  if ((separator != ':' && separator != '-') || before(text, at) == separator) return 0;
  std::size_t pairs = 0;
  std::size_t length = 0;
  while (pairs < kMostPairs && run(text, at + length, is_hex, 3) == 2) {
    ++pairs;
    length += 2;
    if (letter_at(text, at + length) != separator) break;
    ++length;
  }
  if (length != 0 && letter_at(text, at + length - 1) == separator) return 0;
  return pairs < 6 || is_word(letter_at(text, at + length)) ? 0 : length;
}

// "enx001122334455", "wlx…": systemd names interfaces after their address.
std::optional<PrivateValue> interface_at(std::string_view text, std::size_t at) {
  constexpr std::size_t kPrefix = 3;
  constexpr std::size_t kDigits = 12;
  if (!starts_with_at(text, at, "enx") && !starts_with_at(text, at, "wlx")) return std::nullopt;
  if (run(text, at + kPrefix, is_hex, kDigits + 1) != kDigits) return std::nullopt;
  if (is_word(letter_at(text, at + kPrefix + kDigits))) return std::nullopt;
  return PrivateValue{.kind = Secret::MacAddress, .prefix = kPrefix, .length = kDigits};
}

// Four numbers up to 255. What hangs on other letters or has more parts is a version.
std::size_t ipv4_at(std::string_view text, std::size_t at) {
  const char left = before(text, at);
  if (left == '.' || left == '-' || left == '+') return 0;
  std::size_t length = 0;
  for (int part = 0; part < 4; ++part) {
    if (part != 0 && letter_at(text, at + length++) != '.') return 0;
    const std::size_t digits = run(text, at + length, is_digit, 4);
    const auto number = parse_unsigned<std::uint32_t>(text.substr(at + length, digits));
    if (digits == 0 || digits > 3 || number.value_or(256) > 255) return 0;
    length += digits;
  }
  const char right = letter_at(text, at + length);
  const bool goes_on = right == '.' && is_word(letter_at(text, at + length + 1));
  return is_word(right) || right == '-' || right == '+' || goes_on ? 0 : length;
}

// Groups of hexadecimal digits, eight of them or with one "::" between.
std::size_t ipv6_at(std::string_view text, std::size_t at) {
  constexpr std::size_t kLongest = 39;
  if (before(text, at) == ':') return 0;
  const std::size_t length =
      run(text, at, [](char letter) { return is_hex(letter) || letter == ':'; }, kLongest + 1);
  if (length > kLongest || is_word(letter_at(text, at + length))) return 0;
  const std::string_view address = text.substr(at, length);
  const std::size_t gap = address.find("::");
  std::size_t groups = 0;
  for (const std::string_view group : split(address, ':')) {
    if (group.size() > 4) return 0;
    groups += group.empty() ? 0U : 1U;
  }
  const bool one_gap = gap != std::string_view::npos && gap == address.rfind("::") &&
                       !address.ends_with(":::") && groups >= 2 && groups < 8;
  const bool whole = gap == std::string_view::npos && groups == 8;
  if (!one_gap && !whole) return 0;
  const bool loose_end = address.ends_with(':') && !address.ends_with("::");
  const bool loose_start = address.starts_with(':') && !address.starts_with("::");
  return loose_end || loose_start ? 0 : length;
}

// --- keys -------------------------------------------------------------------------------------

struct Key {
  std::string_view name;  // lower case
  Secret kind;
};
constexpr std::array kKeys = {Key{"uuid", Secret::Disk},
                              Key{"partuuid", Secret::Disk},
                              Key{"ptuuid", Secret::Disk},
                              Key{"label", Secret::Label},
                              Key{"partlabel", Secret::Label},
                              Key{"ssid", Secret::Wifi},
                              Key{"essid", Secret::Wifi},
                              Key{"serialnumber", Secret::Serial},
                              Key{"serial_number", Secret::Serial},
                              Key{"id_serial", Secret::Serial},
                              Key{"hostname", Secret::Host},
                              Key{"systemd.hostname", Secret::Host},
                              Key{"remote_host", Secret::Host},
                              Key{"remote_user", Secret::User},
                              Key{"ip", Secret::Credential},
                              Key{"nameserver", Secret::Credential},
                              Key{"nfsroot", Secret::Credential},
                              Key{"nfsaddrs", Secret::Credential},
                              Key{"netroot", Secret::Credential},
                              Key{"ifname", Secret::Credential},
                              Key{"superusers", Secret::Credential},
                              Key{"key", Secret::Credential},
                              Key{"psk", Secret::Credential},
                              Key{"pass", Secret::Credential},
                              Key{"wpa_psk", Secret::Credential},
                              Key{"pin", Secret::Credential}};
constexpr std::array<std::string_view, 9> kSecretWords = {"password",   "passwd", "passphrase",
                                                          "credential", "token",  "apikey",
                                                          "api_key",    "secret", "iscsi"};
constexpr std::array<std::string_view, 3> kSecretEnds = {".key", "_key", ".psk"};

std::optional<Secret> kind_of_key(std::string_view written) {
  const std::string key = lower_case(written);
  for (const Key& known : kKeys) {
    if (known.name == key) return known.kind;
  }
  if (key.starts_with("secretmem")) return std::nullopt;  // memory that the kernel cannot read
  for (const std::string_view word : kSecretWords) {
    if (key.find(word) != std::string::npos) return Secret::Credential;
  }
  for (const std::string_view end : kSecretEnds) {
    if (key.ends_with(end)) return Secret::Credential;
  }
  return std::nullopt;
}

bool ends_value(char letter) {
  return static_cast<unsigned char>(letter) <= ' ' || letter == '"' || letter == '\'';
}

// The value behind a key: within quotes if it has them, else up to a blank. A secret goes on over
// what would end a name.
PrivateValue value_behind(std::string_view text, std::size_t at, std::size_t prefix, Secret kind) {
  const char quote = letter_at(text, at + prefix);
  const bool quoted = quote == '"' || quote == '\'';
  if (quoted) ++prefix;
  const std::size_t length = run(text, at + prefix, [&](char letter) {
    if (quoted) return letter != quote && letter != '\n';
    if (kind == Secret::Disk) return is_word(letter) || letter == '-';
    const bool ends_name = letter == ',' || letter == ':' || letter == ';' || letter == ')';
    return !ends_value(letter) && (kind == Secret::Credential || !ends_name);
  });
  return {.kind = kind, .prefix = prefix, .length = length};
}

// "name=value"; with a colon only where logs write it so.
std::optional<PrivateValue> keyed_value_at(std::string_view text, std::size_t at) {
  constexpr std::size_t kLongestKey = 64;
  const std::size_t key = run(text, at, is_name, kLongestKey);
  if (key == 0) return std::nullopt;
  const char sign = letter_at(text, at + key);
  if (sign != '=' && sign != ':') return std::nullopt;
  const auto kind = kind_of_key(text.substr(at, key));
  if (!kind) return std::nullopt;
  std::size_t prefix = key + 1;
  if (sign == ':') {
    if (*kind != Secret::Serial && *kind != Secret::Wifi) return std::nullopt;
    prefix += run(text, at + prefix, [](char letter) { return letter == ' '; });
  }
  const PrivateValue value = value_behind(text, at, prefix, *kind);
  if (*kind == Secret::Disk && holds_uuid(text, at + value.prefix, value.length)) {
    return std::nullopt;
  }
  return value.length == 0 ? std::nullopt : std::optional(value);
}

// What stands behind a phrase: "Serial Number: X", "/dev/disk/by-id/X", "/home/X".
struct Phrase {
  std::string_view text;  // lower case
  Secret kind;
  bool in_paths;  // looked for in machine-made text and in paths, too
};
constexpr std::array kPhrases = {
    Phrase{"/home/", Secret::User, true},
    Phrase{"/disk/by-id/", Secret::Disk, true},
    Phrase{"/disk/by-uuid/", Secret::Disk, true},
    Phrase{"/disk/by-partuuid/", Secret::Disk, true},
    Phrase{"/disk/by-label/", Secret::Label, true},
    Phrase{"/disk/by-partlabel/", Secret::Label, true},
    Phrase{"serial number: ", Secret::Serial, false},
    Phrase{"serial number ", Secret::Serial, false},
    Phrase{"serial no: ", Secret::Serial, false},
    Phrase{"grub.pbkdf2.", Secret::Credential, false},
    Phrase{"password_pbkdf2 ", Secret::Credential, false},
    Phrase{"password ", Secret::Credential, false},
};

std::optional<PrivateValue> phrase_value_at(std::string_view text, std::size_t at, TextKind kind) {
  for (const Phrase& phrase : kPhrases) {
    if (kind != TextKind::ForPeople && !phrase.in_paths) continue;
    const std::string_view there = text.substr(at, phrase.text.size());
    if (lower_case(there) != phrase.text) continue;
    if (!there.starts_with('/') && is_word(before(text, at))) continue;
    PrivateValue value{.kind = phrase.kind, .prefix = phrase.text.size(), .length = 0};
    const bool whole_line = there.ends_with(' ') && phrase.kind == Secret::Credential;
    value.length = run(text, at + value.prefix, [&](char letter) {
      if (whole_line) return letter != '\n';
      if (phrase.kind == Secret::User) return is_name(letter);
      // With colons: up to the first one alone, the rest of a number would stay.
      if (phrase.kind == Secret::Serial) return is_name(letter) || letter == ':';
      return !ends_value(letter) && letter != '/' && letter != ',';
    });
    if (phrase.kind != Secret::User && holds_uuid(text, at + value.prefix, value.length)) continue;
    if (value.length != 0) return value;
  }
  return std::nullopt;
}

// "scheme://name:password@host": what stands before the "@".
std::optional<PrivateValue> login_at(std::string_view text, std::size_t at) {
  constexpr std::size_t kPrefix = 3;
  if (!starts_with_at(text, at, "://")) return std::nullopt;
  const std::size_t length = run(
      text, at + kPrefix,
      [](char letter) { return !ends_value(letter) && letter != '/' && letter != '@'; }, 256);
  if (length == 0 || letter_at(text, at + kPrefix + length) != '@') return std::nullopt;
  return PrivateValue{.kind = Secret::Credential, .prefix = kPrefix, .length = length};
}

// The number of a FAT file system, "5A2B-1C3D", where GRUB names one: "search --fs-uuid …" and the
// id "osprober-efi-…". Elsewhere such words are something else.
std::size_t volume_at(std::string_view text, std::size_t at) {
  constexpr std::size_t kDigits = 4;
  const auto is_digit_of_volume = [](char letter) {
    return is_digit(letter) || (letter >= 'A' && letter <= 'F');
  };
  if (run(text, at, is_digit_of_volume, kDigits + 1) != kDigits) return 0;
  if (letter_at(text, at + kDigits) != '-') return 0;
  if (run(text, at + kDigits + 1, is_digit_of_volume, kDigits + 1) != kDigits) return 0;
  const std::size_t length = 2 * kDigits + 1;
  if (is_word(letter_at(text, at + length))) return 0;
  constexpr std::size_t kLongestLine = 1000;
  const std::size_t start = at > kLongestLine ? at - kLongestLine : 0;
  std::string_view line = text.substr(start, at - start);
  line = line.substr(line.rfind('\n') + 1);
  const bool named =
      line.find("--fs-uuid") != std::string_view::npos || line.ends_with("osprober-efi-");
  return named ? length : 0;
}

std::optional<PrivateValue> shape_at(std::string_view text, std::size_t at, TextKind kind) {
  if (const std::size_t length = uuid_at(text, at)) {
    return PrivateValue{.kind = Secret::Uuid, .prefix = 0, .length = length};
  }
  if (const std::size_t length = mac_at(text, at)) {
    return PrivateValue{.kind = Secret::MacAddress, .prefix = 0, .length = length};
  }
  if (kind != TextKind::Binary) {
    if (const auto value = interface_at(text, at)) return value;
  }
  if (kind != TextKind::ForPeople) return std::nullopt;
  if (const std::size_t length = volume_at(text, at)) {
    return PrivateValue{.kind = Secret::Disk, .prefix = 0, .length = length};
  }
  if (const std::size_t length = ipv4_at(text, at)) {
    return PrivateValue{.kind = Secret::Ipv4Address, .prefix = 0, .length = length};
  }
  if (const std::size_t length = ipv6_at(text, at)) {
    return PrivateValue{.kind = Secret::Ipv6Address, .prefix = 0, .length = length};
  }
  return std::nullopt;
}

std::optional<PrivateValue> name_at(std::string_view text, std::size_t at,
                                    const std::set<std::string, std::less<>>& names) {
  constexpr std::size_t kLongestName = 64;  // HOST_NAME_MAX, include/linux/utsname.h
  if (names.empty()) return std::nullopt;
  // The longest first: "mina-book" before "mina".
  std::size_t length = run(text, at, is_name, kLongestName + 1);
  for (; length != 0; --length) {
    if (at + length < text.size() && is_word(text[at + length])) continue;
    if (names.contains(lower_case(text.substr(at, length)))) {
      return PrivateValue{.kind = Secret::User, .prefix = 0, .length = length};
    }
  }
  return std::nullopt;
}

struct Form {
  Secret kind;
  std::string_view prefix;
};
// Kinds whose replacement is a word with a number.
constexpr std::array kForms = {Form{Secret::User, "user"},     Form{Secret::Host, "host"},
                               Form{Secret::Disk, "disk"},     Form{Secret::Label, "label"},
                               Form{Secret::Serial, "serial"}, Form{Secret::Wifi, "wifi"}};
constexpr std::string_view kRemoved = "removed";
constexpr std::uint64_t kIpv4Numbers = 1U << 17U;  // 198.18.0.0/15
constexpr std::uint64_t kMacNumbers = 1U << 24U;

// Locally administered (RFC 7042, 2.1), and no number in its first part: behind "10.1.2." that
// would make an IP address of it.
std::string numbered_mac(std::uint64_t number, std::string_view like) {
  const std::uint64_t low = number % kMacNumbers;
  const bool plain = like.find_first_of(":-") == std::string_view::npos;
  const std::string_view sign = plain ? "" : like.find('-') != std::string_view::npos ? "-" : ":";
  return format("fe{0}00{0}00{0}{1:02x}{0}{2:02x}{0}{3:02x}", sign, low >> 16U, (low >> 8U) & 0xFFU,
                low & 0xFFU);
}

std::optional<std::uint64_t> number_of_ipv4(std::string_view value) {
  const auto parts = split(value, '.');
  if (parts.size() != 4) return std::nullopt;
  std::array<std::uint64_t, 4> numbers{};
  for (std::size_t i = 0; i < 4; ++i)
    numbers[i] = parse_unsigned<std::uint64_t>(parts[i]).value_or(0);
  // Not any machine's own: this host, this network, everybody.
  if (numbers[0] == 0 || numbers[0] == 127 || numbers[0] == 255) return 0;
  if (numbers[0] != 198 || (numbers[1] != 18 && numbers[1] != 19)) return std::nullopt;
  return ((numbers[1] - 18) << 16U) + (numbers[2] << 8U) + numbers[3];
}

}  // namespace

std::optional<PrivateValue> private_value_at(std::string_view text, std::size_t at, TextKind kind,
                                             const std::set<std::string, std::less<>>& names) {
  if (text[at] == '/' || text[at] == ':') {
    if (kind == TextKind::Binary) return std::nullopt;
    const auto login = kind == TextKind::ForPeople ? login_at(text, at) : std::nullopt;
    if (login) return login;
    if (const auto value = phrase_value_at(text, at, kind)) return value;
  }
  if (text[at] != ':' && !is_word(text[at])) return std::nullopt;
  if (is_word(before(text, at))) return std::nullopt;
  if (kind == TextKind::ForPeople) {
    if (const auto value = keyed_value_at(text, at)) return value;
    if (const auto value = phrase_value_at(text, at, kind)) return value;
  }
  if (const auto value = shape_at(text, at, kind)) return value;
  return kind == TextKind::ForPeople ? name_at(text, at, names) : std::nullopt;
}

std::string canonical(Secret kind, std::string_view value) {
  std::string plain = lower_case(value);
  if (kind == Secret::Uuid) std::erase(plain, '-');
  if (kind == Secret::MacAddress) std::erase_if(plain, [](char c) { return c == '-' || c == ':'; });
  return plain;
}

std::string numbered(Secret kind, std::uint64_t number, std::string_view like) {
  for (const Form& form : kForms) {
    if (form.kind == kind) return format("{}{}", form.prefix, number);
  }
  switch (kind) {
    case Secret::Uuid:
      return like.size() == kUuidLength ? format("00000000-0000-0000-0000-{:012x}", number)
                                        : format("{:032x}", number);
    case Secret::MacAddress:
      return numbered_mac(number, like);
    case Secret::Ipv4Address: {
      const std::uint64_t low = number % kIpv4Numbers;
      return format("198.{}.{}.{}", 18 + (low >> 16U), (low >> 8U) & 0xFFU, low & 0xFFU);
    }
    case Secret::Ipv6Address:
      return format("2001:db8::{:x}", number & 0xFFFFU);
    default:
      return std::string(kRemoved);
  }
}

std::optional<std::uint64_t> number_of(Secret kind, std::string_view value) {
  const std::string plain = canonical(kind, value);
  const std::string_view text = plain;
  for (const Form& form : kForms) {
    if (form.kind != kind) continue;
    if (!text.starts_with(form.prefix)) return std::nullopt;
    return parse_unsigned<std::uint64_t>(text.substr(form.prefix.size()));
  }
  switch (kind) {
    case Secret::Uuid:
      if (std::ranges::find(kPublicUuids, text) != kPublicUuids.end()) return 0;
      if (!text.starts_with("00000000000000000000")) return std::nullopt;
      return parse_unsigned<std::uint64_t>(text.substr(20), 16);
    case Secret::MacAddress:
      if (text.find_first_not_of('f') == std::string_view::npos) return 0;  // everybody
      if (text.find_first_not_of('0') == std::string_view::npos) return 0;  // nobody
      if (text.size() != 12 || !text.starts_with("fe0000")) return std::nullopt;
      return parse_unsigned<std::uint64_t>(text.substr(6), 16);
    case Secret::Ipv4Address:
      return number_of_ipv4(text);
    case Secret::Ipv6Address:
      if (!text.starts_with("2001:db8::")) return std::nullopt;
      return parse_unsigned<std::uint64_t>(text.substr(10), 16);
    default:
      return text == kRemoved ? std::optional<std::uint64_t>(0) : std::nullopt;
  }
}

bool is_public_name(std::string_view name) {
  return std::ranges::find(kPublicNames, lower_case(name)) != kPublicNames.end();
}

bool is_private_name(std::string_view name) {
  constexpr std::size_t kShortest = 2;
  constexpr std::size_t kLongest = 64;
  if (name.size() < kShortest || name.size() > kLongest) return false;
  if (!std::ranges::all_of(name, is_name) || !is_word(name.front())) return false;
  if (std::ranges::all_of(name, is_digit)) return false;  // a number, of an account without a name
  if (number_of(Secret::User, name) || number_of(Secret::Host, name)) return false;
  return !is_public_name(name);
}

}  // namespace cleave
