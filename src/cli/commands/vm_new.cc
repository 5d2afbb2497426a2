// cleave vm new: writes a commented definition.
#include <algorithm>

#include "app/vm.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/vm_common.h"
#include "facts/readers/read_facts.h"
#include "ways/way.h"

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

// The only way so far in which a VM can have a GPU without being told more.
Verdict verdict_of_gvt_g(const HostReader& host) {
  const Facts facts = read_facts(host);
  const Diagnosis diagnosis = diagnose(facts, {.way = "gvt-g", .gpu = std::nullopt});
  Verdict best = Verdict::Impossible;
  for (const GpuDiagnosis& gpu : diagnosis.gpus) {
    for (const WayVerdict& way : gpu.ways) best = std::min(best, way.verdict);
  }
  return best;
}

Result<ExitStatus> run(CommandContext& context) {
  NewDefinition wanted = TRY(wanted_of(context));
  HostWriter* host = TRY(context.host());
  bool needs_setup = false;
  if (!context.arguments().has("--gpu")) {
    const Verdict verdict = verdict_of_gvt_g(*host);
    needs_setup = verdict == Verdict::NeedsChanges;
    if (needs_setup || verdict == Verdict::Ready) wanted.gpu_way = "gvt-g";
  }
  const VmEnvironment environment = TRY(this_vm_environment());
  // Its picture needs OpenGL, with a window or without.
  const bool needs_headless = wanted.gpu_way == "virtio-gpu" && !environment.has_display;
  if (needs_headless && !context.arguments().has("--display")) wanted.display = "egl-headless";
  const std::string path = TRY(write_new_vm(*host, environment, wanted));
  context.print_json(
      Json::object({{"schema", "cleave.vm-new/1"}, {"name", wanted.name}, {"file", path}}));
  context.say({N_("Wrote {path}"), {{"path", path}}});
  context.say(
      needs_setup
          ? Message(N_("Look through it, then: cleave up {name}, which sets this machine "
                       "up first"),
                    {{"name", wanted.name}})
          : Message(N_("Look through it, then: cleave vm start {name}"), {{"name", wanted.name}}));
  return ExitStatus::Done;
}

}  // namespace

const Command kVmNewCommand = {
    .name = "vm new",
    .summary = N_("Write the definition of a new VM"),
    .options =
        {{"--disk", "FILE", N_("Its disk image")},
         {"--kernel", "FILE", N_("A kernel to start in place of the disk's loader")},
         {"--memory", "SIZE", N_("Its memory, as 4G or 512M")},
         {"--cpus", "N", N_("How many CPUs it sees")},
         {"--gpu", "WAY",
          N_("The way it shares the GPU: gvt-g, virtio-gpu, mdev or none; without it what this "
             "machine can")},
         {"--parent", "NAME", N_("The GPU (or other parent) of its vGPU; not needed with one GPU")},
         {"--type", "TYPE", N_("The type of its vGPU; without it the best that fits")},
         {"--accelerator", "NAME", N_("kvm, or tcg where KVM cannot work")},
         {"--display", "TYPE", N_("gtk, sdl, egl-headless or none")},
         {"--serial", nullptr, N_("Give it a serial port with a socket on the host")}},
    .positionals = {{"NAME", N_("The new VM's name")}},
    .run = run,
};

}  // namespace cleave
