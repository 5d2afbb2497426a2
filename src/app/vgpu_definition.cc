#include "app/vgpu_definition.h"

#include <algorithm>
#include <map>
#include <utility>

#include "app/vgpu_choice.h"
#include "base/text.h"
#include "facts/mdevctl_definition.h"

namespace cleave {
namespace {

constexpr const char* kDefinitions = "/etc/mdevctl.d";
constexpr const char* kDevices = "/sys/bus/mdev/devices";

const MediatedDevice* find_device(const VgpuView& view, const std::string& uuid) {
  const auto found = std::ranges::find(view.devices, uuid, &MediatedDevice::uuid);
  return found == view.devices.end() ? nullptr : *found;
}

// Null if none has that UUID.
const MdevDefinition* find_definition(const std::vector<MdevDefinition>& definitions,
                                      const std::string& uuid) {
  const auto found = std::ranges::find(definitions, uuid, &MdevDefinition::uuid);
  return found == definitions.end() ? nullptr : &*found;
}

Error not_defined(const std::vector<MdevDefinition>& definitions, const std::string& uuid) {
  std::vector<std::string> uuids;
  for (const MdevDefinition& definition : definitions) uuids.push_back(definition.uuid);
  Message remedy{N_("“cleave vgpu define” defines one.")};
  if (!uuids.empty()) {
    remedy = {N_("Defined are: {uuids}"), {{"uuids", printable(join(uuids, ", "))}}};
  }
  return error_of(ErrorCode::NotFound,
                  {N_("No vGPU is defined with the UUID {uuid}."), {{"uuid", printable(uuid)}}},
                  std::move(remedy));
}

// --- defining

Result<std::string> uuid_of(const DefineRequest& request) {
  if (!request.uuid) return random_uuid();
  if (auto uuid = parse_uuid(*request.uuid)) return std::move(*uuid);
  return error_of(ErrorCode::Malformed,
                  {N_("“{uuid}” is no UUID."), {{"uuid", printable(*request.uuid)}}},
                  {N_("A UUID looks like 2f5e7a0c-3b1d-4c8e-9f6a-0d1e2c3b4a59; uuidgen makes "
                      "one.")});
}

// What the request leaves open and something with that UUID decides.
void take_from(const VgpuView& view, const std::vector<MdevDefinition>& definitions,
               const std::string& uuid, DefineRequest& request) {
  std::string parent;
  std::string type;
  if (const MdevDefinition* known = find_definition(definitions, uuid)) {
    parent = known->parent;
    type = known->type;
    if (!request.by_itself) request.by_itself = known->starts_by_itself;
  } else if (const MediatedDevice* device = find_device(view, uuid)) {
    parent = device->parent;
    type = device->type_id;
  }
  if (!request.parent && !parent.empty()) request.parent = parent;
  if (!request.type && !type.empty()) request.type = type;
}

// That the parent would make such a vGPU if it had room.
Result<void> check_type(const VgpuView& view, const MdevDefinition& definition) {
  const VgpuParent* parent = find_parent(view, definition.parent);
  if (parent == nullptr) return {};
  for (const TypeCapacity& type : parent->capacity.types) {
    if (type.id == definition.type && (type.listed || type.maximum.value_or(0) > 0)) return {};
  }
  (void)TRY(attach_plan(
      view, {.uuid = definition.uuid, .parent = definition.parent, .type_id = definition.type}));
  return {};
}

Error taken(const std::string& uuid, const std::string& type, const std::string& parent) {
  return error_of(
      ErrorCode::Conflict,
      {N_("The UUID {uuid} is taken: a vGPU of type {type} on {parent} has it."),
       {{"uuid", uuid}, {"type", printable(type)}, {"parent", printable(parent)}}},
      {N_("Take another UUID, or remove that vGPU: cleave vgpu remove {uuid}"), {{"uuid", uuid}}});
}

Result<void> check_uuid(const VgpuView& view, const std::vector<MdevDefinition>& definitions,
                        const MdevDefinition& wanted) {
  if (const MediatedDevice* device = find_device(view, wanted.uuid)) {
    const bool same = device->parent == wanted.parent && device->type_id == wanted.type;
    if (!same) return taken(wanted.uuid, device->type_id, device->parent);
  }
  const MdevDefinition* known = find_definition(definitions, wanted.uuid);
  if (known == nullptr || known->parent == wanted.parent) return {};
  return error_of(ErrorCode::Conflict,
                  {N_("A vGPU with the UUID {uuid} is defined already, on {parent}."),
                   {{"uuid", wanted.uuid}, {"parent", printable(known->parent)}}},
                  {N_("Take that definition away first: cleave vgpu undefine {uuid}"),
                   {{"uuid", wanted.uuid}}});
}

Change define_change(const MdevDefinition& definition, const std::string& content, bool is_new) {
  WriteFile file;
  file.path = definition.path;
  file.content = content;
  if (is_new) file.expected_before = kAbsentFile;
  Change change;
  change.id = "vgpu.define";
  change.summary = {
      N_("Define vGPU {uuid} of type {type} on {parent}"),
      {{"uuid", definition.uuid}, {"type", definition.type}, {"parent", definition.parent}}};
  change.reason = definition.starts_by_itself
                      ? Message(N_("It is made at every start, as soon as its parent offers it; "
                                   "mdevctl sees it, too."))
                      : Message(N_("“cleave vgpu start” makes it; mdevctl sees it, too."));
  change.effect = std::move(file);
  change.permanent = true;
  return change;
}

const WriteFile* write_of(const Plan& plan, const std::string& path) {
  for (const Change& change : plan.changes) {
    const auto* file = std::get_if<WriteFile>(&change.effect);
    if (file != nullptr && file->path == path) return file;
  }
  return nullptr;
}

// Empty if the file was there before, or several have written it: undoing one would bring another
// definition back.
std::optional<std::uint32_t> only_definer(const std::vector<TransactionRecord>& records,
                                          const std::string& path) {
  std::optional<std::uint32_t> only;
  for (const TransactionRecord& record : records) {
    if (record.state != TransactionRecord::State::Applied) continue;
    const WriteFile* file = write_of(record.plan, path);
    if (file == nullptr) continue;
    if (only || file->expected_before != kAbsentFile) return std::nullopt;
    only = record.number;
  }
  return only;
}

// --- starting

void add_attributes(Plan& plan, const MdevDefinition& definition) {
  const std::string device = join_path(kDevices, definition.uuid);
  for (const MdevAttribute& attribute : definition.attributes) {
    WriteAttribute write;
    write.path = join_path(device, attribute.name);
    write.value = attribute.value;
    Change change;
    change.id = "vgpu.attribute";
    change.summary = {N_("Set {attribute} to {value}"),
                      {{"attribute", attribute.name}, {"value", attribute.value}}};
    change.effect = std::move(write);
    plan.changes.push_back(std::move(change));
  }
}

bool is_there_as_defined(const VgpuView& view, const MdevDefinition& definition) {
  const MediatedDevice* device = find_device(view, definition.uuid);
  return device != nullptr && device->parent == definition.parent &&
         device->type_id == definition.type;
}

Result<PreparedCreate> creation_of(const VgpuView& view, const MdevDefinition& definition,
                                   const std::optional<Owner>& owner = std::nullopt) {
  if (!definition.problem.empty()) {
    return error_of(ErrorCode::Malformed,
                    {N_("{path} cannot be understood: {problem}"),
                     {{"path", definition.path}, {"problem", definition.problem}}});
  }
  PreparedCreate prepared = TRY(prepare_create(view, {.parent = definition.parent,
                                                      .type = definition.type,
                                                      .uuid = definition.uuid,
                                                      .owner = owner}));
  if (!prepared.plan.empty()) add_attributes(prepared.plan, definition);
  return prepared;
}

// Of a vGPU that was to be made and was not. mdevctl starts what is defined, too, and may have been
// faster; and those that were made before it may have taken its room, of which the plan knew
// nothing.
void look_again(const VgpuView& now, const PreparedCreate& wanted, const PartReport& part,
                StartedVgpu& started) {
  if (is_there_as_defined(now, started.definition)) {
    started.state = VgpuStart::AlreadyThere;
    return;
  }
  started.state = VgpuStart::Refused;
  const Result<PreparedCreate> again = creation_of(now, started.definition);
  if (!again) {
    started.why = again.error();
  } else if (part.why) {
    started.why = explain_create(*part.why, wanted.request);
  } else {
    started.why = error_of(ErrorCode::Conflict, {N_("The vGPU {uuid} was there for a moment, made "
                                                    "by another program, and is gone again."),
                                                 {{"uuid", started.definition.uuid}}});
  }
}

}  // namespace

Result<std::vector<MdevDefinition>> vgpu_definitions(const Facts& facts) {
  const auto& definitions = facts.virtual_machines.mdev_definitions;
  if (const Unreadable* why = definitions.unreadable()) {
    Error error = error_of(ErrorCode::Denied, {N_("Could not read {path}: {why}"),
                                               {{"path", why->path}, {"why", why->why}}});
    error.path = why->path;
    return error;
  }
  return definitions.value_or({});
}

Result<MdevDefinition> defined_vgpu(const Facts& facts, const std::string& uuid) {
  const std::vector<MdevDefinition> definitions = TRY(vgpu_definitions(facts));
  const std::string wanted = parse_uuid(uuid).value_or(uuid);
  const MdevDefinition* known = find_definition(definitions, wanted);
  if (known == nullptr) return not_defined(definitions, wanted);
  return *known;
}

Result<PreparedDefine> prepare_define(const VgpuView& view, const DefineRequest& request) {
  const std::vector<MdevDefinition> definitions = TRY(vgpu_definitions(*view.facts));
  DefineRequest open = request;
  PreparedDefine prepared;
  MdevDefinition& definition = prepared.definition;
  definition.uuid = TRY(uuid_of(request));
  take_from(view, definitions, definition.uuid, open);
  definition.parent = TRY(choose_parent(view, open.parent));
  const VgpuParent* parent = find_parent(view, definition.parent);
  definition.type = TRY(choose_type(parent, open.type));
  definition.starts_by_itself = open.by_itself.value_or(false);
  prepared.unchecked = parent == nullptr;
  if (definition.type.empty() || definition.parent.find('/') != std::string::npos) {
    (void)TRY(
        attach_plan(view, {.uuid = definition.uuid, .parent = definition.parent, .type_id = ""}));
  }
  TRY(check_uuid(view, definitions, definition));
  TRY(check_type(view, definition));

  const MdevDefinition* known = find_definition(definitions, definition.uuid);
  if (known != nullptr) definition.attributes = known->attributes;
  definition.path = known != nullptr
                        ? known->path
                        : join_path(join_path(kDefinitions, definition.parent), definition.uuid);
  prepared.plan.purpose = {N_("Define a vGPU of type {type}"), {{"type", definition.type}}};
  const std::string content = mdevctl_text(definition);
  const bool same = known != nullptr && known->problem.empty() && mdevctl_text(*known) == content;
  if (!same) prepared.plan.changes.push_back(define_change(definition, content, known == nullptr));
  return prepared;
}

Result<PreparedUndefine> prepare_undefine(const VgpuView& view, const Transactions& transactions,
                                          const std::string& uuid) {
  PreparedUndefine prepared;
  prepared.definition = TRY(defined_vgpu(*view.facts, uuid));
  const MdevDefinition& known = prepared.definition;
  const std::string name = printable(known.uuid);
  prepared.exists = find_device(view, known.uuid) != nullptr;
  prepared.made_by = only_definer(TRY(transactions.list()), known.path);
  prepared.plan.purpose = {N_("Define vGPU {uuid} no more"), {{"uuid", name}}};
  Change change;
  change.id = "vgpu.undefine";
  change.summary = {N_("Take away the definition of vGPU {uuid} on {parent}"),
                    {{"uuid", name}, {"parent", printable(known.parent)}}};
  change.effect = RemoveFile{.path = known.path, .expected_before = ""};
  change.permanent = true;
  prepared.plan.changes.push_back(std::move(change));
  return prepared;
}

Result<std::uint32_t> undefine_vgpu(Transactions& transactions, const PreparedUndefine& prepared) {
  if (prepared.made_by) {
    const auto undone = transactions.undo(*prepared.made_by);
    if (undone) return *prepared.made_by;
    // Edited since, with mdevctl for example: then the file alone goes.
    if (undone.error().code != ErrorCode::Conflict) return undone.error();
  }
  const ApplyReport report = TRY(transactions.apply(prepared.plan));
  return report.transaction;
}

const char* vgpu_start_name(VgpuStart state) {
  switch (state) {
    case VgpuStart::Started:
      return "started";
    case VgpuStart::AlreadyThere:
      return "already-there";
    case VgpuStart::Refused:
      break;
  }
  return "refused";
}

PreparedStart prepare_start(const VgpuView& view, const MdevDefinition& definition,
                            const std::optional<Owner>& owner) {
  return {.definition = definition, .create = creation_of(view, definition, owner)};
}

PartOrder start_order(const std::vector<PreparedStart>& prepared) {
  struct Wish {
    std::string type;
    std::uint32_t count = 0;
  };
  std::map<std::string, Wish> wishes;  // by parent
  for (const PreparedStart& each : prepared) {
    if (!each.create || each.create->plan.empty()) continue;
    const VgpuRequest& request = each.create->request;
    Wish& wish = wishes.try_emplace(request.parent, Wish{.type = request.type_id}).first->second;
    if (wish.type != request.type_id || ++wish.count > each.create->room) return PartOrder::Given;
  }
  return PartOrder::Any;
}

Result<std::vector<StartedVgpu>> start_vgpus(HostWriter& host, Transactions& transactions,
                                             const std::vector<PreparedStart>& prepared) {
  std::vector<StartedVgpu> all;
  std::vector<Plan> parts;
  for (const PreparedStart& each : prepared) {
    StartedVgpu started{.definition = each.definition, .state = VgpuStart::AlreadyThere, .why = {}};
    if (!each.create) {
      started.state = VgpuStart::Refused;
      started.why = each.create.error();
    } else if (!each.create->plan.empty()) {
      started.state = VgpuStart::Started;
      parts.push_back(each.create->plan);
    }
    all.push_back(std::move(started));
  }
  const auto reports = TRY(
      transactions.apply_parts({N_("Make vGPUs that are defined")}, parts, start_order(prepared)));
  auto report = reports.begin();
  std::optional<VgpuView> now;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].state != VgpuStart::Started) continue;
    const PartReport& part = *report++;
    all[i].transaction = part.transaction;
    // The first change of a part makes the vGPU.
    const bool made_by_another = std::ranges::find(part.skipped, 0U) != part.skipped.end();
    if (!part.why && !made_by_another) continue;
    if (!now) now = TRY(view_vgpus(host, VgpuDetail::None));
    look_again(*now, *prepared[i].create, part, all[i]);
  }
  return all;
}

}  // namespace cleave
