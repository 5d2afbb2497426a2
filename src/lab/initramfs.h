// What the laptop's kernel starts with: busybox, the modules, and a script that puts this machine's
// root under a writable layer and hands over to cleave's agent.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "lab/module_tree.h"

namespace cleave {

struct InitScript {
  std::string agent_program;  // path on this machine and, the same, in the laptop
  std::string kernel_version;
  std::string module_tree;                 // …/lib/modules/VERSION on this machine
  std::string kernel_config;               // shown as /boot/config-VERSION; may be empty
  std::vector<std::string> boot_modules;   // file names in /modules: needed to reach the root
  std::vector<std::string> later_modules;  // the others, in order
  // Directories below /tmp or /run that stay visible, read-only, in the laptop's own /tmp and /run.
  std::vector<std::string> kept_directories;
  std::string host_name = "laptop";
};

// Names of the modules that the laptop loads, in the order in which they are asked for.
std::vector<std::string> laptop_modules(const ModuleTree& tree, bool sample_drivers);
std::vector<std::string> laptop_boot_modules(const ModuleTree& tree);

// The text of /init for busybox's sh.
std::string init_script(const InitScript& script);

// `text` as one word of a POSIX shell.
std::string shell_word(std::string_view text);

struct ArchiveEntry {
  enum class Kind : std::uint8_t { Directory, File, Symlink };
  Kind kind = Kind::File;
  std::string path;     // without a leading slash
  std::string content;  // of a file, or the target of a link
  std::uint32_t mode = 0644;
};

// A cpio archive, "newc", not compressed: unpacking would cost the emulated processor more time
// than reading does.
Result<std::string> cpio_archive(const std::vector<ArchiveEntry>& entries);

// Everything: busybox, /init, the modules below `tree_directory`.
Result<std::string> make_initramfs(const std::string& script, const std::string& tree_directory,
                                   const std::vector<std::string>& module_paths);

}  // namespace cleave
