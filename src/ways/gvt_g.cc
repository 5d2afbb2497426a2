// GVT-g: i915 divides an Intel GPU into vGPUs, each a mediated device.
#include <algorithm>

#include "ways/mediated_device.h"
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
  [[nodiscard]] Error parent_missing(const Facts& facts, const std::string& name) const override;
};

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
