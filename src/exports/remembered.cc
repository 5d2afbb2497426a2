#include "exports/remembered.h"

#include "base/text.h"
#include "vm/definition_text.h"

namespace cleave {

std::string remembered_text(const Vm& vm) {
  Vm kept;
  kept.guest = vm.guest;
  kept.guest_version = vm.guest_version;
  kept.qemu = vm.qemu;
  kept.cpu = vm.cpu;
  kept.on_suspend = vm.on_suspend;
  kept.autostart = vm.autostart;
  kept.extra_arguments = vm.extra_arguments;
  std::string text;
  const std::string words = definition_tables_text(kept, WrittenKeys::All, {""});
  for (const std::string_view line : lines(words)) {
    // Numbers and truths of an empty VM say nothing about this one.
    if (line.find(" = \"") == std::string_view::npos && !line.starts_with("extra_arguments")) {
      continue;
    }
    text += line;
    text += '\n';
  }
  const std::string tables =
      definition_tables_text(vm, WrittenKeys::All, {"gpu", "device", "display", "sound", "share"});
  return text + "\n" + tables;
}

}  // namespace cleave
