// cleave devices: every device that a VM could get, whole or as a share, who has it, what is free.
#include "app/devices.h"

#include <algorithm>

#include "app/machine.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/vgpu_common.h"
#include "cli/commands/watch.h"
#include "cli/render/devices_json.h"
#include "cli/render/devices_text.h"
#include "cli/render/translate.h"

namespace cleave {
namespace {

Error no_such_device(const DeviceList& list, const std::string& name) {
  std::vector<std::string> known;
  for (const ListedDevice& device : list.devices) known.push_back(device.address);
  for (const ListedUsb& device : list.usb) known.push_back(device.usb->port);
  Error error;
  error.code = ErrorCode::NotFound;
  error.message = {N_("No device that a VM could get is called “{device}” here."),
                   {{"device", printable(name)}}};
  if (!known.empty()) error.remedy = {N_("There are: {known}"), {{"known", join(known, ", ")}}};
  return error;
}

Result<WatchedList> look(const HostReader& host, const std::optional<std::string>& name) {
  const DeviceList list = TRY(list_devices(host));
  const DevicesStyle style = {.width = std::min<std::size_t>(terminal_width(), 100),
                              .colour = colour_allowed()};
  WatchedList found;
  if (!name) {
    found.text = devices_text(list, style);
    if (found.text.empty()) {
      found.text = translate(N_("No device of this machine could be given to a VM."));
    }
    found.json = devices_json(list);
    found.states = device_states(list);
  } else if (const auto usb = find_usb_devices(list, *name); !usb.empty()) {
    found.text = usb_devices_text(usb, style, true);
    found.json = Json::object({{"schema", "cleave.devices/1"},
                               {"devices", Json::array()},
                               {"usb_devices", usb_devices_json(usb)}});
    found.states = device_states(usb);
  } else {
    const ListedDevice* device = find_device(list, *name);
    if (device == nullptr) return no_such_device(list, *name);
    found.text = device_text(*device, style);
    found.json = Json::object({{"schema", "cleave.devices/1"},
                               {"devices", Json::array({device_json(*device)})},
                               {"usb_devices", Json::array()}});
    found.states = device_states(*device);
  }
  while (found.text.ends_with('\n')) found.text.pop_back();
  return found;
}

Result<ExitStatus> run_devices(CommandContext& context) {
  std::unique_ptr<HostReader> captured;
  if (const auto from = context.arguments().get("--from")) captured = TRY(open_machine(*from));
  const HostReader* host = captured.get();
  if (host == nullptr) host = TRY(context.host());
  const auto name = context.arguments().get("DEVICE");
  if (context.arguments().has("--watch")) {
    Result<ExitStatus> watched = watch(context, *host, [&] { return look(*host, name); });
    return watched ? std::move(watched) : answer(context, watched.error());
  }
  const Result<WatchedList> found = look(*host, name);
  if (!found) return answer(context, found.error());
  context.say_text(found->text);
  context.print_json(found->json);
  return ExitStatus::Done;
}

}  // namespace

const Command kDevicesCommand = {
    .name = "devices",
    .summary = N_("List the devices that a VM could get, who has them, and what is free"),
    .options = {{.name = "--from",
                 .value = "MACHINE",
                 .help = N_(
                     "look at a captured machine: a bundle of “cleave capture”, a *.machine file "
                     "or a directory")},
                {.name = "--watch",
                 .value = nullptr,
                 .help = N_("go on and show what changes, until Ctrl-C")}},
    .positionals = {{.name = "DEVICE",
                     .help = N_("show this one in full: 0000:00:02.0, 046d:c52b or 1-2.3"),
                     .required = false}},
    .run = run_devices,
};

}  // namespace cleave
