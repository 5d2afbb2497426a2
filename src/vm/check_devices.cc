// [[device]], and how the device of [gpu] stands to the guest's screen.
#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.h"
#include "vm/check.h"

namespace cleave {
namespace {

constexpr std::size_t kMaximumDevices = 16;
constexpr std::size_t kLongestNumber = 3;  // of a bus or port of USB: they have one byte each
constexpr std::size_t kDeepestPort = 6;    // MAX_TOPO_LEVEL of drivers/usb/core/hub.c

bool is_hexadecimal(std::string_view text, std::size_t least, std::size_t most) {
  return text.size() >= least && text.size() <= most &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// "0000:03:00.0" or "03:00.0", in any case → "0000:03:00.0". Empty if it is neither.
std::string full_pci_address(std::string_view written) {
  std::string text = lower_case(written);
  if (std::ranges::count(text, ':') == 1) text = "0000:" + text;
  const auto parts = split(text, ':');
  if (parts.size() != 3) return {};
  const auto place = split(parts[2], '.');
  // Domains of software buses have more than four digits (drivers/pci/controller/vmd.c).
  const bool good = is_hexadecimal(parts[0], 4, 8) && is_hexadecimal(parts[1], 2, 2) &&
                    place.size() == 2 && is_hexadecimal(place[0], 2, 2) && place[0] < "20" &&
                    place[1].size() == 1 && place[1] >= "0" && place[1] <= "7";
  return good ? text : std::string();
}

bool is_number(std::string_view text) {
  return !text.empty() && text.size() <= kLongestNumber &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

// "1-2.3": bus, then a port of each hub on the way.
bool is_port(std::string_view text) {
  const std::size_t hyphen = text.find('-');
  if (hyphen == std::string_view::npos || !is_number(text.substr(0, hyphen))) return false;
  const auto ports = split(text.substr(hyphen + 1), '.');
  return ports.size() <= kDeepestPort && std::ranges::all_of(ports, is_number);
}

std::optional<Vm::UsbIds> ids_in(std::string_view written) {
  const std::string text = lower_case(written);
  const auto parts = split(text, ':');
  if (parts.size() != 2 || !is_hexadecimal(parts[0], 1, 4) || !is_hexadecimal(parts[1], 1, 4)) {
    return std::nullopt;
  }
  return Vm::UsbIds{.vendor = parse_unsigned<std::uint16_t>(parts[0], 16).value_or(0),
                    .product = parse_unsigned<std::uint16_t>(parts[1], 16).value_or(0)};
}

void check_pci(const DeviceDefinition& written, Vm::Device& device, DefinitionChecks& checks) {
  device.pci = full_pci_address(written.pci.value);
  if (device.pci.empty()) {
    checks.problem(written.pci.position, "device.pci",
                   {N_("{key} is \"{value}\"; it must be the address of a PCI device, such as "
                       "\"0000:03:00.0\"."),
                    {{"value", shown_value(written.pci.value)}}});
  }
  if (written.optional.value) {
    checks.problem(written.optional.position, "device.optional",
                   N_("{key} is only for devices of USB, which can be plugged in later."));
  }
}

void check_usb(const DeviceDefinition& written, Vm::Device& device, DefinitionChecks& checks) {
  device.is_optional = written.optional.value;
  device.usb_ids = ids_in(written.usb.value);
  if (!device.usb_ids && is_port(written.usb.value)) device.usb_port = written.usb.value;
  if (!device.usb_ids && device.usb_port.empty()) {
    checks.problem(
        written.usb.position, "device.usb",
        {N_("{key} is \"{value}\"; it must be vendor and product, such as \"046d:c52b\", or the "
            "port that the device is plugged into, such as \"1-2.3\"."),
         {{"value", shown_value(written.usb.value)}}});
  }
  if (written.rom.is_written()) {
    checks.problem(written.rom.position, "device.rom",
                   N_("{key} is only for PCI devices; a device of USB has no ROM."));
  }
}

bool is_same(const Vm::Device& one, const Vm::Device& other) {
  if (!one.pci.empty()) return one.pci == other.pci;
  if (!one.usb_port.empty()) return one.usb_port == other.usb_port;
  return one.usb_ids && one.usb_ids == other.usb_ids;
}

// The device that one table names.
Vm::Device check_device(const DeviceDefinition& written, DefinitionChecks& checks) {
  Vm::Device device;
  const bool pci = written.pci.is_written();
  if (pci == written.usb.is_written()) {
    checks.problem(
        written.position, "device",
        pci ? N_("A [[{key}]] has either pci or usb, not both: write a table for each device.")
            : N_("This [[{key}]] names no device: write pci = \"ADDRESS\" or usb = \"ID\"."));
    return device;
  }
  if (pci) {
    check_pci(written, device, checks);
  } else {
    check_usb(written, device, checks);
  }
  return device;
}

// What several tables must not say together: not too many of them, no device twice, and not the
// device of [gpu].
void check_devices_together(DefinitionChecks& checks) {
  const VmDefinition& definition = checks.definition();
  const Vm& vm = checks.vm();
  const std::string gpu =
      vm.gpu && (vm.gpu->way == "passthrough" || vm.gpu->way == "sr-iov")
          ? full_pci_address(vm.gpu->device.empty() ? definition.gpu.parent.value : vm.gpu->device)
          : std::string();
  if (vm.devices.size() > kMaximumDevices) {
    return checks.problem(
        definition.devices[kMaximumDevices].position, "device",
        {N_("There are more than {limit} tables [[{key}]]."), {{"limit", kMaximumDevices}}});
  }
  for (std::size_t i = 0; i < vm.devices.size(); ++i) {
    const Vm::Device& device = vm.devices[i];
    const DeviceDefinition& written = definition.devices[i];
    const auto end = vm.devices.begin() + static_cast<std::ptrdiff_t>(i);
    const bool twice = std::any_of(vm.devices.begin(), end,
                                   [&](const Vm::Device& other) { return is_same(device, other); });
    if (twice) {
      const bool pci = written.pci.is_written();
      checks.problem(pci ? written.pci.position : written.usb.position,
                     pci ? "device.pci" : "device.usb",
                     {N_("{key} is \"{value}\", which another [[device]] names already."),
                      {{"value", shown_value(pci ? written.pci.value : written.usb.value)}}});
    } else if (!device.pci.empty() && device.pci == gpu) {
      checks.problem(written.pci.position, "device.pci",
                     {N_("{key} is \"{value}\", which is the device of [gpu] already."),
                      {{"value", shown_value(written.pci.value)}}});
    }
  }
}

}  // namespace

void check_devices(DefinitionChecks& checks) {
  for (const DeviceDefinition& written : checks.definition().devices) {
    Vm::Device device = check_device(written, checks);
    device.rom = checks.path(written.rom, "device.rom");
    checks.vm().devices.push_back(std::move(device));
  }
  check_devices_together(checks);
}

}  // namespace cleave
