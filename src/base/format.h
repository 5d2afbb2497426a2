// The one door to fmt: g++ 12 has no <format>. Text for people is not made with this but with
// Message (base/message.h), which can be translated.
#pragma once

#include <fmt/format.h>

namespace cleave {
using fmt::format;
}  // namespace cleave
