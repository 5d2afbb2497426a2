// Loader entries and command lines in files: what is understood is within the text.
#include "facts/boot_entry.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using cleave::fuzz::require;
  const std::string_view text = cleave::fuzz::text_of(data, size);
  if (const auto entry = cleave::parse_loader_entry(text, "token-6.8+3-1.conf")) {
    require(entry->arguments.size() <= text.size());
    require(entry->initrds.size() <= 100);
    require(entry->id == "token-6.8" && entry->tries_left == 3U);
  }
  (void)cleave::parse_loader_entry("linux /k\n", text);
  (void)cleave::parse_loader_config(text);
  if (const auto line = cleave::parse_command_line_file(text)) {
    require(line->size() <= text.size());
    require(line->find('\0') == std::string::npos);
  }
  return 0;
}
