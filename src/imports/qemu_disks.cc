// Disks and flash of a command line: -drive, -hda, -cdrom, and the devices that take a drive.
#include "base/text.h"
#include "imports/qemu_reader.h"

namespace cleave {
namespace {

// What -drive says of the medium; false if it is none that a definition can have.
bool medium(QemuReader& reader, const QemuArgument& argument, const QemuOptions& drive,
            Vm::Disk& disk) {
  disk.file = value_of(drive, "file");
  disk.format = value_of(drive, "format");
  if (disk.format.empty()) {
    const std::string ending = lower_case(disk.file);
    disk.format = ending.ends_with(".qcow2") ? "qcow2" : "raw";
    if (!disk.file.empty() && !ending.ends_with(".qcow2") && !ending.ends_with(".iso") &&
        !ending.ends_with(".raw") && !ending.ends_with(".img")) {
      reader.lose(argument, {N_("The format of {file} is not told; here it is raw."),
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

void complete(QemuReader& reader, const QemuArgument& argument, Vm::Disk& disk) {
  if (disk.interface == "cdrom") {
    disk.read_only = true;
  } else if (disk.cache.empty()) {
    disk.cache = "writeback";  // QEMU's own default (block.c); cleave's is none
  }
  if (disk.read_only && (disk.interface == "sata" || disk.interface == "ide")) {
    disk.read_only = false;
    reader.lose(argument,
                {N_("That the guest cannot write to {file}: SATA and IDE disks are writable."),
                 {{"file", printable(disk.file)}}});
  }
  reader.vm.disks.push_back(std::move(disk));
}

std::string controller(const QemuReader& reader) {
  return reader.vm.machine == "pc" ? "ide" : "sata";
}

void flash(QemuReader& reader, QemuArgument& argument, const QemuOptions& options) {
  const bool is_code =
      is_on(options, "readonly") || is_on(options, "read-only") || value_of(options, "unit") == "0";
  reader.vm.firmware.uefi = true;
  (is_code ? reader.vm.firmware.code : reader.vm.firmware.nvram) = value_of(options, "file");
  argument.take();
}

std::string interface_of(std::string_view driver) {
  if (driver == "virtio-blk-pci" || driver == "virtio-blk") return "virtio";
  if (driver == "scsi-hd") return "scsi";
  if (driver == "nvme") return "nvme";
  if (driver == "ide-cd" || driver == "scsi-cd") return "cdrom";
  return driver == "ide-hd" ? "ide" : "";
}

}  // namespace

void read_drive(QemuReader& reader, QemuArgument& argument) {
  const QemuOptions options = split_options(argument.value, "");
  const std::string_view interface = value_of(options, "if");
  if (interface == "pflash") return flash(reader, argument, options);
  if (interface == "none") return;  // a device takes it
  Vm::Disk disk;
  if (!medium(reader, argument, options, disk)) return;
  const bool is_cdrom = value_of(options, "media") == "cdrom";
  disk.interface = is_cdrom                                       ? "cdrom"
                   : interface == "virtio" || interface == "scsi" ? std::string(interface)
                                                                  : controller(reader);
  if (disk.file.empty() && !is_cdrom) return;
  complete(reader, argument, disk);
  argument.take();
}

void read_old_drive(QemuReader& reader, QemuArgument& argument) {
  Vm::Disk disk;
  disk.interface = argument.option == "cdrom" ? "cdrom" : controller(reader);
  const QemuOptions options = {{"file", argument.value}};
  if (argument.value.empty() || !medium(reader, argument, options, disk)) return;
  complete(reader, argument, disk);
  argument.take();
}

bool read_disk_device(QemuReader& reader, QemuArgument& argument, const QemuOptions& options) {
  const std::string interface = interface_of(value_of(options, "driver"));
  if (interface.empty()) return false;
  QemuArgument* drive = reader.backend("drive", value_of(options, "drive"));
  Vm::Disk disk;
  if (drive == nullptr || !medium(reader, *drive, split_options(drive->value, ""), disk))
    return true;
  disk.interface = interface == "ide" ? controller(reader) : interface;
  if (disk.file.empty() && disk.interface != "cdrom") return true;
  const std::string_view thread = value_of(options, "iothread");
  disk.iothread = !thread.empty() && disk.interface == "virtio";
  if (QemuArgument* object = reader.backend("object", thread)) object->take();
  disk.serial = value_of(options, "serial");
  // What NVMe has where nobody wrote one (vm/device_arguments.cc).
  if (disk.interface == "nvme" && disk.serial.starts_with("cleave-")) disk.serial.clear();
  disk.boot_index = parse_unsigned<std::uint32_t>(value_of(options, "bootindex")).value_or(0);
  complete(reader, argument, disk);
  drive->take();
  argument.take();
  return true;
}

}  // namespace cleave
