#include "apply/journal.h"

#include <optional>
#include <utility>

#include "base/json.h"
#include "base/text.h"
#include "plan/json_members.h"

namespace cleave {
namespace {

constexpr std::size_t kMaximumDirectories = 64;

std::string line_of(const Json& json) { return to_text(json) + "\n"; }

Json before_json(const Before& before) {
  Json directories = Json::array();
  for (const std::string& path : before.created_directories) {
    directories.push_back(bytes_json(path));
  }
  return Json::object({{"path", bytes_json(before.path)},
                       {"existed", before.existed},
                       {"hash", bytes_json(before.hash)},
                       {"text", bytes_json(before.text)},
                       {"driver", bytes_json(before.driver)},
                       {"user", before.user},
                       {"group", before.group},
                       {"created_directories", std::move(directories)}});
}

Result<Before> before_from(const Json& json) {
  Before before;
  before.path = TRY(optional_path_member(json, "path"));
  before.existed = TRY(bool_member(json, "existed"));
  before.hash = TRY(bytes_member(json, "hash"));
  before.text = TRY(bytes_member(json, "text"));
  // Journals of the first versions have none.
  if (json.find("driver") != nullptr) before.driver = TRY(bytes_member(json, "driver"));
  before.user = TRY(number_member(json, "user", UINT32_MAX));
  before.group = TRY(number_member(json, "group", UINT32_MAX));
  const Json* member = json.find("created_directories");
  const Json::Array* directories = member == nullptr ? nullptr : member->as_array();
  if (directories == nullptr || directories->size() > kMaximumDirectories) {
    return wrong_member("created_directories");
  }
  for (const Json& directory : *directories) {
    std::optional<std::string> path = bytes_from_json(directory);
    if (!path || !path->starts_with('/')) return wrong_member("created_directories");
    before.created_directories.push_back(std::move(*path));
  }
  return before;
}

Result<void> read_begin(Journal& journal, const Json& line) {
  journal.number = TRY(number_member(line, "begin", UINT32_MAX));
  const Json* time = line.find("time");
  const auto seconds = time == nullptr ? std::nullopt : time->as_integer();
  if (!seconds) return wrong_member("time");
  journal.time = *seconds;
  journal.boot = TRY(bytes_member(line, "boot"));
  const Json* plan = line.find("plan");
  if (plan == nullptr) return wrong_member("plan");
  journal.plan = TRY(plan_from_json(*plan));
  return {};
}

// The index of a change of this plan.
Result<std::size_t> change_member(const Journal& journal, const Json& line, const char* key) {
  const std::size_t change = TRY(number_member(line, key, UINT32_MAX));
  if (change >= journal.plan.changes.size()) return wrong_member(key);
  return change;
}

Result<void> read_intent(Journal& journal, const Json& line) {
  const std::size_t change = TRY(change_member(journal, line, "intent"));
  const Json* before = line.find("before");
  if (before == nullptr) return wrong_member("before");
  if (journal.intents.contains(change)) return wrong_member("intent");
  journal.intents[change] = TRY(before_from(*before));
  return {};
}

Result<void> read_line(Journal& journal, const Json& line) {
  if (line.find("intent") != nullptr) return read_intent(journal, line);
  if (line.find("done") != nullptr) {
    const std::size_t change = TRY(change_member(journal, line, "done"));
    if (!journal.intents.contains(change)) return wrong_member("done");
    journal.done.push_back(change);
    if (line.find("outcome") != nullptr) {
      journal.outcomes[change] = TRY(bytes_member(line, "outcome"));
    }
    return {};
  }
  if (line.find("undoing") != nullptr) {
    journal.undoing = true;
    journal.end = Journal::End::None;
    return {};
  }
  if (line.find("undone") != nullptr) {
    const std::size_t change = TRY(change_member(journal, line, "undone"));
    if (!journal.intents.contains(change)) return wrong_member("undone");
    journal.undone.insert(change);
    return {};
  }
  const std::string_view end = line.text_of("end");
  if (end != "applied" && end != "undone") return wrong_member("end");
  journal.end = end == "applied" ? Journal::End::Applied : Journal::End::Undone;
  return {};
}

}  // namespace

std::string begin_line(const Journal& journal) {
  return line_of(Json::object({{"begin", journal.number},
                               {"time", journal.time},
                               {"boot", bytes_json(journal.boot)},
                               {"plan", to_json(journal.plan)}}));
}

std::string intent_line(std::size_t change, const Before& before) {
  return line_of(Json::object({{"intent", change}, {"before", before_json(before)}}));
}

std::string done_line(std::size_t change, const std::string& outcome) {
  Json line = Json::object({{"done", change}});
  if (!outcome.empty()) line.set("outcome", bytes_json(outcome));
  return line_of(line);
}

std::string undoing_line() { return line_of(Json::object({{"undoing", true}})); }

std::string undone_line(std::size_t change) { return line_of(Json::object({{"undone", change}})); }

std::string end_line(Journal::End end) {
  return line_of(Json::object({{"end", end == Journal::End::Applied ? "applied" : "undone"}}));
}

Result<Journal> parse_journal(std::string_view text) {
  Journal journal;
  const std::size_t written = text.find('\0');
  if (written != std::string_view::npos) {
    journal.torn = true;
    text = text.substr(0, written);
  }
  std::size_t number = 0;
  while (!text.empty()) {
    const std::size_t newline = text.find('\n');
    if (newline == std::string_view::npos) {
      journal.torn = true;
      break;
    }
    ++number;
    const Message reading(N_("Reading line {line} of a journal"), {{"line", number}});
    const Json line = TRY(parse_json(text.substr(0, newline)).context(reading));
    TRY((number == 1 ? read_begin(journal, line) : read_line(journal, line)).context(reading));
    text.remove_prefix(newline + 1);
  }
  if (number == 0) {
    Error error;
    error.code = ErrorCode::NotFound;
    error.message = Message(N_("The journal is empty: nothing had begun."));
    return error;
  }
  return journal;
}

bool has_ended(std::string_view text) {
  text = text.substr(0, text.find('\0'));
  text = text.substr(0, text.rfind('\n') + 1);  // what is behind the last end of a line is torn
  // No line holds a newline of its own: JSON writes it as an escape.
  const std::size_t end = text.rfind("\n{\"end\":");
  if (end == std::string_view::npos) return false;
  return text.find("\n" + undoing_line(), end) == std::string_view::npos;
}

}  // namespace cleave
