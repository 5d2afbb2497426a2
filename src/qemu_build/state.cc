#include "qemu_build/state.h"

#include <algorithm>
#include <optional>

namespace cleave {
namespace {

constexpr std::string_view kSchema = "cleave.qemu-build-state/1";

std::optional<BuildStep> step_named(std::string_view name) {
  for (const BuildStep step : build_steps()) {
    if (name == build_step_name(step)) return step;
  }
  return std::nullopt;
}

Error malformed() {
  return error_of(ErrorCode::Malformed, {N_("The file with the state of the build is damaged.")});
}

}  // namespace

const std::vector<BuildStep>& build_steps() {
  static const std::vector<BuildStep> kSteps = {
      BuildStep::Fetch,   BuildStep::Unpack,  BuildStep::Change, BuildStep::Configure,
      BuildStep::Compile, BuildStep::Install, BuildStep::Prove};
  return kSteps;
}

const char* build_step_name(BuildStep step) {
  switch (step) {
    case BuildStep::Fetch:
      return "fetch";
    case BuildStep::Unpack:
      return "unpack";
    case BuildStep::Change:
      return "change";
    case BuildStep::Configure:
      return "configure";
    case BuildStep::Compile:
      return "compile";
    case BuildStep::Install:
      return "install";
    case BuildStep::Prove:
      break;
  }
  return "prove";
}

bool BuildState::has(BuildStep step) const { return std::ranges::find(done, step) != done.end(); }

std::string to_text(const BuildState& state) {
  Json done = Json::array();
  for (const BuildStep step : state.done) done.push_back(build_step_name(step));
  return to_text(Json::object({{"schema", kSchema},
                               {"source", state.source},
                               {"configuration", state.configuration},
                               {"done", std::move(done)}}),
                 2) +
         "\n";
}

Result<BuildState> parse_build_state(std::string_view text) {
  const Json json = TRY(parse_json(text));
  const Json* done = json.find("done");
  if (json.text_of("schema") != kSchema || done == nullptr || done->as_array() == nullptr) {
    return malformed();
  }
  BuildState state{.source = std::string(json.text_of("source")),
                   .configuration = std::string(json.text_of("configuration")),
                   .done = {}};
  for (const Json& entry : *done->as_array()) {
    const auto step = entry.as_string() == nullptr ? std::nullopt : step_named(*entry.as_string());
    // Each once and in order, or something else wrote the file.
    if (!step || (!state.done.empty() && *step <= state.done.back())) return malformed();
    state.done.push_back(*step);
  }
  return state;
}

BuildState continued(const BuildState& earlier, const std::string& source,
                     const std::string& configuration) {
  BuildState state{.source = source, .configuration = configuration, .done = {}};
  if (earlier.source != source) return state;
  for (const BuildStep step : earlier.done) {
    if (step >= BuildStep::Configure && earlier.configuration != configuration) break;
    state.done.push_back(step);
  }
  return state;
}

}  // namespace cleave
