// cleave vm usb attach, detach: a USB device of the host in a VM that runs.
#include <functional>

#include "app/vm_media.h"
#include "cli/commands/all.h"
#include "cli/commands/vgpu_common.h"
#include "cli/commands/vm_common.h"

namespace cleave {
namespace {

using UsbAction = std::function<Result<UsbReport>(const HostReader&, const VmEnvironment&,
                                                  const std::string&, const UsbName&)>;

Result<UsbReport> act(CommandContext& context, const UsbAction& action, const char* schema) {
  HostWriter* host = TRY(context.host());
  const VmEnvironment environment = TRY(this_vm_environment());
  const UsbName choice = TRY(parse_usb_name(context.arguments().get("DEVICE").value_or("")));
  UsbReport report = TRY(action(*host, environment, vm_argument(context), choice));
  context.print_json(Json::object({{"schema", schema},
                                   {"name", vm_name_of(vm_argument(context))},
                                   {"device", report.device},
                                   {"changed", report.changed}}));
  return report;
}

Result<ExitStatus> attach(CommandContext& context) {
  const bool force = context.arguments().has("--force");
  const auto with_force = [force](const HostReader& host, const VmEnvironment& environment,
                                  const std::string& name, const UsbName& choice) {
    return attach_usb(host, environment, name, choice, force);
  };
  const Result<UsbReport> report = act(context, with_force, "cleave.vm-usb-attach/1");
  if (!report) return answer(context, report.error());
  const std::vector<Field> fields = {{"name", vm_name_of(vm_argument(context))},
                                     {"device", report->what}};
  context.say(report->changed ? Message(N_("The VM {name} has {device} now."), fields)
                              : Message(N_("The VM {name} has {device} already."), fields));
  return ExitStatus::Done;
}

Result<ExitStatus> detach(CommandContext& context) {
  const Result<UsbReport> report = act(context, detach_usb, "cleave.vm-usb-detach/1");
  if (!report) return answer(context, report.error());
  const std::vector<Field> fields = {{"name", vm_name_of(vm_argument(context))},
                                     {"device", report->what}};
  context.say(report->changed
                  ? Message(N_("The host has {device} again."), fields)
                  : Message(N_("The VM {name} does not have {device} from `cleave vm usb attach`."),
                            fields));
  return ExitStatus::Done;
}

}  // namespace

const Command kVmUsbAttachCommand = {
    .name = "vm usb attach",
    .summary = N_("Give a running VM a USB device of the host"),
    .options = {{"--force", nullptr, N_("Although the host may need it")}},
    .positionals = {{"NAME", N_("The VM's name, or its definition file")},
                    {"DEVICE", N_("Its ids (046d:c52b) or its port (1-2.3)")}},
    .run = attach,
};

const Command kVmUsbDetachCommand = {
    .name = "vm usb detach",
    .summary = N_("Take a USB device from a running VM"),
    .options = {},
    .positionals = {{"NAME", N_("The VM's name, or its definition file")},
                    {"DEVICE", N_("As it was named when it was attached")}},
    .run = detach,
};

}  // namespace cleave
