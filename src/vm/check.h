// What the checks of a definition's tables share; each fills in its part of the VM. Only for vm/.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vm/definition.h"
#include "vm/vm.h"

namespace cleave {

class DefinitionChecks {
 public:
  DefinitionChecks(const VmDefinition& definition, std::string_view directory)
      : definition_(definition), directory_(directory) {}

  [[nodiscard]] const VmDefinition& definition() const { return definition_; }
  Vm& vm() { return vm_; }
  std::vector<DefinitionProblem>& problems() { return problems_; }

  void problem(Position position, const char* key, Message message, std::string suggestion = {});

  // One of the words of that key's row in definition_keys().
  std::string choice(const Written<std::string>& written, const char* key, std::string fallback);
  // A number of that range; `fallback` if it was not written or is none.
  std::int64_t number(const Written<std::int64_t>& written, const char* key, std::int64_t fallback,
                      std::int64_t least, std::int64_t most);
  // A path that is safe as part of a QEMU option, made independent of the working directory: the
  // slash in front of its first colon keeps QEMU from taking it for a protocol ("nbd:…"). Empty if
  // it was not written.
  std::string path(const Written<std::string>& written, const char* key);
  // A name below sysfs; empty if it was not written.
  std::string sysfs_name(const Written<std::string>& written, const char* key);
  // Letters, digits and `more`, at most `longest`; empty if it was not written or is not so.
  std::string plain_text(const Written<std::string>& written, const char* key,
                         std::string_view more, std::size_t longest);

 private:
  std::string absolute(const Written<std::string>& written, const char* key);

  const VmDefinition& definition_;
  std::string directory_;
  Vm vm_;
  std::vector<DefinitionProblem> problems_;
};

// In this order: each looks at what those before have filled in.
void check_general(DefinitionChecks& checks);  // keys without a table, and [topology]
void check_firmware(DefinitionChecks& checks);
void check_display(DefinitionChecks& checks);
void check_disks(DefinitionChecks& checks);
void check_networks(DefinitionChecks& checks);
void check_gpu(DefinitionChecks& checks);
void check_devices(DefinitionChecks& checks);  // [[device]]
void check_sound(DefinitionChecks& checks);
void check_shares(DefinitionChecks& checks);
void check_extra_arguments(DefinitionChecks& checks);

// A value from the definition as it may stand in a message.
std::string shown_value(std::string_view value);
bool is_control_character(char letter);
bool has_only_letters_digits_or(std::string_view text, std::string_view more);
// "4G" → 4 × 2^30; empty if it is no whole number with K, M, G or T, or beyond 16 TiB and a bit.
std::optional<std::uint64_t> size_in_bytes(std::string_view text);
// The other way, with the largest unit that keeps it whole; empty below 1 KiB.
std::string size_text(std::uint64_t bytes);

}  // namespace cleave
