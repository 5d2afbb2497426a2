#include "vm/vm.h"

#include <algorithm>
#include <utility>

#include "base/format.h"
#include "vm/check.h"
#include "vm/uuid.h"

namespace cleave {
namespace {

// Made once at random: vgpu_uuid() must give the same answer in every version of cleave.
constexpr UuidBytes kNamespace = {0x4d, 0x72, 0x4b, 0xf7, 0xbe, 0xc3, 0x43, 0x03,
                                  0xb8, 0x29, 0x68, 0x92, 0xd7, 0xa3, 0x3c, 0x94};

constexpr std::size_t kLongestName = 63;  // leaves room in a socket's path (108, unix(7))

}  // namespace

bool is_vm_name(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName &&
         has_only_letters_digits_or(name.substr(0, 1), "") &&
         has_only_letters_digits_or(name, "._-");
}

std::string vgpu_uuid(std::string_view vm_name, std::uint32_t slot) {
  // "/" cannot stand in a VM's name, so that no two pairs give the same text.
  const std::string name =
      slot == 0 ? std::string(vm_name) : format("{}/{}", std::string(vm_name), slot);
  return uuid_text(name_based_uuid(kNamespace, name));
}

std::string network_address(std::string_view vm_name, std::uint32_t card) {
  const UuidBytes bytes =
      name_based_uuid(kNamespace, format("{}/network/{}", std::string(vm_name), card));
  return format("52:54:00:{:02x}:{:02x}:{:02x}", bytes[0], bytes[1], bytes[2]);
}

Result<CheckedDefinition> read_definition(std::string_view text, std::string file,
                                          std::string_view directory) {
  ParsedDefinition parsed = TRY(parse_definition(text, std::move(file)));
  CheckedDefinition checked = check_definition(parsed.definition, directory);
  if (parsed.problems.empty()) return checked;
  checked.vm.reset();
  std::ranges::move(parsed.problems, std::back_inserter(checked.problems));
  sort_by_position(checked.problems);
  return checked;
}

}  // namespace cleave
