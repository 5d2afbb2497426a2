// How the machine is booted: whether it is known where kernel arguments belong, and what keeps a
// change of them from arriving or from lasting.
#include <algorithm>
#include <array>

#include "analysis/rules/checks.h"
#include "analysis/rules/families.h"
#include "base/text.h"
#include "facts/boot_loader.h"

namespace cleave {
namespace {

std::vector<Evidence> evidence_of(const std::vector<BootEvidence>& seen) {
  std::vector<Evidence> evidence;
  for (const BootEvidence& one : seen) evidence.push_back({one.source, one.text});
  return evidence;
}

// Inside a container the files are not those that the machine is booted with.
bool is_container(const Facts& facts) {
  const bool* inside = facts.platform.container.value();
  return inside != nullptr && *inside;
}

// A machine of which nothing about booting was seen: part of a capture, or no whole machine.
bool nothing_seen(const BootFacts& boot) {
  return boot.tools.empty() && boot.places.empty() && boot.grub_settings.is_absent() &&
         boot.grub_config.is_absent() && boot.refind_linux.is_absent() &&
         boot.limine_config.is_absent() && boot.limine_defaults.is_absent() &&
         boot.kernel_command_line.is_absent();
}

Outcome check_loader_known(const Subject& subject) {
  if (is_container(subject.facts)) return Outcome::not_applicable();
  const BootLoader loader = find_boot_loader(subject.facts);
  std::vector<Evidence> evidence = evidence_of(loader.evidence);
  if (loader.kind != LoaderKind::Unknown && loader.writer != BootWriter::Unknown) {
    return Outcome::pass(std::move(evidence));
  }
  if (!loader.unread.empty()) return Outcome::unknown(evidence_of(loader.unread));
  if (nothing_seen(subject.facts.boot)) {
    return Outcome::unknown({{"/boot", "no file and no tool of a boot loader was seen"}});
  }
  if (evidence.empty()) evidence.push_back({"/boot", "nothing names a boot loader"});
  return Outcome::fail(std::move(evidence));
}

// "in /boot/loader/entries/arch.conf (arch), but not running: a b", one piece of evidence each.
std::vector<Evidence> evidence_of(const CommandLineDifference& difference) {
  std::vector<Evidence> evidence;
  const std::string source = difference.entry.empty()
                                 ? difference.source
                                 : format("{} ({})", difference.source, difference.entry);
  const auto add = [&](const char* what, const std::vector<std::string>& words_of_it) {
    if (!words_of_it.empty()) evidence.push_back({source, what + join(words_of_it, " ")});
  };
  add("here, but not in /proc/cmdline: ", difference.missing);
  add("in /proc/cmdline, but not here: ", difference.additional);
  add("in another order in /proc/cmdline: ", difference.reordered);
  if (evidence.empty()) evidence.push_back({source, "as /proc/cmdline"});
  return evidence;
}

// Of the settings, where they differ: the menu is written from them.
std::vector<Field> arguments_of(const BootLoader& loader) {
  const bool settings = loader.settings && !loader.settings->equal();
  const CommandLineDifference& difference = settings ? *loader.settings : *loader.menu;
  std::vector<std::string> missing_words = difference.missing;
  missing_words.insert(missing_words.end(), difference.reordered.begin(),
                       difference.reordered.end());
  const auto text = [](const std::vector<std::string>& parts) {
    return parts.empty() ? "-" : join(parts, " ");
  };
  return {{"file", difference.source},
          {"missing", text(missing_words)},
          {"additional", text(difference.additional)}};
}

Outcome check_command_line_current(const Subject& subject) {
  if (is_container(subject.facts)) return Outcome::not_applicable();
  const BootLoader loader = find_boot_loader(subject.facts);
  std::vector<Evidence> evidence;
  for (const auto* difference : {&loader.settings, &loader.menu}) {
    if (!*difference) continue;
    const std::vector<Evidence> more = evidence_of(**difference);
    evidence.insert(evidence.end(), more.begin(), more.end());
  }
  if (const std::optional<bool> matches = loader.matches_running()) {
    return *matches ? Outcome::pass(evidence) : Outcome::fail(evidence, arguments_of(loader));
  }
  const Fact<KernelCommandLine>& line = subject.facts.kernel.command_line;
  if (const auto unread = missing(line)) return Outcome::unknown({*unread});
  if (!loader.unread.empty()) return Outcome::unknown(evidence_of(loader.unread));
  if (evidence.empty()) evidence.push_back({line.source(), "no file to compare it with was read"});
  return Outcome::unknown(std::move(evidence));
}

// Whether grub-mkconfig's settings matter here; null where they do not.
const GrubSettings* grub_settings_in_use(const Facts& facts) {
  if (is_container(facts)) return nullptr;
  const GrubSettings* settings = facts.boot.grub_settings.value();
  if (settings == nullptr) return nullptr;
  const LoaderKind kind = find_boot_loader(facts).kind;
  return kind == LoaderKind::Grub || kind == LoaderKind::Unknown ? settings : nullptr;
}

// Where they may matter but could not be read.
std::optional<Outcome> unread_grub_settings(const Facts& facts) {
  const Unreadable* unread = facts.boot.grub_settings.unreadable();
  if (unread == nullptr || is_container(facts)) return std::nullopt;
  return Outcome::unknown({{unread->path, unread->why}});
}

// Shells that do not know NAME+=value (POSIX has none). Others that are known here do.
constexpr std::array<std::string_view, 2> kShellsWithoutAppend = {"dash", "busybox"};
constexpr std::array<std::string_view, 5> kShellsWithAppend = {"bash", "ksh", "ksh93", "mksh",
                                                               "zsh"};

Outcome check_grub_append(const Subject& subject) {
  if (auto unread = unread_grub_settings(subject.facts)) return *unread;
  const GrubSettings* settings = grub_settings_in_use(subject.facts);
  if (settings == nullptr) return Outcome::not_applicable();
  std::vector<Evidence> evidence;
  std::vector<std::string> places;
  for (const GrubSettings::File& file : settings->files) {
    for (const GrubProblem& problem : file.problems) {
      if (problem.kind != GrubProblem::Kind::Append) continue;
      places.push_back(format("{}:{}", file.path, problem.line));
      evidence.push_back({places.back(), problem.name + "+="});
    }
  }
  const std::string source = settings->files.front().path;
  if (evidence.empty()) return Outcome::pass({{source, "no +="}});
  const Fact<std::string>& shell = subject.facts.boot.shell;
  if (!shell.is_known()) {
    return Outcome::unknown({missing(shell).value_or(Evidence{shell.source(), "absent"})});
  }
  evidence.push_back({shell.source(), *shell.value()});
  const std::string_view name = *shell.value();
  if (std::ranges::find(kShellsWithoutAppend, name) != kShellsWithoutAppend.end()) {
    return Outcome::fail(std::move(evidence), {{"places", join(places, ", ")}});
  }
  const bool known = std::ranges::find(kShellsWithAppend, name) != kShellsWithAppend.end();
  return known ? Outcome::pass(std::move(evidence)) : Outcome::unknown(std::move(evidence));
}

// Words that the variable had before this file and has no more.
std::vector<std::string> lost_words(const std::optional<std::string>& before,
                                    const std::optional<std::string>& after) {
  std::vector<std::string> lost;
  if (!before || !after || before == after) return lost;
  const auto kept = words(*after);
  for (const std::string_view word : words(*before)) {
    if (std::ranges::find(kept, word) == kept.end()) lost.emplace_back(word);
  }
  return lost;
}

Outcome check_grub_overwritten(const Subject& subject) {
  if (auto unread = unread_grub_settings(subject.facts)) return *unread;
  const GrubSettings* settings = grub_settings_in_use(subject.facts);
  if (settings == nullptr) return Outcome::not_applicable();
  std::vector<Evidence> evidence;
  std::vector<std::string> paths;
  std::vector<std::string> all_lost;
  const auto look = [&](const GrubSettings::File& file, const char* name, const auto& before,
                        const auto& after) {
    const std::vector<std::string> lost = lost_words(before, after);
    if (lost.empty()) return;
    evidence.push_back({file.path, format("{} loses: {}", name, join(lost, " "))});
    all_lost.insert(all_lost.end(), lost.begin(), lost.end());
    if (std::ranges::find(paths, file.path) == paths.end()) paths.push_back(file.path);
  };
  for (std::size_t i = 1; i < settings->files.size(); ++i) {
    const GrubSettings::File& before = settings->files[i - 1];
    const GrubSettings::File& file = settings->files[i];
    look(file, "GRUB_CMDLINE_LINUX", before.command_line, file.command_line);
    look(file, "GRUB_CMDLINE_LINUX_DEFAULT", before.command_line_default,
         file.command_line_default);
  }
  const std::vector<Field> arguments = {{"files", join(paths, ", ")},
                                        {"lost", join(all_lost, " ")}};
  if (!evidence.empty()) return Outcome::fail(std::move(evidence), arguments);
  return Outcome::pass({{settings->files.back().path, "nothing is lost"}}, arguments);
}

// check_writable of grub-mkconfig's 00_header (Debian's grub2 2.06): GRUB itself cannot write to
// these, so what is meant for one start stays for all.
constexpr std::array<std::string_view, 4> kReadOnlyForGrub = {"btrfs", "zfs", "squashfs",
                                                              "overlay"};

Outcome check_grub_one_shot(const Subject& subject) {
  if (is_container(subject.facts)) return Outcome::not_applicable();
  if (find_boot_loader(subject.facts).kind != LoaderKind::Grub) return Outcome::not_applicable();
  const Fact<BootFileSystem>& place = subject.facts.boot.grub_file_system;
  if (!place.is_known()) {
    return Outcome::unknown({missing(place).value_or(Evidence{place.source(), "absent"})});
  }
  const BootFileSystem& system = *place.value();
  // Not the device: volumes are often named after the machine.
  const std::string mapping = system.mapping.value_or("");
  const std::vector<Evidence> evidence = {
      {place.source(), mapping.empty() ? system.type : format("{} on {}", system.type, mapping)}};
  const std::vector<Field> arguments = {{"kind", system.type}};
  const auto fail = [&](const std::string& kind) {
    return Outcome::fail(evidence, {{"kind", kind}});
  };
  if (std::ranges::find(kReadOnlyForGrub, system.type) != kReadOnlyForGrub.end()) {
    return fail(system.type);
  }
  if (system.device.starts_with("/dev/md")) return fail("RAID");
  if (const auto unread = missing(system.mapping)) return Outcome::unknown({*unread}, arguments);
  if (mapping == "LVM") return fail("LVM");
  return Outcome::pass(evidence, arguments);
}

Outcome check_uki_secure_boot(const Subject& subject) {
  if (is_container(subject.facts)) return Outcome::not_applicable();
  const BootLoader loader = find_boot_loader(subject.facts);
  if (loader.writer != BootWriter::UnifiedImage) return Outcome::not_applicable();
  std::vector<Evidence> evidence = evidence_of(loader.evidence);
  const Fact<bool>& secure_boot = subject.facts.platform.firmware.secure_boot;
  if (!secure_boot.is_known()) {
    return Outcome::unknown(
        {missing(secure_boot).value_or(Evidence{secure_boot.source(), "absent"})});
  }
  evidence.push_back({secure_boot.source(), *secure_boot.value() ? "on" : "off"});
  return *secure_boot.value() ? Outcome::fail(std::move(evidence))
                              : Outcome::pass(std::move(evidence));
}

Outcome check_initramfs_known(const Subject& subject) {
  const Facts& facts = subject.facts;
  if (is_container(facts)) return Outcome::not_applicable();
  const bool* nixos = facts.boot.nixos.value();
  if (nixos != nullptr && *nixos) return Outcome::not_applicable();  // nixos-rebuild makes it
  InitramfsTool tool = find_initramfs_tool(facts);
  std::vector<Evidence> evidence = evidence_of(tool.evidence);
  if (!tool.name.empty()) return Outcome::pass(std::move(evidence));
  if (evidence.empty() || nothing_seen(facts.boot)) {
    return Outcome::unknown(
        {missing(facts.boot.initramfs.images).value_or(Evidence{"/usr/sbin", "no tool was seen"})});
  }
  return Outcome::fail(std::move(evidence));
}

// A whole number or a bool as the kernel reads it; empty for a text. "-1" stands for the driver's
// own choice, which the attribute then shows instead.
std::optional<std::uint64_t> number_of(std::string_view value) {
  value = trim(value);
  if (value == "Y" || value == "y") return 1;
  if (value == "N" || value == "n") return 0;
  if (value.starts_with("0x") || value.starts_with("0X")) {
    return parse_hexadecimal<std::uint64_t>(value);
  }
  return parse_unsigned<std::uint64_t>(value);
}

const ModprobeFacts::Option* last_option(const std::vector<ModprobeFacts::Option>& options,
                                         std::string_view parameter) {
  const ModprobeFacts::Option* last = nullptr;
  for (const ModprobeFacts::Option& option : options) {
    if (option.parameter == parameter) last = &option;
  }
  return last;
}

// What modprobe.d says of one parameter against what the module runs with; empty where nothing can
// be said: the command line goes first, and texts may be written in several ways.
std::optional<bool> has_arrived(const Facts& facts, const std::string& module,
                                const ModprobeFacts::Option& option) {
  const KernelModule& record = facts.kernel.module(module);
  const auto live = record.parameters.find(option.parameter);
  if (live == record.parameters.end() || !live->second.is_known()) return std::nullopt;
  const KernelCommandLine* line = facts.kernel.command_line.value();
  if (line == nullptr || line->last_value(module + "." + option.parameter)) return std::nullopt;
  const auto wanted =
      option.value.empty() ? std::optional<std::uint64_t>(1) : number_of(option.value);
  const auto running = number_of(*live->second.value());
  if (!wanted || !running) return std::nullopt;
  return *wanted == *running;
}

// GPU drivers and vfio-pci are in many initramfs images, with the modprobe.d of the day when the
// image was built. i915.enable_gvt has a rule of its own (gvt_g.modprobe_arrived).
constexpr std::array<std::string_view, 6> kEarlyModules = {
    "i915", "xe", "nvidia", "amdgpu", "vfio_pci", "vfio_iommu_type1"};

Outcome check_options_arrived(const Subject& subject) {
  const Facts& facts = subject.facts;
  if (is_container(facts)) return Outcome::not_applicable();
  const Fact<ModprobeFacts>& modprobe = facts.platform.modprobe;
  if (const auto unread = missing(modprobe)) return Outcome::unknown({*unread});
  if (!modprobe.is_known()) return Outcome::not_applicable();
  std::vector<Evidence> stale;
  std::vector<Evidence> arrived;
  for (const auto& [module, options] : modprobe.value()->options) {
    if (std::ranges::find(kEarlyModules, module) == kEarlyModules.end()) continue;
    for (const ModprobeFacts::Option& option : options) {
      const bool elsewhere = module == "i915" && option.parameter == "enable_gvt";
      if (elsewhere || last_option(options, option.parameter) != &option) continue;
      const auto same = has_arrived(facts, module, option);
      if (!same) continue;
      const std::string running =
          facts.kernel.module(module).parameters.find(option.parameter)->second.value_or("");
      (*same ? arrived : stale)
          .push_back({option.source, format("{} {}={}, running with {}", module, option.parameter,
                                            option.value, running)});
    }
  }
  const std::string command = find_initramfs_tool(facts).command;
  const std::vector<Field> arguments = {
      {"command", command.empty() ? "update-initramfs -u, dracut -f, mkinitcpio -P" : command}};
  if (!stale.empty()) return Outcome::fail(std::move(stale), arguments);
  return arrived.empty() ? Outcome::not_applicable() : Outcome::pass(std::move(arrived), arguments);
}

constexpr Rule kRules[] = {
    {.id = "boot.loader_known",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("It is known what boots this system and where its kernel arguments stand"),
     .why =
         N_("Nothing here says for sure which boot loader starts this system, so nobody can tell "
            "into which file kernel arguments belong."),
     .remedy = N_("Look with “bootctl status” or “efibootmgr -v” which loader it is, and put "
                  "arguments into that loader's file by hand."),
     .check = check_loader_known},
    {.id = "boot.command_line_current",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("The kernel runs with the arguments that the boot files say"),
     .why = N_("In {file}, but not given to the kernel: {missing}. Given, but not there: "
               "{additional}. Either a change waits for the next start, or it was made in a file "
               "that this system does not boot with, or typed in at the boot menu."),
     .remedy = N_("If the files are right: run what carries settings over (update-grub, "
                  "kernel-install, … as your system has it) and restart. If they differ then, too, "
                  "another file is in use."),
     .check = check_command_line_current},
    {.id = "boot.grub_append",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("GRUB's settings are written for the shell that reads them"),
     .why =
         N_("A line with += is for bash ({places}). Here /bin/sh, which runs grub-mkconfig, does "
            "not know it: grub-mkconfig stops there, and no change of the kernel's arguments "
            "arrives any more."),
     .remedy = N_("Write it in full: "
                  "GRUB_CMDLINE_LINUX_DEFAULT=\"$GRUB_CMDLINE_LINUX_DEFAULT argument\", and run "
                  "update-grub."),
     .check = check_grub_append},
    {.id = "boot.grub_overwritten",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("No later file takes arguments of /etc/default/grub away"),
     .why = N_("A file that is read later ({files}) sets the same variable anew, so these never "
               "reach the kernel: {lost}."),
     .remedy = N_("Put your arguments into a file of /etc/default/grub.d that comes last by its "
                  "name: GRUB_CMDLINE_LINUX_DEFAULT=\"$GRUB_CMDLINE_LINUX_DEFAULT argument\"."),
     .check = check_grub_overwritten},
    {.id = "boot.grub_one_shot",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::Nobody,
     .title = N_("GRUB can try an entry once and then go back by itself"),
     .why = N_("GRUB cannot write to its memory (grubenv) on {kind}. An entry chosen with "
               "grub-reboot for the next start stays chosen at every start, also when it hangs."),
     .remedy =
         N_("Do not try arguments with grub-reboot here. Change them at the boot menu (key e) "
            "for one start instead."),
     .check = check_grub_one_shot},
    {.id = "boot.uki_secure_boot",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("Kernel arguments can be changed without signing"),
     .why =
         N_("The kernel's arguments are inside a unified kernel image, and with Secure Boot "
            "arguments from elsewhere are ignored: a change needs a new image with a signature."),
     .remedy = N_("Change /etc/kernel/cmdline, build the image again with your distribution's tool "
                  "(mkinitcpio -P, dracut, ukify) and sign it with your key, or add a signed "
                  "add-on (*.addon.efi)."),
     .check = check_uki_secure_boot},
    {.id = "boot.initramfs_known",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("It is known which tool makes the initramfs"),
     .why = N_("Nothing tells which one of several tools made the initramfs of this kernel, so "
               "nobody can say how a change in /etc/modprobe.d gets into it."),
     .remedy = N_("Remove the tool that is not used, or rebuild the initramfs yourself after a "
                  "change in /etc/modprobe.d."),
     .check = check_initramfs_known},
    {.id = "boot.module_options_arrived",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("GPU drivers run with the options that modprobe.d says"),
     .why = N_("A driver runs with another value than the files say. It may have been loaded from "
               "an initramfs that holds the files of the day it was built, or before the file was "
               "changed."),
     .remedy = N_("Rebuild the initramfs ({command}) and restart. On the kernel's command line an "
                  "option needs no initramfs: module.option=value."),
     .check = check_options_arrived},
};

}  // namespace

std::span<const Rule> boot_rules() { return kRules; }

}  // namespace cleave
