// Processes that a VM needs beside QEMU, as its supervisor has them: swtpm, virtiofsd.
#pragma once

#include <poll.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "run/process.h"
#include "run/vm_state.h"

namespace cleave {

struct CompanionSpec {
  std::string name;               // for people: "swtpm"
  std::vector<std::string> argv;  // the program with its path
  std::string socket;             // where it listens for QEMU

  bool operator==(const CompanionSpec&) const = default;
};

Json to_json(const std::vector<CompanionSpec>& companions);
std::vector<CompanionSpec> companions_from_json(const Json& json);

class Companions {
 public:
  using Record = std::function<Result<void>(const CompanionRecord&)>;

  // Starts one, its output to `output`. `record` is called before it may run.
  Result<void> start(const CompanionSpec& spec, int output, const Record& record);
  // Whether all listen by now. An error if one has ended instead.
  Result<bool> all_listen();
  // Adds what becomes readable when one ends.
  void add_to(std::vector<pollfd>& waiting) const;
  // Those that have ended since the last time this was asked.
  std::vector<LostCompanion> take_ended();
  // SIGTERM to those that still run, SIGKILL to those that do not obey; all are reaped.
  void end();
  [[nodiscard]] bool empty() const { return running_.empty(); }

 private:
  struct Running {
    CompanionSpec spec;
    Process process;
  };
  std::vector<Running> running_;
};

}  // namespace cleave
