// cleave vm new: writes a commented definition.
#include "app/vm.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/vm_common.h"

namespace cleave {
namespace {

Result<NewDefinition> wanted_of(const CommandContext& context) {
  const Arguments& arguments = context.arguments();
  NewDefinition wanted;
  wanted.name = vm_argument(context);
  wanted.gpu_way = arguments.get("--gpu").value_or("");
  if (wanted.gpu_way == "none") wanted.gpu_way.clear();
  wanted.gpu_parent = arguments.get("--parent").value_or("");
  wanted.gpu_type = arguments.get("--type").value_or("");
  wanted.disk_file = arguments.get("--disk").value_or("");
  wanted.kernel = arguments.get("--kernel").value_or("");
  wanted.accelerator = arguments.get("--accelerator").value_or("");
  wanted.memory = arguments.get("--memory").value_or(wanted.memory);
  wanted.display = arguments.get("--display").value_or(wanted.display);
  wanted.serial = arguments.has("--serial");
  if (const auto text = arguments.get("--cpus")) {
    const auto number = parse_unsigned<std::uint32_t>(*text);
    if (!number || *number == 0) {
      return error_of(ErrorCode::Malformed, {N_("{option} takes a number, not “{text}”"),
                                             {{"option", "--cpus"}, {"text", printable(*text)}}});
    }
    wanted.cpus = *number;
  }
  return wanted;
}

Result<ExitStatus> run(CommandContext& context) {
  const NewDefinition wanted = TRY(wanted_of(context));
  HostWriter* host = TRY(context.host());
  const VmEnvironment environment = TRY(this_vm_environment());
  const std::string path = TRY(write_new_vm(*host, environment, wanted));
  context.print_json(
      Json::object({{"schema", "cleave.vm-new/1"}, {"name", wanted.name}, {"file", path}}));
  context.say({N_("Wrote {path}"), {{"path", path}}});
  context.say({N_("Look through it, then: cleave vm start {name}"), {{"name", wanted.name}}});
  return ExitStatus::Done;
}

}  // namespace

const Command kVmNewCommand = {
    .name = "vm new",
    .summary = N_("Write the definition of a new VM"),
    .options = {{"--disk", "FILE", N_("Its disk image")},
                {"--kernel", "FILE", N_("A kernel to start in place of the disk's loader")},
                {"--memory", "SIZE", N_("Its memory, as 4G or 512M")},
                {"--cpus", "N", N_("How many CPUs it sees")},
                {"--gpu", "WAY", N_("The way it shares the GPU: gvt-g, mdev or none")},
                {"--parent", "NAME",
                 N_("The GPU (or other parent) of its vGPU; not needed with one GPU")},
                {"--type", "TYPE", N_("The type of its vGPU; without it the best that fits")},
                {"--accelerator", "NAME", N_("kvm, or tcg where KVM cannot work")},
                {"--display", "TYPE", N_("gtk, sdl, egl-headless or none")},
                {"--serial", nullptr, N_("Give it a serial port with a socket on the host")}},
    .positionals = {{"NAME", N_("The new VM's name")}},
    .run = run,
};

}  // namespace cleave
