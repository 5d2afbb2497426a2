#include "fuzz.h"
#include "host/uevents.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto event = cleave::parse_uevent(cleave::fuzz::text_of(data, size));
  if (!event) return 0;
  cleave::fuzz::require(!event->action.empty());
  cleave::fuzz::require(event->action.find('@') == std::string::npos);
  cleave::fuzz::require(event->action.size() + event->device_path.size() < size);
  cleave::fuzz::require(!event->subsystem.empty() || !cleave::concerns_vms(*event));
  return 0;
}
