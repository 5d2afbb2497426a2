// SR-IOV: the GPU makes virtual functions, PCI devices of their own.
#include <algorithm>
#include <string>
#include <string_view>

#include "analysis/intel_gpu.h"
#include "base/format.h"
#include "base/text.h"
#include "ways/preparing.h"
#include "ways/vfio_device.h"
#include "ways/ways.h"
#include "ways/whole_devices.h"

namespace cleave {
namespace {

constexpr std::uint16_t kNvidiaVendorId = 0x10DE;
constexpr std::uint16_t kAmdVendorId = 0x1002;

// Of Meteor and Arrow Lake only the module out of tree makes functions.
bool may_use_xe(const PciDevice& gpu) {
  if (gpu.vendor_id != kIntelVendorId) return false;
  const IntelGpu* known = find_intel_gpu(gpu.device_id);
  return known == nullptr || known->sriov != IntelSriov::OutOfTreeOnly;
}

bool may_use_dkms(const PciDevice& gpu) {
  return gpu.vendor_id == kIntelVendorId && served_by_i915_sriov_dkms(gpu.device_id);
}

bool is_nvidia(const PciDevice& gpu) { return gpu.vendor_id == kNvidiaVendorId; }
bool is_amd(const PciDevice& gpu) { return gpu.vendor_id == kAmdVendorId; }
bool is_other(const PciDevice& gpu) {
  return gpu.vendor_id != kIntelVendorId && !is_nvidia(gpu) && !is_amd(gpu);
}

constexpr const char* kXeNeeds[] = {"sr_iov.hardware",
                                    "cpu.virtualisation",
                                    "kvm.node",
                                    "kvm.accessible",
                                    "iommu.firmware_table",
                                    "passthrough.iommu_group",
                                    "passthrough.kernel_quirk",
                                    "sr_iov.kernel",
                                    "sr_iov.in_tree_driver",
                                    "sr_iov.driver",
                                    "sr_iov.force_probe",
                                    "sr_iov.firmware_file",
                                    "sr_iov.max_vfs",
                                    "passthrough.module_vfio_pci",
                                    "sr_iov.total_vfs"};
constexpr const char* kDkmsNeeds[] = {"sr_iov.hardware",
                                      "cpu.virtualisation",
                                      "kvm.node",
                                      "kvm.accessible",
                                      "iommu.firmware_table",
                                      "passthrough.iommu_group",
                                      "passthrough.kernel_quirk",
                                      "sr_iov.dkms_module",
                                      "host.signed_modules",
                                      "sr_iov.firmware_file",
                                      "sr_iov.max_vfs",
                                      "sr_iov.guc_submission",
                                      "passthrough.module_vfio_pci",
                                      "sr_iov.total_vfs"};
constexpr const char* kNvidiaNeeds[] = {
    "sr_iov.hardware",    "sr_iov.nvidia_card",   "cpu.virtualisation",      "kvm.node",
    "kvm.accessible",     "iommu.firmware_table", "passthrough.iommu_group", "sr_iov.driver",
    "sr_iov.nvidia_vgpu", "host.signed_modules",  "sr_iov.nvidia_functions"};
constexpr const char* kGimNeeds[] = {"sr_iov.amd_card",         "sr_iov.hardware",
                                     "cpu.virtualisation",      "kvm.node",
                                     "kvm.accessible",          "iommu.firmware_table",
                                     "passthrough.iommu_group", "host.signed_modules",
                                     "sr_iov.driver",           "passthrough.module_vfio_pci",
                                     "sr_iov.total_vfs"};
constexpr const char* kOtherNeeds[] = {"sr_iov.hardware",
                                       "cpu.virtualisation",
                                       "kvm.node",
                                       "kvm.accessible",
                                       "iommu.firmware_table",
                                       "passthrough.iommu_group",
                                       "passthrough.module_vfio_pci",
                                       "sr_iov.total_vfs"};

constexpr const char* kHost =
    N_("The host keeps the GPU and its screen; virtual functions have no outputs, so the "
       "guest's picture comes over the network (RDP, SPICE) or Looking Glass.");
constexpr const char* kIntelWindows =
    N_("In Windows, Hyper-V, WSL and memory integrity break Intel's driver (code 43), and many "
       "guests want a ROM (GOP) for the function.");

// The kernel's own driver comes first: it needs no module that has to follow each kernel.
constexpr Mode kModes[] = {
    {.id = "xe",
     .applies = may_use_xe,
     .needs = kXeNeeds,
     .about = N_("the kernel's own driver xe"),
     .on_host = kHost,
     .in_guest = N_("Linux guests draw with their kernel's xe, Windows guests with Intel's driver; "
                    "they share the GPU's speed evenly with the host."),
     .fragile = kIntelWindows},
    {.id = "i915-sriov-dkms",
     .applies = may_use_dkms,
     .needs = kDkmsNeeds,
     .about = N_("the module i915-sriov-dkms, from outside the kernel"),
     .on_host = kHost,
     .in_guest =
         N_("Linux guests need the same module in a version for their kernel; Windows guests "
            "take Intel's driver, and many want a ROM (GOP) for the function."),
     .fragile = N_("The module has to be built anew for each kernel, and a newer kernel can be too "
                   "new for it. In Windows, Hyper-V, WSL and memory integrity break Intel's driver "
                   "(code 43).")},
    {.id = "nvidia",
     .applies = is_nvidia,
     .needs = kNvidiaNeeds,
     .about = N_("NVIDIA's vGPU software"),
     .on_host = N_("The card is for VMs alone: NVIDIA's vGPU Manager neither draws nor computes on "
                   "the host. The guests' pictures come over the network."),
     .in_guest =
         N_("Guests need NVIDIA's vGPU driver and a licence; without one they slow down after "
            "a while."),
     .fragile = N_("Host and guest drivers have to fit each other and the kernel: NVIDIA names the "
                   "versions.")},
    {.id = "amd-gim",
     .applies = is_amd,
     .needs = kGimNeeds,
     .about = N_("AMD's module gim"),
     .on_host = N_("The host gives the whole GPU to its virtual functions: with gim it neither "
                   "computes nor draws on it."),
     .in_guest =
         N_("Linux guests compute with AMD's driver (ROCm); the accelerators have no screen "
            "at all, and AMD names no Windows guest."),
     .fragile = N_("gim stands outside the kernel and is built for each kernel anew; AMD names the "
                   "few host systems it was tested on."),
     .windows = false},
    {.id = "other-vendor",
     .applies = is_other,
     .needs = kOtherNeeds,
     .about = N_("a driver of the GPU's maker"),
     .on_host = kHost,
     .in_guest = N_("What guests can do with a function is up to the driver of the GPU's maker."),
     .fragile = N_("Nothing is known here about this maker's functions.")},
};

class SrIovWay final : public Way {
 public:
  [[nodiscard]] const char* id() const override { return "sr-iov"; }
  [[nodiscard]] bool applies_to(const PciDevice& gpu) const override { return gpu.is_gpu(); }
  [[nodiscard]] std::span<const Mode> modes() const override { return kModes; }
  [[nodiscard]] Result<std::vector<const PciDevice*>> gives(const Facts& facts,
                                                            const PciDevice& device) const override;
  [[nodiscard]] GuestDevice guest_device(const Attachment& attachment) const override {
    return vfio_guest_device(attachment);
  }

 protected:
  [[nodiscard]] Result<Preparation> wants(const Facts& facts, const PciDevice& gpu,
                                          const Mode& mode) const override;
  [[nodiscard]] bool settles(std::string_view rule, const Preparation& wanted) const override;
};

// The physical function never: with it would go everything that its functions live on.
Result<std::vector<const PciDevice*>> SrIovWay::gives(const Facts& /*facts*/,
                                                      const PciDevice& device) const {
  if (device.is_virtual_function) return std::vector<const PciDevice*>{&device};
  return error_of(ErrorCode::Unsupported,
                  {N_("{device} is no virtual function, and only those are handed over by sr-iov."),
                   {{"device", to_text(device.address)}}},
                  {N_("Write the whole device as parent = \"{device}\", and a function is chosen; "
                      "or write way = \"passthrough\" to hand over all of it."),
                   {{"device", to_text(device.address)}}});
}

bool is_mode(const Mode& mode, std::string_view id) { return mode.id == id; }

// The argument or file that keeps a module from being loaded: the kernel's own list
// (kernel/module), or one of modprobe (modprobe(8), modprobe.d(5)).
std::optional<std::string> kept_from_loading(const Facts& facts, std::string_view module) {
  for (const char* name : {"module_blacklist", "modprobe.blacklist"}) {
    const std::string list = given_value(facts, name);
    const auto items = split(list, ',');
    if (std::ranges::find(items, module) != items.end()) return format("{}={}", name, list);
  }
  const ModprobeFacts* modprobe = facts.platform.modprobe.value();
  if (modprobe == nullptr) return std::nullopt;
  const auto file = modprobe->blacklisted.find(module);
  if (file == modprobe->blacklisted.end()) return std::nullopt;
  return file->second;
}

// Taking the GPU from the other driver would leave the host without a picture.
Result<void> may_load(const Facts& facts, const char* driver) {
  const auto by = kept_from_loading(facts, driver);
  if (!by) return {};
  return refusal(
      {N_("{place} keeps {driver} from being loaded, which makes the functions in this "
          "mode: the GPU would be left without a driver."),
       {{"place", *by}, {"driver", driver}}},
      {N_("Take {driver} out of {place} and restart."), {{"place", *by}, {"driver", driver}}});
}

// A number of the person's own is kept.
KernelWord max_vfs(const Facts& facts, std::string_view module) {
  // What the chips of Tiger to Raptor Lake have (README of i915-sriov-dkms).
  constexpr std::uint32_t kUsual = 7;
  const std::string name = format("{}.max_vfs", module);
  const auto given = parse_unsigned<std::uint32_t>(given_value(facts, name));
  return {.word = format("{}={}", name, given.value_or(0) > 0 ? *given : kUsual),
          .reason = {N_("This is the most functions that the driver makes; it is told to make "
                        "none, or does so by itself.")},
          .cost = {N_("Until a function is made, nothing. Each one that there is keeps the GPU "
                      "awake.")}};
}

// xe.force_probe=* and a list that names the GPU stay as they are.
std::string xe_list(const Facts& facts, const std::string& id) {
  const std::string given = given_value(facts, "xe.force_probe");
  return given == "*" ? given : list_with(given, id, "!" + id);
}

KernelWord xe_takes(const Facts& facts, const std::string& id) {
  return {.word = "xe.force_probe=" + xe_list(facts, id),
          .reason = {N_("xe leaves a GPU of this generation to i915 unless it is told otherwise.")},
          .cost = {N_("The host draws with xe, too, which its makers do not support on this "
                      "generation: look whether your screen and sleep work with it.")}};
}

KernelWord i915_leaves(const Facts& facts, const std::string& id) {
  const std::string list = given_value(facts, "i915.force_probe");
  return {
      .word = "i915.force_probe=" + list_with(list, "!" + id, id),
      .reason = {N_("i915 must leave the GPU to xe, whichever of them is loaded first.")},
      .cost = {N_("If xe fails, i915 does not step in: then take both arguments off in the boot "
                  "loader's menu.")}};
}

// Whether xe has the GPU, or shall have it, because of arguments; not where it was built so.
bool wants_force_probe(const Facts& facts, const PciDevice& gpu) {
  const IntelGpu* known = find_intel_gpu(gpu.device_id);
  if (known == nullptr || known->sriov != IntelSriov::XeForceProbe) return false;
  return fails("sr_iov.force_probe", {.facts = facts, .gpu = &gpu}) ||
         !given_value(facts, "xe.force_probe").empty();
}

Result<Preparation> xe_wants(const Facts& facts, const PciDevice& gpu) {
  TRY(may_load(facts, "xe"));
  Preparation all;
  if (wants_force_probe(facts, gpu)) {
    const std::string id = format("{:04x}", gpu.device_id);
    all.arguments = {xe_takes(facts, id), i915_leaves(facts, id)};
  }
  const bool none = fails("sr_iov.max_vfs", {.facts = facts, .gpu = &gpu});
  if (none || !given_value(facts, "xe.max_vfs").empty()) {
    all.arguments.push_back(max_vfs(facts, "xe"));
  }
  return all;
}

KernelWord without(const Facts& facts, const char* other, Message cost) {
  // Of several the last one counts (kernel/module/main.c, module_blacklist): what is listed stays.
  const std::string list = given_value(facts, "module_blacklist");
  return {.word = "module_blacklist=" + list_with(list, other, ""),
          .reason = {N_("i915-sriov-dkms brings an i915 and an xe; one of them has to stay away "
                        "from the GPU.")},
          .cost = std::move(cost)};
}

KernelWord with_guc(const Facts& facts) {
  // Bit 0 is submission by the GuC (ENABLE_GUC_SUBMISSION, i915_params.h), 3 both firmwares.
  const std::string name = "i915.enable_guc";
  const auto given = parse_unsigned<std::uint32_t>(given_value(facts, name));
  const std::uint32_t value = given && (*given & 1U) != 0 ? *given : 3;
  return {.word = format("{}={}", name, value),
          .reason = {N_("Virtual functions are scheduled by the GPU's own firmware, the GuC.")},
          .cost = {N_("GVT-g is out of the question with it; the chips that have functions have no "
                      "GVT-g.")}};
}

// The package's xe is the other half of its README; who has set it up so keeps it.
Preparation dkms_xe_wants(const Facts& facts, const PciDevice& gpu) {
  const std::string id = format("{:04x}", gpu.device_id);
  return {.arguments = {xe_takes(facts, id), max_vfs(facts, "xe"),
                        without(facts, "i915",
                                {N_("GPUs that xe does not know stay without a driver.")})},
          .lines = {},
          .remarks = {}};
}

Result<Preparation> dkms_wants(const Facts& facts, const PciDevice& gpu) {
  if (gpu.driver.value_or("") == "xe") return dkms_xe_wants(facts, gpu);
  TRY(may_load(facts, "i915"));
  Preparation all;
  all.arguments = {with_guc(facts), max_vfs(facts, "i915"),
                   without(facts, "xe",
                           {N_("GPUs that only xe knows (Battlemage, Lunar Lake and newer) stay "
                               "without a driver.")})};
  return all;
}

// The functions come into the world without a driver of the host's. A desktop that finds one driven
// can crash (docs/block-vfs.md of i915-sriov-dkms); sriov_drivers_autoprobe is read when they are
// made (drivers/pci/pci-driver.c, pci_device_can_probe), and driver_override still counts.
HostLine functions_unbound(const PciDevice& gpu) {
  return {
      .file = HostFile::Udev,
      .line = format(R"(ACTION=="add", SUBSYSTEM=="pci", KERNEL=="{}", ATTR{{vendor}}=="{:#06x}", )"
                     R"(ATTR{{device}}=="{:#06x}", ATTR{{sriov_drivers_autoprobe}}="0")",
                     to_text(gpu.address), gpu.vendor_id, gpu.device_id),
      .reason = {N_("The host's own driver would take each function as soon as it is made, and "
                    "the desktop can crash of it.")},
      .cost = {N_("Functions of this GPU are bound to no driver by themselves; vfio-pci is told "
                  "by name.")}};
}

Message made_later(const PciDevice& gpu) {
  return {N_("A VM of this way makes the function that it needs, as root. To have functions at "
             "every start, for VMs without root: sudo cleave vgpu define --parent {gpu} "
             "--functions 1 --auto"),
          {{"gpu", to_text(gpu.address)}}};
}

// Everything that is Intel's is in the kernel or in a free package; of the others only the kernel's
// side is prepared.
Message makers_software(const PciDevice& gpu) {
  return {N_("The driver that makes functions of this GPU, and what belongs to it, comes from its "
             "maker ({maker}): installing it, and keeping it fit for the kernel, stays with you."),
          {{"maker", gpu.vendor_name.value_or(format("{:04x}", gpu.vendor_id))}}};
}

Result<Preparation> driver_wants(const Facts& facts, const PciDevice& gpu, const Mode& mode) {
  if (is_mode(mode, "xe")) return xe_wants(facts, gpu);
  if (is_mode(mode, "i915-sriov-dkms")) return dkms_wants(facts, gpu);
  Preparation all;
  all.remarks.push_back(makers_software(gpu));
  return all;
}

// NVIDIA's functions stay with NVIDIA's driver, which hands them over itself.
bool uses_vfio_pci(const Mode& mode) {
  return std::ranges::find(mode.needs, std::string_view("passthrough.module_vfio_pci")) !=
         mode.needs.end();
}

Result<Preparation> SrIovWay::wants(const Facts& facts, const PciDevice& gpu,
                                    const Mode& mode) const {
  Preparation all = TRY(iommu_for(facts, gpu));
  merge(all, TRY(driver_wants(facts, gpu, mode)));
  if (gpu.vendor_id == kIntelVendorId) all.lines.push_back(functions_unbound(gpu));
  merge(all, uses_vfio_pci(mode) ? vfio_pci_for(facts) : pci_rights(facts));
  if (uses_vfio_pci(mode)) all.remarks.push_back(made_later(gpu));
  return all;
}

// That another driver has the GPU now is what xe.force_probe changes.
bool SrIovWay::settles(std::string_view rule, const Preparation& wanted) const {
  return rule == "sr_iov.driver" &&
         std::ranges::any_of(wanted.arguments, [](const KernelWord& argument) {
           return argument.word.starts_with("xe.force_probe=");
         });
}

}  // namespace

const Way& sr_iov_way() {
  static const SrIovWay way;
  return way;
}

}  // namespace cleave
