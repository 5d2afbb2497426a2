// How a VM is written down for another program. Pure: what the host decides comes as a value.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/message.h"
#include "vm/command_line.h"
#include "vm/vm.h"

namespace cleave {

// What this host would give the VM; what could not be found out is empty.
struct ExportHost {
  StartResources resources;
  std::string
      nvram_template;  // of which resources.firmware.nvram becomes a copy; empty: it is there
  struct Vgpu {
    std::string parent;     // "0000:00:02.0"
    std::string type_id;    // "i915-GVTg_V5_4"
    std::string type_name;  // as the driver calls it, "GVTg_V5_4"
  };
  Vgpu vgpu;
  struct PciIds {
    std::string address;  // "0000:01:00.0"
    std::uint16_t vendor = 0;
    std::uint16_t device = 0;
  };
  std::vector<PciIds> pci_ids;  // of the devices that are handed over
};

struct ExportedFile {
  std::string name;  // without a directory
  std::string content;
};

struct Exported {
  std::vector<ExportedFile> files;
  std::vector<Message> not_carried;  // what the files do not say
};

struct ExportFormat {
  const char* id;       // "libvirt"
  const char* summary;  // N_
  Exported (*write)(const Vm& vm, const ExportHost& host);
};

// In the order of the help. all.cc.
std::span<const ExportFormat> all_export_formats();
const ExportFormat* find_export_format(std::string_view id);  // null if there is none

}  // namespace cleave
