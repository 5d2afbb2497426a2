// What a machine lacks for a VM.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "app/qemu.h"
#include "app/vgpu.h"
#include "app/vm.h"
#include "app/vm_bridges.h"
#include "app/vm_check_qemu.h"
#include "app/vm_companions.h"
#include "app/vm_files.h"
#include "app/vm_gpu.h"
#include "app/vm_huge_pages.h"
#include "base/fd.h"
#include "base/format.h"
#include "base/text.h"

namespace cleave {
namespace {

using Problems = std::vector<VmProblem>;

constexpr const char* kKvmNode = "/dev/kvm";
// One record of some 1.5 KiB a thread; the largest machines have some thousands.
constexpr std::size_t kCpuInfoLimit = std::size_t{16} << 20U;

void add(Problems& problems, const char* id, ErrorCode code, Message message, Message remedy = {}) {
  problems.push_back(
      {.id = id, .code = code, .message = std::move(message), .remedy = std::move(remedy)});
}

// Whether the owner may open the path so. A path that cannot be reached is told by its own error.
Result<bool> may_access(const HostReader& host, const std::string& path, Access access) {
  const std::string real = TRY(host.real_path(path));
  return host.may_access(real, access);
}

void check_qemu(const HostReader& host, const Vm& vm, Problems& problems) {
  const Result<std::string> program = find_qemu_program(host, vm.qemu);
  if (program) {
    const Fact<QemuAbilities> abilities = qemu_abilities(host, *program);
    if (abilities.value() != nullptr) {
      std::ranges::move(qemu_problems(*abilities.value(), vm), std::back_inserter(problems));
    }
    return;
  }
  add(problems, "qemu.missing", program.error().code, program.error().message,
      program.error().remedy);
}

// The first bytes of a qcow2 image (docs/interop/qcow2.txt): "QFI\xfb".
bool is_qcow2(const std::string& path) {
  const OwnedFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  std::array<char, 4> magic{};
  return file.is_open() && ::read(file.get(), magic.data(), magic.size()) == 4 &&
         std::string_view(magic.data(), magic.size()) == "QFI\xfb";
}

void check_disk(const HostReader& host, const VmEnvironment& environment, const Vm::Disk& disk,
                Problems& problems) {
  if (disk.file.empty()) return;  // a drive without a disc
  const Result<bool> usable =
      may_access(host, disk.file, disk.read_only ? Access::Read : Access::ReadWrite);
  if (!usable && usable.error().code == ErrorCode::NotFound) {
    add(problems, "disk.missing", ErrorCode::NotFound,
        {N_("The disk {file} is not there"), {{"file", disk.file}}},
        {N_("Make one with `qemu-img create -f {format} {file} 64G`, or correct the definition."),
         {{"format", disk.format}, {"file", disk.file}}});
    return;
  }
  if (!usable || !*usable) {
    add(problems, "disk.denied", ErrorCode::Denied,
        {N_("The user {user}, as whom QEMU runs, may not open the disk {file}"),
         {{"user", environment.owner.name}, {"file", disk.file}}},
        {N_("Give it to that user: chown {user} {file} (and let that user into its directory)."),
         {{"user", environment.owner.name}, {"file", disk.file}}});
    return;
  }
  if (disk.format == "qcow2" && host.is_live() && !is_qcow2(disk.file)) {
    add(problems, "disk.format", ErrorCode::Malformed,
        {N_("The disk {file} is no qcow2 image"), {{"file", disk.file}}},
        {N_("`qemu-img info {file}` tells what it is; if it is raw, write format = \"raw\"."),
         {{"file", disk.file}}});
  }
}

void check_kernel(const HostReader& host, const VmEnvironment& environment, const Vm& vm,
                  Problems& problems) {
  for (const std::string& file : {vm.kernel, vm.initrd}) {
    if (file.empty()) continue;
    const Result<bool> usable = may_access(host, file, Access::Read);
    if (!usable && usable.error().code == ErrorCode::NotFound) {
      add(problems, "kernel.missing", ErrorCode::NotFound,
          {N_("The kernel {file} is not there"), {{"file", file}}});
    } else if (!usable || !*usable) {
      add(problems, "kernel.denied", ErrorCode::Denied,
          {N_("The user {user}, as whom QEMU runs, may not read the kernel {file}"),
           {{"user", environment.owner.name}, {"file", file}}});
    }
  }
}

void check_firmware(const HostReader& host, const VmEnvironment& environment, const Vm& vm,
                    Problems& problems) {
  const Result<FirmwareChoice> firmware = choose_firmware(host, environment, vm);
  if (firmware) return;
  add(problems, "firmware.missing", firmware.error().code, firmware.error().message,
      firmware.error().remedy);
}

void check_shares(const HostReader& host, const VmEnvironment& environment, const Vm& vm,
                  Problems& problems) {
  for (const Vm::Share& share : vm.shares) {
    const Result<bool> usable = may_access(host, share.path, Access::Read);
    if (!usable && usable.error().code == ErrorCode::NotFound) {
      add(problems, "share.missing", ErrorCode::NotFound,
          {N_("The shared folder {path} is not there"), {{"path", share.path}}});
    } else if (!usable || !*usable) {
      add(problems, "share.denied", ErrorCode::Denied,
          {N_("The user {user}, as whom QEMU runs, may not read the shared folder {path}"),
           {{"user", environment.owner.name}, {"path", share.path}}});
    }
  }
}

void check_kvm(const HostReader& host, const VmEnvironment& environment, const Vm& vm,
               Problems& problems) {
  if (vm.accelerator != "kvm") return;
  const Message use_tcg(
      N_("Write accelerator = \"tcg\" into the definition: slower, but it needs nothing."));
  const Result<std::string> text = host.read_file("/proc/cpuinfo", kCpuInfoLimit);
  const std::string one_line = text ? replace_all(*text, "\n", " ") : "";
  const auto all_words = words(one_line);
  const bool has_extension = std::ranges::any_of(
      all_words, [](std::string_view word) { return word == "vmx" || word == "svm"; });
  // If the CPU cannot be asked, the node's word is taken.
  if (text && !has_extension) {
    add(problems, "kvm.no_extension", ErrorCode::Unsupported,
        {N_("KVM cannot work here: the CPU shows neither vmx nor svm (switched off in the "
            "firmware, or this is itself a virtual machine)")},
        use_tcg);
    return;
  }
  const Result<bool> usable = host.may_access(kKvmNode, Access::ReadWrite);
  if (!usable && usable.error().code == ErrorCode::NotFound) {
    add(problems, "kvm.missing", ErrorCode::NotFound,
        {N_("There is no {path}: the module kvm_intel or kvm_amd is not loaded"),
         {{"path", kKvmNode}}},
        use_tcg);
  } else if (!usable || !*usable) {
    add(problems, "kvm.denied", ErrorCode::Denied,
        {N_("The user {user}, as whom QEMU runs, may not open {path}"),
         {{"user", environment.owner.name}, {"path", kKvmNode}}},
        {N_("Put the user into the group kvm: usermod -aG kvm {user}, then log in again."),
         {{"user", environment.owner.name}}});
  }
}

// A PCI device can reach all of the guest's memory, so that VFIO pins all of it at the start
// (vfio_pin_map_dma, drivers/vfio/vfio_iommu_type1.c); a mediated device's driver pins single pages
// as it needs them.
void check_memory_lock(const VmEnvironment& environment, const Vm& vm, Problems& problems) {
  rlimit limit{};
  if (environment.is_root || !hands_over_pci(vm)) return;
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_max == RLIM_INFINITY) return;
  if (limit.rlim_max >= vm.memory_bytes) return;
  add(problems, "memory_lock.small", ErrorCode::Denied,
      {N_("The VM's {memory} MiB have to stay in memory while it has a device of the host, and the "
          "user {user} may lock {limit} MiB"),
       {{"memory", vm.memory_bytes >> 20U},
        {"user", environment.owner.name},
        {"limit", limit.rlim_max >> 20U}}},
      {N_("“cleave setup” raises the limit for the group kvm; log in again afterwards. “ulimit "
          "-Hl” "
          "shows it in KiB.")});
}

void check_display(const HostReader& host, const VmEnvironment& environment, const Vm& vm,
                   Problems& problems) {
  if ((vm.display == "gtk" || vm.display == "sdl") && !environment.has_display) {
    add(problems, "display.none", ErrorCode::Unsupported,
        {N_("The display {display} needs a graphical session, and there is none here"),
         {{"display", vm.display}}},
        {N_("Start it from a desktop, or write type = \"egl-headless\" or \"none\" under "
            "[display].")});
  }
  if (vm.display != "egl-headless" || vm.render_node.empty()) return;
  const Result<bool> usable = may_access(host, vm.render_node, Access::ReadWrite);
  if (!usable && usable.error().code == ErrorCode::NotFound) {
    add(problems, "render_node.missing", ErrorCode::NotFound,
        {N_("The render node {path} is not there"), {{"path", vm.render_node}}});
  } else if (!usable || !*usable) {
    add(problems, "render_node.denied", ErrorCode::Denied,
        {N_("The user {user}, as whom QEMU runs, may not open {path}"),
         {{"user", environment.owner.name}, {"path", vm.render_node}}},
        {N_("Put the user into the group render: usermod -aG render {user}, then log in again."),
         {{"user", environment.owner.name}}});
  }
}

}  // namespace

Result<std::vector<VmProblem>> check_machine(const HostReader& host,
                                             const VmEnvironment& environment, const Vm& vm,
                                             bool gpu) {
  Problems problems;
  {
    const ActingAs owner = TRY(ActingAs::begin(credentials_of(environment.owner)));
    check_qemu(host, vm, problems);
    check_kernel(host, environment, vm, problems);
    for (const Vm::Disk& disk : vm.disks) check_disk(host, environment, disk, problems);
    check_firmware(host, environment, vm, problems);
    check_shares(host, environment, vm, problems);
    check_kvm(host, environment, vm, problems);
    check_display(host, environment, vm, problems);
    check_memory_lock(environment, vm, problems);
    std::ranges::move(check_companions(host, environment, vm), std::back_inserter(problems));
    std::ranges::move(check_bridges(host, vm, environment.is_root), std::back_inserter(problems));
  }
  // Of a VM that runs they are taken, by itself.
  const Result<VmReport> report = vm_status(environment, vm.name, false);
  if (!report || report->seen.status != VmStatus::Running) {
    std::ranges::move(check_huge_pages(host, vm), std::back_inserter(problems));
  }
  if (!gpu || (!vm.gpu && vm.devices.empty())) return problems;
  const Result<DeviceChoice> choice = choose_devices(host, environment, vm);
  if (!choice) {
    problems.push_back({.id = vm.gpu ? "gpu" : "device",
                        .code = choice.error().code,
                        .message = choice.error().message,
                        .remedy = choice.error().remedy});
  }
  return problems;
}

}  // namespace cleave
