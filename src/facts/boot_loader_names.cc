// The names of loaders and writers in JSON.
#include "facts/boot_loader.h"

namespace cleave {

const char* loader_name(LoaderKind kind) {
  switch (kind) {
    case LoaderKind::Grub:
      return "grub";
    case LoaderKind::SystemdBoot:
      return "systemd-boot";
    case LoaderKind::Refind:
      return "refind";
    case LoaderKind::Limine:
      return "limine";
    case LoaderKind::UnifiedImage:
      return "unified-image";
    case LoaderKind::Other:
      return "other";
    case LoaderKind::Unknown:
      break;
  }
  return "unknown";
}

const char* writer_name(BootWriter writer) {
  switch (writer) {
    case BootWriter::GrubDropIn:
      return "grub-drop-in";
    case BootWriter::GrubSettings:
      return "grub-settings";
    case BootWriter::GrubByHand:
      return "grub-by-hand";
    case BootWriter::Grubby:
      return "grubby";
    case BootWriter::GrubEntries:
      return "grub-entries";
    case BootWriter::KernelInstall:
      return "kernel-install";
    case BootWriter::LoaderEntries:
      return "loader-entries";
    case BootWriter::UnifiedImage:
      return "unified-image";
    case BootWriter::Kernelstub:
      return "kernelstub";
    case BootWriter::RpmOstree:
      return "rpm-ostree";
    case BootWriter::ProxmoxBootTool:
      return "proxmox-boot-tool";
    case BootWriter::Sdbootutil:
      return "sdbootutil";
    case BootWriter::LimineEntryTool:
      return "limine-entry-tool";
    case BootWriter::LimineByHand:
      return "limine-by-hand";
    case BootWriter::Refind:
      return "refind";
    case BootWriter::Nixos:
      return "nixos";
    case BootWriter::SnapCore:
      return "snap-core";
    case BootWriter::Unknown:
      break;
  }
  return "unknown";
}

const char* confidence_name(BootConfidence value) {
  switch (value) {
    case BootConfidence::Known:
      return "known";
    case BootConfidence::Likely:
      return "likely";
    case BootConfidence::Unknown:
      break;
  }
  return "unknown";
}

}  // namespace cleave
