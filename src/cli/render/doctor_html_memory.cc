// What a GPU's memory is divided into: bars of its aperture and hidden memory for GVT-g, and a
// table of the vGPU types of every driver.
#include <algorithm>

#include "analysis/intel_gpu.h"
#include "base/format.h"
#include "cli/render/doctor_html_parts.h"
#include "cli/render/translate.h"

namespace cleave {
namespace {

// One kind of graphics memory of a GPU under GVT-g, in MB.
struct Memory {
  std::uint32_t total = 0;
  std::uint32_t host = 0;
  std::vector<std::uint32_t> vgpus;  // those that exist

  [[nodiscard]] std::uint32_t taken() const {
    std::uint32_t sum = 0;
    for (const std::uint32_t size : vgpus) sum += size;
    return sum;
  }
  [[nodiscard]] std::uint32_t free() const {
    const std::uint32_t used = host + taken();
    return total > used ? total - used : 0;
  }
};

struct Memories {
  Memory aperture;
  Memory hidden;
};

const TypeCapacity* find_type(const Capacity& capacity, const std::string& id) {
  const auto found = std::ranges::find(capacity.types, id, &TypeCapacity::id);
  return found == capacity.types.end() ? nullptr : &*found;
}

void add_vgpus(Memories& memories, const Diagnosis& diagnosis, const GpuDiagnosis& gpu) {
  const auto* devices = diagnosis.facts->mediated_devices.value();
  if (devices == nullptr || gpu.parent == nullptr) return;
  for (const MediatedDevice& device : *devices) {
    const TypeCapacity* type = find_type(gpu.capacity, device.type_id);
    if (device.parent != gpu.parent->name || type == nullptr) continue;
    memories.aperture.vgpus.push_back(type->size.low_gm_mb);
    memories.hidden.vgpus.push_back(type->size.high_gm_mb);
  }
}

// Empty where GVT-g is not what divides this GPU, or its aperture is not known.
std::optional<Memories> memories_of(const Diagnosis& diagnosis, const GpuDiagnosis& gpu) {
  const auto aperture = aperture_bytes(*gpu.gpu);
  if (!aperture || (!gpu.predicted && !gpu.capacity.pool)) return std::nullopt;
  const auto aperture_mb = static_cast<std::uint32_t>(*aperture >> 20U);
  if (aperture_mb == 0) return std::nullopt;
  Memories memories;
  memories.aperture.total = aperture_mb;
  memories.aperture.host = std::min(kGvtHostApertureMb, aperture_mb);
  if (aperture_mb < kGvtAddressSpaceMb) memories.hidden.total = kGvtAddressSpaceMb - aperture_mb;
  memories.hidden.host = std::min(kGvtHostHiddenMb, memories.hidden.total);
  add_vgpus(memories, diagnosis, gpu);
  return memories;
}

class Bar {
 public:
  Bar(HtmlWriter& page, const Memory& memory) : page_(page), memory_(memory) {}

  void draw(const std::string& name, std::uint32_t block, std::uint32_t count) {
    const auto svg =
        page_.in("svg", {{"class", "bar"}, {"role", "img"}, {"width", "100%"}, {"height", "22"}});
    page_.element("title", name);
    page_.empty("rect", {{"class", "free"}, {"width", "100%"}, {"height", "22"}, {"rx", "4"}});
    part("host", memory_.host);
    for (const std::uint32_t size : memory_.vgpus) part("live", size);
    // The driver's word may be more than there is room for: the bar ends where the memory does.
    for (std::uint32_t i = 0; block > 0 && i < count && start_ < memory_.total; ++i) {
      part("fits", block);
    }
    if (count == 0) part("lacks", block);
  }

 private:
  // The next piece of the bar, cut where the bar ends; its size in it where there is room for that.
  void part(const char* look, std::uint32_t megabytes) {
    const std::uint32_t shown =
        std::min(megabytes, memory_.total - std::min(start_, memory_.total));
    if (shown == 0) return;
    const double left = 100.0 * start_ / memory_.total;
    const double width = 100.0 * shown / memory_.total;
    page_.empty("rect", {{"class", look},
                         {"x", format("{:.3f}%", left)},
                         {"y", "1"},
                         {"width", format("{:.3f}%", width)},
                         {"height", "20"},
                         {"rx", "4"}});
    // A tenth of the narrowest bar, about 280 pixels, holds four digits.
    if (width >= 10) {
      page_.element("text", std::to_string(megabytes),
                    {{"class", look}, {"x", format("{:.3f}%", left + width / 2)}, {"y", "15"}});
    }
    start_ += shown;
  }

  HtmlWriter& page_;
  const Memory& memory_;
  std::uint32_t start_ = 0;
};

std::vector<Field> fields_of(const Memory& memory) {
  return {{"total", memory.total},
          {"host", memory.host},
          {"vgpus", memory.taken()},
          {"free", memory.free()}};
}

void write_now(HtmlWriter& page, const Memories& memories) {
  const std::string aperture = translate(
      Message(N_("Aperture, {total} MB: the host keeps {host} MB, vGPUs have {vgpus} MB, {free} MB "
                 "are free."),
              fields_of(memories.aperture)));
  page.element("p", aperture);
  Bar(page, memories.aperture).draw(aperture, 0, 0);
  if (memories.hidden.total == 0) return;
  const std::string hidden = translate(
      Message(N_("Hidden memory, {total} MB: the host keeps {host} MB, vGPUs have {vgpus} MB, "
                 "{free} MB are free."),
              fields_of(memories.hidden)));
  page.element("p", hidden);
  Bar(page, memories.hidden).draw(hidden, 0, 0);
}

void write_type(HtmlWriter& page, const Memories& memories, const TypeCapacity& type) {
  if (type.size.low_gm_mb == 0) return;
  page.element("h4", type.id);
  const std::vector<Field> fields = {{"aperture", type.size.low_gm_mb},
                                     {"hidden", type.size.high_gm_mb},
                                     {"type", type.id},
                                     {"count", type.available}};
  {
    const auto line = page.in("p");
    page.element("span",
                 translate(Message(N_("Each takes {aperture} MB of aperture and {hidden} MB "
                                      "of hidden memory."),
                                   fields)));
    page.text(" ");
    page.element("span", type.available > 0
                             ? translate(Message(N_("Number that fit now: {count}."), fields))
                             : translate(type.reason));
  }
  Bar(page, memories.aperture)
      .draw(translate(Message(N_("Aperture with vGPUs of type {type}: {count} fit."), fields)),
            type.size.low_gm_mb, type.available);
  if (memories.hidden.total == 0) return;
  Bar(page, memories.hidden)
      .draw(translate(Message(N_("Hidden memory with vGPUs of type {type}: {count} fit."), fields)),
            type.size.high_gm_mb, type.available);
}

void write_legend(HtmlWriter& page) {
  const auto list = page.in("ul", {{"class", "legend"}});
  const auto entry = [&](const char* look, const char* text) {
    const auto item = page.in("li");
    {
      const auto svg = page.in(
          "svg", {{"class", "swatch bar"}, {"viewBox", "0 0 12 12"}, {"aria-hidden", "true"}});
      page.empty("rect", {{"class", look},
                          {"x", "1"},
                          {"y", "1"},
                          {"width", "10"},
                          {"height", "10"},
                          {"rx", "2"}});
    }
    page.element("span", translate(text));
  };
  entry("host", N_("kept by the host"));
  entry("live", N_("a vGPU that exists"));
  entry("fits", N_("a vGPU that would fit"));
  entry("lacks", N_("a vGPU that does not fit"));
  entry("free", N_("free"));
}

void write_type_row(HtmlWriter& page, const TypeCapacity& type) {
  const auto row = page.in("tr");
  {
    const auto cell = page.in("th", {{"scope", "row"}});
    page.element("code", type.id);
    if (!type.name.empty()) {
      page.text(" ");
      page.element("span", type.name, {{"class", "muted"}});
    }
  }
  page.element("td", type.size.width == 0 ? std::string("–")
                                          : format("{}×{}", type.size.width, type.size.height));
  page.element("td", type.available_known ? std::to_string(type.available) : std::string("?"));
  page.element("td", type.maximum ? std::to_string(*type.maximum) : std::string("–"));
}

void write_types(HtmlWriter& page, const Capacity& capacity, const std::string& heading) {
  if (capacity.types.empty()) return;
  page.element("p", heading);
  const auto scroll = page.in(
      "div", {{"class", "scroll"}, {"tabindex", "0"}, {"role", "region"}, {"aria-label", heading}});
  const auto table = page.in("table");
  {
    const auto head = page.in("thead");
    const auto row = page.in("tr");
    for (const char* column : {N_("type"), N_("largest picture"), N_("fit now"), N_("at most")}) {
      page.element("th", translate(column), {{"scope", "col"}});
    }
  }
  const auto body = page.in("tbody");
  for (const TypeCapacity& type : capacity.types) write_type_row(page, type);
}

// Where there are no bars the reasons stand in a list.
void write_reasons(HtmlWriter& page, const Capacity& capacity) {
  const bool any = std::ranges::any_of(
      capacity.types, [](const TypeCapacity& type) { return !type.reason.empty(); });
  if (!any) return;
  const auto list = page.in("ul");
  for (const TypeCapacity& type : capacity.types) {
    if (type.reason.empty()) continue;
    const auto item = page.in("li");
    page.element("code", type.id);
    page.text(" ");
    page.element("span", translate(type.reason));
  }
}

bool shown(const GpuDiagnosis& gpu) {
  return !gpu.capacity.types.empty() && std::ranges::any_of(gpu.ways, [](const WayVerdict& way) {
    return way.verdict != Verdict::Impossible;
  });
}

void write_gpu(HtmlWriter& page, const Diagnosis& diagnosis, const GpuDiagnosis& gpu) {
  page.element("h3", gpu_heading(gpu));
  write_types(page, gpu.capacity,
              gpu.predicted
                  ? translate(N_("vGPU types to be expected (computed from the GPU's aperture):"))
                  : translate(N_("vGPU types:")));
  const auto memories = memories_of(diagnosis, gpu);
  if (!memories) {
    write_reasons(page, gpu.capacity);
    return;
  }
  write_now(page, *memories);
  write_legend(page);
  if (memories->hidden.total > 0) {
    page.element("p",
                 translate(N_("For each type below, the upper bar is the aperture and the "
                              "lower one hidden memory.")),
                 {{"class", "muted"}});
  }
  for (const TypeCapacity& type : gpu.capacity.types) write_type(page, *memories, type);
}

}  // namespace

bool has_memory(const Diagnosis& diagnosis) {
  return !diagnosis.other_parents.empty() || std::ranges::any_of(diagnosis.gpus, shown);
}

void write_memory(HtmlWriter& page, const Diagnosis& diagnosis) {
  if (!has_memory(diagnosis)) return;
  const auto section = page.in("section", {{"aria-labelledby", "memory"}, {"class", "card"}});
  page.element("h2", translate(N_("vGPU types and the GPU's memory")), {{"id", "memory"}});
  for (const GpuDiagnosis& gpu : diagnosis.gpus) {
    if (shown(gpu)) write_gpu(page, diagnosis, gpu);
  }
  for (const Diagnosis::OtherParent& other : diagnosis.other_parents) {
    page.element("h3", other.parent->name);
    write_types(page, other.capacity,
                translate(Message(N_("{parent} offers mediated devices, too (no GPU):"),
                                  {{"parent", other.parent->name}})));
    write_reasons(page, other.capacity);
  }
}

}  // namespace cleave
