// cleave vm snapshot create, list, restore, delete: inside of a VM's qcow2 images.
#include "app/vm_disks.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/vgpu_common.h"
#include "cli/commands/vm_common.h"
#include "cli/render/device_users.h"
#include "cli/render/translate.h"

namespace cleave {
namespace {

using SnapshotAction = Result<SnapshotReport> (*)(const HostReader&, const VmEnvironment&,
                                                  const std::string&, const std::string&);

std::vector<Field> fields_of(const CommandContext& context) {
  return {{"name", vm_name_of(vm_argument(context))},
          {"snapshot", context.arguments().get("SNAPSHOT").value_or("")}};
}

Result<SnapshotReport> act(CommandContext& context, SnapshotAction action, const char* schema) {
  HostWriter* host = TRY(context.host());
  const VmEnvironment environment = TRY(this_vm_environment());
  const std::string snapshot = context.arguments().get("SNAPSHOT").value_or("");
  SnapshotReport report = TRY(action(*host, environment, vm_argument(context), snapshot));
  context.print_json(Json::object({{"schema", schema},
                                   {"name", vm_name_of(vm_argument(context))},
                                   {"snapshot", snapshot},
                                   {"running", report.running},
                                   {"disks", report.disks}}));
  return report;
}

Result<ExitStatus> create(CommandContext& context) {
  const auto report = act(context, create_snapshot, "cleave.vm-snapshot-create/1");
  if (!report) return answer(context, report.error());
  context.say({N_("The snapshot {snapshot} of {name} is made."), fields_of(context)});
  if (!report->running) {
    context.say({N_("It has the disks; the firmware's variables and a TPM are not part of it.")});
  }
  return ExitStatus::Done;
}

Result<ExitStatus> restore(CommandContext& context) {
  const auto report = act(context, restore_snapshot, "cleave.vm-snapshot-restore/1");
  if (!report) return answer(context, report.error());
  context.say(
      report->running
          ? Message(N_("The VM {name} is back where it was at {snapshot}."), fields_of(context))
          : Message(N_("The disks of {name} are back where they were at {snapshot}."),
                    fields_of(context)));
  return ExitStatus::Done;
}

Result<ExitStatus> remove(CommandContext& context) {
  const auto report = act(context, delete_snapshot, "cleave.vm-snapshot-delete/1");
  if (!report) return answer(context, report.error());
  context.say({N_("The snapshot {snapshot} of {name} is deleted."), fields_of(context)});
  return ExitStatus::Done;
}

Json json_of(const VmSnapshot& snapshot) {
  Json disks = Json::array();
  for (const std::string& disk : snapshot.disks) disks.push_back(disk);
  return Json::object({{"snapshot", snapshot.name},
                       {"made_at", snapshot.made_at},
                       {"with_memory", snapshot.with_memory},
                       {"complete", snapshot.complete},
                       {"disks", std::move(disks)}});
}

Result<ExitStatus> list(CommandContext& context) {
  HostWriter* host = TRY(context.host());
  const VmEnvironment environment = TRY(this_vm_environment());
  const auto snapshots = list_snapshots(*host, environment, vm_argument(context));
  if (!snapshots) return answer(context, snapshots.error());
  Json listed = Json::array();
  std::vector<std::vector<std::string>> rows = {{translate(N_("SNAPSHOT")), translate(N_("MADE")),
                                                 translate(N_("MEMORY")), translate(N_("DISKS"))}};
  for (const VmSnapshot& each : *snapshots) {
    listed.push_back(json_of(each));
    rows.push_back({each.name, time_text(static_cast<std::uint64_t>(each.made_at)),
                    translate(each.with_memory ? N_("yes") : N_("no")),
                    each.complete ? translate(N_("all")) : join(each.disks, ", ")});
  }
  context.print_json(Json::object({{"schema", "cleave.vm-snapshot-list/1"},
                                   {"name", vm_name_of(vm_argument(context))},
                                   {"snapshots", std::move(listed)}}));
  if (context.wants_json()) return ExitStatus::Done;
  if (snapshots->empty()) {
    context.say({N_("The VM {name} has no snapshot."), fields_of(context)});
  } else {
    context.say_text(table(rows));
  }
  return ExitStatus::Done;
}

constexpr PositionalSpec kName = {"NAME", N_("The VM's name, or its definition file")};
constexpr PositionalSpec kSnapshot = {"SNAPSHOT", N_("The snapshot's name")};

}  // namespace

const Command kVmSnapshotCreateCommand = {
    .name = "vm snapshot create",
    .summary = N_("Keep a VM's disks as they are now, and its memory if it runs"),
    .options = {},
    .positionals = {kName, kSnapshot},
    .run = create,
};

const Command kVmSnapshotListCommand = {
    .name = "vm snapshot list",
    .summary = N_("List a VM's snapshots"),
    .options = {},
    .positionals = {kName},
    .run = list,
};

const Command kVmSnapshotRestoreCommand = {
    .name = "vm snapshot restore",
    .summary = N_("Go back to a snapshot; what came after it is lost"),
    .options = {},
    .positionals = {kName, kSnapshot},
    .run = restore,
};

const Command kVmSnapshotDeleteCommand = {
    .name = "vm snapshot delete",
    .summary = N_("Delete a snapshot"),
    .options = {},
    .positionals = {kName, kSnapshot},
    .run = remove,
};

}  // namespace cleave
