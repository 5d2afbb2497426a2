// Proxmox VE's definitions: bounded, and a reduced one says the same.
#include "facts/proxmox_config.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using cleave::fuzz::require;
  const std::string_view text = cleave::fuzz::text_of(data, size);
  const cleave::GuestSettings settings = cleave::parse_proxmox_config(text);
  require(settings.devices.size() <= 128);  // its own and those of args:
  const std::string reduced = cleave::reduced_proxmox_config(text, "vm1");
  const cleave::GuestSettings again = cleave::parse_proxmox_config(reduced);
  require(again.devices.size() == settings.devices.size());
  require(again.is_windows() == settings.is_windows());
  return 0;
}
