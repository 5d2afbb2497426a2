#include "app/privacy.h"

#include <algorithm>

#include "app/privacy_patterns.h"
#include "base/text.h"

namespace cleave {
namespace {

using Names = std::set<std::string, std::less<>>;

constexpr std::array<std::string_view, 10> kFoldersForPeople = {
    "/.journal/", "/etc/", "/boot/", "/efi/",  "/usr/lib/",
    "/lib/",      "/run/", "/home/", "/root/", "/var/"};
constexpr std::array<std::string_view, 4> kFilesForPeople = {"/proc/cmdline", "/proc/version",
                                                             "/dev/kmsg", "/var/log/kern.log"};
// Below the folders for people, but made by programs: the kernel's build, dpkg, QEMU.
constexpr std::array<std::string_view, 5> kTechnicalFiles = {"/config-", "/modules.", "/System.map",
                                                             "/dpkg/status", "/cleave/qemu/"};
constexpr std::string_view kTechnicalEnd = "/config";

// How often a line is looked at. Most need one look or two, and three are the most that the fuzzer
// has found a line to need; one that needs more than these was written to outwit this, and goes.
constexpr std::size_t kMostRounds = 16;
constexpr std::string_view kRemovedLine = "removed";  // a public name, and no value of any kind

std::size_t index(Secret kind) { return static_cast<std::size_t>(kind); }

// Of somebody or of a machine: looked for as a word, too.
bool is_name(Secret kind) { return kind == Secret::User || kind == Secret::Host; }

// Names that tell nobody apart stay.
bool is_secret(Secret kind, std::string_view value) {
  return !is_name(kind) || !is_public_name(value);
}

// The kinds whose stand-in a value of this kind can be: a home is found by its place, whoever's
// name it has.
std::vector<Secret> kinds_like(Secret kind) {
  if (is_name(kind)) return {kind, Secret::User, Secret::Host};
  return {kind};
}

bool is_stand_in(Secret kind, std::string_view value) {
  return std::ranges::any_of(kinds_like(kind),
                             [value](Secret like) { return number_of(like, value).has_value(); });
}

// Calls `visit` with each private value and what stands before it, and with the rest at the end.
// `visit` returns whether the value is done with; else the search goes on one letter further.
template <typename Visit>
void each_value(std::string_view text, TextKind kind, const Names& names, Visit visit) {
  std::size_t done = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto found = private_value_at(text, at, kind, names);
    if (!found || found->length == 0) {
      ++at;
      continue;
    }
    const std::size_t start = at + found->prefix;
    const std::string_view value = text.substr(start, found->length);
    if (visit(text.substr(done, start - done), found->kind, value)) {
      done = start + found->length;
      at = done;
    } else {
      ++at;
    }
  }
  visit(text.substr(done), Secret::Credential, std::string_view());
}

// A drop-in, a loader entry or a volume is named by people.
bool is_named_by_people(std::string_view path) {
  return path.find(".d/") != std::string_view::npos ||
         path.find("/entries/") != std::string_view::npos || path.starts_with("/dev/mapper/");
}

}  // namespace

const char* secret_name(Secret secret) {
  constexpr std::array kNames = {"uuid",   "mac-address", "ipv4-address", "ipv6-address",
                                 "user",   "host",        "disk",         "label",
                                 "serial", "wifi",        "credential"};
  static_assert(kNames.size() == kSecretKinds);
  return kNames[index(secret)];
}

TextKind text_kind_of(std::string_view path, std::string_view content) {
  if (content.find('\0') != std::string_view::npos) return TextKind::Binary;
  const auto is_below = [&](std::string_view folder) { return path.starts_with(folder); };
  const auto is_inside = [&](std::string_view part) {
    return path.find(part) != std::string_view::npos;
  };
  if (std::ranges::find(kFilesForPeople, path) != kFilesForPeople.end()) return TextKind::ForPeople;
  if (path.starts_with("/proc/") && path.ends_with("/mounts")) return TextKind::ForPeople;
  if (!std::ranges::any_of(kFoldersForPeople, is_below)) return TextKind::Technical;
  const bool technical =
      std::ranges::any_of(kTechnicalFiles, is_inside) || path.ends_with(kTechnicalEnd);
  return technical ? TextKind::Technical : TextKind::ForPeople;
}

Scrubber::Scrubber(const Identity& identity) {
  for (const std::string& user : identity.users) note(Secret::User, user);
  for (const std::string& host : identity.hosts) {
    note(Secret::Host, host);
    // "book.example.org" is called "book", too.
    note(Secret::Host, std::string_view(host).substr(0, host.find('.')));
  }
}

void Scrubber::note(Secret kind, std::string_view value) {
  if (value.empty()) return;
  for (const Secret like : kinds_like(kind)) {
    if (const auto number = number_of(like, value)) {
      taken_[index(like)].insert(*number);
      return;
    }
  }
  if (!is_secret(kind, value)) return;
  if (is_name(kind)) {
    std::string name = canonical(kind, value);
    if (is_private_name(name)) names_.insert(std::move(name));
  }
  numbers_[index(kind)].try_emplace(canonical(kind, value));
}

void Scrubber::learn(std::string_view text, TextKind kind) {
  each_value(text, kind, names_, [this](std::string_view, Secret found, std::string_view value) {
    // A word that is a known name is known.
    const std::string plain = canonical(found, value);
    if (found == Secret::User && numbers_[index(Secret::Host)].contains(plain)) return true;
    note(found, value);
    return is_stand_in(found, value) || numbers_[index(found)].contains(plain);
  });
}

void Scrubber::learn_path(std::string_view path) {
  learn(path, TextKind::Technical);
  if (is_named_by_people(path)) learn(path.substr(path.rfind('/') + 1), TextKind::ForPeople);
}

std::uint64_t Scrubber::next_number(Secret kind) {
  std::uint64_t& number = last_[index(kind)];
  do {
    ++number;
  } while (taken_[index(kind)].contains(number));
  return number;
}

void Scrubber::settle() {
  for (std::size_t kind = 0; kind < kSecretKinds; ++kind) {
    for (auto& [value, number] : numbers_[kind]) number = next_number(static_cast<Secret>(kind));
  }
}

std::string Scrubber::replacement(Secret kind, std::string_view value) {
  const std::string plain = canonical(kind, value);
  for (const Secret place : kinds_like(kind)) {
    const auto found = numbers_[index(place)].find(plain);
    if (found != numbers_[index(place)].end()) return numbered(place, found->second, value);
  }
  if (!is_secret(kind, value)) return {};
  const std::uint64_t number = next_number(kind);
  numbers_[index(kind)].emplace(plain, number);
  return numbered(kind, number, value);
}

std::string Scrubber::scrub(std::string_view text, TextKind kind) {
  if (kind == TextKind::Binary) return scrubbed_once(text, kind);
  std::string clean;
  clean.reserve(text.size());
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    clean += scrubbed_line(line, kind);
    text.remove_prefix(line.size());
    if (text.empty()) break;
    clean += '\n';
    text.remove_prefix(1);
  }
  return clean;
}

// A replacement can make a private value of what stands around it: “/home/::a:1” becomes
// “/home/2001:db8::1”, where “2001” has a user's place. So a line is done when nothing in it is
// left to replace, and not before. No value and nothing that decides on one reaches over its line.
std::string Scrubber::scrubbed_line(std::string_view line, TextKind kind) {
  std::string clean(line);
  for (std::size_t round = 0; round < kMostRounds; ++round) {
    std::string next = scrubbed_once(clean, kind);
    if (next == clean) return clean;
    clean = std::move(next);
  }
  return std::string(kRemovedLine);
}

std::string Scrubber::scrubbed_once(std::string_view text, TextKind kind) {
  std::string clean;
  clean.reserve(text.size());
  each_value(text, kind, names_,
             [&](std::string_view before, Secret found, std::string_view value) {
               if (value.empty()) {
                 clean += before;
                 return true;
               }
               const bool is_done = is_stand_in(found, value);
               const std::string instead = is_done ? std::string(value) : replacement(found, value);
               if (instead.empty()) return false;
               // In binary data everything must stay where it is.
               const bool fits = kind != TextKind::Binary || instead.size() == value.size();
               clean += before;
               clean += fits ? std::string_view(instead) : value;
               return true;
             });
  return clean;
}

std::string Scrubber::scrub_path(std::string_view path) {
  if (!is_named_by_people(path)) return scrub(path, TextKind::Technical);
  const std::size_t name = path.rfind('/') + 1;
  return scrub(path.substr(0, name), TextKind::Technical) +
         scrub(path.substr(name), TextKind::ForPeople);
}

std::array<std::size_t, kSecretKinds> Scrubber::counts() const {
  std::array<std::size_t, kSecretKinds> counts{};
  for (std::size_t kind = 0; kind < kSecretKinds; ++kind) counts[kind] = numbers_[kind].size();
  return counts;
}

std::string scrub_pci_config(std::string bytes) {
  constexpr std::size_t kFirst = 0x100;  // where extended capabilities start (PCIe 6.0, 7.6)
  constexpr std::size_t kSize = 0x1000;
  constexpr std::uint32_t kSerialNumber = 0x0003;
  constexpr std::size_t kSerialLength = 12;  // header and two registers
  const auto register_at = [&bytes](std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 4; i-- > 0;)
      value = (value << 8U) | static_cast<unsigned char>(bytes[at + i]);
    return value;
  };
  std::size_t at = kFirst;
  // A capability has four bytes at least: a chain that is longer goes in a circle.
  for (std::size_t steps = 0; steps < (kSize - kFirst) / 4; ++steps) {
    if (at < kFirst || at + kSerialLength > bytes.size()) break;
    const std::uint32_t header = register_at(at);
    if ((header & 0xFFFFU) == kSerialNumber) {
      std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at + 4), kSerialLength - 4, '\0');
    }
    at = (header >> 20U) & 0xFFCU;
  }
  return bytes;
}

std::string scrub_module_list(std::string_view text) {
  // A row ends with the module's address (kernel/module/procfs.c, m_show); zeros without root.
  constexpr std::string_view kAddress = " 0x";
  std::string clean;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    std::string row(text.substr(0, end));
    const std::size_t address = row.rfind(kAddress);
    for (std::size_t i = address == std::string::npos ? row.size() : address + kAddress.size();
         i < row.size() && row[i] != ' ' && row[i] != '\n'; ++i) {
      row[i] = '0';
    }
    clean += row;
    text.remove_prefix(end);
  }
  return clean;
}

std::string scrub_mounts(std::string_view text) {
  constexpr std::array<std::string_view, 7> kPlaces = {
      "/", "/boot", "/boot/efi", "/boot/grub", "/boot/grub2", "/efi", "/usr"};
  std::string kept;
  for (const std::string_view line : lines(text)) {
    const auto parts = words(line);
    if (parts.size() < 3 || std::ranges::find(kPlaces, parts[1]) == kPlaces.end()) continue;
    kept.append(line).append("\n");
  }
  return kept;
}

std::string scrub_process_stat(std::string_view text) {
  constexpr std::size_t kKept = 20;  // fields 3 to 22 (proc(5))
  const std::size_t begin = text.find('(');
  const std::size_t end = text.rfind(')');
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin) return {};
  const auto fields = words(trim(text.substr(end + 1)));
  std::string kept = std::string(text.substr(0, begin)) + "()";
  for (std::size_t i = 0; i < std::min(kKept, fields.size()); ++i) {
    kept.append(" ").append(fields[i]);
  }
  return kept + "\n";
}

std::string scrub_mapping(std::string_view text) {
  return std::string(text.substr(0, text.find('-')));
}

namespace {
constexpr std::size_t kVariableAttributes = 4;
}  // namespace

std::string text_of_variable(std::string_view bytes) {
  std::string text;
  for (std::size_t i = kVariableAttributes; i + 1 < bytes.size(); i += 2) {
    if (bytes[i] == '\0' && bytes[i + 1] == '\0') break;
    text += bytes[i + 1] == '\0' ? bytes[i] : '?';
  }
  return text;
}

std::string with_text_of_variable(std::string_view bytes, std::string_view text) {
  if (bytes.size() <= kVariableAttributes) return std::string(bytes);
  std::string variable(bytes.substr(0, kVariableAttributes));
  for (const char letter : text) variable.append({letter, '\0'});
  variable.append(2, '\0');
  return variable;
}

}  // namespace cleave
