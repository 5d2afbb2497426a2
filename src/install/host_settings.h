// What a guest takes over from the host: language, keyboard, time zone. Pure.
#pragma once

#include <string>
#include <string_view>

namespace cleave {

struct HostSettings {
  std::string locale;            // "ko_KR.UTF-8"; empty: not known
  std::string keyboard;          // a layout of XKB, "us"; empty: not known
  std::string keyboard_variant;  // "dvorak"; often empty
  std::string time_zone;         // IANA's name; empty: not known
};

// The value of NAME=VALUE in a file of such lines (locale.conf(5), keyboard(5), vconsole.conf(5)),
// without its quotes; the last one counts. Empty: there is none, or it has characters that no
// locale, layout or zone has.
std::string setting_in(std::string_view text, std::string_view name);

// "/usr/share/zoneinfo/Asia/Seoul" or "../usr/share/zoneinfo/Asia/Seoul" → "Asia/Seoul"; empty for
// what leads elsewhere.
std::string zone_of_link(std::string_view target);

// "ko_KR.UTF-8" → "ko-KR", as Windows names languages (BCP 47); empty for what is no language with
// a territory, such as "C.UTF-8".
std::string windows_language(std::string_view locale);
// True for what Windows may name a language: "ko-KR", "zh-Hans-CN".
bool is_windows_language(std::string_view tag);

// Windows' keyboard for a layout of XKB, as InputLocale takes it: "0407:00000407". Empty: not in
// the table; the language's own keyboard is then the best there is.
std::string windows_keyboard(std::string_view layout, std::string_view variant);

}  // namespace cleave
