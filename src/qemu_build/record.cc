#include "qemu_build/record.h"

#include "base/text.h"

namespace cleave {
namespace {

constexpr std::string_view kSchema = "cleave.qemu-built/1";

Json list(const std::vector<std::string>& words) {
  Json json = Json::array();
  for (const std::string& word : words) json.push_back(word);
  return json;
}

std::vector<std::string> words_of(const Json& json, std::string_view key) {
  std::vector<std::string> words;
  const Json* member = json.find(key);
  if (member == nullptr || member->as_array() == nullptr) return words;
  for (const Json& word : *member->as_array()) {
    if (word.as_string() != nullptr) words.push_back(printable(*word.as_string()));
  }
  return words;
}

std::uint64_t number_of(const Json& json, std::string_view key) {
  const Json* member = json.find(key);
  return member == nullptr ? 0 : member->as_unsigned().value_or(0);
}

std::string text_of(const Json& json, std::string_view key) { return printable(json.text_of(key)); }

}  // namespace

Json to_json(const BuildRecord& record) {
  Json json;
  json.set("schema", kSchema);
  json.set("name", record.name);
  json.set("version", record.version);
  json.set("source", record.source);
  json.set("source_detail", record.source_detail);
  json.set("built_at", record.built_at);
  json.set("refresh_ms", record.refresh_ms);
  json.set("targets", record.targets);
  json.set("options", list(record.options));
  json.set("configure", list(record.configure));
  json.set("configuration", record.configuration);
  json.set("seconds", record.seconds);
  json.set("proof", Json::object({{"displays", list(record.displays)},
                                  {"guest_frames", record.guest_frames},
                                  {"guest_frames_per_second", record.guest_frames_per_second}}));
  return json;
}

std::string to_text(const BuildRecord& record) { return to_text(to_json(record), 2) + "\n"; }

Result<BuildRecord> parse_build_record(std::string_view text, std::string_view name) {
  const Json json = TRY(parse_json(text));
  if (json.text_of("schema") != kSchema || json.text_of("name") != name) {
    return error_of(ErrorCode::Malformed, {N_("The file that tells of the build {name} is damaged"),
                                           {{"name", printable(name)}}});
  }
  const Json* proof = json.find("proof");
  const Json nothing;
  const Json& proven = proof == nullptr ? nothing : *proof;
  const Json* speed = proven.find("guest_frames_per_second");
  BuildRecord record;
  record.name = name;
  record.version = text_of(json, "version");
  record.source = text_of(json, "source");
  record.source_detail = text_of(json, "source_detail");
  record.built_at = number_of(json, "built_at");
  record.refresh_ms = static_cast<std::uint32_t>(number_of(json, "refresh_ms"));
  record.targets = text_of(json, "targets");
  record.options = words_of(json, "options");
  record.configure = words_of(json, "configure");
  record.configuration = text_of(json, "configuration");
  record.displays = words_of(proven, "displays");
  record.guest_frames = number_of(proven, "guest_frames");
  record.guest_frames_per_second = speed == nullptr ? 0 : speed->as_number().value_or(0);
  record.seconds = number_of(json, "seconds");
  return record;
}

}  // namespace cleave
