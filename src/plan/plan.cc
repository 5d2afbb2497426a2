#include "plan/plan.h"

#include <algorithm>
#include <utility>

#include "base/format.h"
#include "base/text.h"
#include "plan/json_members.h"

namespace cleave {
namespace {

// The place that an effect leaves in a state, and that state; an empty place: nothing that another
// change could contradict.
struct Claim {
  std::string place;
  std::string state;
};

Claim claim_of(const WriteAttribute& effect) {
  // `create` and its like are acts, not states: two of them are two devices.
  if (!effect.done_path.empty()) return {};
  return {effect.path, effect.value};
}
Claim claim_of(const WriteFile& effect) { return {effect.path, "file " + effect.content}; }
// What is generated follows from other files; several changes may generate it.
Claim claim_of(const GenerateFile& /*effect*/) { return {}; }
Claim claim_of(const RemoveFile& effect) { return {effect.path, "no file"}; }
Claim claim_of(const RunCommand& /*effect*/) { return {}; }
Claim claim_of(const ChangeOwner& effect) {
  // The owner of a file and its content are different places.
  return {format("{} {}\n", effect.path, effect.named_by),
          format("{}:{}", effect.user, effect.group)};
}

Claim claim_of(const BindDriver& effect) { return {effect.device + "\n", effect.driver}; }
Claim claim_of(const ReleaseUsb& effect) { return {effect.device + "\n", ""}; }

std::string command_text(const std::vector<std::string>& argv) {
  return printable(join(argv, " "));
}

std::string owned_thing(const ChangeOwner& effect) {
  if (effect.named_by.empty()) return effect.path;
  return format("{}/N (N: {})", effect.path, effect.named_by);
}

std::string text_of(const WriteAttribute& effect) {
  return format("write {} to {}", effect.value, effect.path);
}
std::string text_of(const WriteFile& effect) {
  return format("write {} bytes to {}", effect.content.size(), effect.path);
}
std::string text_of(const GenerateFile& effect) {
  if (effect.only_undo) return "";
  return format("{} → {}", command_text(effect.argv), effect.path);
}
std::string text_of(const RemoveFile& effect) { return format("remove {}", effect.path); }
std::string text_of(const RunCommand& effect) { return command_text(effect.argv); }
std::string text_of(const ChangeOwner& effect) {
  return format("chown {}:{} {}", effect.user, effect.group, owned_thing(effect));
}

std::string text_of(const BindDriver& effect) {
  return format("bind {} to {}", effect.device, effect.driver);
}

std::string text_of(const ReleaseUsb& effect) {
  return format("unbind the interfaces of {}", effect.device);
}

std::string undo_text_of(const WriteAttribute& effect) {
  if (effect.undo_path.empty()) return "";
  return format("write {} to {}", effect.undo_value, effect.undo_path);
}
std::string undo_text_of(const WriteFile& effect) { return format("put back {}", effect.path); }
std::string undo_text_of(const GenerateFile& effect) {
  // Its other half, which comes first, tells it.
  return effect.only_undo ? "" : format("put back {}", effect.path);
}
std::string undo_text_of(const RemoveFile& effect) { return format("put back {}", effect.path); }
std::string undo_text_of(const RunCommand& effect) { return command_text(effect.undo_argv); }
std::string undo_text_of(const ChangeOwner& effect) {
  return format("put back the owner of {}", owned_thing(effect));
}
std::string undo_text_of(const BindDriver& effect) {
  return format("give {} back to its driver", effect.device);
}
std::string undo_text_of(const ReleaseUsb& effect) {
  return format("give the interfaces of {} back to their drivers", effect.device);
}

}  // namespace

bool Plan::needs_root() const { return std::ranges::any_of(changes, &Change::needs_root); }

bool Plan::needs_reboot() const { return std::ranges::any_of(changes, &Change::needs_reboot); }

std::vector<Message> conflicts(const Plan& plan) {
  std::vector<Claim> claims;
  std::vector<Message> found;
  for (const Change& change : plan.changes) {
    Claim claim = std::visit([](const auto& effect) { return claim_of(effect); }, change.effect);
    if (claim.place.empty()) continue;
    const auto earlier = std::ranges::find(claims, claim.place, &Claim::place);
    if (earlier == claims.end()) {
      claims.push_back(std::move(claim));
    } else if (earlier->state != claim.state) {
      found.emplace_back(N_("Two changes of this plan contradict each other: {place}"),
                         std::vector<Field>{{"place", effect_text(change.effect)}});
    }
  }
  return found;
}

std::string effect_text(const Effect& effect) {
  return printable(std::visit([](const auto& held) { return text_of(held); }, effect));
}

std::string undo_text(const Effect& effect) {
  return printable(std::visit([](const auto& held) { return undo_text_of(held); }, effect));
}

Json to_json(const Plan& plan) {
  Json changes = Json::array();
  for (const Change& change : plan.changes) changes.push_back(to_json(change));
  return Json::object({{"purpose", message_json(plan.purpose)},
                       {"kind", plan.kind},
                       {"needs_root", plan.needs_root()},
                       {"needs_reboot", plan.needs_reboot()},
                       {"changes", std::move(changes)}});
}

Result<Plan> plan_from_json(const Json& json) {
  Plan plan;
  plan.purpose = TRY(message_member(json, "purpose"));
  // Journals of the first versions have none.
  if (json.find("kind") != nullptr) plan.kind = TRY(bytes_member(json, "kind"));
  const Json* member = json.find("changes");
  const Json::Array* changes = member == nullptr ? nullptr : member->as_array();
  if (changes == nullptr || changes->size() > kMaximumChanges) return wrong_member("changes");
  for (const Json& change : *changes) plan.changes.push_back(TRY(change_from_json(change)));
  return plan;
}

}  // namespace cleave
