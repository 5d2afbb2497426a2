// grub.cfg: bounded, and the same text gives the same menu.
#include "facts/grub_config.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using cleave::fuzz::require;
  const std::string_view text = cleave::fuzz::text_of(data, size);
  const cleave::GrubConfig config = cleave::parse_grub_config(text);
  require(config.entries.size() <= 4096);
  for (const cleave::BootEntry& entry : config.entries) {
    require(!entry.kernel.empty());
    cleave::BootEntry expanded = cleave::expand_loader_entry(entry, {{"a", "b c"}});
    require(expanded.kernel == entry.kernel);
  }
  require(cleave::parse_grub_config(text).entries == config.entries);
  return 0;
}
