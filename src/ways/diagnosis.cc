// Findings → verdicts → the whole diagnosis.
#include <algorithm>
#include <array>
#include <cerrno>
#include <tuple>

#include "analysis/intel_gpu.h"
#include "base/result.h"
#include "base/text.h"
#include "ways/ways.h"

namespace cleave {
namespace {

Verdict verdict_of(const Finding& finding) {
  switch (finding.outcome.kind) {
    case OutcomeKind::Pass:
    case OutcomeKind::NotApplicable:
      return Verdict::Ready;
    case OutcomeKind::Unknown:
      return Verdict::Unknown;
    case OutcomeKind::Fail:
      break;
  }
  if (finding.rule->fixer == Fixer::Firmware) return Verdict::NeedsFirmware;
  if (finding.rule->level == RuleLevel::Blocker) return Verdict::Impossible;
  return Verdict::NeedsChanges;
}

const Finding* find_finding(const std::vector<Finding>& findings, std::string_view rule,
                            const PciAddress& gpu) {
  const auto found = std::ranges::find_if(findings, [&](const Finding& finding) {
    return rule == finding.rule->id && finding.gpu.value_or(gpu) == gpu;
  });
  return found == findings.end() ? nullptr : &*found;
}

const MdevParent* parent_at(const Facts& facts, const PciAddress& address) {
  const auto* parents = facts.mdev_parents.value();
  if (parents == nullptr) return nullptr;
  const auto found = std::ranges::find(*parents, address, &MdevParent::pci);
  return found == parents->end() ? nullptr : &*found;
}

// A parent is the GPU, or (NVIDIA from Ampere on) one of its virtual functions.
const PciDevice* gpu_of(const Facts& facts, const MdevParent& parent) {
  const auto* devices = facts.pci_devices.value();
  if (devices == nullptr || !parent.pci) return nullptr;
  const auto device = std::ranges::find(*devices, *parent.pci, &PciDevice::address);
  if (device == devices->end()) return nullptr;
  const PciAddress owner = device->physical_function.value_or(device->address);
  const auto gpus = gpus_of(facts);
  const auto found =
      std::ranges::find_if(gpus, [&](const PciDevice* gpu) { return gpu->address == owner; });
  return found == gpus.end() ? nullptr : *found;
}

const IntelGpu* gvt_gpu(const PciDevice& gpu) {
  const IntelGpu* known = gpu.vendor_id == kIntelVendorId ? find_intel_gpu(gpu.device_id) : nullptr;
  return known != nullptr && known->gvt_g ? known : nullptr;
}

// The types of the GPU's virtual functions: as mediated devices, or as NVIDIA's driver lists them.
Capacity functions_capacity(const Facts& facts, const PciDevice& gpu) {
  std::vector<Capacity> parts;
  for (const PciDevice& device : facts.pci_devices.value_or({})) {
    if (device.physical_function != gpu.address) continue;
    if (const MdevParent* parent = parent_at(facts, device.address)) {
      parts.push_back(capacity_of(facts, *parent));
    } else {
      parts.push_back(capacity_of_function(device));
    }
  }
  return join_capacities(parts);
}

void add_capacity(const Facts& facts, GpuDiagnosis& diagnosis) {
  const PciDevice& gpu = *diagnosis.gpu;
  const auto aperture = aperture_bytes(gpu);
  const IntelGpu* known = gvt_gpu(gpu);
  if (diagnosis.parent != nullptr) {
    diagnosis.capacity = capacity_of(facts, *diagnosis.parent);
    const Way& way = way_for_parent(facts, *diagnosis.parent);
    diagnosis.types_of = &way == &gvt_g_way() ? gvt_g_way().id() : sr_iov_way().id();
  } else if (known != nullptr && aperture) {
    diagnosis.capacity.types = predict_gvt_types(*aperture, known->graphics_version);
    diagnosis.predicted = true;
    diagnosis.types_of = gvt_g_way().id();
  } else {
    diagnosis.capacity = functions_capacity(facts, gpu);
    diagnosis.types_of = sr_iov_way().id();
  }
}

GpuDiagnosis diagnose_gpu(const Facts& facts, const PciDevice& gpu,
                          const std::vector<Finding>& findings,
                          const std::optional<std::string>& wanted_way) {
  GpuDiagnosis diagnosis;
  diagnosis.gpu = &gpu;
  diagnosis.parent = parent_at(facts, gpu.address);
  for (const Way* way : all_ways()) {
    if (wanted_way && *wanted_way != way->id()) continue;
    if (way->applies_to(gpu)) diagnosis.ways.push_back(judge(*way, gpu, findings));
  }
  add_capacity(facts, diagnosis);
  return diagnosis;
}

ModeVerdict judge_mode(const Mode& mode, const PciDevice& gpu,
                       const std::vector<Finding>& findings) {
  ModeVerdict result{.mode = &mode, .verdict = Verdict::Ready, .deciding = {}};
  for (const char* need : mode.needs) {
    const Finding* finding = find_finding(findings, need, gpu.address);
    // A rule that was not run says nothing good.
    const Verdict verdict = finding == nullptr ? Verdict::Unknown : verdict_of(*finding);
    result.verdict = std::max(result.verdict, verdict);
    if (finding != nullptr && verdict != Verdict::Ready) result.deciding.push_back(finding);
  }
  std::ranges::stable_sort(result.deciding, std::ranges::greater{},
                           [](const Finding* finding) { return verdict_of(*finding); });
  return result;
}

struct Candidate {
  Diagnosis::Recommendation recommendation;
  bool costs_the_screen = false;
  std::size_t preference = 0;  // of the way, 0 the most
  // The lower the better: a screen is not given away while there is another way; what is ready
  // comes before what needs changes.
  [[nodiscard]] auto rank() const {
    return std::tuple(costs_the_screen, recommendation.verdict->verdict, preference);
  }
};

bool costs_the_screen(const Diagnosis& diagnosis, const WayVerdict& verdict, const PciDevice& gpu) {
  if (verdict.way != passthrough_way().id()) return false;
  const Finding* display =
      find_finding(diagnosis.findings, "passthrough.host_display", gpu.address);
  return display == nullptr || display->outcome.kind != OutcomeKind::Pass;
}

// Every way of every GPU that such a guest would draw with and that is not out of the question.
std::vector<Candidate> candidates_for(const Diagnosis& diagnosis, Guest guest) {
  std::vector<Candidate> candidates;
  const auto& ways = all_ways();
  for (std::size_t i = 0; i < diagnosis.gpus.size(); ++i) {
    for (const WayVerdict& verdict : diagnosis.gpus[i].ways) {
      const auto way = std::ranges::find(ways, verdict.way, [](const Way* w) { return w->id(); });
      const bool possible = verdict.verdict != Verdict::Impossible &&
                            verdict.verdict != Verdict::Unknown && verdict.mode != nullptr &&
                            verdict.mode->accelerates(guest);
      if (!possible) continue;
      candidates.push_back(
          {.recommendation = {.gpu = i, .verdict = &verdict, .better = nullptr},
           .costs_the_screen = costs_the_screen(diagnosis, verdict, *diagnosis.gpus[i].gpu),
           .preference = static_cast<std::size_t>(way - ways.begin())});
    }
  }
  return candidates;
}

// Where the answer is not known or is no, nothing is recommended.
std::optional<Diagnosis::Recommendation> recommend(const Diagnosis& diagnosis, Guest guest) {
  const std::vector<Candidate> candidates = candidates_for(diagnosis, guest);
  const auto best = std::ranges::min_element(candidates, {}, &Candidate::rank);
  if (best == candidates.end()) return std::nullopt;
  Diagnosis::Recommendation recommendation = best->recommendation;
  for (const Candidate& other : candidates) {
    const bool better = !other.costs_the_screen && other.preference < best->preference &&
                        other.recommendation.verdict->verdict != Verdict::Ready;
    if (better && recommendation.better == nullptr) {
      recommendation.better = other.recommendation.verdict;
    }
  }
  return recommendation;
}

}  // namespace

const char* verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::Ready:
      return "ready";
    case Verdict::NeedsChanges:
      return "needs-changes";
    case Verdict::Unknown:
      return "unknown";
    case Verdict::NeedsFirmware:
      return "needs-firmware";
    case Verdict::Impossible:
      return "impossible";
  }
  return "unknown";
}

WayVerdict judge(const Way& way, const PciDevice& gpu, const std::vector<Finding>& findings) {
  WayVerdict result;
  result.way = way.id();
  for (const Mode& mode : way.modes()) {
    if (mode.applies(gpu)) result.modes.push_back(judge_mode(mode, gpu, findings));
  }
  const auto best = std::ranges::min_element(result.modes, {}, &ModeVerdict::verdict);
  if (best == result.modes.end()) return result;
  result.mode = best->mode;
  result.verdict = best->verdict;
  result.deciding = best->deciding;
  for (const char* part : {best->mode->on_host, best->mode->in_guest, best->mode->fragile}) {
    result.price.emplace_back(part);
  }
  return result;
}

const Way& way_for_parent(const Facts& facts, const MdevParent& parent) {
  const bool gvt = std::ranges::any_of(parent.types, [](const MdevType& type) {
    return type.id.find("GVTg_V") != std::string::npos;
  });
  const PciDevice* gpu = gpu_of(facts, parent);
  return gvt || (gpu != nullptr && gvt_gpu(*gpu) != nullptr) ? gvt_g_way() : mdev_way();
}

Capacity capacity_of(const Facts& facts, const MdevParent& parent) {
  const PciDevice* gpu = gpu_of(facts, parent);
  const IntelGpu* known = gpu != nullptr ? gvt_gpu(*gpu) : nullptr;
  return compute_capacity(parent, facts.mediated_devices.value_or({}),
                          gpu != nullptr ? aperture_bytes(*gpu) : std::nullopt,
                          known != nullptr ? known->graphics_version : 0);
}

std::vector<std::string> closed_rules(const Diagnosis& diagnosis) {
  std::vector<std::string> ids;
  if (diagnosis.facts->is_root) return ids;
  const auto is_closed = [](const Evidence& evidence) {
    return evidence.text == errno_text(EACCES) || evidence.text == errno_text(EPERM);
  };
  for (const Finding& finding : diagnosis.findings) {
    const bool closed = finding.outcome.kind == OutcomeKind::Unknown &&
                        std::ranges::any_of(finding.outcome.evidence, is_closed);
    if (closed && std::ranges::find(ids, finding.rule->id) == ids.end()) {
      ids.emplace_back(finding.rule->id);
    }
  }
  return ids;
}

Message closed_message(const Diagnosis& diagnosis) {
  const std::vector<std::string> rules = closed_rules(diagnosis);
  if (rules.empty()) return {};
  if (!diagnosis.facts->is_live) {
    return {N_("This machine was looked at without root; that leaves open: {rules}."),
            {{"rules", join(rules, ", ")}}};
  }
  return {N_("Only root may see what these ask for: {rules}. With them: sudo cleave doctor"),
          {{"rules", join(rules, ", ")}}};
}

bool Diagnosis::ready() const {
  const Recommendation* best = recommended();
  return best != nullptr && best->verdict->verdict == Verdict::Ready;
}

Diagnosis diagnose(const Facts& facts, const DiagnosisScope& scope) {
  Diagnosis diagnosis;
  diagnosis.facts = &facts;
  diagnosis.findings = run_rules(facts);
  if (scope.gpu) {
    std::erase_if(diagnosis.findings,
                  [&](const Finding& finding) { return finding.gpu && finding.gpu != scope.gpu; });
  }
  for (const PciDevice* gpu : gpus_of(facts)) {
    if (scope.gpu && gpu->address != *scope.gpu) continue;
    diagnosis.gpus.push_back(diagnose_gpu(facts, *gpu, diagnosis.findings, scope.way));
  }
  if (const auto* parents = facts.mdev_parents.value()) {
    for (const MdevParent& parent : *parents) {
      if (gpu_of(facts, parent) != nullptr) continue;
      diagnosis.other_parents.push_back({&parent, capacity_of(facts, parent)});
    }
  }
  diagnosis.windows = recommend(diagnosis, Guest::Windows);
  diagnosis.linux_guest = recommend(diagnosis, Guest::Linux);
  return diagnosis;
}

}  // namespace cleave
