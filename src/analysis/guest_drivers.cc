#include "analysis/guest_drivers.h"

#include <algorithm>
#include <limits>

#include "base/format.h"
#include "base/text.h"

namespace cleave {
namespace {

constexpr std::size_t kLongestWord = 128;   // of a driver's name or version
constexpr std::size_t kMostLines = 1024;    // of a table that a guest sends
constexpr std::uint64_t kDisplayClass = 3;  // PCI's base class of display controllers
constexpr std::uint16_t kVirtioVendor = 0x1af4;
constexpr std::uint16_t kVirtioGpu = 0x1050;  // docs/specs/pci-ids.rst of QEMU: 0x1040 + 16
// Whose numbers QEMU's own graphics cards have: std and bochs, qxl, cirrus, vmware.
constexpr std::uint16_t kEmulatedVendors[] = {0x1234, 0x1b36, 0x1013, 0x15ad};

std::string bounded(std::string_view text) { return printable(trim(text.substr(0, kLongestWord))); }

std::uint64_t number_of(const Json& object, std::string_view key) {
  const Json* member = object.find(key);
  return member == nullptr ? 0 : member->as_unsigned().value_or(0);
}

std::uint16_t id_of(const Json& object, std::string_view key) {
  const std::uint64_t number = number_of(object, key);
  return number <= 0xffff ? static_cast<std::uint16_t>(number) : 0;
}

bool is_wanted(const GuestCard& card, bool virtio) {
  const bool is_virtio = card.vendor_id == kVirtioVendor && card.device_id == kVirtioGpu;
  if (virtio) return is_virtio;
  return !is_virtio &&
         std::ranges::find(kEmulatedVendors, card.vendor_id) == std::end(kEmulatedVendors);
}

// `device` is one of query-pci's, a bridge with others behind it perhaps.
void add_cards(const Json& device, bool virtio, int depth, std::vector<GuestCard>& cards) {
  const Json* kind = device.find("class_info");
  const Json* id = device.find("id");
  if (kind != nullptr && id != nullptr && number_of(*kind, "class") >> 8U == kDisplayClass) {
    const GuestCard card{.bus = static_cast<std::uint32_t>(number_of(device, "bus") & 0xffU),
                         .slot = static_cast<std::uint32_t>(number_of(device, "slot") & 0x1fU),
                         .function = static_cast<std::uint32_t>(number_of(device, "function") & 7U),
                         .vendor_id = id_of(*id, "vendor"),
                         .device_id = id_of(*id, "device")};
    if (is_wanted(card, virtio) && cards.size() < kMostGuestCards) cards.push_back(card);
  }
  const Json* bridge = device.find("pci_bridge");
  const Json* behind = bridge == nullptr ? nullptr : bridge->find("devices");
  if (behind == nullptr || behind->as_array() == nullptr || depth == 0) return;
  for (const Json& each : *behind->as_array()) add_cards(each, virtio, depth - 1, cards);
}

bool has_word(const Json& status, std::string_view set, std::string_view list,
              std::string_view word) {
  const Json* outer = status.find(set);
  const Json* inner = outer == nullptr ? nullptr : outer->find(list);
  if (inner == nullptr || inner->as_array() == nullptr) return false;
  return std::ranges::any_of(*inner->as_array(), [&](const Json& each) {
    const std::string* text = each.as_string();
    // "VIRTIO_GPU_F_VIRGL: Virgl 3D mode supported"
    return text != nullptr && std::string_view(*text).substr(0, text->find(':')) == word;
  });
}

}  // namespace

std::vector<GuestCard> graphics_cards(const Json& query_pci, bool virtio) {
  constexpr int kDeepestBridge = 8;
  std::vector<GuestCard> cards;
  if (query_pci.as_array() == nullptr) return cards;
  for (const Json& bus : *query_pci.as_array()) {
    const Json* devices = bus.find("devices");
    if (devices == nullptr || devices->as_array() == nullptr) continue;
    for (const Json& device : *devices->as_array()) {
      add_cards(device, virtio, kDeepestBridge, cards);
    }
  }
  return cards;
}

// drivers/pci/proc.c, show_device(): "0010\t80869b41\t…\ti915", bus and devfn first, then the ids,
// seventeen columns in all; the driver is the eighteenth, if the device has one.
std::vector<DeviceInGuest> devices_in_linux(std::string_view text,
                                            const std::vector<GuestCard>& cards) {
  constexpr std::size_t kDriverColumn = 17;
  std::vector<DeviceInGuest> devices;
  std::size_t count = 0;
  for (const std::string_view line : lines(text)) {
    if (++count > kMostLines) break;
    const std::vector<std::string_view> columns = split(line, '\t');
    if (columns.size() < 2) continue;
    const auto place = parse_unsigned<std::uint32_t>(columns[0], 16);
    const auto ids = parse_unsigned<std::uint32_t>(columns[1], 16);
    if (!place || *place > 0xffff || !ids) continue;
    const GuestCard card{.bus = *place >> 8U,
                         .slot = (*place >> 3U) & 0x1fU,
                         .function = *place & 7U,
                         .vendor_id = static_cast<std::uint16_t>(*ids >> 16U),
                         .device_id = static_cast<std::uint16_t>(*ids & 0xffffU)};
    if (std::ranges::find(cards, card) == cards.end()) continue;
    devices.push_back(
        {.place = format("{:02x}:{:02x}.{}", card.bus, card.slot, card.function),
         .vendor_id = card.vendor_id,
         .device_id = card.device_id,
         .driver = columns.size() > kDriverColumn ? bounded(columns[kDriverColumn]) : "",
         .version = {}});
    if (devices.size() == kMostGuestCards) break;
  }
  return devices;
}

// qga/qapi-schema.json, GuestDeviceInfo.
Result<std::vector<DeviceInGuest>> devices_in_windows(const Json& answer,
                                                      const std::vector<GuestCard>& cards) {
  if (answer.as_array() == nullptr) {
    return error_of(ErrorCode::Malformed, {N_("The guest's agent sent no list of devices")});
  }
  std::vector<DeviceInGuest> devices;
  for (const Json& each : *answer.as_array()) {
    const Json* id = each.find("id");
    if (id == nullptr || id->text_of("type") != "pci") continue;
    DeviceInGuest device{.place = {},
                         .vendor_id = id_of(*id, "vendor-id"),
                         .device_id = id_of(*id, "device-id"),
                         .driver = bounded(each.text_of("driver-name")),
                         .version = bounded(each.text_of("driver-version"))};
    const bool is_card = std::ranges::any_of(cards, [&](const GuestCard& card) {
      return card.vendor_id == device.vendor_id && card.device_id == device.device_id;
    });
    if (is_card && devices.size() < kMostGuestCards) devices.push_back(std::move(device));
  }
  return devices;
}

// drivers/vfio/pci/vfio_pci_intrs.c names them "vfio-msi[0](0000:01:00.1)" and "vfio-msix[0](…)",
// and asks for them when the guest's driver has switched them on. Its plain interrupt is there from
// QEMU's start on and says nothing.
std::vector<GuestInterrupt> guest_interrupts(std::string_view text,
                                             const std::vector<std::string>& addresses) {
  std::vector<GuestInterrupt> interrupts;
  for (const std::string_view line : lines(text)) {
    const std::vector<std::string_view> columns = words(line);
    if (columns.size() < 2 || !columns.back().starts_with("vfio-msi")) continue;
    const std::string_view name = columns.back();
    const bool ours = std::ranges::any_of(addresses, [&](const std::string& address) {
      return name.ends_with(format("({})", address));
    });
    if (!ours) continue;
    GuestInterrupt interrupt{.name = printable(name), .count = 0};
    // "35:", then a count of each processor, then words.
    for (std::size_t i = 1; i < columns.size(); ++i) {
      const auto count = parse_unsigned<std::uint64_t>(columns[i]);
      if (!count) break;
      interrupt.count += *count;
    }
    interrupts.push_back(std::move(interrupt));
  }
  return interrupts;
}

VirtioGpuSeen virtio_gpu_seen(const Json& status) {
  constexpr std::string_view kVirgl = "VIRTIO_GPU_F_VIRGL";
  return {.driver_ready = has_word(status, "status", "statuses", "VIRTIO_CONFIG_S_DRIVER_OK"),
          .offers_virgl = has_word(status, "host-features", "dev-features", kVirgl),
          .takes_virgl = has_word(status, "guest-features", "dev-features", kVirgl)};
}

}  // namespace cleave
