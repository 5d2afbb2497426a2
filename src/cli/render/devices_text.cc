#include "cli/render/devices_text.h"

#include <algorithm>

#include "base/format.h"
#include "base/text.h"
#include "cli/render/device_users.h"
#include "cli/render/translate.h"

namespace cleave {
namespace {

// SGR (ECMA-48): what is free, what somebody has, what nobody can tell.
constexpr const char* kGreen = "32";
constexpr const char* kRed = "31";
constexpr const char* kYellow = "33";

constexpr std::size_t kLabelWidth = 15;      // two blanks, "passthrough", two blanks
constexpr std::size_t kFunctionsInList = 8;  // of a card that has hundreds

std::string kind_text(DeviceKind kind) {
  switch (kind) {
    case DeviceKind::Gpu:
      return "GPU";
    case DeviceKind::Accelerator:
      return translate(N_("accelerator"));
    case DeviceKind::Disk:
      return translate(N_("disk"));
    case DeviceKind::Network:
      return translate(N_("network"));
    case DeviceKind::Usb:
      return "USB";
    case DeviceKind::Sound:
      return translate(N_("sound"));
    case DeviceKind::Other:
      break;
  }
  return translate(N_("other"));
}

std::string name_text(const ListedDevice& listed) {
  if (!listed.whole) return "";
  const PciDevice& device = *listed.whole->pci;
  if (device.device_name) return printable(*device.device_name);
  return format("[{:04x}:{:04x}]", device.vendor_id, device.device_id);
}

std::string number_text(const Fact<std::uint32_t>& number) {
  if (number.unreadable() != nullptr) return "?";
  return number.is_known() ? std::to_string(*number.value()) : "-";
}

std::string driver_text(const Fact<std::string>& driver) {
  return driver.unreadable() != nullptr ? "?" : driver.value_or("-");
}

std::string addresses_text(const std::vector<const PciDevice*>& devices) {
  std::vector<std::string> all;
  for (const PciDevice* device : devices) all.push_back(to_text(device->address));
  return join(all, ", ");
}

// Cuts `line` where it is wider than the terminal.
std::string shortened(std::string line, std::size_t width) {
  if (display_width(line) <= width) return line;
  while (!line.empty() && display_width(line) + 1 > width) {
    // Bytes 10xxxxxx go on with a character of UTF-8.
    while (!line.empty() && (static_cast<unsigned char>(line.back()) & 0xC0U) == 0x80U) {
      line.pop_back();
    }
    if (!line.empty()) line.pop_back();
  }
  return line + "…";
}

std::string plain_state(DeviceState state, const std::vector<DeviceUser>& users,
                        bool users_complete) {
  switch (state) {
    case DeviceState::Free:
      return translate(N_("free"));
    case DeviceState::Used:
      return translate(Message(N_("used by {users}"), {{"users", users_text(users)}}));
    case DeviceState::InUse:
      return translate(N_("in use by the host"));
    case DeviceState::Essential:
      return translate(N_("needed by the host"));
    case DeviceState::Unknown:
      break;
  }
  if (!users_complete) return translate(N_("unknown: who uses it can only be seen with sudo"));
  return translate(N_("unknown"));
}

std::string usb_state(const ListedUsb& listed) {
  if (listed.claimed && listed.users.empty()) {
    return translate(N_("used by a program that talks to it by itself (driver usbfs)"));
  }
  return plain_state(listed.state, listed.users, true);
}

class Text {
 public:
  Text(const DevicesStyle& style, bool full) : style_(style), full_(full) {}

  void title(const std::string& line) { text_ += shortened(line, style_.width) + "\n"; }

  void details(const ListedDevice& listed) {
    if (listed.parent != nullptr) types(listed);
    for (const SharedVgpu& vgpu : listed.vgpus) one_vgpu(vgpu);
    if (listed.whole) {
      functions(listed);
      whole(*listed.whole);
    }
  }

  // The state with the worst reason for it, or all of them, and how a definition names it.
  void details(const ListedUsb& listed) {
    const std::string state = coloured(listed.state, usb_state(listed));
    const bool told = listed.reasons.empty() || listed.state == DeviceState::Used;
    row("usb", told ? state : state + ": " + translate(listed.reasons.front().text));
    for (std::size_t i = told ? 0 : 1; full_ && i < listed.reasons.size(); ++i) {
      row("", translate(listed.reasons[i].text));
    }
    row("[[device]]", listed.definition);
  }

  std::string take() { return std::move(text_); }

 private:
  // A label and what is said to it; the next lines stand below.
  void row(std::string_view label, const std::string& said) {
    std::string start = "  " + std::string(label);
    const std::size_t wide = display_width(start);
    start.append(wide < kLabelWidth ? kLabelWidth - wide : 1, ' ');
    // wrap() takes blanks in front for the first word's.
    text_ += wrap(start + said, style_.width, kLabelWidth) + "\n";
  }

  [[nodiscard]] std::string coloured(DeviceState state, const std::string& text) const {
    if (!style_.colour) return text;
    const char* colour = kYellow;
    if (state == DeviceState::Free) colour = kGreen;
    if (state == DeviceState::Essential) colour = kRed;
    return format("\x1b[{}m{}\x1b[0m", colour, text);
  }

  [[nodiscard]] std::string state_text(DeviceState state, const std::vector<DeviceUser>& users,
                                       bool users_complete) const {
    return coloured(state, plain_state(state, users, users_complete));
  }

  void types(const ListedDevice& listed) {
    std::vector<std::string> all;
    for (const TypeCapacity& type : listed.capacity.types) {
      if (!type.listed) continue;
      const std::string free = type.available_known ? std::to_string(type.available) : "?";
      const std::string text = translate(
          Message(N_("{type}: {count} free"), {{"type", printable(type.id)}, {"count", free}}));
      const bool any = type.available_known && type.available > 0;
      all.push_back(any ? coloured(DeviceState::Free, text) : text);
    }
    const std::string& label = listed.ways.front();
    if (all.empty()) return row(label, translate(N_("its driver offers no types now")));
    if (!full_) return row(label, join(all, "; "));
    for (const std::string& text : all) row(&text == &all.front() ? label : "", text);
  }

  void one_vgpu(const SharedVgpu& vgpu) {
    const MediatedDevice& device = *vgpu.device;
    row("vGPU", device.uuid);
    row("", printable(device.type_id) + ": " +
                state_text(vgpu.state, device.users, device.users_complete));
  }

  void functions(const ListedDevice& listed) {
    const std::uint32_t* total = listed.whole->pci->sriov_total_vfs.value();
    if (total == nullptr || *total == 0) return;
    row("sr-iov",
        translate(Message(N_("{count} of {total} virtual functions exist; {free} can be had"),
                          {{"count", listed.functions.size()},
                           {"total", *total},
                           {"free", free_functions(listed).value_or(0)}})));
    std::size_t shown = 0;
    for (const WholeDevice& function : listed.functions) {
      if (!full_ && shown++ == kFunctionsInList) {
        row("", translate(Message(N_("“cleave devices {address}” shows all"),
                                  {{"address", listed.address}})));
        return;
      }
      row("", named(function) + ": " + said_of(function));
    }
  }

  // "0000:01:00.4 (vfio-pci)"
  static std::string named(const WholeDevice& function) {
    const std::string address = to_text(function.pci->address);
    if (function.pci->driver.is_absent()) return address;
    return format("{} ({})", address, driver_text(function.pci->driver));
  }

  // The state, and the worst reason for it.
  std::string said_of(const WholeDevice& whole) {
    const std::string state = state_text(whole.state, whole.users, whole.users_complete);
    if (whole.state == DeviceState::Used || whole.reasons.empty()) return state;
    // What is told of a free device is no reason for something else.
    const bool told = whole.reasons.front().reason.safety == DeviceSafety::Free;
    const bool has_reason = !told || whole.state == DeviceState::Free;
    return has_reason ? state + ": " + reason_text(whole, whole.reasons.front()) : state;
  }

  // Another device's reason says whose it is.
  static std::string reason_text(const WholeDevice& whole, const DeviceReason& reason) {
    const std::string text = translate(reason.reason.text);
    return reason.device == whole.pci->address ? text : to_text(reason.device) + ": " + text;
  }

  void whole(const WholeDevice& whole) {
    const char* label = "passthrough";
    if (whole.pci->iommu_group.is_absent()) {
      row(label, translate(N_("not now: it is in no IOMMU group")));
      const bool is_the_hosts =
          whole.state == DeviceState::InUse || whole.state == DeviceState::Essential;
      if (is_the_hosts || full_) row("", said_of(whole));
      return;
    }
    row(label, said_of(whole));
    if (full_) {
      for (std::size_t i = 1; i < whole.reasons.size(); ++i) {
        row("", reason_text(whole, whole.reasons[i]));
      }
    }
    if (!whole.group.empty()) {
      row("", translate(Message(N_("with it goes {devices}"),
                                {{"devices", addresses_text(whole.group)}})));
    }
  }

  DevicesStyle style_;
  bool full_;
  std::string text_;
};

std::vector<std::string> title_row(const ListedDevice& listed) {
  if (!listed.whole) {
    return {listed.address, kind_text(listed.kind), driver_text(listed.parent->driver), "-", ""};
  }
  const PciDevice& device = *listed.whole->pci;
  return {listed.address, kind_text(listed.kind), driver_text(device.driver),
          number_text(device.iommu_group), name_text(listed)};
}

}  // namespace

std::string devices_text(const DeviceList& list, const DevicesStyle& style) {
  std::vector<std::vector<std::string>> rows{{translate(N_("ADDRESS")), translate(N_("KIND")),
                                              translate(N_("DRIVER")), translate(N_("GROUP")),
                                              translate(N_("DEVICE"))}};
  for (const ListedDevice& listed : list.devices) rows.push_back(title_row(listed));
  const std::string titles = table(rows, style.colour);
  const auto title_lines = lines(titles);
  Text text(style, false);
  text.title(std::string(title_lines.front()));
  for (std::size_t i = 0; i < list.devices.size(); ++i) {
    text.title(std::string(title_lines[i + 1]));
    text.details(list.devices[i]);
  }
  std::string all = list.devices.empty() ? "" : text.take();
  if (!list.devices.empty() && !list.usb.empty()) all += "\n";
  all += usb_devices_text(list.usb, style, false);
  if (const Unreadable* why = list.facts->usb_devices.unreadable()) {
    const Message unread = {N_("Which USB devices there are could not be read: {path}: {why}"),
                            {{"path", why->path}, {"why", why->why}}};
    all += "\n" + wrap(translate(unread), style.width) + "\n";
  }
  return all;
}

std::string usb_devices_text(const std::vector<ListedUsb>& devices, const DevicesStyle& style,
                             bool full) {
  if (devices.empty()) return "";
  std::vector<std::vector<std::string>> rows{
      {translate(N_("PORT")), translate(N_("IDS")), translate(N_("USB DEVICE"))}};
  for (const ListedUsb& listed : devices) {
    const UsbDevice& device = *listed.usb;
    const std::string name = join({device.manufacturer, device.product}, " ");
    rows.push_back({device.port, usb_ids(device), std::string(trim(printable(name)))});
  }
  const std::string titles = table(rows, style.colour);
  const auto title_lines = lines(titles);
  Text text(style, full);
  text.title(std::string(title_lines.front()));
  for (std::size_t i = 0; i < devices.size(); ++i) {
    text.title(std::string(title_lines[i + 1]));
    text.details(devices[i]);
  }
  return text.take();
}

std::string device_text(const ListedDevice& listed, const DevicesStyle& style) {
  std::vector<std::vector<std::string>> rows{{translate(N_("ADDRESS")), listed.address},
                                             {translate(N_("KIND")), kind_text(listed.kind)}};
  if (listed.whole) {
    const PciDevice& device = *listed.whole->pci;
    const std::string ids = format("[{:04x}:{:04x}]", device.vendor_id, device.device_id);
    rows.push_back(
        {translate(N_("DEVICE")), device.device_name ? name_text(listed) + " " + ids : ids});
    rows.push_back({translate(N_("VENDOR")), printable(device.vendor_name.value_or("-"))});
    rows.push_back({translate(N_("DRIVER")), driver_text(device.driver)});
    rows.push_back({translate(N_("GROUP")), number_text(device.iommu_group)});
  } else {
    rows.push_back({translate(N_("DRIVER")), driver_text(listed.parent->driver)});
  }
  Text text(style, true);
  text.details(listed);
  return table(rows, false) + text.take();
}

DeviceStates device_states(const ListedDevice& listed) {
  DeviceStates states;
  const auto add_whole = [&states](const WholeDevice& whole) {
    const PciDevice& device = *whole.pci;
    states.emplace_back(
        to_text(device.address),
        format("{} ({})", plain_state(whole.state, whole.users, whole.users_complete),
               driver_text(device.driver)));
  };
  for (const TypeCapacity& type : listed.capacity.types) {
    if (listed.parent == nullptr || !type.listed) continue;
    const std::string free = type.available_known ? std::to_string(type.available) : "?";
    states.emplace_back(format("{} {}", listed.address, printable(type.id)),
                        translate(Message(N_("{count} free"), {{"count", free}})));
  }
  for (const SharedVgpu& vgpu : listed.vgpus) {
    const MediatedDevice& device = *vgpu.device;
    states.emplace_back(device.uuid, plain_state(vgpu.state, device.users, device.users_complete));
  }
  for (const WholeDevice& function : listed.functions) add_whole(function);
  if (listed.whole) add_whole(*listed.whole);
  return states;
}

DeviceStates device_states(const std::vector<ListedUsb>& devices) {
  DeviceStates states;
  for (const ListedUsb& listed : devices) {
    states.emplace_back(format("{} {}", listed.usb->port, usb_ids(*listed.usb)), usb_state(listed));
  }
  return states;
}

DeviceStates device_states(const DeviceList& list) {
  DeviceStates states;
  for (const ListedDevice& listed : list.devices) {
    for (auto& state : device_states(listed)) states.push_back(std::move(state));
  }
  for (auto& state : device_states(list.usb)) states.push_back(std::move(state));
  return states;
}

}  // namespace cleave
