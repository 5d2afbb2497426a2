#include "cli/render/doctor_html.h"

#include <algorithm>
#include <set>

#include "base/format.h"
#include "base/text.h"
#include "cli/render/doctor_html_parts.h"
#include "cli/render/translate.h"

namespace cleave {
namespace {

std::string gpu_id(std::size_t index) { return format("gpu-{}", index); }

bool any_way(const Diagnosis& diagnosis, Verdict verdict) {
  return std::ranges::any_of(diagnosis.gpus, [&](const GpuDiagnosis& gpu) {
    return std::ranges::any_of(gpu.ways,
                               [&](const WayVerdict& way) { return way.verdict == verdict; });
  });
}

// The answer to the question that the page is opened with.
const char* answer(const Diagnosis& diagnosis) {
  const auto ready = [](const std::optional<Diagnosis::Recommendation>& recommendation) {
    return recommendation && recommendation->verdict->verdict == Verdict::Ready;
  };
  if (ready(diagnosis.linux_guest) && !ready(diagnosis.windows)) {
    return diagnosis.windows
               ? N_("A Linux guest can have a GPU here now, a Windows guest once this system is "
                    "prepared for it.")
               : N_("A Linux guest can have a GPU here now; a Windows guest cannot.");
  }
  if (const auto* best = diagnosis.recommended()) {
    switch (best->verdict->verdict) {
      case Verdict::Ready:
        return N_("A VM can have a GPU here, now.");
      case Verdict::NeedsFirmware:
        return N_("A VM can have a GPU here once a setting in the firmware (BIOS) is changed.");
      default:
        return N_("A VM can have a GPU here once this system is prepared for it.");
    }
  }
  if (diagnosis.facts->pci_devices.unreadable() != nullptr) {
    return N_("The machine's PCI devices could not be read, so nothing is known of its GPU.");
  }
  if (diagnosis.gpus.empty()) return N_("No GPU was found on this machine.");
  if (any_way(diagnosis, Verdict::Unknown)) {
    return N_("Whether a VM can have a GPU here is not known: what decides could not all be read.");
  }
  return N_("No VM can have a GPU here right now.");
}

std::string memory_text(std::uint64_t bytes) {
  return format("{:.1f} GiB", static_cast<double>(bytes) / (1U << 30U));
}

void write_fact(HtmlWriter& page, const char* name, const std::string& value) {
  const auto row = page.in("div");
  page.element("dt", translate(name));
  page.element("dd", value);
}

void write_machine(HtmlWriter& page, const Facts& facts) {
  const auto list = page.in("dl", {{"class", "machine"}});
  if (const auto* product = facts.product.value()) write_fact(page, N_("Machine"), *product);
  if (const auto* cpu = facts.cpu.value()) write_fact(page, N_("Processor"), cpu->model);
  if (const auto* name = facts.distribution.value()) write_fact(page, N_("System"), *name);
  if (const auto* release = facts.kernel.release.value()) {
    write_fact(page, N_("Kernel"), "Linux " + *release);
  }
  if (const auto* bytes = facts.memory_bytes.value()) {
    write_fact(page, N_("Memory"), memory_text(*bytes));
  }
}

struct Content {
  std::string id;
  std::string text;
};

// Failed findings that decide none of the ways: good to know for whoever can have a VM with a GPU.
std::vector<const Finding*> advice_of(const Diagnosis& diagnosis) {
  std::set<const Finding*> deciding;
  bool possible = false;
  for (const GpuDiagnosis& gpu : diagnosis.gpus) {
    for (const WayVerdict& way : gpu.ways) {
      possible = possible || way.verdict != Verdict::Impossible;
      deciding.insert(way.deciding.begin(), way.deciding.end());
    }
  }
  std::vector<const Finding*> advice;
  if (!possible) return advice;
  for (const Finding& finding : diagnosis.findings) {
    const bool concerns =
        finding.rule->level == RuleLevel::Advice || finding.rule->scope == RuleScope::Machine;
    if (concerns && finding.outcome.kind == OutcomeKind::Fail && !deciding.contains(&finding)) {
      advice.push_back(&finding);
    }
  }
  return advice;
}

std::vector<Content> contents_of(const Diagnosis& diagnosis) {
  std::vector<Content> contents = {{"short", translate(N_("In short"))}};
  if (has_path(diagnosis)) contents.push_back({"path", translate(N_("From here to a working VM"))});
  for (std::size_t i = 0; i < diagnosis.gpus.size(); ++i) {
    contents.push_back(
        {gpu_id(i), translate(Message(N_("Ways on GPU {gpu}"),
                                      {{"gpu", to_text(diagnosis.gpus[i].gpu->address)}}))});
  }
  if (has_memory(diagnosis)) {
    contents.push_back({"memory", translate(N_("vGPU types and the GPU's memory"))});
  }
  if (has_groups(diagnosis)) contents.push_back({"groups", translate(N_("IOMMU groups"))});
  if (!advice_of(diagnosis).empty()) contents.push_back({"advice", translate(N_("Good to know"))});
  return contents;
}

void write_navigation(HtmlWriter& page, const Diagnosis& diagnosis) {
  const auto navigation = page.in("nav", {{"aria-label", translate(N_("On this page"))}});
  const auto list = page.in("ul");
  for (const Content& content : contents_of(diagnosis)) {
    const auto item = page.in("li");
    page.element("a", content.text, {{"href", "#" + content.id}});
  }
}

void write_recommendation(HtmlWriter& page, const Diagnosis& diagnosis, const char* sentence,
                          const Diagnosis::Recommendation& recommendation) {
  const WayVerdict& way = *recommendation.verdict;
  const std::string gpu = to_text(diagnosis.gpus[recommendation.gpu].gpu->address);
  const auto article = page.in("article", {{"class", "card"}});
  page.element("h3", translate(Message(sentence, {{"way", way_name(way)}, {"gpu", gpu}})));
  {
    const auto line = page.in("p");
    write_badge(page, way.verdict);
  }
  write_price(page, way);
  if (recommendation.better == nullptr) return;
  page.element("p", translate(Message(N_("Better, once what it needs is done: {way}."),
                                      {{"way", way_name(*recommendation.better)}})));
  write_changes(page, *recommendation.better);
}

void write_short(HtmlWriter& page, const Diagnosis& diagnosis) {
  const auto section = page.in("section", {{"aria-labelledby", "short"}});
  page.element("h2", translate(N_("In short")), {{"id", "short"}});
  page.element("p", translate(answer(diagnosis)), {{"class", "lead"}});
  const Message closed = closed_message(diagnosis);
  if (!closed.empty()) page.element("p", translate(closed));
  if (diagnosis.recommended() == nullptr) return;
  const auto cards = page.in("div", {{"class", "ways"}});
  if (same_for_all_guests(diagnosis)) {
    write_recommendation(page, diagnosis, N_("Best for every guest: {way} on {gpu}."),
                         *diagnosis.windows);
    return;
  }
  if (diagnosis.windows) {
    write_recommendation(page, diagnosis, N_("Best for a Windows guest: {way} on {gpu}."),
                         *diagnosis.windows);
  } else {
    page.element("p", translate(N_("A Windows guest can have no GPU here: only a plain screen.")),
                 {{"class", "card"}});
  }
  if (diagnosis.linux_guest) {
    write_recommendation(page, diagnosis, N_("Best for a Linux guest: {way} on {gpu}."),
                         *diagnosis.linux_guest);
  }
}

void write_advice(HtmlWriter& page, const Diagnosis& diagnosis) {
  const std::vector<const Finding*> advice = advice_of(diagnosis);
  if (advice.empty()) return;
  const auto section = page.in("section", {{"aria-labelledby", "advice"}, {"class", "card"}});
  page.element("h2", translate(N_("Good to know")), {{"id", "advice"}});
  for (const Finding* finding : advice) {
    write_finding(page, *finding, finding == advice.front());
  }
}

void write_head(HtmlWriter& page, const std::string& title) {
  const auto head = page.in("head");
  page.empty("meta", {{"charset", "utf-8"}});
  page.empty("meta", {{"http-equiv", "Content-Security-Policy"},
                      {"content", format("default-src 'none'; style-src 'sha256-{}'; base-uri "
                                         "'none'; form-action 'none'",
                                         kDoctorStyleHash)}});
  page.empty("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}});
  page.empty("meta", {{"name", "color-scheme"}, {"content", "light dark"}});
  page.empty("meta", {{"name", "referrer"}, {"content", "no-referrer"}});
  page.element("title", title);
  page.constant("<style>");
  page.constant(kDoctorStyle);
  page.constant("</style>\n");
}

void write_main(HtmlWriter& page, const Diagnosis& diagnosis) {
  const auto main = page.in("main", {{"id", "main"}});
  write_short(page, diagnosis);
  write_path(page, diagnosis);
  for (std::size_t i = 0; i < diagnosis.gpus.size(); ++i) {
    write_verdicts(page, diagnosis, i, gpu_id(i));
  }
  write_memory(page, diagnosis);
  write_groups(page, diagnosis);
  write_advice(page, diagnosis);
}

void write_body(HtmlWriter& page, const Diagnosis& diagnosis) {
  const auto body = page.in("body");
  page.element("a", translate(N_("To the content")), {{"class", "skip"}, {"href", "#main"}});
  {
    const auto header = page.in("header");
    page.element("p", translate(N_("cleave doctor")), {{"class", "muted"}});
    page.element("h1", translate(N_("Can this machine share its GPU with a VM?")));
    write_machine(page, *diagnosis.facts);
  }
  write_navigation(page, diagnosis);
  write_main(page, diagnosis);
  const auto footer = page.in("footer");
  page.element("p", translate(N_("This page is complete in itself: it runs no program and loads "
                                 "nothing from a network.")));
}

std::string title_of(const Facts& facts) {
  const std::string* product = facts.product.value();
  if (product == nullptr) return translate(N_("Sharing the GPU of this machine"));
  return translate(Message(N_("Sharing the GPU of {machine}"), {{"machine", *product}}));
}

}  // namespace

std::string doctor_html(const Diagnosis& diagnosis) {
  HtmlWriter page;
  page.constant("<!DOCTYPE html>\n");
  {
    // The tag of the language that these sentences are in (BCP 47), so that it is always true.
    const auto html = page.in("html", {{"lang", translate(N_("en"))}});
    write_head(page, title_of(*diagnosis.facts));
    write_body(page, diagnosis);
  }
  return page.take();
}

}  // namespace cleave
