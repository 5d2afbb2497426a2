// How far a build has come, kept in a file so that an interrupted one goes on where it was.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace cleave {

enum class BuildStep : std::uint8_t {
  Fetch,   // the archive, or git's tree
  Unpack,  // into a directory of our own
  Change,  // the constants of --refresh-ms
  Configure,
  Compile,
  Install,
  Prove,
};
const std::vector<BuildStep>& build_steps();  // all, in order
const char* build_step_name(BuildStep step);  // "fetch", …

struct BuildState {
  std::string source;         // fingerprint of where it comes from
  std::string configuration;  // fingerprint of options and places
  std::vector<BuildStep> done;

  [[nodiscard]] bool has(BuildStep step) const;
  bool operator==(const BuildState&) const = default;
};

std::string to_text(const BuildState& state);
// Malformed for anything else than what was written.
Result<BuildState> parse_build_state(std::string_view text);

// What of an earlier run's steps still counts: all of another source is forgotten, and of another
// configuration what comes from there on.
BuildState continued(const BuildState& earlier, const std::string& source,
                     const std::string& configuration);

}  // namespace cleave
