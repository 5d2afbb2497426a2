// What both importers share. Only for imports/.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "imports/imported.h"

namespace cleave {

inline constexpr std::size_t kMostLost = 200;  // sentences; more help nobody

// A VM before it is checked, with nothing in it that was not there.
struct Draft {
  Vm vm;
  std::vector<LostPart> not_carried;
  // The other program showed a window of cleave's ("gtk") in another way ("spice").
  bool windows_are_spice = false;
  bool knows_pins = true;  // the other program has pinned processors, too

  void lose(std::size_t line, Message message) {
    if (not_carried.size() < kMostLost) not_carried.push_back({line, std::move(message)});
  }
};

Draft empty_draft();

Result<Draft> draft_from_libvirt(std::string_view text);
Result<Draft> draft_from_qemu(std::string_view text);

// Reads QEMU's own arguments (without the program) into a draft that has other things already; what
// is not understood is kept as an argument.
struct QemuWord {
  std::string text;
  std::size_t line = 0;
  bool known = true;  // false: only a shell could tell
};
void read_qemu_words(const std::vector<QemuWord>& words, Draft& draft);
// Only devices that libvirt has no element for; the rest is kept as it is.
void read_extra_words(const std::vector<QemuWord>& words, Draft& draft);

// What an export of cleave's has left for its return (exports/remembered.h).
void apply_remembered(std::string_view toml, Draft& draft);
// The extra arguments that it names; taken away from the end of `words` if they are there.
std::vector<std::string> take_own_arguments(std::string_view toml, std::vector<QemuWord>& words);

}  // namespace cleave
