// Passwords for the users of new guests.
#pragma once

#include <string>

#include "base/result.h"

namespace cleave {

// 16 letters and digits, small and large ones among them, that nobody takes for each other.
Result<std::string> make_password();

// As crypt(5) has it, for /etc/shadow: SHA-512, which every Linux can check.
Result<std::string> hash_password(const std::string& password);

}  // namespace cleave
