#include "facts/pci.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto address = cleave::parse_pci_address(cleave::fuzz::text_of(data, size));
  if (address) cleave::fuzz::require(cleave::parse_pci_address(to_text(*address)) == address);
  return 0;
}
