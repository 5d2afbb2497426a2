// Which laptops there are: a directory for each, 0700, with its sockets, its console's log and a
// note of whose they are, so that what a killed process left behind is found and removed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "run/process.h"

namespace cleave {

struct LaptopRecord {
  std::string name;
  std::string directory;
  std::optional<ProcessIdentity> laptop;  // QEMU; empty before it is started
  // Who must live for the laptop to be wanted; empty once a laptop with a name is up.
  std::optional<ProcessIdentity> owner;
  std::uint32_t memory_mb = 0;
  std::string kernel;

  [[nodiscard]] std::string agent_socket() const { return directory + "/agent"; }
  [[nodiscard]] std::string console_log() const { return directory + "/console.log"; }
  [[nodiscard]] std::string qemu_log() const { return directory + "/qemu.log"; }
  [[nodiscard]] std::string initramfs() const { return directory + "/initramfs"; }
  [[nodiscard]] std::string lock_file() const { return directory + "/lock"; }
};

// Text of a record's file; Malformed for anything else than what was written.
std::string to_text(const LaptopRecord& record);
Result<LaptopRecord> parse_laptop_record(std::string_view text);

class LaptopRegistry {
 public:
  // /run/cleave/lab for root, else $XDG_RUNTIME_DIR/cleave/lab or /tmp/cleave-lab-USER. Denied if
  // the directory is somebody else's or open to others.
  static Result<LaptopRegistry> open();
  // For tests.
  static Result<LaptopRegistry> open_at(const std::string& directory);

  // Makes the directory of a new laptop. Conflict if the name is taken; an empty name gets one.
  Result<LaptopRecord> claim(const std::string& name) const;
  Result<void> save(const LaptopRecord& record) const;
  // With all that is in its directory.
  void remove(const LaptopRecord& record) const;
  // Laptops that are up, by name; those that nobody wants any more are ended and removed.
  [[nodiscard]] Result<std::vector<LaptopRecord>> list() const;
  [[nodiscard]] Result<LaptopRecord> find(const std::string& name) const;

 private:
  explicit LaptopRegistry(std::string directory) : directory_(std::move(directory)) {}
  [[nodiscard]] Result<std::vector<LaptopRecord>> read_and_reap() const;
  std::string directory_;
};

bool is_laptop_name(std::string_view name);

}  // namespace cleave
