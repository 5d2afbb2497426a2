// What set-ups and trials stand on the host, and taking them back.
#include <algorithm>
#include <ranges>
#include <utility>

#include "app/setup.h"
#include "base/text.h"
#include "plan/boot/generated_menu.h"
#include "plan/own_part.h"

namespace cleave {
namespace {

constexpr std::size_t kFileLimit = std::size_t{16} << 20U;

bool is_of_setup(const TransactionRecord& record) {
  return record.plan.kind == kSetupPlan || record.plan.kind == kTrialPlan;
}

bool is_known(const HostReader& host, const std::string& path, std::string& text) {
  Result<std::string> read = host.read_file(path, kFileLimit);
  if (!read) return false;
  text = std::move(*read);
  return true;
}

ChangeState state_of(const HostReader& host, const WriteFile& effect) {
  std::string text;
  if (!is_known(host, effect.path, text)) {
    return host.exists(effect.path) ? ChangeState::Unknown : ChangeState::Missing;
  }
  if (text == effect.content) return ChangeState::InPlace;
  if (effect.own == WriteFile::Own::Block) {
    const auto block = block_of(text);
    return block && block == block_of(effect.content) ? ChangeState::Edited : ChangeState::Missing;
  }
  if (effect.own == WriteFile::Own::Words) {
    const auto all = words(text);
    const bool there = std::ranges::all_of(effect.words, [&](const std::string& word) {
      return std::ranges::find(all, word) != all.end();
    });
    return there ? ChangeState::Edited : ChangeState::Missing;
  }
  if (effect.own == WriteFile::Own::GrubVariables) {
    // GRUB takes its own out at the start for which they are.
    return ChangeState::Unknown;
  }
  return ChangeState::Edited;
}

ChangeState state_of(const HostReader& host, const GenerateFile& effect) {
  std::string text;
  if (effect.only_undo) return ChangeState::InPlace;
  if (!is_known(host, effect.path, text)) return ChangeState::Unknown;
  return problem_of_menu(text, effect.words) ? ChangeState::Missing : ChangeState::InPlace;
}

ChangeState state_of(const HostReader& host, const RemoveFile& effect) {
  return host.exists(effect.path) ? ChangeState::Missing : ChangeState::InPlace;
}

template <typename Effect>
ChangeState state_of(const HostReader& /*host*/, const Effect& /*effect*/) {
  return ChangeState::Unknown;
}

// The words that a change gives the kernel.
std::vector<std::string> words_given(const Effect& effect) {
  const auto* file = std::get_if<WriteFile>(&effect);
  if (file != nullptr && file->own == WriteFile::Own::Words) return file->words;
  if (const auto* menu = std::get_if<GenerateFile>(&effect)) return menu->words;
  return {};
}

void add_waiting(const HostReader& host, const Plan& plan, std::vector<std::string>& waiting) {
  const Result<std::string> line = host.read_file("/proc/cmdline");
  if (!line) return;
  for (const Change& change : plan.changes) {
    for (std::string& word : words_to_add(*line, words_given(change.effect))) {
      if (std::ranges::find(waiting, word) == waiting.end()) waiting.push_back(std::move(word));
    }
  }
}

// What files held before is root's alone.
Error closed(const Error& why) {
  Error error = error_of(ErrorCode::Denied, {N_("Only root may see what cleave has set up.")},
                         {N_("Run the same command again with sudo: sudo cleave …")});
  error.path = why.path;
  error.error_number = why.error_number;
  return error;
}

std::string field_of(const Message& message, std::string_view name) {
  const auto field = std::ranges::find(message.fields, name, &Field::name);
  return field == message.fields.end() ? std::string() : field->value;
}

// virtio-gpu draws through the host's driver, whatever else that driver shares.
bool stand_together(std::string_view one, std::string_view other) {
  if (one == other) return true;
  const bool drawn = one == "virtio-gpu" || other == "virtio-gpu";
  return drawn && one != "passthrough" && other != "passthrough";
}

}  // namespace

const char* change_state_name(ChangeState state) {
  switch (state) {
    case ChangeState::InPlace:
      return "in-place";
    case ChangeState::Edited:
      return "edited";
    case ChangeState::Missing:
      return "missing";
    case ChangeState::Unknown:
      break;
  }
  return "unknown";
}

Result<SetupStatus> setup_status(const HostReader& host, const Transactions& transactions) {
  SetupStatus status;
  Result<std::vector<TransactionRecord>> records = transactions.list();
  if (!records) {
    return records.error().code == ErrorCode::Denied ? closed(records.error()) : records.error();
  }
  for (TransactionRecord& record : *records) {
    if (record.state == TransactionRecord::State::Open) status.open.push_back(record.number);
    if (!is_of_setup(record) || record.state != TransactionRecord::State::Applied) continue;
    SetupTransaction applied;
    for (const Change& change : record.plan.changes) {
      applied.states.push_back(
          std::visit([&](const auto& effect) { return state_of(host, effect); }, change.effect));
    }
    if (record.plan.kind == kSetupPlan) add_waiting(host, record.plan, status.waiting);
    applied.record = std::move(record);
    status.applied.push_back(std::move(applied));
  }
  return status;
}

Result<void> refuse_beside_other_way(const SetupStatus& status, const PreparedSetup& setup) {
  for (const SetupTransaction& applied : status.applied) {
    const Message& purpose = applied.record.plan.purpose;
    const std::string way = field_of(purpose, "way");
    const bool same_gpu = field_of(purpose, "gpu") == setup.gpu_name;
    if (!same_gpu || way.empty() || stand_together(way, setup.way)) continue;
    return error_of(ErrorCode::Conflict,
                    {N_("{gpu} is set up for {other} already; {way} cannot be had beside it."),
                     {{"gpu", setup.gpu_name}, {"other", way}, {"way", setup.way}}},
                    {N_("Take that back first: sudo cleave setup --undo")});
  }
  return {};
}

Result<UndoReport> undo_setup(Transactions& transactions) {
  UndoReport report;
  const std::vector<TransactionRecord> records = TRY(transactions.list());
  for (const TransactionRecord& record : records | std::views::reverse) {
    if (!is_of_setup(record) || record.state != TransactionRecord::State::Applied) continue;
    for (Message& note : TRY(transactions.undo(record.number))) {
      report.notes.push_back(std::move(note));
    }
    report.numbers.push_back(record.number);
  }
  return report;
}

}  // namespace cleave
