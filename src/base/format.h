// The one door to fmt: g++ 12 has no <format>. Text for people is not made with this but with
// Message (base/message.h), which can be translated.
#pragma once

#include <fmt/core.h>

#include <string>

namespace cleave {

std::string format_arguments(fmt::string_view pattern, fmt::format_args arguments);

// The pattern is checked against the arguments when it is compiled.
template <typename... T>
std::string format(fmt::format_string<T...> pattern, T&&... arguments) {
  return format_arguments(pattern, fmt::make_format_args(arguments...));
}

}  // namespace cleave
