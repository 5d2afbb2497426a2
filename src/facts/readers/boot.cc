// How the machine was booted: what the loader left in EFI variables (the Boot Loader Interface),
// the marks of systems that boot their own way, and which tools there are.
#include <array>

#include "base/text.h"
#include "facts/readers/boot_sources.h"

namespace cleave {
namespace {

// systemd.io/BOOT_LOADER_INTERFACE: the vendor's UUID of all its variables.
constexpr const char* kVariables = "/sys/firmware/efi/efivars";
constexpr const char* kVendor = "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
constexpr std::size_t kVariableAttributes = 4;  // bytes before a variable's value in efivarfs

// On a UEFI machine there are always some: where none is seen, efivarfs is not mounted or hidden
// (a container), and nobody can say which there are.
bool are_variables_hidden(const HostReader& host) {
  if (!host.exists("/sys/firmware/efi")) return false;
  const auto names = host.list_directory(kVariables);
  return !names || names->empty();
}

// UTF-16, little-endian; loaders write ASCII, and entries may have any name.
Fact<std::string> read_loader_variable(const HostReader& host, const char* name) {
  const std::string path = join_path(kVariables, std::string(name) + kVendor);
  const auto variable = host.read_file(path);
  if (!variable) {
    if (variable.error().code == ErrorCode::NotFound && are_variables_hidden(host)) {
      return Unreadable{.path = kVariables, .why = "not mounted"};
    }
    return fact_from_error<std::string>(variable.error(), path);
  }
  if (variable->size() <= kVariableAttributes) {
    return Unreadable{.path = path, .why = "too short"};
  }
  std::string text;
  for (std::size_t i = kVariableAttributes; i + 1 < variable->size(); i += 2) {
    if ((*variable)[i] == '\0' && (*variable)[i + 1] == '\0') break;
    // What is no ASCII cannot be an id that is compared with a file's name here.
    text += (*variable)[i + 1] == '\0' ? (*variable)[i] : '?';
  }
  return {printable(text), path};
}

constexpr std::array kTools = {
    // loaders
    "update-grub", "grub-mkconfig", "grub2-mkconfig", "grubby", "kernelstub", "bootctl",
    "kernel-install", "proxmox-boot-tool", "sdbootutil", "rpm-ostree", "limine-update",
    "limine-mkinitcpio", "limine-entry-tool", "nixos-rebuild", "ukify", "snap", "refind-install",
    // initramfs images
    "update-initramfs", "mkinitramfs", "dracut", "mkinitcpio", "booster"};

void read_tools(const HostReader& host, BootFacts& boot) {
  std::vector<std::string> directories = {"/usr/bin", "/usr/sbin"};
  const bool* nixos = boot.nixos.value();
  if (nixos != nullptr && *nixos) directories.emplace_back("/run/current-system/sw/bin");
  for (const char* tool : kTools) {
    for (const std::string& directory : directories) {
      if (!host.exists(join_path(directory, tool))) continue;
      boot.tools.insert(tool);
      break;
    }
  }
}

// /etc/kernel/cmdline, and where it is missing the one of the distribution (kernel-install(8)).
Fact<std::string> read_kernel_command_line(const HostReader& host) {
  auto own = read_parsed<std::string>(host, "/etc/kernel/cmdline", parse_command_line_file);
  if (!own.is_absent()) return own;
  auto common = read_parsed<std::string>(host, "/usr/lib/kernel/cmdline", parse_command_line_file);
  return common.is_absent() ? own : common;
}

// openSUSE's /etc/sysconfig/bootloader is shell text: LOADER_TYPE="grub2-efi".
std::optional<std::string> loader_type(std::string_view text) {
  return parse_grub_defaults(text).value_of("LOADER_TYPE").value_or("");
}

Fact<std::vector<BootEntry>> read_entries(const HostReader& host,
                                          const std::vector<std::string>& paths,
                                          std::vector<BootEntry> (*parse)(std::string_view)) {
  using Entries = std::vector<BootEntry>;
  Fact<Entries> first(Absent{}, paths.front());
  for (const std::string& path : paths) {
    auto found = read_parsed<Entries>(host, path, [&](std::string_view text) {
      Entries entries = parse(text);
      for (BootEntry& entry : entries) entry.source = path;
      return std::optional(std::move(entries));
    });
    if (found.is_known()) return found;
    if (first.is_absent() && !found.is_absent()) first = std::move(found);
  }
  return first;
}

void read_limine(const HostReader& host, BootFacts& boot) {
  // The places that Limine looks at, seen from the usual mount points of the ESP (its CONFIG.md).
  std::vector<std::string> configs;
  for (const char* place : {"/boot", "/boot/efi", "/efi"}) {
    for (const char* name : {"/limine.conf", "/limine/limine.conf", "/EFI/limine/limine.conf",
                             "/EFI/BOOT/limine.conf", "/limine.cfg"}) {
      configs.push_back(std::string(place) + name);
    }
  }
  boot.limine_config = read_entries(host, configs, parse_limine_config);
  // limine-entry-tool reads its own settings first and the administrator's last.
  std::vector<std::string> files = {"/etc/limine-entry-tool.conf"};
  const std::string drop_ins = "/etc/limine-entry-tool.d";
  boot.limine_defaults = {Absent{}, "/etc/default/limine"};
  const auto names = host.list_directory(drop_ins);
  if (!names && names.error().code != ErrorCode::NotFound) {
    boot.limine_defaults = fact_from_error<LimineDefaults>(names.error(), drop_ins);
    return;
  }
  if (names) {
    for (const std::string& name : *names) {
      if (name.ends_with(".conf")) files.push_back(join_path(drop_ins, name));
    }
  }
  files.emplace_back("/etc/default/limine");
  std::optional<LimineDefaults> defaults;
  for (const std::string& path : files) {
    const auto text = host.read_file(path);
    if (text) {
      defaults = parse_limine_defaults(*text, defaults.value_or(LimineDefaults()));
    } else if (text.error().code != ErrorCode::NotFound) {
      boot.limine_defaults = fact_from_error<LimineDefaults>(text.error(), path);
      return;
    }
  }
  if (defaults) boot.limine_defaults = {std::move(*defaults), "/etc/default/limine"};
}

InitramfsFacts read_initramfs(const HostReader& host) {
  InitramfsFacts facts;
  const auto names = host.list_directory("/boot");
  if (!names) {
    facts.images = fact_from_error<std::vector<std::string>>(names.error(), "/boot");
  } else {
    std::vector<std::string> images;
    for (const std::string& name : *names) {
      if (name.starts_with("init") || name.starts_with("booster-")) images.push_back(name);
    }
    facts.images = {std::move(images), "/boot"};
  }
  for (const char* path : {"/etc/kernel/postinst.d/initramfs-tools",
                           "/etc/kernel/postinst.d/dracut", "/etc/initramfs-tools/initramfs.conf",
                           "/etc/dracut.conf", "/etc/dracut.conf.d", "/etc/mkinitcpio.conf",
                           "/etc/mkinitcpio.conf.d", "/etc/mkinitcpio.d", "/etc/booster.yaml"}) {
    if (host.exists(path)) facts.marks.emplace_back(path);
  }
  return facts;
}

}  // namespace

Fact<bool> read_presence(const HostReader& host, const std::string& path) {
  const auto found = host.status(path);
  if (found) return {true, path};
  if (found.error().code == ErrorCode::NotFound) return {false, path};
  return fact_from_error<bool>(found.error(), path);
}

BootFacts read_boot(const HostReader& host) {
  BootFacts boot;
  boot.loader = read_loader_variable(host, "LoaderInfo");
  boot.stub = read_loader_variable(host, "StubInfo");
  boot.entry_selected = read_loader_variable(host, "LoaderEntrySelected");
  boot.ostree = read_presence(host, "/run/ostree-booted");
  boot.nixos = read_presence(host, "/etc/NIXOS");
  boot.proxmox_boot_tool = read_presence(host, "/etc/kernel/proxmox-boot-uuids");
  boot.kernel_command_line = read_kernel_command_line(host);
  boot.kernel_tries = read_text_fact(host, "/etc/kernel/tries");
  boot.kernelstub =
      read_parsed<KernelstubConfig>(host, "/etc/kernelstub/configuration", parse_kernelstub_config);
  boot.sysconfig_type = read_parsed<std::string>(host, "/etc/sysconfig/bootloader", loader_type);
  boot.refind_linux = read_entries(host, {"/boot/refind_linux.conf"}, parse_refind_linux);
  boot.refind_stanzas =
      read_entries(host,
                   {"/boot/efi/EFI/refind/refind.conf", "/efi/EFI/refind/refind.conf",
                    "/boot/EFI/refind/refind.conf"},
                   parse_refind_stanzas);
  read_limine(host, boot);
  read_grub(host, boot);
  read_loader_places(host, boot);
  read_tools(host, boot);
  boot.initramfs = read_initramfs(host);
  return boot;
}

}  // namespace cleave
