// The path from this machine to a VM with a GPU, as steps: done, to do, or not known.
#include <algorithm>

#include "cli/render/doctor_html_parts.h"
#include "cli/render/translate.h"

namespace cleave {
namespace {

enum class StepState { Done, Open, Unknown };

StepState state_of(const Finding& finding) {
  switch (finding.outcome.kind) {
    case OutcomeKind::Fail:
      return StepState::Open;
    case OutcomeKind::Unknown:
      return StepState::Unknown;
    case OutcomeKind::Pass:
    case OutcomeKind::NotApplicable:
      break;
  }
  return StepState::Done;
}

const char* who_does(Fixer fixer) {
  switch (fixer) {
    case Fixer::Cleave:
      return N_("Who: you, as root on this system.");
    case Fixer::User:
      return N_("Who: you.");
    case Fixer::Firmware:
      return N_("Who: you, in the firmware's setup (BIOS) before the system starts.");
    case Fixer::Vendor:
      return N_("Who: those who make the kernel, the driver or the machine.");
    case Fixer::Nobody:
      break;
  }
  return N_("Who: nobody can change this here.");
}

// The findings of what a way needs, in the order in which it is done. What does not apply to this
// machine is no step.
std::vector<const Finding*> needed(const Diagnosis& diagnosis,
                                   const Diagnosis::Recommendation& recommendation) {
  std::vector<const Finding*> findings;
  const Mode* mode = recommendation.verdict->mode;
  if (mode == nullptr) return findings;
  const PciAddress& gpu = diagnosis.gpus[recommendation.gpu].gpu->address;
  for (const std::string_view need : mode->needs) {
    const auto found = std::ranges::find_if(diagnosis.findings, [&](const Finding& finding) {
      return need == finding.rule->id && finding.gpu.value_or(gpu) == gpu;
    });
    const bool applies =
        found != diagnosis.findings.end() && found->outcome.kind != OutcomeKind::NotApplicable;
    if (applies) findings.push_back(&*found);
  }
  return findings;
}

void write_state(HtmlWriter& page, StepState state) {
  switch (state) {
    case StepState::Done:
      write_icon(page, Icon::Check);
      page.element("span", translate(N_("Done")), {{"class", "state"}});
      return;
    case StepState::Open:
      write_icon(page, Icon::Circle);
      page.element("span", translate(N_("To do")), {{"class", "state"}});
      return;
    case StepState::Unknown:
      write_icon(page, Icon::Question);
      page.element("span", translate(N_("Not known")), {{"class", "state"}});
      return;
  }
}

const char* class_of(StepState state) {
  switch (state) {
    case StepState::Done:
      return "done";
    case StepState::Open:
      return "open";
    case StepState::Unknown:
      break;
  }
  return "unknown";
}

void write_step_head(HtmlWriter& page, StepState state, const std::string& title) {
  const auto head = page.in("p", {{"class", "step-head"}});
  write_state(page, state);
  page.element("strong", title);
}

void write_needed(HtmlWriter& page, const Finding& finding) {
  const StepState state = state_of(finding);
  const auto item = page.in("li", {{"class", class_of(state)}});
  write_step_head(page, state, finding_title(finding));
  if (state == StepState::Done) return;
  if (state == StepState::Open) {
    const auto line = page.in("p", {{"class", "muted"}});
    page.element("span", translate(who_does(finding.rule->fixer)));
    if (counts_after_restart(*finding.rule)) {
      page.text(" ");
      page.element("span", translate(N_("It counts after a restart.")));
    }
  }
  write_finding_body(page, finding, false);
}

struct LastStep {
  StepState state = StepState::Open;
  const char* title;
  std::string command;
};

void write_last(HtmlWriter& page, const LastStep& step) {
  const auto item = page.in("li", {{"class", class_of(step.state)}});
  write_step_head(page, step.state, translate(step.title));
  if (step.state == StepState::Done) return;
  const auto line = page.in("p", {{"class", "command"}});
  page.element("code", step.command);
}

bool has_vgpu(const Diagnosis& diagnosis, const GpuDiagnosis& gpu) {
  const auto* devices = diagnosis.facts->mediated_devices.value();
  if (devices == nullptr || gpu.parent == nullptr) return false;
  return std::ranges::any_of(
      *devices, [&](const MediatedDevice& device) { return device.parent == gpu.parent->name; });
}

void write_last_steps(HtmlWriter& page, const Diagnosis& diagnosis,
                      const Diagnosis::Recommendation& recommendation) {
  const std::string& way = recommendation.verdict->way;
  if (way == "gvt-g") {
    const bool there = has_vgpu(diagnosis, diagnosis.gpus[recommendation.gpu]);
    write_last(page, {.state = there ? StepState::Done : StepState::Open,
                      .title = N_("A vGPU is there for the VM"),
                      .command = "sudo cleave vgpu create --for \"$USER\""});
  }
  write_last(page, {.title = N_("The VM is described in a file of about ten lines"),
                    .command = "cleave vm new NAME --gpu " + way + " --disk DISK.qcow2"});
  write_last(page, {.title = N_("The VM runs"), .command = "cleave vm start NAME"});
}

void write_count(HtmlWriter& page, const std::vector<const Finding*>& findings) {
  const auto done = std::ranges::count_if(
      findings, [](const Finding* finding) { return state_of(*finding) == StepState::Done; });
  const auto restarts = std::ranges::count_if(findings, [](const Finding* finding) {
    return state_of(*finding) == StepState::Open && counts_after_restart(*finding->rule);
  });
  page.element("p",
               translate(Message(N_("Of {total} things that this way needs, {done} are in order."),
                                 {{"total", findings.size()}, {"done", done}})));
  if (restarts > 1) {
    page.element("p", translate(N_("One restart is enough for all steps that need one.")));
  }
}

void write_recommended(HtmlWriter& page, const Diagnosis& diagnosis, const char* heading,
                       const Diagnosis::Recommendation& recommendation) {
  const std::vector<Field> fields = {
      {"way", way_name(*recommendation.verdict)},
      {"gpu", to_text(diagnosis.gpus[recommendation.gpu].gpu->address)}};
  page.element("h3", translate(Message(heading, fields)));
  const std::vector<const Finding*> findings = needed(diagnosis, recommendation);
  write_count(page, findings);
  const auto list = page.in("ol", {{"class", "steps"}});
  for (const Finding* finding : findings) write_needed(page, *finding);
  write_last_steps(page, diagnosis, recommendation);
}

}  // namespace

bool has_path(const Diagnosis& diagnosis) { return diagnosis.recommended() != nullptr; }

void write_path(HtmlWriter& page, const Diagnosis& diagnosis) {
  if (!has_path(diagnosis)) return;
  const auto section = page.in("section", {{"aria-labelledby", "path"}, {"class", "card"}});
  page.element("h2", translate(N_("From here to a working VM")), {{"id", "path"}});
  if (same_for_all_guests(diagnosis) || !diagnosis.windows || !diagnosis.linux_guest) {
    write_recommended(page, diagnosis, N_("With {way} on GPU {gpu}"), *diagnosis.recommended());
    return;
  }
  // A Linux guest may have a shorter path than Windows.
  write_recommended(page, diagnosis, N_("A Windows guest, with {way} on GPU {gpu}"),
                    *diagnosis.windows);
  write_recommended(page, diagnosis, N_("A Linux guest, with {way} on GPU {gpu}"),
                    *diagnosis.linux_guest);
}

}  // namespace cleave
