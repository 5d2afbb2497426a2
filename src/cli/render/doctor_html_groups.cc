// The IOMMU groups: a drawing with the GPU's group first, sentences that say the same, and a table.
#include <algorithm>
#include <map>

#include "base/format.h"
#include "base/text.h"
#include "cli/render/doctor_html_parts.h"
#include "cli/render/translate.h"

namespace cleave {
namespace {

// Devices that stand together in one frame of the drawing.
struct Frame {
  enum class Kind { Group, None, Unknown };
  Kind kind = Kind::Group;
  std::uint32_t number = 0;
  std::vector<const PciDevice*> devices;
  bool has_gpu = false;
};

// How a drawing is laid out, in its own units: about one CSS pixel each.
struct Layout {
  const char* name;  // of its class and ids
  std::size_t columns;
  std::size_t column_width;
};

constexpr std::size_t kGap = 12;
constexpr std::size_t kHeadHeight = 30;
constexpr std::size_t kRowHeight = 20;
constexpr std::size_t kFootHeight = 8;
// Behind this many rows a frame only counts what follows; the table has all.
constexpr std::size_t kMaximumRows = 12;

// Base classes of the PCI Code and ID Assignment Specification 1.11; serial buses (0Ch) by
// subclass.
const char* kind_of(const PciDevice& device) {
  switch (device.class_code >> 16U) {
    case 0x01:
      return N_("storage");
    case 0x02:
    case 0x0d:
      return N_("network");
    case 0x03:
      return N_("graphics");
    case 0x04:
      return N_("sound");
    case 0x06:
      return N_("bridge");
    case 0x0c:
      return (device.class_code >> 8U) == 0x0c03 ? N_("USB") : N_("bus");
    default:
      return N_("other");
  }
}

std::string short_address(const PciAddress& address) {
  const std::string text = to_text(address);
  return address.domain == 0 ? text.substr(5) : text;  // without "0000:"
}

Frame::Kind frame_kind(const PciDevice& device) {
  if (device.iommu_group.is_known()) return Frame::Kind::Group;
  return device.iommu_group.is_absent() ? Frame::Kind::None : Frame::Kind::Unknown;
}

// Those with a GPU first, then by number; devices outside of all groups last.
std::vector<Frame> frames_of(const std::vector<PciDevice>& devices) {
  std::map<std::pair<Frame::Kind, std::uint32_t>, Frame> by_group;
  for (const PciDevice& device : devices) {
    const Frame::Kind kind = frame_kind(device);
    const std::uint32_t number = device.iommu_group.value_or(0);
    Frame& frame = by_group[{kind, number}];
    frame.kind = kind;
    frame.number = number;
    frame.has_gpu = frame.has_gpu || device.is_gpu();
    frame.devices.push_back(&device);
  }
  std::vector<Frame> frames;
  for (auto& [key, frame] : by_group) {
    std::ranges::stable_partition(frame.devices, &PciDevice::is_gpu);
    frames.push_back(std::move(frame));
  }
  std::ranges::stable_partition(frames, &Frame::has_gpu);
  return frames;
}

std::string frame_title(const Frame& frame) {
  switch (frame.kind) {
    case Frame::Kind::Group:
      return translate(Message(N_("Group {group}"), {{"group", frame.number}}));
    case Frame::Kind::None:
      return translate(N_("In no group"));
    case Frame::Kind::Unknown:
      break;
  }
  return translate(N_("Group not known"));
}

// A bridge stays with the host whoever has what is behind it.
bool shares_with_gpu(const Frame& frame, const PciDevice& device) {
  return frame.kind == Frame::Kind::Group && frame.has_gpu && !device.is_gpu() &&
         !device.is_bridge();
}

std::size_t rows_of(const Frame& frame) {
  return frame.devices.size() > kMaximumRows ? kMaximumRows + 1 : frame.devices.size();
}

std::size_t height_of(const Frame& frame) {
  return kHeadHeight + rows_of(frame) * kRowHeight + kFootHeight;
}

// A disc for the GPU, a triangle for what goes with it, a square for the rest: not colour alone.
void draw_mark(HtmlWriter& page, const Frame& frame, const PciDevice& device, std::size_t x,
               std::size_t y) {
  if (device.is_gpu()) {
    page.empty("circle", {{"class", "mark-gpu"},
                          {"cx", std::to_string(x + 5)},
                          {"cy", std::to_string(y - 4)},
                          {"r", "5"}});
  } else if (shares_with_gpu(frame, device)) {
    page.empty("path", {{"class", "mark-shares"}, {"d", format("M{} {}l5.5-10 5.5 10z", x, y)}});
  } else {
    page.empty("rect", {{"class", "mark-other"},
                        {"x", std::to_string(x + 1)},
                        {"y", std::to_string(y - 8)},
                        {"width", "8"},
                        {"height", "8"}});
  }
}

void draw_text(HtmlWriter& page, const char* look, std::size_t x, std::size_t y,
               std::string_view text) {
  page.element("text", text, {{"class", look}, {"x", std::to_string(x)}, {"y", std::to_string(y)}});
}

void draw_rows(HtmlWriter& page, const Frame& frame, std::size_t x, std::size_t y) {
  std::size_t row = y + kHeadHeight + 12;
  for (const PciDevice* device : frame.devices) {
    if (row >= y + kHeadHeight + kMaximumRows * kRowHeight) {
      const std::size_t more = frame.devices.size() - kMaximumRows;
      draw_text(page, "kind", x + 10, row,
                translate(Message(N_("{count} more"), {{"count", more}})));
      return;
    }
    draw_mark(page, frame, *device, x + 10, row);
    const std::string address = short_address(device->address);
    draw_text(page, device->is_gpu() ? "address gpu" : "address", x + 27, row, address);
    // 7.3 units for each of the address's letters, which are 12 units high and all equally wide.
    draw_text(page, "kind", x + 33 + address.size() * 73 / 10, row, translate(kind_of(*device)));
    row += kRowHeight;
  }
}

void draw_frame(HtmlWriter& page, const Frame& frame, std::size_t x, std::size_t y,
                std::size_t width) {
  std::string look = frame.kind == Frame::Kind::Group ? "frame" : "frame outside";
  if (frame.has_gpu) look += " with-gpu";
  page.empty("rect", {{"class", look},
                      {"x", std::to_string(x + 1)},
                      {"y", std::to_string(y + 1)},
                      {"width", std::to_string(width - 2)},
                      {"height", std::to_string(height_of(frame) - 2)},
                      {"rx", "8"}});
  draw_text(page, frame.has_gpu ? "name gpu" : "name", x + 10, y + 20, frame_title(frame));
  draw_rows(page, frame, x, y);
}

struct Place {
  std::size_t column;
  std::size_t y;
};

// Each frame under the shortest column, so that small groups fill up beside large ones.
std::vector<Place> place(const std::vector<Frame>& frames, std::size_t columns,
                         std::size_t& height) {
  std::vector<std::size_t> heights(columns, 0);
  std::vector<Place> places;
  for (const Frame& frame : frames) {
    const auto shortest = std::ranges::min_element(heights);
    places.push_back({static_cast<std::size_t>(shortest - heights.begin()), *shortest});
    *shortest += height_of(frame) + kGap;
  }
  height = std::max(std::ranges::max(heights), kGap) - kGap;
  return places;
}

void draw(HtmlWriter& page, const std::vector<Frame>& frames, const Layout& layout,
          const std::string& description) {
  std::size_t height = 0;
  const std::vector<Place> places = place(frames, layout.columns, height);
  const std::size_t width = layout.columns * (layout.column_width + kGap) - kGap;
  const std::string title = format("groups-{}-title", layout.name);
  const std::string text = format("groups-{}-text", layout.name);
  const auto svg = page.in("svg", {{"class", format("groups {}", layout.name)},
                                   {"viewBox", format("0 0 {} {}", width, height)},
                                   {"role", "img"},
                                   {"aria-labelledby", title},
                                   {"aria-describedby", text}});
  page.element("title", translate(N_("Drawing of the IOMMU groups")), {{"id", title}});
  page.element("desc", description, {{"id", text}});
  for (std::size_t i = 0; i < frames.size(); ++i) {
    draw_frame(page, frames[i], places[i].column * (layout.column_width + kGap), places[i].y,
               layout.column_width);
  }
}

// What the GPU's place among the groups means.
Message sentence_of(const Frame& frame, const PciDevice& gpu) {
  std::vector<Field> fields = {{"gpu", to_text(gpu.address)}};
  if (frame.kind == Frame::Kind::None) {
    return {N_("GPU {gpu} is in no group: the kernel has not put it behind an IOMMU, so it cannot "
               "be handed to a VM as a whole."),
            std::move(fields)};
  }
  if (frame.kind == Frame::Kind::Unknown) {
    return {N_("The group of GPU {gpu} could not be read."), std::move(fields)};
  }
  std::vector<std::string> others;
  for (const PciDevice* device : frame.devices) {
    if (device != &gpu && !device->is_bridge()) others.push_back(to_text(device->address));
  }
  fields.emplace_back("group", frame.number);
  if (others.empty()) {
    return {N_("GPU {gpu} is in group {group} and shares it with nothing that a VM would take "
               "along."),
            std::move(fields)};
  }
  fields.emplace_back("devices", join(others, ", "));
  return {N_("GPU {gpu} is in group {group}. If it were handed to a VM as a whole, these would "
             "leave the host with it: {devices}."),
          std::move(fields)};
}

std::vector<std::string> sentences_of(const std::vector<Frame>& frames) {
  std::vector<std::string> sentences;
  for (const Frame& frame : frames) {
    for (const PciDevice* device : frame.devices) {
      if (device->is_gpu()) sentences.push_back(translate(sentence_of(frame, *device)));
    }
  }
  return sentences;
}

void write_legend(HtmlWriter& page) {
  const auto list = page.in("ul", {{"class", "legend"}});
  const auto entry = [&](const char* mark, const HtmlAttributes& shape, const char* text) {
    const auto item = page.in("li");
    {
      const auto svg =
          page.in("svg", {{"class", "swatch"}, {"viewBox", "0 0 12 12"}, {"aria-hidden", "true"}});
      page.empty(mark, shape);
    }
    page.element("span", translate(text));
  };
  entry("circle", {{"class", "mark-gpu"}, {"cx", "6"}, {"cy", "6"}, {"r", "5"}}, N_("GPU"));
  entry("path", {{"class", "mark-shares"}, {"d", "M0.5 11l5.5-10 5.5 10z"}},
        N_("would leave the host with the GPU"));
  entry("rect", {{"class", "mark-other"}, {"x", "2"}, {"y", "2"}, {"width", "8"}, {"height", "8"}},
        N_("any other device"));
}

void write_row(HtmlWriter& page, const Frame& frame, const PciDevice& device) {
  const auto row = page.in("tr");
  page.element("th", frame_title(frame), {{"scope", "row"}});
  {
    const auto cell = page.in("td");
    page.element("code", to_text(device.address));
  }
  page.element("td", translate(kind_of(device)));
  {
    const auto cell = page.in("td");
    page.element("code", format("{:04x}:{:04x}", device.vendor_id, device.device_id));
  }
  page.element("td", device.driver.value_or("–"));
}

void write_table(HtmlWriter& page, const std::vector<Frame>& frames) {
  const auto details = page.in("details");
  page.element("summary", translate(N_("The groups as a table")));
  const auto scroll = page.in("div", {{"class", "scroll"},
                                      {"tabindex", "0"},
                                      {"role", "region"},
                                      {"aria-label", translate(N_("The groups as a table"))}});
  const auto table = page.in("table");
  {
    const auto head = page.in("thead");
    const auto row = page.in("tr");
    for (const char* column :
         {N_("Group"), N_("Address"), N_("Kind"), N_("Vendor and device"), N_("Driver")}) {
      page.element("th", translate(column), {{"scope", "col"}});
    }
  }
  const auto body = page.in("tbody");
  for (const Frame& frame : frames) {
    for (const PciDevice* device : frame.devices) write_row(page, frame, *device);
  }
}

}  // namespace

bool has_groups(const Diagnosis& diagnosis) {
  const auto* devices = diagnosis.facts->pci_devices.value();
  return devices != nullptr && !devices->empty();
}

void write_groups(HtmlWriter& page, const Diagnosis& diagnosis) {
  if (!has_groups(diagnosis)) return;
  const auto section = page.in("section", {{"aria-labelledby", "groups"}, {"class", "card"}});
  page.element("h2", translate(N_("IOMMU groups")), {{"id", "groups"}});
  page.element(
      "p",
      translate(N_("A device can be handed to a VM as a whole only together with its IOMMU "
                   "group. GVT-g and virtio-gpu do "
                   "not need one.")),
      {{"class", "muted"}});
  const std::vector<Frame> frames = frames_of(*diagnosis.facts->pci_devices.value());
  const std::vector<std::string> sentences = sentences_of(frames);
  for (const std::string& sentence : sentences) page.element("p", sentence);
  // Letters in a drawing shrink with it: a narrow screen gets one of its own.
  const std::string description = join(sentences, " ");
  const bool long_addresses =
      std::ranges::any_of(*diagnosis.facts->pci_devices.value(),
                          [](const PciDevice& device) { return device.address.domain != 0; });
  if (long_addresses) {
    draw(page, frames, {.name = "wide", .columns = 3, .column_width = 232}, description);
    draw(page, frames, {.name = "narrow", .columns = 1, .column_width = 320}, description);
  } else {
    draw(page, frames, {.name = "wide", .columns = 4, .column_width = 172}, description);
    draw(page, frames, {.name = "narrow", .columns = 2, .column_width = 154}, description);
  }
  write_legend(page);
  write_table(page, frames);
}

}  // namespace cleave
