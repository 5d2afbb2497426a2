// Names from pci.ids, the list of https://pci-ids.ucw.cz: a vendor's line starts with its four
// digits, its devices follow with a tab before them, their subsystems with two.
#include <map>

#include "base/format.h"
#include "base/text.h"
#include "facts/readers/readers.h"

namespace cleave {
namespace {

constexpr std::size_t kMaximumSize = std::size_t{8} << 20U;  // 1.5 MB in 2026

// The name in the line that starts with `key` and two blanks, searched from the start of a line.
std::optional<std::string> name_in(std::string_view text, const std::string& key) {
  const std::string start = "\n" + key + "  ";
  const size_t at = text.find(start);
  if (at == std::string_view::npos) return std::nullopt;
  const size_t name = at + start.size();
  return std::string(trim(text.substr(name, text.find('\n', name) - name)));
}

// The vendor's part of the list: from its line to the next line that starts with no tab.
std::string_view vendor_part(std::string_view text, std::uint16_t vendor_id) {
  const size_t at = text.find(format("\n{:04x}  ", vendor_id));
  if (at == std::string_view::npos) return {};
  for (size_t end = text.find('\n', at + 1); end != std::string_view::npos;
       end = text.find('\n', end + 1)) {
    if (end + 1 < text.size() && text[end + 1] != '\t' && text[end + 1] != '#') {
      return text.substr(at, end - at);
    }
  }
  return text.substr(at);
}

}  // namespace

void read_pci_names(const HostReader& host, std::vector<PciDevice>& devices, PciNames which) {
  std::string ids;
  std::map<std::uint16_t, std::string_view> vendors;  // the parts that were found
  for (PciDevice& device : devices) {
    const bool wanted = which == PciNames::OfAll ? !device.is_bridge() : device.is_gpu();
    if (!wanted) continue;
    for (const char* path : {"/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids"}) {
      if (ids.empty()) ids = "\n" + host.read_file(path, kMaximumSize).value_or("");
      if (ids.size() == 1) ids.clear();
    }
    if (ids.empty()) return;
    const auto [vendor, is_new] = vendors.try_emplace(device.vendor_id);
    if (is_new) vendor->second = vendor_part(ids, device.vendor_id);
    const std::string_view part = vendor->second;
    device.vendor_name = name_in(part, format("{:04x}", device.vendor_id));
    device.device_name = name_in(part, format("\t{:04x}", device.device_id));
  }
}

}  // namespace cleave
