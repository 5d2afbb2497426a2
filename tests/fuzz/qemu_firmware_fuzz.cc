// Descriptions of firmware for QEMU: understood with whole paths, or refused with the reason.
#include "facts/qemu_firmware.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using cleave::fuzz::require;
  const auto firmware =
      cleave::parse_qemu_firmware(cleave::fuzz::text_of(data, size), "/etc/qemu/firmware/a.json");
  if (!firmware) {
    require(!firmware.error().message.empty());
    return 0;
  }
  require(firmware->code.starts_with('/') && firmware->nvram.starts_with('/'));
  require(!firmware->machines.empty());
  (void)cleave::choose_qemu_firmware({*firmware}, "q35", true);
  (void)cleave::choose_qemu_firmware({*firmware}, "pc", false);
  return 0;
}
