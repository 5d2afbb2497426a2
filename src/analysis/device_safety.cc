#include "analysis/device_safety.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "base/order.h"
#include "base/text.h"

namespace cleave {
namespace {

// PCI Code and ID Assignment Specification 1.11, 1.1.
constexpr std::uint32_t kStorage = 0x01;
constexpr std::uint32_t kNetwork = 0x02;
constexpr std::uint32_t kMultimedia = 0x04;        // 0401h, 0403h: sound
constexpr std::uint32_t kSystemPeripheral = 0x08;  // 0805h: SD hosts
constexpr std::uint32_t kSerialBus = 0x0C;         // USB, FireWire, Fibre Channel, I2C
constexpr std::uint32_t kWireless = 0x0D;
constexpr std::uint32_t kSignalProcessing = 0x11;  // Intel's I2C and SPI hosts

bool is_of(const PciDevice& device, std::initializer_list<std::uint32_t> classes) {
  return std::ranges::find(classes, device.class_code >> 16U) != classes.end();
}

// Whether something of the host's hangs on the device.
bool is_below(const PciDevice& device, const DevicesAbove& above, const UsbAbove& /*usb_above*/) {
  return std::ranges::find(above, device.address) != above.end();
}
bool is_below(const UsbDevice& device, const DevicesAbove& /*above*/, const UsbAbove& usb_above) {
  return std::ranges::find(usb_above, device.port) != usb_above.end();
}

// What cannot be seen can only concern devices that may have such a thing at all.
bool may_have_disks(const PciDevice& device) {
  return is_of(device, {kStorage, kSystemPeripheral, kSerialBus});
}
bool may_have_networks(const PciDevice& device) {
  return is_of(device, {kNetwork, kWireless, kSerialBus});
}
bool may_have_keyboards(const PciDevice& device) {
  return is_of(device, {kSerialBus, kSignalProcessing});
}
bool may_have_sound(const PciDevice& device) { return is_of(device, {kMultimedia, kSerialBus}); }
// USB Defined Class Codes: sound, HID, printers, smart cards, video.
bool is_neither_disk_nor_network(const UsbInterface& interface) {
  constexpr std::array<std::uint8_t, 5> kOthers = {0x01, 0x03, 0x07, 0x0B, 0x0E};
  return std::ranges::find(kOthers, interface.class_code) != kOthers.end();
}
bool may_have_disks(const UsbDevice& device) {
  return device.interfaces.empty() ||
         !std::ranges::all_of(device.interfaces, is_neither_disk_nor_network);
}
bool may_have_networks(const UsbDevice& device) { return may_have_disks(device); }
bool may_have_keyboards(const UsbDevice& /*device*/) { return true; }
bool may_have_sound(const UsbDevice& device) {
  constexpr std::uint8_t kAudio = 0x01;  // USB Defined Class Codes
  return device.interfaces.empty() ||
         std::ranges::find(device.interfaces, kAudio, &UsbInterface::class_code) !=
             device.interfaces.end();
}

// What could not be read; what nobody looked for is unknown, too.
template <typename T>
std::optional<Unreadable> unread_in(const Fact<T>& fact, const char* place) {
  if (const Unreadable* unread = fact.unreadable()) return *unread;
  if (fact.is_absent() && fact.source().empty()) {
    return Unreadable{.path = place, .why = "not looked for"};
  }
  return std::nullopt;
}

class Reasons {
 public:
  void add(DeviceSafety safety, Message text) {
    report_.reasons.push_back({.safety = safety, .text = std::move(text)});
  }
  // One sentence with all places; none if there are none.
  void add_places(DeviceSafety safety, const char* text, const std::vector<std::string>& places) {
    if (!places.empty()) add(safety, Message(text, {{"places", printable(join(places, ", "))}}));
  }
  void add_unread(const Unreadable& unread) {
    add(DeviceSafety::Unknown, Message(N_("Whether the host uses it could not be read: {path}: "
                                          "{why}"),
                                       {{"path", unread.path}, {"why", unread.why}}));
  }

  DeviceSafetyReport take() {
    sort_keeping_order(report_.reasons, [](const SafetyReason& reason) {
      return -static_cast<int>(reason.safety);  // worst first
    });
    if (!report_.reasons.empty()) report_.safety = report_.reasons.front().safety;
    return std::move(report_);
  }

 private:
  DeviceSafetyReport report_;
};

void add_place(std::vector<std::string>& places, const std::string& place) {
  if (std::ranges::find(places, place) == places.end()) places.push_back(place);
}

template <typename Device>
void look_at_disks(const Facts& facts, const Device& device, Reasons& reasons) {
  const bool may_have = may_have_disks(device);
  const Fact<std::vector<DiskUse>>& disks = facts.host_uses.disks;
  const auto nothing = unread_in(disks, "/proc/self/mountinfo");
  if (nothing && may_have) reasons.add_unread(*nothing);
  std::vector<std::string> essential;
  std::vector<std::string> swap;
  std::vector<std::string> mounted;
  std::vector<std::string> held;
  std::optional<Unreadable> unread;  // the first one: they say much the same
  for (const DiskUse& use : disks.value_or({})) {
    const DevicesAbove* above = use.above.value();
    if (above == nullptr) {
      if (!unread) unread = unread_in(use.above, "/sys/class/block");
      continue;
    }
    if (!is_below(device, *above, use.usb_above)) continue;
    if (use.kind == DiskUse::Kind::Held) add_place(held, use.place);
    if (use.kind == DiskUse::Kind::Swap) add_place(swap, use.place);
    if (use.kind != DiskUse::Kind::Mount) continue;
    add_place(is_essential_place(use.place) ? essential : mounted, use.place);
  }
  reasons.add_places(DeviceSafety::Essential, N_("The host itself runs from it: {places}."),
                     essential);
  reasons.add_places(DeviceSafety::Essential, N_("Swap space in use is on it: {places}."), swap);
  reasons.add_places(DeviceSafety::InUse, N_("Mounted from it: {places}."), mounted);
  if (essential.empty() && swap.empty() && mounted.empty()) {
    reasons.add_places(DeviceSafety::InUse,
                       N_("Other block devices are made of its disks: "
                          "{places}."),
                       held);
  }
  if (unread && may_have) reasons.add_unread(*unread);
}

template <typename Device>
void look_at_networks(const Facts& facts, const Device& device, Reasons& reasons) {
  const Fact<std::vector<NetworkUse>>& networks = facts.host_uses.networks;
  if (const auto unread = unread_in(networks, "/sys/class/net")) {
    if (may_have_networks(device)) reasons.add_unread(*unread);
    return;
  }
  const std::vector<NetworkUse> all = networks.value_or({});
  const bool another = std::ranges::any_of(all, [&](const NetworkUse& use) {
    return use.has_link && !is_below(device, use.above, use.usb_above);
  });
  for (const NetworkUse& use : all) {
    if (!is_below(device, use.above, use.usb_above)) continue;
    const std::vector<Field> fields = {{"interface", use.interface}};
    if (use.default_route) {
      reasons.add(DeviceSafety::Essential,
                  Message(N_("The host reaches other networks through it: {interface} has the "
                             "default route."),
                          fields));
    } else if (use.has_link && !another) {
      reasons.add(
          DeviceSafety::Essential,
          Message(N_("No other network card has a link: {interface} is the only one."), fields));
    } else if (use.has_link) {
      reasons.add(DeviceSafety::InUse, Message(N_("Its network {interface} has a link."), fields));
    }
  }
}

void look_at_displays(const Facts& facts, const PciDevice& device, Reasons& reasons) {
  if (!device.is_gpu() || device.is_virtual_function) return;
  if (const auto unread = unread_in(facts.drm_cards, "/sys/class/drm")) {
    return reasons.add_unread(*unread);
  }
  std::vector<std::string> outputs;
  bool another = false;
  for (const DrmCard& card : facts.drm_cards.value_or({})) {
    if (card.pci == device.address) {
      outputs.insert(outputs.end(), card.connected.begin(), card.connected.end());
    } else {
      another = another || (card.pci && !card.connected.empty());
    }
  }
  const std::vector<Field> fields = {{"outputs", join(outputs, ", ")}};
  if (!outputs.empty() && !another) {
    reasons.add(DeviceSafety::Essential,
                Message(N_("The only display is connected to it: {outputs}."), fields));
  } else if (!outputs.empty()) {
    reasons.add(DeviceSafety::InUse,
                Message(N_("A display is connected to it: {outputs}."), fields));
  } else if (const Unreadable* unread = device.boot_display.unreadable()) {
    reasons.add_unread(*unread);
  } else if (device.boot_display.value_or(false) && !another) {
    reasons.add(DeviceSafety::InUse, Message(N_("The firmware's console is on it.")));
  }
}

template <typename Device>
void look_at_keyboards(const Facts& facts, const Device& device, Reasons& reasons) {
  const Fact<std::vector<Keyboard>>& keyboards = facts.host_uses.keyboards;
  if (const auto unread = unread_in(keyboards, "/sys/class/input")) {
    if (may_have_keyboards(device)) reasons.add_unread(*unread);
    return;
  }
  std::vector<std::string> its;
  bool another = false;
  for (const Keyboard& keyboard : keyboards.value_or({})) {
    if (is_below(device, keyboard.above, keyboard.usb_above)) {
      add_place(its, keyboard.name);
    } else {
      another = true;
    }
  }
  if (its.empty()) return;
  const std::vector<Field> fields = {{"keyboard", join(its, ", ")}};
  if (another) {
    reasons.add(DeviceSafety::InUse,
                Message(N_("A keyboard is connected to it: {keyboard}."), fields));
  } else {
    reasons.add(DeviceSafety::Essential,
                Message(N_("The only keyboard is connected to it: {keyboard}."), fields));
  }
}

// A desktop's sound server keeps cards open for a while, or for good: that alone keeps nothing
// from a VM. What plays stops.
template <typename Device>
void look_at_sounds(const Facts& facts, const Device& device, Reasons& reasons) {
  const Fact<std::vector<SoundUse>>& sounds = facts.host_uses.sounds;
  if (const auto unread = unread_in(sounds, "/sys/class/sound")) {
    if (may_have_sound(device)) reasons.add_unread(*unread);
    return;
  }
  std::vector<std::string> running;
  std::vector<std::string> open;
  for (const SoundUse& use : sounds.value_or({})) {
    if (!is_below(device, use.above, use.usb_above)) continue;
    add_place(use.running ? running : open, use.program);
  }
  std::erase_if(open, [&](const std::string& program) {
    return std::ranges::find(running, program) != running.end();
  });
  reasons.add_places(DeviceSafety::InUse, N_("Sound is played or recorded on it: {places}."),
                     running);
  reasons.add_places(DeviceSafety::Free,
                     N_("Its sound is kept open, and nothing is played or recorded: {places}."),
                     open);
}

}  // namespace

const char* device_safety_name(DeviceSafety safety) {
  switch (safety) {
    case DeviceSafety::Free:
      return "free";
    case DeviceSafety::InUse:
      return "in-use";
    case DeviceSafety::Essential:
      return "essential";
    case DeviceSafety::Unknown:
      return "unknown";
  }
  return "unknown";
}

DeviceSafetyReport device_safety(const Facts& facts, const PciDevice& device) {
  Reasons reasons;
  look_at_disks(facts, device, reasons);
  look_at_networks(facts, device, reasons);
  look_at_displays(facts, device, reasons);
  look_at_keyboards(facts, device, reasons);
  look_at_sounds(facts, device, reasons);
  return reasons.take();
}

DeviceSafetyReport device_safety(const Facts& facts, const UsbDevice& device) {
  Reasons reasons;
  look_at_disks(facts, device, reasons);
  look_at_networks(facts, device, reasons);
  look_at_keyboards(facts, device, reasons);
  look_at_sounds(facts, device, reasons);
  return reasons.take();
}

std::vector<const PciDevice*> group_members(const Facts& facts, const PciDevice& device) {
  std::vector<const PciDevice*> members;
  const std::uint32_t* group = device.iommu_group.value();
  const std::vector<PciDevice>* devices = facts.pci_devices.value();
  if (group == nullptr || devices == nullptr) return members;
  for (const PciDevice& other : *devices) {
    const std::uint32_t* its = other.iommu_group.value();
    if (other.is_bridge() || other.address == device.address) continue;
    if (its != nullptr && *its == *group) members.push_back(&other);
  }
  return members;
}

}  // namespace cleave
