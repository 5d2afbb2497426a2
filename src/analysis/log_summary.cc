#include "analysis/log_summary.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "analysis/explain/log_messages/message.h"
#include "facts/kernel.h"
#include "facts/kernel_log.h"

namespace cleave {
namespace {

constexpr std::size_t kMostErrors = 100;
constexpr std::size_t kMostDrivers = 64;

// Drivers of GPUs; a device's messages begin with its driver's name and its address.
constexpr std::array<std::string_view, 14> kGpuDrivers = {
    "i915",    "xe",     "amdgpu",     "radeon",    "nouveau", "nvidia", "ast",
    "mgag200", "gma500", "virtio_gpu", "bochs-drm", "qxl",     "vmwgfx", "hyperv_drm"};

// What a message says about the IOMMU. In intel_iommu_init() (drivers/iommu/intel/iommu.c) the
// lines about RMRR, ATSR and SATC come after the test whether the IOMMU is wanted, and a queue is
// set up only for a unit that is switched on; "IOMMU enabled" is printed by the parser of the
// command line, and proves nothing.
enum class Effect : std::uint8_t {
  IommuOn,
  IommuLikelyOn,     // a fault, unless something else decides
  IommuLikelyOnGpu,  // i915 says so in VMs, too: only where this is no VM
  IommuOff,
  DmarTable,
  IvrsTable,
  Excluded,
  ExcludedByParameter,
  Kept,
  GvtUnregistered,
  GvtUnsupported,
  GvtInsideGuest,
  GvtGuc,
  GvtNotAskedFor,
  GvtNotBuilt,
  Memlock,
  KvmDisabled,
  DriverFailed,
};

const std::map<std::string_view, Effect>& effects() {
  static const std::map<std::string_view, Effect> kEffects = {
      {"log.dmar_on", Effect::IommuOn},
      {"log.dmar_opt_in", Effect::IommuOn},
      {"log.dmar_no_rmrr", Effect::IommuOn},
      {"log.dmar_no_atsr", Effect::IommuOn},
      {"log.dmar_no_satc", Effect::IommuOn},
      {"log.dmar_queued", Effect::IommuOn},
      {"log.dmar_register", Effect::IommuOn},
      {"log.amd_found", Effect::IommuOn},
      {"log.amd_found_at", Effect::IommuOn},
      {"log.dmar_fault_read", Effect::IommuLikelyOn},
      {"log.dmar_fault_read_no_pasid", Effect::IommuLikelyOn},
      {"log.dmar_fault_read_pasid", Effect::IommuLikelyOn},
      {"log.dmar_fault_write", Effect::IommuLikelyOn},
      {"log.dmar_fault_write_no_pasid", Effect::IommuLikelyOn},
      {"log.dmar_fault_write_pasid", Effect::IommuLikelyOn},
      {"log.amd_page_fault", Effect::IommuLikelyOn},
      {"log.vtd_active", Effect::IommuLikelyOnGpu},
      {"log.dmar_parameter_off", Effect::IommuOff},
      {"log.dmar_failed", Effect::IommuOff},
      {"log.dmar_no_devices", Effect::IommuOff},
      {"log.dmar_parse_failed", Effect::IommuOff},
      {"log.dmar_parse_failed_old", Effect::IommuOff},
      {"log.amd_off", Effect::IommuOff},
      {"log.amd_ivrs_error", Effect::IommuOff},
      {"log.dmar_table", Effect::DmarTable},
      {"log.dmar_reserving", Effect::DmarTable},
      {"log.dmar_host_address_width", Effect::DmarTable},
      {"log.dmar_drhd_scoped", Effect::DmarTable},
      {"log.dmar_drhd_all", Effect::DmarTable},
      {"log.ivrs_table", Effect::IvrsTable},
      {"log.ivrs_reserving", Effect::IvrsTable},
      {"log.dmar_graphics_excluded", Effect::Excluded},
      {"log.dmar_no_shadow_gtt", Effect::Excluded},
      {"log.dmar_gfx_parameter", Effect::ExcludedByParameter},
      {"log.dmar_graphics_kept", Effect::Kept},
      {"log.gvt_unregistering", Effect::GvtUnregistered},
      {"log.gvt_unsupported", Effect::GvtUnsupported},
      {"log.gvt_in_guest", Effect::GvtInsideGuest},
      {"log.gvt_guc", Effect::GvtGuc},
      {"log.gvt_parameter_off", Effect::GvtNotAskedFor},
      {"log.parameter_enable_gvt", Effect::GvtNotBuilt},
      {"log.vfio_memlock", Effect::Memlock},
      {"log.vfio_memlock_task", Effect::Memlock},
      {"log.vfio_memlock_limit", Effect::Memlock},
      {"log.vfio_memlock_task_short", Effect::Memlock},
      {"log.gvt_pin_failed", Effect::Memlock},
      {"log.kvm_disabled", Effect::KvmDisabled},
      {"log.kvm_disabled_named", Effect::KvmDisabled},
      {"log.kvm_vmx_disabled", Effect::KvmDisabled},
      {"log.kvm_vmx_disabled_outside", Effect::KvmDisabled},
      {"log.kvm_svm_disabled", Effect::KvmDisabled},
      {"log.kvm_svm_disabled_boot", Effect::KvmDisabled},
      {"log.force_probe_i915", Effect::DriverFailed},
      {"log.force_probe_xe", Effect::DriverFailed},
      {"log.nouveau_unknown", Effect::DriverFailed},
      {"log.amdgpu_fatal", Effect::DriverFailed},
  };
  return kEffects;
}

const Field* field_of(const LogMatch& match, std::string_view name) {
  const auto found = std::ranges::find(match.fields, name, &Field::name);
  return found == match.fields.end() ? nullptr : &*found;
}

class Summary {
 public:
  KernelLogSummary run(std::string_view log) {
    static const LogMatcher kMatcher(kernel_messages());
    KernelLogReader reader(log);
    while (auto line = reader.next()) {
      if (line->other_program || line->text.empty()) continue;
      line_ = &*line;
      const std::optional<LogMatch> match = kMatcher.match(line->text);
      if (match && match->message->id == std::string_view("log.linux_version")) start_boot();
      note_display();
      note_driver();
      note_group();
      if (match) note(*match);
    }
    settle();
    return std::move(found_);
  }

 private:
  [[nodiscard]] LogEvidence evidence() const {
    return {.line = line_->number, .text = std::string(line_->text)};
  }

  template <typename T>
  void decide(LogFact<T>& fact, T value) {
    fact.value = std::move(value);
    fact.evidence = evidence();
  }

  void start_boot() {
    found_ = {};
    likely_on_ = {};
    likely_on_gpu_ = {};
    excluded_by_parameter_ = {};
    display_.clear();
  }

  void note(const LogMatch& match) {
    const std::string_view id = match.message->id;
    if (id == "log.linux_version") decide(found_.release, field_of(match, "release")->value);
    if (id == "log.command_line" || id == "log.kernel_command_line") {
      if (match.at == 0) decide(found_.command_line, field_of(match, "arguments")->value);
    }
    if (id == "log.hypervisor") decide(found_.hypervisor, field_of(match, "hypervisor")->value);
    if (id == "log.gvt_registered" && says_i915()) decide(found_.gvt_g, GvtState::Registered);
    if (id.starts_with("log.initialized_")) note_initialised();
    if (id.starts_with("log.probe_")) forget_driver();
    if (id.starts_with("log.vfio_") && match.message->severity == Severity::Problem &&
        found_.vfio_errors.size() < kMostErrors) {
      found_.vfio_errors.push_back(evidence());
    }
    // A vGPU speaks: the driver offers them.
    if (line_->text.starts_with("gvt: vgpu ") && !found_.gvt_g.value) {
      decide(found_.gvt_g, GvtState::Registered);
    }
    const auto effect = effects().find(id);
    if (effect != effects().end()) apply(effect->second);
  }

  // Other drivers register mediated devices with the same words.
  [[nodiscard]] bool says_i915() const { return line_->text.starts_with("i915 "); }

  void apply(Effect effect) {
    switch (effect) {
      case Effect::IommuOn:
        return decide(found_.iommu, IommuState::On);
      case Effect::IommuOff:
        return decide(found_.iommu, IommuState::Off);
      case Effect::IommuLikelyOn:
        return decide(likely_on_, true);
      case Effect::IommuLikelyOnGpu:
        return decide(likely_on_gpu_, true);
      case Effect::DmarTable:
        return first(found_.dmar_table);
      case Effect::IvrsTable:
        return first(found_.ivrs_table);
      case Effect::Excluded:
        return decide(found_.graphics_excluded, true);
      case Effect::ExcludedByParameter:
        return decide(excluded_by_parameter_, true);
      case Effect::Kept:
        return decide(found_.graphics_excluded, false);
      case Effect::Memlock:
        return first(found_.memlock_exceeded);
      case Effect::KvmDisabled:
        return first(found_.kvm_disabled_by_firmware);
      case Effect::DriverFailed:
        return forget_driver();
      default:
        return apply_gvt(effect);
    }
  }

  void apply_gvt(Effect effect) {
    switch (effect) {
      case Effect::GvtUnregistered:
        if (says_i915()) decide(found_.gvt_g, GvtState::Unregistered);
        return;
      case Effect::GvtUnsupported:
        return decide(found_.gvt_g, GvtState::Unsupported);
      case Effect::GvtInsideGuest:
        return decide(found_.gvt_g, GvtState::InsideGuest);
      case Effect::GvtGuc:
        return decide(found_.gvt_g, GvtState::GucSubmission);
      case Effect::GvtNotAskedFor:
        return decide(found_.gvt_g, GvtState::NotAskedFor);
      case Effect::GvtNotBuilt:
        return decide(found_.gvt_g, GvtState::NotBuilt);
      default:
        return;
    }
  }

  void first(LogFact<bool>& fact) {
    if (!fact.value) decide(fact, true);
  }

  // "pci 0000:00:02.0: Adding to iommu group 1", "iommu: Adding device 0000:00:02.0 to group 1".
  // vfio_mdev and the vfio without IOMMU make groups, too: only what the bus itself says counts.
  void note_group() {
    constexpr std::string_view kOld = "iommu: Adding device ";
    std::string_view text = line_->text;
    if (text.starts_with("pci ")) {
      text.remove_prefix(4);
      const std::size_t length = leading_pci_address(text).size();
      if (length != 0 && text.substr(length).starts_with(": Adding to iommu group ")) {
        decide(found_.iommu, IommuState::On);
      }
    } else if (text.starts_with(kOld)) {
      text.remove_prefix(kOld.size());
      const std::size_t length = leading_pci_address(text).size();
      if (length != 0 && text.substr(length).starts_with(" to group ")) {
        decide(found_.iommu, IommuState::On);
      }
    }
  }

  // The driver and the address that the line begins with; empty if it begins otherwise.
  [[nodiscard]] std::pair<std::string_view, std::string_view> speaker() const {
    std::string_view text = line_->text;
    if (text.starts_with("[drm] ")) text.remove_prefix(6);
    for (const std::string_view driver : kGpuDrivers) {
      if (!text.starts_with(driver) || !text.substr(driver.size()).starts_with(' ')) continue;
      const std::string_view rest = text.substr(driver.size() + 1);
      const std::string_view address = leading_pci_address(rest);
      if (!address.empty() && rest.substr(address.size()).starts_with(':')) {
        return {driver, address};
      }
    }
    constexpr std::string_view kVfio = "vfio-pci ";
    if (text.starts_with(kVfio)) {
      const std::string_view address = leading_pci_address(text.substr(kVfio.size()));
      const std::string_view rest = text.substr(kVfio.size() + address.size());
      if (!address.empty() && (display_.contains(address) || speaks_of_a_gpu(rest))) {
        return {kVfio.substr(0, 8), address};
      }
    }
    return {};
  }

  // Where the log does not have the device's class. vga_arb's pci_notify() prints for every device
  // when its debug messages are on, and nouveau only asks what it finds for "optimus"
  // (drivers/pci/vgaarb.c, drivers/gpu/drm/nouveau/nouveau_acpi.c).
  static bool speaks_of_a_gpu(std::string_view message) {
    return (message.starts_with(": vgaarb:") && !message.starts_with(": vgaarb: pci_notify")) ||
           message.starts_with(": optimus capabilities:");
  }

  // "pci 0000:01:00.0: [10de:1f91] type 00 class 0x030200" (pci_setup_device() of
  // drivers/pci/probe.c): a device of the class display (03).
  void note_display() {
    constexpr std::string_view kPci = "pci ";
    std::string_view text = line_->text;
    if (!text.starts_with(kPci)) return;
    text.remove_prefix(kPci.size());
    const std::string_view address = leading_pci_address(text);
    if (address.empty() || !text.substr(address.size()).starts_with(": [")) return;
    if (text.find(" class 0x03") == std::string_view::npos || display_.size() >= kMostDrivers) {
      return;
    }
    display_.emplace(address);
  }

  void note_driver() {
    const auto [driver, address] = speaker();
    if (!driver.empty()) add_driver(driver, address);
  }

  void add_driver(std::string_view driver, std::string_view address) {
    auto& drivers = found_.gpu_drivers;
    const auto known = std::ranges::find_if(drivers, [&](const GpuDriverFact& fact) {
      return (fact.address == address && !address.empty()) ||
             (fact.driver == driver && (address.empty() || fact.address.empty()));
    });
    if (known != drivers.end()) {
      if (known->address.empty()) known->address = address;
      if (known->driver == driver) return;
      // Another driver has it now.
      known->driver = driver;
      known->evidence = evidence();
      return;
    }
    if (drivers.size() >= kMostDrivers) return;
    drivers.push_back(
        {.address = std::string(address), .driver = std::string(driver), .evidence = evidence()});
  }

  // "[drm] Initialized i915 1.6.0 20180719 for 0000:00:02.0 on minor 0"; old kernels leave the
  // address out.
  void note_initialised() {
    constexpr std::string_view kWord = "Initialized ";
    std::string_view text = line_->text;
    text.remove_prefix(text.find(kWord) + kWord.size());
    const std::string_view name = text.substr(0, text.find(' '));
    const std::string_view driver = name == "nvidia-drm" ? "nvidia" : name;
    const std::size_t place = text.find(" for ");
    const std::string_view address = place == std::string_view::npos
                                         ? std::string_view()
                                         : leading_pci_address(text.substr(place + 5));
    if (address.empty() && place != std::string_view::npos) return;  // not on PCI
    add_driver(driver, address);
  }

  // The driver said that it does not take the device of this line.
  void forget_driver() {
    std::string_view address = speaker().second;
    if (address.empty()) {
      constexpr std::string_view kOf = "probe of ";
      const std::size_t place = line_->text.find(kOf);
      if (place == std::string_view::npos) return;
      address = leading_pci_address(line_->text.substr(place + kOf.size()));
    }
    std::erase_if(found_.gpu_drivers, [address](const GpuDriverFact& fact) {
      return !address.empty() && fact.address == address;
    });
  }

  // The parser of the command line says "Disable GFX device mapping" on AMD's machines, too.
  void settle_exclusion() {
    if (!excluded_by_parameter_.value || !found_.dmar_table.value) return;
    if (found_.graphics_excluded.value.value_or(false)) return;
    found_.graphics_excluded = excluded_by_parameter_;
  }

  void settle() {
    settle_exclusion();
    if (found_.iommu.value) return;
    if (likely_on_.value) {
      found_.iommu = {.value = IommuState::On, .evidence = likely_on_.evidence};
    } else if (likely_on_gpu_.value && !found_.hypervisor.value && this_is_no_vm()) {
      found_.iommu = {.value = IommuState::On, .evidence = likely_on_gpu_.evidence};
    }
  }

  // A log that begins with the boot would have named the hypervisor; one whose command line asks
  // for the IOMMU is a host's.
  [[nodiscard]] bool this_is_no_vm() const {
    if (found_.release.value) return true;
    if (!found_.command_line.value) return false;
    const auto asked =
        parse_kernel_command_line(*found_.command_line.value).last_value("intel_iommu");
    return asked && asked->starts_with("on");
  }

  const KernelLogLine* line_ = nullptr;
  KernelLogSummary found_;
  LogFact<bool> likely_on_;
  LogFact<bool> likely_on_gpu_;
  LogFact<bool> excluded_by_parameter_;
  std::set<std::string, std::less<>> display_;  // addresses of GPUs
};

}  // namespace

KernelLogSummary summarise_kernel_log(std::string_view log) { return Summary().run(log); }

const char* iommu_state_name(IommuState state) { return state == IommuState::On ? "on" : "off"; }

const char* gvt_state_name(GvtState state) {
  switch (state) {
    case GvtState::Registered:
      return "registered";
    case GvtState::Unregistered:
      return "unregistered";
    case GvtState::Unsupported:
      return "unsupported";
    case GvtState::InsideGuest:
      return "inside-guest";
    case GvtState::GucSubmission:
      return "guc-submission";
    case GvtState::NotAskedFor:
      return "not-asked-for";
    case GvtState::NotBuilt:
      return "not-built";
  }
  return "unknown";
}

}  // namespace cleave
