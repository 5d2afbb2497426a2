// Which drivers have the interfaces of a USB device. Attributes:
// Documentation/ABI/testing/sysfs-bus and drivers/base/bus.c (unbind, bind).
#include <algorithm>
#include <map>
#include <string>

#include "apply/effect_kinds.h"
#include "base/text.h"

namespace cleave {
namespace {

constexpr const char* kDrivers = "/sys/bus/usb/drivers";
// The kernel's own driver for programs that have claimed an interface (drivers/usb/core/devio.c).
constexpr std::string_view kClaimed = "usbfs";

// Interface ("1-2:1.0") → its driver, "" for none.
using Drivers = std::map<std::string, std::string, std::less<>>;

bool reads_id(const HostReader& host, const ReleaseUsb& effect, const char* name,
              std::uint16_t id) {
  const Result<std::string> text = host.read_file(join_path(effect.device, name));
  return text && parse_unsigned<std::uint16_t>(trim(*text), 16) == id;
}

bool is_the_one(const HostReader& host, const ReleaseUsb& effect) {
  return reads_id(host, effect, "idVendor", effect.vendor_id) &&
         reads_id(host, effect, "idProduct", effect.product_id);
}

Result<Drivers> drivers_of(const HostReader& host, const ReleaseUsb& effect) {
  Drivers drivers;
  const std::string start = std::string(base_name(effect.device)) + ":";
  for (const std::string& name : TRY(host.list_directory(effect.device))) {
    if (!name.starts_with(start)) continue;
    const std::string link = join_path(join_path(effect.device, name), "driver");
    const Result<std::string> target = host.read_link(link);
    if (!target && !is_missing(target.error())) return target.error();
    drivers[name] = target ? std::string(base_name(*target)) : "";
  }
  return drivers;
}

Result<void> unbind(HostWriter& host, const std::string& interface, const std::string& driver) {
  return host.write_attribute(join_path(join_path(kDrivers, driver), "unbind"), interface);
}

// One "INTERFACE DRIVER" a line, for the journal.
std::string text_of(const Drivers& drivers) {
  std::string text;
  for (const auto& [interface, driver] : drivers) text += interface + " " + driver + "\n";
  return text;
}

Drivers drivers_in(std::string_view text) {
  Drivers drivers;
  for (const std::string_view line : lines(text)) {
    const auto parts = words(line);
    if (parts.empty()) continue;
    drivers[std::string(parts[0])] = parts.size() > 1 ? std::string(parts[1]) : "";
  }
  return drivers;
}

// A driver that binds one interface may take another one along, as those of sound and of networks
// do: what has its driver by now is good.
Result<void> put_back(HostWriter& host, const ReleaseUsb& effect, const std::string& interface,
                      const std::string& driver) {
  const Drivers now = TRY(drivers_of(host, effect));
  const auto found = now.find(interface);
  if (found == now.end() || found->second == driver) return {};
  if (!found->second.empty()) TRY(unbind(host, interface, found->second));
  if (driver.empty()) return {};
  const std::string place = join_path(join_path(kDrivers, driver), "bind");
  if (!host.exists(place)) return {};  // its module is not loaded any more
  return host.write_attribute(place, interface);
}

}  // namespace

Result<bool> is_done_here(const HostReader& host, const ReleaseUsb& effect) {
  if (!is_the_one(host, effect)) return false;
  const Drivers drivers = TRY(drivers_of(host, effect));
  return std::ranges::all_of(drivers, [](const auto& each) { return each.second.empty(); });
}

Result<Before> observe_here(HostWriter& host, const ReleaseUsb& effect) {
  if (!is_the_one(host, effect)) {
    return conflict({N_("{device} is not the device any more that the plan was made for."),
                     {{"device", std::string(base_name(effect.device))}}},
                    effect.device);
  }
  Before before;
  before.path = effect.device;
  before.existed = true;
  before.text = text_of(TRY(drivers_of(host, effect)));
  return before;
}

Result<void> perform_here(HostWriter& host, const ReleaseUsb& effect, const Before& before) {
  for (const auto& [interface, driver] : drivers_in(before.text)) {
    if (driver.empty()) continue;
    const Drivers now = TRY(drivers_of(host, effect));
    const auto found = now.find(interface);
    if (found != now.end() && found->second == driver) TRY(unbind(host, interface, driver));
  }
  return {};
}

Result<Notes> take_back_here(HostWriter& host, const ReleaseUsb& effect, const Trace& trace) {
  if (!is_the_one(host, effect)) return Notes();
  const Drivers now = TRY(drivers_of(host, effect));
  const bool claimed =
      std::ranges::any_of(now, [](const auto& each) { return each.second == kClaimed; });
  if (claimed) {
    return conflict({N_("Another program has taken {device} since; it was left as it is."),
                     {{"device", std::string(base_name(effect.device))}}},
                    effect.device);
  }
  for (const auto& [interface, driver] : drivers_in(trace.before.text)) {
    TRY(put_back(host, effect, interface, driver));
  }
  return Notes();
}

bool is_gone_here(const HostReader& host, const ReleaseUsb& effect, const Before& /*before*/) {
  return !is_the_one(host, effect);
}

}  // namespace cleave
