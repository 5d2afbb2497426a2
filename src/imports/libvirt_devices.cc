#include "imports/libvirt_devices.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/format.h"
#include "base/text.h"
#include "facts/mdev.h"
#include "facts/pci.h"

namespace cleave {
namespace {

// "0x0a" and "10" are the same number here (virStrToLong_ui with base 0).
template <typename Unsigned>
std::optional<Unsigned> number_of(const XmlElement& element, const char* key) {
  const std::string_view text = element.attribute(key);
  if (text.empty()) return Unsigned{0};
  return text.starts_with("0x") ? parse_hexadecimal<Unsigned>(text)
                                : parse_unsigned<Unsigned>(text);
}

std::optional<PciAddress> pci_of(const XmlElement& address) {
  const auto domain = number_of<std::uint32_t>(address, "domain");
  const auto bus = number_of<std::uint8_t>(address, "bus");
  const auto slot = number_of<std::uint8_t>(address, "slot");
  const auto function = number_of<std::uint8_t>(address, "function");
  if (address.line == 0 || !domain || !bus || !slot || !function || *slot > 31 || *function > 7) {
    return std::nullopt;
  }
  return PciAddress{.domain = *domain, .bus = *bus, .device = *slot, .function = *function};
}

class DevicesImport {
 public:
  DevicesImport(const XmlElement& devices, Draft& draft)
      : devices_(devices), draft_(draft), vm_(draft.vm) {}

  void run() {
    vm_.display = "none";
    vm_.pointer = "mouse";
    for (const XmlElement& element : devices_.children) read(element);
    vm_.balloon = balloon_.value_or(true);  // libvirt adds one where none is named
    emulated_card();
    if (has_rng_) vm_.guest = "linux";
  }

 private:
  void lose(const XmlElement& element, Message message) {
    draft_.lose(element.line, std::move(message));
  }
  void lose(const XmlElement& element) {
    std::string what = element.name;
    for (const auto& [key, value] : element.attributes) what += format(" {}='{}'", key, value);
    lose(element, {N_("<{element}> has no counterpart here."), {{"element", printable(what)}}});
  }

  void read(const XmlElement& element) {
    // Buses and what hangs on them cleave and QEMU make as they need them.
    constexpr std::array<std::string_view, 4> kMadeAnyway = {"controller", "hub", "redirdev",
                                                             "audio"};
    const std::string& name = element.name;
    if (std::ranges::find(kMadeAnyway, name) != kMadeAnyway.end()) return remember(element);
    if (name == "emulator") return emulator(element);
    if (name == "disk") return disk(element);
    if (name == "interface") return network(element);
    if (name == "hostdev") return host_device(element);
    if (name == "graphics") return graphics(element);
    if (name == "video") return video(element);
    if (name == "input") return input(element);
    if (name == "sound") return sound(element);
    if (name == "filesystem") return share(element);
    if (name == "channel") return channel(element);
    small_device(element);
  }

  void remember(const XmlElement& element) {
    if (element.name == "audio") audio_ = element.attribute("type");
    if (element.name == "audio" && vm_.sound) set_audio();
  }

  void emulator(const XmlElement& element) {
    // A distribution's own QEMU is what a bare name finds.
    if (element.text != "/usr/bin/qemu-system-x86_64" && element.text != "/usr/bin/kvm") {
      vm_.qemu = element.text;
    }
  }

  // --- Disks ----------------------------------------------------------------------------------

  void disk(const XmlElement& element) {
    const std::string& type = element.attribute("type");
    const std::string& kind = element.attribute("device");
    const XmlElement& source = element.child("source");
    Vm::Disk disk;
    disk.file = type == "block" ? source.attribute("dev") : source.attribute("file");
    const bool is_cdrom = kind == "cdrom";
    if ((type != "file" && type != "block") || (kind == "floppy" || kind == "lun") ||
        (disk.file.empty() && !is_cdrom)) {
      return lose(element, {N_("A disk that is no file and no block device of this machine "
                               "({type}, {kind})"),
                            {{"type", printable(type)}, {"kind", printable(kind)}}});
    }
    const XmlElement& driver = element.child("driver");
    disk.format = driver.attribute("type").empty() ? "raw" : driver.attribute("type");
    if (disk.format != "raw" && disk.format != "qcow2") {
      return lose(element, {N_("The disk {file} in the format {format}: `qemu-img convert` makes a "
                               "qcow2 of it."),
                            {{"file", disk.file}, {"format", printable(disk.format)}}});
    }
    const std::string& bus = element.child("target").attribute("bus");
    disk.interface = is_cdrom ? "cdrom" : interface_of(element, bus);
    disk_details(element, driver, disk);
    vm_.disks.push_back(std::move(disk));
  }

  std::string interface_of(const XmlElement& element, const std::string& bus) {
    if (bus == "virtio" || bus == "scsi") return bus;
    const std::string controller = vm_.machine == "pc" ? "ide" : "sata";
    if (bus != "ide" && bus != "sata") {
      lose(element, {N_("A disk on {bus}: here it is on {other}."),
                     {{"bus", printable(bus)}, {"other", controller}}});
    }
    return controller;
  }

  void disk_details(const XmlElement& element, const XmlElement& driver, Vm::Disk& disk) {
    const std::string& cache = driver.attribute("cache");
    if (cache != "default") disk.cache = cache;
    // cleave's own default, which QEMU's is not.
    if (disk.cache.empty() && disk.interface != "cdrom") disk.cache = "writeback";
    disk.aio = driver.attribute("io");
    disk.discard = driver.attribute("discard") == "unmap";
    disk.iothread = !driver.attribute("iothread").empty() && disk.interface == "virtio";
    disk.read_only = element.has("readonly") || disk.interface == "cdrom";
    const bool cannot = disk.interface == "sata" || disk.interface == "ide";
    if (disk.read_only && cannot) {
      disk.read_only = false;
      lose(element, {N_("That the guest cannot write to {file}: SATA and IDE disks are writable."),
                     {{"file", disk.file}}});
    }
    disk.serial = element.child("serial").text;
    disk.boot_index =
        parse_unsigned<std::uint32_t>(element.child("boot").attribute("order")).value_or(0);
    for (const XmlElement& part : element.children) {
      constexpr std::array<std::string_view, 10> kKnown = {
          "driver", "source",  "target", "readonly",     "serial",
          "boot",   "address", "alias",  "backingStore", "auth"};
      if (std::ranges::find(kKnown, part.name) == kKnown.end()) lose(part);
    }
  }

  // --- Network --------------------------------------------------------------------------------

  void network(const XmlElement& element) {
    const std::string& type = element.attribute("type");
    Vm::Network network;
    network.type = "user";
    network.mac = lower_case(element.child("mac").attribute("address"));
    if (type == "bridge") {
      network.type = "bridge";
      network.bridge = element.child("source").attribute("bridge");
    } else if (type == "network" && element.child("source").attribute("network") == "default") {
      // libvirt's default network is behind this bridge (its network/default.xml).
      network.type = "bridge";
      network.bridge = "virbr0";
      lose(element,
           {N_("libvirt's network “default”: here its bridge {bridge}, which is there while "
               "libvirt runs the network."),
            {{"bridge", network.bridge}}});
    } else if (type != "user") {
      lose(element,
           {N_("A network of the type {type}: here it is behind the host's address (user)."),
            {{"type", printable(type)}}});
    }
    network.model = model_of(element);
    forwards(element, network);
    vm_.networks.push_back(std::move(network));
  }

  std::string model_of(const XmlElement& element) {
    const std::string& model = element.child("model").attribute("type");
    constexpr std::array<std::string_view, 4> kKnown = {"virtio", "e1000e", "e1000", "rtl8139"};
    if (std::ranges::find(kKnown, model) != kKnown.end()) return model;
    std::string other = vm_.machine == "pc" ? "e1000" : "e1000e";
    if (!model.empty()) {
      lose(element, {N_("The network card {model}: here it is {other}."),
                     {{"model", printable(model)}, {"other", other}}});
    }
    return other;
  }

  void forwards(const XmlElement& element, Vm::Network& network) {
    for (const XmlElement* forward : element.all("portForward")) {
      for (const XmlElement* range : forward->all("range")) {
        Vm::Network::Forward one;
        one.protocol = forward->attribute("proto");
        one.address =
            forward->attribute("address").empty() ? "0.0.0.0" : forward->attribute("address");
        one.host_port = parse_unsigned<std::uint16_t>(range->attribute("start")).value_or(0);
        const std::string& to = range->attribute("to");
        one.guest_port = to.empty() ? one.host_port : parse_unsigned<std::uint16_t>(to).value_or(0);
        const bool many = !range->attribute("end").empty() &&
                          range->attribute("end") != range->attribute("start");
        if (one.host_port == 0 || one.guest_port == 0 || many) {
          lose(*range);
        } else {
          network.forwards.push_back(std::move(one));
        }
      }
    }
  }

  // --- Devices of the host --------------------------------------------------------------------

  void host_device(const XmlElement& element) {
    const std::string& type = element.attribute("type");
    const XmlElement& address = element.child("source").child("address");
    if (type == "mdev") return mediated_device(element);
    if (type == "usb") return usb_device(element);
    const auto pci = pci_of(address);
    if (type != "pci" || !pci) return lose(element);
    const std::string rom = element.child("rom").attribute("file");
    // The first is what the VM has of a GPU, unless a vGPU is; only the machine knows more.
    if (!vm_.gpu) {
      Vm::Gpu gpu;
      gpu.way = "passthrough";
      gpu.device = to_text(*pci);
      gpu.rom = rom;
      gpu.display = false;
      vm_.gpu = std::move(gpu);
      return;
    }
    vm_.devices.push_back({.pci = to_text(*pci), .usb_port = {}, .usb_ids = {}, .rom = rom});
  }

  void mediated_device(const XmlElement& element) {
    const auto uuid = parse_uuid(element.child("source").child("address").attribute("uuid"));
    if (!uuid || (vm_.gpu && vm_.gpu->device.empty())) return lose(element);
    if (vm_.gpu) {
      vm_.devices.insert(
          vm_.devices.begin(),
          {.pci = vm_.gpu->device, .usb_port = {}, .usb_ids = {}, .rom = vm_.gpu->rom});
    }
    Vm::Gpu gpu;
    gpu.way = "mdev";
    gpu.uuid = *uuid;
    gpu.display = element.attribute("display") == "on";
    gpu.ramfb = element.attribute("ramfb") == "on";
    vm_.gpu = std::move(gpu);
  }

  void usb_device(const XmlElement& element) {
    const XmlElement& source = element.child("source");
    const auto vendor = number_of<std::uint16_t>(source.child("vendor"), "id");
    const auto product = number_of<std::uint16_t>(source.child("product"), "id");
    if (!source.has("vendor") || !vendor || !product) return lose(element);
    vm_.devices.push_back({.pci = {},
                           .usb_port = {},
                           .usb_ids = Vm::UsbIds{.vendor = *vendor, .product = *product},
                           .rom = {},
                           .is_optional = source.attribute("startupPolicy") == "optional"});
  }

  // --- Screen ---------------------------------------------------------------------------------

  void graphics(const XmlElement& element) {
    const std::string& type = element.attribute("type");
    const std::string& node = element.child("gl").attribute("rendernode");
    if (type == "egl-headless") {
      if (vm_.display == "none") vm_.display = "egl-headless";
      vm_.render_node = node;
      return;
    }
    const bool is_known = type == "spice" || type == "vnc" || type == "sdl" || type == "dbus";
    if (!is_known || (vm_.display != "none" && vm_.display != "egl-headless")) return lose(element);
    vm_.display = type;
    if (type == "sdl") vm_.fullscreen = element.attribute("fullscreen") == "yes";
    if (!node.empty() && type != "sdl") vm_.render_node = node;
    const std::string& port = element.attribute("port");
    const std::string& listen = element.child("listen").attribute("type");
    if (listen != "socket" && listen != "none" && (!port.empty() || listen == "address")) {
      lose(element,
           {N_("That the screen is seen over the network: here it is on a socket that only "
               "you can open.")});
    }
  }

  void video(const XmlElement& element) {
    const XmlElement& model = element.child("model");
    const std::string& type = model.attribute("type");
    if (type == "virtio") {
      const bool gl = model.child("acceleration").attribute("accel3d") == "yes";
      if (vm_.gpu) return lose(element);
      Vm::Gpu gpu;
      gpu.way = "virtio-gpu";
      gpu.mode = gl ? "virgl" : "2d";
      vm_.gpu = std::move(gpu);
      return;
    }
    if (type != "none" && type != "vga") {
      lose(element, {N_("The emulated card {type}: here it is QEMU's standard one (vga)."),
                     {{"type", printable(type)}}});
    }
    has_card_ = has_card_ || type != "none";
  }

  void emulated_card() {
    const bool shown_elsewhere = vm_.gpu && vm_.gpu->display;
    if (shown_elsewhere && has_card_ && vm_.gpu->way != "virtio-gpu") {
      draft_.lose(0,
                  {N_("The emulated card beside the vGPU that is shown: here a vGPU that is shown "
                      "is the only one.")});
    }
  }

  // --- The rest -------------------------------------------------------------------------------

  void input(const XmlElement& element) {
    const std::string& type = element.attribute("type");
    const std::string& bus = element.attribute("bus");
    if (type == "tablet" && bus == "usb") {
      vm_.pointer = "tablet";
    } else if (bus != "ps2") {
      lose(element);
    }
  }

  void sound(const XmlElement& element) {
    const std::string& model = element.attribute("model");
    vm_.sound = Vm::Sound{.model = "hda", .backend = {}};
    if (model == "usb" || model == "virtio") vm_.sound->model = model;
    if (model != "usb" && model != "virtio" && !model.starts_with("ich")) {
      lose(element, {N_("The sound card {model}: here it is hda."), {{"model", printable(model)}}});
    }
    set_audio();
  }

  void set_audio() {
    constexpr std::array<std::string_view, 4> kSame = {"alsa", "sdl", "spice", "none"};
    const std::string backend = audio_ == "pulseaudio" ? "pa" : audio_;
    const bool known = backend == "pa" || backend == "pipewire" ||
                       std::ranges::find(kSame, backend) != kSame.end();
    if (known) vm_.sound->backend = backend;
  }

  void share(const XmlElement& element) {
    Vm::Share share;
    share.path = element.child("source").attribute("dir");
    share.tag = element.child("target").attribute("dir");
    share.type = element.child("driver").attribute("type") == "virtiofs" ? "virtiofs" : "9p";
    share.read_only = element.has("readonly");
    if (element.attribute("type") != "mount" || share.path.empty()) return lose(element);
    if (share.type == "9p" && element.attribute("accessmode") == "passthrough") {
      lose(element, {N_("That the guest's users are the host's in {path}: here they are kept in "
                        "attributes (mapped)."),
                     {{"path", share.path}}});
    }
    vm_.shares.push_back(std::move(share));
  }

  void channel(const XmlElement& element) {
    const std::string& name = element.child("target").attribute("name");
    if (name == "org.qemu.guest_agent.0") {
      vm_.guest_agent = true;
    } else if (name == "com.redhat.spice.0") {
      vm_.clipboard = true;
    } else {
      lose(element);
    }
  }

  void small_device(const XmlElement& element) {
    const std::string& name = element.name;
    const std::string& model = element.attribute("model");
    if (name == "tpm" && element.child("backend").attribute("type") == "emulator") {
      vm_.firmware.tpm = true;
    } else if (name == "memballoon") {
      balloon_ = model != "none";
    } else if (name == "rng") {
      has_rng_ = true;
    } else if (name == "serial") {
      vm_.serial = true;
    } else if (name == "console") {
      // The other name of the first serial port.
      if (element.child("target").attribute("type") == "virtio") lose(element);
    } else if (name == "shmem" && element.child("model").attribute("type") == "ivshmem-plain") {
      looking_glass(element);
    } else if (name != "watchdog" || element.attribute("action") == "none" ||
               model != "itco") {  // libvirt adds q35's own
      lose(element);
    }
  }

  void looking_glass(const XmlElement& element) {
    const XmlElement& size = element.child("size");
    const auto number = parse_unsigned<std::uint32_t>(size.text);
    if (!number || size.attribute("unit") != "M") return lose(element);
    vm_.looking_glass_bytes = std::uint64_t{*number} << 20U;
  }

  const XmlElement& devices_;
  Draft& draft_;
  Vm& vm_;
  std::optional<bool> balloon_;
  bool has_card_ = false;
  bool has_rng_ = false;
  std::string audio_;
};

}  // namespace

void read_libvirt_devices(const XmlElement& devices, Draft& draft) {
  DevicesImport(devices, draft).run();
}

}  // namespace cleave
