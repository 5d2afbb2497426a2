#include "facts/pci.h"

#include "base/format.h"
#include "base/text.h"

namespace cleave {

std::optional<PciAddress> parse_pci_address(std::string_view text) {
  PciAddress address;
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  if (text.find(':', colon + 1) != std::string_view::npos) {
    // The kernel prints the domain with %04x: four digits or more, at most those of 32 bits.
    const auto domain = parse_unsigned<std::uint32_t>(text.substr(0, colon), 16);
    if (!domain || colon < 4 || colon > 8) return std::nullopt;
    address.domain = *domain;
    text.remove_prefix(colon + 1);
  }
  constexpr size_t kLength = std::string_view("00:02.0").size();
  if (text.size() != kLength || text[2] != ':' || text[5] != '.') return std::nullopt;
  const auto bus = parse_unsigned<std::uint8_t>(text.substr(0, 2), 16);
  const auto device = parse_unsigned<std::uint8_t>(text.substr(3, 2), 16);
  const auto function = parse_unsigned<std::uint8_t>(text.substr(6, 1), 8);
  if (!bus || !device || *device > 31 || !function) return std::nullopt;
  address.bus = *bus;
  address.device = *device;
  address.function = *function;
  return address;
}

std::vector<NvidiaVgpuType> parse_nvidia_vgpu_types(std::string_view text) {
  constexpr std::size_t kMaximum = 256;  // the largest cards have about fifty
  std::vector<NvidiaVgpuType> types;
  for (const std::string_view line : lines(text)) {
    if (types.size() == kMaximum) break;
    const std::size_t colon = line.find(':');
    const auto id = parse_unsigned<std::uint32_t>(trim(line.substr(0, colon)));
    if (!id || *id == 0 || colon == std::string_view::npos) continue;
    const std::string_view name = trim(line.substr(colon + 1));
    if (!name.empty()) types.push_back({.id = *id, .name = printable(name)});
  }
  return types;
}

std::string to_text(const PciAddress& address) {
  return format("{:04x}:{:02x}:{:02x}.{}", address.domain, address.bus, address.device,
                address.function);
}

PciAddress virtual_function_address(const PciAddress& physical_function,
                                    const VirtualFunctionLayout& layout, std::uint32_t index) {
  // Routing ids have eight bits of bus, five of device, three of function; a function's may be on a
  // bus above its physical function's (pci_iov_virtfn_bus and _devfn, drivers/pci/iov.c).
  const std::uint32_t own = (std::uint32_t{physical_function.bus} << 8U) |
                            (std::uint32_t{physical_function.device} << 3U) |
                            physical_function.function;
  const std::uint32_t its = own + layout.offset + layout.stride * index;
  return {.domain = physical_function.domain,
          .bus = static_cast<std::uint8_t>(its >> 8U),
          .device = static_cast<std::uint8_t>((its >> 3U) & 0x1FU),
          .function = static_cast<std::uint8_t>(its & 0x7U)};
}

}  // namespace cleave
