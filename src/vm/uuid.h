// UUIDs (RFC 9562) as text, in lower case with hyphens.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cleave {

using UuidBytes = std::array<std::uint8_t, 16>;

// "2ED6657D-E927-568B-95E1-2665A8AEA6A2" → its 16 bytes; empty if the text is no UUID.
std::optional<UuidBytes> uuid_bytes(std::string_view text);

std::string uuid_text(const UuidBytes& bytes);

// Version 5: from the SHA-1 of a namespace and a name (RFC 9562, 5.5).
UuidBytes name_based_uuid(const UuidBytes& name_space, std::string_view name);

}  // namespace cleave
