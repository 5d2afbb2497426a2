// A kernel's configuration: which options for sharing a GPU it has. Symbols: the Kconfig files of
// drivers/gpu/drm/{i915,xe}, drivers/vfio, drivers/iommu, arch/x86/kvm and drivers/pci.
#include <algorithm>

#include "analysis/explain/kinds.h"
#include "base/order.h"
#include "base/text.h"
#include "facts/kernel.h"

namespace cleave {
namespace {

struct OptionNote {
  const char* symbol;
  Severity lacking;  // how bad it is where the option is missing
  const char* have;  // N_
  const char* lack;  // N_
};

constexpr OptionNote kNotes[] = {
    {.symbol = "DRM_I915",
     .lacking = Severity::Problem,
     .have = N_("Intel's driver i915, which GVT-g needs."),
     .lack = N_("Without i915 there is no GVT-g and, on older Intel GPUs, no picture.")},
    {.symbol = "DRM_I915_GVT",
     .lacking = Severity::Note,
     .have = N_("i915 has what GVT-g needs."),
     .lack = N_("i915 lacks what GVT-g needs: no GVT-g with this kernel.")},
    {.symbol = "DRM_I915_GVT_KVMGT",
     .lacking = Severity::Warning,
     .have = N_("GVT-g itself (the module kvmgt)."),
     .lack = N_("GVT-g is not in this kernel. On Intel GPUs from Broadwell to Comet Lake take "
                "another kernel.")},
    {.symbol = "DRM_XE",
     .lacking = Severity::Note,
     .have = N_("Intel's driver xe, whose SR-IOV starts with Linux 6.17."),
     .lack = N_("The driver xe is missing: no SR-IOV by the kernel's own means.")},
    {.symbol = "DRM_AMDGPU",
     .lacking = Severity::Note,
     .have = N_("AMD's driver."),
     .lack = N_("AMD's driver is missing.")},
    {.symbol = "DRM_NOUVEAU",
     .lacking = Severity::Note,
     .have = N_("The free driver for NVIDIA GPUs."),
     .lack = N_("The free driver for NVIDIA GPUs is missing.")},
    {.symbol = "KVM",
     .lacking = Severity::Problem,
     .have = N_("KVM, which runs VMs at full speed."),
     .lack = N_("Without KVM VMs are emulated, and vGPUs do not work.")},
    {.symbol = "KVM_INTEL",
     .lacking = Severity::Note,
     .have = N_("KVM for Intel CPUs."),
     .lack = N_("No KVM on Intel CPUs.")},
    {.symbol = "KVM_AMD",
     .lacking = Severity::Note,
     .have = N_("KVM for AMD CPUs."),
     .lack = N_("No KVM on AMD CPUs.")},
    {.symbol = "VFIO",
     .lacking = Severity::Problem,
     .have = N_("VFIO, which gives devices and vGPUs to VMs."),
     .lack = N_("Without VFIO no GPU and no vGPU can be given to a VM.")},
    {.symbol = "VFIO_PCI",
     .lacking = Severity::Warning,
     .have = N_("Gives whole devices and virtual functions (SR-IOV) to VMs."),
     .lack =
         N_("No whole devices and no virtual functions (SR-IOV) for VMs. GVT-g does not need it.")},
    {.symbol = "VFIO_PCI_IGD",
     .lacking = Severity::Note,
     .have = N_("What a VM needs to run a whole Intel GPU."),
     .lack = N_("A whole Intel GPU would lack its OpRegion in the VM.")},
    {.symbol = "VFIO_MDEV",
     .lacking = Severity::Note,
     .have = N_("Mediated devices: the vGPUs of GVT-g."),
     .lack = N_("No mediated devices: no GVT-g.")},
    {.symbol = "VFIO_IOMMU_TYPE1",
     .lacking = Severity::Warning,
     .have = N_("How VFIO reaches the guest's memory."),
     .lack = N_("VFIO cannot reach a guest's memory on a PC.")},
    {.symbol = "IOMMUFD",
     .lacking = Severity::Note,
     .have = N_("The newer way for VFIO to reach the guest's memory."),
     .lack = N_("The newer way for VFIO is missing; the old one serves as well.")},
    {.symbol = "INTEL_IOMMU",
     .lacking = Severity::Warning,
     .have = N_("VT-d, Intel's IOMMU."),
     .lack = N_("No VT-d: no SR-IOV and no whole devices on Intel. GVT-g does not need it.")},
    {.symbol = "INTEL_IOMMU_DEFAULT_ON",
     .lacking = Severity::Note,
     .have = N_("VT-d is on without intel_iommu=on."),
     .lack = N_("VT-d needs intel_iommu=on on the command line.")},
    {.symbol = "INTEL_IOMMU_DEFAULT_ON_INTGPU_OFF",
     .lacking = Severity::Note,
     .have = N_("Debian's default: VT-d is on, but does not translate for the integrated GPU."),
     .lack = N_("Not Debian's kernel, or not its default: nothing to do.")},
    {.symbol = "INTEL_IOMMU_SVM",
     .lacking = Severity::Note,
     .have = N_("Shared addresses for devices. VMs do not need it."),
     .lack = N_("No shared addresses for devices. VMs do not need them.")},
    {.symbol = "IOMMU_DEFAULT_PASSTHROUGH",
     .lacking = Severity::Note,
     .have = N_("As if iommu=pt stood on the command line."),
     .lack = N_("The host's devices are translated, too, unless iommu=pt is given.")},
    {.symbol = "IOMMU_DEFAULT_DMA_LAZY",
     .lacking = Severity::Note,
     .have = N_("The IOMMU forgets old addresses late, which is faster."),
     .lack = N_("The IOMMU forgets old addresses at once, or passes them through.")},
    {.symbol = "AMD_IOMMU",
     .lacking = Severity::Note,
     .have = N_("AMD-Vi, AMD's IOMMU."),
     .lack = N_("No AMD-Vi: no whole devices for VMs on AMD.")},
    {.symbol = "IRQ_REMAP",
     .lacking = Severity::Warning,
     .have = N_("Remaps interrupts, which VFIO demands."),
     .lack = N_("No interrupt remapping: VFIO refuses devices.")},
    {.symbol = "PCI_IOV",
     .lacking = Severity::Warning,
     .have = N_("SR-IOV: devices that split themselves."),
     .lack = N_("No SR-IOV with this kernel.")},
    {.symbol = "DRM_VIRTIO_GPU",
     .lacking = Severity::Note,
     .have = N_("The driver for QEMU's virtio-gpu: for Linux guests."),
     .lack = N_("As a guest this kernel has no driver for virtio-gpu.")},
    {.symbol = "IKCONFIG_PROC",
     .lacking = Severity::Note,
     .have = N_("The running kernel tells its configuration in /proc/config.gz."),
     .lack = N_("The running kernel does not tell its configuration; the file in /boot does.")},
    {.symbol = "MODULE_SIG_FORCE",
     .lacking = Severity::Note,
     .have =
         N_("Only modules with a known signature load: those built by DKMS need an enrolled key."),
     .lack = N_("Modules without a signature may load, unless Secure Boot forbids it.")},
};

// Where each option stands: "CONFIG_X=m" and "# CONFIG_X is not set"; the last one counts.
std::string_view symbol_of(std::string_view line) {
  line = trim(line);
  if (line.starts_with("# CONFIG_") && line.ends_with(" is not set")) {
    return line.substr(9, std::max<std::size_t>(line.size(), 20) - 20);
  }
  if (!line.starts_with("CONFIG_")) return {};
  const std::size_t equals = line.find('=');
  return equals == std::string_view::npos ? std::string_view() : line.substr(7, equals - 7);
}

std::map<std::string_view, std::size_t> lines_of_options(std::string_view bytes) {
  std::map<std::string_view, std::size_t> found;
  std::size_t number = 0;
  while (!bytes.empty()) {
    ++number;
    const std::size_t end = std::min(bytes.find('\n'), bytes.size());
    const std::string_view symbol = symbol_of(bytes.substr(0, end));
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
    const bool wanted = !symbol.empty() && std::ranges::any_of(kNotes, [symbol](auto& note) {
      return symbol == note.symbol;
    });
    if (wanted) found.insert_or_assign(symbol, number);
  }
  return found;
}

unsigned recognise_config(std::string_view bytes) {
  constexpr std::size_t kLooksAt = 4000;  // lines
  std::size_t options = 0;
  std::size_t other = 0;
  std::string_view rest = bytes;
  for (std::size_t i = 0; i < kLooksAt && !rest.empty(); ++i) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = trim(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!symbol_of(line).empty()) {
      ++options;
    } else if (!line.empty() && !line.starts_with('#')) {
      ++other;
    }
  }
  if (options == 0 || options < other) return 0;
  return options >= 3 ? 95 : 60;
}

Explanation explain_config(std::string_view bytes) {
  Explanation explanation;
  explanation.decoded = Json::object();
  const KernelConfig config = parse_kernel_config(bytes);
  const auto places = lines_of_options(bytes);
  for (const OptionNote& note : kNotes) {
    const auto found = config.find(note.symbol);
    const std::string value = found == config.end() ? "absent" : printable(found->second);
    explanation.decoded.set("CONFIG_" + std::string(note.symbol), value);
    const bool have = value == "y" || value == "m";
    const auto place = places.find(note.symbol);
    explanation.annotations.push_back(
        {.line = place == places.end() ? 0 : place->second,
         .id = "config." + lower_case(note.symbol),
         .severity = have ? Severity::Good : note.lacking,
         .meaning = Message(have ? note.have : note.lack),
         .action = {},
         .arguments = {{"symbol", "CONFIG_" + std::string(note.symbol)}, {"value", value}}});
  }
  sort_keeping_order(explanation.annotations, &Annotation::line);
  return explanation;
}

}  // namespace

const Explainer kKernelConfigExplainer = {.kind = "kernel-config",
                                          .title = N_("a kernel's configuration"),
                                          .recognise = recognise_config,
                                          .explain = explain_config};

}  // namespace cleave
