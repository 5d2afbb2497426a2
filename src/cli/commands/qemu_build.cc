// cleave qemu build: QEMU from its source, beside the distribution's.
#include "app/qemu_build.h"

#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/lab_options.h"
#include "cli/commands/vgpu_common.h"
#include "cli/render/build_progress.h"
#include "cli/render/steps.h"
#include "cli/render/translate.h"

namespace cleave {
namespace {

const char* outcome_name(BuildOutcome outcome) {
  switch (outcome) {
    case BuildOutcome::AlreadyThere:
      return "already-there";
    case BuildOutcome::MissingPackages:
      return "missing-packages";
    case BuildOutcome::Built:
      break;
  }
  return "built";
}

Json words_json(const std::vector<std::string>& words) {
  Json json = Json::array();
  for (const std::string& word : words) json.push_back(word);
  return json;
}

Json report_json(const QemuBuildReport& report) {
  Json continued = Json::array();
  for (const BuildStep step : report.continued) continued.push_back(build_step_name(step));
  Json missing = Json::array();
  for (const BuildNeed& need : report.missing.needs) missing.push_back(need.name);
  const bool built = report.outcome != BuildOutcome::MissingPackages;
  return Json::object({{"schema", "cleave.qemu.build/1"},
                       {"outcome", outcome_name(report.outcome)},
                       {"name", built ? Json(report.build.record.name) : Json()},
                       {"prefix", built ? Json(report.build.prefix) : Json()},
                       {"program", built ? Json(report.build.program()) : Json()},
                       {"build", built ? to_json(report.build.record) : Json()},
                       {"verified", report.verified},
                       {"continued", std::move(continued)},
                       {"missing", std::move(missing)},
                       {"missing_packages", words_json(report.missing.packages)},
                       {"log", report.log}});
}

void say_built(const CommandContext& context, const QemuBuildReport& report) {
  const BuildRecord& record = report.build.record;
  if (report.outcome == BuildOutcome::AlreadyThere) {
    context.say({N_("That QEMU is built already: {name}, in {prefix}."),
                 {{"name", record.name}, {"prefix", report.build.prefix}}});
  } else {
    context.say({N_("QEMU {name} is built and proven, in {prefix}."),
                 {{"name", record.name}, {"prefix", report.build.prefix}}});
    context.say({N_("It has {options}. The demo guest drew {frames} frames on it."),
                 {{"options", join(record.options, " ")}, {"frames", record.guest_frames}}});
  }
  if (!report.verified) {
    context.say({N_("Nobody vouched for the archive that was fetched: https told that {address} "
                    "answered, and its {detail} was compared with nothing, nor a signature checked "
                    "(--sha256 and --key do)."),
                 {{"address", record.source}, {"detail", record.source_detail}}});
  }
  context.say({N_("A VM uses it with this line in its definition: qemu = \"{name}\"."),
               {{"name", record.name}}});
}

std::uint32_t number_of(const CommandContext& context, const char* option) {
  const auto text = context.arguments().get(option);
  return text ? parse_unsigned<std::uint32_t>(*text).value_or(0) : 0;
}

QemuBuildRequest read_request(const CommandContext& context) {
  const Arguments& arguments = context.arguments();
  QemuBuildRequest request;
  request.source = arguments.get("--source").value_or("");
  request.version = arguments.get("--version").value_or("");
  request.with = arguments.all("--with");
  request.without = arguments.all("--without");
  request.prefix = arguments.get("--prefix").value_or("");
  request.name = arguments.get("--name").value_or("");
  request.sha256 = arguments.get("--sha256").value_or("");
  request.keyring = arguments.get("--key").value_or("");
  request.refresh_ms = number_of(context, "--refresh-ms");
  request.jobs = number_of(context, "--jobs");
  request.fresh = arguments.has("--fresh");
  request.keep_work = arguments.has("--keep");
  return request;
}

Result<ExitStatus> run(CommandContext& context) {
  HostWriter* host = TRY(context.host());
  QemuBuildRequest request = read_request(context);
  if (const Result<void> good = check_build_request(*host, request); !good) {
    return answer_if_misused(context, good.error());
  }
  const CancelSignals signals;
  request.cancel = signals.descriptor();
  QemuBuildReport report;
  {
    Steps steps(Steps::Stream::Error, context.wants_json());
    BuildProgress progress(context.wants_json());
    request.on_step = [&steps](const Message& doing) { steps.begin(doing); };
    request.on_progress = [&progress](const NinjaProgress& now, std::optional<std::uint64_t> left) {
      progress.show(now, left);
    };
    report = TRY(build_qemu(*host, request));
    steps.end();
  }
  context.print_json(report_json(report));
  if (report.outcome == BuildOutcome::MissingPackages) {
    context.say({N_("QEMU cannot be built yet: {needs} are missing."),
                 {{"needs", names_of(report.missing.needs)}}});
    context.say(install_remedy(report.missing.packages, report.missing.family));
    return ExitStatus::NotReady;
  }
  say_built(context, report);
  return ExitStatus::Done;
}

}  // namespace

const Command kQemuBuildCommand = {
    .name = "qemu build",
    .summary = N_("Build a QEMU from its source, beside the distribution's"),
    .options =
        {{.name = "--source",
          .value = "SOURCE",
          .help = N_("a directory, a tarball, the address of a git repository or of a tarball, or "
                     "“distribution”: this distribution's own source")},
         {.name = "--version",
          .value = "VERSION",
          .help = N_("of the release to fetch, or that the source must have")},
         {.name = "--with",
          .value = "OPTION",
          .help = N_("build with it, too (cleave qemu options)"),
          .repeatable = true},
         {.name = "--without",
          .value = "OPTION",
          .help = N_("build without it"),
          .repeatable = true},
         {.name = "--refresh-ms",
          .value = "N",
          .help = N_("displays look for a new picture every N ms, instead of every 30"),
          .number = true},
         {.name = "--prefix",
          .value = "DIRECTORY",
          .help = N_("install there instead of into a directory of cleave's")},
         {.name = "--name",
          .value = "NAME",
          .help = N_("what definitions of VMs call it (its version)")},
         {.name = "--sha256", .value = "SUM", .help = N_("that the tarball must have")},
         {.name = "--key",
          .value = "KEYRING",
          .help = N_("a file with the key that must have signed the tarball (gpg --export)")},
         {.name = "--jobs", .value = "N", .help = N_("compile N files at a time"), .number = true},
         {.name = "--fresh",
          .value = nullptr,
          .help = N_("begin anew, and not where an earlier run was interrupted")},
         {.name = "--keep",
          .value = nullptr,
          .help = N_("keep source and objects after the build")}},
    .positionals = {},
    .run = run,
};

}  // namespace cleave
