// Firmware, security and distribution: what stands around the GPUs.
#include <algorithm>

#include "base/format.h"
#include "base/text.h"
#include "facts/readers/readers.h"

namespace cleave {
namespace {

constexpr std::size_t kMaximumModprobeFile = std::size_t{256} << 10U;
constexpr std::size_t kMaximumModprobeFiles = 500;
constexpr std::size_t kMaximumModules = 200;  // of DKMS, and versions and kernels of each

// GUID of the UEFI Specification (EFI_GLOBAL_VARIABLE).
constexpr const char* kSecureBoot =
    "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
constexpr std::size_t kVariableAttributes = 4;  // bytes before a variable's value in efivarfs

// Known true or false where `directory` can be listed; what may not be seen is unreadable.
Fact<bool> is_there(const HostReader& host, const std::string& path) {
  const auto found = host.status(path);
  if (found) return {true, path};
  if (found.error().code == ErrorCode::NotFound) return {false, path};
  return fact_from_error<bool>(found.error(), path);
}

Fact<bool> read_secure_boot(const HostReader& host, const Fact<bool>& uefi) {
  if (const bool* booted = uefi.value(); booted != nullptr && !*booted) {
    return {Absent{}, uefi.source()};
  }
  const auto variable = host.read_file(kSecureBoot);
  if (!variable) {
    // On a UEFI machine efivarfs may be hidden (containers) or not mounted: nobody can say.
    return Unreadable{.path = kSecureBoot, .why = why(variable.error())};
  }
  if (variable->size() <= kVariableAttributes) {
    return Unreadable{.path = kSecureBoot, .why = "too short"};
  }
  return {(*variable)[kVariableAttributes] == 1, kSecureBoot};
}

Fact<std::string> read_os_release_id(const HostReader& host) {
  auto text = read_text_fact(host, "/etc/os-release");
  if (text.is_absent()) text = read_text_fact(host, "/usr/lib/os-release");
  if (!text.is_known()) return text;
  for (std::string_view line : lines(*text.value())) {
    if (!line.starts_with("ID=")) continue;
    line = trim(line.substr(3));
    // os-release(5) is shell text: quotes of either kind around the value.
    const bool quoted = line.size() >= 2 && (line.front() == '"' || line.front() == '\'') &&
                        line.front() == line.back();
    if (quoted) line = line.substr(1, line.size() - 2);
    return {printable(line), text.source()};
  }
  return {Absent{}, text.source()};
}

// What container managers leave (systemd's CONTAINER_INTERFACE, Docker, Podman).
Fact<bool> read_container(const HostReader& host) {
  for (const char* path : {"/run/systemd/container", "/.dockerenv", "/run/.containerenv"}) {
    const Fact<bool> mark = is_there(host, path);
    if (!mark.is_known() || *mark.value()) return mark;
  }
  return {false, "/run/systemd/container"};
}

std::string read_image_based(const HostReader& host) {
  if (host.exists("/run/ostree-booted")) return "rpm-ostree";
  if (host.exists("/etc/NIXOS")) return "nixos";
  if (host.exists("/run/snapd-kernel") || host.exists("/writable/system-data")) return "snap-core";
  return {};
}

Fact<std::string> read_lockdown(const HostReader& host) {
  auto text = read_text_fact(host, "/sys/kernel/security/lockdown");
  if (!text.is_known()) return text;
  std::string mode = parse_lockdown(*text.value());
  if (mode.empty()) return Unreadable{.path = text.source(), .why = "no mode in brackets"};
  return {std::move(mode), text.source()};
}

Fact<std::vector<std::string>> read_kernels(const HostReader& host) {
  const std::string directory = "/lib/modules";
  auto names = read_names_fact(host, directory, "/lib");
  if (!names.is_known()) return names;
  std::vector<std::string> kernels;
  for (const std::string& name : *names.value()) {
    // What remains of a kernel that was removed has no list of modules.
    if (host.exists(format("{}/{}/modules.dep", directory, name))) kernels.push_back(name);
  }
  return {std::move(kernels), directory};
}

// The names in a directory of DKMS; none where it is a file or gone.
Result<std::vector<std::string>> names_below(const HostReader& host, const std::string& path) {
  auto names = host.list_directory(path);
  if (!names && names.error().code == ErrorCode::NotFound) return std::vector<std::string>();
  return names;
}

// dkms(8): /var/lib/dkms/NAME/VERSION/KERNEL/ARCH exists once the module is built for KERNEL.
Result<std::vector<std::string>> built_kernels(const HostReader& host, const std::string& version) {
  std::vector<std::string> kernels;
  for (const std::string& name : TRY(names_below(host, version))) {
    if (name == "source" || name == "build" || kernels.size() >= kMaximumModules) continue;
    const auto architectures = TRY(names_below(host, join_path(version, name)));
    if (!architectures.empty()) kernels.push_back(name);
  }
  return kernels;
}

// Adds all versions of one package.
Result<void> read_dkms_versions(const HostReader& host, const std::string& directory,
                                const std::string& name, std::vector<DkmsModule>& modules) {
  for (const std::string& version : TRY(names_below(host, join_path(directory, name)))) {
    const std::string place = format("{}/{}/{}", directory, name, version);
    // "kernel-6.8…-x86_64" beside the versions is a link to what is installed.
    if (version.starts_with("kernel-") || modules.size() >= kMaximumModules) continue;
    const auto inside = host.list_directory(place);
    if (!inside && inside.error().code == ErrorCode::NotFound) continue;  // a file
    modules.push_back(
        {.name = name, .version = version, .kernels = TRY(built_kernels(host, place))});
  }
  return {};
}

Fact<std::vector<DkmsModule>> read_dkms(const HostReader& host) {
  const std::string directory = "/var/lib/dkms";
  const auto names = host.list_directory(directory);
  if (!names) return fact_from_error<std::vector<DkmsModule>>(names.error(), directory);
  std::vector<DkmsModule> modules;
  for (const std::string& name : *names) {
    const auto read = read_dkms_versions(host, directory, name, modules);
    if (!read) return fact_from_error<std::vector<DkmsModule>>(read.error(), read.error().path);
  }
  return {std::move(modules), directory};
}

Fact<ModprobeFacts> read_modprobe(const HostReader& host) {
  ModprobeFacts facts;
  std::vector<std::pair<std::string, std::string>> files;  // name, path
  // modprobe.d(5): a file of the same name in an earlier directory hides the later ones.
  for (const char* directory : {"/etc/modprobe.d", "/run/modprobe.d", "/usr/local/lib/modprobe.d",
                                "/usr/lib/modprobe.d", "/lib/modprobe.d"}) {
    const auto names = host.list_directory(directory);
    if (!names) {
      if (names.error().code == ErrorCode::NotFound) continue;
      return fact_from_error<ModprobeFacts>(names.error(), directory);
    }
    for (const std::string& name : *names) {
      if (!name.ends_with(".conf") || files.size() >= kMaximumModprobeFiles) continue;
      const bool hidden =
          std::ranges::any_of(files, [&name](const auto& file) { return file.first == name; });
      if (!hidden) files.emplace_back(name, join_path(directory, name));
    }
  }
  std::ranges::sort(files);
  for (const auto& [name, path] : files) {
    const auto text = host.read_file(path, kMaximumModprobeFile);
    if (!text && text.error().code == ErrorCode::NotFound) continue;  // a dangling link
    if (!text) return fact_from_error<ModprobeFacts>(text.error(), path);
    parse_modprobe_file(*text, path, facts);
  }
  return {std::move(facts), "/etc/modprobe.d"};
}

Fact<std::vector<NodeAccess>> read_nodes(const HostReader& host, const std::string& directory,
                                         std::string_view prefix) {
  using Nodes = std::vector<NodeAccess>;
  const auto names = read_names_fact(host, directory, "/dev");
  if (names.unreadable() != nullptr) return *names.unreadable();
  if (names.is_absent()) return {Absent{}, directory};
  Nodes nodes;
  for (const std::string& name : *names.value()) {
    if (!name.starts_with(prefix)) continue;
    NodeAccess node;
    node.path = join_path(directory, name);
    const auto status = host.status(node.path);
    if (!status || status->kind != FileKind::CharacterDevice) continue;
    node.mode = status->mode;
    node.user = status->user;
    node.group = status->group;
    const auto access = host.may_access(node.path, Access::ReadWrite);
    if (!access) return Unreadable{.path = node.path, .why = why(access.error())};
    node.usable = *access;
    nodes.push_back(std::move(node));
  }
  return {std::move(nodes), directory};
}

// Without CONFIG_FB there is no such file; it is empty where no framebuffer device was made.
Fact<std::vector<std::string>> read_framebuffers(const HostReader& host) {
  const std::string path = "/proc/fb";
  const auto text = host.read_file(path);
  if (!text) return fact_from_error<std::vector<std::string>>(text.error(), path);
  return {parse_framebuffers(*text), path};
}

}  // namespace

// The class "vfio" is of groups (drivers/vfio/group.c); "vfio-dev" is of all devices since
// Linux 6.1 (vfio_main.c).
Fact<bool> read_vfio_groups(const HostReader& host) {
  const std::string groups = "/sys/class/vfio";
  if (host.exists(groups)) return {true, groups};
  if (host.exists("/sys/class/vfio-dev")) return {false, groups};
  return {Absent{}, groups};
}

PlatformFacts read_platform(const HostReader& host) {
  PlatformFacts platform;
  platform.distribution_id = read_os_release_id(host);
  platform.container = read_container(host);
  platform.image_based = read_image_based(host);
  platform.firmware.uefi = is_there(host, "/sys/firmware/efi");
  platform.firmware.secure_boot = read_secure_boot(host, platform.firmware.uefi);
  platform.firmware.version = read_text_fact(host, "/sys/class/dmi/id/bios_version");
  platform.firmware.date = read_text_fact(host, "/sys/class/dmi/id/bios_date");
  platform.lockdown = read_lockdown(host);
  platform.kernels = read_kernels(host);
  platform.dkms = read_dkms(host);
  platform.modprobe = read_modprobe(host);
  platform.vfio_nodes = read_nodes(host, "/dev/vfio", "");
  platform.vfio_groups = read_vfio_groups(host);
  platform.render_nodes = read_nodes(host, "/dev/dri", "renderD");
  platform.framebuffers = read_framebuffers(host);
  platform.nvidia_sriov_manage = is_there(host, "/usr/lib/nvidia/sriov-manage");
  return platform;
}

}  // namespace cleave
