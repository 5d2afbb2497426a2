// Time zones: IANA's names → those of Windows. Pure.
#pragma once

#include <string>
#include <string_view>

namespace cleave {

// "Asia/Seoul" → "Korea Standard Time". Empty: the table has no such zone.
std::string windows_zone(std::string_view iana);

}  // namespace cleave
