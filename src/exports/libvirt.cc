// libvirt's domain XML (docs/formatdomain.rst), and the XML of the node device for a vGPU
// (docs/formatnode.rst). Elements and attributes are those of libvirt 9.0 and older, so that a
// stable distribution takes them.
#include <algorithm>
#include <array>

#include "base/format.h"
#include "base/text.h"
#include "exports/formats.h"
#include "exports/libvirt_devices.h"
#include "exports/remembered.h"
#include "exports/xml_text.h"
#include "facts/pci.h"
#include "vm/device_arguments.h"

namespace cleave {
namespace {

constexpr const char* kQemuSpace = "http://libvirt.org/schemas/domain/qemu/1.0";
constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20U;

// "1,4,5" for <vcpupin cpuset=…>.
std::string cpu_set(const std::vector<std::uint32_t>& cpus) {
  std::vector<std::string> numbers;
  for (const std::uint32_t cpu : cpus) numbers.push_back(std::to_string(cpu));
  return join(numbers, ",");
}

void write_processors(const Vm& vm, XmlText& xml) {
  xml.element("vcpu", {{"placement", "static"}}, std::to_string(vm.cpus));
  const auto threads = std::ranges::count_if(vm.disks, &Vm::Disk::iothread);
  if (threads > 0) xml.element("iothreads", {}, std::to_string(threads));
  if (vm.pin.empty()) return;
  xml.open("cputune");
  for (std::size_t i = 0; i < vm.pin.size(); ++i) {
    xml.element("vcpupin", {{"vcpu", std::to_string(i)}, {"cpuset", cpu_set(vm.pin[i])}});
  }
  xml.close();
}

void write_memory(const Vm& vm, XmlText& xml) {
  const std::string size = std::to_string(vm.memory_bytes / kMebibyte);
  xml.element("memory", {{"unit", "MiB"}}, size);
  xml.element("currentMemory", {{"unit", "MiB"}}, size);
  const bool shared = needs_shared_memory(vm);
  if (!shared && !vm.huge_pages) return;
  xml.open("memoryBacking");
  if (vm.huge_pages) xml.element("hugepages");
  xml.element("source", {{"type", "memfd"}});
  xml.element("access", {{"mode", "shared"}});
  xml.close();
}

void write_firmware(const Vm& vm, const ExportHost& host, XmlText& xml) {
  const StartResources::Firmware& files = host.resources.firmware;
  const std::string secure = vm.firmware.secure_boot ? "yes" : "no";
  if (!vm.firmware.code.empty()) {
    xml.element("loader", {{"readonly", "yes"}, {"secure", secure}, {"type", "pflash"}},
                vm.firmware.code);
  } else {
    xml.open("firmware");
    xml.element("feature", {{"enabled", secure}, {"name", "enrolled-keys"}});
    xml.element("feature", {{"enabled", secure}, {"name", "secure-boot"}});
    xml.close();
  }
  const std::string& nvram = vm.firmware.nvram.empty() ? files.nvram : vm.firmware.nvram;
  // Which template belongs to the firmware that libvirt chooses it knows itself.
  XmlAttributes attributes;
  if (!vm.firmware.code.empty() && !host.nvram_template.empty()) {
    attributes.emplace_back("template", host.nvram_template);
  }
  if (!nvram.empty()) xml.element("nvram", attributes, nvram);
}

void write_system(const Vm& vm, const ExportHost& host, XmlText& xml) {
  const bool chooses = vm.firmware.uefi && vm.firmware.code.empty();
  xml.open("os", chooses ? XmlAttributes{{"firmware", "efi"}} : XmlAttributes{});
  xml.element("type", {{"arch", "x86_64"}, {"machine", vm.machine}}, "hvm");
  if (vm.firmware.uefi) write_firmware(vm, host, xml);
  if (!vm.kernel.empty()) xml.element("kernel", {}, vm.kernel);
  if (!vm.initrd.empty()) xml.element("initrd", {}, vm.initrd);
  if (!vm.kernel_arguments.empty()) xml.element("cmdline", {}, vm.kernel_arguments);
  xml.close();
}

// The same that vm/command_line.cc gives a guest.
void write_features(const Vm& vm, XmlText& xml) {
  xml.open("features");
  xml.element("acpi");
  xml.element("apic");
  if (vm.hyperv) {
    xml.open("hyperv", {{"mode", "custom"}});
    xml.element("relaxed", {{"state", "on"}});
    xml.element("vapic", {{"state", "on"}});
    xml.element("spinlocks", {{"state", "on"}, {"retries", "8191"}});  // 0x1fff
    for (const char* name :
         {"vpindex", "runtime", "synic", "stimer", "frequencies", "tlbflush", "ipi"}) {
      xml.element(name, {{"state", "on"}});
    }
    xml.close();
  }
  if (vm.firmware.secure_boot) xml.element("smm", {{"state", "on"}});
  xml.close();
}

// "host,hv_time=on" → what of it libvirt has an element for; false if there is more.
bool write_cpu(const Vm& vm, XmlText& xml) {
  const auto parts = split(vm.cpu, ',');
  const std::string_view model = parts.front();
  XmlAttributes attributes = {{"mode", "custom"}, {"match", "exact"}, {"check", "none"}};
  if (model == "host") attributes = {{"mode", "host-passthrough"}, {"check", "none"}};
  if (model == "max") attributes = {{"mode", "maximum"}, {"check", "none"}};
  xml.open("cpu", attributes);
  if (model != "host" && model != "max") {
    xml.element("model", {{"fallback", "forbid"}}, model);
  }
  xml.element("topology", {{"sockets", std::to_string(vm.topology.sockets)},
                           {"dies", "1"},
                           {"cores", std::to_string(vm.topology.cores)},
                           {"threads", std::to_string(vm.topology.threads)}});
  bool all = true;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const auto sign = parts[i].find('=');
    const std::string_view name = parts[i].substr(0, sign);
    const std::string_view value =
        sign == std::string_view::npos ? std::string_view() : parts[i].substr(sign + 1);
    const bool is_flag =
        (value == "on" || value == "off") && !name.starts_with("hv") && !name.starts_with("kvm");
    all = all && is_flag;
    if (!is_flag) continue;
    xml.element("feature",
                {{"policy", value == "on" ? "require" : "disable"}, {"name", std::string(name)}});
  }
  xml.close();
  return all;
}

void write_clock(const Vm& vm, XmlText& xml) {
  xml.open("clock", {{"offset", vm.clock}});
  if (vm.clock == "localtime") {
    xml.element("timer", {{"name", "rtc"}, {"tickpolicy", "catchup"}});
    if (vm.accelerator == "kvm") {
      xml.element("timer", {{"name", "pit"}, {"tickpolicy", "delay"}});
    }
  }
  if (vm.hyperv) {
    xml.element("timer", {{"name", "hpet"}, {"present", "no"}});
    xml.element("timer", {{"name", "hypervclock"}, {"present", "yes"}});
  }
  xml.close();
}

void write_remembered(const Vm& vm, XmlText& xml) {
  xml.open("metadata");
  xml.element("cleave:definition", {{"xmlns:cleave", kRememberedSpace}}, remembered_text(vm));
  xml.close();
}

// What libvirt has no element for, as QEMU's own arguments and properties.
void write_qemu_parts(const LibvirtDevices& devices, const Vm& vm, XmlText& xml) {
  std::vector<std::string> arguments = devices.arguments;
  arguments.insert(arguments.end(), vm.extra_arguments.begin(), vm.extra_arguments.end());
  if (!arguments.empty()) {
    xml.open("qemu:commandline");
    for (const std::string& argument : arguments) {
      xml.element("qemu:arg", {{"value", argument}});
    }
    xml.close();
  }
  if (devices.overrides.empty()) return;
  xml.open("qemu:override");
  for (const LibvirtOverride& device : devices.overrides) {
    xml.open("qemu:device", {{"alias", device.alias}});
    xml.open("qemu:frontend");
    for (const auto& [name, value] : device.properties) {
      const bool is_number = parse_unsigned<std::uint32_t>(value).has_value();
      const bool is_truth = value == "on" || value == "off";
      const char* type = is_number ? "unsigned" : is_truth ? "bool" : "string";
      std::string text = value;
      if (is_truth) text = value == "on" ? "true" : "false";
      xml.element("qemu:property", {{"name", name}, {"type", type}, {"value", text}});
    }
    xml.close();
    xml.close();
  }
  xml.close();
}

// What `virsh nodedev-define` takes, for the vGPU of that UUID.
std::string node_device(const ExportHost::Vgpu& vgpu, const std::string& uuid) {
  XmlText xml;
  xml.open("device");
  // libvirt's name of the parent: all but letters and digits replaced (node_device_udev.c).
  std::string parent = vgpu.parent;
  const bool is_pci = parse_pci_address(parent).has_value();
  for (const char* sign : {":", ".", "-"}) parent = replace_all(std::move(parent), sign, "_");
  xml.element("parent", {}, is_pci ? "pci_" + parent : parent);
  xml.open("capability", {{"type", "mdev"}});
  xml.element("type", {{"id", vgpu.type_id}});
  xml.element("uuid", {}, uuid);
  xml.close();
  xml.close();
  return xml.text();
}

std::string domain_text(const Vm& vm, const ExportHost& host, LibvirtDevices& devices) {
  XmlText xml;
  xml.open("domain",
           {{"type", vm.accelerator == "kvm" ? "kvm" : "qemu"}, {"xmlns:qemu", kQemuSpace}});
  xml.element("name", {}, vm.name);
  write_remembered(vm, xml);
  write_memory(vm, xml);
  write_processors(vm, xml);
  write_system(vm, host, xml);
  write_features(vm, xml);
  if (!write_cpu(vm, xml)) {
    devices.not_carried.push_back(
        {N_("Of the processor “{cpu}” only what libvirt has a word for."), {{"cpu", vm.cpu}}});
  }
  write_clock(vm, xml);
  write_libvirt_devices(vm, host, xml, devices);
  write_qemu_parts(devices, vm, xml);
  xml.close();
  return xml.text();
}

Exported write(const Vm& vm, const ExportHost& host) {
  Exported exported;
  LibvirtDevices devices;
  exported.files.push_back({vm.name + ".xml", domain_text(vm, host, devices)});
  if (vm.gpu && !host.vgpu.type_id.empty()) {
    exported.files.push_back({vm.name + "-vgpu.xml", node_device(host.vgpu, vm.gpu->uuid)});
  }
  exported.not_carried = std::move(devices.not_carried);
  if (vm.qemu.find('/') == std::string::npos && vm.qemu != "qemu-system-x86_64") {
    exported.not_carried.push_back(
        {N_("The program {qemu}: libvirt wants its whole path, and takes "
            "its own QEMU without one."),
         {{"qemu", vm.qemu}}});
  }
  if (!vm.on_suspend.empty()) {
    exported.not_carried.push_back(
        {N_("What becomes of the VM when the host sleeps (on_suspend)")});
  }
  if (vm.autostart != "no") {
    exported.not_carried.push_back(
        {N_("That it starts by itself: `virsh autostart {name}` does that."), {{"name", vm.name}}});
  }
  return exported;
}

}  // namespace

ExportFormat libvirt_format() {
  return {.id = "libvirt",
          .summary = N_("libvirt's domain, and the node device of its vGPU: virsh, virt-manager"),
          .write = write};
}

}  // namespace cleave
