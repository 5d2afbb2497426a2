// Cases of the rules about passthrough and virtio-gpu; judged by rules_test.cc.
#include "unit/analysis/rule_cases.h"

namespace cleave::testing {
namespace {

void no_group(Facts& facts) { gpu_of(facts).iommu_group = {Absent{}, "iommu_group"}; }

void iommu_off(Facts& facts) {
  no_group(facts);
  facts.iommu.groups = known(0U, "/sys/kernel/iommu_groups");
}

// Beside the GPU in its group.
PciDevice& add_device(Facts& facts, PciAddress address, std::uint32_t class_code) {
  std::vector<PciDevice> devices = *facts.pci_devices.value();
  PciDevice device;
  device.address = address;
  device.vendor_id = 0x8086;
  device.class_code = class_code;
  device.iommu_group = known(1U, "iommu_group");
  devices.push_back(device);
  facts.pci_devices = known(devices, "/sys/bus/pci/devices");
  return const_cast<PciDevice&>(facts.pci_devices.value()->back());
}

void second_gpu(Facts& facts) {
  add_device(facts, {0, 1, 0, 0}, 0x030000).iommu_group = known(2U, "iommu_group");
}

void cards(Facts& facts, std::vector<DrmCard> list) {
  facts.drm_cards = known(std::move(list), "/sys/class/drm");
}

void boot_gpu(Facts& facts) {
  second_gpu(facts);
  gpu_of(facts).boot_display = known(true, "boot_vga");
}

void see_opregion(Facts& facts, std::optional<std::uint32_t> address) {
  PciConfig config;
  config.capabilities_seen = true;
  config.opregion_address = address;
  gpu_of(facts).config = known(config, "config");
}

void see_reset(Facts& facts, bool function_level) {
  PciConfig config;
  config.function_level_reset = function_level;
  gpu_of(facts).config = known(config, "config");
  gpu_of(facts).reset_methods = {Absent{}, "reset_method"};
}

void no_vfio(Facts& facts, const char* configured) {
  facts.kernel.modules["vfio_pci"] = {};
  facts.kernel.module_files = known(true, "modules.dep");
  facts.kernel.config = known(KernelConfig{{"VFIO_PCI", configured}}, "config");
}

void configure_vga(Facts& facts, const char* value) {
  ModprobeFacts modprobe;
  parse_modprobe_file(std::string("options vfio-pci disable_vga=") + value,
                      "/etc/modprobe.d/v.conf", modprobe);
  facts.platform.modprobe = known(modprobe, "/etc/modprobe.d");
}

std::vector<Case> group_cases() {
  return {
      {"passthrough.iommu_group", kPass, "a group", [](Facts&) {}},
      {"passthrough.iommu_group", kFail, "none", no_group},
      {"passthrough.iommu_group", kFail, "none, and the groups are closed",
       [](Facts& f) {
         no_group(f);
         f.iommu.groups = kClosed;
       }},
      {"passthrough.iommu_group", kUnknown, "closed",
       [](Facts& f) { gpu_of(f).iommu_group = kClosed; }},
      {"passthrough.kernel_quirk", kPass, "a group", [](Facts&) {}},
      {"passthrough.kernel_quirk", kFail, "left out", no_group},
      {"passthrough.kernel_quirk", kNone, "left out on request",
       [](Facts& f) {
         no_group(f);
         set_command_line(f, "intel_iommu=on,igfx_off");
       }},
      {"passthrough.kernel_quirk", kNone, "no IOMMU", iommu_off},
      {"passthrough.kernel_quirk", kUnknown, "no IOMMU, on mainline's list",
       [](Facts& f) {
         iommu_off(f);
         gpu_of(f).device_id = 0x1616;
       }},
      {"passthrough.kernel_quirk", kUnknown, "groups closed",
       [](Facts& f) {
         no_group(f);
         f.iommu.groups = kClosed;
       }},
      {"passthrough.kernel_quirk", kNone, "AMD", [](Facts& f) { gpu_of(f).vendor_id = 0x1002; }},
      {"passthrough.group_members", kPass, "alone", [](Facts&) {}},
      {"passthrough.group_members", kPass, "a bridge and its own function",
       [](Facts& f) {
         add_device(f, {0, 0, 1, 0}, 0x060400);
         add_device(f, {0, 0, 2, 1}, 0x038000);
       }},
      {"passthrough.group_members", kFail, "a network card",
       [](Facts& f) { add_device(f, {0, 3, 0, 0}, 0x020000); }},
      {"passthrough.group_members", kUnknown, "another device's group is closed",
       [](Facts& f) { add_device(f, {0, 3, 0, 0}, 0x020000).iommu_group = kClosed; }},
      {"passthrough.group_members", kUnknown, "closed",
       [](Facts& f) { gpu_of(f).iommu_group = kClosed; }},
      {"passthrough.group_members", kNone, "no group", no_group},
  };
}

std::vector<Case> display_cases() {
  const PciAddress first = {0, 0, 2, 0};
  const PciAddress second = {0, 1, 0, 0};
  return {
      {"passthrough.host_display", kFail, "the only GPU", [](Facts&) {}},
      {"passthrough.host_display", kPass, "a second GPU", second_gpu},
      {"passthrough.host_display", kFail, "a display",
       [=](Facts& f) {
         second_gpu(f);
         cards(f, {card_of(first, {"eDP-1"})});
       }},
      {"passthrough.host_display", kPass, "a display on the other",
       [=](Facts& f) {
         boot_gpu(f);
         cards(f, {card_of(first, {}), card_of(second, {"DP-1"})});
       }},
      {"passthrough.host_display", kFail, "the firmware's console, no display seen", boot_gpu},
      {"passthrough.host_display", kFail, "the firmware's framebuffer, which is no GPU's",
       [](Facts& f) {
         boot_gpu(f);
         DrmCard simple;
         simple.connected = {"Unknown-1"};
         cards(f, {simple});
       }},
      {"passthrough.host_display", kUnknown, "closed",
       [](Facts& f) {
         second_gpu(f);
         f.drm_cards = kClosed;
       }},
      {"passthrough.reset", kPass, "flr",
       [](Facts& f) { gpu_of(f).reset_methods = known<std::string>("flr bus", "reset_method"); }},
      {"passthrough.reset", kPass, "told by the capability", [](Facts& f) { see_reset(f, true); }},
      {"passthrough.reset", kFail, "none", [](Facts& f) { see_reset(f, false); }},
      {"passthrough.reset", kUnknown, "a kernel that does not tell",
       [](Facts& f) {
         see_reset(f, false);
         f.kernel.release = known<std::string>("5.10.0-30-amd64", "osrelease");
       }},
      {"passthrough.reset", kUnknown, "closed",
       [](Facts& f) { gpu_of(f).reset_methods = kClosed; }},
      {"passthrough.opregion", kPass, "there", [](Facts& f) { see_opregion(f, 0x7B3A5018); }},
      {"passthrough.opregion", kFail, "none", [](Facts& f) { see_opregion(f, 0); }},
      {"passthrough.opregion", kFail, "all ones", [](Facts& f) { see_opregion(f, 0xFFFFFFFF); }},
      {"passthrough.opregion", kUnknown, "64 bytes", [](Facts& f) { see_opregion(f, {}); }},
      {"passthrough.opregion", kUnknown, "closed", [](Facts& f) { gpu_of(f).config = kClosed; }},
      {"passthrough.opregion", kNone, "a card of Intel's",
       [](Facts& f) { gpu_of(f).address = {0, 3, 0, 0}; }},
  };
}

std::vector<Case> module_cases() {
  return {
      {"passthrough.module_vfio_pci", kPass, "loaded",
       [](Facts& f) { f.kernel.modules["vfio_pci"].loaded = true; }},
      {"passthrough.module_vfio_pci", kPass, "on disk",
       [](Facts& f) {
         no_vfio(f, "m");
         f.kernel.modules["vfio_pci"].on_disk = true;
       }},
      {"passthrough.module_vfio_pci", kPass, "built in", [](Facts& f) { no_vfio(f, "y"); }},
      {"passthrough.module_vfio_pci", kFail, "not installed", [](Facts& f) { no_vfio(f, "m"); }},
      {"passthrough.module_vfio_pci", kFail, "not configured",
       [](Facts& f) {
         no_vfio(f, "n");
         f.kernel.module_files = kClosed;
       }},
      {"passthrough.module_vfio_pci", kUnknown, "no list of modules",
       [](Facts& f) {
         no_vfio(f, "m");
         f.kernel.module_files = {Absent{}, "modules.dep"};
       }},
      {"passthrough.module_vfio_pci", kUnknown, "closed",
       [](Facts& f) {
         no_vfio(f, "m");
         f.kernel.module_files = kClosed;
       }},
      {"passthrough.disable_vga", kPass, "not given", [](Facts&) {}},
      {"passthrough.disable_vga", kFail, "given",
       [](Facts& f) { set_command_line(f, "vfio-pci.disable_vga=1"); }},
      {"passthrough.disable_vga", kFail, "given without a value",
       [](Facts& f) { set_command_line(f, "vfio-pci.disable_vga"); }},
      {"passthrough.disable_vga", kPass, "taken back",
       [](Facts& f) { set_command_line(f, "vfio-pci.disable_vga=1 vfio_pci.disable_vga=0"); }},
      {"passthrough.disable_vga", kFail, "in modprobe.d", [](Facts& f) { configure_vga(f, "1"); }},
      {"passthrough.disable_vga", kPass, "0 in modprobe.d",
       [](Facts& f) { configure_vga(f, "0"); }},
      {"passthrough.disable_vga", kUnknown, "modprobe.d closed",
       [](Facts& f) { f.platform.modprobe = kClosed; }},
      {"passthrough.disable_vga", kUnknown, "closed",
       [](Facts& f) { set_parameter(f, "vfio_pci", "disable_vga", kClosed); }},
      {"passthrough.disable_vga", kNone, "NVIDIA", [](Facts& f) { gpu_of(f).vendor_id = 0x10DE; }},
  };
}

}  // namespace

std::vector<Case> passthrough_cases() {
  std::vector<Case> cases = group_cases();
  for (const auto& more : {display_cases(), module_cases()}) {
    cases.insert(cases.end(), more.begin(), more.end());
  }
  return cases;
}

std::vector<Case> virtio_gpu_cases() {
  const auto release = [](const char* text) {
    return [text](Facts& f) { f.kernel.release = known<std::string>(text, "osrelease"); };
  };
  const auto nodes = [](std::vector<NodeAccess> list) {
    return [list](Facts& f) { f.platform.render_nodes = known(list, "/dev/dri"); };
  };
  return {
      {"virtio_gpu.render_node", kPass, "there", [](Facts&) {}},
      {"virtio_gpu.render_node", kFail, "a card that does not draw",
       [](Facts& f) {
         DrmCard card = card_of({0, 0, 2, 0}, {});
         card.render_node.clear();
         cards(f, {card});
       }},
      {"virtio_gpu.render_node", kFail, "another GPU's",
       [](Facts& f) { cards(f, {card_of({0, 1, 0, 0}, {})}); }},
      {"virtio_gpu.render_node", kFail, "no drivers at all",
       [](Facts& f) { f.drm_cards = {Absent{}, "/sys/class/drm"}; }},
      {"virtio_gpu.render_node", kUnknown, "closed", [](Facts& f) { f.drm_cards = kClosed; }},
      {"virtio_gpu.render_access", kPass, "open", [](Facts&) {}},
      {"virtio_gpu.render_access", kFail, "closed to this user",
       nodes({{"/dev/dri/renderD128", 0660, 0, 105, false}})},
      {"virtio_gpu.render_access", kFail, "no such node", nodes({})},
      {"virtio_gpu.render_access", kUnknown, "closed",
       [](Facts& f) { f.platform.render_nodes = kClosed; }},
      {"virtio_gpu.render_access", kNone, "no card", [](Facts& f) { cards(f, {}); }},
      {"virtio_gpu.kernel_blobs", kPass, "6.13", release("6.13.0-1")},
      {"virtio_gpu.kernel_blobs", kFail, "6.8", [](Facts&) {}},
      {"virtio_gpu.kernel_blobs", kUnknown, "no number", release("custom")},
      {"virtio_gpu.kernel_blobs", kUnknown, "closed", [](Facts& f) { f.kernel.release = kClosed; }},
  };
}

}  // namespace cleave::testing
