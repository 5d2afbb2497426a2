// Proxmox VE's configuration of a VM, /etc/pve/qemu-server/VMID.conf (its manual, qm.conf(5)).
#include <algorithm>
#include <set>

#include "base/format.h"
#include "base/text.h"
#include "exports/formats.h"
#include "exports/host_devices.h"
#include "facts/qemu_command_line.h"
#include "vm/device_arguments.h"

namespace cleave {
namespace {

class ProxmoxConfig {
 public:
  ProxmoxConfig(const Vm& vm, const ExportHost& host) : vm_(vm), host_(host) {}

  Exported write() {
    basics();
    firmware();
    disks();
    networks();
    devices();
    screen();
    small_devices();
    programs();
    if (!arguments_.empty()) line("args", quoted_words(arguments_, " "));
    exported_.files.push_back({vm_.name + ".qm.conf", std::move(text_)});
    return std::move(exported_);
  }

 private:
  void line(std::string_view key, std::string_view value) {
    text_ += format("{}: {}\n", key, value);
  }
  void line(const char* kind, std::size_t number, std::string_view value) {
    text_ += format("{}{}: {}\n", kind, number, value);
  }
  void lost(Message message) { exported_.not_carried.push_back(std::move(message)); }
  void pass_on(const ArgumentGroup& group) {
    arguments_.insert(arguments_.end(), group.arguments.begin(), group.arguments.end());
  }

  void basics() {
    // Only DNS names may be a VM's name there.
    line("name", replace_all(vm_.name, "_", "-"));
    line("machine", vm_.machine);
    line("cpu", split(vm_.cpu, ',').front());
    if (vm_.cpu.find(',') != std::string::npos) {
      lost({N_("Of the processor “{cpu}” only the model"), {{"cpu", vm_.cpu}}});
    }
    line("sockets", std::to_string(vm_.topology.sockets));
    line("cores", std::to_string(vm_.topology.cores * vm_.topology.threads));
    if (vm_.topology.threads > 1) {
      lost({N_("The threads of each core: Proxmox VE counts each as a core.")});
    }
    line("memory", std::to_string(vm_.memory_bytes >> 20U));
    if (!vm_.balloon) line("balloon", "0");
    if (vm_.huge_pages) line("hugepages", "any");
    if (vm_.accelerator != "kvm") line("kvm", "0");
    if (vm_.clock == "localtime") line("localtime", "1");
    line("ostype", os_type());
    affinity();
  }

  [[nodiscard]] std::string os_type() const {
    if (vm_.guest == "linux") return "l26";
    if (vm_.guest != "windows") return "other";
    return vm_.guest_version == "11" ? "win11" : "win10";
  }

  // One set of processors for the whole VM.
  void affinity() {
    std::set<std::uint32_t> all;
    for (const auto& cpus : vm_.pin) all.insert(cpus.begin(), cpus.end());
    if (all.empty()) return;
    std::vector<std::string> numbers;
    for (const std::uint32_t cpu : all) numbers.push_back(std::to_string(cpu));
    line("affinity", join(numbers, ","));
    lost(
        {N_("Which processor of the guest runs on which of the host: Proxmox VE has one set for "
            "all.")});
  }

  void firmware() {
    line("bios", vm_.firmware.uefi ? "ovmf" : "seabios");
    if (vm_.firmware.uefi) {
      lost({N_("The firmware's variables: make them with `qm set VMID --efidisk0 "
               "STORAGE:1,efitype=4m,pre-enrolled-keys={keys}`."),
            {{"keys", vm_.firmware.secure_boot ? 1 : 0}}});
    }
    if (vm_.firmware.tpm) {
      lost({N_("The TPM: make it with `qm set VMID --tpmstate0 STORAGE:1,version=v2.0`.")});
    }
    if (vm_.kernel.empty()) return;
    for (const ArgumentGroup& group : build_command_line(vm_, host_.resources).groups) {
      if (group.name == "kernel") pass_on(group);
    }
  }

  [[nodiscard]] static std::string disk_value(const Vm::Disk& disk) {
    const bool is_cdrom = disk.interface == "cdrom";
    std::string value = disk.file.empty() ? "none" : disk.file;
    if (is_cdrom) return value + ",media=cdrom";
    value += ",format=" + disk.format;
    if (!disk.cache.empty()) value += ",cache=" + disk.cache;
    if (!disk.aio.empty()) value += ",aio=" + disk.aio;
    if (disk.discard) value += ",discard=on";
    if (disk.iothread) value += ",iothread=1";
    if (disk.read_only) value += ",ro=1";
    if (!disk.serial.empty()) value += ",serial=" + disk.serial;
    return value;
  }

  void disks() {
    std::vector<std::pair<std::uint32_t, std::string>> order;
    std::size_t ide = 0;
    std::size_t sata = 0;
    std::size_t scsi = 0;
    std::size_t virtio = 0;
    CommandLine commands;
    add_disks(vm_, commands);
    for (std::size_t i = 0; i < vm_.disks.size(); ++i) {
      const Vm::Disk& disk = vm_.disks[i];
      if (disk.interface == "nvme") {
        pass_on(commands.groups[i]);
        continue;
      }
      const bool on_ide =
          disk.interface == "ide" || (disk.interface == "cdrom" && vm_.machine == "pc");
      const bool on_sata = disk.interface == "sata" || (disk.interface == "cdrom" && !on_ide);
      const char* bus = on_ide                     ? "ide"
                        : on_sata                  ? "sata"
                        : disk.interface == "scsi" ? "scsi"
                                                   : "virtio";
      std::size_t& place = on_ide ? ide : on_sata ? sata : disk.interface == "scsi" ? scsi : virtio;
      if (disk.file.find(',') != std::string::npos) {
        lost({N_("The disk {file}: Proxmox VE bears no comma in a name."), {{"file", disk.file}}});
        continue;
      }
      order.emplace_back(disk.boot_index, format("{}{}", bus, place));
      line(bus, place++, disk_value(disk));
    }
    if (scsi > 0) line("scsihw", "virtio-scsi-pci");
    std::ranges::sort(order);
    std::vector<std::string> names;
    for (auto& [index, name] : order) names.push_back(std::move(name));
    if (!names.empty()) line("boot", "order=" + join(names, ";"));
  }

  void networks() {
    for (std::size_t i = 0; i < vm_.networks.size(); ++i) {
      const Vm::Network& network = vm_.networks[i];
      std::string value = format("{}={}", network.model, network.mac);
      if (network.type == "bridge") value += ",bridge=" + network.bridge;
      line("net", i, value);
      if (network.forwards.empty()) continue;
      lost({N_("Ports of the host that lead into the guest ({count}): Proxmox VE forwards none."),
            {{"count", network.forwards.size()}}});
    }
  }

  void devices() {
    std::size_t number = 0;
    for (const PassedDevice& device : passed_devices(host_)) {
      if (!device.pci) {
        vgpu(device, number++);
        continue;
      }
      std::string value = to_text(*device.pci);
      if (vm_.machine == "q35" && value_of(device.options, "addr") != "2.0") value += ",pcie=1";
      if (device.is_on("x-vga")) value += ",x-vga=1";
      const std::string_view rom = value_of(device.options, "romfile");
      if (!rom.empty()) {
        value += ",romfile=" + last_part(rom);
        lost({N_("The file {file}: copy it to /usr/share/kvm."), {{"file", rom}}});
      }
      line("hostpci", number++, value);
    }
    number = 0;
    for (const Vm::Device& device : vm_.devices) {
      if (!device.pci.empty()) continue;
      line("usb", number++,
           device.usb_ids
               ? format("host={:04x}:{:04x}", device.usb_ids->vendor, device.usb_ids->product)
               : "host=" + device.usb_port);
    }
  }

  void vgpu(const PassedDevice& device, std::size_t number) {
    if (host_.vgpu.type_id.empty() || host_.vgpu.parent.empty()) {
      lost({N_("The vGPU {uuid}: its type is not known here. Add `hostpci{number}: "
               "ADDRESS,mdev=TYPE`."),
            {{"uuid", device.uuid}, {"number", number}}});
      return;
    }
    line("hostpci", number, format("{},mdev={}", host_.vgpu.parent, host_.vgpu.type_id));
    if (device.is_on("display")) {
      lost({N_("The picture of the vGPU: Proxmox VE shows its own emulated card.")});
    }
  }

  void screen() {
    const bool draws = vm_.gpu && vm_.gpu->way == "virtio-gpu";
    if (draws && vm_.gpu->mode == "venus") {
      lost({N_("Vulkan in the guest (venus): Proxmox VE's virtio-gl has OpenGL alone.")});
    }
    if (vm_.display == "none" && !vm_.gpu) {
      line("vga", vm_.serial ? "serial0" : "none");
    } else if (draws) {
      line("vga", vm_.gpu->mode == "2d" ? "virtio" : "virtio-gl");
    } else if (host_.resources.gpu_replaces_screen) {
      line("vga", "none");
    } else {
      line("vga", vm_.display == "spice" ? "qxl" : "std");
    }
    if (vm_.display != "spice" && vm_.display != "vnc" && vm_.display != "none") {
      lost({N_("The display {type}: the screen is in Proxmox VE's console."),
            {{"type", vm_.display}}});
    }
  }

  void small_devices() {
    line("tablet", vm_.pointer == "tablet" ? "1" : "0");
    if (vm_.serial) line("serial0", "socket");
    if (vm_.guest_agent) line("agent", "1");
    if (vm_.guest == "linux") line("rng0", "source=/dev/urandom");
    if (vm_.sound) {
      const bool spice = vm_.display == "spice";
      line("audio0",
           format("device={},driver={}", vm_.machine == "pc" ? "intel-hda" : "ich9-intel-hda",
                  spice ? "spice" : "none"));
      if (!spice || vm_.sound->model != "hda") {
        lost({N_("How the sound is heard: Proxmox VE has a card for it, and SPICE.")});
      }
    }
    if (vm_.looking_glass_bytes > 0) {
      line("ivshmem", format("size={},name=looking-glass", vm_.looking_glass_bytes >> 20U));
    }
    if (vm_.clipboard) lost({N_("The shared clipboard")});
    shares();
  }

  void shares() {
    CommandLine commands;
    add_shares(vm_, host_.resources, commands);
    for (std::size_t i = 0; i < vm_.shares.size(); ++i) {
      if (vm_.shares[i].type == "9p") {
        pass_on(commands.groups[i]);
        continue;
      }
      lost({N_("The directory {path}: make a directory mapping of it, and `qm set VMID --virtiofs0 "
               "MAPPING`."),
            {{"path", vm_.shares[i].path}}});
    }
  }

  void programs() {
    if (vm_.autostart != "no") line("onboot", "1");
    if (!vm_.on_suspend.empty()) {
      lost({N_("What becomes of the VM when the host sleeps (on_suspend)")});
    }
    if (vm_.qemu != "qemu-system-x86_64") {
      lost({N_("The program {qemu}: Proxmox VE has its own QEMU."), {{"qemu", vm_.qemu}}});
    }
    arguments_.insert(arguments_.end(), vm_.extra_arguments.begin(), vm_.extra_arguments.end());
  }

  const Vm& vm_;
  const ExportHost& host_;
  std::string text_;
  std::vector<std::string> arguments_;
  Exported exported_;
};

Exported write(const Vm& vm, const ExportHost& host) { return ProxmoxConfig(vm, host).write(); }

}  // namespace

ExportFormat proxmox_format() {
  return {.id = "proxmox",
          .summary = N_("Proxmox VE's configuration, for /etc/pve/qemu-server/VMID.conf"),
          .write = write};
}

}  // namespace cleave
