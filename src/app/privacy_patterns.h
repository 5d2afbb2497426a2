// Where something private stands in a text: the shapes and keys that privacy.cc replaces.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "app/privacy.h"

namespace cleave {

// A value at a place of a text. `prefix` bytes before it stay.
struct PrivateValue {
  Secret kind = Secret::Credential;
  std::size_t prefix = 0;
  std::size_t length = 0;  // bytes, at least 1
};

// What starts at `at`, or an empty optional. `names` are lower-case names of users and hosts.
std::optional<PrivateValue> private_value_at(std::string_view text, std::size_t at, TextKind kind,
                                             const std::set<std::string, std::less<>>& names);

// The one spelling of a value, for comparing: lower case, without dashes in a UUID.
std::string canonical(Secret kind, std::string_view value);

// The replacement with this number; `like` is the value whose form it takes (a machine id has no
// dashes, an address of a boot loader has dashes for colons).
std::string numbered(Secret kind, std::uint64_t number, std::string_view like);

// The number of a value that is a replacement already.
std::optional<std::uint64_t> number_of(Secret kind, std::string_view value);

// Names that tell nobody apart ("root", "localhost", "debian"), and words of logs and boot files
// that a name could be by chance.
bool is_public_name(std::string_view name);

// Whether a word may be looked for in whole texts: it can be a name and is no public one.
bool is_private_name(std::string_view name);

}  // namespace cleave
