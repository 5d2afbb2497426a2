// Which driver has a PCI device. Attributes: Documentation/ABI/testing/sysfs-bus-pci, sysfs-bus.
#include <string>

#include "apply/effect_kinds.h"
#include "base/text.h"

namespace cleave {
namespace {

constexpr const char* kDrivers = "/sys/bus/pci/drivers";
constexpr const char* kProbe = "/sys/bus/pci/drivers_probe";
// What the kernel prints where nothing was written (driver_override_show, drivers/pci/pci-sysfs.c).
constexpr std::string_view kNoOverride = "(null)";

std::string address_of(const BindDriver& effect) { return std::string(base_name(effect.device)); }

std::string override_path(const BindDriver& effect) {
  return join_path(effect.device, "driver_override");
}

// Empty: none has it.
Result<std::string> driver_of(const HostReader& host, const BindDriver& effect) {
  const Result<std::string> link = host.read_link(join_path(effect.device, "driver"));
  if (link) return std::string(base_name(*link));
  if (is_missing(link.error()) && host.exists(effect.device)) return std::string();
  return link.error();
}

// Empty: none is set.
Result<std::string> override_of(const HostReader& host, const BindDriver& effect) {
  const std::string text = TRY(host.read_file(override_path(effect)));
  const std::string_view name = trim(text);
  return name == kNoOverride ? std::string() : std::string(name);
}

bool reads_id(const HostReader& host, const BindDriver& effect, const char* name,
              std::uint16_t id) {
  const Result<std::string> text = host.read_file(join_path(effect.device, name));
  return text && parse_hexadecimal<std::uint16_t>(trim(*text)) == id;
}

bool is_the_one(const HostReader& host, const BindDriver& effect) {
  return reads_id(host, effect, "vendor", effect.vendor_id) &&
         reads_id(host, effect, "device", effect.device_id);
}

// An empty line takes an override away (driver_set_override, drivers/base/driver.c).
Result<void> set_override(HostWriter& host, const BindDriver& effect, const std::string& driver) {
  return host.write_attribute(override_path(effect), driver.empty() ? "\n" : driver);
}

Result<void> unbind(HostWriter& host, const BindDriver& effect) {
  return host.write_attribute(join_path(effect.device, "driver/unbind"), address_of(effect));
}

// The driver that is named, and nothing if it is not there any more: then whichever fits.
Result<void> bind(HostWriter& host, const BindDriver& effect, const std::string& driver) {
  const std::string place = join_path(join_path(kDrivers, driver), "bind");
  if (host.exists(place)) return host.write_attribute(place, address_of(effect));
  return host.write_attribute(kProbe, address_of(effect));
}

Error not_taken(const HostReader& host, const BindDriver& effect) {
  const Result<std::string> driver = driver_of(host, effect);
  Error error = error_of(
      ErrorCode::Io,
      {N_("{driver} did not take {device}."),
       {{"driver", effect.driver}, {"device", address_of(effect)}}},
      {N_("The kernel's log (dmesg) tells why; a device without an IOMMU group, for example.")});
  error.path = effect.device;
  if (driver && !driver->empty()) {
    error.context.emplace_back(N_("It is with {driver}."), std::vector<Field>{{"driver", *driver}});
  }
  return error;
}

}  // namespace

Result<bool> is_done_here(const HostReader& host, const BindDriver& effect) {
  if (!is_the_one(host, effect)) return false;
  return TRY(driver_of(host, effect)) == effect.driver;
}

Result<Before> observe_here(HostWriter& host, const BindDriver& effect) {
  if (!is_the_one(host, effect)) {
    return conflict({N_("{device} is not the device any more that the plan was made for."),
                     {{"device", address_of(effect)}}},
                    effect.device);
  }
  Before before;
  before.path = effect.device;
  before.existed = true;
  before.driver = TRY(driver_of(host, effect));
  before.text = TRY(override_of(host, effect));
  return before;
}

Result<void> perform_here(HostWriter& host, const BindDriver& effect, const Before& before) {
  // First of all, so that no other driver can take it in between.
  TRY(set_override(host, effect, effect.driver));
  if (!before.driver.empty()) TRY(unbind(host, effect));
  TRY(host.write_attribute(kProbe, address_of(effect)));
  if (TRY(driver_of(host, effect)) == effect.driver) return {};
  return not_taken(host, effect);
}

Result<Notes> take_back_here(HostWriter& host, const BindDriver& effect, const Trace& trace) {
  const Before& before = trace.before;
  if (!is_the_one(host, effect)) return Notes();
  const std::string now = TRY(driver_of(host, effect));
  const bool somebody_elses = !now.empty() && now != effect.driver && now != before.driver;
  if (somebody_elses) {
    return conflict({N_("{device} was given to {driver} by somebody else after cleave; it was left "
                        "as it is."),
                     {{"device", address_of(effect)}, {"driver", now}}},
                    effect.device);
  }
  const bool moves = now != before.driver;
  if (moves && !now.empty()) TRY(unbind(host, effect));
  if (TRY(override_of(host, effect)) != before.text) TRY(set_override(host, effect, before.text));
  if (moves && !before.driver.empty()) TRY(bind(host, effect, before.driver));
  return Notes();
}

bool is_gone_here(const HostReader& host, const BindDriver& effect, const Before& /*before*/) {
  return !is_the_one(host, effect);
}

}  // namespace cleave
