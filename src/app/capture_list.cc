#include "app/capture_list.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/text.h"

namespace cleave {
namespace {

constexpr std::size_t kFileLimit = std::size_t{16} << 20U;
constexpr std::size_t kMatchesOfARow = 20'000;  // a server has some hundred PCI devices

constexpr const char* kCpu = N_("the processor and what it can do");
constexpr const char* kKernel = N_("the kernel, its command line and its configuration");
constexpr const char* kModules = N_("which modules there are and how they are set");
constexpr const char* kAcpi = N_("what the firmware says about the IOMMU");
constexpr const char* kPci = N_("the devices, their drivers and what they offer");
constexpr const char* kIommu = N_("which devices the IOMMU can keep apart");
constexpr const char* kBoard = N_("the model of the machine, without serial numbers");
constexpr const char* kMdev = N_("vGPUs: their types, those that exist and those that are defined");
constexpr const char* kBoot = N_("how the machine is booted, to see what a change would touch");
constexpr const char* kSystem = N_("the distribution");
constexpr const char* kTrust = N_("whether modules must be signed");
constexpr const char* kDisplay = N_("which outputs and render nodes the GPU has");
constexpr const char* kRights = N_("who may use virtual machines and GPUs");
constexpr const char* kVms = N_(
    "the VMs that run or are defined, what they have of the GPU and what QEMU said; without their "
    "names, disks and networks");
constexpr const char* kLog = N_("what the kernel said about the GPU and the IOMMU");

// Serial numbers, UUIDs and asset tags of the board are not here: they are never read.
constexpr std::array kRows = {
    CaptureRow{"/proc", "cpuinfo", kCpu},
    CaptureRow{"/sys/devices/system/cpu", "online possible smt", kCpu},
    CaptureRow{"/sys/devices/system/cpu/vulnerabilities", "*", kCpu},
    CaptureRow{"/proc", "cmdline version meminfo config.gz", kKernel},
    CaptureRow{"/proc/sys/kernel", "osrelease tainted modules_disabled", kKernel},
    CaptureRow{"/boot", "config-{release}", kKernel},
    CaptureRow{"/lib/modules/{release}", "config modules.dep modules.builtin", kKernel},
    CaptureRow{"/lib/modules", "", kKernel},
    CaptureRow{"/dev/kmsg", "", kLog},
    CaptureRow{"/proc", "modules", kModules},
    CaptureRow{"/sys/module/i915/parameters", "*", kModules},
    CaptureRow{"/sys/module/xe/parameters", "*", kModules},
    CaptureRow{"/sys/module/kvm*/parameters", "*", kModules},
    CaptureRow{"/sys/module/vfio*/parameters", "*", kModules},
    CaptureRow{"/sys/module/nvidia*/parameters", "*", kModules},
    CaptureRow{"/sys/module/amdgpu/parameters", "*", kModules},
    CaptureRow{"/sys/module/nouveau/parameters", "*", kModules},
    CaptureRow{"/sys/module/*", "version taint initstate", kModules},
    CaptureRow{"/etc/modprobe.d", "*.conf", kModules},
    CaptureRow{"/run/modprobe.d", "*.conf", kModules},
    CaptureRow{"/usr/lib/modprobe.d", "*.conf", kModules},
    CaptureRow{"/lib/modprobe.d", "*.conf", kModules},
    CaptureRow{"/etc/modules-load.d", "*.conf", kModules},
    CaptureRow{"/usr/lib/modules-load.d", "*.conf", kModules},
    CaptureRow{"/etc", "modules", kModules},
    CaptureRow{"/var/lib/dkms", "*", kModules},
    CaptureRow{"/var/lib/dkms/*", "*", kModules},
    CaptureRow{"/sys/firmware/acpi/tables", "DMAR IVRS", kAcpi},
    CaptureRow{"/sys/bus/pci/devices/*",
               "vendor device class revision subsystem_vendor subsystem_device modalias driver "
               "driver_override iommu iommu_group resource irq enable boot_vga numa_node "
               "sriov_totalvfs sriov_numvfs sriov_offset sriov_stride sriov_vf_device "
               "sriov_vf_total_msix sriov_drivers_autoprobe physfn virtfn* ari_enabled "
               "d3cold_allowed reset_method power_state max_link_speed current_link_speed "
               "max_link_width current_link_width resource*_resize firmware_node",
               kPci},
    CaptureRow{"/sys/bus/pci/devices/*/power", "control runtime_status", kPci},
    CaptureRow{"/sys/bus/pci/drivers/vfio-pci", "*", kPci},
    CaptureRow{"/sys/class/iommu", "*", kIommu},
    CaptureRow{"/sys/class/iommu/*/intel-iommu", "address cap ecap version domains_supported",
               kIommu},
    CaptureRow{"/sys/class/iommu/*/amd-iommu", "cap features", kIommu},
    CaptureRow{"/sys/class/iommu/*/devices", "", kIommu},
    CaptureRow{"/sys/kernel/iommu_groups/*", "type reserved_regions", kIommu},
    CaptureRow{"/sys/kernel/iommu_groups/*/devices", "*", kIommu},
    CaptureRow{"/sys/class/dmi/id",
               "sys_vendor product_name product_family product_version product_sku board_vendor "
               "board_name board_version bios_vendor bios_version bios_date bios_release "
               "ec_firmware_release chassis_type chassis_vendor",
               kBoard},
    CaptureRow{"/sys/class/mdev_bus", "*", kMdev},
    CaptureRow{"/sys/class/mdev_bus/*/mdev_supported_types", "", kMdev},
    CaptureRow{"/sys/class/mdev_bus/*/mdev_supported_types/*",
               "name description device_api available_instances", kMdev},
    CaptureRow{"/sys/class/mdev_bus/*/mdev_supported_types/*/devices", "*", kMdev},
    CaptureRow{"/sys/bus/mdev/devices/*", "mdev_type iommu_group driver", kMdev},
    CaptureRow{"/etc/mdevctl.d/*", "*", kMdev},
    CaptureRow{"/sys/module/kvm*", "refcnt", kVms},
    CaptureRow{"/etc/libvirt/qemu", "*.xml", kVms},
    CaptureRow{"/etc/pve/qemu-server", "*.conf", kVms},
    CaptureRow{"/etc/default", "grub", kBoot},
    CaptureRow{"/etc/default/grub.d", "*.cfg", kBoot},
    CaptureRow{"/etc/kernel", "cmdline", kBoot},
    CaptureRow{"/etc/kernel/cmdline.d", "*.conf", kBoot},
    CaptureRow{"/etc/cmdline.d", "*.conf", kBoot},
    CaptureRow{"/boot/loader", "loader.conf", kBoot},
    CaptureRow{"/boot/loader/entries", "*.conf", kBoot},
    CaptureRow{"/boot/efi/loader", "loader.conf", kBoot},
    CaptureRow{"/boot/efi/loader/entries", "*.conf", kBoot},
    CaptureRow{"/efi/loader", "loader.conf", kBoot},
    CaptureRow{"/efi/loader/entries", "*.conf", kBoot},
    CaptureRow{"/boot", "", kBoot},
    CaptureRow{"/boot/grub", "", kBoot},
    CaptureRow{"/boot/grub2", "", kBoot},
    CaptureRow{"/etc/dracut.conf.d", "*.conf", kBoot},
    CaptureRow{"/etc/initramfs-tools", "modules initramfs.conf", kBoot},
    CaptureRow{"/etc", "mkinitcpio.conf dracut.conf", kBoot},
    CaptureRow{"/sys/firmware/efi/efivars", "LoaderInfo-* LoaderEntrySelected-* StubInfo-*", kBoot},
    CaptureRow{"/etc", "os-release debian_version", kSystem},
    CaptureRow{"/usr/lib", "os-release", kSystem},
    CaptureRow{"/run", "ostree-booted", kSystem},
    CaptureRow{"/run/systemd", "container", kSystem},
    CaptureRow{"/sys/firmware/efi/efivars", "SecureBoot-* SetupMode-* MokSBStateRT-*", kTrust},
    CaptureRow{"/sys/kernel/security", "lockdown", kTrust},
    CaptureRow{"/sys/module/module/parameters", "sig_enforce", kTrust},
    CaptureRow{"/dev/dri", "*", kDisplay},
    CaptureRow{"/sys/class/drm", "*", kDisplay},
    CaptureRow{"/sys/class/drm/card*", "status enabled modes device", kDisplay},
    CaptureRow{"/dev", "kvm udmabuf", kRights},
    CaptureRow{"/dev/vfio", "*", kRights},
    CaptureRow{"/dev/vfio/devices", "*", kRights},
    CaptureRow{"/proc/self", "limits status", kRights},
};

// The paths below `path` whose last part matches, added to `found` while there is room.
void add_matches(const HostReader& host, const std::string& path, std::string_view part,
                 std::vector<std::string>& found) {
  const auto names = host.list_directory(path);
  if (!names) return;
  for (const std::string& name : *names) {
    if (found.size() >= kMatchesOfARow) return;
    if (matches(name, part)) found.push_back(join_path(path, name));
  }
}

// Expands the stars, name by name, and hands each path to `visit`.
template <typename Visit>
void expand(const HostReader& host, std::string_view pattern, Visit visit) {
  std::vector<std::string> paths = {"/"};
  for (const std::string_view part : split(pattern, '/')) {
    if (part.empty()) continue;
    std::vector<std::string> next;
    for (const std::string& path : paths) {
      if (part.find('*') == std::string_view::npos) {
        next.push_back(join_path(path, part));
      } else {
        add_matches(host, path, part, next);
      }
    }
    paths = std::move(next);
  }
  for (const std::string& path : paths) visit(path);
}

void read_path(const HostReader& host, const std::string& path) {
  (void)host.status(path);
  const auto real = host.real_path(path);
  if (!real) return;
  const auto status = host.status(*real);
  if (!status) return;
  if (status->kind == FileKind::Regular) (void)host.read_file(path, kFileLimit);
  if (status->kind == FileKind::CharacterDevice) (void)host.may_access(path, Access::ReadWrite);
  // A directory behind a link is another place's: a row of its own names it, if it matters.
  if (status->kind == FileKind::Directory && *real == path) (void)host.list_directory(path);
  // The only device that is read: reading it takes nothing away from others.
  if (path == "/dev/kmsg") (void)host.read_file(path, kFileLimit);
}

// The configuration space is read for GPUs and bridges (what lies between a GPU and the processor
// decides about isolation) and for what shares a GPU's group: pci(8) warns that some other devices
// do not bear being read.
void read_pci_configs(const HostReader& host) {
  constexpr std::uint32_t kDisplayClass = 0x03;  // PCI Code and ID Assignment 1.11, 1.4
  constexpr std::uint32_t kBridgeClass = 0x06;
  const std::string devices = "/sys/bus/pci/devices";
  std::set<std::string> wanted;
  std::set<std::string> groups;
  expand(host, devices + "/*", [&](const std::string& path) {
    const auto text = host.read_file(join_path(path, "class"));
    const auto code = text ? parse_hexadecimal<std::uint32_t>(trim(*text)) : std::nullopt;
    if (!code) return;
    const std::uint32_t base = *code >> 16U;
    if (base == kDisplayClass || base == kBridgeClass) wanted.insert(path);
    if (base != kDisplayClass) return;
    if (const auto group = host.real_path(join_path(path, "iommu_group"))) groups.insert(*group);
  });
  for (const std::string& group : groups) {
    const auto names = host.list_directory(join_path(group, "devices"));
    if (!names) continue;
    for (const std::string& name : *names) wanted.insert(join_path(devices, name));
  }
  for (const std::string& path : wanted) (void)host.read_file(join_path(path, "config"));
}

}  // namespace

std::span<const CaptureRow> capture_rows() { return kRows; }

void read_capture_rows(const HostReader& host) {
  const auto text = host.read_file("/proc/sys/kernel/osrelease");
  const std::string release(text ? trim(*text) : std::string_view());
  const auto read = [&](const std::string& pattern) {
    const bool is_named = pattern.find("{release}") == std::string::npos;
    if (!is_named && release.empty()) return;
    expand(host, replace_all(pattern, "{release}", release),
           [&host](const std::string& path) { read_path(host, path); });
  };
  for (const CaptureRow& row : kRows) {
    if (std::string_view(row.names).empty()) read(row.place);
    for (const std::string_view name : words(row.names)) read(join_path(row.place, name));
  }
  read_pci_configs(host);
}

bool matches(std::string_view name, std::string_view pattern) {
  const auto pieces = split(pattern, '*');
  if (pieces.size() == 1) return name == pattern;
  if (!name.starts_with(pieces.front())) return false;
  name.remove_prefix(pieces.front().size());
  for (std::size_t i = 1; i + 1 < pieces.size(); ++i) {
    const std::size_t at = name.find(pieces[i]);
    if (at == std::string_view::npos) return false;
    name.remove_prefix(at + pieces[i].size());
  }
  return name.ends_with(pieces.back());
}

}  // namespace cleave
