// libvirt's definitions and logs: bounded, and a reduced definition says the same.
#include "facts/libvirt_domain.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using cleave::fuzz::require;
  const std::string_view text = cleave::fuzz::text_of(data, size);
  const auto domain = cleave::parse_libvirt_domain(text);
  const std::string reduced = cleave::reduced_libvirt_domain(text, "vm1");
  require(domain.has_value() == !reduced.empty());
  if (domain) {
    const auto again = cleave::parse_libvirt_domain(reduced);
    require(again.has_value());
    require(again->settings.devices.size() == domain->settings.devices.size());
    require(again->settings.is_windows() == domain->settings.is_windows());
    require(again->settings.firmware == domain->settings.firmware);
  }
  const cleave::LibvirtLog log = cleave::parse_libvirt_log(text);
  require(log.said.size() <= text.size());
  return 0;
}
