#include "install/host_settings.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace cleave {
namespace {

constexpr std::string_view kZones = "zoneinfo/";
constexpr std::size_t kLongestSetting = 64;

bool is_letter(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z');
}

bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

bool is_setting(std::string_view text) {
  return text.size() <= kLongestSetting && std::ranges::all_of(text, [](char letter) {
           return is_letter(letter) || is_digit(letter) ||
                  std::string_view("_-.@,/+").find(letter) != std::string_view::npos;
         });
}

std::string_view without_quotes(std::string_view text) {
  const bool quoted = text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
                      text.front() == text.back();
  return quoted ? text.substr(1, text.size() - 2) : text;
}

// Layouts of XKB (xkeyboard-config's rules/base.lst) and of Windows ("Default Input Locales",
// learn.microsoft.com): the language's number, and the keyboard's.
struct Keyboard {
  const char* layout;
  const char* variant;
  const char* windows;
};

constexpr auto kKeyboards = std::to_array<Keyboard>({
    {"us", "", "0409:00000409"},     {"us", "dvorak", "0409:00010409"},
    {"us", "intl", "0409:00020409"}, {"us", "altgr-intl", "0409:00020409"},
    {"gb", "", "0809:00000809"},     {"ie", "", "1809:00001809"},
    {"de", "", "0407:00000407"},     {"at", "", "0C07:00000407"},
    {"ch", "", "0807:00000807"},     {"ch", "fr", "100C:0000100C"},
    {"fr", "", "040C:0000040C"},     {"be", "", "080C:0000080C"},
    {"ca", "", "0C0C:00001009"},     {"nl", "", "0413:00020409"},
    {"es", "", "040A:0000040A"},     {"latam", "", "080A:0000080A"},
    {"pt", "", "0816:00000816"},     {"br", "", "0416:00000416"},
    {"it", "", "0410:00000410"},     {"dk", "", "0406:00000406"},
    {"no", "", "0414:00000414"},     {"se", "", "041D:0000041D"},
    {"fi", "", "040B:0000040B"},     {"is", "", "040F:0000040F"},
    {"pl", "", "0415:00000415"},     {"cz", "", "0405:00000405"},
    {"sk", "", "041B:0000041B"},     {"hu", "", "040E:0000040E"},
    {"si", "", "0424:00000424"},     {"hr", "", "041A:0000041A"},
    {"gr", "", "0408:00000408"},     {"tr", "", "041F:0000041F"},
    {"ru", "", "0419:00000419"},     {"il", "", "040D:0000040D"},
    {"ee", "", "0425:00000425"},     {"jp", "", "0411:00000411"},
    {"kr", "", "0412:00000412"},
});

}  // namespace

std::string setting_in(std::string_view text, std::string_view name) {
  std::string found;
  for (const std::string_view line : lines(text)) {
    std::string_view rest = trim(line);
    if (!rest.starts_with(name)) continue;
    rest.remove_prefix(name.size());
    if (!rest.starts_with('=')) continue;
    const std::string_view value = without_quotes(trim(rest.substr(1)));
    found = is_setting(value) ? std::string(value) : std::string();
  }
  return found;
}

std::string zone_of_link(std::string_view target) {
  const std::size_t at = target.find(kZones);
  if (at == std::string_view::npos) return {};
  std::string_view zone = target.substr(at + kZones.size());
  // The same zones, counted in other ways (tzdata's "right" counts leap seconds).
  for (const std::string_view kind : {"posix/", "right/"}) {
    if (zone.starts_with(kind)) zone.remove_prefix(kind.size());
  }
  const bool good = !zone.empty() && is_setting(zone) && zone.find("..") == std::string_view::npos;
  return good ? std::string(zone) : std::string();
}

std::string windows_language(std::string_view locale) {
  const std::string_view name = locale.substr(0, locale.find_first_of(".@"));
  const std::size_t underscore = name.find('_');
  if (underscore == std::string_view::npos) return {};
  const std::string_view language = name.substr(0, underscore);
  const std::string_view territory = name.substr(underscore + 1);
  const bool good = (language.size() == 2 || language.size() == 3) && territory.size() == 2 &&
                    std::ranges::all_of(language, is_letter) &&
                    std::ranges::all_of(territory, is_letter);
  if (!good) return {};
  return std::string(language) + "-" + std::string(territory);
}

bool is_windows_language(std::string_view tag) {
  const std::vector<std::string_view> parts = split(tag, '-');
  return parts.size() >= 2 && parts.size() <= 4 && std::ranges::all_of(parts, [](auto part) {
           return part.size() >= 2 && part.size() <= 8 &&
                  std::ranges::all_of(part, [](char c) { return is_letter(c) || is_digit(c); });
         });
}

std::string windows_keyboard(std::string_view layout, std::string_view variant) {
  // "us,kr": the first is the one that is there at the start.
  const std::string_view first = layout.substr(0, layout.find(','));
  const std::string_view its_variant = variant.substr(0, variant.find(','));
  const Keyboard* plain = nullptr;
  for (const Keyboard& keyboard : kKeyboards) {
    if (first != keyboard.layout) continue;
    if (its_variant == keyboard.variant) return keyboard.windows;
    if (*keyboard.variant == '\0') plain = &keyboard;
  }
  return plain == nullptr ? std::string() : plain->windows;
}

}  // namespace cleave
