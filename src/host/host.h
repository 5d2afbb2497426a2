// The only door to the machine: files, sysfs, links, access rights, commands, clock.
//
// HostReader can look and nothing more; facts/readers get this half. HostWriter adds the effects
// and is used by apply/ only. Paths are absolute and belong to the host's root, which may be `/`
// (live), a directory with a captured tree, or memory (tests, *.machine files).
//
// Errors: NotFound (absent) and Denied or Io (there, but unreadable) are kept apart everywhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cleave {

enum class FileKind : std::uint8_t { Regular, Directory, Symlink, CharacterDevice, Other };

struct FileStatus {
  FileKind kind = FileKind::Other;
  std::uint32_t mode = 0;  // permission bits only
  std::uint32_t user = 0;
  std::uint32_t group = 0;
  std::uint64_t size = 0;  // bytes
  std::uint64_t inode = 0;
  std::uint64_t modified = 0;      // nanoseconds since 1970; 0 for what is older
  std::uint32_t device_major = 0;  // of a device node
  std::uint32_t device_minor = 0;
};

enum class Access : std::uint8_t { Read, Write, ReadWrite };

// Whether what was written has reached the disk (fsync(2)) or only the kernel, which is enough for
// what tells of things that go with the power, too.
enum class Durability : std::uint8_t { Synced, UntilReboot };

// What a command printed and how it ended.
struct CommandOutput {
  int exit_status = 0;  // 128 + signal where a signal ended it
  std::string output;   // standard output, then standard error
};

// Files of sysfs and proc are small; nothing that a reader wants is larger than this.
inline constexpr std::size_t kDefaultReadLimit = std::size_t{1} << 20U;

class HostReader {
 public:
  virtual ~HostReader() = default;

  // The whole file, at most `limit` bytes; a larger file is Malformed, never cut silently.
  [[nodiscard]] virtual Result<std::string> read_file(
      std::string_view path, std::size_t limit = kDefaultReadLimit) const = 0;
  // `length` bytes from `offset`, fewer where the file ends: for what is no stream, as the
  // registers of a processor behind /dev/cpu/0/msr.
  [[nodiscard]] virtual Result<std::string> read_at(std::string_view path, std::uint64_t offset,
                                                    std::size_t length) const = 0;
  // The kernel's last `most_lines` messages of one boot, as the system's journal keeps them, in
  // dmesg's form: "[    1.234567] message". `boot` counts as journalctl does: 0 is the running
  // one, -1 the one before. NotFound: the journal has nothing of that boot.
  [[nodiscard]] virtual Result<std::string> kernel_journal(int boot,
                                                           std::size_t most_lines) const = 0;
  // Names of the entries without "." and "..", sorted.
  [[nodiscard]] virtual Result<std::vector<std::string>> list_directory(
      std::string_view path) const = 0;
  // The target of a symbolic link as it stands in the link.
  [[nodiscard]] virtual Result<std::string> read_link(std::string_view path) const = 0;
  // Of the thing itself, a link is not followed.
  [[nodiscard]] virtual Result<FileStatus> status(std::string_view path) const = 0;
  // The path with all links resolved, inside the root.
  [[nodiscard]] virtual Result<std::string> real_path(std::string_view path) const = 0;
  // Whether the user who runs cleave may open the path so.
  [[nodiscard]] virtual Result<bool> may_access(std::string_view path, Access access) const = 0;
  // The user who acts on this host, 0 for root: the process's effective user; in a captured tree
  // the owner of its top directory counts as its root.
  [[nodiscard]] virtual std::uint32_t user_id() const = 0;
  // True if `/` of the running machine is meant, false for captured machines.
  [[nodiscard]] virtual bool is_live() const = 0;

  [[nodiscard]] bool exists(std::string_view path) const { return status(path).has_value(); }
};

class HostWriter : public HostReader {
 public:
  // Replaces the file at once or not at all: temporary file beside it, fsync, rename, fsync of the
  // directory. Owner, group, mode and extended attributes of a file that was there are kept;
  // a new file gets `mode`. A link is followed, its target is replaced.
  virtual Result<void> replace_file(std::string_view path, std::string_view content,
                                    std::uint32_t mode = 0644) = 0;
  // One write(2) to an attribute that exists (sysfs, procfs). The driver's errno is kept.
  virtual Result<void> write_attribute(std::string_view path, std::string_view value) = 0;
  // Appends; creates the file with `mode` if it is not there.
  virtual Result<void> append_to_file(std::string_view path, std::string_view content,
                                      std::uint32_t mode = 0600,
                                      Durability durability = Durability::Synced) = 0;
  // Removes what a replace_file or copy_file that the power cut off left beside `path`. Nobody else
  // may be at it.
  virtual Result<void> remove_leftovers(std::string_view path) = 0;
  virtual Result<void> remove_file(std::string_view path,
                                   Durability durability = Durability::Synced) = 0;
  // Makes `to` a copy of the plain file `from`: content, owner, group, mode and extended
  // attributes. At once or not at all, as replace_file; `to` itself is replaced if it is there.
  virtual Result<void> copy_file(std::string_view from, std::string_view to) = 0;
  // Of the file, attribute or device node itself; a link is followed.
  virtual Result<void> change_owner(std::string_view path, std::uint32_t user,
                                    std::uint32_t group) = 0;
  // With all missing parents, these with the same mode.
  virtual Result<void> create_directories(std::string_view path, std::uint32_t mode = 0755,
                                          Durability durability = Durability::Synced) = 0;
  // Only an empty one.
  virtual Result<void> remove_directory(std::string_view path,
                                        Durability durability = Durability::Synced) = 0;
  // No shell: argv as it stands. The environment is cut down to PATH and LC_ALL=C.
  virtual Result<CommandOutput> run_command(const std::vector<std::string>& argv,
                                            std::chrono::milliseconds limit) = 0;
  // An exclusive lock that is gone with the process; Busy with the owner's id if another holds it.
  // Held until the returned object is destroyed.
  class Lock {
   public:
    virtual ~Lock() = default;
  };
  virtual Result<std::unique_ptr<Lock>> lock(std::string_view path) = 0;
  // The process that holds a record lock (fcntl(2), F_SETLK) on the file, as package managers do;
  // empty if none does. NotFound if there is no such file.
  [[nodiscard]] virtual Result<std::optional<std::uint32_t>> lock_holder(
      std::string_view path) const = 0;

  // Brings what a file system holds in its journal to its place on the disk, for the directory of
  // `path`: a boot loader reads the disk, and not the journal.
  virtual Result<void> settle(std::string_view path) = 0;

  // How many threads may use it at once; 1: it is for one alone.
  [[nodiscard]] virtual unsigned threads() const { return 1; }

  // True if a signal that ends the program waits (host/signals_wait.h): whoever is at work takes
  // back what is half done.
  [[nodiscard]] virtual bool is_interrupted() const = 0;

  [[nodiscard]] virtual std::chrono::system_clock::time_point now() const = 0;
  // Waits, for what the kernel or udev does a moment later.
  virtual void pause(std::chrono::milliseconds length) = 0;
};

// Where hosts that only remember keep what is no file of the machine. No machine has such paths.
// "/.journal/kernel-boot-0", "/.journal/kernel-boot-1" for the boot before, …
std::string kernel_journal_path(int boot);
// "/dev/cpu/0/msr@0x3a": what read_at answered there.
std::string piece_path(std::string_view path, std::uint64_t offset);

// Joins with exactly one slash between.
std::string join_path(std::string_view directory, std::string_view name);
std::string_view base_name(std::string_view path);
std::string_view directory_name(std::string_view path);
// Without ".", ".." and double slashes; never above "/".
std::string normal_path(std::string_view path);

}  // namespace cleave
