// The sections of the doctor's page, in the order in which they stand. Each writes nothing where it
// has nothing to say; `has_…` tells, for the table of contents.
#pragma once

#include <string>
#include <string_view>

#include "cli/render/html.h"
#include "ways/way.h"

namespace cleave {

// doctor_html_style.cc
extern const std::string_view kDoctorStyle;
// The style sheet's SHA-256 in base64, for the page's Content-Security-Policy.
extern const std::string_view kDoctorStyleHash;

// doctor_html_verdicts.cc
// Of the GPU with this index.
void write_verdicts(HtmlWriter& page, const Diagnosis& diagnosis, std::size_t gpu,
                    const std::string& id);
// What the host loses, what the guest can and cannot, what is fragile.
void write_price(HtmlWriter& page, const WayVerdict& way);
// What has to change for the way, in one sentence each.
void write_changes(HtmlWriter& page, const WayVerdict& way);
// Windows and Linux guests are both best off with the same way on the same GPU.
bool same_for_all_guests(const Diagnosis& diagnosis);
// "GPU 0000:00:02.0: Intel UHD Graphics [8086:9b41], driver i915"
std::string gpu_heading(const GpuDiagnosis& gpu);
// Why, what was seen, and what to do about it; with the rule's id if `with_rule`.
void write_finding_body(HtmlWriter& page, const Finding& finding, bool with_rule);
// A finding that can be unfolded.
void write_finding(HtmlWriter& page, const Finding& finding, bool open);
std::string finding_title(const Finding& finding);

enum class Icon { Check, Exclamation, Question, Chip, Cross, Circle };
// Only an ornament: the word beside it says the same.
void write_icon(HtmlWriter& page, Icon icon);
// Icon and word.
void write_badge(HtmlWriter& page, Verdict verdict);

// doctor_html_path.cc: from here to a VM, for what is recommended.
bool has_path(const Diagnosis& diagnosis);
void write_path(HtmlWriter& page, const Diagnosis& diagnosis);

// doctor_html_groups.cc: the IOMMU groups.
bool has_groups(const Diagnosis& diagnosis);
void write_groups(HtmlWriter& page, const Diagnosis& diagnosis);

// doctor_html_memory.cc: vGPU types and what they take of the GPU.
bool has_memory(const Diagnosis& diagnosis);
void write_memory(HtmlWriter& page, const Diagnosis& diagnosis);

}  // namespace cleave
