#include <algorithm>

#include "base/format.h"
#include "base/text.h"
#include "facts/mdev.h"
#include "facts/pci.h"
#include "facts/qemu_command_line.h"
#include "imports/qemu_reader.h"
#include "vm/device_arguments.h"

namespace cleave {
namespace {

class QemuDevicesImport {
 public:
  QemuDevicesImport(QemuArguments& arguments, Draft& draft)
      : arguments_(arguments), draft_(draft), vm_(draft.vm), reader_(arguments, draft) {}

  void run(QemuDevices which) {
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
    reader_.lose(argument, std::move(message));
  }

  QemuArgument* backend(const char* option, std::string_view id) {
    return reader_.backend(option, id);
  }
  void drive(QemuArgument& argument) { read_drive(reader_, argument); }
  void old_drive(QemuArgument& argument) { read_old_drive(reader_, argument); }
  void nic(QemuArgument& argument) { read_nic(reader_, argument); }

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
    (void)(read_disk_device(reader_, argument, options) ||
           read_network_device(reader_, argument, options) || host_device(argument, options) ||
           virtio_gpu(argument, options) || usb_device(argument, options) ||
           sound(argument, options) || share(argument, options) || channel(argument, options) ||
           tpm(argument, options) || memory_device(argument, options));
  }

  void device_without_element(QemuArgument& argument) {
    const QemuOptions options = split_options(argument.value, "driver");
    const std::string_view driver = value_of(options, "driver");
    if (driver == "nvme") read_disk_device(reader_, argument, options);
    read_network_device(reader_, argument, options);
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
  QemuReader reader_;
  std::vector<std::string> ports_;  // buses of devices that have a counterpart
};

}  // namespace

void read_qemu_devices(QemuArguments& arguments, Draft& draft, QemuDevices which) {
  QemuDevicesImport(arguments, draft).run(which);
}

}  // namespace cleave
