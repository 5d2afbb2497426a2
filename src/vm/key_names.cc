#include "vm/key_names.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace cleave {
namespace {

constexpr std::size_t kMostAtOnce = 16;  // more keys than hands can press

// What people and other tools say → QEMU's name.
const std::vector<std::pair<std::string, std::string>>& other_names() {
  static const std::vector<std::pair<std::string, std::string>> kNames = {
      {"enter", "ret"},          {"return", "ret"},       {"escape", "esc"},
      {"del", "delete"},         {"ins", "insert"},       {"space", "spc"},
      {"control", "ctrl"},       {"altgr", "alt_r"},      {"win", "meta_l"},
      {"super", "meta_l"},       {"meta", "meta_l"},      {"cmd", "meta_l"},
      {"pageup", "pgup"},        {"pagedown", "pgdn"},    {"printscreen", "print"},
      {"capslock", "caps_lock"}, {"numlock", "num_lock"}, {"bs", "backspace"},
      {"period", "dot"},         {"hangul", "lang1"},     {"hanja", "lang2"},
      {"ctrl_l", "ctrl"},        {"alt_l", "alt"},        {"shift_l", "shift"},
  };
  return kNames;
}

std::string code_of(std::string_view word) {
  const std::string name = lower_case(word);
  const auto& codes = key_codes();
  if (std::ranges::find(codes, name) != codes.end()) return name;
  const auto other =
      std::ranges::find(other_names(), name, &std::pair<std::string, std::string>::first);
  return other == other_names().end() ? "" : other->second;
}

Error no_such_key(std::string_view word) {
  std::vector<std::string> known = key_codes();
  for (const auto& [name, code] : other_names()) known.push_back(name);
  const auto meant = nearest(lower_case(word), known);
  return error_of(ErrorCode::Malformed, {N_("“{word}” is no key"), {{"word", printable(word)}}},
                  meant ? Message(N_("Did you mean “{name}”?"), {{"name", *meant}})
                        : Message(N_("Keys have names such as “ctrl-alt-delete”, “a”, “ret”, “f2”; "
                                     "those pressed together have a hyphen between.")));
}

}  // namespace

const std::vector<std::string>& key_codes() {
  static const std::vector<std::string> kCodes = [] {
    std::vector<std::string> codes;
    for (const std::string_view word : words(
             "shift shift_r alt alt_r ctrl ctrl_r menu esc 1 2 3 4 5 6 7 8 9 0 minus equal "
             "backspace tab q w e r t y u i o p bracket_left bracket_right ret a s d f g h j k l "
             "semicolon apostrophe grave_accent backslash z x c v b n m comma dot slash asterisk "
             "spc caps_lock f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12 num_lock scroll_lock kp_divide "
             "kp_multiply kp_subtract kp_add kp_enter kp_decimal sysrq kp_0 kp_1 kp_2 kp_3 kp_4 "
             "kp_5 kp_6 kp_7 kp_8 kp_9 kp_comma kp_equals less print home pgup pgdn end left up "
             "down right insert delete stop again props undo front copy open paste find cut lf "
             "help meta_l meta_r compose pause ro hiragana henkan yen muhenkan katakanahiragana "
             "power sleep wake audionext audioprev audiostop audioplay audiomute volumeup "
             "volumedown mediaselect mail calculator computer ac_home ac_back ac_forward "
             "ac_refresh ac_bookmarks lang1 lang2")) {
      codes.emplace_back(word);
    }
    return codes;
  }();
  return kCodes;
}

Result<std::vector<std::string>> parse_key_combination(std::string_view text) {
  std::vector<std::string> keys;
  for (const std::string_view word : split(text, '-')) {
    const bool capital = word.size() == 1 && word.front() >= 'A' && word.front() <= 'Z';
    if (capital) keys.emplace_back("shift");
    std::string code = code_of(word);
    if (code.empty()) return no_such_key(word);
    keys.push_back(std::move(code));
  }
  if (keys.size() <= kMostAtOnce) return keys;
  return error_of(ErrorCode::Malformed,
                  {N_("At most {limit} keys can be pressed at once"), {{"limit", kMostAtOnce}}});
}

}  // namespace cleave
