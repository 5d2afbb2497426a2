#include "facts/pci_config.h"

#include <cstddef>

namespace cleave {
namespace {

constexpr std::size_t kPlainSize = 256;
constexpr std::size_t kExtendedSize = 4096;
constexpr std::size_t kHeaderSize = 64;
// As many as fit: each capability has at least four bytes. A chain that is longer is a loop.
constexpr int kMostCapabilities = 48;            // PCI_FIND_CAP_TTL, drivers/pci/pci.h
constexpr int kMostExtended = (4096 - 256) / 8;  // pci_find_next_ext_capability, drivers/pci/pci.c

class Registers {
 public:
  explicit Registers(std::string_view bytes) : bytes_(bytes) {}
  [[nodiscard]] std::uint32_t byte(std::size_t offset) const {
    return offset < bytes_.size() ? static_cast<unsigned char>(bytes_[offset]) : 0U;
  }
  [[nodiscard]] std::uint16_t word(std::size_t offset) const {
    return static_cast<std::uint16_t>(byte(offset) | (byte(offset + 1) << 8U));
  }
  [[nodiscard]] std::uint32_t double_word(std::size_t offset) const {
    return word(offset) | (std::uint32_t{word(offset + 2)} << 16U);
  }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }

 private:
  std::string_view bytes_;
};

void read_capability(const Registers& registers, std::size_t offset, PciConfig& config) {
  switch (registers.byte(offset)) {
    case 0x10:  // PCI_CAP_ID_EXP; PCI_EXP_DEVCAP_FLR is bit 28 of the register at 4
      config.express = true;
      if ((registers.double_word(offset + 4) & (1U << 28U)) != 0) {
        config.function_level_reset = true;
      }
      break;
    case 0x13:  // PCI_CAP_ID_AF; PCI_AF_CAP_FLR is bit 1 of the byte at 3
      if ((registers.byte(offset + 3) & 2U) != 0) config.function_level_reset = true;
      break;
    default:
      break;
  }
}

void read_capabilities(const Registers& registers, PciConfig& config) {
  constexpr std::size_t kStatus = 0x06;  // bit 4: there is a list
  constexpr std::size_t kFirst = 0x34;
  if ((registers.word(kStatus) & 0x10U) == 0) return;
  std::size_t offset = registers.byte(kFirst) & 0xFCU;
  for (int left = kMostCapabilities; left > 0 && offset >= kHeaderSize; --left) {
    if (registers.byte(offset) == 0xFF) return;
    read_capability(registers, offset, config);
    offset = registers.byte(offset + 1) & 0xFCU;
  }
}

SriovCapability read_sriov(const Registers& registers, std::size_t offset) {
  return {.total_vfs = registers.word(offset + 0x0E),
          .initial_vfs = registers.word(offset + 0x0C),
          .num_vfs = registers.word(offset + 0x10),
          .vf_offset = registers.word(offset + 0x14),
          .vf_stride = registers.word(offset + 0x16),
          .vf_device_id = registers.word(offset + 0x1A),
          .enabled = (registers.word(offset + 0x08) & 1U) != 0};
}

void read_extended(const Registers& registers, PciConfig& config) {
  std::size_t offset = kPlainSize;
  for (int left = kMostExtended; left > 0 && offset >= kPlainSize; --left) {
    const std::uint32_t header = registers.double_word(offset);
    if (header == 0 || header == 0xFFFFFFFFU) return;
    switch (header & 0xFFFFU) {
      case 0x000D:  // PCI_EXT_CAP_ID_ACS
        config.acs = AcsCapability{.supported = registers.word(offset + 4),
                                   .enabled = registers.word(offset + 6)};
        break;
      case 0x000F:  // PCI_EXT_CAP_ID_ATS
        config.address_translation = true;
        break;
      case 0x0010:  // PCI_EXT_CAP_ID_SRIOV
        config.sriov = read_sriov(registers, offset);
        break;
      default:
        break;
    }
    offset = (header >> 20U) & 0xFFCU;
  }
}

bool is_intel_gpu(const Registers& registers) {
  return registers.word(0) == 0x8086 && registers.byte(0x0B) == 0x03;
}

}  // namespace

PciConfig parse_pci_config(std::string_view bytes) {
  const Registers registers(bytes.substr(0, kExtendedSize));
  PciConfig config;
  if (registers.size() < kPlainSize) return config;
  // All ones: the device did not answer (PCI_POSSIBLE_ERROR, include/linux/pci.h).
  if (registers.word(0) == 0xFFFF) return config;
  config.capabilities_seen = true;
  read_capabilities(registers, config);
  if (is_intel_gpu(registers)) config.opregion_address = registers.double_word(0xFC);
  if (registers.size() >= kExtendedSize) {
    config.extended_seen = true;
    read_extended(registers, config);
  }
  return config;
}

}  // namespace cleave
