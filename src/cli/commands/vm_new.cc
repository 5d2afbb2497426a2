// cleave vm new: writes a commented definition, and makes its disk.
#include <algorithm>
#include <optional>

#include "app/disk_image.h"
#include "app/vm.h"
#include "app/vm_files.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/vgpu_common.h"
#include "cli/commands/vm_common.h"
#include "cli/render/translate.h"
#include "facts/readers/read_facts.h"
#include "vm/definition_keys.h"
#include "ways/way.h"
#include "ways/ways.h"

namespace cleave {
namespace {

// The values that a key of a definition can have.
std::vector<std::string> choices_of(const char* key_name) {
  const DefinitionKey* key = find_definition_key(key_name);
  if (key == nullptr) return {};
  return {key->choices.begin(), key->choices.end()};
}

std::vector<std::string> way_choices() {
  std::vector<std::string> choices = choices_of("gpu.way");
  choices.emplace_back("none");
  return choices;
}

NewDefinition wanted_of(const CommandContext& context) {
  const Arguments& arguments = context.arguments();
  NewDefinition wanted;
  wanted.name = vm_argument(context);
  wanted.guest = arguments.get("--os").value_or("");
  wanted.firmware = arguments.get("--firmware").value_or("");
  wanted.gpu_way = arguments.get("--gpu").value_or("");
  if (wanted.gpu_way == "none") wanted.gpu_way.clear();
  wanted.gpu_parent = arguments.get("--parent").value_or("");
  wanted.gpu_type = arguments.get("--type").value_or("");
  wanted.disk_file = arguments.get("--disk").value_or("");
  wanted.kernel = arguments.get("--kernel").value_or("");
  wanted.accelerator = arguments.get("--accelerator").value_or("");
  wanted.memory = arguments.get("--memory").value_or(wanted.memory);
  wanted.display = arguments.get("--display").value_or("");
  wanted.serial = arguments.has("--serial");
  wanted.sound = !wanted.guest.empty();
  if (const auto text = arguments.get("--cpus")) {
    wanted.cpus = parse_unsigned<std::uint32_t>(*text).value_or(wanted.cpus);
  }
  return wanted;
}

// The way that the doctor recommends for such a guest, where it is ready or can be made so. A way
// that takes the whole GPU from the host is nobody's surprise.
void choose_way(const HostReader& host, NewDefinition& wanted, bool& needs_setup) {
  const Facts facts = read_facts(host);
  const Diagnosis diagnosis = diagnose(facts);
  const auto& best = wanted.guest == "linux" ? diagnosis.linux_guest : diagnosis.windows;
  if (!best || best->verdict == nullptr) return;
  const WayVerdict& way = *best->verdict;
  const bool reachable = way.verdict == Verdict::Ready || way.verdict == Verdict::NeedsChanges;
  if (!reachable || way.way == passthrough_way().id()) return;
  wanted.gpu_way = way.way;
  needs_setup = way.verdict == Verdict::NeedsChanges;
  const PciDevice* gpu = diagnosis.gpus[best->gpu].gpu;
  if (diagnosis.gpus.size() > 1 && gpu != nullptr && wanted.gpu_parent.empty()) {
    wanted.gpu_parent = to_text(gpu->address);
  }
}

// By the session, and by what the way's picture needs.
std::string usual_display(const VmEnvironment& environment, const std::string& way) {
  // sudo hides whether there is a session.
  if (environment.has_display || environment.by_sudo) return "gtk";
  // Their picture needs OpenGL, with a window or without.
  const bool opengl = way == virtio_gpu_way().id() || way == gvt_g_way().id();
  return opengl ? "egl-headless" : "vnc";
}

// Where QEMU and this program will look for the disk: relative to the definition.
std::string disk_path(const VmEnvironment& environment, const std::string& file) {
  if (file.starts_with('/')) return file;
  return normal_path(join_path(definition_directories(environment).front(), file));
}

// What the system on the disk was started by; nothing to say where nobody chose a guest.
void choose_firmware_type(const CommandContext& context, const HostReader& host,
                          const VmEnvironment& environment, NewDefinition& wanted) {
  if (!wanted.firmware.empty() || wanted.disk_file.empty() || wanted.new_disk) return;
  const std::string path = disk_path(environment, wanted.disk_file);
  const std::string format = image_format(path);
  if (format.empty() || !host.is_live() || !host.exists(path)) return;
  switch (look_at_disk(host, environment, path, format)) {
    case DiskStart::Uefi:
      wanted.firmware = "uefi";
      context.say({N_("The system on {path} starts with UEFI."), {{"path", path}}});
      return;
    case DiskStart::Bios:
      wanted.firmware = "bios";
      context.say({N_("The system on {path} starts with a BIOS."), {{"path", path}}});
      return;
    case DiskStart::Blank:
      return;
    case DiskStart::Unknown:
      context.say({N_("How the system on {path} starts could not be told; if it does not, try the "
                      "other firmware."),
                   {{"path", path}}});
      return;
  }
}

// The disk to be made; empty: none.
Result<std::optional<NewImage>> new_image_of(const CommandContext& context, const HostReader& host,
                                             const VmEnvironment& environment,
                                             NewDefinition& wanted) {
  const auto text = context.arguments().get("--size");
  if (!text) return std::optional<NewImage>();
  const auto bytes = image_size(*text);
  if (!bytes) {
    return error_of(ErrorCode::Malformed,
                    {N_("--size is “{size}”; it must be a whole number and a unit, K, M, G or T, "
                        "such as 64G"),
                     {{"size", printable(*text)}}});
  }
  if (wanted.disk_file.empty()) {
    wanted.disk_file = join_path(data_directory(environment, wanted.name), "disk.qcow2");
  }
  const std::string path = disk_path(environment, wanted.disk_file);
  if (host.exists(path)) {
    context.say({N_("The disk {path} is there already and is used as it is."), {{"path", path}}});
    return std::optional<NewImage>();
  }
  wanted.new_disk = true;
  return std::optional<NewImage>(
      NewImage{.file = path, .format = image_format(path), .bytes = *bytes});
}

Result<void> make_disk(HostWriter& host, const VmEnvironment& environment,
                       const std::string& definition, const NewImage& image) {
  const std::string own = data_directory(environment, vm_name_of(definition));
  if (image.file.starts_with(own + "/"))
    TRY(make_data_directory(host, environment, vm_name_of(definition)));
  Result<void> made = create_image(host, environment, image);
  if (made) return {};
  // A definition without its disk would only be in the way of the next try.
  const ActingAs owner = TRY(ActingAs::begin(credentials_of(environment.owner)));
  (void)host.remove_file(definition);
  return std::move(made).error();
}

Result<ExitStatus> run(CommandContext& context) {
  NewDefinition wanted = wanted_of(context);
  HostWriter* host = TRY(context.host());
  bool needs_setup = false;
  if (!context.arguments().has("--gpu")) choose_way(*host, wanted, needs_setup);
  const VmEnvironment environment = TRY(this_vm_environment());
  if (wanted.display.empty()) wanted.display = usual_display(environment, wanted.gpu_way);
  const auto image = new_image_of(context, *host, environment, wanted);
  if (!image) return answer(context, image.error());
  choose_firmware_type(context, *host, environment, wanted);
  const Translator translator = [](const char* sentence) { return translate(Message(sentence)); };
  const Result<std::string> path = write_new_vm(*host, environment, wanted, translator);
  if (!path) return answer(context, path.error());
  if (*image) {
    TRY(make_disk(*host, environment, *path, **image));
    context.say({N_("Made the disk {path}."), {{"path", (*image)->file}}});
  }
  context.print_json(
      Json::object({{"schema", "cleave.vm-new/1"},
                    {"name", wanted.name},
                    {"file", *path},
                    {"way", wanted.gpu_way.empty() ? "none" : wanted.gpu_way},
                    {"firmware", wanted.firmware.empty() ? Json() : Json(wanted.firmware)},
                    {"new_disk", *image ? Json((*image)->file) : Json()}}));
  context.say({N_("Wrote {path}"), {{"path", *path}}});
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
        {{.name = "--os",
          .value = "GUEST",
          .help = N_("What will run in it: windows10, windows11, windows or linux"),
          .choices = [] { return choices_of("guest"); }},
         {"--disk", "FILE", N_("Its disk image")},
         {"--size", "SIZE", N_("Make that image, as large as 64G, where it is missing")},
         {.name = "--firmware",
          .value = "TYPE",
          .help = N_("bios or uefi; without it what the disk and the guest need"),
          .choices = [] { return choices_of("firmware.type"); }},
         {"--kernel", "FILE", N_("A kernel to start in place of the disk's loader")},
         {"--memory", "SIZE", N_("Its memory, as 4G or 512M")},
         {.name = "--cpus", .value = "N", .help = N_("How many CPUs it sees"), .number = true},
         {.name = "--gpu",
          .value = "WAY",
          .help = N_("The way it shares the GPU: gvt-g, sr-iov, virtio-gpu, passthrough, mdev or "
                     "none; without it what this machine can"),
          .choices = way_choices},
         {"--parent", "NAME", N_("The GPU (or other parent) of its vGPU; not needed with one GPU")},
         {"--type", "TYPE", N_("The type of its vGPU; without it the best that fits")},
         {.name = "--accelerator",
          .value = "NAME",
          .help = N_("kvm, or tcg where KVM cannot work"),
          .choices = [] { return choices_of("accelerator"); }},
         {.name = "--display",
          .value = "TYPE",
          .help = N_("gtk, sdl, egl-headless or none"),
          .choices = [] { return choices_of("display.type"); }},
         {"--serial", nullptr, N_("Give it a serial port with a socket on the host")}},
    .positionals = {{"NAME", N_("The new VM's name")}},
    .run = run,
};

}  // namespace cleave
