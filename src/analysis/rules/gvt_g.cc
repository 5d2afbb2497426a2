// What stops a GVT-g vGPU, in the order in which the kernel gets there. Each rule but the last
// asks for one condition; where the driver lists types, all of them were met, and the observation
// counts (types_offered).
#include <algorithm>

#include "analysis/capacity.h"
#include "analysis/rules/checks.h"
#include "analysis/rules/families.h"
#include "base/text.h"

namespace cleave {
namespace {

Outcome check_generation(const Subject& subject) {
  const PciDevice& gpu = *subject.gpu;
  if (gpu.vendor_id != kIntelVendorId) return Outcome::not_applicable();
  const IntelGpu* known = intel_gpu(gpu);
  const Evidence evidence = device_evidence(gpu);
  const Field platform("platform", known != nullptr ? known->platform : "?");
  if (auto types = types_offered(subject)) return Outcome::pass({evidence, *types}, {platform});
  if (known == nullptr) return Outcome::unknown({evidence}, {platform});
  if (known->gvt_g) return Outcome::pass({evidence}, {platform});
  return Outcome::fail({evidence}, {platform});
}

// The real kvmgt is built on KVM and refuses to open a vGPU without it, so a CPU that cannot run
// KVM has no GVT-g. But where types are listed, a driver that can do without has spoken (the
// virtual laptop's), and QEMU emulates the CPU: VFIO itself needs no KVM.
Outcome check_kvm(const Subject& subject) {
  if (!may_have_gvt_g(subject)) return Outcome::not_applicable();
  if (auto types = types_offered(subject)) return Outcome::pass({*types});
  const Fact<CpuFacts>& cpu = subject.facts.cpu;
  const CpuFacts* seen = cpu.value();
  if (seen == nullptr) {
    return Outcome::unknown({missing(cpu).value_or(Evidence{cpu.source(), "absent"})});
  }
  if (seen->vmx || seen->svm) return Outcome::pass({{cpu.source(), seen->vmx ? "vmx" : "svm"}});
  return Outcome::fail({{cpu.source(), "neither vmx nor svm"}});
}

Outcome check_aperture(const Subject& subject) {
  if (!may_have_gvt_g(subject)) return Outcome::not_applicable();
  constexpr std::uint64_t kMegabyte = std::uint64_t{1} << 20U;
  // 128 MB are the host's, and the smallest type takes 64 MB; sizes are powers of two.
  constexpr std::uint64_t kLeast = 256 * kMegabyte;
  // The whole graphics address space: nothing is left for hidden memory.
  constexpr std::uint64_t kTooMuch = 4096 * kMegabyte;
  const std::string source = subject.gpu->sysfs_path + "/resource";
  const auto aperture = aperture_bytes(*subject.gpu);
  if (!aperture) return Outcome::unknown({{source, "BAR 2 has no size"}});
  const Field megabytes("aperture", *aperture / kMegabyte);
  const Evidence evidence{source, format("BAR 2: {} MB", *aperture / kMegabyte)};
  if (*aperture >= kLeast && *aperture < kTooMuch) return Outcome::pass({evidence}, {megabytes});
  return Outcome::fail({evidence}, {megabytes});
}

std::optional<Outcome> unread_release(const Facts& facts) {
  const Fact<std::string>& release = facts.kernel.release;
  if (const auto unread = missing(release)) return Outcome::unknown({*unread});
  if (release.value() == nullptr) return Outcome::unknown({{release.source(), "absent"}});
  if (!parse_kernel_version(*release.value())) {
    return Outcome::unknown({{release.source(), *release.value()}});
  }
  return std::nullopt;
}

Outcome check_kernel_span(const Subject& subject) {
  if (!may_have_gvt_g(subject)) return Outcome::not_applicable();
  if (auto unread = unread_release(subject.facts)) return *unread;
  const Fact<std::string>& release = subject.facts.kernel.release;
  const KernelVersion version = *parse_kernel_version(*release.value());
  const Evidence evidence{release.source(), *release.value()};
  const Field argument("release", *release.value());
  // Later 5.19.y have the fix ("i915/gvt: Fix Comet Lake", 10 August 2022); a distribution's
  // 5.19 cannot be told from its number, but working types can be seen.
  if (auto types = types_offered(subject)) return Outcome::pass({evidence, *types}, {argument});
  const IntelGpu* known = intel_gpu(*subject.gpu);
  const bool comet_lake = known != nullptr && std::string_view(known->platform) == "Comet Lake";
  const bool broken = comet_lake && version == KernelVersion{5, 19};
  if (broken || version < KernelVersion{4, 10}) return Outcome::fail({evidence}, {argument});
  return Outcome::pass({evidence}, {argument});
}

Outcome check_kernel_display(const Subject& subject) {
  if (!may_have_gvt_g(subject)) return Outcome::not_applicable();
  if (auto unread = unread_release(subject.facts)) return *unread;
  const Fact<std::string>& release = subject.facts.kernel.release;
  const Evidence evidence{release.source(), *release.value()};
  const Field argument("release", *release.value());
  if (*parse_kernel_version(*release.value()) < KernelVersion{4, 16}) {
    return Outcome::fail({evidence}, {argument});
  }
  return Outcome::pass({evidence}, {argument});
}

// "y" or "m", or what is there instead; the module itself proves the option.
Outcome check_kernel_config(const Subject& subject) {
  if (!may_have_gvt_g(subject)) return Outcome::not_applicable();
  constexpr const char* kSymbol = "DRM_I915_GVT_KVMGT";
  if (auto types = types_offered(subject)) return Outcome::pass({*types});
  const KernelModule& module = subject.facts.kernel.module("kvmgt");
  if (module.loaded || module.built_in || module.on_disk) {
    return Outcome::pass({{"kvmgt", "the module is there"}});
  }
  const Fact<KernelConfig>& config = subject.facts.kernel.config;
  if (config.value() == nullptr) {
    return Outcome::unknown({missing(config).value_or(Evidence{config.source(), "absent"})});
  }
  const auto option = config.value()->find(kSymbol);
  if (option == config.value()->end()) {
    return Outcome::fail({{config.source(), format("CONFIG_{} is not mentioned", kSymbol)}});
  }
  const Evidence evidence{config.source(), format("CONFIG_{}={}", kSymbol, option->second)};
  const bool on = option->second == "y" || option->second == "m";
  return on ? Outcome::pass({evidence}) : Outcome::fail({evidence});
}

bool surely_not_built(const Subject& subject) {
  return check_kernel_config(subject).kind == OutcomeKind::Fail;
}

Outcome check_driver(const Subject& subject) {
  if (!may_have_gvt_g(subject)) return Outcome::not_applicable();
  const Fact<std::string>& driver = subject.gpu->driver;
  if (const auto unread = missing(driver)) return Outcome::unknown({*unread});
  if (driver.value() == nullptr) return Outcome::fail({{driver.source(), "no driver is bound"}});
  const Evidence evidence{driver.source(), *driver.value()};
  return *driver.value() == "i915" ? Outcome::pass({evidence}) : Outcome::fail({evidence});
}

bool driven_by_i915(const Subject& subject) {
  const std::string* driver = subject.gpu->driver.value();
  return driver != nullptr && *driver == "i915";
}

Outcome check_enable_gvt(const Subject& subject) {
  if (!may_have_gvt_g(subject)) return Outcome::not_applicable();
  const ParameterState state = module_parameter(subject.facts, "i915", "enable_gvt");
  if (auto types = types_offered(subject)) return Outcome::pass({*types});
  if (state.value) {
    return is_kernel_true(*state.value) ? Outcome::pass({state.evidence})
                                        : Outcome::fail({state.evidence});
  }
  if (state.certain) return Outcome::fail({state.evidence});
  // The attribute is for root only (0400), and modprobe.d could have set it. But where kvmgt is
  // loaded and i915 drives the GPU, i915 would have registered the parent.
  const bool silent = subject.facts.kernel.module("kvmgt").loaded && driven_by_i915(subject) &&
                      !missing(subject.facts.mdev_parents) && parent_of(subject) == nullptr;
  if (!silent) return Outcome::unknown({state.evidence});
  return Outcome::fail({state.evidence, {"kvmgt", "loaded, and the GPU is no mdev parent"}});
}

// i915.enable_guc is a bit mask (i915_params.c): 1 submission, 2 HuC firmware; -1 chooses, and
// chooses 0 on every GPU that has GVT-g.
struct GucState {
  ParameterState parameter;
  std::optional<std::uint32_t> bits;  // empty: not known
};

GucState guc_state(const Facts& facts) {
  GucState state{module_parameter(facts, "i915", "enable_guc"), std::nullopt};
  if (!state.parameter.value) {
    if (state.parameter.certain) state.bits = 0;
    return state;
  }
  const std::string_view value = trim(*state.parameter.value);
  state.bits = value == "-1" ? std::optional(0U) : parse_unsigned<std::uint32_t>(value);
  return state;
}

Outcome check_guc_submission(const Subject& subject) {
  if (!may_have_gvt_g(subject)) return Outcome::not_applicable();
  if (auto types = types_offered(subject)) return Outcome::pass({*types});
  const GucState state = guc_state(subject.facts);
  if (!state.bits) return Outcome::unknown({state.parameter.evidence});
  return (*state.bits & 1U) != 0 ? Outcome::fail({state.parameter.evidence})
                                 : Outcome::pass({state.parameter.evidence});
}

Outcome check_huc(const Subject& subject) {
  if (!may_have_gvt_g(subject)) return Outcome::not_applicable();
  const GucState state = guc_state(subject.facts);
  if (!state.bits) return Outcome::unknown({state.parameter.evidence});
  return *state.bits == 2 ? Outcome::fail({state.parameter.evidence})
                          : Outcome::pass({state.parameter.evidence});
}

Outcome check_module(const Subject& subject) {
  if (!may_have_gvt_g(subject)) return Outcome::not_applicable();
  if (auto types = types_offered(subject)) return Outcome::pass({*types});
  const KernelFacts& kernel = subject.facts.kernel;
  const KernelModule& module = kernel.module("kvmgt");
  if (module.built_in) return Outcome::pass({{"kvmgt", "built into the kernel"}});
  if (module.loaded) return Outcome::pass({{"kvmgt", "loaded"}});
  // A kernel without the module: gvt_g.kernel_config says so, loading would not help.
  if (surely_not_built(subject)) return Outcome::not_applicable();
  if (const auto unread = missing(kernel.module_list)) return Outcome::unknown({*unread});
  return Outcome::fail({{kernel.module_list.source(), "kvmgt is not loaded"}});
}

Outcome check_parent(const Subject& subject) {
  if (!may_have_gvt_g(subject)) return Outcome::not_applicable();
  if (auto types = types_offered(subject)) return Outcome::pass({*types});
  const auto& parents = subject.facts.mdev_parents;
  if (const auto unread = missing(parents)) return Outcome::unknown({*unread});
  if (const MdevParent* parent = parent_of(subject)) {
    return Outcome::fail({{parent->sysfs_path + "/mdev_supported_types", "no GVT-g type"}});
  }
  return Outcome::fail({{parents.source(), to_text(subject.gpu->address) + " is not there"}});
}

Outcome check_instances_left(const Subject& subject) {
  const MdevParent* parent = parent_of(subject);
  if (parent == nullptr || !types_offered(subject)) return Outcome::not_applicable();
  const auto& devices = subject.facts.mediated_devices;
  const IntelGpu* known = intel_gpu(*subject.gpu);
  const Capacity capacity =
      compute_capacity(*parent, devices.value_or({}), aperture_bytes(*subject.gpu),
                       known != nullptr ? known->graphics_version : 0);
  std::vector<Evidence> evidence;
  for (const MdevType& type : parent->types) {
    if (const auto unread = missing(type.available_instances)) return Outcome::unknown({*unread});
    evidence.push_back(
        {type.available_instances.source(), std::to_string(type.available_instances.value_or(0))});
  }
  if (capacity.best_type) return Outcome::pass(std::move(evidence));
  std::uint32_t count = 0;
  for (const MediatedDevice& device : devices.value_or({})) {
    if (device.parent != parent->name) continue;
    evidence.push_back({device.sysfs_path, device.type_id});
    ++count;
  }
  return Outcome::fail(std::move(evidence), {{"count", count}});
}

constexpr Rule kRules[] = {
    {.id = "gvt_g.generation",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Blocker,
     .fixer = Fixer::Nobody,
     .title = N_("The GPU is of a generation that has GVT-g"),
     .why = N_("The driver has GVT-g for Broadwell to Comet Lake and Apollo Lake only; this GPU's "
               "platform: {platform}."),
     .remedy = N_("GVT-g cannot be had on this GPU. From Tiger Lake on, SR-IOV takes its place."),
     .check = check_generation},
    {.id = "gvt_g.kvm",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Blocker,
     .fixer = Fixer::Firmware,
     .title = N_("GVT-g can have KVM, on which it is built"),
     .why = N_("GVT-g's module kvmgt works with KVM only, and KVM needs VT-x, which this CPU does "
               "not show."),
     .remedy = N_("Switch on VT-x (“Intel Virtualization Technology”) in the firmware."),
     .check = check_kvm},
    {.id = "gvt_g.aperture",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Blocker,
     .fixer = Fixer::Firmware,
     .title = N_("The GPU's aperture has a size that GVT-g can divide"),
     .why = N_("It is {aperture} MB. Below 256 MB nothing is left beside the host's 128 MB; 4096 "
               "MB fill the graphics address space, and every vGPU fails with “No space left on "
               "device”."),
     .remedy = N_("Set “Aperture size” in the firmware to 256 to 1024 MB (not “DVMT "
                  "pre-allocated”). Many laptops have no such setting."),
     .check = check_aperture},
    {.id = "gvt_g.kernel_span",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::User,
     .title = N_("GVT-g works on this GPU with this kernel"),
     .why = N_("This kernel is {release}. Linux has GVT-g from 4.10 on, and early kernels of 5.19 "
               "break it on Comet Lake."),
     .remedy = N_("Start another kernel: one after 5.19 is best."),
     .check = check_kernel_span,
     .restart = true},
    {.id = "gvt_g.kernel_display",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("The kernel can hand over a vGPU's picture"),
     .why = N_("A window with the vGPU's picture needs Linux 4.16; this is {release}."),
     .remedy = N_("Start a newer kernel, or use the guest over the network."),
     .check = check_kernel_display,
     .restart = true},
    {.id = "gvt_g.kernel_config",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::User,
     .title = N_("The kernel is built with GVT-g (CONFIG_DRM_I915_GVT_KVMGT)"),
     .why = N_("This kernel was built without GVT-g; no setting can bring it in."),
     .remedy = N_("Install a kernel that has CONFIG_DRM_I915_GVT_KVMGT=m: the standard kernels of "
                  "Debian and Ubuntu do."),
     .check = check_kernel_config,
     .restart = true},
    {.id = "gvt_g.driver_i915",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::User,
     .title = N_("The GPU is driven by i915"),
     .why = N_("GVT-g is a part of the driver i915. The driver xe does not have it, and vfio-pci "
               "gives the whole GPU away."),
     .remedy = N_("Take off what keeps i915 away (xe.force_probe, module_blacklist=i915, nomodeset "
                  "or vfio-pci.ids on the kernel's command line or in /etc/modprobe.d), and "
                  "restart."),
     .check = check_driver,
     .restart = true},
    {.id = "gvt_g.parameter_enable_gvt",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::Cleave,
     .title = N_("GVT-g is switched on in i915 (enable_gvt)"),
     .why = N_("i915 looks at this switch only when it is loaded, early at boot; it is off by "
               "default."),
     .remedy = N_("Put i915.enable_gvt=1 on the kernel's command line and restart."),
     .check = check_enable_gvt,
     .restart = true},
    {.id = "gvt_g.guc_submission",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::Cleave,
     .title = N_("i915 submits work without the GuC"),
     .why = N_("With enable_guc=1 or 3 the driver refuses GVT-g: “Graphics virtualization is not "
               "yet supported with GuC submission”."),
     .remedy = N_("Put i915.enable_guc=0 on the kernel's command line in place of the other value, "
                  "and restart."),
     .check = check_guc_submission,
     .restart = true},
    {.id = "gvt_g.huc",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::Cleave,
     .title = N_("i915 does not load the HuC firmware"),
     .why = N_("With enable_guc=2 hosts were seen to freeze under GVT-g (kernels from 5.12 on, "
               "Coffee Lake and Comet Lake)."),
     .remedy = N_("Put i915.enable_guc=0 on the kernel's command line."),
     .check = check_huc,
     .restart = true},
    {.id = "gvt_g.module_kvmgt",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::Cleave,
     .title = N_("GVT-g's module kvmgt is loaded"),
     .why = N_("kvmgt makes the vGPUs. Nothing loads it by itself."),
     .remedy = N_("Load it: modprobe kvmgt; and put kvmgt into /etc/modules-load.d/cleave.conf for "
                  "the next boot."),
     .check = check_module},
    {.id = "gvt_g.mdev_parent",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::Cleave,
     .title = N_("The driver offers vGPU types (mdev_supported_types)"),
     .why = N_("The GPU is not registered as a parent of mediated devices with GVT-g types, so no "
               "vGPU can be made yet."),
     .remedy = N_("It follows when all else is in order. If nothing else is wrong, the kernel log "
                  "tells why: dmesg | grep -i gvt"),
     .check = check_parent},
    {.id = "gvt_g.instances_left",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("Another vGPU fits on the GPU"),
     .why = N_("No type has an instance left. vGPUs on this GPU: {count}."),
     .remedy = N_("Remove one that is not needed: cleave vgpu list, then cleave vgpu remove UUID"),
     .check = check_instances_left},
};

}  // namespace

std::span<const Rule> gvt_g_rules() { return kRules; }

}  // namespace cleave
