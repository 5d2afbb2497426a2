// USB devices of the host in a VM that runs.
#include <algorithm>
#include <chrono>
#include <ctime>
#include <iterator>
#include <thread>
#include <vector>

#include "app/vm.h"
#include "app/vm_control.h"
#include "app/vm_media.h"
#include "app/vm_reservations.h"
#include "app/vm_usb.h"
#include "base/format.h"
#include "base/text.h"
#include "facts/readers/read_facts.h"
#include "facts/readers/readers.h"
#include "facts/usb.h"
#include "run/reservation.h"

namespace cleave {
namespace {

constexpr const char* kController = "usb";  // of the command line (vm/device_arguments.cc)
// QEMU opens the device at once; libusb resets it first, which some devices take long for.
constexpr auto kAttachPatience = std::chrono::seconds(3);
constexpr auto kDetachPatience = std::chrono::seconds(5);
constexpr auto kLookAgain = std::chrono::milliseconds(100);

bool is_four_digits(std::string_view text) {
  return text.size() == 4 && parse_hexadecimal<std::uint16_t>(text).has_value() &&
         !text.starts_with("0x");
}

bool is_meant(const UsbDevice& device, const UsbName& choice) {
  return choice.vendor.empty() ? device.port == choice.text
                               : usb_ids(device) == choice.vendor + ":" + choice.product;
}

Result<UsbDevice> find_device(const HostReader& host, const UsbName& choice) {
  const Fact<std::vector<UsbDevice>> all = read_usb_devices(host);
  if (const Unreadable* why = all.unreadable()) {
    return error_of(ErrorCode::Io, {N_("Could not read which USB devices there are: {path}: {why}"),
                                    {{"path", why->path}, {"why", why->why}}});
  }
  std::vector<UsbDevice> found;
  if (const auto* devices = all.value()) {
    std::ranges::copy_if(*devices, std::back_inserter(found),
                         [&](const UsbDevice& device) { return is_meant(device, choice); });
  }
  if (found.empty()) {
    return error_of(ErrorCode::NotFound,
                    {N_("No USB device {device} is plugged in"), {{"device", choice.text}}},
                    {N_("`lsusb` lists those that are.")});
  }
  if (found.size() > 1) {
    std::vector<std::string> ports;
    for (const UsbDevice& device : found) ports.push_back(device.port);
    return error_of(
        ErrorCode::Malformed,
        {N_("{count} USB devices are {device}: name one by its port, {ports}"),
         {{"count", found.size()}, {"device", choice.text}, {"ports", join(ports, ", ")}}});
  }
  if (found.front().is_hub()) {
    return error_of(ErrorCode::Unsupported,
                    {N_("{device} is a hub, which QEMU does not pass on; name what is plugged into "
                        "it"),
                     {{"device", choice.text}}});
  }
  return found.front();
}

Result<void> check_rights(const HostReader& host, const VmEnvironment& environment,
                          const UsbDevice& device) {
  const std::string node = usb_node(device);
  const ActingAs owner = TRY(ActingAs::begin(credentials_of(environment.owner)));
  const Result<bool> may = host.may_access(node, Access::ReadWrite);
  if (may && *may) return {};
  return error_of(ErrorCode::Conflict,
                  {N_("The user {user}, as whom QEMU runs, may not open {node}"),
                   {{"user", environment.owner.name}, {"node", node}}},
                  {N_("For now: sudo setfacl -m u:{user}:rw {node}. For good, a rule of udev with "
                      "TAG+=\"uaccess\" for {ids}."),
                   {{"user", environment.owner.name}, {"node", node}, {"ids", usb_ids(device)}}});
}

// The same judgement as at a start: a stick that the host has mounted is not taken from it.
Result<void> check_use(const HostReader& host, const VmEnvironment& environment,
                       const UsbDevice& device, bool force) {
  Vm vm;
  vm.devices.emplace_back().usb_port = device.port;
  std::vector<std::string> forced;
  if (force) forced.push_back(device.port);
  const Facts facts = read_device_facts(host);
  (void)TRY(choose_usb_devices(host, facts, environment, vm, forced));
  return {};
}

// As QEMU knows the lock of the device that it was given under `choice`.
std::string held_name(const UsbName& choice) { return "reservation-" + choice.device_id(); }

// QEMU refuses where it holds nothing under that name.
void let_go(QmpClient& monitor, const UsbName& choice) {
  (void)monitor.execute("closefd", Json::object({{"fdname", held_name(choice)}}));
}

// This program ends; QEMU keeps the lock for as long as it has the device, and the kernel lets go
// of it when QEMU has ended, however it ended.
Result<void> reserve_for(QmpClient& monitor, const VmEnvironment& environment,
                         const std::string& name, const UsbName& choice, const UsbDevice& device) {
  const VmReport report = TRY(vm_status(environment, name, false));
  const VmState& state = report.seen.state;
  const auto& process = state.supervisor ? state.supervisor : state.qemu;
  if (environment.is_root) TRY(prepare_reservations());
  const std::optional<OwnedFd> held =
      TRY(reserve(kReservationDirectory, {.device = device.port,
                                          .vm = report.name,
                                          .user = environment.owner.uid,
                                          .process = process.value_or(ProcessIdentity{}),
                                          .since = ::time(nullptr)}));
  if (held) TRY(monitor.give_file(held_name(choice), held->get()));
  return {};
}

// Whether this VM has it from its start, by its [[device]].
bool is_its_own(const VmEnvironment& environment, const std::string& name,
                const UsbDevice& device) {
  for (const std::string& reserved : {device.port, usb_ids(device)}) {
    const auto by = reserved_by(kReservationDirectory, reserved);
    if (by && by->vm == vm_name_of(name) && by->user == environment.owner.uid) return true;
  }
  return false;
}

Json device_of(const UsbName& choice, const UsbDevice& device) {
  Json arguments = Json::object(
      {{"driver", "usb-host"}, {"bus", format("{}.0", kController)}, {"id", choice.device_id()}});
  // Where it is, in both cases: by its ids alone QEMU would take whichever comes first.
  arguments.set("hostbus", device.bus);
  arguments.set("hostport", device.port.substr(device.port.find('-') + 1));
  return arguments;
}

bool has_id(const std::vector<std::string>& ids, const std::string& id) {
  return std::ranges::find(ids, id) != ids.end();
}

Result<void> remove_device(QmpClient& monitor, const std::string& id) {
  TRY(monitor.execute("device_del", Json::object({{"id", id}})));
  const auto end = std::chrono::steady_clock::now() + kDetachPatience;
  while (has_id(TRY(device_ids(monitor)), id)) {
    if (std::chrono::steady_clock::now() >= end) {
      return error_of(ErrorCode::Busy,
                      {N_("QEMU has not let go of {device} yet"), {{"device", id}}});
    }
    std::this_thread::sleep_for(kLookAgain);
  }
  return {};
}

// QEMU makes the device also where it cannot open it, and waits for it to come.
Result<void> expect_attached(QmpClient& monitor, const std::string& id, const std::string& what) {
  const Json question =
      Json::object({{"path", "/machine/peripheral/" + id}, {"property", "attached"}});
  const auto end = std::chrono::steady_clock::now() + kAttachPatience;
  while (true) {
    const Json answer = TRY(monitor.execute("qom-get", question));
    if (answer.as_bool() != nullptr && *answer.as_bool()) return {};
    if (std::chrono::steady_clock::now() >= end) break;
    std::this_thread::sleep_for(kLookAgain);
  }
  (void)remove_device(monitor, id);
  return error_of(ErrorCode::Io, {N_("QEMU could not take {device}"), {{"device", what}}},
                  {N_("Another VM or a program may have it. QEMU's log beside the VM's sockets may "
                      "tell more.")});
}

Result<void> add_device(QmpClient& monitor, const UsbName& choice, const UsbDevice& device,
                        const std::string& what) {
  TRY(monitor.execute("device_add", device_of(choice, device)));
  return expect_attached(monitor, choice.device_id(), what);
}

}  // namespace

std::string UsbName::device_id() const {
  if (!vendor.empty()) return format("usb-host-{}-{}", vendor, product);
  return "usb-host-port-" + replace_all(text, ".", "-");
}

Result<UsbName> parse_usb_name(std::string_view text) {
  UsbName choice;
  choice.text = lower_case(text);
  const auto ids = split(choice.text, ':');
  if (ids.size() == 2 && is_four_digits(ids[0]) && is_four_digits(ids[1])) {
    choice.vendor = ids[0];
    choice.product = ids[1];
    return choice;
  }
  if (is_usb_port(choice.text)) {
    const auto hyphen = choice.text.find('-');
    choice.bus = choice.text.substr(0, hyphen);
    choice.port = choice.text.substr(hyphen + 1);
    return choice;
  }
  return error_of(
      ErrorCode::Malformed,
      {N_("“{text}” is no USB device: it is named by its ids, 046d:c52b, or by its port, "
          "1-2.3"),
       {{"text", printable(text)}}});
}

Result<UsbReport> attach_usb(const HostReader& host, const VmEnvironment& environment,
                             const std::string& name, const UsbName& choice, bool force) {
  QmpClient monitor = TRY(connect_monitor(host, environment, name));
  UsbReport report{.device = choice.device_id(), .what = choice.text};
  const std::vector<std::string> ids = TRY(device_ids(monitor));
  if (has_id(ids, report.device)) return report;
  if (!has_id(ids, kController)) {
    return error_of(ErrorCode::Unsupported,
                    {N_("The VM {name} has no USB controller"), {{"name", vm_name_of(name)}}},
                    {N_("Write pointer = \"tablet\" into its definition, which brings one, and "
                        "start it anew.")});
  }
  let_go(monitor, choice);  // of an attach that was killed before QEMU had the device
  const UsbDevice device = TRY(find_device(host, choice));
  report.what = printable(format("{} {}", usb_ids(device), device.product));
  if (is_its_own(environment, name, device)) return report;
  TRY(check_use(host, environment, device, force));
  TRY(check_rights(host, environment, device));
  TRY(reserve_for(monitor, environment, name, choice, device));
  Result<void> attached = add_device(monitor, choice, device, report.what);
  if (!attached) {
    let_go(monitor, choice);
    return std::move(attached).error();
  }
  report.changed = true;
  return report;
}

Result<UsbReport> detach_usb(const HostReader& host, const VmEnvironment& environment,
                             const std::string& name, const UsbName& choice) {
  QmpClient monitor = TRY(connect_monitor(host, environment, name));
  UsbReport report{.device = choice.device_id(), .what = choice.text};
  if (!has_id(TRY(device_ids(monitor)), report.device)) return report;
  TRY(remove_device(monitor, report.device));
  let_go(monitor, choice);
  report.changed = true;
  return report;
}

}  // namespace cleave
