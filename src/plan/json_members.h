// Members of JSON objects with the type that the journal's format demands. Bytes that are not
// printable UTF-8 are written as {"hex":"…"}, so that any path and any file survive.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/message.h"
#include "base/result.h"

namespace cleave {

Json bytes_json(std::string_view bytes);
// Empty if it is neither a text nor {"hex":…}.
std::optional<std::string> bytes_from_json(const Json& json);

Json list_json(const std::vector<std::string>& list);

Json message_json(const Message& message);

// Malformed: the member `key` is missing or not what it must be.
Error wrong_member(std::string_view key);

Result<std::string> bytes_member(const Json& json, const char* key);
Result<std::string> path_member(const Json& json, const char* key);           // absolute
Result<std::string> optional_path_member(const Json& json, const char* key);  // or empty
Result<std::uint32_t> number_member(const Json& json, const char* key, std::uint32_t maximum);
Result<bool> bool_member(const Json& json, const char* key);
// Of at most `most` texts without NUL bytes.
Result<std::vector<std::string>> list_member(const Json& json, const char* key, std::size_t most);
Result<Message> message_member(const Json& json, const char* key);

}  // namespace cleave
