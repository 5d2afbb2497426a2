// cleave vm export: a VM for another program.
#include "app/vm_export.h"

#include <filesystem>

#include "app/vm.h"
#include "cli/commands/all.h"
#include "cli/commands/vgpu_common.h"
#include "cli/commands/vm_common.h"
#include "cli/render/translate.h"

namespace cleave {
namespace {

const ExportFormat* wanted_format(const CommandContext& context) {
  const auto id = context.arguments().get("--format");
  return id ? find_export_format(*id) : all_export_formats().data();
}

std::vector<std::string> format_ids() {
  std::vector<std::string> ids;
  for (const ExportFormat& format : all_export_formats()) ids.emplace_back(format.id);
  return ids;
}

Result<std::string> absolute_path(const std::string& path) {
  std::error_code problem;
  std::string absolute = std::filesystem::absolute(path, problem).lexically_normal().string();
  if (!problem) return absolute;
  return system_error(problem.value(), Message(N_("Could not tell the working directory")));
}

Result<ExitStatus> run(CommandContext& context) {
  const ExportFormat* format = wanted_format(context);
  HostWriter* host = TRY(context.host());
  const VmEnvironment environment = TRY(this_vm_environment());
  const Result<std::string> definition = find_definition(*host, environment, vm_argument(context));
  if (!definition) return answer(context, definition.error());
  const Vm vm = TRY(load_good_vm(*host, environment, *definition));
  std::vector<Message> not_carried;
  const ExportHost described = describe_for_export(*host, environment, vm, not_carried);
  Exported exported = format->write(vm, described);
  not_carried.insert(not_carried.end(), exported.not_carried.begin(), exported.not_carried.end());

  Json files = Json::array();
  const std::string output = context.arguments().get("--output").value_or(".");
  if (output == "-") {
    for (const ExportedFile& file : exported.files) {
      if (!context.wants_json()) context.say_text(file.content);
      files.push_back(Json::object({{"name", file.name}, {"content", file.content}}));
    }
  } else {
    const std::string directory = TRY(absolute_path(output));
    const std::vector<std::string> paths =
        TRY(write_exported(*host, exported.files, directory, context.arguments().has("--force")));
    for (std::size_t i = 0; i < paths.size(); ++i) {
      context.say({N_("Wrote {path}"), {{"path", paths[i]}}});
      files.push_back(Json::object({{"name", exported.files[i].name}, {"path", paths[i]}}));
    }
  }
  Json lost = Json::array();
  for (const Message& message : not_carried) {
    if (!context.wants_json()) {
      context.warn({N_("Not carried over: {what}"), {{"what", translate(message)}}});
    }
    lost.push_back(english(message));
  }
  context.print_json(Json::object({{"schema", "cleave.vm-export/1"},
                                   {"name", vm.name},
                                   {"format", format->id},
                                   {"files", std::move(files)},
                                   {"not_carried", std::move(lost)}}));
  return ExitStatus::Done;
}

}  // namespace

const Command kVmExportCommand = {
    .name = "vm export",
    .summary = N_("Write a VM for libvirt, a shell, quickemu, Proxmox VE or KubeVirt"),
    .options = {{.name = "--format",
                 .value = "FORMAT",
                 .help = N_("libvirt (the default), script, quickemu, proxmox or kubevirt"),
                 .choices = format_ids},
                {"--output", "DIRECTORY", N_("Where the files go; - prints them")},
                {"--force", nullptr, N_("Replace files that are there")}},
    .positionals = {{"NAME", N_("The VM's name, or its definition file")}},
    .run = run,
};

}  // namespace cleave
