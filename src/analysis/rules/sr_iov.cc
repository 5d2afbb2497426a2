// What stops virtual functions (SR-IOV), in the order in which a driver gets there. Where the
// driver offers them or has made some, all its conditions were met: the observation counts.
#include <algorithm>

#include "analysis/rules/checks.h"
#include "analysis/rules/families.h"
#include "analysis/rules/sr_iov_signs.h"
#include "base/text.h"

namespace cleave {
namespace {

Outcome check_hardware(const Subject& subject) {
  const PciDevice& gpu = *subject.gpu;
  const std::vector<Field> arguments = {{"platform", platform_name(gpu)}};
  if (auto offered = functions_offered(subject)) return Outcome::pass({*offered}, arguments);
  if (gpu.is_virtual_function) {
    return Outcome::fail({{gpu.sysfs_path + "/physfn", "a virtual function itself"}}, arguments);
  }
  const Evidence evidence = device_evidence(gpu);
  if (const IntelGpu* known = intel_gpu(gpu)) {
    // The chip decides with its fuses, but no driver makes functions of the other platforms.
    return known->sriov == IntelSriov::None ? Outcome::fail({evidence}, arguments)
                                            : Outcome::pass({evidence}, arguments);
  }
  if (served_by_gim(gpu)) return Outcome::pass({evidence}, arguments);
  const Capability capability = capability_of(subject);
  // Up to Turing NVIDIA's vGPUs are mediated devices and need no such capability.
  if (is_professional_nvidia(gpu) && !capability.there.value_or(false)) {
    return Outcome::unknown({evidence, {"pci.ids", *gpu.device_name}}, arguments);
  }
  if (!capability.there) return Outcome::unknown({evidence, capability.evidence}, arguments);
  if (!*capability.there) return Outcome::fail({evidence, capability.evidence}, arguments);
  // Of AMD's cards many have the capability, and GIM serves few; which, its own documents tell.
  if (gpu.vendor_id == kAmdVendorId && !drives(gpu, "gim")) {
    return Outcome::unknown({evidence, capability.evidence}, arguments);
  }
  return Outcome::pass({evidence, capability.evidence}, arguments);
}

bool may_have_functions(const Subject& subject) {
  return check_hardware(subject).kind != OutcomeKind::Fail;
}

Outcome check_kernel(const Subject& subject) {
  const PciDevice& gpu = *subject.gpu;
  if (gpu.vendor_id != kIntelVendorId || !may_have_functions(subject)) {
    return Outcome::not_applicable();
  }
  const std::vector<Field> arguments = {{"platform", platform_name(gpu)},
                                        {"release", subject.facts.kernel.release.value_or("?")}};
  if (auto offered = functions_offered(subject)) return Outcome::pass({*offered}, arguments);
  if (auto driver = out_of_tree_driver(subject.facts)) return Outcome::pass({*driver}, arguments);
  if (intel_gpu(gpu) == nullptr) return Outcome::unknown({device_evidence(gpu)}, arguments);
  const Fact<std::string>& release = subject.facts.kernel.release;
  if (const auto unread = missing(release)) return Outcome::unknown({*unread}, arguments);
  const auto version = parse_kernel_version(release.value_or(""));
  if (!version) {
    return Outcome::unknown({{release.source(), release.value_or("absent")}}, arguments);
  }
  const Evidence seen{release.source(), *release.value()};
  // xe became a physical function's driver by default in 6.17 (Battlemage, Panther Lake) and knows
  // Tiger Lake to Raptor Lake from 6.18 on.
  const IntelSriov kind = intel_kind(gpu);
  const bool enough = (kind == IntelSriov::XeByDefault && *version >= KernelVersion{6, 17}) ||
                      (kind == IntelSriov::XeForceProbe && *version >= KernelVersion{6, 18});
  if (enough) return Outcome::pass({seen}, arguments);
  if (const auto unread = missing(subject.facts.platform.dkms)) {
    return Outcome::unknown({*unread}, arguments);
  }
  return Outcome::fail({seen}, arguments);
}

const char* wanted_driver(const Facts& facts, const PciDevice& gpu) {
  switch (gpu.vendor_id) {
    case kIntelVendorId:
      return out_of_tree_driver(facts) ? "i915" : "xe";
    case kNvidiaVendorId:
      return "nvidia";
    case kAmdVendorId:
      return "gim";
    default:
      return "";
  }
}

Outcome check_driver(const Subject& subject) {
  const PciDevice& gpu = *subject.gpu;
  const std::string_view wanted = wanted_driver(subject.facts, gpu);
  if (wanted.empty() || !may_have_functions(subject)) return Outcome::not_applicable();
  if (auto offered = functions_offered(subject)) return Outcome::pass({*offered});
  const std::vector<Field> arguments = {{"wanted", std::string(wanted)},
                                        {"driver", gpu.driver.value_or("-")}};
  if (const auto unread = missing(gpu.driver)) return Outcome::unknown({*unread}, arguments);
  const Evidence seen{gpu.driver.source(), gpu.driver.value_or("absent")};
  // The package brings an xe of its own, too.
  const bool fits = drives(gpu, wanted) || (gpu.vendor_id == kIntelVendorId && drives(gpu, "xe"));
  if (fits) return Outcome::pass({seen}, arguments);
  // An i915 may be the one out of tree.
  const auto unread = missing(subject.facts.platform.dkms);
  if (unread && drives(gpu, "i915")) return Outcome::unknown({*unread}, arguments);
  return Outcome::fail({seen}, arguments);
}

// True if `list` (xe.force_probe) names the device: "9a49,46a6" or "*" alone. "!" in front forbids
// and beats the rest, wherever it stands (device_id_in_list, drivers/gpu/drm/xe/xe_pci.c).
bool probes(std::string_view list, std::uint16_t device_id) {
  bool named = list == "*";
  for (std::string_view item : split(list, ',')) {
    const bool forbids = item.starts_with('!');
    if (forbids) item.remove_prefix(1);
    if (parse_hexadecimal<std::uint16_t>(item) != device_id) continue;
    if (forbids) return false;
    named = true;
  }
  return named;
}

Outcome check_force_probe(const Subject& subject) {
  const PciDevice& gpu = *subject.gpu;
  if (intel_kind(gpu) != IntelSriov::XeForceProbe || !may_have_functions(subject) ||
      out_of_tree_driver(subject.facts)) {
    return Outcome::not_applicable();
  }
  const std::vector<Field> arguments = {{"id", format("{:04x}", gpu.device_id)}};
  if (auto offered = functions_offered(subject)) return Outcome::pass({*offered}, arguments);
  // It does: it was told so, or is built so (CONFIG_DRM_XE_FORCE_PROBE).
  if (drives(gpu, "xe")) return Outcome::pass({{gpu.driver.source(), "xe"}}, arguments);
  const ParameterState state = module_parameter(subject.facts, "xe", "force_probe");
  if (!state.value && !state.certain) return Outcome::unknown({state.evidence}, arguments);
  return probes(state.value.value_or(""), gpu.device_id)
             ? Outcome::pass({state.evidence}, arguments)
             : Outcome::fail({state.evidence}, arguments);
}

// The module whose max_vfs counts, given what is bound or wanted. An i915 of the kernel has none.
std::string functions_module(const Subject& subject) {
  if (drives(*subject.gpu, "xe")) return "xe";
  return wanted_driver(subject.facts, *subject.gpu);
}

Outcome check_max_vfs(const Subject& subject) {
  const PciDevice& gpu = *subject.gpu;
  if (gpu.vendor_id != kIntelVendorId || !may_have_functions(subject)) {
    return Outcome::not_applicable();
  }
  const std::string module = functions_module(subject);
  const std::vector<Field> arguments = {{"module", module}};
  if (auto offered = functions_offered(subject)) return Outcome::pass({*offered}, arguments);
  const ParameterState state = module_parameter(subject.facts, module, "max_vfs");
  if (!state.value && !state.certain) return Outcome::unknown({state.evidence}, arguments);
  // xe's default is "as many as there are", that of the i915 out of tree is none.
  const bool none = state.value ? *state.value == "0" : module == "i915";
  return none ? Outcome::fail({state.evidence}, arguments)
              : Outcome::pass({state.evidence}, arguments);
}

Outcome check_guc(const Subject& subject) {
  const PciDevice& gpu = *subject.gpu;
  if (gpu.vendor_id != kIntelVendorId || !may_have_functions(subject) ||
      functions_module(subject) != "i915") {
    return Outcome::not_applicable();
  }
  if (auto offered = functions_offered(subject)) return Outcome::pass({*offered});
  const ParameterState state = module_parameter(subject.facts, "i915", "enable_guc");
  if (!state.value && !state.certain) return Outcome::unknown({state.evidence});
  // -1, the default, is 3 on these platforms only with the GuC's firmware at hand; bit 0 is
  // submission (ENABLE_GUC_SUBMISSION, i915_params.h).
  const std::string value = state.value.value_or("-1");
  if (value == "-1") return Outcome::unknown({state.evidence});
  const auto mask = parse_unsigned<unsigned>(value);
  return mask && (*mask & 1U) != 0 ? Outcome::pass({state.evidence})
                                   : Outcome::fail({state.evidence});
}

Outcome check_in_tree_driver(const Subject& subject) {
  const PciDevice& gpu = *subject.gpu;
  if (gpu.vendor_id != kIntelVendorId || !may_have_functions(subject) ||
      !served_by_i915_sriov_dkms(gpu.device_id)) {
    return Outcome::not_applicable();
  }
  const auto& dkms = subject.facts.platform.dkms;
  if (const auto unread = missing(dkms)) return Outcome::unknown({*unread});
  if (auto driver = out_of_tree_driver(subject.facts)) return Outcome::fail({*driver});
  return Outcome::pass({{dkms.source(), "no i915-sriov-dkms for this kernel"}});
}

Outcome check_dkms_module(const Subject& subject) {
  const PciDevice& gpu = *subject.gpu;
  if (gpu.vendor_id != kIntelVendorId || !may_have_functions(subject) ||
      !served_by_i915_sriov_dkms(gpu.device_id)) {
    return Outcome::not_applicable();
  }
  const KernelFacts& kernel = subject.facts.kernel;
  const std::vector<Field> arguments = {{"release", kernel.release.value_or("?")}};
  if (auto driver = out_of_tree_driver(subject.facts)) return Outcome::pass({*driver}, arguments);
  const auto& dkms = subject.facts.platform.dkms;
  if (const auto unread = missing(dkms)) return Outcome::unknown({*unread}, arguments);
  if (const auto unread = missing(kernel.release)) return Outcome::unknown({*unread}, arguments);
  return Outcome::fail({{dkms.source(), "no i915-sriov-dkms for " + kernel.release.value_or("?")}},
                       arguments);
}

// NVIDIA's own list of cards (docs.nvidia.com/vgpu/gpus-supported-by-vgpu.html) changes with each
// release and is not repeated here: what works is observed, and GeForce is never on it.
Outcome check_nvidia_card(const Subject& subject) {
  const PciDevice& gpu = *subject.gpu;
  if (gpu.vendor_id != kNvidiaVendorId) return Outcome::not_applicable();
  const Evidence evidence = device_evidence(gpu);
  const std::vector<Field> arguments = {{"name", gpu.device_name.value_or("?")}};
  if (auto offered = nvidia_offers(subject)) return Outcome::pass({*offered}, arguments);
  if (!gpu.device_name) return Outcome::unknown({evidence, {"pci.ids", "no name"}}, arguments);
  const Evidence named{"pci.ids", *gpu.device_name};
  const bool consumer = gpu.device_name->find("GeForce") != std::string::npos;
  return consumer ? Outcome::fail({evidence, named}, arguments)
                  : Outcome::unknown({evidence, named}, arguments);
}

// nvidia_vgpu_vfio comes with the host's vGPU package only; the ordinary driver does not have it.
Outcome check_nvidia_vgpu(const Subject& subject) {
  const PciDevice& gpu = *subject.gpu;
  if (gpu.vendor_id != kNvidiaVendorId || !may_have_functions(subject)) {
    return Outcome::not_applicable();
  }
  if (auto offered = nvidia_offers(subject)) return Outcome::pass({*offered});
  const KernelFacts& kernel = subject.facts.kernel;
  const Evidence list{kernel.module_list.source(), "nvidia_vgpu_vfio"};
  if (kernel.module("nvidia_vgpu_vfio").loaded) return Outcome::pass({list});
  if (const auto unread = missing(kernel.module_list)) return Outcome::unknown({*unread});
  const Fact<bool>& script = subject.facts.platform.nvidia_sriov_manage;
  std::vector<Evidence> evidence = {{list.source, "nvidia_vgpu_vfio is not loaded"}};
  if (script.value_or(false)) evidence.push_back({script.source(), "there"});
  return Outcome::fail(std::move(evidence));
}

// The functions are there after `sriov-manage -e`; until then sriov_numvfs is 0 and no type is to
// be seen. Up to Turing there are none, and the types stand beside the GPU itself.
Outcome check_nvidia_functions(const Subject& subject) {
  const PciDevice& gpu = *subject.gpu;
  if (gpu.vendor_id != kNvidiaVendorId || !may_have_functions(subject)) {
    return Outcome::not_applicable();
  }
  const std::vector<Field> arguments = {{"address", to_text(gpu.address)}};
  if (auto offered = nvidia_offers(subject)) return Outcome::pass({*offered}, arguments);
  const Fact<std::uint32_t>& number = gpu.sriov_num_vfs;
  if (const auto unread = missing(number)) return Outcome::unknown({*unread}, arguments);
  if (const auto unread = missing(subject.facts.mdev_parents)) {
    return Outcome::unknown({*unread}, arguments);
  }
  const Evidence seen{number.source(),
                      number.is_known() ? std::to_string(*number.value()) : "absent"};
  return Outcome::fail({seen, {subject.facts.mdev_parents.source(), "no types of this GPU"}},
                       arguments);
}

Outcome check_amd_card(const Subject& subject) {
  const PciDevice& gpu = *subject.gpu;
  if (gpu.vendor_id != kAmdVendorId) return Outcome::not_applicable();
  const Evidence evidence = device_evidence(gpu);
  if (drives(gpu, "gim")) return Outcome::pass({{gpu.driver.source(), "gim"}});
  if (served_by_gim(gpu)) return Outcome::pass({evidence});
  const Capability capability = capability_of(subject);
  // One with the capability may be served by another version of GIM: it was made for a few clouds.
  return capability.there.value_or(true) ? Outcome::unknown({evidence, capability.evidence})
                                         : Outcome::fail({evidence, capability.evidence});
}

Outcome check_total_vfs(const Subject& subject) {
  const PciDevice& gpu = *subject.gpu;
  if (!may_have_functions(subject)) return Outcome::not_applicable();
  if (auto offered = functions_offered(subject)) return Outcome::pass({*offered});
  if (gpu.sriov_num_vfs.value_or(0) > 0) {
    return Outcome::pass(
        {{gpu.sriov_num_vfs.source(), std::to_string(gpu.sriov_num_vfs.value_or(0))}});
  }
  if (const auto unread = missing(gpu.sriov_total_vfs)) return Outcome::unknown({*unread});
  const std::uint32_t* total = gpu.sriov_total_vfs.value();
  const Evidence seen{gpu.sriov_total_vfs.source(),
                      total == nullptr ? "absent" : std::to_string(*total)};
  // NVIDIA's driver leaves the hardware's number there, with its vGPU software and without.
  const bool untold = total != nullptr && *total > 0 && drives(gpu, "nvidia");
  return untold ? Outcome::unknown({seen}) : Outcome::fail({seen});
}

constexpr Rule kRules[] = {
    {.id = "sr_iov.hardware",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Blocker,
     .fixer = Fixer::Nobody,
     .title = N_("The GPU can have virtual functions (SR-IOV)"),
     .why = N_("Virtual functions are made by the GPU itself: it has them, or it has not. Of "
               "Intel's, Tiger Lake to Raptor Lake, Meteor and Arrow Lake, Battlemage and Panther "
               "Lake can."),
     .remedy = N_("This GPU cannot be shared with SR-IOV. See the other ways."),
     .check = check_hardware},
    {.id = "sr_iov.kernel",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::User,
     .title = N_("A driver for the GPU's virtual functions is there for this kernel"),
     .why = N_("On {platform} the kernel's own driver (xe) makes virtual functions from Linux 6.17 "
               "(Battlemage, Panther Lake) or 6.18 (Tiger to Raptor Lake) on, on Meteor and Arrow "
               "Lake not at all; else the package i915-sriov-dkms is needed. This is Linux "
               "{release}."),
     .remedy = N_("Install a newer kernel, or i915-sriov-dkms in the version for this kernel, here "
                  "and in Linux guests."),
     .check = check_kernel,
     .restart = true},
    {.id = "sr_iov.driver",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::User,
     .title = N_("The driver that makes virtual functions is bound to the GPU"),
     .why = N_("The GPU is driven by {driver}; virtual functions of it come from {wanted}."),
     .remedy = N_("Have {wanted} drive the GPU: keep the other driver away with module_blacklist= "
                  "on the kernel's command line."),
     .check = check_driver,
     .restart = true},
    {.id = "sr_iov.force_probe",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::Cleave,
     .title = N_("xe is told to drive this GPU (xe.force_probe)"),
     .why = N_("On this generation xe leaves the GPU to i915, which makes no virtual functions, "
               "unless it is told otherwise."),
     .remedy = N_("Put xe.force_probe={id} i915.force_probe=!{id} on the kernel's command line."),
     .check = check_force_probe,
     .restart = true},
    {.id = "sr_iov.max_vfs",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::Cleave,
     .title = N_("The driver may make virtual functions (max_vfs)"),
     .why = N_("{module}.max_vfs is the most that the driver makes; 0 means none, and that is the "
               "default of the i915 out of tree."),
     .remedy = N_("Put {module}.max_vfs=7 on the kernel's command line."),
     .check = check_max_vfs,
     .restart = true},
    {.id = "sr_iov.guc_submission",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::Cleave,
     .title = N_("The GuC schedules the GPU's work (i915.enable_guc)"),
     .why =
         N_("Virtual functions are scheduled by the GPU's own firmware, the GuC. GVT-g wants the "
            "contrary: the two exclude each other."),
     .remedy = N_("Put i915.enable_guc=3 on the kernel's command line, and take "
                  "i915.enable_gvt=1 off it."),
     .check = check_guc,
     .restart = true},
    {.id = "sr_iov.total_vfs",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::Cleave,
     .title = N_("The driver offers virtual functions (sriov_totalvfs)"),
     .why = N_("sriov_totalvfs tells how many there can be; it counts only where the driver is one "
               "that makes them. It is missing or 0 as long as one of its conditions is not met."),
     .remedy = N_("Do what is said above; if it stays so, look for “SR-IOV” in the kernel's log."),
     .check = check_total_vfs},
    {.id = "sr_iov.in_tree_driver",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::User,
     .title = N_("The GPU's driver is the kernel's own"),
     .why = N_("i915-sriov-dkms is built for this kernel and puts its i915 and xe in the place of "
               "the kernel's own."),
     .remedy = N_("Keep it where it works. To use the kernel's own xe: remove i915-sriov-dkms, "
                  "rebuild the initramfs and restart."),
     .check = check_in_tree_driver,
     .restart = true},
    {.id = "sr_iov.dkms_module",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::User,
     .title = N_("i915-sriov-dkms is built for this kernel"),
     .why = N_("The module is not built for Linux {release}. Which of its versions fits: 2026 ones "
               "for Linux 6.12 and later, 2025.07.22 for 6.8 to 6.12."),
     .remedy =
         N_("Install i915-sriov-dkms (github.com/strongtz/i915-sriov-dkms) in the version for "
            "this kernel, with the kernel's headers, and restart."),
     .check = check_dkms_module,
     .restart = true},
    {.id = "sr_iov.nvidia_card",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Blocker,
     .fixer = Fixer::Nobody,
     .title = N_("NVIDIA's vGPU software supports this card"),
     .why = N_("NVIDIA makes vGPUs on cards for servers and workstations only; this is {name}."),
     .remedy = N_("See NVIDIA's list of cards: docs.nvidia.com/vgpu. A GeForce can be passed to a "
                  "VM as a whole."),
     .check = check_nvidia_card},
    {.id = "sr_iov.nvidia_vgpu",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::User,
     .title = N_("NVIDIA's vGPU software is loaded on the host (nvidia_vgpu_vfio)"),
     .why =
         N_("NVIDIA's ordinary driver makes no vGPUs. The vGPU Manager does, a driver of its own "
            "that comes with a licence."),
     .remedy = N_("Install NVIDIA's vGPU Manager for this kernel in place of the ordinary driver "
                  "(NVIDIA's licensing portal has it), and restart."),
     .check = check_nvidia_vgpu,
     .restart = true},
    {.id = "sr_iov.nvidia_functions",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::User,
     .title = N_("The card's virtual functions or vGPU types are there"),
     .why =
         N_("NVIDIA's driver offers vGPU types on the card's virtual functions, which have to be "
            "switched on after each start; on cards up to Turing on the card itself."),
     .remedy =
         N_("With the vGPU Manager installed: sudo /usr/lib/nvidia/sriov-manage -e {address}"),
     .check = check_nvidia_functions},
    {.id = "sr_iov.amd_card",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Blocker,
     .fixer = Fixer::Nobody,
     .title = N_("AMD's module gim makes virtual functions of this GPU"),
     .why =
         N_("AMD's virtual functions come from its module gim, which serves Instinct MI200, "
            "MI300 and MI350 and the Radeon PRO V710. Radeon cards for desktops and the graphics "
            "of Ryzen processors have none."),
     .remedy =
         N_("This GPU cannot be divided. A Linux guest can draw with virtio-gpu; as a whole it "
            "can be passed to one VM."),
     .check = check_amd_card},
};

}  // namespace

std::span<const Rule> sr_iov_rules() { return kRules; }

}  // namespace cleave
