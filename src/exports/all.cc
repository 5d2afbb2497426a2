#include <algorithm>
#include <array>

#include "exports/formats.h"

namespace cleave {

std::span<const ExportFormat> all_export_formats() {
  static const std::array<ExportFormat, 5> kFormats = {
      libvirt_format(), script_format(), quickemu_format(), proxmox_format(), kubevirt_format()};
  return kFormats;
}

const ExportFormat* find_export_format(std::string_view id) {
  const auto formats = all_export_formats();
  const auto found =
      std::ranges::find_if(formats, [id](const ExportFormat& format) { return id == format.id; });
  return found == formats.end() ? nullptr : &*found;
}

}  // namespace cleave
