// cleave vm list: the definitions there are, and which of them run.
#include "app/vm.h"
#include "cli/commands/all.h"
#include "cli/render/translate.h"

namespace cleave {
namespace {

Result<ExitStatus> run(CommandContext& context) {
  HostWriter* host = TRY(context.host());
  const VmEnvironment environment = TRY(this_vm_environment());
  const std::vector<ListedVm> vms = TRY(list_vms(*host, environment));
  Json listed = Json::array();
  std::vector<std::vector<std::string>> rows = {{translate(N_("NAME")), translate(N_("STATUS")),
                                                 translate(N_("PROCESS")),
                                                 translate(N_("DEFINITION"))}};
  for (const ListedVm& vm : vms) {
    listed.push_back(Json::object({{"name", vm.name},
                                   {"status", status_name(vm.status)},
                                   {"process_id", vm.process_id ? Json(*vm.process_id) : Json()},
                                   {"file", vm.file}}));
    rows.push_back({vm.name, status_name(vm.status),
                    vm.process_id ? std::to_string(*vm.process_id) : "-", vm.file});
  }
  context.print_json(Json::object({{"schema", "cleave.vm-list/1"}, {"vms", std::move(listed)}}));
  if (context.wants_json()) return ExitStatus::Done;
  if (vms.empty()) {
    context.say({N_("There is no VM yet; `cleave vm new NAME` makes one.")});
  } else {
    context.say_text(table(rows));
  }
  return ExitStatus::Done;
}

}  // namespace

const Command kVmListCommand = {
    .name = "vm list",
    .summary = N_("List the VMs"),
    .options = {},
    .positionals = {},
    .run = run,
};

}  // namespace cleave
