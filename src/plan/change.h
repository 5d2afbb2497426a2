// A change: one reversible step on the host, as data. Nothing here touches the host; apply/ does.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/message.h"
#include "base/result.h"

namespace cleave {

// Writes `value` into an attribute of sysfs. Undone by writing `undo_value` into `undo_path`.
// Already done when `done_path` exists (or, if that is empty, when the attribute reads `value`).
struct WriteAttribute {
  std::string path;
  std::string value;
  std::string undo_path;  // empty: cannot be undone alone (its undo belongs to another change)
  std::string undo_value;
  std::string done_path;
  // The thing that is made or unmade, to be sure at undo time that it is still ours:
  // `undo_guard_path` must still be a link or file whose resolved path ends in `undo_guard`.
  std::string undo_guard_path;
  std::string undo_guard;

  bool operator==(const WriteAttribute&) const = default;
};

// Replaces or creates a file. Undone by putting back what was there (kept by the transaction).
struct WriteFile {
  std::string path;
  std::string content;
  std::uint32_t mode = 0644;  // of a new file

  bool operator==(const WriteFile&) const = default;
};

struct RemoveFile {
  std::string path;

  bool operator==(const RemoveFile&) const = default;
};

// Runs a command that has an inverse. No shell.
struct RunCommand {
  std::vector<std::string> argv;
  std::vector<std::string> undo_argv;  // empty: nothing to undo
  std::uint32_t limit_seconds = 300;

  bool operator==(const RunCommand&) const = default;
};

using Effect = std::variant<WriteAttribute, WriteFile, RemoveFile, RunCommand>;

struct Change {
  std::string id;   // what it is for, in JSON: "vgpu.create", "modules.load"
  Message summary;  // one line: what is done
  Message reason;   // why
  Effect effect;
  bool needs_root = true;
  bool needs_reboot = false;
  bool permanent = false;  // survives a reboot; sysfs writes do not

  bool operator==(const Change&) const = default;
};

// Changes for the journal, and back. The error is Malformed.
Json to_json(const Change& change);
Result<Change> change_from_json(const Json& json);

}  // namespace cleave
