// cleave vm delete: shows what goes, asks, and removes it.
#include "app/vm_delete.h"

#include <unistd.h>

#include <cstdio>

#include "app/vm_autostart.h"
#include "cli/commands/all.h"
#include "cli/commands/vgpu_common.h"
#include "cli/commands/vm_common.h"
#include "cli/render/translate.h"

namespace cleave {
namespace {

void show(const CommandContext& context, const PreparedDelete& prepared) {
  context.say({N_("This is removed with the VM {name}:"), {{"name", prepared.name}}});
  context.say_text("  " + prepared.definition);
  for (const std::string& file : prepared.files) context.say_text("  " + file);
  for (const std::string& image : prepared.images) context.say_text("  " + image);
  for (const KeptImage& image : prepared.kept) {
    context.say(
        {N_("This stays: {file} ({why})"), {{"file", image.file}, {"why", translate(image.why)}}});
  }
}

Json json_of(const PreparedDelete& prepared) {
  Json files = Json::array();
  for (const std::string& file : prepared.files) files.push_back(file);
  Json images = Json::array();
  for (const std::string& image : prepared.images) images.push_back(image);
  Json kept = Json::array();
  for (const KeptImage& image : prepared.kept) {
    kept.push_back(Json::object({{"file", image.file}, {"why", english(image.why)}}));
  }
  return Json::object({{"schema", "cleave.vm-delete/1"},
                       {"name", prepared.name},
                       {"definition", prepared.definition},
                       {"files", std::move(files)},
                       {"images", std::move(images)},
                       {"kept", std::move(kept)}});
}

bool is_agreed(const CommandContext& context) {
  std::fputs(translate({N_("Do it? [y/N] ")}).c_str(), stdout);
  std::fflush(stdout);
  const int first = std::getchar();
  for (int letter = first; letter != '\n' && letter != EOF;) letter = std::getchar();
  if (first == 'y' || first == 'Y') return true;
  context.say({N_("Nothing was changed.")});
  return false;
}

// Its units would fail at every start of the machine.
bool starts_by_itself(const HostReader& host, const VmEnvironment& environment,
                      const std::string& name) {
  const Result<PreparedAutostart> none =
      prepare_autostart(host, environment, name, Autostart::No, "");
  return none && !none->plan.empty();
}

Result<ExitStatus> run(CommandContext& context) {
  const bool agreed = context.arguments().has("--yes");
  const bool person =
      !context.wants_json() && ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
  HostWriter* host = TRY(context.host());
  const VmEnvironment environment = TRY(this_vm_environment());
  const Result<PreparedDelete> prepared =
      prepare_delete(*host, environment, vm_argument(context), context.arguments().has("--disks"));
  if (!prepared) return answer(context, prepared.error());
  if (starts_by_itself(*host, environment, vm_argument(context))) {
    const std::vector<Field> name = {{"name", prepared->name}};
    return answer(context,
                  error_of(ErrorCode::Conflict, {N_("The VM {name} starts by itself"), name},
                           {N_("First take that away: cleave vm autostart {name} no"), name}));
  }
  show(context, *prepared);
  if (!agreed && !person) {
    return answer(context, error_of(ErrorCode::Malformed,
                                    {N_("Nobody can be asked here: nothing was removed")},
                                    {N_("Say that it shall be done: --yes")}));
  }
  if (!agreed && !is_agreed(context)) return ExitStatus::NotReady;
  TRY(delete_vm(*host, environment, *prepared));
  context.print_json(json_of(*prepared));
  context.say({N_("The VM {name} is gone."), {{"name", prepared->name}}});
  return ExitStatus::Done;
}

}  // namespace

const Command kVmDeleteCommand = {
    .name = "vm delete",
    .summary = N_("Remove a VM's definition and its own files"),
    .options = {{"--disks", nullptr,
                 N_("Its images, too, where they are yours, below your home, and no other VM needs "
                    "them")},
                {"--yes", nullptr, N_("do not ask on the terminal")}},
    .positionals = {{"NAME", N_("The VM's name, or its definition file")}},
    .run = run,
};

}  // namespace cleave
