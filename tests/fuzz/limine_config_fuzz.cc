// Limine: its menu, and the settings of limine-entry-tool read twice.
#include "facts/limine_config.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using cleave::fuzz::require;
  const std::string_view text = cleave::fuzz::text_of(data, size);
  require(cleave::parse_limine_config(text).size() <= 1000);
  const cleave::LimineDefaults once = cleave::parse_limine_defaults(text);
  const cleave::LimineDefaults twice = cleave::parse_limine_defaults(text, once);
  require(twice.command_lines.size() == once.command_lines.size());
  for (const auto& [name, line] : twice.command_lines) {
    require(!line || line->size() <= (std::size_t{64} << 10U));
  }
  return 0;
}
