// GVT-g: i915 divides an Intel GPU into vGPUs, each a mediated device.
#include <algorithm>

#include "ways/mediated_device.h"
#include "ways/preparing.h"
#include "ways/ways.h"

namespace cleave {
namespace {

// The IOMMU is not among them: a vGPU's memory is translated by the driver
// (vfio_register_emulated_iommu_dev in gvt/kvmgt.c).
constexpr const char* kNeeds[] = {
    "gpu.vendor",           "gvt_g.generation",           "gvt_g.kvm",
    "gvt_g.aperture",       "gvt_g.kernel_config",        "gvt_g.kernel_span",
    "gvt_g.vfio_ids",       "gvt_g.driver_i915",          "kvm.node",
    "kvm.accessible",       "gvt_g.parameter_enable_gvt", "gvt_g.modprobe_arrived",
    "gvt_g.guc_submission", "gvt_g.module_kvmgt",         "gvt_g.mdev_parent"};

constexpr Mode kModes[] = {
    {.id = "gvt-g",
     .applies = on_every_gpu,
     .needs = kNeeds,
     .about = N_("the driver i915 divides the GPU"),
     .on_host =
         N_("The host keeps the GPU and its screen, and shares its speed and memory with the "
            "guest."),
     .in_guest =
         N_("Linux and Windows guests draw with Intel's own driver; QEMU shows their picture "
            "on the host, at most 1920x1200."),
     .fragile = N_("Linux guests work well. In Windows, Intel's newer drivers are refused by GVT-g "
                   "and some can freeze the host; save your work before the first tries.")},
};

class GvtGWay final : public MediatedDeviceWay {
 public:
  [[nodiscard]] const char* id() const override { return "gvt-g"; }
  // On every GPU: that another vendor's has no GVT-g is an answer, too.
  [[nodiscard]] bool applies_to(const PciDevice& gpu) const override { return gpu.is_gpu(); }
  [[nodiscard]] std::span<const Mode> modes() const override { return kModes; }

 protected:
  [[nodiscard]] Result<Preparation> wants(const Facts& facts, const PciDevice& gpu,
                                          const Mode& mode) const override;
  [[nodiscard]] Error parent_missing(const Facts& facts, const std::string& name) const override;
};

KernelWord enable_gvt() {
  return {.word = "i915.enable_gvt=1",
          .reason = {N_("i915 looks at this switch only when it is loaded, early at boot; it is "
                        "off by default.")},
          .cost = {N_("The GPU's driver registers its vGPU types; until a vGPU exists, the host "
                      "notices nothing.")}};
}

KernelWord without_guc() {
  return {.word = "i915.enable_guc=0",
          .reason = {N_("GVT-g works only where i915 submits work without the GuC, and this "
                        "machine switches the GuC on.")},
          .cost = {N_("The GuC's firmware is not used; the host draws as fast as before on these "
                      "GPUs.")}};
}

// i915 is a parent once kvmgt is there, which may be early (coldplug sends "add", with the types
// there already) or late ("change", mdev_register_parent in drivers/vfio/mdev/mdev_core.c). systemd
// starts what a device wants that it did not want before.
HostLine vgpus_rule() {
  return {.file = HostFile::Udev,
          .line = R"(TEST=="mdev_supported_types", TEST=="/etc/mdevctl.d/%k", TAG+="systemd", )"
                  R"(ENV{SYSTEMD_WANTS}+="cleave-vgpus@%k.service")",
          .reason = {N_("vGPUs that you define are made as soon as their GPU offers them, however "
                        "late its driver is.")},
          .cost = {}};
}

// Whether enable_gvt comes from modprobe.d and has arrived in the driver.
bool is_switched_on_elsewhere(const Subject& subject) {
  const Rule* arrived = find_rule("gvt_g.modprobe_arrived");
  return arrived != nullptr && arrived->check(subject).kind == OutcomeKind::Pass;
}

Result<Preparation> GvtGWay::wants(const Facts& facts, const PciDevice& gpu,
                                   const Mode& /*mode*/) const {
  const Subject subject{.facts = facts, .gpu = &gpu};
  Preparation all;
  if (!is_switched_on_elsewhere(subject)) all.arguments.push_back(enable_gvt());
  if (fails("gvt_g.guc_submission", subject) || fails("gvt_g.huc", subject)) {
    all.arguments.push_back(without_guc());
  }
  if (!facts.kernel.module("kvmgt").built_in) {
    all.lines.push_back(
        module_at_boot("kvmgt", {N_("kvmgt makes the vGPUs. Nothing loads it by itself.")}));
  }
  all.lines.push_back(
      {.file = HostFile::Modprobe,
       .line = "options kvm ignore_msrs=1",
       .reason = {N_("Intel's driver for Windows reads registers of the processor that KVM does "
                     "not have; without this the guest stops.")},
       .cost = {N_("Of any guest's reads of unknown registers nothing is seen any more but a line "
                   "in the kernel log.")}});
  all.lines.push_back(vgpus_rule());
  all.vgpus_come_back = true;
  merge(all, vfio_rights(facts, N_("This system has no group {group}: its devices stay with root, "
                                   "and “cleave vgpu create --for USER” gives one away.")));
  if (const auto off = igfx_off_remark(facts)) all.remarks.push_back(*off);
  return all;
}

// A GPU that is there but not registered: the findings tell why, and the worst one what to do.
Error GvtGWay::parent_missing(const Facts& facts, const std::string& name) const {
  Error error = MediatedDeviceWay::parent_missing(facts, name);
  const auto address = parse_pci_address(name);
  const auto gpus = gpus_of(facts);
  const auto gpu = std::ranges::find_if(
      gpus, [&](const PciDevice* device) { return device->address == address; });
  if (gpu == gpus.end()) return error;
  const std::vector<Finding> findings = run_rules(facts);
  const WayVerdict verdict = judge(*this, **gpu, findings);
  for (const Finding* finding : verdict.deciding) {
    const Rule& rule = *finding->rule;
    if (finding->outcome.kind != OutcomeKind::Fail) continue;
    error.context.push_back({rule.why, finding->outcome.arguments});
    if (error.context.size() == 1) error.remedy = {rule.remedy, finding->outcome.arguments};
  }
  return error;
}

}  // namespace

const Way& gvt_g_way() {
  static const GvtGWay way;
  return way;
}

}  // namespace cleave
