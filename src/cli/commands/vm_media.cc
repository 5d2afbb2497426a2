// cleave vm eject, vm insert: the disc in a running VM's drive.
#include "app/vm_media.h"

#include "cli/commands/all.h"
#include "cli/commands/vgpu_common.h"
#include "cli/commands/vm_common.h"

namespace cleave {
namespace {

Json json_of(const char* schema, const std::string& name, const MediumReport& report) {
  return Json::object({{"schema", schema},
                       {"name", name},
                       {"disk", report.disk},
                       {"before", report.before.empty() ? Json() : Json(report.before)},
                       {"after", report.after.empty() ? Json() : Json(report.after)},
                       {"changed", report.changed}});
}

MediumRequest request_of(const CommandContext& context) {
  return {.name = vm_argument(context),
          .disk = context.arguments().get("DISK").value_or(""),
          .file = context.arguments().get("FILE").value_or(""),
          .force = context.arguments().has("--force")};
}

Result<ExitStatus> eject(CommandContext& context) {
  HostWriter* host = TRY(context.host());
  const VmEnvironment environment = TRY(this_vm_environment());
  const Result<MediumReport> report = eject_medium(*host, environment, request_of(context));
  if (!report) return answer(context, report.error());
  context.print_json(json_of("cleave.vm-eject/1", vm_name_of(vm_argument(context)), *report));
  const std::vector<Field> fields = {{"disk", report->disk}, {"file", report->before}};
  context.say(report->changed ? Message(N_("Taken out of {disk}: {file}"), fields)
                              : Message(N_("There is no disc in {disk}."), fields));
  return ExitStatus::Done;
}

Result<ExitStatus> insert(CommandContext& context) {
  HostWriter* host = TRY(context.host());
  const VmEnvironment environment = TRY(this_vm_environment());
  const Result<MediumReport> report = insert_medium(*host, environment, request_of(context));
  if (!report) return answer(context, report.error());
  context.print_json(json_of("cleave.vm-insert/1", vm_name_of(vm_argument(context)), *report));
  const std::vector<Field> fields = {{"disk", report->disk}, {"file", report->after}};
  if (!report->changed) {
    context.say({N_("{file} is in {disk} already."), fields});
    return ExitStatus::Done;
  }
  context.say({N_("Put into {disk}: {file}"), fields});
  context.say({N_("For this run; the definition stays as it is.")});
  return ExitStatus::Done;
}

constexpr OptionSpec kForce = {"--force", nullptr, N_("Although the guest holds the tray")};

}  // namespace

const Command kVmEjectCommand = {
    .name = "vm eject",
    .summary = N_("Take the disc out of a running VM's drive"),
    .options = {kForce},
    .positionals = {{"NAME", N_("The VM's name, or its definition file")},
                    {"DISK", N_("Which drive, such as disk1; not needed with one"), false}},
    .run = eject,
};

const Command kVmInsertCommand = {
    .name = "vm insert",
    .summary = N_("Put a disc into a running VM's drive"),
    .options = {kForce},
    .positionals = {{"NAME", N_("The VM's name, or its definition file")},
                    {"FILE", N_("The disc: an ISO image, or a drive of the host")},
                    {"DISK", N_("Which drive, such as disk1; not needed with one"), false}},
    .run = insert,
};

}  // namespace cleave
