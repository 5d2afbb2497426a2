// cleave vm import: a definition from libvirt's XML, or from a command line of QEMU.
#include "app/vm.h"
#include "app/vm_export.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/vgpu_common.h"
#include "cli/commands/vm_common.h"
#include "cli/input.h"
#include "cli/render/translate.h"

namespace cleave {
namespace {

constexpr std::size_t kLargestFile = std::size_t{1} << 20U;
constexpr std::chrono::seconds kPatience(10);

Result<ImportFormat> wanted_format(const CommandContext& context, std::string_view text) {
  const auto named = context.arguments().get("--format");
  if (const auto format = named ? import_format_named(*named) : import_format_of(text)) {
    return *format;
  }
  return error_of(
      ErrorCode::Malformed, {N_("This is neither libvirt's XML nor a command line of QEMU.")},
      {N_("`virsh dumpxml --inactive NAME` prints the one, `ps -ww -o args` the other.")});
}

Json lost_json(const ImportedVm& imported) {
  Json lost = Json::array();
  for (const LostPart& part : imported.not_carried) {
    lost.push_back(Json::object(
        {{"line", part.line == 0 ? Json() : Json(part.line)}, {"text", english(part.message)}}));
  }
  return lost;
}

void tell_lost(const CommandContext& context, const std::string& file, const ImportedVm& imported) {
  if (context.wants_json()) return;
  for (const LostPart& part : imported.not_carried) {
    if (part.line == 0) {
      context.warn({N_("Not carried over: {what}"), {{"what", translate(part.message)}}});
      continue;
    }
    context.warn({N_("{file}, line {line}: not carried over: {what}"),
                  {{"file", file}, {"line", part.line}, {"what", translate(part.message)}}});
  }
}

Result<ExitStatus> run(CommandContext& context) {
  const std::string name = context.arguments().get("--name").value_or("");
  if (!name.empty() && !is_vm_name(name)) {
    return answer(context,
                  error_of(ErrorCode::Malformed,
                           {N_("“{name}” cannot be the name of a VM"), {{"name", printable(name)}}},
                           {N_("A name has letters, digits, dots, hyphens and "
                               "underscores, at most 63.")}));
  }
  const std::string file = context.arguments().get("FILE").value_or("");
  const std::string text = TRY(read_input(file, kLargestFile, kPatience));
  const ImportFormat format = TRY(wanted_format(context, text));
  const std::string_view base = std::string_view(file).substr(file.rfind('/') + 1);
  const ImportedVm imported = TRY(import_vm(format, text, name, base.substr(0, base.rfind('.'))));
  HostWriter* host = TRY(context.host());
  const VmEnvironment environment = TRY(this_vm_environment());
  const std::string path = TRY(write_imported_vm(*host, environment, imported));
  tell_lost(context, file, imported);
  context.print_json(Json::object({{"schema", "cleave.vm-import/1"},
                                   {"name", imported.vm.name},
                                   {"file", path},
                                   {"format", format == ImportFormat::Libvirt ? "libvirt" : "qemu"},
                                   {"not_carried", lost_json(imported)}}));
  context.say({N_("Wrote {path}"), {{"path", path}}});
  context.say({N_("Look through it, then: cleave vm check {name}"), {{"name", imported.vm.name}}});
  return ExitStatus::Done;
}

}  // namespace

const Command kVmImportCommand = {
    .name = "vm import",
    .summary = N_("Make a VM of libvirt's XML, a command line of QEMU, or a script with one"),
    .options = {{"--name", "NAME", N_("The new VM's name; without it the one in the file")},
                {.name = "--format",
                 .value = "FORMAT",
                 .help = N_("libvirt or qemu; without it by what the file looks like"),
                 .choices = [] { return std::vector<std::string>{"libvirt", "qemu"}; }}},
    .positionals = {{"FILE", N_("The file; - reads from standard input")}},
    .run = run,
};

}  // namespace cleave
