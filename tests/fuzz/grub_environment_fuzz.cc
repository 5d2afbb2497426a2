// grubenv: bounded, and it changes what grub.cfg says without harm.
#include "facts/grub_config.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using cleave::fuzz::require;
  const std::string_view text = cleave::fuzz::text_of(data, size);
  const auto environment = cleave::parse_grub_environment(text);
  if (!environment) return 0;
  require(environment->size() <= 1000);
  (void)cleave::parse_grub_config("menuentry a {\nlinux /k $kernelopts ${a}\n}\n", *environment);
  return 0;
}
