// cleave doctor: whether and how this machine can share its GPU, and why.
#include "app/machine.h"
#include "app/qemu.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/scope.h"
#include "cli/commands/vgpu_common.h"
#include "cli/render/doctor_html.h"
#include "cli/render/doctor_json.h"
#include "cli/render/doctor_text.h"
#include "cli/render/translate.h"
#include "facts/readers/read_facts.h"
#include "run/picture.h"

namespace cleave {
namespace {

Result<Facts> read_machine(CommandContext& context) {
  if (const auto from = context.arguments().get("--from")) {
    const auto machine = TRY(open_machine(*from));
    return read_facts(*machine);
  }
  const HostWriter* host = TRY(context.host());
  return read_facts(*host, fact_places(*host));
}

// After the report, which is good even where the page cannot be written.
Result<void> write_page(const CommandContext& context, const Diagnosis& diagnosis) {
  const auto file = context.arguments().get("--html");
  if (!file) return {};
  TRY(save_file(*file, doctor_html(diagnosis)));
  context.say({N_("The same as a page for a browser: {file}"), {{"file", printable(*file)}}});
  return {};
}

Result<ExitStatus> run_doctor(CommandContext& context) {
  const Facts facts = TRY(read_machine(context));
  const Result<DiagnosisScope> scope = read_scope(context.arguments(), facts);
  if (!scope) return answer(context, scope.error());
  const Diagnosis diagnosis = diagnose(facts, *scope);
  if (context.wants_json()) {
    context.print_json(doctor_json(diagnosis));
  } else {
    const DoctorStyle style = {.width = std::min<std::size_t>(terminal_width(), 100),
                               .colour = colour_allowed()};
    std::string text = doctor_text(diagnosis, style);
    if (text.ends_with('\n')) text.pop_back();
    context.say_text(text);
  }
  TRY(write_page(context, diagnosis));
  return diagnosis.ready() ? ExitStatus::Done : ExitStatus::NotReady;
}

}  // namespace

const Command kDoctorCommand = {
    .name = "doctor",
    .summary = N_("Tells whether and how this machine can share its GPU, and why"),
    .options = {{.name = "--from",
                 .value = "MACHINE",
                 .help = N_(
                     "look at a captured machine: a bundle of “cleave capture”, a *.machine file "
                     "or a directory")},
                {.name = "--way", .value = "WAY", .help = N_("only this way of sharing: gvt-g")},
                {.name = "--gpu", .value = "ADDRESS", .help = N_("only this GPU: 0000:00:02.0")},
                {.name = "--html",
                 .value = "FILE",
                 .help = N_("write the diagnosis as a page for a browser, too; a file that is "
                            "there is replaced")}},
    .positionals = {},
    .run = run_doctor,
};

}  // namespace cleave
