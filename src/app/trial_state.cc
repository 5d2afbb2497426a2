// A trial and its result as JSON: what one start leaves for the next.
#include <algorithm>
#include <array>
#include <utility>

#include "app/trial.h"
#include "plan/json_members.h"

namespace cleave {
namespace {

constexpr std::size_t kMostItems = 1000;
constexpr std::size_t kFileLimit = std::size_t{1} << 20U;
constexpr std::array<const char*, 4> kResults = {"none", "waiting", "confirmed", "failed"};

Result<Json> read_json(const HostReader& host, const std::string& path) {
  return parse_json(TRY(host.read_file(path, kFileLimit)));
}

}  // namespace

const char* trial_result_name(TrialResult result) {
  return kResults.at(static_cast<std::size_t>(result));
}

Json to_json(const Trial& trial) {
  return Json::object({{"schema", "cleave.trial/1"},
                       {"way", trial.way},
                       {"mode", trial.mode},
                       {"gpu", trial.gpu},
                       {"words", list_json(trial.words)},
                       {"marker", trial.marker},
                       {"modules", list_json(trial.modules)},
                       {"once", trial.once},
                       {"program", bytes_json(trial.program)},
                       {"entry", bytes_json(trial.entry)},
                       {"boot", trial.boot},
                       {"failing", list_json(trial.failing)},
                       {"graphical", trial.graphical}});
}

Result<Trial> trial_from_json(const Json& json) {
  Trial trial;
  trial.way = TRY(bytes_member(json, "way"));
  trial.mode = TRY(bytes_member(json, "mode"));
  trial.gpu = TRY(bytes_member(json, "gpu"));
  trial.words = TRY(list_member(json, "words", kMostItems));
  trial.marker = TRY(bytes_member(json, "marker"));
  trial.modules = TRY(list_member(json, "modules", kMostItems));
  trial.once = TRY(bool_member(json, "once"));
  trial.program = TRY(bytes_member(json, "program"));
  trial.entry = TRY(bytes_member(json, "entry"));
  trial.boot = TRY(bytes_member(json, "boot"));
  trial.failing = TRY(list_member(json, "failing", kMostItems));
  trial.graphical = TRY(bool_member(json, "graphical"));
  return trial;
}

Json to_json(const TrialReport& report) {
  Json reasons = Json::array();
  for (const Message& reason : report.reasons) reasons.push_back(message_json(reason));
  return Json::object({{"schema", "cleave.trial-report/1"},
                       {"result", trial_result_name(report.result)},
                       {"way", report.way},
                       {"reasons", std::move(reasons)},
                       {"restart", report.restart}});
}

Result<TrialReport> trial_report_from_json(const Json& json) {
  TrialReport report;
  const auto result = std::ranges::find(kResults, json.text_of("result"));
  if (result == kResults.end()) return wrong_member("result");
  report.result = static_cast<TrialResult>(result - kResults.begin());
  report.way = TRY(bytes_member(json, "way"));
  const Json* reasons = json.find("reasons");
  const Json::Array* items = reasons == nullptr ? nullptr : reasons->as_array();
  if (items == nullptr || items->size() > kMostItems) return wrong_member("reasons");
  for (const Json& item : *items) {
    const Json whole = Json::object({{"reason", item}});
    report.reasons.push_back(TRY(message_member(whole, "reason")));
  }
  report.restart = TRY(bool_member(json, "restart"));
  return report;
}

Result<TrialReport> last_trial(const HostReader& host, const std::string& state_directory) {
  return trial_report_from_json(TRY(read_json(host, join_path(state_directory, kLastTrialFile))));
}

Result<Trial> current_trial(const HostReader& host, const std::string& state_directory) {
  return trial_from_json(TRY(read_json(host, join_path(state_directory, kTrialFile))));
}

}  // namespace cleave
