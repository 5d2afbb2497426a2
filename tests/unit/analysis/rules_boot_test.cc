// Cases of the rules about how the machine is booted; judged by rules_test.cc.
#include "unit/analysis/rule_cases.h"

namespace cleave::testing {
namespace {

constexpr const char* kImage = "BOOT_IMAGE=/boot/vmlinuz-6.8.0-60-generic root=UUID=a ro ";

void set_settings(Facts& facts, std::vector<std::pair<const char*, const char*>> files) {
  GrubSettings settings;
  for (const auto& [path, text] : files) {
    settings.merged.problems.clear();
    settings.merged = parse_grub_defaults(text, std::move(settings.merged));
    settings.files.push_back({path, settings.merged.problems,
                              settings.merged.value_of("GRUB_CMDLINE_LINUX"),
                              settings.merged.value_of("GRUB_CMDLINE_LINUX_DEFAULT")});
  }
  facts.boot.grub_settings = known(std::move(settings), "/etc/default/grub");
}

// Started by GRUB with `arguments`, which `/etc/default/grub` gives as `settings`.
std::function<void(Facts&)> grub(std::string arguments, const char* settings,
                                 const char* drop_in = nullptr, const char* shell = "dash") {
  return [=](Facts& facts) {
    set_command_line(facts, (kImage + arguments).c_str());
    std::vector<std::pair<const char*, const char*>> files = {{"/etc/default/grub", settings}};
    if (drop_in != nullptr) files.emplace_back("/etc/default/grub.d/50.cfg", drop_in);
    set_settings(facts, files);
    facts.boot.shell = known<std::string>(shell, "/bin/sh");
  };
}

std::function<void(Facts&)> grub_on(const char* type, const char* device,
                                    Fact<std::string> mapping) {
  return [=](Facts& facts) {
    set_command_line(facts, kImage);
    facts.boot.grub_file_system = known(BootFileSystem{type, device, mapping}, "/proc/self/mounts");
  };
}

std::function<void(Facts&)> image_under(Fact<bool> secure_boot) {
  return [=](Facts& facts) {
    facts.boot.stub = known<std::string>("systemd-stub 258", "StubInfo");
    facts.platform.firmware.secure_boot = secure_boot;
  };
}

std::function<void(Facts&)> option(const char* text, const char* running,
                                   const char* line = "quiet") {
  return [=](Facts& facts) {
    ModprobeFacts modprobe;
    parse_modprobe_file(text, "/etc/modprobe.d/a.conf", modprobe);
    facts.platform.modprobe = known(modprobe, "/etc/modprobe.d");
    set_parameter(facts, "i915", "enable_guc", known<std::string>(running, "/sys/…/enable_guc"));
    set_parameter(facts, "i915", "enable_gvt", known<std::string>("N", "/sys/…/enable_gvt"));
    set_command_line(facts, line);
  };
}

void contained(Facts& facts) { facts.platform.container = known(true, "/.dockerenv"); }

std::vector<Case> loader_cases() {
  return {
      {"boot.loader_known", kPass, "GRUB", grub("quiet", "GRUB_CMDLINE_LINUX=quiet\n")},
      {"boot.loader_known", kUnknown, "nothing was seen", [](Facts&) {}},
      {"boot.loader_known", kUnknown, "variables closed",
       [](Facts& f) { f.boot.loader = kClosed; }},
      {"boot.loader_known", kFail, "two loaders and no word",
       [](Facts& f) {
         f.boot.refind_linux = known(std::vector<BootEntry>{}, "/boot/refind_linux.conf");
         f.boot.limine_config = known(std::vector<BootEntry>{}, "/boot/limine.conf");
       }},
      {"boot.loader_known", kFail, "tools and nothing else",
       [](Facts& f) { f.boot.tools.insert("bootctl"); }},
      {"boot.loader_known", kNone, "a container", contained},
      {"boot.command_line_current", kPass, "the same",
       grub("quiet splash", "GRUB_CMDLINE_LINUX_DEFAULT=\"splash quiet\"\n")},
      {"boot.command_line_current", kFail, "a change waits",
       grub("quiet", "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet intel_iommu=on\"\n")},
      {"boot.command_line_current", kFail, "typed in",
       grub("quiet nomodeset", "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"\n")},
      {"boot.command_line_current", kUnknown, "only a shell knows",
       grub("quiet", "GRUB_CMDLINE_LINUX_DEFAULT=`x`\n")},
      {"boot.command_line_current", kUnknown, "closed",
       [](Facts& f) { f.kernel.command_line = kClosed; }},
      {"boot.command_line_current", kUnknown, "settings closed",
       [](Facts& f) {
         set_command_line(f, kImage);
         f.boot.grub_settings = kClosed;
       }},
      {"boot.command_line_current", kNone, "a container", contained},
      {"boot.initramfs_known", kPass, "one tool", [](Facts& f) { f.boot.tools.insert("dracut"); }},
      {"boot.initramfs_known", kFail, "two tools",
       [](Facts& f) { f.boot.tools = {"dracut", "mkinitcpio"}; }},
      {"boot.initramfs_known", kPass, "two tools, one hook",
       [](Facts& f) {
         f.boot.tools = {"dracut", "mkinitramfs"};
         f.boot.initramfs.marks = {"/etc/kernel/postinst.d/dracut"};
       }},
      {"boot.initramfs_known", kUnknown, "closed",
       [](Facts& f) { f.boot.initramfs.images = kClosed; }},
      {"boot.initramfs_known", kNone, "NixOS",
       [](Facts& f) { f.boot.nixos = known(true, "/etc/NIXOS"); }},
  };
}

std::vector<Case> grub_cases() {
  static constexpr const char* kAppend = "GRUB_CMDLINE_LINUX+=x\n";
  const Fact<std::string> plain(Absent{}, "/dev/sda2");
  return {
      {"boot.grub_append", kPass, "plain", grub("x", "GRUB_CMDLINE_LINUX=x\n")},
      {"boot.grub_append", kFail, "dash", grub("x", kAppend)},
      {"boot.grub_append", kFail, "dash, in a drop-in", grub("x", "A=b\n", kAppend)},
      {"boot.grub_append", kPass, "bash", grub("x", kAppend, nullptr, "bash")},
      {"boot.grub_append", kUnknown, "another shell", grub("x", kAppend, nullptr, "yash")},
      {"boot.grub_append", kUnknown, "closed", [](Facts& f) { f.boot.grub_settings = kClosed; }},
      {"boot.grub_append", kNone, "no GRUB", [](Facts&) {}},
      {"boot.grub_append", kNone, "another loader",
       [](Facts& f) {
         set_settings(f, {{"/etc/default/grub", kAppend}});
         f.boot.loader = known<std::string>("systemd-boot 258", "LoaderInfo");
       }},
      {"boot.grub_overwritten", kPass, "appended",
       grub("a b", "GRUB_CMDLINE_LINUX_DEFAULT=a\n",
            "GRUB_CMDLINE_LINUX_DEFAULT=\"$GRUB_CMDLINE_LINUX_DEFAULT b\"\n")},
      {"boot.grub_overwritten", kFail, "a cloud image",
       grub("b", "GRUB_CMDLINE_LINUX_DEFAULT=a\n", "GRUB_CMDLINE_LINUX_DEFAULT=\"b\"\n")},
      {"boot.grub_overwritten", kUnknown, "closed",
       [](Facts& f) { f.boot.grub_settings = kClosed; }},
      {"boot.grub_overwritten", kNone, "no GRUB", [](Facts&) {}},
      {"boot.grub_one_shot", kPass, "ext4", grub_on("ext4", "/dev/sda2", plain)},
      {"boot.grub_one_shot", kPass, "an encrypted disk",
       grub_on("ext4", "/dev/mapper/x", known<std::string>("CRYPT", "uuid"))},
      {"boot.grub_one_shot", kFail, "LVM",
       grub_on("ext4", "/dev/mapper/vg-root", known<std::string>("LVM", "uuid"))},
      {"boot.grub_one_shot", kFail, "Btrfs", grub_on("btrfs", "/dev/sda2", plain)},
      {"boot.grub_one_shot", kFail, "RAID", grub_on("ext4", "/dev/md0", plain)},
      {"boot.grub_one_shot", kUnknown, "closed", grub_on("ext4", "/dev/mapper/x", kClosed)},
      {"boot.grub_one_shot", kUnknown, "mounts closed",
       [](Facts& f) {
         set_command_line(f, kImage);
         f.boot.grub_file_system = kClosed;
       }},
      {"boot.grub_one_shot", kNone, "no GRUB", [](Facts&) {}},
  };
}

std::vector<Case> other_cases() {
  return {
      {"boot.uki_secure_boot", kFail, "on", image_under(known(true, "SecureBoot"))},
      {"boot.uki_secure_boot", kPass, "off", image_under(known(false, "SecureBoot"))},
      {"boot.uki_secure_boot", kUnknown, "closed", image_under(kClosed)},
      {"boot.uki_secure_boot", kNone, "no image", [](Facts&) {}},
      {"boot.module_options_arrived", kPass, "arrived", option("options i915 enable_guc=3\n", "3")},
      {"boot.module_options_arrived", kFail, "stale", option("options i915 enable_guc=3\n", "0")},
      {"boot.module_options_arrived", kPass, "the last one counts",
       option("options i915 enable_guc=0\noptions i915 enable_guc=2\n", "2")},
      {"boot.module_options_arrived", kNone, "the driver's own choice",
       option("options i915 enable_guc=-1\n", "0")},
      {"boot.module_options_arrived", kNone, "the command line goes first",
       option("options i915 enable_guc=3\n", "0", "i915.enable_guc=0")},
      {"boot.module_options_arrived", kNone, "has a rule of its own",
       option("options i915 enable_gvt=1\n", "0")},
      {"boot.module_options_arrived", kUnknown, "closed",
       [](Facts& f) { f.platform.modprobe = kClosed; }},
  };
}

}  // namespace

std::vector<Case> boot_cases() {
  std::vector<Case> cases = loader_cases();
  for (const auto& more : {grub_cases(), other_cases()}) {
    cases.insert(cases.end(), more.begin(), more.end());
  }
  return cases;
}

}  // namespace cleave::testing
