// From mounts, swap and holders down to the PCI devices that their disks hang on. The way leads
// through sysfs: partition → disk → (device mapper, RAID, bcache: their parts) → controller.
#include <algorithm>
#include <array>
#include <map>

#include "base/text.h"
#include "facts/readers/host_uses.h"
#include "facts/usb.h"

namespace cleave {
namespace {

const std::string kBlock = "/sys/class/block";
const std::string kBtrfs = "/sys/fs/btrfs";
constexpr std::string_view kDev = "/dev/";

// LVM on RAID on LUKS on multipath are four; whoever has more is not followed.
constexpr int kDeepest = 16;
constexpr std::size_t kMostDevices = 4096;

// File systems of the kernel itself, of memory, and of the network: no disk of this machine is
// below them. What is below FUSE is mounted or opened by somebody else.
constexpr std::array<std::string_view, 38> kWithoutDisk = {
    "9p",         "afs",        "autofs",    "bdev",      "binder",   "binfmt_misc", "bpf",
    "ceph",       "cgroup",     "cgroup2",   "cifs",      "configfs", "debugfs",     "devpts",
    "devtmpfs",   "efivarfs",   "fusectl",   "hugetlbfs", "mqueue",   "nfs",         "nfs4",
    "nfsd",       "nsfs",       "proc",      "pstore",    "ramfs",    "resctrl",     "rootfs",
    "rpc_pipefs", "securityfs", "selinuxfs", "smackfs",   "smb3",     "sysfs",       "tmpfs",
    "tracefs",    "virtiofs",   "xenfs"};

// What a block device hangs on.
struct Hardware {
  DevicesAbove pci;
  UsbAbove usb;

  bool operator==(const Hardware&) const = default;
};
using Above = Fact<Hardware>;

Unreadable unknown(std::string path, std::string why) {
  return {.path = std::move(path), .why = std::move(why)};
}

Above hardware_in(const std::string& path) {
  return {{.pci = devices_in_path(path), .usb = usb_devices_in_path(path)}, path};
}

template <typename T>
void add_new(std::vector<T>& all, const std::vector<T>& more) {
  for (const T& one : more) {
    if (std::ranges::find(all, one) == all.end()) all.push_back(one);
  }
}

void set_above(DiskUse& use, const Above& above) {
  if (const Unreadable* unread = above.unreadable()) {
    use.above = *unread;
    return;
  }
  const Hardware hardware = above.value_or({});
  use.above = {hardware.pci, above.source()};
  use.usb_above = hardware.usb;
}

// Joins what is known of several disks; one that is unknown makes all unknown.
Above joined(const std::vector<Above>& parts, const std::string& source) {
  Hardware all;
  for (const Above& part : parts) {
    if (!part.is_known()) return part;
    add_new(all.pci, part.value()->pci);
    add_new(all.usb, part.value()->usb);
  }
  return {std::move(all), source};
}

class Disks {
 public:
  explicit Disks(const HostReader& host) : host_(host) {}

  // The PCI devices above the block device of that name.
  Above above(const std::string& name, int depth = 0) {
    if (const auto known = known_.find(name); known != known_.end()) return known->second;
    if (depth > kDeepest || known_.size() >= kMostDevices) {
      return unknown(join_path(kBlock, name), "made of too many devices");
    }
    Above found = look(name, depth);
    known_.emplace(name, found);
    return found;
  }

  // "/dev/mapper/root" → "dm-0".
  [[nodiscard]] Result<std::string> name_of(const std::string& node) const {
    const std::string real = TRY(host_.real_path(node));
    // sysfs has "!" where the node of a device has "/" ("cciss/c0d0").
    return replace_all(real.substr(std::min(real.size(), kDev.size())), "/", "!");
  }

 private:
  Above look(const std::string& name, int depth) {
    const std::string path = join_path(kBlock, name);
    const auto real = host_.real_path(path);
    if (!real) return unknown(path, why(real.error()));
    Above found = hardware_in(*real);
    if (!found.value()->pci.empty() || !found.value()->usb.empty()) return found;
    if (real->starts_with("/sys/devices/virtual/nvme-subsystem/")) return nvme_paths(*real);
    // A partition's parts are its disk's.
    const bool is_partition = host_.exists(join_path(*real, "partition"));
    const std::string disk = is_partition ? std::string(directory_name(*real)) : *real;
    const auto slaves = host_.list_directory(join_path(disk, "slaves"));
    if (!slaves && slaves.error().code != ErrorCode::NotFound) {
      return unknown(join_path(disk, "slaves"), why(slaves.error()));
    }
    std::vector<Above> parts;
    if (slaves) {
      for (const std::string& slave : *slaves) parts.push_back(above(slave, depth + 1));
    }
    return joined(parts, disk);
  }

  // A disk that several controllers may lead to stands below its subsystem, which has links to
  // these (drivers/nvme/host/core.c, nvme_init_subsystem).
  [[nodiscard]] Above nvme_paths(const std::string& real) const {
    constexpr std::size_t kParts = 6;  // "", sys, devices, virtual, nvme-subsystem, nvme-subsys0
    const auto parts = split(real, '/');
    std::string subsystem;
    for (std::size_t i = 1; i < std::min(parts.size(), kParts); ++i) {
      subsystem += "/" + std::string(parts[i]);
    }
    const auto names = host_.list_directory(subsystem);
    if (!names) return unknown(subsystem, why(names.error()));
    std::vector<Above> controllers;
    for (const std::string& name : *names) {
      if (!name.starts_with("nvme")) continue;
      if (!parse_unsigned<std::uint32_t>(std::string_view(name).substr(4))) continue;
      const std::string link = join_path(subsystem, name);
      const auto controller = host_.real_path(link);
      if (!controller) return unknown(link, why(controller.error()));
      controllers.push_back(hardware_in(*controller));
    }
    if (controllers.empty()) return unknown(subsystem, "no controllers");
    return joined(controllers, subsystem);
  }

  const HostReader& host_;
  std::map<std::string, Above, std::less<>> known_;
};

// --- mounts

bool is_without_disk(const MountLine& mount) {
  if (std::ranges::find(kWithoutDisk, mount.type) != kWithoutDisk.end()) return true;
  // What is below these is mounted by itself, but for the root, where it may be out of sight.
  const bool stacked = mount.type == "overlay" || mount.type == "fuse" ||
                       mount.type.starts_with("fuse.") || mount.type == "ecryptfs";
  return stacked && !is_essential_place(mount.place);
}

// All disks of the btrfs that `name` is one of: /sys/fs/btrfs/UUID/devices (fs/btrfs/sysfs.c).
Above above_btrfs(const HostReader& host, Disks& disks, const std::string& name) {
  const auto all = host.list_directory(kBtrfs);
  if (!all) return unknown(kBtrfs, why(all.error()));
  for (const std::string& uuid : *all) {
    const std::string path = join_path(join_path(kBtrfs, uuid), "devices");
    const auto names = host.list_directory(path);
    if (!names || std::ranges::find(*names, name) == names->end()) continue;
    std::vector<Above> parts;
    for (const std::string& part : *names) parts.push_back(disks.above(part));
    return joined(parts, path);
  }
  return unknown(kBtrfs, name + " is not there");
}

// File systems without one block device of their own: btrfs and bcachefs name what they are made
// of, ZFS and stacked ones do not.
void trace_source(const HostReader& host, Disks& disks, const MountLine& mount, DiskUse& use) {
  if (!mount.source.starts_with(kDev)) {
    use.above = unknown(use.place, mount.type + " does not tell its disks");
    return;
  }
  std::vector<Above> parts;
  const std::vector<std::string_view> nodes = mount.type == "bcachefs"
                                                  ? split(mount.source, ':')
                                                  : std::vector<std::string_view>{mount.source};
  for (const std::string_view node : nodes) {
    const auto name = disks.name_of(std::string(node));
    if (!name) {
      use.above = unknown(std::string(node), why(name.error()));
      return;
    }
    if (use.device.empty()) use.device = *name;
    parts.push_back(mount.type == "btrfs" ? above_btrfs(host, disks, *name) : disks.above(*name));
  }
  set_above(use, joined(parts, mount.source));
}

// A loop device is a file; the file system that holds it is mounted by itself. Where it is the
// root, that may be out of sight.
void mind_loop(DiskUse& use) {
  if (use.device.starts_with("loop") && is_essential_place(use.place)) {
    use.above = unknown(join_path(kBlock, use.device), "a file on an unknown file system");
  }
}

DiskUse trace_mount(const HostReader& host, Disks& disks, const MountLine& mount) {
  DiskUse use{.kind = DiskUse::Kind::Mount, .place = mount.place, .device = {}, .above = {}};
  if (mount.numbers.starts_with("0:")) {
    trace_source(host, disks, mount, use);
    return use;
  }
  const std::string path = "/sys/dev/block/" + mount.numbers;
  const auto real = host.real_path(path);
  if (!real) {
    use.above = unknown(path, why(real.error()));
    return use;
  }
  use.device = base_name(*real);
  set_above(use, disks.above(use.device));
  mind_loop(use);
  return use;
}

void add(std::vector<DiskUse>& uses, DiskUse use) {
  if (std::ranges::find(uses, use) == uses.end()) uses.push_back(std::move(use));
}

// --- swap

bool holds(std::string_view place, std::string_view path) {
  return place == "/" || (path.starts_with(place) && path.substr(place.size()).starts_with('/'));
}

// The file system that holds a file: the deepest one, and of several at one place the last.
const DiskUse* mount_of(const std::vector<DiskUse>& uses, std::string_view path) {
  const DiskUse* found = nullptr;
  for (const DiskUse& use : uses) {
    if (use.kind != DiskUse::Kind::Mount || !holds(use.place, path)) continue;
    if (found == nullptr || use.place.size() >= found->place.size()) found = &use;
  }
  return found;
}

DiskUse trace_swap(Disks& disks, const std::vector<DiskUse>& mounts, const SwapLine& swap) {
  DiskUse use{.kind = DiskUse::Kind::Swap, .place = swap.path, .device = {}, .above = {}};
  if (swap.is_file) {
    const DiskUse* mount = mount_of(mounts, swap.path);
    use.above = unknown(swap.path, "on an unknown file system");
    if (mount == nullptr) return use;
    use.above = mount->above;
    use.usb_above = mount->usb_above;
    use.device = mount->device;
    return use;
  }
  const auto name = disks.name_of(swap.path);
  if (!name) {
    use.above = unknown(swap.path, why(name.error()));
    return use;
  }
  use.device = *name;
  set_above(use, disks.above(*name));
  return use;
}

// --- holders

// Disks that another device is made of, mounted or not: /sys/class/block/NAME/holders.
Result<void> add_held(const HostReader& host, Disks& disks, std::vector<DiskUse>& uses) {
  std::size_t looked_at = 0;
  for (const std::string& name : TRY(host.list_directory(kBlock))) {
    if (++looked_at > kMostDevices) break;
    const auto holders = host.list_directory(join_path(join_path(kBlock, name), "holders"));
    if (!holders) {
      if (holders.error().code == ErrorCode::NotFound) continue;
      return holders.error();
    }
    for (const std::string& holder : *holders) {
      DiskUse use{.kind = DiskUse::Kind::Held, .place = holder, .device = name, .above = {}};
      set_above(use, disks.above(name));
      add(uses, std::move(use));
    }
  }
  return {};
}

}  // namespace

Fact<std::vector<DiskUse>> read_host_disks(const HostReader& host) {
  using Uses = std::vector<DiskUse>;
  const std::string mount_info = "/proc/self/mountinfo";
  const auto mounts = host.read_file(mount_info);
  if (!mounts) return Unreadable{.path = mount_info, .why = why(mounts.error())};
  Disks disks(host);
  Uses uses;
  bool has_root = false;
  for (const MountLine& mount : parse_mount_info(*mounts)) {
    has_root = has_root || mount.place == "/";
    if (!is_without_disk(mount)) add(uses, trace_mount(host, disks, mount));
  }
  // As in a chroot: what the root is on stands in no line.
  if (!has_root) {
    uses.push_back({.kind = DiskUse::Kind::Mount,
                    .place = "/",
                    .device = {},
                    .above = unknown(mount_info, "the root is not there")});
  }
  const std::string swaps = "/proc/swaps";
  const auto areas = host.read_file(swaps);
  // A kernel without swap has no such file.
  if (!areas && areas.error().code != ErrorCode::NotFound) {
    return Unreadable{.path = swaps, .why = why(areas.error())};
  }
  if (areas) {
    const Uses mounted = uses;
    for (const SwapLine& swap : parse_swaps(*areas)) add(uses, trace_swap(disks, mounted, swap));
  }
  if (const auto held = add_held(host, disks, uses); !held) {
    return Unreadable{.path = kBlock, .why = why(held.error())};
  }
  return {std::move(uses), mount_info};
}

}  // namespace cleave
