// cleave doctor: whether and how this machine can share its GPU, and why.
#include <filesystem>

#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/render/doctor_json.h"
#include "cli/render/doctor_text.h"
#include "cli/render/translate.h"
#include "facts/readers/read_facts.h"
#include "host/file_host.h"
#include "host/memory_host.h"

namespace cleave {
namespace {

constexpr std::size_t kMachineLimit = std::size_t{32} << 20U;  // as parse_machine refuses more

// A *.machine file or a directory with a captured tree.
Result<Facts> read_captured(const std::string& name) {
  std::error_code problem;
  const std::filesystem::path path = std::filesystem::absolute(name, problem);
  if (problem) {
    return system_error(problem.value(),
                        {N_("Could not read the machine {path}"), {{"path", name}}}, name);
  }
  if (std::filesystem::is_directory(path, problem)) {
    const auto host = TRY(open_file_host(path.string()));
    return read_facts(*host);
  }
  const auto live = live_host();
  const std::string text = TRY(live->read_file(path.string(), kMachineLimit)
                                   .context({N_("reading the machine {path}"), {{"path", name}}}));
  const MemoryHost host =
      TRY(parse_machine(text).context({N_("reading the machine {path}"), {{"path", name}}}));
  return read_facts(host);
}

Error bad_value(Message message, const std::vector<std::string>& known) {
  Error error;
  error.code = ErrorCode::NotFound;
  error.message = std::move(message);
  if (!known.empty()) error.remedy = {N_("There are: {known}"), {{"known", join(known, ", ")}}};
  return error;
}

Result<DiagnosisScope> read_scope(const Arguments& arguments, const Facts& facts) {
  DiagnosisScope scope;
  scope.way = arguments.get("--way");
  if (scope.way && find_way(*scope.way) == nullptr) {
    std::vector<std::string> ids;
    for (const Way* way : all_ways()) ids.emplace_back(way->id());
    return bad_value(
        {N_("There is no way “{way}” of sharing a GPU."), {{"way", printable(*scope.way)}}},
        std::move(ids));
  }
  const auto address = arguments.get("--gpu");
  if (!address) return scope;
  scope.gpu = parse_pci_address(*address);
  std::vector<std::string> addresses;
  bool found = false;
  for (const PciDevice* gpu : gpus_of(facts)) {
    addresses.push_back(to_text(gpu->address));
    found = found || gpu->address == scope.gpu;
  }
  if (!found) {
    return bad_value({N_("There is no GPU at {address}."), {{"address", printable(*address)}}},
                     std::move(addresses));
  }
  return scope;
}

Result<Facts> read_machine(CommandContext& context) {
  if (const auto from = context.arguments().get("--from")) return read_captured(*from);
  const HostWriter* host = TRY(context.host());
  return read_facts(*host);
}

Result<ExitStatus> run_doctor(CommandContext& context) {
  const Facts facts = TRY(read_machine(context));
  const DiagnosisScope scope = TRY(read_scope(context.arguments(), facts));
  const Diagnosis diagnosis = diagnose(facts, scope);
  if (context.wants_json()) {
    context.print_json(doctor_json(diagnosis));
  } else {
    const DoctorStyle style = {.width = std::min<std::size_t>(terminal_width(), 100),
                               .colour = colour_allowed()};
    std::string text = doctor_text(diagnosis, style);
    if (text.ends_with('\n')) text.pop_back();
    context.say_text(text);
  }
  return diagnosis.ready() ? ExitStatus::Done : ExitStatus::NotReady;
}

}  // namespace

const Command kDoctorCommand = {
    .name = "doctor",
    .summary = N_("Tells whether and how this machine can share its GPU, and why"),
    .options = {{.name = "--from",
                 .value = "MACHINE",
                 .help = N_("look at a captured machine (a *.machine file or a directory)")},
                {.name = "--way", .value = "WAY", .help = N_("only this way of sharing: gvt-g")},
                {.name = "--gpu", .value = "ADDRESS", .help = N_("only this GPU: 0000:00:02.0")}},
    .positionals = {},
    .run = run_doctor,
};

}  // namespace cleave
