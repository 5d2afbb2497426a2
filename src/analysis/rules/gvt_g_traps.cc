// What people with a GVT-g that should work stumble over: settings that do not arrive, that take
// the GPU away, or that hurt later.
#include <algorithm>

#include "analysis/rules/checks.h"
#include "analysis/rules/families.h"
#include "base/text.h"

namespace cleave {
namespace {

const ModprobeFacts::Option* option_of(const ModprobeFacts& facts, std::string_view module,
                                       std::string_view parameter) {
  const auto options = facts.options.find(module);
  if (options == facts.options.end()) return nullptr;
  const ModprobeFacts::Option* last = nullptr;
  for (const ModprobeFacts::Option& option : options->second) {
    if (option.parameter == parameter) last = &option;  // modprobe appends all: the last one counts
  }
  return last;
}

// i915 is in most initramfs images, and takes its options from the modprobe.d inside.
Outcome check_modprobe_arrived(const Subject& subject) {
  if (!may_have_gvt_g(subject)) return Outcome::not_applicable();
  const Fact<ModprobeFacts>& modprobe = subject.facts.platform.modprobe;
  if (const auto unread = missing(modprobe)) return Outcome::unknown({*unread});
  if (!modprobe.is_known()) return Outcome::not_applicable();
  const ModprobeFacts::Option* option = option_of(*modprobe.value(), "i915", "enable_gvt");
  if (option == nullptr || !is_kernel_true(option->value)) return Outcome::not_applicable();
  const Evidence written{option->source, "options i915 enable_gvt=" + option->value};
  const ParameterState live = module_parameter(subject.facts, "i915", "enable_gvt");
  if (!live.certain && !live.value) return Outcome::unknown({live.evidence});
  return is_kernel_true(live.value.value_or("0")) ? Outcome::pass({written, live.evidence})
                                                  : Outcome::fail({written, live.evidence});
}

bool names_device(std::string_view list, const PciDevice& gpu) {
  const std::string wanted = format("{:04x}:{:04x}", gpu.vendor_id, gpu.device_id);
  return std::ranges::any_of(split(list, ','), [&wanted](std::string_view item) {
    return lower_case(trim(item)).starts_with(wanted);
  });
}

// vfio-pci.ids takes every device of that id away from its driver; GVT-g's is i915.
Outcome check_vfio_ids(const Subject& subject) {
  if (!may_have_gvt_g(subject)) return Outcome::not_applicable();
  const Facts& facts = subject.facts;
  std::vector<Evidence> unread;
  const KernelCommandLine* line = facts.kernel.command_line.value();
  if (line == nullptr) {
    unread.push_back(missing(facts.kernel.command_line)
                         .value_or(Evidence{facts.kernel.command_line.source(), "absent"}));
  } else if (const auto ids = line->last_value("vfio_pci.ids");
             ids && names_device(*ids, *subject.gpu)) {
    return Outcome::fail({{facts.kernel.command_line.source(), "vfio-pci.ids=" + *ids}});
  }
  const Fact<ModprobeFacts>& modprobe = facts.platform.modprobe;
  if (const auto closed = missing(modprobe)) unread.push_back(*closed);
  if (modprobe.is_known()) {
    const ModprobeFacts::Option* option = option_of(*modprobe.value(), "vfio_pci", "ids");
    if (option != nullptr && names_device(option->value, *subject.gpu)) {
      return Outcome::fail({{option->source, "options vfio-pci ids=" + option->value}});
    }
  }
  if (!unread.empty()) return Outcome::unknown(std::move(unread));
  return Outcome::pass({{facts.kernel.command_line.source(), "not named in vfio-pci.ids"}});
}

// vGPUs are saved and restored since "gvt-next-2020-11-23", which is Linux 5.11.
Outcome check_suspend(const Subject& subject) {
  if (!may_have_gvt_g(subject)) return Outcome::not_applicable();
  const Fact<std::string>& release = subject.facts.kernel.release;
  const auto version = parse_kernel_version(release.value_or(""));
  if (!version) {
    return Outcome::unknown({missing(release).value_or(Evidence{release.source(), "absent"})});
  }
  const std::vector<Field> arguments = {{"release", *release.value()}};
  const Evidence seen{release.source(), *release.value()};
  return *version >= KernelVersion{5, 11} ? Outcome::pass({seen}, arguments)
                                          : Outcome::fail({seen}, arguments);
}

Outcome check_nvidia_beside(const Subject& subject) {
  if (!may_have_gvt_g(subject)) return Outcome::not_applicable();
  const KernelFacts& kernel = subject.facts.kernel;
  if (kernel.module("nvidia").loaded) return Outcome::fail({{"/proc/modules", "nvidia"}});
  if (const auto unread = missing(kernel.module_list)) return Outcome::unknown({*unread});
  return Outcome::pass({{kernel.module_list.source(), "nvidia is not loaded"}});
}

constexpr Rule kRules[] = {
    {.id = "gvt_g.modprobe_arrived",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::Cleave,
     .title = N_("What /etc/modprobe.d says about i915 has reached it"),
     .why = N_("enable_gvt is switched on in modprobe.d, but i915 runs without: it is loaded from "
               "the initramfs, which holds the files of the day it was built."),
     .remedy = N_("Rebuild the initramfs (update-initramfs -u, dracut -f, mkinitcpio -P) and "
                  "restart; or put i915.enable_gvt=1 on the kernel's command line instead."),
     .check = check_modprobe_arrived,
     .restart = true},
    {.id = "gvt_g.vfio_ids",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::Cleave,
     .title = N_("vfio-pci does not take the GPU away from i915 (vfio-pci.ids)"),
     .why = N_("vfio-pci.ids names this GPU: vfio-pci takes it at boot to hand it to a VM as a "
               "whole, and i915, which makes the vGPUs, does not get it."),
     .remedy = N_("Take the GPU's id out of vfio-pci.ids. For GVT-g nothing has to be bound to "
                  "vfio-pci."),
     .check = check_vfio_ids,
     .restart = true},
    {.id = "gvt_g.suspend",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("A running vGPU survives suspend"),
     .why = N_("Linux {release} does not save vGPUs at suspend: the host can crash when it wakes "
               "up."),
     .remedy = N_("Stop the VM and remove the vGPU before suspend, or take Linux 5.11 or newer."),
     .check = check_suspend},
    {.id = "gvt_g.nvidia_beside",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("NVIDIA's own driver is not loaded beside GVT-g"),
     .why = N_("People with NVIDIA's driver loaded report desktops that restart or hang when a VM "
               "with a vGPU starts."),
     .remedy = N_("If that happens to you: switch the NVIDIA GPU off (prime-select intel), or use "
                  "nouveau."),
     .check = check_nvidia_beside},
};

}  // namespace

std::span<const Rule> gvt_g_trap_rules() { return kRules; }

}  // namespace cleave
