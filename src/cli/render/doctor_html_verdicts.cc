// Per GPU: what each way comes to, and the findings that decide it.
#include <array>

#include "base/format.h"
#include "base/text.h"
#include "cli/render/doctor_html_parts.h"
#include "cli/render/translate.h"

namespace cleave {
namespace {

// In a square of 16 by 16.
const char* path_of(Icon icon) {
  switch (icon) {
    case Icon::Check:
      return "M4.2 8.4l2.6 2.6 5-5.6";
    case Icon::Exclamation:
      return "M8 4v4.8M8 11.6v.2";
    case Icon::Question:
      return "M5.9 6.2a2.1 2.1 0 1 1 3.2 1.9c-.8.5-1.1.8-1.1 1.5M8 11.8v.1";
    case Icon::Chip:
      return "M5.5 5.5h5v5h-5zM6.7 5.5v-2M9.3 5.5v-2M6.7 12.5v-2M9.3 12.5v-2M5.5 6.7h-2M5.5 "
             "9.3h-2M12.5 6.7h-2M12.5 9.3h-2";
    case Icon::Cross:
      return "M5.2 5.2l5.6 5.6M10.8 5.2l-5.6 5.6";
    case Icon::Circle:
      break;
  }
  return nullptr;
}

struct VerdictLook {
  Icon icon;
  const char* word;
};

VerdictLook look_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::Ready:
      return {Icon::Check, N_("Ready")};
    case Verdict::NeedsChanges:
      return {Icon::Exclamation, N_("Needs changes")};
    case Verdict::Unknown:
      return {Icon::Question, N_("Not known")};
    case Verdict::NeedsFirmware:
      return {Icon::Chip, N_("Needs a firmware setting")};
    case Verdict::Impossible:
      break;
  }
  return {Icon::Cross, N_("Impossible as it is")};
}

// What a way is, for those who read its name for the first time; null for ways without a text.
const char* about(std::string_view way) {
  struct Row {
    std::string_view way;
    const char* text;
  };
  static constexpr std::array<Row, 4> kRows = {{
      {"gvt-g",
       N_("The driver of an Intel GPU divides it: the host and its VMs draw with it at the "
          "same time.")},
      {"sr-iov", N_("The GPU divides itself: each VM is given a virtual function, a small GPU of "
                    "its own.")},
      {"passthrough", N_("One VM is given the whole GPU; the host does without it.")},
      {"virtio-gpu", N_("QEMU draws on the host's GPU what the guest asks for.")},
  }};
  for (const Row& row : kRows) {
    if (row.way == way) return row.text;
  }
  return nullptr;
}

// The worst one is open: it is the answer to "why not?".
void write_deciding(HtmlWriter& page, const WayVerdict& way) {
  for (const Finding* finding : way.deciding) {
    write_finding(page, *finding, finding == way.deciding.front());
  }
}

// What is recommended has told its price already; of what is impossible nobody asks.
bool tells_price(const Diagnosis& diagnosis, const WayVerdict& way) {
  const auto is_this = [&](const std::optional<Diagnosis::Recommendation>& recommendation) {
    return recommendation && recommendation->verdict == &way;
  };
  return way.verdict != Verdict::Impossible && !is_this(diagnosis.windows) &&
         !is_this(diagnosis.linux_guest);
}

// Where there is a choice: what each mode comes to, and for what is not ready which rules say so.
void write_modes(HtmlWriter& page, const WayVerdict& way) {
  // Where none is possible, what decides says it all.
  if (way.modes.size() < 2 || way.verdict == Verdict::Impossible) return;
  page.element("p", translate(N_("In these modes:")));
  const auto list = page.in("ul", {{"class", "modes"}});
  for (const ModeVerdict& mode : way.modes) {
    const auto item = page.in("li");
    page.element("strong", mode.mode->id);
    page.text(" ");
    page.element("span", translate(mode.mode->about), {{"class", "muted"}});
    page.text(" ");
    write_badge(page, mode.verdict);
    // Those of the best one stand below in full.
    if (mode.mode == way.mode || mode.deciding.empty()) continue;
    const auto why = page.in("ul");
    for (const Finding* finding : mode.deciding) {
      const bool failed = finding->outcome.kind == OutcomeKind::Fail;
      const bool impossible = mode.verdict == Verdict::Impossible;
      const char* text = impossible ? finding->rule->why : finding->rule->remedy;
      page.element(
          "li",
          failed ? translate(Message(text, finding->outcome.arguments)) : finding_title(*finding),
          {{"class", "muted"}});
      if (impossible) break;
    }
  }
}

void write_way(HtmlWriter& page, const WayVerdict& way, bool with_price) {
  const auto article =
      page.in("article", {{"class", format("card way {}", verdict_name(way.verdict))}});
  {
    const auto head = page.in("div", {{"class", "way-head"}});
    page.element("h3", way.way);
    write_badge(page, way.verdict);
  }
  if (const char* text = about(way.way)) {
    page.element("p", translate(text), {{"class", "muted"}});
  }
  write_modes(page, way);
  if (with_price) write_price(page, way);
  write_deciding(page, way);
}

}  // namespace

void write_icon(HtmlWriter& page, Icon icon) {
  const auto svg =
      page.in("svg", {{"class", "icon"}, {"viewBox", "0 0 16 16"}, {"aria-hidden", "true"}});
  page.empty("circle", {{"cx", "8"}, {"cy", "8"}, {"r", "7"}});
  if (const char* path = path_of(icon)) page.empty("path", {{"d", path}});
}

void write_badge(HtmlWriter& page, Verdict verdict) {
  const VerdictLook look = look_of(verdict);
  const auto badge = page.in("span", {{"class", format("badge {}", verdict_name(verdict))}});
  write_icon(page, look.icon);
  page.element("span", translate(look.word));
}

std::string gpu_heading(const GpuDiagnosis& diagnosis) {
  const PciDevice& gpu = *diagnosis.gpu;
  std::string name = format("{:04x}:{:04x}", gpu.vendor_id, gpu.device_id);
  if (gpu.device_name) {
    name = format("{} {} [{}]", gpu.vendor_name.value_or(""), *gpu.device_name, name);
  }
  const std::vector<Field> fields = {
      {"name", trim(name)}, {"address", to_text(gpu.address)}, {"driver", gpu.driver.value_or("")}};
  return translate(gpu.driver.is_known()
                       ? Message(N_("GPU {address}: {name}, driver {driver}"), fields)
                       : Message(N_("GPU {address}: {name}, no driver"), fields));
}

std::string finding_title(const Finding& finding) {
  return translate(Message(finding.rule->title, finding.outcome.arguments));
}

void write_finding(HtmlWriter& page, const Finding& finding, bool open) {
  const bool failed = finding.outcome.kind == OutcomeKind::Fail;
  HtmlAttributes attributes = {{"class", "finding"}};
  if (open) attributes.emplace_back("open", "");
  const auto details = page.in("details", attributes);
  {
    // A title tells what is wanted; the word before it, that it is not so.
    const auto summary = page.in("summary");
    page.element("span", translate(failed ? N_("Not met:") : N_("Not known:")),
                 {{"class", failed ? "outcome failed" : "outcome"}});
    page.text(" ");
    page.element("span", finding_title(finding));
  }
  write_finding_body(page, finding, true);
}

void write_finding_body(HtmlWriter& page, const Finding& finding, bool with_rule) {
  const Rule& rule = *finding.rule;
  const std::vector<Field>& arguments = finding.outcome.arguments;
  const bool failed = finding.outcome.kind == OutcomeKind::Fail;
  const auto body = page.in("div", {{"class", "finding-body"}});
  if (failed) page.element("p", translate(Message(rule.why, arguments)));
  const auto list = page.in("dl");
  if (!finding.outcome.evidence.empty()) {
    page.element("dt", translate(failed ? N_("Seen") : N_("Could not be read")));
    for (const Evidence& evidence : finding.outcome.evidence) {
      const auto row = page.in("dd");
      page.element(
          "code", evidence.source.empty() ? evidence.text : evidence.source + ": " + evidence.text);
    }
  }
  if (failed) {
    page.element("dt", translate(N_("What to do")));
    page.element("dd", translate(Message(rule.remedy, arguments)));
  }
  if (!with_rule) return;
  page.element("dt", translate(N_("Rule")));
  const auto row = page.in("dd");
  page.element("code", rule.id);
}

void write_price(HtmlWriter& page, const WayVerdict& way) {
  if (way.price.empty()) return;
  page.element("p", translate(N_("What it costs:")));
  const auto list = page.in("ul");
  for (const Message& price : way.price) page.element("li", translate(price));
}

void write_changes(HtmlWriter& page, const WayVerdict& way) {
  if (way.deciding.empty()) return;
  const auto list = page.in("ul");
  for (const Finding* finding : way.deciding) {
    const bool failed = finding->outcome.kind == OutcomeKind::Fail;
    page.element("li", failed
                           ? translate(Message(finding->rule->remedy, finding->outcome.arguments))
                           : finding_title(*finding));
  }
}

bool same_for_all_guests(const Diagnosis& diagnosis) {
  return diagnosis.windows && diagnosis.linux_guest &&
         diagnosis.windows->verdict == diagnosis.linux_guest->verdict;
}

void write_verdicts(HtmlWriter& page, const Diagnosis& diagnosis, std::size_t gpu,
                    const std::string& id) {
  const auto section = page.in("section", {{"aria-labelledby", id}});
  page.element("h2", gpu_heading(diagnosis.gpus[gpu]), {{"id", id}});
  const auto ways = page.in("div", {{"class", "ways"}});
  for (const WayVerdict& way : diagnosis.gpus[gpu].ways) {
    write_way(page, way, tells_price(diagnosis, way));
  }
}

}  // namespace cleave
