#include "cli/render/doctor_json.h"

#include "analysis/guest_use.h"
#include "base/format.h"
#include "base/text.h"
#include "facts/boot_loader.h"

namespace cleave {
namespace {

Json known_or_null(const Fact<std::string>& fact) {
  return fact.is_known() ? Json(*fact.value()) : Json();
}

Json known_or_null(const Fact<bool>& fact) {
  if (fact.is_known()) return *fact.value();
  return fact.is_absent() && !fact.source().empty() ? Json(false) : Json();
}

Json strings(const std::vector<std::string>& texts) {
  Json json = Json::array();
  for (const std::string& text : texts) json.push_back(printable(text));
  return json;
}

Json boot_evidence_json(const std::vector<BootEvidence>& evidence) {
  Json json = Json::array();
  for (const BootEvidence& seen : evidence) {
    json.push_back(
        Json::object({{"source", printable(seen.source)}, {"text", printable(seen.text)}}));
  }
  return json;
}

Json difference_json(const std::optional<CommandLineDifference>& difference) {
  if (!difference) return {};
  Json json = Json::object();
  json.set("file", printable(difference->source));
  json.set("entry", difference->entry.empty() ? Json() : Json(printable(difference->entry)));
  json.set("missing", strings(difference->missing));
  json.set("additional", strings(difference->additional));
  json.set("reordered", strings(difference->reordered));
  return json;
}

Json boot_json(const Facts& facts) {
  const BootLoader loader = find_boot_loader(facts);
  const InitramfsTool initramfs = find_initramfs_tool(facts);
  const std::optional<bool> matches = loader.matches_running();
  Json json = Json::object();
  json.set("loader", loader_name(loader.kind));
  json.set("name", loader.name.empty() ? Json() : Json(printable(loader.name)));
  json.set("confidence", confidence_name(loader.confidence));
  json.set("writer", writer_name(loader.writer));
  json.set("evidence", boot_evidence_json(loader.evidence));
  json.set("unread", boot_evidence_json(loader.unread));
  json.set("files", strings(loader.files));
  json.set("command", loader.command.empty() ? Json() : Json(printable(loader.command)));
  json.set("matches_running", matches ? Json(*matches) : Json());
  json.set("menu", difference_json(loader.menu));
  json.set("settings", difference_json(loader.settings));
  json.set("initramfs", initramfs.name.empty() ? Json() : Json(initramfs.name));
  json.set("initramfs_image", initramfs.image.empty() ? Json() : Json(printable(initramfs.image)));
  return json;
}

Json machine_json(const Facts& facts) {
  Json json = Json::object();
  json.set("product", known_or_null(facts.product));
  json.set("distribution", known_or_null(facts.distribution));
  json.set("kernel", known_or_null(facts.kernel.release));
  const CpuFacts* cpu = facts.cpu.value();
  json.set("cpu", cpu != nullptr ? Json(cpu->model) : Json());
  json.set("cpu_virtualisation", cpu != nullptr ? Json(cpu->vmx || cpu->svm) : Json());
  json.set("kvm_node", known_or_null(facts.kvm.node));
  json.set("kvm_accessible", known_or_null(facts.kvm.accessible));
  json.set("memory_bytes",
           facts.memory_bytes.is_known() ? Json(*facts.memory_bytes.value()) : Json());
  json.set("live", facts.is_live);
  json.set("root", facts.is_root);
  json.set("boot", boot_json(facts));
  return json;
}

const char* resource_name(GvtResource resource) {
  switch (resource) {
    case GvtResource::Aperture:
      return "aperture";
    case GvtResource::HiddenMemory:
      return "hidden-memory";
    case GvtResource::Fences:
      return "fences";
    case GvtResource::Devices:
      return "devices";
  }
  return "devices";
}

Json type_json(const TypeCapacity& type) {
  Json json;
  json.set("id", type.id);
  json.set("name", type.name.empty() ? Json() : Json(type.name));
  json.set("available", type.available_known ? Json(type.available) : Json());
  json.set("reason", type.reason.empty() ? Json() : Json(english(type.reason)));
  json.set("limited_by", type.limited_by ? Json(resource_name(*type.limited_by)) : Json());
  json.set("listed", type.listed);
  json.set("maximum", type.maximum ? Json(*type.maximum) : Json());
  json.set("width", type.size.width != 0 ? Json(type.size.width) : Json());
  json.set("height", type.size.height != 0 ? Json(type.size.height) : Json());
  json.set("memory_mb", type.memory_mb != 0 ? Json(type.memory_mb) : Json());
  return json;
}

Json types_json(const Capacity& capacity) {
  Json types = Json::array();
  for (const TypeCapacity& type : capacity.types) types.push_back(type_json(type));
  return types;
}

Json rule_ids(const std::vector<const Finding*>& findings) {
  Json ids = Json::array();
  for (const Finding* finding : findings) ids.push_back(finding->rule->id);
  return ids;
}

Json mode_id(const Mode* mode) { return mode != nullptr ? Json(mode->id) : Json(); }

Json guests_json(const Mode& mode) {
  Json guests = Json::array();
  for (const Guest guest : {Guest::Windows, Guest::Linux}) {
    if (mode.accelerates(guest)) guests.push_back(guest_name(guest));
  }
  return guests;
}

Json way_json(const WayVerdict& way) {
  Json modes = Json::array();
  for (const ModeVerdict& mode : way.modes) {
    Json json;
    json.set("id", mode.mode->id);
    json.set("verdict", verdict_name(mode.verdict));
    json.set("deciding", rule_ids(mode.deciding));
    json.set("guests", guests_json(*mode.mode));
    modes.push_back(std::move(json));
  }
  Json json;
  json.set("id", way.way);
  json.set("verdict", verdict_name(way.verdict));
  json.set("deciding", rule_ids(way.deciding));
  json.set("mode", mode_id(way.mode));
  json.set("modes", std::move(modes));
  return json;
}

// The VMs that use the GPU, one entry each, whatever they are called.
Json virtual_machines_json(const Facts& facts, const PciDevice& gpu) {
  Json machines = Json::array();
  const VirtualMachine* last = nullptr;
  for (const GuestUse& use : guests_of(facts, gpu)) {
    if (use.machine != last) {
      Json machine;
      machine.set("name", use.settings->name);
      machine.set("source", source_name(use.machine->source));
      machine.set("running", use.machine->process_id != 0);
      machine.set("devices", Json::array());
      machines.push_back(std::move(machine));
    }
    last = use.machine;
    Json::Object& members = *machines.as_array()->back().as_object();
    members.back().second.push_back(device_name(*use.device));
  }
  return machines;
}

Json gpu_json(const Facts& facts, const GpuDiagnosis& diagnosis) {
  const PciDevice& gpu = *diagnosis.gpu;
  Json json;
  json.set("address", to_text(gpu.address));
  json.set("vendor_id", format("{:04x}", gpu.vendor_id));
  json.set("device_id", format("{:04x}", gpu.device_id));
  json.set("name", gpu.device_name ? Json(*gpu.device_name) : Json());
  json.set("vendor_name", gpu.vendor_name ? Json(*gpu.vendor_name) : Json());
  json.set("driver", known_or_null(gpu.driver));
  Json ways = Json::array();
  for (const WayVerdict& way : diagnosis.ways) ways.push_back(way_json(way));
  json.set("ways", std::move(ways));
  json.set("vgpu_types", types_json(diagnosis.capacity));
  json.set("vgpu_types_predicted", diagnosis.predicted);
  const auto& best = diagnosis.capacity.best_type;
  json.set("best_type", best ? Json(*best) : Json());
  json.set("virtual_machines", virtual_machines_json(facts, gpu));
  return json;
}

Json finding_json(const Finding& finding) {
  Json evidence = Json::array();
  for (const Evidence& seen : finding.outcome.evidence) {
    evidence.push_back(Json::object({{"source", seen.source}, {"text", seen.text}}));
  }
  Json arguments = Json::object();
  for (const Field& field : finding.outcome.arguments) arguments.set(field.name, field.value);
  Json json;
  json.set("id", finding.rule->id);
  json.set("level", level_name(finding.rule->level));
  json.set("fixer", fixer_name(finding.rule->fixer));
  json.set("outcome", outcome_name(finding.outcome.kind));
  json.set("gpu", finding.gpu ? Json(to_text(*finding.gpu)) : Json());
  json.set("evidence", std::move(evidence));
  json.set("args", std::move(arguments));
  return json;
}

Json recommendation_json(const Diagnosis& diagnosis, const Diagnosis::Recommendation* recommended,
                         Json guest) {
  const bool any = recommended != nullptr;
  Json json = Json::object();
  json.set("gpu", any ? Json(to_text(diagnosis.gpus[recommended->gpu].gpu->address)) : Json());
  json.set("way", any ? Json(recommended->verdict->way) : Json());
  json.set("mode", any ? mode_id(recommended->verdict->mode) : Json());
  json.set("guest", any ? std::move(guest) : Json());
  json.set("verdict", any ? Json(verdict_name(recommended->verdict->verdict)) : Json());
  json.set("better",
           any && recommended->better != nullptr ? Json(recommended->better->way) : Json());
  const WayVerdict* better = any ? recommended->better : nullptr;
  json.set("better_mode", better != nullptr ? mode_id(better->mode) : Json());
  json.set("better_needs", better != nullptr ? rule_ids(better->deciding) : Json::array());
  return json;
}

}  // namespace

Json doctor_json(const Diagnosis& diagnosis) {
  Json gpus = Json::array();
  for (const GpuDiagnosis& gpu : diagnosis.gpus) gpus.push_back(gpu_json(*diagnosis.facts, gpu));
  Json parents = Json::array();
  for (const Diagnosis::OtherParent& other : diagnosis.other_parents) {
    Json parent;
    parent.set("name", other.parent->name);
    parent.set("driver", known_or_null(other.parent->driver));
    parent.set("vgpu_types", types_json(other.capacity));
    parents.push_back(std::move(parent));
  }
  Json findings = Json::array();
  for (const Finding& finding : diagnosis.findings) findings.push_back(finding_json(finding));
  Json json;
  json.set("schema", "cleave.doctor/1");
  json.set("ready", diagnosis.ready());
  json.set("machine", machine_json(*diagnosis.facts));
  json.set("gpus", std::move(gpus));
  json.set("mdev_parents", std::move(parents));
  json.set("findings", std::move(findings));
  json.set("needs_root", strings(closed_rules(diagnosis)));
  const auto* windows = diagnosis.windows ? &*diagnosis.windows : nullptr;
  const auto* linux_guest = diagnosis.linux_guest ? &*diagnosis.linux_guest : nullptr;
  const char* guest = guest_name(windows != nullptr ? Guest::Windows : Guest::Linux);
  json.set("recommendation", recommendation_json(diagnosis, diagnosis.recommended(), guest));
  json.set("recommendations",
           Json::object({{"windows", recommendation_json(diagnosis, windows, "windows")},
                         {"linux", recommendation_json(diagnosis, linux_guest, "linux")}}));
  return json;
}

}  // namespace cleave
