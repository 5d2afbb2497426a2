// Changes that have the initramfs give devices to vfio-pci, by their address, before any driver of
// the host is loaded. Pure: texts in, changes out.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "plan/change.h"
#include "plan/preparation.h"

namespace cleave {

// On the kernel's command line: the initramfs leaves all devices to the host, once.
inline constexpr const char* kNoEarlyBinding = "cleave.early_binding=off";

// Whether cleave knows how this tool's images take a program along. `tool`: InitramfsTool::name.
bool can_bind_early(std::string_view tool);

// The files of all tools, for who reads them before a plan is made.
std::vector<std::string> early_binding_paths();

// In `first` what stands at the beginning of a plan and in `last` what stands at its end: images
// are built when everything else is in its place, and at an undo, which goes backwards, when
// everything else is gone. Both are empty where the files have all devices already. `texts`: the
// content of those files that exist, by path; devices that stand in them stay.
struct EarlyBinding {
  std::vector<Change> first;
  std::vector<Change> last;
};
EarlyBinding early_binding_changes(std::string_view tool, const std::vector<EarlyDevice>& devices,
                                   const std::map<std::string, std::string, std::less<>>& texts);

// Whether a plan changes the images that every entry of the boot menu starts with.
bool changes_initramfs(const std::vector<Change>& changes);

}  // namespace cleave
