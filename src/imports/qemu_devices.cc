#include <algorithm>
#include <array>
#include <map>

#include "base/format.h"
#include "base/text.h"
#include "facts/mdev.h"
#include "facts/pci.h"
#include "facts/qemu_command_line.h"
#include "imports/qemu_arguments.h"
#include "vm/device_arguments.h"

namespace cleave {
namespace {

class QemuDevicesImport {
 public:
  QemuDevicesImport(QemuArguments& arguments, Draft& draft)
      : arguments_(arguments), draft_(draft), vm_(draft.vm) {}

  void run(QemuDevices which) {
    for (QemuArgument& argument : arguments_.all) {
      if (argument.taken || !argument.known) continue;
      const std::string id(value_of(split_options(argument.value, ""), "id"));
      if (!id.empty()) backends_.try_emplace({argument.option, id}, &argument);
    }
    if (which == QemuDevices::WithoutElement) {
      each("device", &QemuDevicesImport::device_without_element);
      return;
    }
    each("drive", &QemuDevicesImport::drive);
    for (const char* option : {"hda", "hdb", "hdc", "hdd", "cdrom"}) {
      each(option, &QemuDevicesImport::old_drive);
    }
    each("device", &QemuDevicesImport::device);
    each("nic", &QemuDevicesImport::nic);
    each("virtfs", &QemuDevicesImport::virtfs);
    each("usbdevice", &QemuDevicesImport::old_usb);
    each("object", &QemuDevicesImport::object);
    each("bios", &QemuDevicesImport::bios);
    buses();
    card();
  }

 private:
  void each(const char* option, void (QemuDevicesImport::*read)(QemuArgument&)) {
    for (QemuArgument& argument : arguments_.all) {
      if (!argument.taken && argument.known && argument.option == option) (this->*read)(argument);
    }
  }
  void lose(const QemuArgument& argument, Message message) {
    draft_.lose(argument.line, std::move(message));
  }

  QemuArgument* backend(const char* option, std::string_view id) {
    const auto found = backends_.find({option, std::string(id)});
    return found == backends_.end() || found->second->taken ? nullptr : found->second;
  }

  static bool is_on(const QemuOptions& options, std::string_view key) {
    return parse_switch(value_of(options, key)).value_or(false);
  }

  // --- Disks ----------------------------------------------------------------------------------

  // What -drive says of the medium; false if it is none that a definition can have.
  bool medium(const QemuArgument& argument, const QemuOptions& drive, Vm::Disk& disk) {
    disk.file = value_of(drive, "file");
    disk.format = value_of(drive, "format");
    if (disk.format.empty()) {
      const std::string ending = lower_case(disk.file);
      disk.format = ending.ends_with(".qcow2") ? "qcow2" : "raw";
      if (!disk.file.empty() && !ending.ends_with(".qcow2") && !ending.ends_with(".iso") &&
          !ending.ends_with(".raw") && !ending.ends_with(".img")) {
        lose(argument, {N_("The format of {file} is not told; here it is raw."),
                        {{"file", printable(disk.file)}}});
      }
    }
    // "nbd:…", "rbd:…": of another machine.
    const std::size_t colon = disk.file.find(':');
    const bool is_file =
        colon == std::string::npos || disk.file.rfind('/', colon) != std::string::npos;
    if ((disk.format != "raw" && disk.format != "qcow2") || !is_file) return false;
    disk.cache = value_of(drive, "cache");
    disk.aio = value_of(drive, "aio");
    disk.discard = value_of(drive, "discard") == "unmap" || value_of(drive, "discard") == "on";
    disk.read_only = is_on(drive, "readonly") || is_on(drive, "read-only");
    return true;
  }

  void complete(const QemuArgument& argument, Vm::Disk& disk) {
    if (disk.interface == "cdrom") {
      disk.read_only = true;
    } else if (disk.cache.empty()) {
      disk.cache = "writeback";  // QEMU's own default (block.c); cleave's is none
    }
    if (disk.read_only && (disk.interface == "sata" || disk.interface == "ide")) {
      disk.read_only = false;
      lose(argument, {N_("That the guest cannot write to {file}: SATA and IDE disks are writable."),
                      {{"file", printable(disk.file)}}});
    }
    vm_.disks.push_back(std::move(disk));
  }

  [[nodiscard]] std::string controller() const { return vm_.machine == "pc" ? "ide" : "sata"; }

  void drive(QemuArgument& argument) {
    const QemuOptions options = split_options(argument.value, "");
    const std::string_view interface = value_of(options, "if");
    if (interface == "pflash") return flash(argument, options);
    if (interface == "none") return;  // a device takes it
    Vm::Disk disk;
    if (!medium(argument, options, disk)) return;
    const bool is_cdrom = value_of(options, "media") == "cdrom";
    disk.interface = is_cdrom                                       ? "cdrom"
                     : interface == "virtio" || interface == "scsi" ? std::string(interface)
                                                                    : controller();
    if (disk.file.empty() && !is_cdrom) return;
    complete(argument, disk);
    argument.take();
  }

  void flash(QemuArgument& argument, const QemuOptions& options) {
    const bool is_code = is_on(options, "readonly") || is_on(options, "read-only") ||
                         value_of(options, "unit") == "0";
    vm_.firmware.uefi = true;
    (is_code ? vm_.firmware.code : vm_.firmware.nvram) = value_of(options, "file");
    argument.take();
  }

  void old_drive(QemuArgument& argument) {
    Vm::Disk disk;
    disk.interface = argument.option == "cdrom" ? "cdrom" : controller();
    const QemuOptions options = {{"file", argument.value}};
    if (argument.value.empty() || !medium(argument, options, disk)) return;
    complete(argument, disk);
    argument.take();
  }

  static std::string interface_of(std::string_view driver) {
    if (driver == "virtio-blk-pci" || driver == "virtio-blk") return "virtio";
    if (driver == "scsi-hd") return "scsi";
    if (driver == "nvme") return "nvme";
    if (driver == "ide-cd" || driver == "scsi-cd") return "cdrom";
    return driver == "ide-hd" ? "ide" : "";
  }

  bool disk_device(QemuArgument& argument, const QemuOptions& options) {
    const std::string interface = interface_of(value_of(options, "driver"));
    if (interface.empty()) return false;
    QemuArgument* drive = backend("drive", value_of(options, "drive"));
    Vm::Disk disk;
    if (drive == nullptr || !medium(*drive, split_options(drive->value, ""), disk)) return true;
    disk.interface = interface == "ide" ? controller() : interface;
    if (disk.file.empty() && disk.interface != "cdrom") return true;
    const std::string_view thread = value_of(options, "iothread");
    disk.iothread = !thread.empty() && disk.interface == "virtio";
    if (QemuArgument* object = backend("object", thread)) object->take();
    disk.serial = value_of(options, "serial");
    // What NVMe has where nobody wrote one (vm/device_arguments.cc).
    if (disk.interface == "nvme" && disk.serial.starts_with("cleave-")) disk.serial.clear();
    disk.boot_index = parse_unsigned<std::uint32_t>(value_of(options, "bootindex")).value_or(0);
    complete(argument, disk);
    drive->take();
    argument.take();
    return true;
  }

  // --- Network --------------------------------------------------------------------------------

  static bool is_model(std::string_view model) {
    return is_word_of(" virtio virtio-net-pci virtio-net e1000e e1000 rtl8139 ", model);
  }
  static std::string model_of(std::string_view model) {
    return model.starts_with("virtio") ? "virtio" : std::string(model);
  }

  // "tcp:127.0.0.1:2222-:22"
  static std::optional<Vm::Network::Forward> forward_of(std::string_view text) {
    const std::size_t dash = text.find('-');
    if (dash == std::string_view::npos) return std::nullopt;
    const auto here = split(text.substr(0, dash), ':');
    const auto guest = split(text.substr(dash + 1), ':');
    if (here.size() != 3 || guest.size() != 2 || !guest[0].empty()) return std::nullopt;
    const auto host_port = parse_unsigned<std::uint16_t>(here[2]);
    const auto guest_port = parse_unsigned<std::uint16_t>(guest[1]);
    const bool good = here[0].empty() || here[0] == "tcp" || here[0] == "udp";
    if (!host_port || !guest_port || !good || *host_port == 0 || *guest_port == 0) {
      return std::nullopt;
    }
    return Vm::Network::Forward{.protocol = here[0].empty() ? "tcp" : std::string(here[0]),
                                .address = here[1].empty() ? "0.0.0.0" : std::string(here[1]),
                                .host_port = *host_port,
                                .guest_port = *guest_port};
  }

  void network(const QemuArgument& argument, const QemuOptions& backend, std::string_view type,
               Vm::Network network) {
    network.type = "user";
    if (type == "bridge" || type == "tap") {
      network.bridge = value_of(backend, "br");
      if (!network.bridge.empty()) network.type = "bridge";
    }
    if (network.type == "user" && type != "user") {
      lose(argument,
           {N_("A network of the type {type}: here it is behind the host's address (user)."),
            {{"type", printable(type)}}});
    }
    for (const auto& [key, value] : backend) {
      if (key == "hostfwd") {
        auto forward = forward_of(value);
        if (forward && network.type == "user") network.forwards.push_back(std::move(*forward));
        if (!forward) lose(argument, {N_("hostfwd={value}"), {{"value", printable(value)}}});
      } else if (network.type == "user" && !is_word_of(" type id model mac br script downscript "
                                                       "ifname fd vhost hostfwd ",
                                                       key)) {
        lose(argument, {N_("Of the network: {key}={value}"),
                        {{"key", printable(key)}, {"value", printable(value)}}});
      }
    }
    vm_.networks.push_back(std::move(network));
  }

  bool network_device(QemuArgument& argument, const QemuOptions& options) {
    const std::string_view driver = value_of(options, "driver");
    if (!is_model(driver)) return false;
    QemuArgument* netdev = backend("netdev", value_of(options, "netdev"));
    if (netdev == nullptr) return true;
    const QemuOptions backend = split_options(netdev->value, "type");
    Vm::Network card;
    card.model = model_of(driver);
    card.mac = lower_case(value_of(options, "mac"));
    network(*netdev, backend, value_of(backend, "type"), std::move(card));
    netdev->take();
    argument.take();
    return true;
  }

  void nic(QemuArgument& argument) {
    const QemuOptions options = split_options(argument.value, "type");
    const std::string_view type = value_of(options, "type");
    argument.take();
    if (type == "none") return;
    Vm::Network card;
    const std::string_view model = value_of(options, "model");
    card.model = is_model(model) ? model_of(model) : vm_.machine == "pc" ? "e1000" : "e1000e";
    card.mac = lower_case(value_of(options, "mac"));
    network(argument, options, type, std::move(card));
  }

  // --- Devices of the host --------------------------------------------------------------------

  bool host_device(QemuArgument& argument, const QemuOptions& options) {
    if (!is_vfio_driver(value_of(options, "driver"))) return false;
    const std::string_view path = value_of(options, "sysfsdev");
    const auto uuid = parse_uuid(last_part(path));
    auto pci = parse_pci_address(value_of(options, "host"));
    if (!pci) pci = parse_pci_address(last_part(path));
    if (uuid && path.find("mdev") != std::string_view::npos) {
      if (vm_.gpu) return true;
      vgpu(*uuid, options);
    } else if (pci && !vm_.gpu) {
      Vm::Gpu gpu;
      gpu.way = "passthrough";
      gpu.device = to_text(*pci);
      gpu.rom = value_of(options, "romfile");
      gpu.display = false;
      gpu.primary = is_on(options, "x-vga");
      if (has_option(options, "x-igd-opregion")) gpu.opregion = is_on(options, "x-igd-opregion");
      vm_.gpu = std::move(gpu);
    } else if (pci && is_part_of_gpu(*pci)) {
      // The other functions of a card come with it.
    } else if (pci) {
      vm_.devices.push_back({.pci = to_text(*pci),
                             .usb_port = {},
                             .usb_ids = {},
                             .rom = std::string(value_of(options, "romfile"))});
    } else {
      return true;
    }
    ports_.emplace_back(value_of(options, "bus"));
    argument.take();
    return true;
  }

  [[nodiscard]] bool is_part_of_gpu(const PciAddress& address) const {
    auto gpu = vm_.gpu ? parse_pci_address(vm_.gpu->device) : std::nullopt;
    if (!gpu || address.function == 0) return false;
    gpu->function = address.function;
    return *gpu == address;
  }

  void vgpu(const std::string& uuid, const QemuOptions& options) {
    Vm::Gpu gpu;
    gpu.way = "mdev";
    gpu.uuid = uuid;
    gpu.display = is_on(options, "display");
    gpu.ramfb = is_on(options, "ramfb");
    if (has_option(options, "x-igd-opregion")) gpu.opregion = is_on(options, "x-igd-opregion");
    gpu.width = parse_unsigned<std::uint32_t>(value_of(options, "xres")).value_or(0);
    gpu.height = parse_unsigned<std::uint32_t>(value_of(options, "yres")).value_or(0);
    if (gpu.width == 0 || gpu.height == 0 || !gpu.display) gpu.width = gpu.height = 0;
    if (!gpu.display) gpu.ramfb = false;
    vm_.gpu = std::move(gpu);
  }

  bool virtio_gpu(QemuArgument& argument, const QemuOptions& options) {
    const std::string_view driver = value_of(options, "driver");
    if (!driver.starts_with("virtio-vga") && !driver.starts_with("virtio-gpu")) return false;
    if (vm_.gpu || driver.find("rutabaga") != std::string_view::npos) return true;
    Vm::Gpu gpu;
    gpu.way = "virtio-gpu";
    gpu.mode = driver.find("-gl") == std::string_view::npos ? "2d"
               : is_on(options, "venus")                    ? "venus"
               : is_on(options, "drm_native_context")       ? "native-context"
                                                            : "virgl";
    vm_.gpu = std::move(gpu);
    argument.take();
    return true;
  }

  bool usb_device(QemuArgument& argument, const QemuOptions& options) {
    const std::string_view driver = value_of(options, "driver");
    if (driver == "usb-tablet") {
      vm_.pointer = "tablet";
      argument.take();
      return true;
    }
    if (driver == "usb-redir") {
      QemuArgument* channel = backend("chardev", value_of(options, "chardev"));
      if (vm_.display != "spice" || channel == nullptr) return true;
      channel->take();
      argument.take();
      return true;
    }
    if (driver != "usb-host") return false;
    Vm::Device device;
    const auto vendor = parse_hexadecimal<std::uint16_t>(value_of(options, "vendorid"));
    const auto product = parse_hexadecimal<std::uint16_t>(value_of(options, "productid"));
    const std::string_view port = value_of(options, "hostport");
    if (vendor && product) {
      device.usb_ids = Vm::UsbIds{.vendor = *vendor, .product = *product};
    } else if (!port.empty()) {
      device.usb_port = format("{}-{}", value_of(options, "hostbus"), port);
    } else {
      return true;
    }
    vm_.devices.push_back(std::move(device));
    argument.take();
    return true;
  }

  void old_usb(QemuArgument& argument) {
    if (argument.value != "tablet") return;
    vm_.pointer = "tablet";
    argument.take();
  }

  // --- Sound, shares, channels ----------------------------------------------------------------

  bool sound(QemuArgument& argument, const QemuOptions& options) {
    const std::string_view driver = value_of(options, "driver");
    const bool is_bus = driver == "intel-hda" || driver == "ich9-intel-hda";
    const bool is_hda = is_word_of(" hda-duplex hda-micro hda-output ", driver);
    const bool is_usb = driver == "usb-audio";
    const bool is_virtio = driver == "virtio-sound-pci" || driver == "virtio-sound";
    if (is_bus) argument.take();
    if (!is_hda && !is_usb && !is_virtio) return is_bus;
    vm_.sound = Vm::Sound{.model = is_hda ? "hda" : is_usb ? "usb" : "virtio", .backend = {}};
    if (QemuArgument* audio = backend("audiodev", value_of(options, "audiodev"))) {
      const std::string name(value_of(split_options(audio->value, "driver"), "driver"));
      if (is_word_of(" pipewire pa alsa sdl spice none ", name)) {
        vm_.sound->backend = name;
      } else {
        lose(*audio, {N_("Where the sound goes ({backend})"), {{"backend", printable(name)}}});
      }
      audio->take();
    }
    argument.take();
    return true;
  }

  bool share(QemuArgument& argument, const QemuOptions& options) {
    const std::string_view driver = value_of(options, "driver");
    if (driver == "vhost-user-fs-pci") {
      QemuArgument* channel = backend("chardev", value_of(options, "chardev"));
      Vm::Share share;
      share.tag = value_of(options, "tag");
      share.type = "virtiofs";
      if (channel == nullptr) return true;
      channel->take();
      argument.take();
      vm_.shares.push_back(std::move(share));  // its directory only virtiofsd knows
      return true;
    }
    if (driver != "virtio-9p-pci") return false;
    QemuArgument* directory = backend("fsdev", value_of(options, "fsdev"));
    if (directory == nullptr) return true;
    add_9p(split_options(directory->value, "fsdriver"),
           std::string(value_of(options, "mount_tag")));
    directory->take();
    argument.take();
    return true;
  }

  void add_9p(const QemuOptions& options, std::string tag) {
    Vm::Share share;
    share.path = value_of(options, "path");
    share.tag = std::move(tag);
    share.type = "9p";
    share.read_only = is_on(options, "readonly");
    vm_.shares.push_back(std::move(share));
  }

  void virtfs(QemuArgument& argument) {
    const QemuOptions options = split_options(argument.value, "fsdriver");
    if (value_of(options, "fsdriver") != "local") return;
    add_9p(options, std::string(value_of(options, "mount_tag")));
    argument.take();
  }

  bool channel(QemuArgument& argument, const QemuOptions& options) {
    const std::string_view driver = value_of(options, "driver");
    if (driver != "virtserialport") return false;
    const std::string_view name = value_of(options, "name");
    QemuArgument* other_end = backend("chardev", value_of(options, "chardev"));
    if (other_end == nullptr) return true;
    if (name == "org.qemu.guest_agent.0") {
      vm_.guest_agent = true;
    } else if (name == "com.redhat.spice.0") {
      vm_.clipboard = true;
    } else {
      return true;
    }
    other_end->take();
    argument.take();
    return true;
  }

  bool tpm(QemuArgument& argument, const QemuOptions& options) {
    const std::string_view driver = value_of(options, "driver");
    if (driver != "tpm-crb" && driver != "tpm-tis") return false;
    QemuArgument* emulator = backend("tpmdev", value_of(options, "tpmdev"));
    if (emulator == nullptr) return true;
    const QemuOptions backend_options = split_options(emulator->value, "type");
    if (value_of(backend_options, "type") != "emulator") return true;
    if (QemuArgument* socket = backend("chardev", value_of(backend_options, "chardev"))) {
      socket->take();
    }
    vm_.firmware.tpm = true;
    emulator->take();
    argument.take();
    return true;
  }

  bool memory_device(QemuArgument& argument, const QemuOptions& options) {
    const std::string_view driver = value_of(options, "driver");
    if (driver.starts_with("virtio-balloon")) {
      vm_.balloon = true;
    } else if (driver.starts_with("virtio-rng")) {
      vm_.guest = "linux";
    } else if (driver == "ivshmem-plain") {
      QemuArgument* memory = backend("object", value_of(options, "memdev"));
      if (memory == nullptr) return true;
      const QemuOptions backing = split_options(memory->value, "qom-type");
      const std::string_view written = value_of(backing, "size");
      // A number without a unit is bytes for an object, and mebibytes for -m.
      const auto bytes = parse_unsigned<std::uint64_t>(written);
      const auto size = bytes ? bytes : parse_qemu_size(written);
      if (!size) return true;
      vm_.looking_glass_bytes = *size;
      memory->take();
    } else {
      return false;
    }
    argument.take();
    return true;
  }

  void object(QemuArgument& argument) {
    const QemuOptions options = split_options(argument.value, "qom-type");
    const std::string_view type = value_of(options, "qom-type");
    const std::string_view id = value_of(options, "id");
    // The guest's memory as cleave itself has it where it is needed.
    if (type == "memory-backend-memfd" && id == "memory") {
      vm_.huge_pages = is_on(options, "hugetlb");
      argument.take();
    }
  }

  void bios(QemuArgument& argument) {
    if (firmware_of_file(argument.value) != GuestFirmware::Ovmf) return;
    vm_.firmware.uefi = true;
    lose(argument,
         {N_("-bios {file}: here the firmware keeps its variables in a file of their own."),
          {{"file", printable(argument.value)}}});
    argument.take();
  }

  // --- All of them ----------------------------------------------------------------------------

  void device(QemuArgument& argument) {
    const QemuOptions options = split_options(argument.value, "driver");
    // In no order: each knows its own drivers.
    (void)(disk_device(argument, options) || network_device(argument, options) ||
           host_device(argument, options) || virtio_gpu(argument, options) ||
           usb_device(argument, options) || sound(argument, options) || share(argument, options) ||
           channel(argument, options) || tpm(argument, options) ||
           memory_device(argument, options));
  }

  void device_without_element(QemuArgument& argument) {
    const QemuOptions options = split_options(argument.value, "driver");
    const std::string_view driver = value_of(options, "driver");
    if (driver == "nvme") disk_device(argument, options);
    network_device(argument, options);
    if (driver.starts_with("virtio-sound")) sound(argument, options);
  }

  // Controllers that cleave makes itself, once what hangs on them has a counterpart.
  void buses() {
    const bool scsi = std::ranges::find(vm_.disks, "scsi", &Vm::Disk::interface) != vm_.disks.end();
    for (QemuArgument& argument : arguments_.all) {
      if (argument.taken || argument.option != "device") continue;
      const QemuOptions options = split_options(argument.value, "driver");
      const std::string_view driver = value_of(options, "driver");
      const std::string id(value_of(options, "id"));
      const bool is_usb = is_word_of(" qemu-xhci nec-usb-xhci usb-ehci ich9-usb-ehci1 ", driver);
      const bool port = driver == "pcie-root-port" && !id.empty() &&
                        std::ranges::find(ports_, id) != ports_.end();
      const bool channels =
          driver.starts_with("virtio-serial") && (vm_.guest_agent || vm_.clipboard);
      if (port || channels || (is_usb && needs_usb(vm_) && !is_bus_of_rest(id)) ||
          (driver.starts_with("virtio-scsi") && scsi)) {
        argument.take();
      }
    }
  }

  // Whether a device that is kept as it is hangs on that bus.
  [[nodiscard]] bool is_bus_of_rest(const std::string& id) const {
    return std::ranges::any_of(arguments_.all, [&](const QemuArgument& argument) {
      if (argument.taken || argument.option != "device" || id.empty()) return false;
      const std::string bus(value_of(split_options(argument.value, "driver"), "bus"));
      return bus == id || bus == id + ".0";
    });
  }

  void card() {
    if (vm_.gpu && vm_.gpu->way == "virtio-gpu") vm_.gpu->display = true;
    const bool screenless = arguments_.no_card && !(vm_.gpu && vm_.gpu->display);
    if (!screenless || (vm_.gpu && (vm_.gpu->primary || vm_.gpu->way == "passthrough"))) return;
    draft_.lose(0,
                {N_("That there is no emulated card: here the guest has one beside a GPU that is "
                    "not shown.")});
  }

  QemuArguments& arguments_;
  Draft& draft_;
  Vm& vm_;
  std::map<std::pair<std::string, std::string>, QemuArgument*> backends_;
  std::vector<std::string> ports_;  // buses of devices that have a counterpart
};

}  // namespace

void read_qemu_devices(QemuArguments& arguments, Draft& draft, QemuDevices which) {
  QemuDevicesImport(arguments, draft).run(which);
}

}  // namespace cleave
