#include "ways/whole_devices.h"

#include <optional>
#include <string>
#include <string_view>

#include "analysis/intel_gpu.h"
#include "analysis/rule.h"
#include "analysis/rules/checks.h"
#include "base/text.h"
#include "ways/preparing.h"

namespace cleave {
namespace {

constexpr const char* kGroupRule = "passthrough.iommu_group";

// Whether VT-d is this machine's IOMMU; the firmware's table proves it, else the processor does.
bool has_vt_d(const Facts& facts) {
  const CpuFacts* cpu = facts.cpu.value();
  return facts.iommu.dmar_table.value_or(false) ||
         (cpu != nullptr && cpu->vendor == "GenuineIntel");
}

// The last of "on" and "off" that a parameter got; its other items mean something else. The kernel
// adds all of its occurrences up (intel_iommu_setup, drivers/iommu/intel/iommu.c;
// parse_amd_iommu_options, drivers/iommu/amd/init.c; iommu_setup, arch/x86/kernel/pci-dma.c).
struct Switch {
  std::string state;  // "on", "off"; empty: not given
  std::string word;   // the argument that says so
};

Switch switch_of(const Facts& facts, std::string_view name) {
  Switch found;
  const KernelCommandLine* line = facts.kernel.command_line.value();
  if (line == nullptr) return found;
  for (const KernelArgument& argument : line->arguments) {
    if (argument.name != name || !argument.value) continue;
    for (const std::string_view item : split(*argument.value, ',')) {
      if (item != "on" && item != "off") continue;
      found = {std::string(item), argument.name + "=" + *argument.value};
    }
  }
  return found;
}

// The argument that keeps the whole IOMMU off; intel_iommu and amd_iommu count on their own
// processors only.
std::optional<std::string> switched_off(const Facts& facts) {
  const char* own = has_vt_d(facts) ? "intel_iommu" : "amd_iommu";
  for (const char* name : {own, "iommu"}) {
    const Switch found = switch_of(facts, name);
    if (found.state == "off") return found.word;
  }
  return std::nullopt;
}

// igfx_off is about units with nothing but integrated graphics behind them.
bool is_integrated(const PciDevice& gpu) {
  return gpu.vendor_id == kIntelVendorId && gpu.address == PciAddress{0, 0, 2, 0};
}

Error igfx_off_refusal(const std::string& argument) {
  return refusal({N_("{argument} on the kernel's command line leaves the integrated GPU out of the "
                     "IOMMU, and only with an IOMMU a VM can have a device of its own."),
                  {{"argument", argument}}},
                 {N_("Take igfx_off out of {argument} and restart. It is often there against a "
                     "flickering screen, which can come back; GVT-g and virtio-gpu work with it."),
                  {{"argument", argument}}});
}

Error off_refusal(const std::string& argument) {
  return refusal(
      {N_("{argument} on the kernel's command line keeps the IOMMU off, and only with an "
          "IOMMU a VM can have a device of its own."),
       {{"argument", argument}}},
      {N_("Take {argument} off the kernel's command line, if you know of no reason for "
          "it, and restart."),
       {{"argument", argument}}});
}

Error group_refusal() {
  const Rule* rule = find_rule(kGroupRule);
  return rule == nullptr ? refusal({}, {}) : refusal({rule->why}, {rule->remedy});
}

KernelWord intel_iommu_on() {
  return {
      .word = "intel_iommu=on",
      .reason = {N_("A device in a VM reaches memory on its own; only the IOMMU keeps it inside "
                    "the VM's, and this kernel leaves it off by itself.")},
      .cost = {N_("All devices' memory accesses are translated, which costs a little speed; "
                  "on some machines with Intel graphics up to Comet Lake the screen "
                  "flickers.")}};
}

bool is_built_in(const Facts& facts) {
  if (facts.kernel.module("vfio_pci").built_in) return true;
  const KernelConfig* config = facts.kernel.config.value();
  if (config == nullptr) return false;
  const auto option = config->find("VFIO_PCI");
  return option != config->end() && option->second == "y";
}

// Empty: nothing keeps this GPU out. What is observed counts: a GPU in a group is not left out.
std::optional<Error> kept_out(const Facts& facts, const PciDevice& gpu) {
  if (gpu.iommu_group.is_known()) return std::nullopt;
  const auto igfx_off = argument_igfx_off(facts);
  if (igfx_off && is_integrated(gpu)) return igfx_off_refusal(igfx_off->text);
  if (const auto off = switched_off(facts)) return off_refusal(*off);
  return std::nullopt;
}

}  // namespace

Result<Preparation> iommu_for(const Facts& facts, const PciDevice& gpu) {
  if (auto error = kept_out(facts, gpu)) return *std::move(error);
  Preparation all;
  if (const auto igfx_off = argument_igfx_off(facts)) {
    all.remarks.push_back({N_("{argument} stays as it is: it does not keep this GPU out of the "
                              "IOMMU."),
                           {{"argument", igfx_off->text}}});
  }
  const bool told = switch_of(facts, "intel_iommu").state == "on";
  if (!fails(kGroupRule, {.facts = facts, .gpu = &gpu})) {
    if (told && has_vt_d(facts)) all.arguments.push_back(intel_iommu_on());
    return all;
  }
  // The IOMMU is on for others, or was told to be, and this GPU is not in it; AMD's is on unless
  // somebody switched it off.
  const bool helps = has_vt_d(facts) && !told && facts.iommu.groups.value_or(0) == 0;
  if (!helps) return group_refusal();
  all.arguments.push_back(intel_iommu_on());
  return all;
}

Preparation vfio_pci_for(const Facts& facts) {
  Preparation all;
  if (!is_built_in(facts)) {
    all.lines.push_back(module_at_boot("vfio-pci", {N_("vfio-pci hands devices to virtual "
                                                       "machines. Nothing loads it by itself.")}));
  }
  merge(all, pci_rights(facts));
  return all;
}

Preparation pci_rights(const Facts& facts) {
  return vfio_rights(facts, N_("This system has no group {group}: what is in /dev/vfio stays with "
                               "root, who has to give it to the user of a VM."));
}

}  // namespace cleave
