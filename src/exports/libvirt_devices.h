// The <devices> of libvirt's domain. Only for exports/.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "exports/export_format.h"
#include "exports/xml_text.h"

namespace cleave {

// Properties of one device that QEMU has and libvirt has no attribute for.
struct LibvirtOverride {
  std::string alias;
  std::vector<std::pair<std::string, std::string>> properties;
};

struct LibvirtDevices {
  std::vector<std::string> arguments;  // for QEMU: devices that libvirt does not know
  std::vector<LibvirtOverride> overrides;
  std::vector<Message> not_carried;
};

void write_libvirt_devices(const Vm& vm, const ExportHost& host, XmlText& xml,
                           LibvirtDevices& devices);

}  // namespace cleave
