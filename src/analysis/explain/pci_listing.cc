// What lspci prints, with or without -nn, -k and -v: the GPUs and what decides about sharing them.
#include <algorithm>
#include <array>
#include <optional>

#include "analysis/capacity.h"
#include "analysis/explain/kinds.h"
#include "analysis/intel_gpu.h"
#include "base/text.h"
#include "facts/pci.h"

namespace cleave {
namespace {

constexpr std::size_t kMostNotes = 2000;

struct Device {
  std::string address;
  std::string description;  // behind the address
  std::string class_name;
  std::uint16_t vendor_id = 0;  // 0: the listing has no numbers
  std::uint16_t device_id = 0;
};

// "[8086:9b41]": the last such pair on the line; a class "[0300]" is none.
void read_ids(Device& device) {
  std::string_view text = device.description;
  for (std::size_t open = text.rfind('['); open != std::string_view::npos && open > 0;
       open = text.substr(0, open).rfind('[')) {
    if (text.size() < open + 11 || text[open + 5] != ':' || text[open + 10] != ']') continue;
    const auto vendor = parse_unsigned<std::uint16_t>(text.substr(open + 1, 4), 16);
    const auto id = parse_unsigned<std::uint16_t>(text.substr(open + 6, 4), 16);
    if (!vendor || !id) continue;
    device.vendor_id = *vendor;
    device.device_id = *id;
    return;
  }
}

// "00:02.0 VGA compatible controller: Intel …", "0000:00:02.0 VGA compatible controller [0300]: …"
std::optional<Device> device_line(std::string_view line) {
  constexpr std::size_t kLongest = 1024;
  line = line.substr(0, kLongest);
  const std::size_t blank = line.find(' ');
  if (blank == std::string_view::npos || blank < 7 || blank > 16) return std::nullopt;
  const auto address = parse_pci_address(line.substr(0, blank));
  if (!address) return std::nullopt;
  Device device{.address = to_text(*address),
                .description = std::string(trim(line.substr(blank))),
                .class_name = {}};
  const std::size_t colon = device.description.find(": ");
  if (colon == std::string::npos) return std::nullopt;
  device.class_name = device.description.substr(0, device.description.substr(0, colon).find(" ["));
  device.class_name = device.class_name.substr(0, colon);
  read_ids(device);
  return device;
}

bool is_gpu(const Device& device) {
  return device.class_name == "VGA compatible controller" || device.class_name == "3D controller" ||
         device.class_name == "Display controller";
}

bool is_intel(const Device& device) {
  return device.vendor_id == kIntelVendorId ||
         (device.vendor_id == 0 && device.description.find("Intel Corp") != std::string::npos);
}

unsigned recognise_listing(std::string_view bytes) {
  constexpr std::size_t kLooksAt = 2000;
  std::size_t devices = 0;
  std::size_t other = 0;
  for (std::size_t i = 0; i < kLooksAt && !bytes.empty(); ++i) {
    const std::size_t end = std::min(bytes.find('\n'), bytes.size());
    const std::string_view line = bytes.substr(0, end);
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
    if (device_line(trim(line))) {
      ++devices;
    } else if (!line.empty() && line[0] != ' ' && line[0] != '\t' && line != "\r") {
      ++other;
    }
  }
  if (devices == 0) return 0;
  if (devices >= 3) return devices >= other ? 86 : 50;
  return devices >= other ? 82 : 30;
}

class Listing {
 public:
  Explanation explain(std::string_view bytes) {
    devices_ = Json::array();
    while (!bytes.empty() && explanation_.annotations.size() < kMostNotes) {
      ++line_;
      const std::size_t end = std::min(bytes.find('\n'), bytes.size());
      const std::string_view line = trim(bytes.substr(0, end));
      bytes.remove_prefix(std::min(end + 1, bytes.size()));
      if (auto device = device_line(line)) {
        finish_device();
        device_ = std::move(device);
        start_device();
      } else if (device_ && is_gpu(*device_)) {
        detail(line);
      }
    }
    finish_device();
    explanation_.decoded = Json::object({{"gpus", std::move(devices_)}});
    return std::move(explanation_);
  }

 private:
  void add(const char* id, Severity severity, const char* meaning, std::vector<Field> fields = {},
           const char* action = "") {
    fields.emplace_back("address", device_->address);
    explanation_.annotations.push_back(
        {.line = line_,
         .id = id,
         .severity = severity,
         .meaning = {meaning, fields},
         .action = *action == 0 ? Message() : Message(action, fields),
         .arguments = fields});
  }

  void start_device() {
    if (device_->class_name == "IOMMU") {
      add("pci.iommu", Severity::Good,
          N_("AMD's IOMMU is there. Whether the kernel uses it stands in its log."));
    }
    if (!is_gpu(*device_)) return;
    gpu_ = Json::object({{"address", device_->address}});
    if (device_->vendor_id == 0) {
      gpu_without_numbers();
    } else {
      gpu_.set("vendor_id", device_->vendor_id);
      gpu_.set("device_id", device_->device_id);
      gpu_with_numbers();
    }
  }

  void gpu_without_numbers() {
    add("pci.gpu", Severity::Note,
        N_("A GPU. Its numbers are missing here, and only they tell which ways of sharing it has."),
        {}, N_("List it with lspci -nn."));
  }

  void gpu_with_numbers() {
    if (!is_intel(*device_)) {
      return add("pci.gpu_other", Severity::Note,
                 N_("A GPU that is not Intel's: there is no GVT-g for it."));
    }
    if (!device_->address.ends_with(".0") &&
        device_->address.find(":00:02.") != std::string::npos) {
      return add("pci.gpu_virtual_function", Severity::Good,
                 N_("A virtual function (SR-IOV) of the GPU: one VM can have it."));
    }
    const IntelGpu* known = find_intel_gpu(device_->device_id);
    if (known == nullptr) {
      return add("pci.gpu_intel_unknown", Severity::Note,
                 N_("An Intel GPU that is not among those with GVT-g."));
    }
    gpu_.set("platform", known->platform);
    gpu_.set("gvt_g", known->gvt_g);
    const std::vector<Field> fields = {{"platform", known->platform}};
    if (known->gvt_g) {
      return add("pci.gpu_gvt_g", Severity::Good,
                 N_("{platform}: GVT-g can share this GPU, where the kernel has it."), fields);
    }
    add("pci.gpu_no_gvt_g", Severity::Note,
        N_("{platform}: GVT-g does not support this GPU; no setting changes that."), fields);
  }

  void detail(std::string_view line) {
    if (const auto driver = after(line, "Kernel driver in use: ")) return note_driver(*driver);
    if (line.starts_with("Region 2: Memory at ")) return note_aperture(line);
    if (line.find("Single Root I/O Virtualization (SR-IOV)") != std::string_view::npos) {
      gpu_.set("sriov", true);
      return add("pci.sriov", Severity::Good,
                 N_("The GPU can split itself (SR-IOV). Whether its driver does so here is another "
                    "matter: look for sriov_totalvfs."));
    }
    if (const auto group = after(line, "IOMMU group: ")) {
      add("pci.iommu_group", Severity::Good,
          N_("The GPU is in IOMMU group {group}: the IOMMU is on, and the GPU not left out."),
          {{"group", printable(*group)}});
    }
    if (const std::size_t count = line.find("Total VFs: "); count != std::string_view::npos) {
      note_virtual_functions(line, count);
    }
  }

  static std::optional<std::string_view> after(std::string_view line, std::string_view words) {
    if (!line.starts_with(words)) return std::nullopt;
    return trim(line.substr(words.size()));
  }

  void note_driver(std::string_view driver) {
    gpu_.set("driver", printable(driver));
    const std::vector<Field> fields = {{"driver", printable(driver)}};
    if (driver == "vfio-pci") {
      return add("pci.driver_vfio", Severity::Note,
                 N_("The whole GPU is set aside for a VM: no GVT-g and no SR-IOV now."), fields);
    }
    add("pci.driver", Severity::Note, N_("The driver {driver} has this GPU."), fields);
  }

  // "Region 2: Memory at 4000000000 (64-bit, prefetchable) [size=256M]"
  void note_aperture(std::string_view line) {
    const IntelGpu* known = is_intel(*device_) ? find_intel_gpu(device_->device_id) : nullptr;
    const std::size_t place = line.find("[size=");
    if (known == nullptr || !known->gvt_g || place == std::string_view::npos) return;
    const auto bytes = size_of(line.substr(place + 6));
    if (!bytes) return;
    gpu_.set("aperture_bytes", *bytes);
    std::string fitting;
    for (const TypeCapacity& type : predict_gvt_types(*bytes, known->graphics_version)) {
      if (type.maximum.value_or(0) == 0) continue;
      if (!fitting.empty()) fitting += ", ";
      fitting += std::to_string(*type.maximum) + " × " + type.id;
    }
    const std::vector<Field> fields = {{"megabytes", *bytes >> 20U}, {"types", fitting}};
    if (fitting.empty()) {
      return add("pci.aperture_useless", Severity::Problem,
                 N_("The GPU's aperture of {megabytes} MB leaves no room for a vGPU."), fields,
                 N_("Set the aperture size to 256 to 1024 MB in the firmware's setup."));
    }
    add("pci.aperture", Severity::Note,
        N_("The GPU's aperture, {megabytes} MB: GVT-g fits one of these into it: {types}."),
        fields);
  }

  static std::optional<std::uint64_t> size_of(std::string_view text) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto number = parse_unsigned<std::uint64_t>(text.substr(0, digits));
    if (!number || *number > 1'000'000 || digits >= text.size()) return std::nullopt;
    switch (text[digits]) {
      case 'K':
        return *number << 10U;
      case 'M':
        return *number << 20U;
      case 'G':
        return *number << 30U;
      default:
        return std::nullopt;
    }
  }

  void note_virtual_functions(std::string_view line, std::size_t place) {
    const std::string_view rest = line.substr(place + 11);
    const auto total = parse_unsigned<std::uint32_t>(
        rest.substr(0, std::min(rest.find_first_not_of("0123456789"), rest.size())));
    if (!total) return;
    gpu_.set("total_vfs", *total);
    add("pci.total_vfs", Severity::Note, N_("The GPU can have at most {total} virtual functions."),
        {{"total", *total}});
  }

  void finish_device() {
    if (!gpu_.is_null()) devices_.push_back(std::move(gpu_));
    gpu_ = Json();
  }

  Explanation explanation_;
  Json devices_;
  Json gpu_;
  std::optional<Device> device_;
  std::size_t line_ = 0;
};

Explanation explain_listing(std::string_view bytes) { return Listing().explain(bytes); }

}  // namespace

const Explainer kPciListingExplainer = {.kind = "pci-listing",
                                        .title = N_("what lspci prints"),
                                        .recognise = recognise_listing,
                                        .explain = explain_listing};

}  // namespace cleave
