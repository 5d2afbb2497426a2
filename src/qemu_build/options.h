// The options of QEMU's configure that matter for sharing a GPU, a row each. A new one is one row
// in options.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "facts/qemu.h"
#include "qemu_build/needs.h"

namespace cleave {

struct QemuBuildOption {
  const char* id;  // "gtk": what --with and --without take
  bool by_default = false;
  const char* enable = "";  // what configure is told; "" where it needs no word
  const char* disable = "";
  const char* brings;  // N_
  const char* costs;   // N_
  std::vector<BuildNeed> needs = {};
  const char* only_with = "";  // the id of an option without which it is nothing
  bool fixed = false;          // part of every QEMU: no word of configure takes it out
  Version since = {};          // configure knows it from there on
  // Whether a QEMU that was built with it shows it; null where it does not tell.
  bool (*is_in)(const QemuAbilities&) = nullptr;
};

// In the order in which they are told.
const std::vector<QemuBuildOption>& qemu_build_options();
// Null if there is none of that id.
const QemuBuildOption* find_build_option(std::string_view id);

// The option that takes a value: --with targets=x86_64-softmmu,aarch64-softmmu.
inline constexpr std::string_view kTargetsOption = "targets";
inline constexpr std::string_view kDefaultTargets = "x86_64-softmmu";

struct ChosenOptions {
  std::vector<std::string> on;  // ids, in the order of the rows
  std::string targets = std::string(kDefaultTargets);

  [[nodiscard]] bool has(std::string_view id) const;
  bool operator==(const ChosenOptions&) const = default;
};

// What is on by itself, changed by what --with and --without say; each may be a list with commas.
// Malformed: an id that is none (with what was meant), both asked for and refused, a value that
// cannot be; Conflict: what one option needs was refused.
Result<ChosenOptions> choose_options(const std::vector<std::string>& with,
                                     const std::vector<std::string>& without);

std::vector<BuildNeed> needs_of(const ChosenOptions& chosen);

struct ConfigureRequest {
  ChosenOptions options;
  Version version;
  std::string prefix;
  // The source brings no firmware (Debian's has none): where the distribution keeps it.
  bool without_firmware = false;
};
// The words behind “configure”. Unsupported: this QEMU does not know an option yet.
Result<std::vector<std::string>> configure_arguments(const ConfigureRequest& request);

// Ids of what was asked for and is not in the QEMU that came out.
std::vector<std::string> options_not_shown(const ChosenOptions& chosen,
                                           const QemuAbilities& abilities);

}  // namespace cleave
