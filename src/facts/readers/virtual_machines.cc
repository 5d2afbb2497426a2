// The virtual machines that run here or are defined here. A machine without any costs some seven
// system calls: processes are looked through only where KVM or VFIO is in use.
#include <algorithm>
#include <set>

#include "base/format.h"
#include "base/text.h"
#include "facts/libvirt_domain.h"
#include "facts/mdevctl_definition.h"
#include "facts/proxmox_config.h"
#include "facts/qemu_command_line.h"
#include "facts/readers/readers.h"

namespace cleave {
namespace {

using Names = std::vector<std::string>;

const std::string kLibvirt = "/etc/libvirt/qemu";
const std::string kLibvirtLogs = "/var/log/libvirt/qemu";
const std::string kProxmox = "/etc/pve/qemu-server";
const std::string kMdevctl = "/etc/mdevctl.d";

constexpr std::size_t kMostMachines = 512;
// virtlogd starts a new file at 2 MiB (max_size in virtlogd.conf).
constexpr std::size_t kLogLimit = std::size_t{4} << 20U;
constexpr std::size_t kMostSaid = std::size_t{256} << 10U;

// --- running ones -----------------------------------------------------------------------------

// False only where surely nobody has KVM or a VFIO group open. Each VM holds its KVM module
// (virt/kvm/kvm_main.c, kvm_create_vm); one that is built in tells no count.
bool may_run_machines(const HostReader& host) {
  for (const std::string module : {"kvm_intel", "kvm_amd"}) {
    const std::string directory = "/sys/module/" + module;
    const auto count = read_number_fact(host, directory + "/refcnt");
    if (const std::uint32_t* users = count.value(); users != nullptr && *users == 0) continue;
    if (count.is_absent() && !host.exists(directory)) continue;
    return true;
  }
  const auto own_nodes = host.list_directory("/dev/vfio/devices");
  if (own_nodes && !own_nodes->empty()) return true;
  const auto nodes = host.list_directory("/dev/vfio");
  return nodes && std::ranges::any_of(*nodes, [](const std::string& name) {
           return parse_unsigned<std::uint32_t>(name).has_value();
         });
}

// The processes with a VM, from KVM itself: directories "PID-FD" (kvm_create_vm_debugfs). Only
// root sees them. Empty: look through all.
std::set<std::uint32_t> processes_of_kvm(const HostReader& host) {
  std::set<std::uint32_t> processes;
  const auto names = host.list_directory("/sys/kernel/debug/kvm");
  if (!names) return processes;
  for (const std::string& name : *names) {
    const std::string_view text = name;
    const std::size_t hyphen = text.find('-');
    const auto process = parse_unsigned<std::uint32_t>(text.substr(0, hyphen));
    if (process && hyphen != std::string_view::npos) processes.insert(*process);
  }
  return processes;
}

// By the name alone, which is the first of a thousand processes' files that is cheap. A QEMU that
// calls itself otherwise (-name process=) is found by root only.
bool is_named_qemu(const HostReader& host, std::uint32_t process) {
  const auto name = host.read_file(format("/proc/{}/comm", process));
  return name && (name->find("qemu") != std::string::npos || trim(*name) == "kvm");
}

std::set<std::uint32_t> qemu_processes(const HostReader& host) {
  std::set<std::uint32_t> processes = processes_of_kvm(host);
  if (!processes.empty()) return processes;
  const auto names = host.list_directory("/proc");
  if (!names) return processes;
  for (const std::string& name : *names) {
    const auto process = parse_unsigned<std::uint32_t>(name);
    if (process && is_named_qemu(host, *process)) processes.insert(*process);
  }
  return processes;
}

// A row of /proc/PID/status; empty if it is not there.
std::string status_row(const HostReader& host, std::uint32_t process, std::string_view row) {
  const auto text = host.read_file(format("/proc/{}/status", process));
  if (!text) return {};
  for (const std::string_view line : lines(*text)) {
    if (line.starts_with(row)) return std::string(trim(line.substr(row.size())));
  }
  return {};
}

// CAP_IPC_LOCK (bit 14) lifts the limit (mm/mlock.c, can_do_mlock; vfio_lock_acct).
bool may_lock_anything(const HostReader& host, std::uint32_t process) {
  constexpr std::uint64_t kIpcLock = std::uint64_t{1} << 14U;
  const auto set = parse_hexadecimal<std::uint64_t>(status_row(host, process, "CapEff:"));
  return set && (*set & kIpcLock) != 0;
}

Fact<EffectiveMemoryLock> read_lock_of(const HostReader& host, std::uint32_t process) {
  const std::string path = format("/proc/{}/limits", process);
  if (may_lock_anything(host, process)) return {EffectiveMemoryLock(), path};
  const auto limit = read_memory_lock_limit(host, path);
  if (const MemoryLockLimit* known = limit.value()) return {known->soft, path};
  if (limit.unreadable() != nullptr) return *limit.unreadable();
  return {Absent{}, path};
}

Fact<std::string> read_intel_debug(const HostReader& host, std::uint32_t process) {
  constexpr std::string_view kName = "INTEL_DEBUG=";
  const std::string path = format("/proc/{}/environ", process);
  const auto text = host.read_file(path);
  if (!text) return fact_from_error<std::string>(text.error(), path);
  for (const std::string& variable : split_arguments(*text)) {
    if (variable.starts_with(kName)) return {variable.substr(kName.size()), path};
  }
  return {Absent{}, path};
}

// What QEMU of a VM of cleave said (run/vm_state.h, kLogFile): in the place of root's or of the
// user's VMs.
void read_own_log(const HostReader& host, VirtualMachine& machine) {
  constexpr std::size_t kOwnLogLimit = std::size_t{1} << 20U;
  const std::string& name = machine.settings.value()->name;
  if (name.empty() || name.find('/') != std::string::npos) return;
  const std::string row = status_row(host, machine.process_id, "Uid:");
  const auto users = words(row);
  const std::string user(users.empty() ? std::string_view("0") : users.front());
  for (const std::string& directory :
       {std::string("/run/cleave"), "/run/user/" + user + "/cleave"}) {
    const std::string path = format("{}/{}/qemu.log", directory, name);
    auto text = host.read_file(path, kOwnLogLimit);
    if (!text && text.error().code == ErrorCode::NotFound) continue;
    machine.said = text ? Fact<std::string>(std::move(*text), path)
                        : fact_from_error<std::string>(text.error(), path);
    return;
  }
}

void read_process(const HostReader& host, std::uint32_t process,
                  std::vector<VirtualMachine>& machines) {
  const std::string path = format("/proc/{}/cmdline", process);
  const auto text = host.read_file(path);
  // One that has ended meanwhile is no VM.
  if (!text && text.error().code == ErrorCode::NotFound) return;
  VirtualMachine machine;
  machine.place = path;
  machine.process_id = process;
  if (!text) {
    machine.settings = fact_from_error<GuestSettings>(text.error(), path);
    machines.push_back(std::move(machine));
    return;
  }
  const std::vector<std::string> arguments = split_arguments(*text);
  if (arguments.empty() || !is_qemu_program(arguments.front())) return;
  machine.program = arguments.front();
  machine.settings = {parse_qemu_command_line(arguments), path};
  if (!machine.settings.value()->devices.empty()) {
    machine.memory_lock = read_lock_of(host, process);
    machine.intel_debug = read_intel_debug(host, process);
    read_own_log(host, machine);
  }
  machines.push_back(std::move(machine));
}

// --- defined ones -----------------------------------------------------------------------------

// What QEMU of libvirt's VM said since it was last started.
void read_libvirt_log(const HostReader& host, const std::string& name, VirtualMachine& machine) {
  if (name.empty() || name.find('/') != std::string::npos) return;
  const std::string path = format("{}/{}.log", kLibvirtLogs, name);
  const auto text = host.read_file(path, kLogLimit);
  if (!text) {
    machine.said = fact_from_error<std::string>(text.error(), path);
    return;
  }
  LibvirtLog log = parse_libvirt_log(*text);
  machine.qemu_version = parse_package_version(log.qemu_version);
  if (log.said.size() > kMostSaid) log.said.erase(0, log.said.size() - kMostSaid);
  machine.said = {std::move(log.said), path};
  if (machine.settings.is_known() || log.arguments.empty()) return;
  machine.settings = {parse_qemu_command_line(log.arguments), path};
}

// The running VM of that name; null if there is none.
VirtualMachine* running(std::vector<VirtualMachine>& machines, std::string_view name) {
  const auto found = std::ranges::find_if(machines, [name](const VirtualMachine& machine) {
    const GuestSettings* settings = machine.settings.value();
    return machine.process_id != 0 && settings != nullptr && settings->name == name;
  });
  return found == machines.end() ? nullptr : &*found;
}

// "win11.xml" → "win11"; empty if it ends otherwise.
std::string name_without(std::string_view file, std::string_view ending) {
  if (!file.ends_with(ending) || file.size() == ending.size()) return {};
  file.remove_suffix(ending.size());
  return std::string(file);
}

void read_libvirt(const HostReader& host, VirtualMachineFacts& facts,
                  std::vector<VirtualMachine>& machines) {
  facts.libvirt = read_names_fact(host, kLibvirt, "/etc");
  const Names* names = facts.libvirt.value();
  if (names == nullptr) return;
  for (const std::string& file : *names) {
    const std::string name = name_without(file, ".xml");
    if (name.empty() || machines.size() >= kMostMachines) continue;
    if (VirtualMachine* machine = running(machines, name)) {
      machine->source = VmSource::Libvirt;
      continue;
    }
    VirtualMachine machine;
    machine.place = join_path(kLibvirt, file);
    machine.source = VmSource::Libvirt;
    const auto text = host.read_file(machine.place);
    const auto domain = text ? parse_libvirt_domain(*text) : std::nullopt;
    if (domain) {
      machine.settings = {domain->settings, machine.place};
      machine.program = domain->emulator;
    } else {
      machine.settings = Unreadable{.path = machine.place,
                                    .why = text ? "no definition of a domain" : why(text.error())};
    }
    machines.push_back(std::move(machine));
  }
}

void read_proxmox(const HostReader& host, VirtualMachineFacts& facts,
                  std::vector<VirtualMachine>& machines) {
  facts.proxmox = read_names_fact(host, kProxmox, "/etc");
  const Names* names = facts.proxmox.value();
  if (names == nullptr) return;
  for (const std::string& file : *names) {
    const std::string number = name_without(file, ".conf");
    if (number.empty() || machines.size() >= kMostMachines) continue;
    VirtualMachine machine;
    machine.place = join_path(kProxmox, file);
    machine.source = VmSource::Proxmox;
    if (const auto text = host.read_file(machine.place)) {
      GuestSettings settings = parse_proxmox_config(*text);
      if (settings.name.empty()) settings.name = "vm" + number;
      if (VirtualMachine* same = running(machines, settings.name)) {
        same->source = VmSource::Proxmox;
        continue;
      }
      machine.settings = {std::move(settings), machine.place};
    } else {
      machine.settings = fact_from_error<GuestSettings>(text.error(), machine.place);
    }
    machines.push_back(std::move(machine));
  }
}

// --- mediated devices that are to be made -----------------------------------------------------

}  // namespace

Fact<std::vector<MdevDefinition>> read_mdev_definitions(const HostReader& host) {
  constexpr std::size_t kMostDefinitions = 4096;
  const auto parents = read_names_fact(host, kMdevctl, "/etc");
  if (parents.unreadable() != nullptr) return *parents.unreadable();
  if (!parents.is_known()) return {Absent{}, kMdevctl};
  std::vector<MdevDefinition> definitions;
  for (const std::string& parent : *parents.value()) {
    // Scripts of older versions stand beside the parents (mdevctl's README).
    if (parent.ends_with(".d")) continue;
    const std::string directory = join_path(kMdevctl, parent);
    const auto names = host.list_directory(directory);
    if (!names) {
      // A file beside the directories is no parent.
      const auto status = host.status(directory);
      if (status && status->kind != FileKind::Directory) continue;
      return fact_from_error<std::vector<MdevDefinition>>(names.error(), directory);
    }
    for (const std::string& name : *names) {
      if (definitions.size() >= kMostDefinitions) break;
      const std::string path = join_path(directory, name);
      const auto text = host.read_file(path);
      MdevDefinition definition =
          parse_mdevctl_definition(parent, name, text ? *text : std::string());
      if (!text) definition.problem = why(text.error());
      definition.path = path;
      definitions.push_back(std::move(definition));
    }
  }
  return {std::move(definitions), kMdevctl};
}

VirtualMachineFacts read_virtual_machines(const HostReader& host) {
  VirtualMachineFacts facts;
  std::vector<VirtualMachine> machines;
  if (may_run_machines(host)) {
    for (const std::uint32_t process : qemu_processes(host)) {
      if (machines.size() < kMostMachines) read_process(host, process, machines);
    }
  }
  read_libvirt(host, facts, machines);
  read_proxmox(host, facts, machines);
  for (VirtualMachine& machine : machines) {
    const GuestSettings* settings = machine.settings.value();
    const bool uses_devices = settings == nullptr || !settings->devices.empty();
    if (machine.source != VmSource::Libvirt || !uses_devices) continue;
    const std::string name =
        settings != nullptr ? settings->name : name_without(base_name(machine.place), ".xml");
    read_libvirt_log(host, name, machine);
  }
  facts.machines = {std::move(machines), "/proc"};
  facts.mdev_definitions = read_mdev_definitions(host);
  return facts;
}

}  // namespace cleave
