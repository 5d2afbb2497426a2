// Whether a boot loader's menu that a generator wrote is what was wanted. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/message.h"

namespace cleave {

// What is wrong with this grub.cfg: it is cut off or starts no kernel; one of `words` is missing in
// a normal entry of this system (entries for other systems on the disk are left aside); one of them
// is in a recovery entry. Empty: nothing.
std::optional<Message> problem_of_menu(std::string_view text,
                                       const std::vector<std::string>& words);

}  // namespace cleave
