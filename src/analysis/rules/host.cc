// The system around the GPU: what keeps changes from working, or from lasting.
#include <algorithm>
#include <map>
#include <set>

#include "analysis/rules/checks.h"
#include "analysis/rules/families.h"
#include "base/text.h"

namespace cleave {
namespace {

Outcome unknown_of(const std::optional<Evidence>& unread, const std::string& source,
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
  const PlatformFacts& platform = subject.facts.platform;
  const std::string& kind = platform.image_based;
  if (!kind.empty()) return Outcome::fail({{"/", kind}}, {{"kind", kind}});
  // Its marks are looked for beside os-release: where that was not to be seen, nor were they.
  const Fact<std::string>& system = platform.distribution_id;
  if (const auto unread = missing(system)) return Outcome::unknown({*unread}, {{"kind", "?"}});
  return Outcome::pass({{system.source(), system.value_or("no ID")}}, {{"kind", "-"}});
}

bool is_about_gpus(const DkmsModule& module) {
  return module.name.find("i915") != std::string::npos || module.name.starts_with("nvidia") ||
         module.name == "gim" || module.name == "vendor-reset" || module.name == "kvmfr";
}

// Releases that some version of the package is built for: an old version stays beside the new one.
std::map<std::string, std::set<std::string>> builds_of(const std::vector<DkmsModule>& modules) {
  std::map<std::string, std::set<std::string>> builds;
  for (const DkmsModule& module : modules) {
    if (!is_about_gpus(module)) continue;
    builds[module.name].insert(module.kernels.begin(), module.kernels.end());
  }
  return builds;
}

// DKMS builds for a kernel when it is installed; where that failed, nobody looks at the log.
Outcome check_dkms(const Subject& subject) {
  const Fact<std::vector<DkmsModule>>& dkms = subject.facts.platform.dkms;
  const Fact<std::vector<std::string>>& kernels = subject.facts.platform.kernels;
  if (dkms.is_absent() && !missing(dkms)) return Outcome::not_applicable();
  if (!dkms.is_known()) return unknown_of(missing(dkms), dkms.source());
  if (!kernels.is_known()) return unknown_of(missing(kernels), kernels.source());
  const auto builds = builds_of(*dkms.value());
  if (builds.empty()) return Outcome::not_applicable();
  std::vector<std::string> lacking;
  for (const auto& [name, releases] : builds) {
    for (const std::string& kernel : *kernels.value()) {
      if (!releases.contains(kernel)) lacking.push_back(format("{} for {}", name, kernel));
    }
  }
  const std::vector<Field> arguments = {{"lacking", join(lacking, ", ")}};
  return lacking.empty() ? Outcome::pass({{dkms.source(), "built for every kernel"}}, arguments)
                         : Outcome::fail({{dkms.source(), join(lacking, "; ")}}, arguments);
}

// Set if a module that DKMS built for the running kernel is loaded: then its key is trusted.
std::optional<Evidence> loaded_build(const Facts& facts) {
  const std::string running = facts.kernel.release.value_or("");
  for (const DkmsModule& package : facts.platform.dkms.value_or({})) {
    if (!is_about_gpus(package)) continue;
    const bool built = std::ranges::find(package.kernels, running) != package.kernels.end();
    const char* module = package.name.starts_with("nvidia") ? "nvidia" : "i915";
    const bool known = module == std::string_view("nvidia") || package.name.contains("i915");
    if (built && known && facts.kernel.module(module).loaded) {
      return Evidence{"/proc/modules", module};
    }
  }
  return std::nullopt;
}

// Set if unsigned modules are refused without Secure Boot, too (kernel/module/signing.c).
std::optional<Evidence> signatures_enforced(const Facts& facts) {
  if (const KernelConfig* config = facts.kernel.config.value()) {
    const auto found = config->find("MODULE_SIG_FORCE");
    if (found != config->end() && found->second == "y") {
      return Evidence{facts.kernel.config.source(), "CONFIG_MODULE_SIG_FORCE=y"};
    }
  }
  const KernelCommandLine* line = facts.kernel.command_line.value();
  const auto given = line != nullptr ? line->last_value("module.sig_enforce") : std::nullopt;
  if (!given || !is_kernel_true(*given)) return std::nullopt;
  return Evidence{facts.kernel.command_line.source(), "module.sig_enforce"};
}

// Under lockdown the kernel loads only modules that are signed with a key it trusts
// (security/lockdown/lockdown.c, LOCKDOWN_MODULE_SIGNATURE).
Outcome check_signed_modules(const Subject& subject) {
  const Fact<std::vector<DkmsModule>>& dkms = subject.facts.platform.dkms;
  if (const auto unread = missing(dkms)) return Outcome::unknown({*unread});
  if (builds_of(dkms.value_or({})).empty()) return Outcome::not_applicable();
  if (auto loaded = loaded_build(subject.facts)) return Outcome::pass({*loaded});
  if (auto enforced = signatures_enforced(subject.facts)) return Outcome::fail({*enforced});
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

// Modules on the command line's lists: the kernel's own, and kmod's (modprobe(8)).
std::vector<std::string> blacklisted_at_boot(const KernelCommandLine& line) {
  std::vector<std::string> modules;
  for (const KernelArgument& argument : line.arguments) {
    if (!argument.value) continue;
    if (argument.name != "module_blacklist" && argument.name != "modprobe.blacklist") continue;
    for (const std::string_view word : split(*argument.value, ',')) {
      std::string module(word);
      std::ranges::replace(module, '-', '_');
      modules.push_back(std::move(module));
    }
  }
  return modules;
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
  const Fact<KernelCommandLine>& line = subject.facts.kernel.command_line;
  for (std::string& module : blacklisted_at_boot(line.value_or({}))) {
    if (!module.starts_with("kvm") && !module.starts_with("vfio") && module != "mdev") continue;
    evidence.push_back({line.source(), "blacklist=" + module});
    names.push_back(std::move(module));
  }
  const std::vector<Field> arguments = {{"modules", join(names, ", ")}};
  if (!names.empty()) return Outcome::fail(std::move(evidence), arguments);
  if (!line.is_known()) return unknown_of(missing(line), line.source(), arguments);
  return Outcome::pass({{modprobe.source(), "nothing of ours"}}, arguments);
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
  return closed.empty() ? Outcome::pass({{nodes.source(), "open"}}, arguments)
                        : Outcome::fail(std::move(closed), arguments);
}

// The numbers of a release without leading zeros: "6.8.0-60-generic" → "6", "8", "", "60".
std::vector<std::string_view> numbers_of(std::string_view release) {
  constexpr std::string_view kDigits = "0123456789";
  std::vector<std::string_view> numbers;
  while (true) {
    release.remove_prefix(std::min(release.find_first_of(kDigits), release.size()));
    if (release.empty()) return numbers;
    const std::string_view digits = release.substr(0, release.find_first_not_of(kDigits));
    numbers.push_back(digits.substr(std::min(digits.find_first_not_of('0'), digits.size())));
    release.remove_prefix(digits.size());
  }
}

// Newer by the first number that differs. Where one release only has more numbers, nobody can say:
// that may be a release candidate or a flavour.
bool is_newer(std::string_view release, std::string_view than) {
  const auto left = numbers_of(release);
  const auto right = numbers_of(than);
  for (std::size_t i = 0; i < std::min(left.size(), right.size()); ++i) {
    if (left[i].size() != right[i].size()) return left[i].size() > right[i].size();
    if (left[i] != right[i]) return left[i] > right[i];
  }
  return false;
}

// A kernel that is installed and newer than the running one comes with the next reboot.
Outcome check_waiting_kernel(const Subject& subject) {
  const Fact<std::vector<std::string>>& kernels = subject.facts.platform.kernels;
  const Fact<std::string>& release = subject.facts.kernel.release;
  if (!kernels.is_known()) return unknown_of(missing(kernels), kernels.source());
  const std::string running = release.value_or("");
  if (!parse_kernel_version(running)) return unknown_of(missing(release), release.source());
  std::string newest = running;
  for (const std::string& kernel : *kernels.value()) {
    if (parse_kernel_version(kernel) && is_newer(kernel, newest)) newest = kernel;
  }
  if (newest != running) {
    return Outcome::fail({{kernels.source(), newest}}, {{"kernel", newest}, {"release", running}});
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
     .why = N_("With Secure Boot, lockdown or module.sig_enforce the kernel refuses modules that "
               "are not signed with a key it trusts (“Key was rejected by service”). The "
               "distribution's own modules are signed, those of DKMS need a key of yours."),
     .remedy = N_("Enrol DKMS' key (sudo mokutil --import /var/lib/dkms/mok.pub, on Ubuntu "
                  "/var/lib/shim-signed/mok/MOK.der), reboot, and confirm at the blue screen."),
     .check = check_signed_modules,
     .restart = true},
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
