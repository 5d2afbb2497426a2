#include "apply/journal.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/json.h"
#include "base/text.h"
#include "plan/json_members.h"

namespace cleave {
namespace {

constexpr std::size_t kMaximumDirectories = 64;

std::string line_of(const Json& json) { return to_text(json) + "\n"; }

// What is not set is left out: of most changes there is nothing but the path to tell.
Json before_json(const Before& before) {
  Json json = Json::object();
  const auto set_text = [&json](const char* key, const std::string& text) {
    if (!text.empty()) json.set(key, bytes_json(text));
  };
  set_text("path", before.path);
  if (before.existed) json.set("existed", true);
  set_text("hash", before.hash);
  set_text("text", before.text);
  set_text("driver", before.driver);
  if (before.user != 0) json.set("user", before.user);
  if (before.group != 0) json.set("group", before.group);
  if (before.created_directories.empty()) return json;
  json.set("created_directories", list_json(before.created_directories));
  return json;
}

Result<std::vector<std::string>> directories_from(const Json& json) {
  std::vector<std::string> paths =
      TRY(list_member(json, "created_directories", kMaximumDirectories));
  const bool absolute =
      std::ranges::all_of(paths, [](const std::string& path) { return path.starts_with('/'); });
  if (!absolute) return wrong_member("created_directories");
  return paths;
}

Result<Before> before_from(const Json& json) {
  const auto has = [&json](const char* key) { return json.find(key) != nullptr; };
  Before before;
  if (json.as_object() == nullptr) return wrong_member("before");
  if (has("path")) before.path = TRY(optional_path_member(json, "path"));
  if (has("existed")) before.existed = TRY(bool_member(json, "existed"));
  if (has("hash")) before.hash = TRY(bytes_member(json, "hash"));
  if (has("text")) before.text = TRY(bytes_member(json, "text"));
  if (has("driver")) before.driver = TRY(bytes_member(json, "driver"));
  if (has("user")) before.user = TRY(number_member(json, "user", UINT32_MAX));
  if (has("group")) before.group = TRY(number_member(json, "group", UINT32_MAX));
  if (has("created_directories")) before.created_directories = TRY(directories_from(json));
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

std::string end_line(const Standing& standing) {
  return line_of(Json::object({{"end", "applied"},
                               {"stands", Json::object({{"boot", bytes_json(standing.boot)},
                                                        {"with", list_json(standing.paths)}})}}));
}

std::string lasting_end_line() { return "{\"end\":\"applied\",\"lasts\":true}\n"; }

bool has_lasting_end(std::string_view text) { return text.ends_with("\n" + lasting_end_line()); }

std::optional<Standing> standing_of(std::string_view text) {
  if (!text.ends_with('\n')) return std::nullopt;
  text.remove_suffix(1);
  const Result<Json> line = parse_json(text.substr(text.rfind('\n') + 1));
  const Json* stands = line ? line->find("stands") : nullptr;
  if (stands == nullptr || line->text_of("end") != "applied") return std::nullopt;
  const Result<std::string> boot = bytes_member(*stands, "boot");
  const auto paths = list_member(*stands, "with", kMaximumChanges);
  if (!boot || !paths) return std::nullopt;
  return Standing{.boot = *boot, .paths = *paths};
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
