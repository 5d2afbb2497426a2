#include "cli/render/doctor_text.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "analysis/guest_use.h"
#include "base/format.h"
#include "base/text.h"
#include "cli/render/translate.h"
#include "facts/boot_loader.h"

namespace cleave {
namespace {

constexpr const char* kBold = "1";
constexpr const char* kRed = "31";
constexpr const char* kGreen = "32";
constexpr const char* kYellow = "33";
constexpr const char* kDim = "2";

// What every VM needs, whatever its GPU: told first, though a VM can do without (emulated).
bool concerns_every_vm(const Rule& rule) {
  static const std::set<std::string_view> kIds = {
      "cpu.virtualisation", "kvm.believable", "log.kvm_disabled_by_firmware", "host.whole_machine"};
  return rule.scope == RuleScope::Machine &&
         (rule.level != RuleLevel::Advice || kIds.contains(rule.id));
}

bool is_open(const Finding& finding) {
  return finding.outcome.kind == OutcomeKind::Fail || finding.outcome.kind == OutcomeKind::Unknown;
}

class DoctorText {
 public:
  DoctorText(const Diagnosis& diagnosis, const DoctorStyle& style)
      : diagnosis_(diagnosis), style_(style) {}

  std::string write() {
    write_machine();
    for (const GpuDiagnosis& gpu : diagnosis_.gpus) write_gpu(gpu);
    write_other_parents();
    write_advice();
    write_end();
    return std::move(text_);
  }

 private:
  [[nodiscard]] std::string coloured(const char* colour, std::string_view text) const {
    return style_.colour ? format("\x1b[{}m{}\x1b[0m", colour, text) : std::string(text);
  }

  // A paragraph that starts at `indent`, its further lines at `further`.
  void paragraph(std::size_t indent, std::size_t further, const std::string& text,
                 const char* colour = nullptr) {
    const std::string wrapped = wrap(std::string(indent, ' ') + text, style_.width, further);
    for (const std::string_view line : lines(wrapped)) {
      text_ += (colour != nullptr ? coloured(colour, line) : std::string(line)) + "\n";
    }
  }

  void rows(std::size_t indent, const std::vector<std::vector<std::string>>& cells) {
    const std::string laid_out = table(cells, false);
    for (const std::string_view line : lines(laid_out)) {
      text_ += std::string(indent, ' ').append(line) + "\n";
    }
  }

  void write_machine() {
    const Facts& facts = *diagnosis_.facts;
    std::vector<std::string> parts;
    if (facts.product.is_known()) parts.push_back(*facts.product.value());
    if (facts.cpu.is_known()) parts.push_back(facts.cpu.value()->model);
    if (facts.distribution.is_known()) parts.push_back(*facts.distribution.value());
    if (facts.kernel.release.is_known()) parts.push_back("Linux " + *facts.kernel.release.value());
    paragraph(0, 2, printable(join(parts, " · ")), kBold);
    write_boot(find_boot_loader(facts));
    for (const Finding& finding : diagnosis_.findings) {
      if (!is_open(finding) || !concerns_every_vm(*finding.rule)) continue;
      // What a log does not tell is no news.
      const bool silent_log = std::string_view(finding.rule->id).starts_with("log.") &&
                              finding.outcome.kind == OutcomeKind::Unknown;
      if (!silent_log) write_finding(finding);
    }
    text_ += "\n";
  }

  void write_boot(const BootLoader& loader) {
    if (loader.confidence == BootConfidence::Unknown || loader.writer == BootWriter::Unknown)
      return;
    const std::vector<Field> fields = {{"loader", printable(loader.name)},
                                       {"files", printable(join(loader.files, ", "))},
                                       {"command", printable(loader.command)}};
    const char* sentence = N_("Booted by {loader}.");
    if (loader.confidence == BootConfidence::Likely) {
      sentence = N_("Probably booted by {loader}.");
    } else if (!loader.files.empty() && loader.command.empty()) {
      sentence = N_("Booted by {loader}; its kernel arguments stand in {files}.");
    } else if (!loader.files.empty()) {
      sentence = N_("Booted by {loader}; its kernel arguments come from {files}, by {command}.");
    }
    paragraph(0, 2, translate(Message(sentence, fields)), kDim);
  }

  // A finding that failed or is unknown: what is wanted, what was seen, what it means, what to do.
  // Several ways can need the same; the second time its name will do.
  void write_finding(const Finding& finding) {
    const Rule& rule = *finding.rule;
    if (!told_.insert(&finding).second) {
      paragraph(2, 4,
                translate(Message(
                    N_("- as above: {title}"),
                    {{"title", translate(Message(rule.title, finding.outcome.arguments))}})) +
                    coloured(kDim, format(" [{}]", rule.id)));
      return;
    }
    const std::vector<Field>& arguments = finding.outcome.arguments;
    const bool failed = finding.outcome.kind == OutcomeKind::Fail;
    const bool advice = rule.level == RuleLevel::Advice;
    const char* mark = failed ? (advice ? "!" : "✗") : "?";
    const char* colour = failed && !advice ? kRed : kYellow;
    paragraph(2, 4, coloured(colour, mark) + " " + wanted(rule, arguments));
    for (const Evidence& evidence : finding.outcome.evidence) {
      const std::string seen = printable(
          evidence.source.empty() ? evidence.text : evidence.source + ": " + evidence.text);
      paragraph(4, 6,
                failed ? translate(Message(N_("seen: {evidence}"), {{"evidence", seen}}))
                       : translate(Message(N_("not known: {evidence}"), {{"evidence", seen}})),
                kDim);
    }
    if (!failed) return;
    paragraph(4, 4, translate(Message(rule.why, arguments)));
    paragraph(4, 6, remedy(rule, arguments));
  }

  // A title tells the state that is wanted.
  [[nodiscard]] std::string wanted(const Rule& rule, const std::vector<Field>& arguments) const {
    const std::string title = translate(Message(rule.title, arguments));
    return translate(Message(N_("wanted: {title}"), {{"title", title}})) +
           coloured(kDim, format(" [{}]", rule.id));
  }

  // Where the remedy does not say itself that it takes a restart.
  static std::string remedy(const Rule& rule, const std::vector<Field>& arguments) {
    std::string text = "→ " + translate(Message(rule.remedy, arguments));
    if (!rule.restart || std::string_view(rule.remedy).find("restart") != std::string_view::npos) {
      return text;
    }
    return text + " " + translate(N_("It counts after a restart."));
  }

  [[nodiscard]] std::string verdict_sentence(const WayVerdict& way) const {
    const std::vector<Field> fields = {{"way", way.way}};
    switch (way.verdict) {
      case Verdict::Ready:
        return coloured(kGreen, "✓") + " " + translate(Message(N_("{way}: ready."), fields));
      case Verdict::NeedsChanges:
        return coloured(kYellow, "✗") + " " +
               translate(
                   Message(N_("{way}: needs changes. It can be had once this is done:"), fields));
      case Verdict::Unknown:
        return coloured(kYellow, "?") + " " +
               translate(
                   Message(N_("{way}: not known. What decides could not all be read:"), fields));
      case Verdict::NeedsFirmware:
        return coloured(kYellow, "✗") + " " +
               translate(
                   Message(N_("{way}: needs another setting in the firmware (BIOS):"), fields));
      case Verdict::Impossible:
        break;
    }
    return coloured(kRed, "✗") + " " +
           translate(Message(N_("{way}: impossible on this machine as it is:"), fields));
  }

  void write_gpu(const GpuDiagnosis& diagnosis) {
    const PciDevice& gpu = *diagnosis.gpu;
    std::string name = format("{:04x}:{:04x}", gpu.vendor_id, gpu.device_id);
    if (gpu.device_name) {
      name = format("{} {} [{}]", gpu.vendor_name.value_or(""), *gpu.device_name, name);
    }
    const std::vector<Field> fields = {{"name", std::string(trim(printable(name)))},
                                       {"address", to_text(gpu.address)},
                                       {"driver", printable(gpu.driver.value_or(""))}};
    paragraph(0, 2,
              translate(gpu.driver.is_known()
                            ? Message(N_("GPU {address}: {name}, driver {driver}"), fields)
                            : Message(N_("GPU {address}: {name}, no driver"), fields)),
              kBold);
    write_virtual_machines(gpu);
    for (const WayVerdict& way : diagnosis.ways) {
      write_way(way);
      write_modes(way);
      const bool makes_types = way.way == diagnosis.types_of;
      if (makes_types && way.verdict != Verdict::Impossible) write_types(diagnosis);
    }
    text_ += "\n";
  }

  // Who uses it already, in one line.
  void write_virtual_machines(const PciDevice& gpu) {
    std::vector<std::string> running;
    std::vector<std::string> defined;
    for (const GuestUse& use : guests_of(*diagnosis_.facts, gpu)) {
      std::vector<std::string>& names = use.machine->process_id != 0 ? running : defined;
      const std::string name = printable(use.settings->name);
      if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    }
    const auto write = [this](const char* sentence, const std::vector<std::string>& names) {
      if (names.empty()) return;
      paragraph(2, 4, translate(Message(sentence, {{"vms", join(names, ", ")}})));
    };
    write(N_("VMs that run on it: {vms}"), running);
    write(N_("VMs that are defined with it: {vms}"), defined);
  }

  void write_way(const WayVerdict& way) {
    paragraph(0, 2, verdict_sentence(way));
    if (way.verdict == Verdict::Impossible) {
      // One reason is enough; what else would be missing does not matter any more.
      if (!way.deciding.empty()) write_finding(*way.deciding.front());
      return;
    }
    for (const Finding* finding : way.deciding) {
      if (!concerns_every_vm(*finding->rule)) write_finding(*finding);
    }
    const bool above = std::ranges::any_of(
        way.deciding, [](const Finding* finding) { return concerns_every_vm(*finding->rule); });
    if (above)
      paragraph(2, 4, translate(N_("What is said above of the whole machine counts, too.")));
  }

  [[nodiscard]] static const char* mode_sentence(const ModeVerdict& mode) {
    switch (mode.verdict) {
      case Verdict::Ready:
        return N_("{mode} ({about}): ready.");
      case Verdict::NeedsChanges:
        return N_("{mode} ({about}): needs changes.");
      case Verdict::Unknown:
        return N_("{mode} ({about}): not known.");
      case Verdict::NeedsFirmware:
        return N_("{mode} ({about}): needs another setting in the firmware (BIOS).");
      case Verdict::Impossible:
        break;
    }
    return N_("{mode} ({about}): impossible on this machine as it is.");
  }

  // One line for each where there is a choice, with the rules that decide it. What the best one
  // needs is told above; where none is possible, that says it all.
  void write_modes(const WayVerdict& way) {
    if (way.modes.size() < 2 || way.verdict == Verdict::Impossible) return;
    for (const ModeVerdict& mode : way.modes) {
      std::vector<std::string> ids;
      for (const Finding* finding : mode.deciding) ids.emplace_back(finding->rule->id);
      if (mode.verdict == Verdict::Impossible && ids.size() > 1) ids.resize(1);
      const std::string sentence = translate(Message(
          mode_sentence(mode), {{"mode", mode.mode->id}, {"about", translate(mode.mode->about)}}));
      const std::string why = ids.empty() ? "" : coloured(kDim, format(" [{}]", join(ids, ", ")));
      paragraph(2, 4, "· " + sentence + why);
      write_mode_changes(mode);
    }
  }

  // What no other way or mode has told yet: why it is out of the question, or what to do for it.
  void write_mode_changes(const ModeVerdict& mode) {
    for (const Finding* finding : mode.deciding) {
      const Rule& rule = *finding->rule;
      const std::vector<Field>& arguments = finding->outcome.arguments;
      if (finding->outcome.kind != OutcomeKind::Fail || concerns_every_vm(rule)) continue;
      if (!told_.insert(finding).second) continue;
      if (mode.verdict == Verdict::Impossible) {
        paragraph(4, 4, translate(Message(rule.why, arguments)));
        return;
      }
      paragraph(4, 6, remedy(rule, arguments));
    }
  }

  static std::string picture(const TypeCapacity& type) {
    return type.size.width == 0 ? "-" : format("{}x{}", type.size.width, type.size.height);
  }

  static std::string type_name(const TypeCapacity& type) {
    const std::string id = printable(type.id);
    return type.name.empty() ? id : format("{} ({})", id, printable(type.name));
  }

  void write_types(const GpuDiagnosis& diagnosis) {
    if (diagnosis.capacity.types.empty()) return;
    paragraph(2, 4,
              diagnosis.predicted
                  ? translate(N_("vGPU types to be expected (computed from the GPU's aperture):"))
                  : translate(N_("vGPU types:")));
    write_capacity(diagnosis.capacity);
  }

  void write_capacity(const Capacity& capacity) {
    std::vector<std::vector<std::string>> cells = {
        {translate(N_("type")), translate(N_("largest picture")), translate(N_("fit now")),
         translate(N_("at most"))}};
    for (const TypeCapacity& type : capacity.types) {
      cells.push_back({type_name(type), picture(type),
                       type.available_known ? std::to_string(type.available) : "?",
                       type.maximum ? std::to_string(*type.maximum) : "-"});
    }
    rows(4, cells);
    for (const TypeCapacity& type : capacity.types) {
      if (type.reason.empty()) continue;
      paragraph(4, 6, printable(type.id) + ": " + translate(type.reason));
    }
  }

  void write_other_parents() {
    for (const Diagnosis::OtherParent& other : diagnosis_.other_parents) {
      paragraph(0, 2,
                translate(Message(N_("{parent} offers mediated devices, too (no GPU):"),
                                  {{"parent", printable(other.parent->name)}})));
      write_capacity(other.capacity);
      text_ += "\n";
    }
  }

  // Advice is only good for those who can have a vGPU at all.
  [[nodiscard]] bool shareable() const {
    return std::ranges::any_of(diagnosis_.gpus, [](const GpuDiagnosis& gpu) {
      return std::ranges::any_of(
          gpu.ways, [](const WayVerdict& way) { return way.verdict != Verdict::Impossible; });
    });
  }

  // Advice on a way that no GPU can have helps nobody.
  [[nodiscard]] bool concerns_a_possible_way(const Rule& rule) const {
    struct FamilyOfWay {
      std::string_view family;
      std::string_view way;
    };
    static constexpr FamilyOfWay kFamilies[] = {{"gvt_g.", "gvt-g"},
                                                {"limits.", "gvt-g"},
                                                {"kvm.ignore_msrs", "gvt-g"},
                                                {"sr_iov.", "sr-iov"},
                                                {"passthrough.", "passthrough"},
                                                {"iommu.", "passthrough"},
                                                {"log.interrupt_remapping", "passthrough"},
                                                {"virtio_gpu.", "virtio-gpu"},
                                                {"display.render_node", "gvt-g"}};
    for (const FamilyOfWay& each : kFamilies) {
      if (!std::string_view(rule.id).starts_with(each.family)) continue;
      return std::ranges::any_of(diagnosis_.gpus, [&each](const GpuDiagnosis& gpu) {
        return std::ranges::any_of(gpu.ways, [&each](const WayVerdict& way) {
          return way.way == each.way && way.verdict != Verdict::Impossible;
        });
      });
    }
    return true;
  }

  void write_advice() {
    if (!shareable()) return;
    bool any = false;
    for (const Finding& finding : diagnosis_.findings) {
      const Rule& rule = *finding.rule;
      if (rule.level != RuleLevel::Advice || concerns_every_vm(rule)) continue;
      if (finding.outcome.kind != OutcomeKind::Fail || !concerns_a_possible_way(rule)) continue;
      if (told_.contains(&finding)) continue;
      if (!any) paragraph(0, 2, translate(N_("Good to know:")), kBold);
      any = true;
      const std::vector<Field>& arguments = finding.outcome.arguments;
      paragraph(0, 2,
                coloured(kYellow, "!") + " " + translate(Message(rule.why, arguments)) +
                    coloured(kDim, format(" [{}]", rule.id)));
      paragraph(2, 4, remedy(rule, arguments));
    }
    if (any) text_ += "\n";
  }

  void write_end() {
    const Message closed = closed_message(diagnosis_);
    if (!closed.empty()) paragraph(0, 2, translate(closed));
    write_recommendation(N_("Best for a Windows guest: {way} on {gpu}."), diagnosis_.windows);
    write_recommendation(N_("Best for a Linux guest: {way} on {gpu}."), diagnosis_.linux_guest);
    if (!diagnosis_.windows && !diagnosis_.linux_guest) {
      paragraph(0, 2, translate(N_("No VM can have a GPU here right now.")));
    } else if (!diagnosis_.windows) {
      paragraph(0, 2, translate(N_("A Windows guest can have no GPU here: only a plain screen.")));
    }
  }

  // The way, what it costs, and what would be better after some work.
  void write_recommendation(const char* sentence,
                            const std::optional<Diagnosis::Recommendation>& recommendation) {
    if (!recommendation) return;
    const WayVerdict& way = *recommendation->verdict;
    const PciDevice& gpu = *diagnosis_.gpus[recommendation->gpu].gpu;
    std::string text =
        translate(Message(sentence, {{"way", way_name(way)}, {"gpu", to_text(gpu.address)}}));
    if (way.verdict != Verdict::Ready) {
      text += " " + translate(N_("It needs what is said above."));
    }
    paragraph(0, 2, text, kBold);
    for (const Message& price : way.price) paragraph(2, 4, "- " + translate(price));
    if (recommendation->better != nullptr) write_better(*recommendation->better);
  }

  // What stands above in full is only named here.
  void write_better(const WayVerdict& better) {
    paragraph(2, 4,
              "- " + translate(Message(N_("Better, once what it needs is done: {way}."),
                                       {{"way", way_name(better)}})));
    for (const Finding* finding : better.deciding) {
      paragraph(4, 6, "→ " + wanted(*finding->rule, finding->outcome.arguments));
    }
  }

  const Diagnosis& diagnosis_;
  const DoctorStyle& style_;
  std::set<const Finding*> told_;
  std::string text_;
};

}  // namespace

std::string doctor_text(const Diagnosis& diagnosis, const DoctorStyle& style) {
  return DoctorText(diagnosis, style).write();
}

}  // namespace cleave
