// What people are told at the next logins of this boot, on a console and on a desktop.
#pragma once

#include <string_view>

#include "base/result.h"
#include "host/host.h"

namespace cleave {

// `name` tells one message from another, and replaces an earlier one: "cleave-kernel".
Result<void> tell_at_login(HostWriter& host, std::string_view name, std::string_view text);

}  // namespace cleave
