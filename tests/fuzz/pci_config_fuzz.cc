// A configuration space that a hostile device or capture gives.
#include "facts/pci_config.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using cleave::fuzz::require;
  const std::string_view bytes = cleave::fuzz::text_of(data, size);
  const cleave::PciConfig config = cleave::parse_pci_config(bytes);
  require(!config.capabilities_seen || size >= 256);
  require(!config.extended_seen || (config.capabilities_seen && size >= 4096));
  require(config.extended_seen || (!config.sriov && !config.acs && !config.address_translation));
  require(config.capabilities_seen || config == cleave::PciConfig());
  // What stands behind the space changes nothing.
  if (size > 4096) require(cleave::parse_pci_config(bytes.substr(0, 4096)) == config);
  return 0;
}
