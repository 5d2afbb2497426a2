#include "cli/commands/vm_common.h"

#include "app/give_back.h"
#include "base/format.h"
#include "base/text.h"
#include "cli/commands/vgpu_common.h"
#include "cli/render/translate.h"

namespace cleave {
namespace {

constexpr std::uint32_t kLongestWait = 24 * 60 * 60;  // seconds

Json identity_json(const std::optional<ProcessIdentity>& identity) {
  return identity ? Json(identity->process_id) : Json();
}

Json trouble_json(const std::optional<DiskTrouble>& trouble) {
  if (!trouble) return {};
  return Json::object(
      {{"disk", trouble->disk}, {"reason", trouble->reason}, {"is_full", trouble->is_full}});
}

Json lost_json(const std::vector<LostCompanion>& lost) {
  Json names = Json::array();
  for (const LostCompanion& companion : lost) names.push_back(companion.name);
  return names;
}

}  // namespace

std::string vm_argument(const CommandContext& context) {
  return context.arguments().get("NAME").value_or("");
}

Result<std::chrono::milliseconds> seconds_option(const CommandContext& context, const char* option,
                                                 std::chrono::seconds otherwise) {
  const auto text = context.arguments().get(option);
  if (!text) return std::chrono::milliseconds(otherwise);
  const auto number = parse_unsigned<std::uint32_t>(*text);
  if (number && *number <= kLongestWait) {
    return std::chrono::milliseconds(std::chrono::seconds(*number));
  }
  return error_of(ErrorCode::Malformed, {N_("{option} takes a number of seconds, not “{text}”"),
                                         {{"option", option}, {"text", printable(*text)}}});
}

Result<ExitStatus> answer_if_absent(const CommandContext& context, const Error& error) {
  const bool absent = error.code == ErrorCode::NotFound || error.code == ErrorCode::Malformed;
  if (absent) return answer(context, error);
  return error;
}

Json problem_json(const VmProblem& problem) {
  return Json::object({{"id", problem.id},
                       {"text", english(problem.message)},
                       {"remedy", english(problem.remedy)}});
}

Json problem_json(const DefinitionProblem& problem) {
  return Json::object({{"id", "definition"},
                       {"line", problem.position.line},
                       {"column", problem.position.column},
                       {"key", problem.key},
                       {"suggestion", problem.suggestion},
                       {"text", english(problem.message)}});
}

Json report_json(const VmReport& report) {
  const VmState& state = report.seen.state;
  Json json;
  json.set("name", report.name);
  json.set("status", status_name(report.seen.status));
  json.set("runtime_directory", report.runtime_directory);
  const bool runs =
      report.seen.status != VmStatus::Ended && report.seen.status != VmStatus::NeverStarted;
  json.set("process_id", runs ? identity_json(state.qemu) : Json());
  json.set("supervisor_process_id",
           report.seen.status == VmStatus::Running ? identity_json(state.supervisor) : Json());
  json.set("guest_status", report.guest_status.empty() ? Json() : Json(report.guest_status));
  json.set("answers",
           report.guest_status.empty() && !report.is_silent ? Json() : Json(!report.is_silent));
  json.set("disk_trouble", trouble_json(state.disk_trouble));
  json.set("lost_companions", lost_json(state.lost_companions));
  json.set("started_at", state.started_at == 0 ? Json() : Json(state.started_at));
  json.set("vgpu", state.vgpu ? Json(state.vgpu->uuid) : Json());
  Json devices = Json::array();
  for (const std::string& device : state.devices) devices.push_back(device);
  json.set("devices", std::move(devices));
  const auto& mark = report.suspend_mark;
  json.set("for_suspend",
           !mark ? Json() : Json(mark->done == SuspendMark::Done::Paused ? "paused" : "stopped"));
  json.set("end", state.end ? to_json(*state.end) : Json());
  Json cleaned = Json::array();
  for (const Message& message : report.seen.cleaned) cleaned.push_back(english(message));
  json.set("cleaned", std::move(cleaned));
  return json;
}

void tell_cleaned(const CommandContext& context, const std::vector<Message>& cleaned) {
  for (const Message& message : cleaned) context.warn(message);
}

void tell_end(const CommandContext& context, const VmEnd& end) {
  context.say(end_sentence(end));
  for (const LostCompanion& lost : end.lost_companions) context.warn(lost_sentence(lost));
  if (end.kind == VmEndKind::GuestShutdown || end.kind == VmEndKind::HostRequest) return;
  for (const std::string_view line : lines(end.last_words)) {
    context.say_text(format("  {}", line));
  }
}

Result<Json> give_back(CommandContext& context) {
  Json given = Json::array();
  HostWriter* host = TRY(context.host());
  if (!host->is_live() || host->user_id() != 0) return given;
  Transactions transactions(*host);
  for (const TransactionRecord& record : TRY(give_back_devices(*host, transactions))) {
    context.say({N_("Given back to the host: {what}"), {{"what", translate(record.plan.purpose)}}});
    given.push_back(
        Json::object({{"transaction", record.number}, {"purpose", english(record.plan.purpose)}}));
  }
  return given;
}

Result<void> tell_stop(CommandContext& context, const char* schema, const StopReport& report) {
  const std::vector<Field> name = {{"name", report.after.name}};
  switch (report.means) {
    case StopMeans::Guest:
      context.say({N_("The VM {name} has shut itself down."), name});
      break;
    case StopMeans::Agent:
      context.say({N_("The VM {name} has shut itself down, as its guest agent was asked to; it did "
                      "not answer the power button."),
                   name});
      break;
    case StopMeans::Quit:
      context.say(
          {N_("The guest of {name} did not answer the power button; QEMU was ended."), name});
      break;
    case StopMeans::Kill:
      context.say({N_("The VM {name} was killed."), name});
      break;
  }
  tell_cleaned(context, report.after.seen.cleaned);
  Json json = Json::object({{"schema", schema}, {"means", stop_means_name(report.means)}});
  json.set("vm", report_json(report.after));
  json.set("given_back", TRY(give_back(context)));
  context.print_json(json);
  return {};
}

}  // namespace cleave
