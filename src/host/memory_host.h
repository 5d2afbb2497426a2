// A machine in memory: for tests, and for *.machine files, which hold a captured machine as text.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "host/host.h"

namespace cleave {

// Instead of an errno: the answer is not in the capture (nobody asked then, or it was too large),
// which is an error and never "absent".
inline constexpr int kNotCaptured = -1;
inline constexpr int kCutFromCapture = -2;

// One path of a machine in memory.
struct MemoryNode {
  FileStatus status;
  std::string content;  // of a file; the target of a link
  // Whatever is asked of the path answers with this errno; ENOENT: known to be absent.
  int error_number = 0;
  // Its status is known, its content or listing answers with this errno.
  int read_error = 0;
  bool listed = true;  // of a directory in a capture: its nodes are all that it has
  // In a capture: as the user who captured could open it. Elsewhere `mode` tells.
  std::optional<bool> may_read;
  std::optional<bool> may_write;

  // Nothing but the name is known.
  [[nodiscard]] bool is_unknown() const { return error_number == kNotCaptured; }
};

class MemoryHost final : public HostWriter {
 public:
  MemoryHost();

  // Building. Missing parents are made.
  void add_file(std::string_view path, std::string content, std::uint32_t mode = 0644);
  void add_directory(std::string_view path);
  void add_link(std::string_view path, std::string target);
  void add_device(std::string_view path, std::uint32_t mode, std::uint32_t major,
                  std::uint32_t minor);
  // Whatever is asked of this path answers with `error_number`.
  void add_unreadable(std::string_view path, int error_number);
  void forget(std::string_view path);  // with all below it
  void set_node(std::string_view path, MemoryNode node);
  // By path; all parents of a node are nodes.
  using Nodes = std::map<std::string, MemoryNode, std::less<>>;
  [[nodiscard]] const Nodes& nodes() const { return nodes_; }
  // From now on this is a capture: it knows what was asked when it was made. Anything else is an
  // error that says "not captured"; a name is absent only where its directory was listed without
  // it, or where it was looked for.
  void become_capture();

  // Driver behaviour: called instead of storing when an attribute is written. Returns an errno
  // or 0. May change this host (a `create` attribute adds a device).
  using AttributeHandler = std::function<int(MemoryHost&, std::string_view value)>;
  void on_write(std::string_view path, AttributeHandler handler);
  // Command behaviour, by argv[0].
  using CommandHandler = std::function<CommandOutput(MemoryHost&, const std::vector<std::string>&)>;
  void on_command(std::string_view program, CommandHandler handler);

  // The n-th effect from now (1 = the next) fails with `error_number`; 0 switches this off.
  void fail_effect(int n, int error_number);
  // From the n-th effect on nothing happens any more and everything fails: a power cut.
  void stop_at_effect(int n);
  [[nodiscard]] int effects() const { return effects_; }
  void set_now(std::chrono::system_clock::time_point now) { now_ = now; }
  void set_user_id(std::uint32_t user) { user_id_ = user; }  // root until then
  // Another process holds a record lock on this file.
  void set_lock_holder(std::string_view path, std::uint32_t process) {
    lock_holders_[std::string(path)] = process;
  }
  // From the n-th effect on a signal that ends the program waits.
  void interrupt_at_effect(int n) { interrupting_effect_ = effects_ + n; }
  // What happens while cleave waits: called after each pause().
  void on_pause(std::function<void(MemoryHost&)> handler) { pause_handler_ = std::move(handler); }

  // Path → content of all files, links as "-> target": for comparing two states.
  [[nodiscard]] std::map<std::string, std::string> snapshot(std::string_view below = "/") const;

  [[nodiscard]] Result<std::string> read_file(std::string_view path,
                                              std::size_t limit = kDefaultReadLimit) const override;
  [[nodiscard]] Result<std::string> read_at(std::string_view path, std::uint64_t offset,
                                            std::size_t length) const override;
  [[nodiscard]] Result<std::string> kernel_journal(int boot, std::size_t most_lines) const override;
  [[nodiscard]] Result<std::vector<std::string>> list_directory(
      std::string_view path) const override;
  [[nodiscard]] Result<std::string> read_link(std::string_view path) const override;
  [[nodiscard]] Result<FileStatus> status(std::string_view path) const override;
  [[nodiscard]] Result<std::string> real_path(std::string_view path) const override;
  [[nodiscard]] Result<bool> may_access(std::string_view path, Access access) const override;
  [[nodiscard]] std::uint32_t user_id() const override { return user_id_; }
  [[nodiscard]] bool is_live() const override { return false; }

  Result<void> replace_file(std::string_view path, std::string_view content,
                            std::uint32_t mode = 0644) override;
  Result<void> write_attribute(std::string_view path, std::string_view value) override;
  // Everything here outlives a power cut.
  Result<void> append_to_file(std::string_view path, std::string_view content,
                              std::uint32_t mode = 0600,
                              Durability durability = Durability::Synced) override;
  // A file is replaced at once here: nothing is ever left.
  Result<void> remove_leftovers(std::string_view /*path*/) override { return {}; }
  Result<void> remove_file(std::string_view path,
                           Durability durability = Durability::Synced) override;
  Result<void> copy_file(std::string_view from, std::string_view to) override;
  Result<void> change_owner(std::string_view path, std::uint32_t user,
                            std::uint32_t group) override;
  Result<void> create_directories(std::string_view path, std::uint32_t mode = 0755,
                                  Durability durability = Durability::Synced) override;
  Result<void> remove_directory(std::string_view path,
                                Durability durability = Durability::Synced) override;
  Result<CommandOutput> run_command(const std::vector<std::string>& argv,
                                    std::chrono::milliseconds limit) override;
  Result<std::unique_ptr<Lock>> lock(std::string_view path) override;
  [[nodiscard]] Result<std::optional<std::uint32_t>> lock_holder(
      std::string_view path) const override;
  Result<void> settle(std::string_view path) override;
  [[nodiscard]] bool is_interrupted() const override {
    return interrupting_effect_ != 0 && effects_ >= interrupting_effect_;
  }
  [[nodiscard]] std::chrono::system_clock::time_point now() const override { return now_; }
  void pause(std::chrono::milliseconds length) override;

 private:
  using Node = MemoryNode;

  // The node at the end of all links, with its real path; NotFound, or the node's own error.
  [[nodiscard]] Result<std::string> resolve(std::string_view path, bool follow_last) const;
  [[nodiscard]] Result<const Node*> find(std::string_view path, bool follow_last) const;
  Node& make(std::string_view path, FileKind kind, std::uint32_t mode);
  // The real path of what is there, or of what would be made: its directory must exist.
  [[nodiscard]] Result<std::string> place_of(std::string_view path) const;
  Result<void> begin_effect(std::string_view path);

  // ENOENT, or in a capture kNotCaptured where nobody can say.
  [[nodiscard]] int error_of_missing(std::string_view path) const;

  Nodes nodes_;
  bool is_capture_ = false;
  std::map<std::string, AttributeHandler, std::less<>> attribute_handlers_;
  std::map<std::string, CommandHandler, std::less<>> command_handlers_;
  std::function<void(MemoryHost&)> pause_handler_;
  // Paths that are locked. Shared with the locks, which may outlive a move of this host.
  std::shared_ptr<std::set<std::string>> locked_ = std::make_shared<std::set<std::string>>();
  std::map<std::string, std::uint32_t, std::less<>> lock_holders_;
  std::chrono::system_clock::time_point now_{};
  std::uint32_t user_id_ = 0;
  int effects_ = 0;
  int failing_effect_ = 0;
  int failing_errno_ = 0;
  int stopping_effect_ = 0;
  int interrupting_effect_ = 0;
};

// A *.machine file: a captured machine as readable text. Each entry starts with a line
//   == /proc/cmdline                  a file; its content follows, up to the next "== "
//   == /sys/… -> ../target            a link
//   == /sys/…/config hex              a file whose content follows as hexadecimal digits
//   == /sys/… !EACCES                 there, but not readable
//   == /sys/… !ENOENT                 not there, whatever an entry before said, with all below it
//   == /dev/kvm c 10:232 0660         a device node, with its mode
//   == /usr/bin/kvm f 0755 18397984 9 a file of which only mode, size and time of change are known
//   == /sys/kernel/iommu_groups/      a directory that is empty
//   == include comet-lake.machine     what that file says, which stands beside this one
// What is no file of the machine has reserved paths (kernel_journal_path, piece_path):
//   == /.journal/kernel-boot-0        the journal's messages of the kernel in the running boot;
//                                     kernel-boot-1: in the boot before
//   == /dev/cpu/0/msr@0x3a hex        the bytes that read_at finds in /dev/cpu/0/msr at 0x3a
// A later entry replaces an earlier one. Lines before the first entry are comments. A content line
// that starts with "==" is written with a backslash before it. Refuses more than 32 MiB or 100,000
// entries. `include` gives the text of such a file; without it, and four files deep, there are
// none.
using MachineInclude = std::function<Result<std::string>(const std::string& name)>;
Result<MemoryHost> parse_machine(std::string_view text, const MachineInclude& include = {});

}  // namespace cleave
