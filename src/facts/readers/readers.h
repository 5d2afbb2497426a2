// The readers that read_facts joins, one source of facts per file. Each looks through a
// HostReader, which cannot write. What may not be read becomes Unreadable, never Absent.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "facts/facts.h"
#include "host/host.h"

namespace cleave {

// --- reading one attribute (attribute.cc)

// Absent for NotFound, otherwise Unreadable with the system's words.
template <typename T>
Fact<T> fact_from_error(const Error& error, std::string_view path);

// What the file says, without blanks around it.
Fact<std::string> read_text_fact(const HostReader& host, const std::string& path);
// A decimal number. Text that is none is Unreadable.
Fact<std::uint32_t> read_number_fact(const HostReader& host, const std::string& path);
// The last part of a link's target: a bound driver, an IOMMU group.
Fact<std::string> read_link_name_fact(const HostReader& host, const std::string& path);
// As above, where the name is a number.
Fact<std::uint32_t> read_link_number_fact(const HostReader& host, const std::string& path);
// The names in a directory. Where the directory is missing, `subsystem` (which exists wherever
// sysfs is mounted) tells "the kernel has none" from "sysfs cannot be seen here".
Fact<std::vector<std::string>> read_names_fact(const HostReader& host, const std::string& path,
                                               const std::string& subsystem);
// The system's words for an error.
std::string why(const Error& error);

// --- the sources

Fact<CpuFacts> read_cpu(const HostReader& host);  // cpu.cc
KvmFacts read_kvm(const HostReader& host);        // kvm.cc
IommuFacts read_iommu(const HostReader& host);    // iommu.cc
// limits.cc; of any process
Fact<MemoryLockLimit> read_memory_lock_limit(const HostReader& host,
                                             const std::string& path = "/proc/self/limits");
// pci.cc
Fact<std::vector<PciDevice>> read_pci_devices(const HostReader& host);
// Of `names` those that are addresses and there, without their names of pci.ids.
Fact<std::vector<PciDevice>> read_pci_devices_of(const HostReader& host,
                                                 const std::vector<std::string>& names);

// mdev.cc
// Of `only`, if there is such a parent, and then of no other: each has a file for each of a dozen
// types.
Fact<std::vector<MdevParent>> read_mdev_parents(
    const HostReader& host, const std::optional<std::string>& only = std::nullopt);
Fact<std::vector<MediatedDevice>> read_mediated_devices(const HostReader& host);

// Release, version and command line; configuration and modules have readers of their own.
KernelFacts read_running_kernel(const HostReader& host);  // kernel.cc
Fact<KernelConfig> read_kernel_config(const HostReader& host, std::string_view release);
// Fills modules, module_list and module_files for `names` (with underscores).
void read_modules(const HostReader& host, const std::set<std::string, std::less<>>& names,
                  KernelFacts& kernel);  // modules.cc

// system.cc
Fact<std::uint64_t> read_memory_bytes(const HostReader& host);
Fact<std::string> read_product(const HostReader& host);
Fact<std::string> read_distribution(const HostReader& host);
Fact<std::vector<std::string>> read_render_nodes(const HostReader& host);
bool read_is_root(const HostReader& host);

Fact<std::string> read_kernel_log(const HostReader& host);         // kernel_log.cc
Fact<std::string> read_previous_boot_log(const HostReader& host);  // kernel_log.cc
SessionFacts read_session(const HostReader& host);                 // session.cc
UserFacts read_user(const HostReader& host);                       // session.cc
Fact<FirmwareFiles> read_gpu_firmware(const HostReader& host,
                                      std::string_view release);  // firmware_files.cc
// Of the processor `cpu`, Intel's or AMD's register (cpu.cc).
Fact<VirtualisationSwitch> read_virtualisation_switch(const HostReader& host,
                                                      const Fact<CpuFacts>& cpu);
PlatformFacts read_platform(const HostReader& host);  // platform.cc
Fact<bool> read_vfio_groups(const HostReader& host);  // platform.cc: PlatformFacts::vfio_groups
BootFacts read_boot(const HostReader& host);          // boot.cc
// qemu.cc; `kept_in`: the directories where answers of QEMU are, the first that has any decides;
// `builds`: directories of QEMUs that cleave built.
QemuFacts read_qemu(const HostReader& host, const std::vector<std::string>& kept_in,
                    const std::vector<std::string>& builds = {});
// One program by its path; empty if there is none.
std::optional<QemuProgram> read_qemu_program(const HostReader& host, const std::string& path,
                                             const std::vector<std::string>& kept_in);
void read_packages(const HostReader& host, QemuFacts& qemu);  // packages.cc: fills versions
// packages.cc; the program that draws a guest's Vulkan, where virglrenderer installs it. Absent if
// it is at none of the usual places: it may be at another.
Fact<std::string> read_render_server(const HostReader& host);
// virtual_machines.cc
VirtualMachineFacts read_virtual_machines(const HostReader& host);
Fact<std::vector<MdevDefinition>> read_mdev_definitions(const HostReader& host);
Fact<std::vector<DrmCard>> read_drm_cards(const HostReader& host);  // drm.cc

Fact<std::vector<UsbDevice>> read_usb_devices(const HostReader& host);  // usb.cc

// host_uses.cc; not for captures: mount points are named by people.
HostUses read_host_uses(const HostReader& host);

// Fills `users` and `users_complete` of PCI and mediated devices. Looks through all processes once,
// and only if there is a device that one of them could have open.
void read_device_users(const HostReader& host, Facts& facts);  // device_users.cc

// Fills vendor_name and device_name, of GPUs or of all but bridges (pci_ids.cc).
enum class PciNames : std::uint8_t { OfGpus, OfAll };
void read_pci_names(const HostReader& host, std::vector<PciDevice>& devices,
                    PciNames which = PciNames::OfGpus);

// ---------------------------------------------------------------------------------------------

template <typename T>
Fact<T> fact_from_error(const Error& error, std::string_view path) {
  if (error.code == ErrorCode::NotFound) return Fact<T>(Absent{}, std::string(path));
  return Fact<T>(Unreadable{.path = std::string(path), .why = why(error)});
}

}  // namespace cleave
