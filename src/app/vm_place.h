// Where a VM's definition and its runtime directory are, and whom it belongs to.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/owner.h"
#include "base/result.h"
#include "host/host.h"
#include "run/process.h"

namespace cleave {

// What the environment says; read once, so that tests can give another.
struct VmEnvironment {
  Owner owner;               // whom VMs belong to; never root
  bool is_root = false;      // cleave itself runs as root
  bool by_sudo = false;      // root through sudo: the owner's own places are used
  std::string home;          // of who runs cleave
  std::string config_home;   // XDG_CONFIG_HOME, or empty
  std::string data_home;     // XDG_DATA_HOME, or empty
  std::string runtime_home;  // XDG_RUNTIME_DIR, or empty
  bool has_display = false;  // DISPLAY or WAYLAND_DISPLAY is set
  std::string user_runtime_base = "/run/user";  // UID below it is the owner's
  std::string system_runtime_base = "/run/cleave";
};
Result<VmEnvironment> this_vm_environment();

Credentials credentials_of(const Owner& owner);

// Directories with definitions, the first that has a name wins: the user's, then /etc/cleave/vms.
std::vector<std::string> definition_directories(const VmEnvironment& environment);

// The file of a VM that is named, or `name` itself if it is a path (with a slash, or ending in
// ".toml"). NotFound tells where it was looked for and which VMs there are; Malformed if the name
// can be none.
Result<std::string> find_definition(const HostReader& host, const VmEnvironment& environment,
                                    const std::string& name);

// NotFound: why nothing can be done with a VM of which nothing runs. It has a definition and can be
// started, or there is no such VM at all.
Error not_running(const HostReader& host, const VmEnvironment& environment,
                  const std::string& name);

// The VM's name: `name`, or that of the file without ".toml".
std::string vm_name_of(const std::string& name);

// $XDG_RUNTIME_DIR/cleave/NAME; for root /run/cleave/NAME; under sudo the one of the user who
// called it, if that user is logged in.
std::string runtime_directory(const VmEnvironment& environment, const std::string& vm_name);

// As root, makes /run/cleave/NAME for the owner; in the owner's own place the supervisor does it.
Result<void> make_system_runtime_directory(const VmEnvironment& environment,
                                           const std::string& directory);

}  // namespace cleave
