#include "plan/boot/generated_menu.h"

#include <algorithm>

#include "base/text.h"
#include "facts/grub_config.h"

namespace cleave {
namespace {

// grub-mkconfig's scripts for other systems; what they write follows from other files.
constexpr std::string_view kOtherSystems = "30_os-prober";

bool has_word(const BootEntry& entry, const std::string& word) {
  const auto all = words(entry.arguments);
  return std::ranges::find(all, word) != all.end();
}

}  // namespace

std::optional<Message> problem_of_menu(std::string_view text,
                                       const std::vector<std::string>& words) {
  const GrubConfig config = parse_grub_config(text);
  if (!config.complete) return Message(N_("The menu that was generated is cut off."));
  bool any = false;
  for (const BootEntry& entry : config.entries) {
    if (entry.made_by.ends_with(kOtherSystems)) continue;
    any = any || !entry.recovery;
    for (const std::string& word : words) {
      if (has_word(entry, word) == !entry.recovery) continue;
      return entry.recovery
                 ? Message(N_("The recovery entry “{title}” would get {word}, too."),
                           {{"title", printable(entry.title)}, {"word", word}})
                 : Message(N_("The menu that was generated has no {word} in the entry “{title}”."),
                           {{"title", printable(entry.title)}, {"word", word}});
    }
  }
  if (!any) return Message(N_("The menu that was generated starts no Linux kernel."));
  return std::nullopt;
}

}  // namespace cleave
