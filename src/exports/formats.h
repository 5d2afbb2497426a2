// One function per format, for all.cc.
#pragma once

#include "exports/export_format.h"

namespace cleave {

ExportFormat libvirt_format();
ExportFormat script_format();
ExportFormat quickemu_format();
ExportFormat proxmox_format();
ExportFormat kubevirt_format();

}  // namespace cleave
