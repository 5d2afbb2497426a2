// The five lines that GVT-g writes into a vGPU type's `description`
// (drivers/gpu/drm/i915/gvt/kvmgt.c, intel_vgpu_show_description).
#include <array>

#include "analysis/explain/kinds.h"
#include "base/text.h"
#include "facts/mdev.h"

namespace cleave {
namespace {

struct LineNote {
  const char* key;
  const char* id;
  const char* meaning;  // N_
};

constexpr std::array<LineNote, 5> kNotes = {{
    {.key = "low_gm_size",
     .id = "mdev.low_gm_size",
     .meaning = N_("Of the GPU's aperture (BAR 2) each such vGPU takes {value}; the host keeps "
                   "128 MB. This decides how many fit.")},
    {.key = "high_gm_size",
     .id = "mdev.high_gm_size",
     .meaning = N_("Of the graphics address space behind the aperture each such vGPU takes "
                   "{value}.")},
    {.key = "fence",
     .id = "mdev.fence",
     .meaning = N_("Of the GPU's 32 fence registers each such vGPU takes {value}; the host keeps "
                   "4.")},
    {.key = "resolution",
     .id = "mdev.resolution",
     .meaning = N_("The largest picture that the guest can choose is {value}.")},
    {.key = "weight",
     .id = "mdev.weight",
     .meaning = N_("The share of GPU time against other vGPUs, of 16. With one vGPU it changes "
                   "nothing.")},
}};

// An attribute of sysfs has at most a page (Documentation/filesystems/sysfs.rst).
constexpr std::size_t kLongest = 4096;

unsigned recognise_description(std::string_view bytes) {
  return bytes.size() <= kLongest && parse_gvt_description(bytes) ? 99 : 0;
}

Explanation explain_description(std::string_view bytes) {
  Explanation explanation;
  const auto size = parse_gvt_description(bytes);
  if (!size) return explanation;
  const std::vector<std::string_view> all = lines(bytes);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::size_t colon = all[i].find(':');
    for (const LineNote& note : kNotes) {
      if (colon == std::string_view::npos || trim(all[i].substr(0, colon)) != note.key) continue;
      const std::vector<Field> fields = {{"value", printable(trim(all[i].substr(colon + 1)))}};
      explanation.annotations.push_back({.line = i + 1,
                                         .id = note.id,
                                         .severity = Severity::Note,
                                         .meaning = {note.meaning, fields},
                                         .action = {},
                                         .arguments = fields});
    }
  }
  explanation.decoded = Json::object({{"low_gm_size_mb", size->low_gm_mb},
                                      {"high_gm_size_mb", size->high_gm_mb},
                                      {"fence", size->fences},
                                      {"width", size->width},
                                      {"height", size->height},
                                      {"weight", size->weight}});
  return explanation;
}

}  // namespace

const Explainer kMdevDescriptionExplainer = {.kind = "mdev-description",
                                             .title = N_("a vGPU type's description"),
                                             .recognise = recognise_description,
                                             .explain = explain_description};

}  // namespace cleave
