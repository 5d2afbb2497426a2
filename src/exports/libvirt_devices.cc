#include "exports/libvirt_devices.h"

#include <algorithm>

#include "base/format.h"
#include "exports/host_devices.h"
#include "vm/device_arguments.h"

namespace cleave {
namespace {

// --- Disks ------------------------------------------------------------------------------------

// Names of targets only order them; "sd" is shared by SATA, SCSI and USB.
class TargetNames {
 public:
  std::string next(const std::string& bus) {
    int& count = bus == "virtio" ? virtio_ : bus == "ide" ? ide_ : other_;
    const char* prefix = bus == "virtio" ? "vd" : bus == "ide" ? "hd" : "sd";
    return format("{}{}", prefix, static_cast<char>('a' + count++));  // 16 disks at most
  }

 private:
  int virtio_ = 0;
  int ide_ = 0;
  int other_ = 0;
};

std::string bus_of(const Vm& vm, const Vm::Disk& disk) {
  if (disk.interface == "cdrom") return vm.machine == "pc" ? "ide" : "sata";
  return disk.interface;
}

// libvirt counts from 1 (virDomainDeviceBootParseXML); the order is what matters.
std::string boot_order(const Vm& vm, const Vm::Disk& disk) {
  const bool from_zero =
      std::ranges::any_of(vm.disks, [](const Vm::Disk& other) { return other.boot_index == 0; });
  return std::to_string(disk.boot_index + (from_zero ? 1 : 0));
}

void write_disk(const Vm& vm, const Vm::Disk& disk, const std::string& target, std::size_t place,
                std::size_t thread, XmlText& xml) {
  const bool is_cdrom = disk.interface == "cdrom";
  const bool is_block = disk.file.starts_with("/dev/");
  const std::string bus = bus_of(vm, disk);
  xml.open("disk",
           {{"type", is_block ? "block" : "file"}, {"device", is_cdrom ? "cdrom" : "disk"}});
  XmlAttributes driver = {{"name", "qemu"}, {"type", disk.format}};
  if (!disk.cache.empty()) driver.emplace_back("cache", disk.cache);
  if (!disk.aio.empty()) driver.emplace_back("io", disk.aio);
  if (disk.discard) driver.emplace_back("discard", "unmap");
  if (disk.iothread) driver.emplace_back("iothread", std::to_string(thread));
  xml.element("driver", driver);
  if (!disk.file.empty()) xml.element("source", {{is_block ? "dev" : "file", disk.file}});
  xml.element("target", {{"dev", target}, {"bus", bus}});
  if (disk.read_only) xml.element("readonly");
  if (!disk.serial.empty()) xml.element("serial", {}, disk.serial);
  xml.element("boot", {{"order", boot_order(vm, disk)}});
  if (bus == "sata") {
    xml.element("address", {{"type", "drive"},
                            {"controller", "0"},
                            {"bus", "0"},
                            {"target", "0"},
                            {"unit", std::to_string(place)}});
  }
  xml.close();
}

// libvirt's QEMU driver emulates no NVMe disks: QEMU is told of them itself.
void add_nvme(const Vm& vm, LibvirtDevices& devices) {
  CommandLine line;
  add_disks(vm, line);
  for (std::size_t i = 0; i < vm.disks.size(); ++i) {
    if (vm.disks[i].interface != "nvme") continue;
    const auto& arguments = line.groups[i].arguments;
    devices.arguments.insert(devices.arguments.end(), arguments.begin(), arguments.end());
    devices.not_carried.push_back({N_("libvirt does not know NVMe disks. {file} is given to QEMU "
                                      "as arguments, so that libvirt "
                                      "itself neither locks nor labels it."),
                                   {{"file", vm.disks[i].file}}});
  }
}

void write_disks(const Vm& vm, XmlText& xml, LibvirtDevices& devices) {
  TargetNames names;
  std::size_t sata_place = 0;
  std::size_t thread = 0;
  for (const Vm::Disk& disk : vm.disks) {
    if (disk.interface == "nvme") continue;
    const std::string bus = bus_of(vm, disk);
    if (disk.iothread) ++thread;
    write_disk(vm, disk, names.next(bus), bus == "sata" ? sata_place++ : 0, thread, xml);
  }
  add_nvme(vm, devices);
  const auto is_scsi = [](const Vm::Disk& disk) { return disk.interface == "scsi"; };
  if (std::ranges::any_of(vm.disks, is_scsi)) {
    xml.element("controller", {{"type", "scsi"}, {"index", "0"}, {"model", "virtio-scsi"}});
  }
}

// --- Network ----------------------------------------------------------------------------------

void write_network(const Vm::Network& network, XmlText& xml) {
  const bool is_bridge = network.type == "bridge";
  xml.open("interface", {{"type", is_bridge ? "bridge" : "user"}});
  xml.element("mac", {{"address", network.mac}});
  if (is_bridge) xml.element("source", {{"bridge", network.bridge}});
  xml.element("model", {{"type", network.model}});
  xml.close();
}

// libvirt cannot tell SLIRP, behind which such a card is, to forward ports; QEMU is told itself.
void write_networks(const Vm& vm, XmlText& xml, LibvirtDevices& devices) {
  CommandLine line;
  add_networks(vm, line);
  for (std::size_t i = 0; i < vm.networks.size(); ++i) {
    const Vm::Network& network = vm.networks[i];
    if (network.forwards.empty()) {
      write_network(network, xml);
      continue;
    }
    const auto& arguments = line.groups[i].arguments;
    devices.arguments.insert(devices.arguments.end(), arguments.begin(), arguments.end());
    devices.not_carried.push_back({N_("libvirt does not know how to forward ports. The network "
                                      "card {mac} is given to QEMU as "
                                      "arguments, so that libvirt itself does not list it."),
                                   {{"mac", network.mac}}});
  }
}

// --- Screen -----------------------------------------------------------------------------------

void write_graphics(const Vm& vm, const ExportHost& host, XmlText& xml, LibvirtDevices& devices) {
  const bool opengl = host.resources.gpu_needs_opengl || vm.display == "egl-headless";
  if (vm.display == "none") return;
  const bool vnc = vm.display == "vnc" || vm.display == "egl-headless";
  if (vm.display == "gtk" || vm.display == "sdl" || vm.display == "dbus") {
    devices.not_carried.push_back(
        {N_("The display {type}: libvirt shows the screen over SPICE, to virt-viewer or "
            "virt-manager."),
         {{"type", vm.display}}});
  }
  xml.open("graphics", {{"type", vnc ? "vnc" : "spice"}});
  // No port of the network, whoever could reach it.
  xml.element("listen", {{"type", "socket"}});
  if (!vnc) xml.element("image", {{"compression", "off"}});
  xml.close();
  if (!opengl) return;
  const std::string& node = vm.render_node.empty() ? host.resources.render_node : vm.render_node;
  if (node.empty()) {
    xml.element("graphics", {{"type", "egl-headless"}});
    return;
  }
  xml.open("graphics", {{"type", "egl-headless"}});
  xml.element("gl", {{"rendernode", node}});
  xml.close();
}

constexpr const char* kGpuAlias = "ua-gpu";

// "virtio-vga-gl,venus=on,…": QEMU's own GPU.
void write_virtio_gpu(const ExportHost& host, XmlText& xml, LibvirtDevices& devices) {
  const QemuOptions options = split_options(host.resources.gpu_devices.front(), "driver");
  const bool gl = std::string_view(value_of(options, "driver")).ends_with("-gl");
  xml.open("video");
  xml.open("model", {{"type", "virtio"}, {"heads", "1"}, {"primary", "yes"}});
  if (gl) xml.element("acceleration", {{"accel3d", "yes"}});
  xml.close();
  LibvirtOverride more{.alias = kGpuAlias, .properties = {}};
  for (const auto& [name, value] : options) {
    if (name == "driver") continue;
    more.properties.emplace_back(name, value == "true" ? "on" : value);
  }
  xml.element("alias", {{"name", kGpuAlias}});
  xml.close();
  if (!more.properties.empty()) devices.overrides.push_back(std::move(more));
}

void write_video(const Vm& vm, const ExportHost& host, XmlText& xml, LibvirtDevices& devices) {
  if (vm.gpu && vm.gpu->way == "virtio-gpu" && !host.resources.gpu_devices.empty()) {
    write_virtio_gpu(host, xml, devices);
    return;
  }
  const bool has_gpu = !host.resources.gpu_devices.empty();
  const bool none = has_gpu && (host.resources.gpu_replaces_screen || (vm.gpu && vm.gpu->display));
  xml.open("video");
  xml.element("model", {{"type", none ? "none" : "vga"}});
  xml.close();
}

// --- Devices of the host ----------------------------------------------------------------------

void write_pci_address(const PciAddress& address, XmlText& xml) {
  xml.element("address", {{"domain", format("{:#06x}", address.domain)},
                          {"bus", format("{:#04x}", address.bus)},
                          {"slot", format("{:#04x}", address.device)},
                          {"function", format("{:#x}", address.function)}});
}

// Options of QEMU that have no attribute of <hostdev>, by the name that libvirt itself gives none.
void add_override(const PassedDevice& device, const std::string& alias, LibvirtDevices& devices) {
  LibvirtOverride more{.alias = alias, .properties = {}};
  for (const char* name : {"x-igd-opregion", "xres", "yres", "x-vga"}) {
    const std::string_view value = value_of(device.options, name);
    if (!value.empty()) more.properties.emplace_back(name, value);
  }
  if (!more.properties.empty()) devices.overrides.push_back(std::move(more));
}

void write_passed_device(const PassedDevice& device, const std::string& alias, bool has_graphics,
                         XmlText& xml) {
  if (device.pci) {
    xml.open("hostdev", {{"mode", "subsystem"}, {"type", "pci"}, {"managed", "yes"}});
    xml.element("driver", {{"name", "vfio"}});
  } else {
    XmlAttributes attributes = {
        {"mode", "subsystem"},
        {"type", "mdev"},
        {"managed", "no"},
        {"model", "vfio-pci"},
        {"display", has_graphics && device.is_on("display") ? "on" : "off"}};
    if (has_graphics && device.is_on("ramfb")) attributes.emplace_back("ramfb", "on");
    xml.open("hostdev", attributes);
  }
  xml.open("source");
  if (device.pci) {
    write_pci_address(*device.pci, xml);
  } else {
    xml.element("address", {{"uuid", device.uuid}});
  }
  xml.close();
  const std::string_view rom = value_of(device.options, "romfile");
  if (!rom.empty()) xml.element("rom", {{"file", std::string(rom)}});
  xml.element("alias", {{"name", alias}});
  // Integrated graphics are where their drivers look for them (QEMU's docs/igd-assign.txt).
  if (value_of(device.options, "addr") == "2.0") {
    xml.element("address", {{"type", "pci"},
                            {"domain", "0x0000"},
                            {"bus", "0x00"},
                            {"slot", "0x02"},
                            {"function", "0x0"}});
  }
  xml.close();
}

void write_usb_device(const Vm::Device& device, XmlText& xml, LibvirtDevices& devices) {
  if (!device.usb_ids) {
    devices.not_carried.push_back(
        {N_("The device at the USB port {port}: libvirt knows devices by their ids."),
         {{"port", device.usb_port}}});
    return;
  }
  xml.open("hostdev", {{"mode", "subsystem"}, {"type", "usb"}, {"managed", "yes"}});
  xml.open("source",
           device.is_optional ? XmlAttributes{{"startupPolicy", "optional"}} : XmlAttributes{});
  xml.element("vendor", {{"id", format("{:#06x}", device.usb_ids->vendor)}});
  xml.element("product", {{"id", format("{:#06x}", device.usb_ids->product)}});
  xml.close();
  xml.close();
}

void write_host_devices(const Vm& vm, const ExportHost& host, XmlText& xml,
                        LibvirtDevices& devices) {
  std::size_t number = 0;
  for (const PassedDevice& device : passed_devices(host)) {
    const std::string alias = number == 0 ? kGpuAlias : format("{}{}", kGpuAlias, number);
    ++number;
    // libvirt refuses a picture that no graphics device would show.
    const bool has_graphics = vm.display != "none";
    write_passed_device(device, alias, has_graphics, xml);
    if (!has_graphics && device.is_on("display")) {
      devices.not_carried.push_back(
          {N_("The picture of the vGPU: libvirt has it only where the screen is shown.")});
    }
    add_override(device, alias, devices);
  }
  for (const Vm::Device& device : vm.devices) {
    if (device.pci.empty()) write_usb_device(device, xml, devices);
  }
  const bool wants = vm.gpu && vm.gpu->way != "virtio-gpu";
  if (wants && host.resources.gpu_devices.empty()) {
    devices.not_carried.push_back(
        {N_("The share of the GPU: which device it would be cannot be told here.")});
  }
}

// --- The rest ---------------------------------------------------------------------------------

void write_sound(const Vm& vm, const ExportHost& host, XmlText& xml, LibvirtDevices& devices) {
  if (!vm.sound) return;
  const std::string& backend =
      vm.sound->backend.empty() ? host.resources.audio_backend : vm.sound->backend;
  if (vm.sound->model == "virtio") {
    // <sound model='virtio'> came with libvirt 10.4.
    CommandLine line;
    add_sound(vm, host.resources, line);
    devices.arguments.insert(devices.arguments.end(), line.groups[0].arguments.begin(),
                             line.groups[0].arguments.end());
    return;
  }
  if (vm.sound->model == "usb") {
    xml.element("sound", {{"model", "usb"}});
  } else {
    xml.open("sound", {{"model", vm.machine == "pc" ? "ich6" : "ich9"}});
    xml.element("codec", {{"type", "duplex"}});
    xml.close();
  }
  const bool over_spice =
      vm.display != "none" && vm.display != "vnc" && vm.display != "egl-headless";
  // Of what libvirt 9.0 knows; PipeWire speaks PulseAudio's protocol, too.
  std::string type = backend.empty() ? "none" : backend;
  if (backend == "pa" || backend == "pipewire") type = "pulseaudio";
  if (over_spice) type = "spice";
  xml.element("audio", {{"id", "1"}, {"type", type}});
  if (over_spice && backend != "spice") {
    devices.not_carried.push_back(
        {N_("Where the sound goes ({backend}): it comes with the screen, over SPICE."),
         {{"backend", backend.empty() ? "none" : backend}}});
  }
}

void write_shares(const Vm& vm, XmlText& xml, LibvirtDevices& devices) {
  for (const Vm::Share& share : vm.shares) {
    const bool virtiofs = share.type == "virtiofs";
    xml.open("filesystem",
             {{"type", "mount"}, {"accessmode", virtiofs ? "passthrough" : "mapped"}});
    if (virtiofs) xml.element("driver", {{"type", "virtiofs"}});
    xml.element("source", {{"dir", share.path}});
    xml.element("target", {{"dir", share.tag}});
    if (share.read_only && !virtiofs) xml.element("readonly");
    xml.close();
    if (share.read_only && virtiofs) {
      devices.not_carried.push_back(
          {N_("That the guest cannot write to {path}: libvirt has that for 9p alone."),
           {{"path", share.path}}});
    }
  }
}

void write_channels(const Vm& vm, XmlText& xml) {
  if (vm.guest_agent) {
    xml.open("channel", {{"type", "unix"}});
    xml.element("target", {{"type", "virtio"}, {"name", "org.qemu.guest_agent.0"}});
    xml.close();
  }
  if (!vm.clipboard) return;
  const bool vnc = vm.display == "vnc" || vm.display == "egl-headless" || vm.display == "none";
  xml.open("channel", {{"type", vnc ? "qemu-vdagent" : "spicevmc"}});
  if (vnc) {
    xml.open("source");
    xml.element("clipboard", {{"copypaste", "yes"}});
    xml.close();
  }
  xml.element("target", {{"type", "virtio"}, {"name", "com.redhat.spice.0"}});
  xml.close();
}

void write_small_devices(const Vm& vm, XmlText& xml) {
  if (vm.firmware.tpm) {
    xml.open("tpm", {{"model", "tpm-crb"}});
    xml.element("backend", {{"type", "emulator"}, {"version", "2.0"}});
    xml.close();
  }
  if (needs_usb(vm)) {
    xml.element("controller", {{"type", "usb"}, {"index", "0"}, {"model", "qemu-xhci"}});
  } else {
    xml.element("controller", {{"type", "usb"}, {"index", "0"}, {"model", "none"}});
  }
  if (vm.pointer == "tablet") xml.element("input", {{"type", "tablet"}, {"bus", "usb"}});
  if (vm.display == "spice") {
    for (int i = 0; i < 2; ++i) xml.element("redirdev", {{"bus", "usb"}, {"type", "spicevmc"}});
  }
  if (vm.serial) xml.element("serial", {{"type", "pty"}});
  XmlAttributes balloon = {{"model", vm.balloon ? "virtio" : "none"}};
  if (vm.balloon) balloon.emplace_back("freePageReporting", "on");
  xml.element("memballoon", balloon);
  if (vm.guest == "linux") {
    xml.open("rng", {{"model", "virtio"}});
    xml.element("backend", {{"model", "random"}}, "/dev/urandom");
    xml.close();
  }
  if (vm.looking_glass_bytes > 0) {
    xml.open("shmem", {{"name", "looking-glass"}});
    xml.element("model", {{"type", "ivshmem-plain"}});
    xml.element("size", {{"unit", "M"}}, std::to_string(vm.looking_glass_bytes >> 20U));
    xml.close();
  }
}

}  // namespace

void write_libvirt_devices(const Vm& vm, const ExportHost& host, XmlText& xml,
                           LibvirtDevices& devices) {
  xml.open("devices");
  if (vm.qemu.starts_with('/')) xml.element("emulator", {}, vm.qemu);
  write_disks(vm, xml, devices);
  write_networks(vm, xml, devices);
  write_graphics(vm, host, xml, devices);
  write_video(vm, host, xml, devices);
  write_host_devices(vm, host, xml, devices);
  write_sound(vm, host, xml, devices);
  write_shares(vm, xml, devices);
  write_channels(vm, xml);
  write_small_devices(vm, xml);
  xml.close();
}

}  // namespace cleave
