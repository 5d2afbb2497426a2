#include "plan/json_members.h"

#include <algorithm>
#include <utility>

#include "base/format.h"
#include "base/text.h"

namespace cleave {
namespace {

constexpr std::size_t kMaximumPath = 4096;     // PATH_MAX, include/uapi/linux/limits.h
constexpr std::size_t kMaximumMessage = 4096;  // sentences, not books
constexpr std::size_t kMaximumFields = 32;

std::optional<std::string> from_hexadecimal(std::string_view digits) {
  if (digits.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(digits.size() / 2);
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    const auto byte = parse_unsigned<std::uint8_t>(digits.substr(i, 2), 16);
    if (!byte) return std::nullopt;
    bytes.push_back(static_cast<char>(*byte));
  }
  return bytes;
}

}  // namespace

Json bytes_json(std::string_view bytes) {
  if (printable(bytes) == bytes) return bytes;
  std::string digits;
  for (const char byte : bytes) digits += format("{:02x}", static_cast<unsigned char>(byte));
  return Json::object({{"hex", std::move(digits)}});
}

std::optional<std::string> bytes_from_json(const Json& json) {
  if (const std::string* text = json.as_string()) return *text;
  const Json* hex = json.find("hex");
  const std::string* digits = hex == nullptr ? nullptr : hex->as_string();
  return digits == nullptr ? std::nullopt : from_hexadecimal(*digits);
}

Json message_json(const Message& message) {
  Json arguments = Json::object();
  for (const Field& field : message.fields) arguments.set(field.name, bytes_json(field.value));
  return Json::object({{"text", bytes_json(message.text)}, {"args", std::move(arguments)}});
}

Json list_json(const std::vector<std::string>& list) {
  Json json = Json::array();
  for (const std::string& item : list) json.push_back(bytes_json(item));
  return json;
}

Error wrong_member(std::string_view key) {
  Error error;
  error.code = ErrorCode::Malformed;
  error.message =
      Message(N_("The member “{member}” is missing or not as it must be."), {{"member", key}});
  return error;
}

Result<std::string> bytes_member(const Json& json, const char* key) {
  const Json* member = json.find(key);
  std::optional<std::string> bytes = member == nullptr ? std::nullopt : bytes_from_json(*member);
  if (!bytes) return wrong_member(key);
  return std::move(*bytes);
}

Result<std::string> path_member(const Json& json, const char* key) {
  std::string path = TRY(optional_path_member(json, key));
  if (path.empty()) return wrong_member(key);
  return path;
}

Result<std::string> optional_path_member(const Json& json, const char* key) {
  std::string path = TRY(bytes_member(json, key));
  if (path.empty()) return path;
  if (path.front() != '/' || path.size() >= kMaximumPath || path.contains('\0')) {
    return wrong_member(key);
  }
  return path;
}

Result<std::uint32_t> number_member(const Json& json, const char* key, std::uint32_t maximum) {
  const Json* member = json.find(key);
  const auto number = member == nullptr ? std::nullopt : member->as_unsigned();
  if (!number || *number > maximum) return wrong_member(key);
  return static_cast<std::uint32_t>(*number);
}

Result<bool> bool_member(const Json& json, const char* key) {
  const Json* member = json.find(key);
  const bool* value = member == nullptr ? nullptr : member->as_bool();
  if (value == nullptr) return wrong_member(key);
  return *value;
}

Result<std::vector<std::string>> list_member(const Json& json, const char* key, std::size_t most) {
  const Json* member = json.find(key);
  const Json::Array* items = member == nullptr ? nullptr : member->as_array();
  if (items == nullptr || items->size() > most) return wrong_member(key);
  std::vector<std::string> list;
  for (const Json& item : *items) {
    std::optional<std::string> text = bytes_from_json(item);
    if (!text || text->find('\0') != std::string::npos) return wrong_member(key);
    list.push_back(std::move(*text));
  }
  return list;
}

Result<Message> message_member(const Json& json, const char* key) {
  const Json* member = json.find(key);
  const Json* arguments = member == nullptr ? nullptr : member->find("args");
  const Json::Object* fields = arguments == nullptr ? nullptr : arguments->as_object();
  if (fields == nullptr || fields->size() > kMaximumFields) return wrong_member(key);
  Message message;
  message.text = TRY(bytes_member(*member, "text"));
  if (message.text.size() > kMaximumMessage) return wrong_member(key);
  for (const auto& [name, value] : *fields) {
    std::optional<std::string> text = bytes_from_json(value);
    if (!text || text->size() > kMaximumMessage) return wrong_member(key);
    // A name that stands twice would be written once, and the plan be another.
    const bool twice =
        std::ranges::find(message.fields, name, &Field::name) != message.fields.end();
    if (twice) return wrong_member(key);
    message.fields.emplace_back(name, *text);
  }
  return message;
}

}  // namespace cleave
