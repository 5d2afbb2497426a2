#include "plan/change.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/format.h"
#include "base/text.h"
#include "plan/json_members.h"

namespace cleave {
namespace {

constexpr std::size_t kMaximumItems = 256;  // arguments of a command, words
constexpr std::uint32_t kMaximumMode = 07777;
constexpr std::uint32_t kMaximumLimitSeconds = 24 * 60 * 60;

// By WriteFile::Own.
constexpr std::array<const char*, 4> kOwnNames = {"file", "block", "words", "grub-variables"};

Json effect_json(const WriteAttribute& effect) {
  return Json::object({{"kind", "write-attribute"},
                       {"path", bytes_json(effect.path)},
                       {"value", bytes_json(effect.value)},
                       {"undo_path", bytes_json(effect.undo_path)},
                       {"undo_value", bytes_json(effect.undo_value)},
                       {"done_path", bytes_json(effect.done_path)},
                       {"undo_guard_path", bytes_json(effect.undo_guard_path)},
                       {"undo_guard", bytes_json(effect.undo_guard)}});
}

Json effect_json(const WriteFile& effect) {
  return Json::object({{"kind", "write-file"},
                       {"path", bytes_json(effect.path)},
                       {"content", bytes_json(effect.content)},
                       {"mode", effect.mode},
                       {"expected_before", bytes_json(effect.expected_before)},
                       {"own", kOwnNames.at(static_cast<std::size_t>(effect.own))},
                       {"words", list_json(effect.words)}});
}

Json effect_json(const GenerateFile& effect) {
  return Json::object({{"kind", "generate-file"},
                       {"argv", list_json(effect.argv)},
                       {"fresh", bytes_json(effect.fresh)},
                       {"path", bytes_json(effect.path)},
                       {"check_argv", list_json(effect.check_argv)},
                       {"words", list_json(effect.words)},
                       {"only_undo", effect.only_undo},
                       {"limit_seconds", effect.limit_seconds}});
}

Json effect_json(const RemoveFile& effect) {
  return Json::object({{"kind", "remove-file"},
                       {"path", bytes_json(effect.path)},
                       {"expected_before", bytes_json(effect.expected_before)}});
}

Json effect_json(const RunCommand& effect) {
  return Json::object({{"kind", "run-command"},
                       {"argv", list_json(effect.argv)},
                       {"undo_argv", list_json(effect.undo_argv)},
                       {"limit_seconds", effect.limit_seconds}});
}

Json effect_json(const ChangeOwner& effect) {
  return Json::object({{"kind", "change-owner"},
                       {"path", bytes_json(effect.path)},
                       {"named_by", bytes_json(effect.named_by)},
                       {"user", effect.user},
                       {"group", effect.group},
                       {"wait_milliseconds", effect.wait_milliseconds}});
}

Json effect_json(const BindDriver& effect) {
  return Json::object({{"kind", "bind-driver"},
                       {"device", bytes_json(effect.device)},
                       {"driver", bytes_json(effect.driver)},
                       {"vendor_id", effect.vendor_id},
                       {"device_id", effect.device_id}});
}

Json effect_json(const ReleaseUsb& effect) {
  return Json::object({{"kind", "release-usb"},
                       {"device", bytes_json(effect.device)},
                       {"vendor_id", effect.vendor_id},
                       {"product_id", effect.product_id}});
}

Result<Effect> write_attribute_from(const Json& json) {
  WriteAttribute effect;
  effect.path = TRY(path_member(json, "path"));
  effect.value = TRY(bytes_member(json, "value"));
  effect.undo_path = TRY(optional_path_member(json, "undo_path"));
  effect.undo_value = TRY(bytes_member(json, "undo_value"));
  effect.done_path = TRY(optional_path_member(json, "done_path"));
  effect.undo_guard_path = TRY(optional_path_member(json, "undo_guard_path"));
  effect.undo_guard = TRY(bytes_member(json, "undo_guard"));
  return Effect(std::move(effect));
}

Result<WriteFile::Own> own_member(const Json& json) {
  const auto name = std::ranges::find(kOwnNames, json.text_of("own"));
  if (name == kOwnNames.end()) return wrong_member("own");
  return static_cast<WriteFile::Own>(name - kOwnNames.begin());
}

Result<Effect> write_file_from(const Json& json) {
  WriteFile effect;
  effect.path = TRY(path_member(json, "path"));
  effect.content = TRY(bytes_member(json, "content"));
  effect.mode = TRY(number_member(json, "mode", kMaximumMode));
  effect.expected_before = TRY(bytes_member(json, "expected_before"));
  effect.own = TRY(own_member(json));
  effect.words = TRY(list_member(json, "words", kMaximumItems));
  return Effect(std::move(effect));
}

Result<Effect> generate_file_from(const Json& json) {
  GenerateFile effect;
  effect.argv = TRY(list_member(json, "argv", kMaximumItems));
  if (effect.argv.empty()) return wrong_member("argv");
  effect.fresh = TRY(path_member(json, "fresh"));
  effect.path = TRY(path_member(json, "path"));
  effect.check_argv = TRY(list_member(json, "check_argv", kMaximumItems));
  effect.words = TRY(list_member(json, "words", kMaximumItems));
  effect.only_undo = TRY(bool_member(json, "only_undo"));
  effect.limit_seconds = TRY(number_member(json, "limit_seconds", kMaximumLimitSeconds));
  return Effect(std::move(effect));
}

Result<Effect> remove_file_from(const Json& json) {
  RemoveFile effect;
  effect.path = TRY(path_member(json, "path"));
  effect.expected_before = TRY(bytes_member(json, "expected_before"));
  return Effect(std::move(effect));
}

Result<Effect> run_command_from(const Json& json) {
  RunCommand effect;
  effect.argv = TRY(list_member(json, "argv", kMaximumItems));
  effect.undo_argv = TRY(list_member(json, "undo_argv", kMaximumItems));
  if (effect.argv.empty() && effect.undo_argv.empty()) return wrong_member("argv");
  effect.limit_seconds = TRY(number_member(json, "limit_seconds", kMaximumLimitSeconds));
  return Effect(std::move(effect));
}

Result<Effect> change_owner_from(const Json& json) {
  ChangeOwner effect;
  effect.path = TRY(path_member(json, "path"));
  effect.named_by = TRY(optional_path_member(json, "named_by"));
  effect.user = TRY(number_member(json, "user", UINT32_MAX));
  effect.group = TRY(number_member(json, "group", UINT32_MAX));
  effect.wait_milliseconds =
      TRY(number_member(json, "wait_milliseconds", kMaximumWaitMilliseconds));
  return Effect(std::move(effect));
}

Result<Effect> bind_driver_from(const Json& json) {
  BindDriver effect;
  effect.device = TRY(path_member(json, "device"));
  effect.driver = TRY(bytes_member(json, "driver"));
  if (effect.driver.empty() || effect.driver.find('/') != std::string::npos) {
    return wrong_member("driver");
  }
  effect.vendor_id = static_cast<std::uint16_t>(TRY(number_member(json, "vendor_id", UINT16_MAX)));
  effect.device_id = static_cast<std::uint16_t>(TRY(number_member(json, "device_id", UINT16_MAX)));
  return Effect(std::move(effect));
}

Result<Effect> release_usb_from(const Json& json) {
  ReleaseUsb effect;
  effect.device = TRY(path_member(json, "device"));
  effect.vendor_id = static_cast<std::uint16_t>(TRY(number_member(json, "vendor_id", UINT16_MAX)));
  effect.product_id =
      static_cast<std::uint16_t>(TRY(number_member(json, "product_id", UINT16_MAX)));
  return Effect(std::move(effect));
}

Result<Effect> effect_from(const Json& json) {
  struct Kind {
    std::string_view name;
    Result<Effect> (*parse)(const Json&);
  };
  static constexpr Kind kKinds[] = {
      {"write-attribute", write_attribute_from}, {"write-file", write_file_from},
      {"generate-file", generate_file_from},     {"remove-file", remove_file_from},
      {"run-command", run_command_from},         {"change-owner", change_owner_from},
      {"bind-driver", bind_driver_from},         {"release-usb", release_usb_from}};
  for (const Kind& kind : kKinds) {
    if (json.text_of("kind") == kind.name) return kind.parse(json);
  }
  return wrong_member("kind");
}

}  // namespace

std::string content_hash(std::string_view content) {
  // FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : content) {
    hash ^= static_cast<unsigned char>(byte);
    hash *= 0x100000001b3;
  }
  return format("fnv1a64:{}:{:016x}", content.size(), hash);
}

Json to_json(const Change& change) {
  Json json;
  json.set("id", bytes_json(change.id));
  json.set("summary", message_json(change.summary));
  json.set("reason", message_json(change.reason));
  json.set("effect",
           std::visit([](const auto& effect) { return effect_json(effect); }, change.effect));
  json.set("needs_root", change.needs_root);
  json.set("needs_reboot", change.needs_reboot);
  json.set("permanent", change.permanent);
  return json;
}

Result<Change> change_from_json(const Json& json) {
  Change change;
  change.id = TRY(bytes_member(json, "id"));
  change.summary = TRY(message_member(json, "summary"));
  change.reason = TRY(message_member(json, "reason"));
  const Json* effect = json.find("effect");
  if (effect == nullptr) return wrong_member("effect");
  change.effect = TRY(effect_from(*effect));
  change.needs_root = TRY(bool_member(json, "needs_root"));
  change.needs_reboot = TRY(bool_member(json, "needs_reboot"));
  change.permanent = TRY(bool_member(json, "permanent"));
  return change;
}

}  // namespace cleave
