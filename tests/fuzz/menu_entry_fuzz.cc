// One entry of grub.cfg as text: whole lines of one entry and no more. The first line of the input
// is the entry's id.
#include "base/text.h"
#include "fuzz.h"
#include "plan/boot/trial.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using cleave::fuzz::require;
  std::string_view text = cleave::fuzz::text_of(data, size);
  const std::string_view id = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), id.size() + 1));
  const auto entry = cleave::menu_entry_text(text, id);
  if (!entry) return 0;
  require(entry->starts_with("menuentry ") && entry->ends_with("\n}\n"));
  require(entry->size() <= text.size() + 1);
  require(entry->find("\nmenuentry ") == std::string::npos);
  return 0;
}
