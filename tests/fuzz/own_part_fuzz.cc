// cleave's part of somebody else's file: taken out again, nothing of it is left and nothing else is
// gone. The first line of the input is what cleave writes.
#include "base/text.h"
#include "fuzz.h"
#include "plan/own_part.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using cleave::fuzz::require;
  const std::string_view input = cleave::fuzz::text_of(data, size);
  const std::string own(input.substr(0, input.find('\n')));
  const std::string_view text = input.substr(std::min(input.size(), own.size() + 1));
  (void)cleave::without_words(text, {own});
  if (const auto block = cleave::with_grub_variable(text, "next_entry", "x")) {
    const auto without = cleave::without_grub_variables(text, {"next_entry"});
    require(block->size() == text.size());
    require(cleave::without_grub_variables(*block, {"next_entry"}) == without);
  }
  const bool has_mark = input.find(cleave::kBlockBegin) != std::string_view::npos ||
                        input.find(cleave::kBlockEnd) != std::string_view::npos;
  (void)cleave::block_of(text);
  (void)cleave::without_block(text);
  if (has_mark) return 0;
  const std::string with = cleave::with_block(text, own + "\n");
  require(cleave::block_of(with) == own + "\n");
  require(cleave::without_block(with) == text);
  return 0;
}
