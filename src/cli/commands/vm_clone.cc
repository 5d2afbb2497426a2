// cleave vm clone: a copy of a VM with its disks.
#include "app/vm_clone.h"

#include <unistd.h>

#include <cstdio>

#include "base/format.h"
#include "cli/commands/all.h"
#include "cli/commands/vgpu_common.h"
#include "cli/commands/vm_common.h"

namespace cleave {
namespace {

// One line that is drawn again; nothing where nobody watches.
void show_progress(const std::string& file, double percent) {
  const std::string line = format("\r{}: {:.0f} %", file, percent);
  std::fwrite(line.data(), 1, line.size(), stderr);
  if (percent >= 100) std::fputc('\n', stderr);
  std::fflush(stderr);
}

Json json_of(const CloneRequest& request, const CloneReport& report) {
  Json images = Json::array();
  for (const ClonedImage& image : report.images) {
    images.push_back(
        Json::object({{"from", image.from}, {"to", image.to}, {"format", image.format}}));
  }
  Json notes = Json::array();
  for (const Message& note : report.notes) notes.push_back(english(note));
  return Json::object({{"schema", "cleave.vm-clone/1"},
                       {"name", request.new_name},
                       {"definition", report.definition},
                       {"linked", request.linked},
                       {"images", std::move(images)},
                       {"notes", std::move(notes)}});
}

Result<ExitStatus> run(CommandContext& context) {
  HostWriter* host = TRY(context.host());
  const VmEnvironment environment = TRY(this_vm_environment());
  CloneRequest request{.name = vm_argument(context),
                       .new_name = context.arguments().get("NEW").value_or(""),
                       .linked = context.arguments().has("--linked")};
  if (!context.wants_json() && ::isatty(STDERR_FILENO) == 1) request.progress = show_progress;
  const Result<CloneReport> report = clone_vm(*host, environment, request);
  if (!report) return answer(context, report.error());
  context.print_json(json_of(request, *report));
  for (const ClonedImage& image : report->images) {
    context.say({N_("{from} is copied to {to}"), {{"from", image.from}, {"to", image.to}}});
  }
  for (const Message& note : report->notes) context.say(note);
  context.say({N_("The VM {name} is there: {file}"),
               {{"name", request.new_name}, {"file", report->definition}}});
  return ExitStatus::Done;
}

}  // namespace

const Command kVmCloneCommand = {
    .name = "vm clone",
    .summary = N_("Copy a VM with its disks"),
    .options = {{"--linked", nullptr,
                 N_("The new images have only what differs: made at once, but the old ones must "
                    "stay as they are")}},
    .positionals = {{"NAME", N_("The VM's name, or its definition file")},
                    {"NEW", N_("The name of the copy")}},
    .run = run,
};

}  // namespace cleave
