// cleave vm send-key: keys that a window would keep for itself, or that a script types.
#include "app/vm_control.h"
#include "cli/commands/all.h"
#include "cli/commands/vgpu_common.h"
#include "cli/commands/vm_common.h"

namespace cleave {
namespace {

Result<ExitStatus> run(CommandContext& context) {
  HostWriter* host = TRY(context.host());
  const VmEnvironment environment = TRY(this_vm_environment());
  const std::vector<std::string> keys = context.arguments().all("KEYS");
  const Result<std::size_t> sent = send_keys(*host, environment, vm_argument(context), keys);
  if (!sent) return answer(context, sent.error());
  Json listed = Json::array();
  for (const std::string& key : keys) listed.push_back(key);
  context.print_json(Json::object({{"schema", "cleave.vm-send-key/1"},
                                   {"name", vm_name_of(vm_argument(context))},
                                   {"keys", std::move(listed)}}));
  return ExitStatus::Done;
}

}  // namespace

const Command kVmSendKeyCommand = {
    .name = "vm send-key",
    .summary = N_("Press keys on a VM's keyboard"),
    .options = {},
    .positionals = {{"NAME", N_("The VM's name, or its definition file")},
                    {"KEYS",
                     N_("Keys by QEMU's names; a hyphen joins those pressed together: "
                        "ctrl-alt-delete, a, ret, f2"),
                     true, true}},
    .run = run,
};

}  // namespace cleave
