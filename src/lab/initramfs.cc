#include "lab/initramfs.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/format.h"
#include "base/text.h"
#include "host/host.h"
#include "lab/cache.h"

namespace cleave {
namespace {

constexpr std::size_t kModuleBytes = std::size_t{64} << 20U;
constexpr std::size_t kBusyboxBytes = std::size_t{16} << 20U;
constexpr const char* kBusybox = "/bin/busybox";

// What reaches the host's root: the bus, the agent's port, the shared root, the writable layer.
constexpr std::array kBootModules = {"virtio_pci", "9pnet_virtio", "9p", "overlay"};
// Mediated devices and passthrough as on a prepared laptop. QEMU's TCG emulates AMD's
// virtualisation (SVM), so kvm_amd gives the laptop a KVM that works; a VM in it draws eight times
// as many frames as one that is emulated a second time. Not vgem: its render node would come before
// the GPU's own, and Mesa's software renderer dies of it (docs/decisions/0002-laptop-display.md).
constexpr std::array kLaterModules = {
    "virtio_console", "vfio", "vfio_iommu_type1", "vfio_pci", "mdev", "kvm_amd", "i915", "kvmgt"};
constexpr std::array kSampleModules = {"mtty", "mdpy", "mbochs"};
constexpr std::array kApplets = {"sh",          "mount",    "umount", "insmod", "mkdir",
                                 "cat",         "printf",   "ln",     "cp",     "hostname",
                                 "switch_root", "ifconfig", "chmod"};

void add_unless_built_in(const ModuleTree& tree, const char* name,
                         std::vector<std::string>& names) {
  if (std::ranges::find(tree.built_in, name) == tree.built_in.end()) names.emplace_back(name);
}

// The shared root: 9P2000.L over virtio (Linux Documentation/filesystems/9p.rst). cache=loose lets
// programs be mapped and read once; nobody writes there. msize as QEMU's wiki advises for speed.
constexpr const char* kMountRoot =
    R"(mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro hostroot /host || stop "the shared root does not mount"
mount -t tmpfs -o mode=755 tmpfs /layer
mkdir /layer/upper /layer/work
mount -t overlay -o lowerdir=/host,upperdir=/layer/upper,workdir=/layer/work root /new || stop "the overlay does not mount"
mkdir -p /new/dev /new/proc /new/sys /new/run /new/tmp
mount -t devtmpfs -o mode=755,nosuid dev /new/dev
mkdir -p /new/dev/pts /new/dev/shm
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /new/dev/pts
mount -t tmpfs -o mode=1777 tmpfs /new/dev/shm
mount -t proc proc /new/proc
mount -t sysfs sysfs /new/sys
mount -t debugfs debugfs /new/sys/kernel/debug
mount -t cgroup2 cgroup2 /new/sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs /new/run
mount -t tmpfs -o mode=1777 tmpfs /new/tmp
mkdir -p /new/run/lock /new/run/user/0
)";

// modprobe(8) takes MODULE.NAME=VALUE from the kernel's command line; insmod does not.
constexpr const char* kStart = R"(#!/bin/sh
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
stop() { echo "cleave lab: $1"; exit 1; }
parameters() {
  for word in $(cat /proc/cmdline); do
    case "$word" in "$1".*) printf '%s ' "${word#"$1".}" ;; esac
  done
}
failed=
load() { insmod "/modules/$1.ko" $(parameters "$1") || failed="$failed $1"; }
)";

// As systemd's 50-udev-default.rules does: nothing but udev would, and udev does not run here.
constexpr const char* kOpenNodes =
    "for node in /new/dev/kvm /new/dev/dri/renderD*; do [ ! -e $node ] || chmod 666 $node; done\n";

std::string keep_directories(const std::vector<std::string>& directories) {
  std::string text;
  for (const std::string& directory : directories) {
    const std::string inside = shell_word("/new" + directory);
    text += format("mkdir -p {} && mount -o bind {} {}\n", inside, shell_word("/host" + directory),
                   inside);
  }
  return text;
}

// The tree lies in the cache of this machine: shown where the kernel's own would be.
std::string show_modules(const InitScript& script) {
  const std::string place = shell_word("/new/lib/modules/" + script.kernel_version);
  std::string text = format("mkdir -p {} && mount -o bind {} {}\n", place,
                            shell_word("/host" + script.module_tree), place);
  if (!script.kernel_config.empty()) {
    text += format("mkdir -p /new/boot && cp {} {}\n", shell_word("/host" + script.kernel_config),
                   shell_word("/new/boot/config-" + script.kernel_version));
  }
  return text;
}

struct ArchiveCloser {
  void operator()(archive* handle) const { archive_write_free(handle); }
};
struct EntryCloser {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};

la_ssize_t append(archive* /*handle*/, void* target, const void* bytes, size_t count) {
  static_cast<std::string*>(target)->append(static_cast<const char*>(bytes), count);
  return static_cast<la_ssize_t>(count);
}

Error archive_problem(archive* handle) {
  const char* text = archive_error_string(handle);
  return lab_error(ErrorCode::Io, Message(N_("Could not pack the laptop's first files: {reason}"),
                                          {{"reason", text != nullptr ? text : "libarchive"}}));
}

bool write_entry(archive* handle, const ArchiveEntry& entry) {
  const std::unique_ptr<archive_entry, EntryCloser> header(archive_entry_new());
  archive_entry_set_pathname(header.get(), entry.path.c_str());
  archive_entry_set_perm(header.get(), entry.mode);
  archive_entry_set_size(header.get(), 0);  // newc wants one for every kind
  switch (entry.kind) {
    case ArchiveEntry::Kind::Directory:
      archive_entry_set_filetype(header.get(), AE_IFDIR);
      break;
    case ArchiveEntry::Kind::Symlink:
      archive_entry_set_filetype(header.get(), AE_IFLNK);
      archive_entry_set_symlink(header.get(), entry.content.c_str());
      break;
    case ArchiveEntry::Kind::File:
      archive_entry_set_filetype(header.get(), AE_IFREG);
      archive_entry_set_size(header.get(), static_cast<la_int64_t>(entry.content.size()));
      break;
  }
  if (archive_write_header(handle, header.get()) != ARCHIVE_OK) return false;
  if (entry.kind != ArchiveEntry::Kind::File || entry.content.empty()) return true;
  return archive_write_data(handle, entry.content.data(), entry.content.size()) >= 0;
}

}  // namespace

std::vector<std::string> laptop_boot_modules(const ModuleTree& tree) {
  std::vector<std::string> names;
  for (const char* name : kBootModules) add_unless_built_in(tree, name, names);
  return names;
}

std::vector<std::string> laptop_modules(const ModuleTree& tree, bool sample_drivers) {
  std::vector<std::string> names;
  for (const char* name : kLaterModules) add_unless_built_in(tree, name, names);
  if (sample_drivers) names.insert(names.end(), kSampleModules.begin(), kSampleModules.end());
  return names;
}

std::string shell_word(std::string_view text) {
  return "'" + replace_all(std::string(text), "'", R"('\'')") + "'";
}

std::string init_script(const InitScript& script) {
  std::string text = kStart;
  for (const std::string& name : script.boot_modules) text += format("load {}\n", name);
  text += kMountRoot;
  text += keep_directories(script.kept_directories);
  text += show_modules(script);
  for (const std::string& name : script.later_modules) text += format("load {}\n", name);
  text += kOpenNodes;
  text += format("hostname {}\nifconfig lo 127.0.0.1 up\n", shell_word(script.host_name));
  text += "umount -l /host /layer /dev /sys /proc\n";
  // `cleave` in the laptop is this very cleave, installed or not.
  text += format("export PATH={}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n",
                 shell_word(std::string(directory_name(script.agent_program))));
  text += "export HOME=/root USER=root LOGNAME=root SHELL=/bin/sh LANG=C.UTF-8 TERM=linux\n";
  text += "export XDG_RUNTIME_DIR=/run/user/0 CLEAVE_LAB_FAILED_MODULES=\"$failed\"\n";
  text += format("exec /bin/switch_root -c /dev/console /new {} lab-agent\n",
                 shell_word(script.agent_program));
  return text;
}

Result<std::string> cpio_archive(const std::vector<ArchiveEntry>& entries) {
  std::string bytes;
  const std::unique_ptr<archive, ArchiveCloser> handle(archive_write_new());
  if (archive_write_set_format_cpio_newc(handle.get()) != ARCHIVE_OK ||
      archive_write_set_bytes_in_last_block(handle.get(), 1) != ARCHIVE_OK ||
      archive_write_open(handle.get(), &bytes, nullptr, append, nullptr) != ARCHIVE_OK) {
    return archive_problem(handle.get());
  }
  for (const ArchiveEntry& entry : entries) {
    if (!write_entry(handle.get(), entry)) return archive_problem(handle.get());
  }
  if (archive_write_close(handle.get()) != ARCHIVE_OK) return archive_problem(handle.get());
  return bytes;
}

Result<std::string> make_initramfs(const std::string& script, const std::string& tree_directory,
                                   const std::vector<std::string>& module_paths) {
  using Kind = ArchiveEntry::Kind;
  std::vector<ArchiveEntry> entries;
  for (const char* name : {"bin", "dev", "proc", "sys", "host", "layer", "new", "modules"}) {
    entries.push_back({.kind = Kind::Directory, .path = name, .content = {}, .mode = 0755});
  }
  entries.push_back({.path = "bin/busybox",
                     .content = TRY(read_whole_file(kBusybox, kBusyboxBytes)),
                     .mode = 0755});
  for (const char* name : kApplets) {
    entries.push_back({.kind = Kind::Symlink,
                       .path = format("bin/{}", name),
                       .content = "busybox",
                       .mode = 0777});
  }
  for (const std::string& path : module_paths) {
    entries.push_back(
        {.path = format("modules/{}.ko", module_name(path)),
         .content = TRY(read_whole_file(format("{}/{}", tree_directory, path), kModuleBytes))});
  }
  entries.push_back({.path = "init", .content = script, .mode = 0755});
  return cpio_archive(entries);
}

}  // namespace cleave
