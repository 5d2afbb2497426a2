// Which driver a guest has for its GPU: what the guest's agent, QEMU and the host's table of
// interrupts tell. A guest is not trusted: whatever it sends, the answers are bounded. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace cleave {

// A graphics card on the guest's PCI bus, as QEMU's query-pci tells it.
struct GuestCard {
  std::uint32_t bus = 0;
  std::uint32_t slot = 0;
  std::uint32_t function = 0;
  std::uint16_t vendor_id = 0;
  std::uint16_t device_id = 0;

  bool operator==(const GuestCard&) const = default;
};

// What the guest says of one of these cards.
struct DeviceInGuest {
  std::string place;  // "00:02.0"; empty: not told
  std::uint16_t vendor_id = 0;
  std::uint16_t device_id = 0;
  std::string driver;   // empty: none has it
  std::string version;  // empty: not told

  bool operator==(const DeviceInGuest&) const = default;
};

// One line of the host's /proc/interrupts that a driver in a guest has asked for.
struct GuestInterrupt {
  std::string name;  // "vfio-msi[0](0000:01:00.1)"
  std::uint64_t count = 0;

  bool operator==(const GuestInterrupt&) const = default;
};

// QEMU's own view of its virtio-gpu.
struct VirtioGpuSeen {
  bool driver_ready = false;  // a driver has taken it (VIRTIO_CONFIG_S_DRIVER_OK)
  bool offers_virgl = false;  // QEMU can draw for it with the host's GPU
  bool takes_virgl = false;   // the driver has asked for that

  bool operator==(const VirtioGpuSeen&) const = default;
};

// No guest has more graphics cards than this.
inline constexpr std::size_t kMostGuestCards = 32;

// Of query-pci's answer: the graphics cards that are not emulated by QEMU; with `virtio` its
// virtio-gpu alone.
std::vector<GuestCard> graphics_cards(const Json& query_pci, bool virtio);

// Of a Linux guest's /proc/bus/pci/devices: those cards of `cards` that it sees.
std::vector<DeviceInGuest> devices_in_linux(std::string_view text,
                                            const std::vector<GuestCard>& cards);

// Of a Windows guest's guest-get-devices, which lists devices with an installed driver. Malformed:
// it is no list.
Result<std::vector<DeviceInGuest>> devices_in_windows(const Json& answer,
                                                      const std::vector<GuestCard>& cards);

// Those of the devices with these addresses.
std::vector<GuestInterrupt> guest_interrupts(std::string_view text,
                                             const std::vector<std::string>& addresses);

// Of x-query-virtio-status.
VirtioGpuSeen virtio_gpu_seen(const Json& status);

}  // namespace cleave
