// Keys as a person names them, for `cleave vm send-key`. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cleave {

// QEMU's names of keys (QKeyCode in qapi/ui.json), those that every QEMU since 4.0 has.
const std::vector<std::string>& key_codes();

// "ctrl-alt-delete" → "ctrl", "alt", "delete": keys that are pressed together. Other usual names
// are understood ("enter", "esc", "win", "A"). Malformed, with the nearest name, for what is no
// key, and for more than 16 at once.
Result<std::vector<std::string>> parse_key_combination(std::string_view text);

}  // namespace cleave
