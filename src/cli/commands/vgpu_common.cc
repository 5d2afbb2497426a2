#include "cli/commands/vgpu_common.h"

#include <ranges>
#include <utility>

#include "app/owner.h"
#include "app/vgpu.h"
#include "app/vm_reservations.h"
#include "base/format.h"
#include "cli/render/translate.h"

namespace cleave {

Result<HostWriter*> changeable_host(CommandContext& context) {
  HostWriter* host = TRY(context.host());
  if (host->is_live() || context.arguments().has("--dry-run")) return host;
  Error error;
  error.code = ErrorCode::Unsupported;
  error.message = Message(N_("{root} is a captured machine: there is nothing running to change."),
                          {{"root", context.root()}});
  error.remedy = Message(N_("With --dry-run the plan is shown."));
  return error;
}

Result<ChangeableHost> change_host(CommandContext& context) {
  HostWriter* host = TRY(changeable_host(context));
  ChangeableHost change{.host = host,
                        .transactions = Transactions(*host, TRY(state_directory(*host))),
                        .dry_run = context.arguments().has("--dry-run")};
  change.transactions.wait_for_others(kVgpuPatience);
  // For VMs that are started without root on what is made now.
  if (host->is_live() && host->user_id() == 0 && !change.dry_run) (void)prepare_reservations();
  return change;
}

void show_plan(const CommandContext& context, const Plan& plan) {
  context.say(plan.purpose);
  for (const auto& change : plan.changes) {
    context.say_text("  " + translate(change.summary));
    context.say_text("    " + effect_text(change.effect));
    if (!change.reason.empty()) context.say_text("    " + translate(change.reason));
  }
}

void show_undo(const CommandContext& context, const TransactionRecord& record) {
  context.say(Message(N_("Take back transaction {number}"), {{"number", record.number}}));
  for (const std::size_t change : record.done | std::views::reverse) {
    const std::string text = undo_text(record.plan.changes[change].effect);
    if (!text.empty()) context.say_text("    " + text);
  }
}

Result<void> recover_first(const CommandContext& context, Transactions& transactions) {
  for (const std::uint32_t number : TRY(transactions.recover())) {
    context.say(Message(N_("Transaction {number} had been interrupted; it was taken back."),
                        {{"number", number}}));
  }
  return {};
}

void warn_of(const CommandContext& context, const Error& error) {
  // warn() puts the program's name before it, as translate() does.
  std::string text = translate(error);
  constexpr std::string_view kPrefix = "cleave: ";
  if (text.starts_with(kPrefix)) text.erase(0, kPrefix.size());
  while (text.ends_with('\n')) text.pop_back();
  context.warn(Message("{text}", {{"text", text}}));
}

std::optional<ExitStatus> answered(const CommandContext& context, const Error& error) {
  ExitStatus status = ExitStatus::NotReady;
  switch (error.code) {
    case ErrorCode::Conflict:
    case ErrorCode::Busy:
    case ErrorCode::Unsupported:
    case ErrorCode::NotFound:
      break;
    case ErrorCode::Malformed:
      status = ExitStatus::BadUsage;
      break;
    default:
      return std::nullopt;
  }
  warn_of(context, error);
  Json detail;
  detail.set("code", error_code_name(error.code));
  detail.set("text", english(error));
  if (!error.remedy.empty()) detail.set("remedy", english(error.remedy));
  context.print_json(Json::object({{"schema", "cleave.error/1"}, {"error", std::move(detail)}}));
  return status;
}

Result<ExitStatus> answer(const CommandContext& context, const Error& error) {
  if (const auto status = answered(context, error)) return *status;
  return error;
}

Result<ExitStatus> answer_if_misused(const CommandContext& context, const Error& error) {
  if (error.code == ErrorCode::Malformed) return answer(context, error);
  return error;
}

}  // namespace cleave
