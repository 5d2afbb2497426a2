#include "vm/device_arguments.h"

#include <algorithm>

#include "base/format.h"

namespace cleave {
namespace {

void append(ArgumentGroup& group, const char* option, std::string value) {
  group.arguments.emplace_back(option);
  group.arguments.push_back(std::move(value));
}

std::string file_in(const StartResources& resources, const std::string& name) {
  return qemu_option_value(resources.runtime_directory + "/" + name);
}

// --- Firmware ---------------------------------------------------------------------------------

ArgumentGroup firmware_group(const Vm& vm, const StartResources::Firmware& firmware) {
  ArgumentGroup group{"firmware",
                      {},
                      N_("OVMF starts the guest (UEFI); it keeps its variables in a copy that is "
                         "this VM's own.")};
  if (vm.firmware.secure_boot) {
    // Only code in the system management mode may write the variables (OvmfPkg/README).
    append(group, "-global", "driver=cfi.pflash01,property=secure,value=on");
    group.reason =
        N_("OVMF with Secure Boot starts the guest; its variables are a copy that is "
           "this VM's own, and only the firmware can write them.");
  }
  append(group, "-drive",
         format("if=pflash,unit=0,format={},readonly=on,file={}", firmware.code_format,
                qemu_option_value(firmware.code)));
  append(group, "-drive",
         format("if=pflash,unit=1,format={},file={}", firmware.nvram_format,
                qemu_option_value(firmware.nvram)));
  return group;
}

ArgumentGroup tpm_group(const StartResources& resources) {
  ArgumentGroup group{"tpm", {}, N_("A TPM 2.0, which swtpm emulates in a process of its own.")};
  append(group, "-chardev", "socket,id=tpm,path=" + file_in(resources, kTpmSocket));
  append(group, "-tpmdev", "emulator,id=tpm0,chardev=tpm");
  append(group, "-device", "tpm-crb,tpmdev=tpm0");
  return group;
}

// --- Disks ------------------------------------------------------------------------------------

std::string drive_value(const Vm::Disk& disk, std::size_t number) {
  std::string value = format("if=none,id=drive{}", number);
  if (disk.file.empty()) return value;  // a drive without a disc
  value += ",file=" + qemu_option_value(disk.file) + ",format=" + disk.format;
  if (!disk.cache.empty()) value += ",cache=" + disk.cache;
  if (!disk.aio.empty()) value += ",aio=" + disk.aio;
  if (disk.discard) value += ",discard=unmap";
  if (disk.read_only) value += ",readonly=on";
  return value;
}

// `place`: how many disks of that controller came before.
std::string controller_place(const Vm& vm, std::size_t place) {
  // pc: two channels of IDE for two drives each; q35: one drive on each of six ports of AHCI.
  return vm.machine == "pc" ? format(",bus=ide.{},unit={}", place / 2, place % 2)
                            : format(",bus=ide.{}", place);
}

std::string disk_device(const Vm& vm, const Vm::Disk& disk, std::size_t number,
                        std::size_t& controller_places) {
  std::string value;
  std::string serial = disk.serial;
  if (disk.interface == "virtio") {
    value = "virtio-blk-pci";
  } else if (disk.interface == "scsi") {
    value = "scsi-hd,bus=scsi.0";
  } else if (disk.interface == "nvme") {
    value = "nvme";
    if (serial.empty()) serial = format("cleave-{}", number);  // NVMe has no disk without one
  } else {
    value = disk.interface == "cdrom" ? "ide-cd" : "ide-hd";
    value += controller_place(vm, controller_places++);
  }
  value += format(",id=disk{0},drive=drive{0},bootindex={1}", number, disk.boot_index);
  if (disk.iothread) value += format(",iothread=iothread{}", number);
  if (!serial.empty()) value += ",serial=" + serial;
  return value;
}

Message disk_reason(const Vm::Disk& disk) {
  if (disk.interface == "cdrom" && disk.file.empty()) {
    return N_("A CD drive without a disc; `cleave vm insert` puts one in.");
  }
  if (disk.interface == "cdrom") {
    return N_("A disc in the guest's CD drive; the guest cannot write to it.");
  }
  if (disk.interface == "virtio") {
    return N_("A disk for the guest's virtio driver, the fastest there is.");
  }
  if (disk.interface == "scsi") return N_("A disk on a SCSI controller of virtio.");
  if (disk.interface == "nvme") {
    return N_("An NVMe disk, which every newer guest knows without a further driver.");
  }
  return N_("A SATA or IDE disk, which every guest knows without a further driver.");
}

// --- Sound ------------------------------------------------------------------------------------

std::vector<std::string> sound_devices(const Vm& vm) {
  if (vm.sound->model == "usb") return {"usb-audio,bus=usb.0,audiodev=sound"};
  if (vm.sound->model == "virtio") return {"virtio-sound-pci,audiodev=sound"};
  return {vm.machine == "pc" ? "intel-hda" : "ich9-intel-hda", "hda-duplex,audiodev=sound"};
}

}  // namespace

bool needs_usb(const Vm& vm) {
  const auto is_usb = [](const Vm::Device& device) { return device.pci.empty(); };
  return vm.pointer == "tablet" || (vm.sound && vm.sound->model == "usb") ||
         vm.display == "spice" || std::ranges::any_of(vm.devices, is_usb);
}

bool needs_shared_memory(const Vm& vm) {
  return std::ranges::find(vm.shares, "virtiofs", &Vm::Share::type) != vm.shares.end();
}

void add_firmware(const Vm& vm, const StartResources& resources, CommandLine& line) {
  if (!resources.firmware.code.empty()) {
    line.groups.push_back(firmware_group(vm, resources.firmware));
  }
  if (vm.firmware.tpm) line.groups.push_back(tpm_group(resources));
}

void add_disks(const Vm& vm, CommandLine& line) {
  std::size_t controller_places = 0;
  bool has_scsi = false;
  for (std::size_t i = 0; i < vm.disks.size(); ++i) {
    const Vm::Disk& disk = vm.disks[i];
    ArgumentGroup group{"disk", {}, disk_reason(disk)};
    if (disk.interface == "scsi" && !has_scsi) {
      append(group, "-device", "virtio-scsi-pci,id=scsi");
      has_scsi = true;
    }
    if (disk.iothread) append(group, "-object", format("iothread,id=iothread{}", i));
    append(group, "-drive", drive_value(disk, i));
    append(group, "-device", disk_device(vm, disk, i, controller_places));
    line.groups.push_back(std::move(group));
  }
}

void add_networks(const Vm& vm, CommandLine& line) {
  int taps = 0;
  for (std::size_t i = 0; i < vm.networks.size(); ++i) {
    const Vm::Network& network = vm.networks[i];
    ArgumentGroup group{"network",
                        {},
                        N_("A network behind this machine's address; nothing outside reaches the "
                           "guest but by the ports that lead into it.")};
    std::string backend = format("user,id=net{}", i);
    if (network.type == "bridge") {
      backend = format("tap,id=net{},fd={}", i, kFirstTapDescriptor + taps++);
      group.reason = {N_("A network card on the bridge {bridge}; cleave hands QEMU its end, which "
                         "may not make one itself."),
                      {{"bridge", network.bridge}}};
    }
    for (const Vm::Network::Forward& forward : network.forwards) {
      backend += format(",hostfwd={}:{}:{}-:{}", forward.protocol, forward.address,
                        forward.host_port, forward.guest_port);
    }
    append(group, "-netdev", std::move(backend));
    const std::string card = network.model == "virtio" ? "virtio-net-pci" : network.model;
    append(group, "-device", format("{},netdev=net{},id=card{},mac={}", card, i, i, network.mac));
    line.groups.push_back(std::move(group));
  }
}

void add_input(const Vm& vm, CommandLine& line) {
  if (!needs_usb(vm)) return;
  ArgumentGroup group{"input", {}, N_("A USB controller for what the guest has on USB.")};
  // The most ports there are (hw/usb/hcd-xhci.h, XHCI_MAXPORTS_2 and _3): before the last free one
  // QEMU plugs in a hub of its own, which only knows 12 Mbit/s (hw/usb/bus.c, usb_claim_port).
  append(group, "-device", "qemu-xhci,id=usb,p2=15,p3=15");
  if (vm.pointer == "tablet") {
    append(group, "-device", "usb-tablet,bus=usb.0");
    group.reason =
        N_("A tablet on a USB controller: the guest's pointer is where yours is, and no "
           "window captures it.");
  }
  line.groups.push_back(std::move(group));
}

void add_sound(const Vm& vm, const StartResources& resources, CommandLine& line) {
  if (!vm.sound) return;
  const std::string& backend =
      vm.sound->backend.empty() ? resources.audio_backend : vm.sound->backend;
  ArgumentGroup group{
      "sound", {}, {N_("A sound card, which plays with {backend}."), {{"backend", backend}}}};
  if (backend.empty() || backend == "none") {
    group.reason = N_("A sound card that nobody hears: nothing here plays its sound.");
  }
  append(group, "-audiodev", format("{},id=sound", backend.empty() ? "none" : backend));
  for (std::string& device : sound_devices(vm)) append(group, "-device", std::move(device));
  line.groups.push_back(std::move(group));
}

void add_shares(const Vm& vm, const StartResources& resources, CommandLine& line) {
  for (std::size_t i = 0; i < vm.shares.size(); ++i) {
    const Vm::Share& share = vm.shares[i];
    ArgumentGroup group{"share",
                        {},
                        {N_("The guest can mount {path} by the name {tag}."),
                         {{"path", share.path}, {"tag", share.tag}}}};
    if (share.type == "virtiofs") {
      append(group, "-chardev",
             format("socket,id=share{},path={}", i, file_in(resources, share_socket(i))));
      append(group, "-device", format("vhost-user-fs-pci,chardev=share{},tag={}", i, share.tag));
    } else {
      append(group, "-fsdev",
             format("local,id=share{},path={},security_model=mapped-xattr{}", i,
                    qemu_option_value(share.path), share.read_only ? ",readonly=on" : ""));
      append(group, "-device", format("virtio-9p-pci,fsdev=share{},mount_tag={}", i, share.tag));
    }
    line.groups.push_back(std::move(group));
  }
}

void add_channels(const Vm& vm, const StartResources& resources, CommandLine& line) {
  if (vm.guest_agent || vm.clipboard) {
    ArgumentGroup group{"channel", {}, {}};
    append(group, "-device", "virtio-serial-pci,id=channels");
    if (vm.guest_agent) {
      append(
          group, "-chardev",
          format("socket,id=agent,path={},server=on,wait=off", file_in(resources, kAgentSocket)));
      append(group, "-device",
             "virtserialport,bus=channels.0,chardev=agent,name=org.qemu.guest_agent.0");
      group.reason = N_("The channel of QEMU's guest agent, by which cleave asks the guest.");
    }
    if (vm.clipboard) {
      append(group, "-chardev",
             vm.display == "spice" ? "spicevmc,id=vdagent,name=vdagent"
                                   : "qemu-vdagent,id=vdagent,name=vdagent,clipboard=on");
      append(group, "-device",
             "virtserialport,bus=channels.0,chardev=vdagent,name=com.redhat.spice.0");
      group.reason = vm.guest_agent
                         ? N_("The channels of QEMU's guest agent, by which cleave asks the guest, "
                              "and of SPICE's, which shares the clipboard.")
                         : N_("The channel of SPICE's agent, which shares the clipboard.");
    }
    line.groups.push_back(std::move(group));
  }
  if (vm.balloon) {
    line.groups.push_back({"memory-device",
                           {"-device", "virtio-balloon-pci,id=balloon,free-page-reporting=on"},
                           N_("The guest gives memory that it does not use back to the host.")});
  }
  if (vm.guest == "linux") {
    line.groups.push_back({"random",
                           {"-device", "virtio-rng-pci"},
                           N_("Random numbers of the host: a Linux guest starts without waiting "
                              "for its own.")});
  }
  if (vm.looking_glass_bytes > 0) {
    ArgumentGroup group{"looking-glass",
                        {},
                        N_("Memory that the guest shares with Looking Glass: looking-glass-client "
                           "-f shows what the guest draws.")};
    append(group, "-object",
           format("memory-backend-file,id=looking-glass,share=on,size={},mem-path={}",
                  vm.looking_glass_bytes, file_in(resources, kLookingGlassFile)));
    append(group, "-device", "ivshmem-plain,memdev=looking-glass");
    line.groups.push_back(std::move(group));
  }
}

}  // namespace cleave
