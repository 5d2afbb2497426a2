// The system around the GPU: what keeps changes from working, or from lasting.
#include <algorithm>

#include "analysis/rules/checks.h"
#include "analysis/rules/families.h"
#include "base/text.h"

namespace cleave {
namespace {

Outcome unknown_of(std::optional<Evidence> unread, const std::string& source,
                   std::vector<Field> arguments = {}) {
  return Outcome::unknown({unread.value_or(Evidence{source, "absent"})}, std::move(arguments));
}

Outcome check_container(const Subject& subject) {
  const Fact<bool>& container = subject.facts.platform.container;
  const bool* inside = container.value();
  if (inside == nullptr) return unknown_of(missing(container), container.source());
  return *inside ? Outcome::fail({{container.source(), "there"}})
                 : Outcome::pass({{container.source(), "absent"}});
}

Outcome check_virtual_machine(const Subject& subject) {
  const Fact<CpuFacts>& cpu = subject.facts.cpu;
  if (!cpu.is_known()) return unknown_of(missing(cpu), cpu.source());
  return cpu.value()->hypervisor ? Outcome::fail({{cpu.source(), "hypervisor"}})
                                 : Outcome::pass({{cpu.source(), "no flag “hypervisor”"}});
}

Outcome check_image_based(const Subject& subject) {
  const std::string& kind = subject.facts.platform.image_based;
  if (kind.empty()) return Outcome::pass();
  return Outcome::fail({{"/", kind}}, {{"kind", kind}});
}

bool is_about_gpus(const DkmsModule& module) {
  return module.name.find("i915") != std::string::npos || module.name.starts_with("nvidia") ||
         module.name == "gim" || module.name == "vendor-reset" || module.name == "kvmfr";
}

// DKMS builds for a kernel when it is installed; where that failed, nobody looks at the log.
Outcome check_dkms(const Subject& subject) {
  const Fact<std::vector<DkmsModule>>& dkms = subject.facts.platform.dkms;
  const Fact<std::vector<std::string>>& kernels = subject.facts.platform.kernels;
  if (dkms.is_absent() && !missing(dkms)) return Outcome::not_applicable();
  if (!dkms.is_known()) return unknown_of(missing(dkms), dkms.source());
  if (!kernels.is_known()) return unknown_of(missing(kernels), kernels.source());
  std::vector<std::string> lacking;
  bool any = false;
  for (const DkmsModule& module : *dkms.value()) {
    if (!is_about_gpus(module)) continue;
    any = true;
    for (const std::string& kernel : *kernels.value()) {
      const bool built = std::ranges::find(module.kernels, kernel) != module.kernels.end();
      if (!built) lacking.push_back(format("{} {}: {}", module.name, module.version, kernel));
    }
  }
  if (!any) return Outcome::not_applicable();
  const std::vector<Field> arguments = {{"lacking", join(lacking, ", ")}};
  return lacking.empty() ? Outcome::pass({{dkms.source(), "built for every kernel"}}, arguments)
                         : Outcome::fail({{dkms.source(), join(lacking, "; ")}}, arguments);
}

// Under lockdown the kernel loads only modules that are signed with a key it trusts
// (security/lockdown/lockdown.c, LOCKDOWN_MODULE_SIGNATURE).
Outcome check_signed_modules(const Subject& subject) {
  const auto* dkms = subject.facts.platform.dkms.value();
  const bool needs_key =
      dkms != nullptr && std::ranges::any_of(*dkms, [](const auto& m) { return is_about_gpus(m); });
  if (!needs_key) return Outcome::not_applicable();
  const Fact<std::string>& lockdown = subject.facts.platform.lockdown;
  if (const std::string* mode = lockdown.value()) {
    return *mode == "none" ? Outcome::pass({{lockdown.source(), *mode}})
                           : Outcome::fail({{lockdown.source(), *mode}});
  }
  const Fact<bool>& secure_boot = subject.facts.platform.firmware.secure_boot;
  if (const bool* on = secure_boot.value()) {
    return *on ? Outcome::fail({{secure_boot.source(), "on"}})
               : Outcome::pass({{secure_boot.source(), "off"}});
  }
  if (secure_boot.is_absent() && !missing(secure_boot)) {
    return Outcome::pass({{secure_boot.source(), "no UEFI"}});
  }
  return unknown_of(missing(secure_boot), secure_boot.source());
}

// Modules that a way of sharing loads, and that somebody keeps from being loaded.
Outcome check_blacklist(const Subject& subject) {
  const Fact<ModprobeFacts>& modprobe = subject.facts.platform.modprobe;
  if (!modprobe.is_known()) return unknown_of(missing(modprobe), modprobe.source());
  std::vector<Evidence> evidence;
  std::vector<std::string> names;
  for (const char* module :
       {"kvm", "kvm_intel", "kvm_amd", "kvmgt", "mdev", "vfio", "vfio_pci", "vfio_iommu_type1"}) {
    const auto found = modprobe.value()->blacklisted.find(module);
    if (found == modprobe.value()->blacklisted.end()) continue;
    evidence.push_back({found->second, format("blacklist {}", module)});
    names.emplace_back(module);
  }
  const KernelCommandLine* line = subject.facts.kernel.command_line.value();
  if (const auto list = line != nullptr ? line->last_value("module_blacklist") : std::nullopt) {
    for (const std::string_view word : split(*list, ',')) {
      std::string module(word);
      std::ranges::replace(module, '-', '_');
      if (!module.starts_with("kvm") && !module.starts_with("vfio") && module != "mdev") continue;
      evidence.push_back({subject.facts.kernel.command_line.source(), "module_blacklist=" + *list});
      names.push_back(std::move(module));
    }
  }
  const std::vector<Field> arguments = {{"modules", join(names, ", ")}};
  return names.empty() ? Outcome::pass({{modprobe.source(), "nothing of ours"}}, arguments)
                       : Outcome::fail(std::move(evidence), arguments);
}

// Groups that were handed over already: QEMU runs as the user and opens /dev/vfio/N itself.
Outcome check_vfio_access(const Subject& subject) {
  const auto& nodes = subject.facts.platform.vfio_nodes;
  if (nodes.is_absent() && !missing(nodes)) return Outcome::not_applicable();
  if (!nodes.is_known()) return unknown_of(missing(nodes), nodes.source());
  std::vector<Evidence> closed;
  std::vector<std::string> paths;
  bool any = false;
  for (const NodeAccess& node : *nodes.value()) {
    if (node.path == "/dev/vfio/vfio") continue;  // the container: open to all by the kernel
    any = true;
    if (node.usable) continue;
    closed.push_back(
        {node.path, format("mode {:04o}, user {}, group {}", node.mode, node.user, node.group)});
    paths.push_back(node.path);
  }
  if (!any) return Outcome::not_applicable();
  const std::vector<Field> arguments = {{"paths", join(paths, ", ")}};
  return closed.empty() ? Outcome::pass({}, arguments)
                        : Outcome::fail(std::move(closed), arguments);
}

// A kernel that is installed and newer than the running one comes with the next reboot.
Outcome check_waiting_kernel(const Subject& subject) {
  const Fact<std::vector<std::string>>& kernels = subject.facts.platform.kernels;
  const Fact<std::string>& release = subject.facts.kernel.release;
  if (!kernels.is_known()) return unknown_of(missing(kernels), kernels.source());
  const auto running = parse_kernel_version(release.value_or(""));
  if (!running) return unknown_of(missing(release), release.source());
  for (const std::string& kernel : *kernels.value()) {
    const auto version = parse_kernel_version(kernel);
    if (version && *version > *running) {
      return Outcome::fail({{kernels.source(), kernel}},
                           {{"kernel", kernel}, {"release", *release.value()}});
    }
  }
  return Outcome::pass({{kernels.source(), join(*kernels.value(), " ")}},
                       {{"kernel", "-"}, {"release", *release.value()}});
}

constexpr Rule kRules[] = {
    {.id = "host.whole_machine",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("This is a whole machine, not a container"),
     .why = N_("Inside a container much of the machine cannot be seen, and drivers and boot "
               "parameters cannot be changed."),
     .remedy = N_("Run cleave on the host itself."),
     .check = check_container},
    {.id = "host.not_virtual",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::Nobody,
     .title = N_("This is no virtual machine itself"),
     .why = N_("The processor says that it runs under a hypervisor. A GPU that is seen here is "
               "one that the host gave away or emulates."),
     .remedy = N_("Share the GPU on the host. VMs inside this one need nested virtualisation."),
     .check = check_virtual_machine},
    {.id = "host.image_based",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::Cleave,
     .title = N_("Boot parameters and modules are plain files here"),
     .why = N_("This system is put together from images or a configuration ({kind}): files below "
               "/etc/default/grub are not what it boots with."),
     .remedy = N_("Change boot parameters with the system's own tool: rpm-ostree kargs, or "
                  "boot.kernelParams in NixOS' configuration."),
     .check = check_image_based},
    {.id = "host.dkms_built",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::User,
     .title = N_("Drivers that are built on this machine are built for every kernel"),
     .why = N_("DKMS has not built these: {lacking}. With such a kernel the GPU comes up without "
               "that driver."),
     .remedy = N_("Look at /var/lib/dkms/NAME/VERSION/build/make.log, install the kernel's headers "
                  "and run: sudo dkms autoinstall -k KERNEL."),
     .check = check_dkms},
    {.id = "host.signed_modules",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::User,
     .title = N_("The kernel loads drivers that are built on this machine"),
     .why = N_("Secure Boot is on: the kernel refuses modules that are not signed with a key it "
               "trusts (“Key was rejected by service”). The distribution's own modules are signed, "
               "those of DKMS need a key of yours."),
     .remedy = N_("Enrol DKMS' key (sudo mokutil --import /var/lib/dkms/mok.pub, on Ubuntu "
                  "/var/lib/shim-signed/mok/MOK.der), reboot, and confirm at the blue screen."),
     .check = check_signed_modules},
    {.id = "host.module_blacklist",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::User,
     .title = N_("No module that VMs need is blacklisted"),
     .why = N_("These are kept from being loaded: {modules}."),
     .remedy = N_("Take them off the blacklist named above, unless you know why they are there."),
     .check = check_blacklist},
    {.id = "host.vfio_access",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::Cleave,
     .title = N_("You may open the devices that are handed to VMs (/dev/vfio)"),
     .why = N_("QEMU runs as you, and these are not open to you: {paths}."),
     .remedy = N_("Give the group to yourself with a udev rule: SUBSYSTEM==\"vfio\", "
                  "OWNER=\"YOU\". cleave vgpu create --for USER does it for its vGPUs."),
     .check = check_vfio_access},
    {.id = "host.kernel_waiting",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("The running kernel is the newest that is installed"),
     .why = N_("Linux {kernel} is installed and comes with the next reboot. What is said here is "
               "about {release}; the newer one may have GVT-g off, a list that leaves the GPU out, "
               "or no driver of DKMS."),
     .remedy = N_("After that reboot run cleave doctor again; the old kernel stays in the boot "
                  "menu."),
     .check = check_waiting_kernel},
};

}  // namespace

std::span<const Rule> host_rules() { return kRules; }

}  // namespace cleave
