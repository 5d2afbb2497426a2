// Cases of the rules that tell the modes of the ways apart; judged by rules_test.cc.
#include "unit/analysis/rule_cases.h"

namespace cleave::testing {
namespace {

constexpr PciAddress kFunction{0, 0, 2, 1};

void become(Facts& facts, std::uint16_t vendor, std::uint16_t device, const char* driver) {
  PciDevice& gpu = gpu_of(facts);
  gpu.vendor_id = vendor;
  gpu.device_id = device;
  gpu.driver = known<std::string>(driver, "driver");
  gpu.sriov_total_vfs = known(16U, "sriov_totalvfs");
  gpu.sriov_num_vfs = known(0U, "sriov_numvfs");
  facts.kernel.config = known(KernelConfig{{"PCI_IOV", "y"}}, "config");
}

// A professional card with NVIDIA's ordinary driver.
void nvidia(Facts& facts) {
  become(facts, 0x10DE, 0x26B9, "nvidia");
  gpu_of(facts).device_name = "AD102GL [L40S]";
}

void geforce(Facts& facts) {
  become(facts, 0x10DE, 0x2204, "nvidia");
  gpu_of(facts).device_name = "GA102 [GeForce RTX 3090]";
}

void add_function(Facts& facts, Fact<std::uint32_t> type) {
  PciDevice function;
  function.address = kFunction;
  function.sysfs_path = "/sys/bus/pci/devices/0000:00:02.1";
  function.vendor_id = 0x10DE;
  function.class_code = 0x030200;
  function.is_virtual_function = true;
  function.physical_function = gpu_of(facts).address;
  function.nvidia_vgpu_type = std::move(type);
  std::vector<PciDevice> devices = *facts.pci_devices.value();
  devices.push_back(function);
  facts.pci_devices = known(devices, "/sys/bus/pci/devices");
}

void nvidia_with_functions(Facts& facts) {
  nvidia(facts);
  add_function(facts, known(0U, "current_vgpu_type"));
}

void nvidia_mediated(Facts& facts) {
  nvidia(facts);
  register_parent(facts);
}

void tesla_t4(Facts& facts) {
  nvidia(facts);
  gpu_of(facts).device_name = "TU104GL [Tesla T4]";
  gpu_of(facts).sriov_total_vfs = {Absent{}, "sriov_totalvfs"};
}

void radeon(Facts& facts) {
  become(facts, 0x1002, 0x744C, "amdgpu");
  gpu_of(facts).sriov_total_vfs = {Absent{}, "sriov_totalvfs"};
}

void tiger_lake(Facts& facts, const char* dkms_kernel) {
  become(facts, 0x8086, 0x9A49, "i915");
  if (dkms_kernel == nullptr) return;
  facts.platform.dkms = known(
      std::vector{DkmsModule{"i915-sriov-dkms", "2025.07.22", {dkms_kernel}}}, "/var/lib/dkms");
}

std::vector<Case> function_cases() {
  return {
      {"sr_iov.nvidia_card", kPass, "vGPU types on a function", nvidia_with_functions},
      {"sr_iov.nvidia_card", kPass, "mediated devices", nvidia_mediated},
      {"sr_iov.nvidia_card", kFail, "GeForce", geforce},
      {"sr_iov.nvidia_card", kUnknown, "a professional card, nothing seen", nvidia},
      {"sr_iov.nvidia_card", kUnknown, "no name",
       [](Facts& f) {
         nvidia(f);
         gpu_of(f).device_name.reset();
       }},
      {"sr_iov.nvidia_card", kNone, "Intel", [](Facts&) {}},
      {"sr_iov.nvidia_vgpu", kPass, "vGPU types on a function", nvidia_with_functions},
      {"sr_iov.nvidia_vgpu", kPass, "the module is loaded",
       [](Facts& f) {
         nvidia(f);
         f.kernel.modules["nvidia_vgpu_vfio"].loaded = true;
       }},
      {"sr_iov.nvidia_vgpu", kFail, "the ordinary driver", nvidia},
      {"sr_iov.nvidia_vgpu", kUnknown, "no list of modules",
       [](Facts& f) {
         nvidia(f);
         f.kernel.module_list = kClosed;
       }},
      {"sr_iov.nvidia_functions", kPass, "one", nvidia_with_functions},
      {"sr_iov.nvidia_functions", kPass, "mediated devices", nvidia_mediated},
      {"sr_iov.nvidia_functions", kFail, "none", nvidia},
      {"sr_iov.nvidia_functions", kFail, "one without vGPU types",
       [](Facts& f) {
         nvidia(f);
         add_function(f, {Absent{}, "current_vgpu_type"});
       }},
      {"sr_iov.nvidia_functions", kUnknown, "closed",
       [](Facts& f) {
         nvidia(f);
         gpu_of(f).sriov_num_vfs = kClosed;
       }},
      {"sr_iov.hardware", kUnknown, "a Tesla without the capability", tesla_t4},
      {"sr_iov.hardware", kPass, "a Tesla with mediated devices",
       [](Facts& f) {
         tesla_t4(f);
         register_parent(f);
       }},
      {"sr_iov.amd_card", kPass, "MI300X", [](Facts& f) { become(f, 0x1002, 0x74A1, "amdgpu"); }},
      {"sr_iov.amd_card", kPass, "gim drives it",
       [](Facts& f) { become(f, 0x1002, 0x7FFF, "gim"); }},
      {"sr_iov.amd_card", kFail, "a Radeon", radeon},
      {"sr_iov.amd_card", kUnknown, "another with the capability",
       [](Facts& f) { become(f, 0x1002, 0x73A1, "amdgpu"); }},
      {"sr_iov.amd_card", kNone, "Intel", [](Facts&) {}},
      {"sr_iov.hardware", kPass, "MI300X", [](Facts& f) { become(f, 0x1002, 0x74A1, "amdgpu"); }},
      {"sr_iov.in_tree_driver", kPass, "no DKMS", [](Facts& f) { tiger_lake(f, nullptr); }},
      {"sr_iov.in_tree_driver", kFail, "DKMS", [](Facts& f) { tiger_lake(f, "6.8.0-60-generic"); }},
      {"sr_iov.in_tree_driver", kUnknown, "closed",
       [](Facts& f) {
         tiger_lake(f, nullptr);
         f.platform.dkms = kClosed;
       }},
      {"sr_iov.in_tree_driver", kNone, "Battlemage",
       [](Facts& f) { become(f, 0x8086, 0xE20B, "xe"); }},
      {"sr_iov.dkms_module", kPass, "built", [](Facts& f) { tiger_lake(f, "6.8.0-60-generic"); }},
      {"sr_iov.dkms_module", kFail, "for another kernel",
       [](Facts& f) { tiger_lake(f, "6.8.0-59-generic"); }},
      {"sr_iov.dkms_module", kFail, "no DKMS", [](Facts& f) { tiger_lake(f, nullptr); }},
      {"sr_iov.dkms_module", kUnknown, "closed",
       [](Facts& f) {
         tiger_lake(f, nullptr);
         f.platform.dkms = kClosed;
       }},
  };
}

void set_widths(Facts& facts, std::uint8_t iommu, std::uint32_t processor) {
  IommuUnit unit;
  unit.name = "dmar0";
  VtdCapabilities capabilities;
  capabilities.max_guest_address_bits = iommu;
  unit.capabilities = known(capabilities, "/sys/class/iommu/dmar0/intel-iommu/cap");
  facts.iommu.registers = {unit};
  CpuFacts cpu = *facts.cpu.value();
  cpu.physical_address_bits = processor;
  facts.cpu = known(cpu, "/proc/cpuinfo");
}

// The firmware's console is on the GPU, and this is what draws it.
std::function<void(Facts&)> console(const char* framebuffer, const char* release) {
  return [=](Facts& facts) {
    gpu_of(facts).boot_display = known(true, "boot_vga");
    facts.platform.framebuffers = known(std::vector<std::string>{framebuffer}, "/proc/fb");
    facts.kernel.release = known<std::string>(release, "osrelease");
  };
}

// A table whose RMRR names 00:02.0 and one that names a network card in the same group.
void reserve_memory(Facts& facts, std::uint8_t device, std::uint32_t class_code) {
  PciDevice other;
  other.address = {0, 0, device, 0};
  other.path = {other.address};
  other.class_code = class_code;
  other.iommu_group = gpu_of(facts).iommu_group;
  std::vector<PciDevice> devices = {gpu_of(facts), other};
  devices.front().path = {devices.front().address};
  facts.pci_devices = known(devices, "/sys/bus/pci/devices");
  DmarTable table;
  DmarStructure rmrr;
  rmrr.body = Rmrr{};
  for (const std::uint8_t named : {std::uint8_t{2}, device}) {
    DeviceScope scope;
    scope.type = 1;
    scope.path = {{named, 0}};
    rmrr.device_scopes.push_back(scope);
  }
  table.structures.push_back(rmrr);
  facts.iommu.dmar = known(table, "DMAR");
}

std::vector<Case> whole_cases() {
  const auto device = [](std::uint16_t id) { return [id](Facts& f) { gpu_of(f).device_id = id; }; };
  return {
      {"passthrough.igd_generation", kPass, "Comet Lake", [](Facts&) {}},
      {"passthrough.igd_generation", kPass, "Sandy Bridge", device(0x0126)},
      {"passthrough.igd_generation", kFail, "Ice Lake", device(0x8A52)},
      {"passthrough.igd_generation", kFail, "Tiger Lake", device(0x9A49)},
      {"passthrough.igd_generation", kUnknown, "of the future", device(0xFFF0)},
      {"passthrough.igd_generation", kNone, "a card", radeon},
      {"passthrough.primary_display", kPass, "boot_vga",
       [](Facts& f) { gpu_of(f).boot_display = known(true, "boot_vga"); }},
      {"passthrough.primary_display", kFail, "another is",
       [](Facts& f) { gpu_of(f).boot_display = known(false, "boot_vga"); }},
      {"passthrough.primary_display", kFail, "class 0380",
       [](Facts& f) { gpu_of(f).class_code = 0x038000; }},
      {"passthrough.primary_display", kUnknown, "closed",
       [](Facts& f) { gpu_of(f).boot_display = kClosed; }},
      {"passthrough.address_width", kPass, "39 and 39", [](Facts& f) { set_widths(f, 39, 39); }},
      {"passthrough.address_width", kFail, "42 and 46", [](Facts& f) { set_widths(f, 42, 46); }},
      {"passthrough.address_width", kUnknown, "no sizes", [](Facts& f) { set_widths(f, 39, 0); }},
      {"passthrough.address_width", kUnknown, "no registers", [](Facts&) {}},
      {"passthrough.address_width", kUnknown, "closed", [](Facts& f) { f.iommu.units = kClosed; }},
      {"passthrough.address_width", kNone, "no IOMMU",
       [](Facts& f) { f.iommu.units = {Absent{}, "iommu"}; }},
      {"passthrough.framebuffer_holds", kPass, "i915", console("i915drmfb", "5.10.0")},
      {"passthrough.framebuffer_holds", kFail, "EFI VGA on 5.10", console("EFI VGA", "5.10.0")},
      {"passthrough.framebuffer_holds", kFail, "simpledrm on 5.19",
       console("simpledrmdrmfb", "5.19.0")},
      {"passthrough.framebuffer_holds", kPass, "EFI VGA on 6.1", console("EFI VGA", "6.1.0")},
      {"passthrough.framebuffer_holds", kUnknown, "closed",
       [](Facts& f) {
         gpu_of(f).boot_display = known(true, "boot_vga");
         f.platform.framebuffers = kClosed;
       }},
      {"passthrough.framebuffer_holds", kNone, "another GPU's console",
       [](Facts& f) { gpu_of(f).boot_display = known(false, "boot_vga"); }},
      {"passthrough.reserved_memory", kFail, "of a network card",
       [](Facts& f) { reserve_memory(f, 3, 0x020000); }},
      {"passthrough.reserved_memory", kPass, "of a USB controller",
       [](Facts& f) { reserve_memory(f, 3, 0x0C0330); }},
      {"passthrough.reserved_memory", kUnknown, "for root only",
       [](Facts& f) { f.iommu.dmar = kClosed; }},
      {"passthrough.reserved_memory", kNone, "no DMAR",
       [](Facts& f) { f.iommu.dmar = {Absent{}, "DMAR"}; }},
      {"virtio_gpu.native_driver", kPass, "i915", [](Facts&) {}},
      {"virtio_gpu.native_driver", kFail, "nouveau",
       [](Facts& f) { gpu_of(f).driver = known<std::string>("nouveau", "driver"); }},
      {"virtio_gpu.native_driver", kUnknown, "closed",
       [](Facts& f) { gpu_of(f).driver = kClosed; }},
      {"virtio_gpu.native_driver", kNone, "none",
       [](Facts& f) { gpu_of(f).driver = {Absent{}, "driver"}; }},
      {"virtio_gpu.draws", kPass, "a display controller", [](Facts&) {}},
      {"passthrough.host_display", kPass, "a 3D controller has no outputs",
       [](Facts& f) {
         radeon(f);
         gpu_of(f).class_code = 0x030200;
         f.drm_cards = known(std::vector<DrmCard>(), "/sys/class/drm");
       }},
      {"virtio_gpu.draws", kFail, "an accelerator computes only",
       [](Facts& f) {
         become(f, 0x1002, 0x74A1, "amdgpu");
         gpu_of(f).class_code = 0x120000;
       }},
  };
}

}  // namespace

std::vector<Case> mode_cases() {
  std::vector<Case> cases = function_cases();
  const std::vector<Case> whole = whole_cases();
  cases.insert(cases.end(), whole.begin(), whole.end());
  return cases;
}

}  // namespace cleave::testing
