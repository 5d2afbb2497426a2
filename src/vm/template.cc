#include "vm/template.h"

#include <string_view>

#include "base/format.h"

namespace cleave {
namespace {

// A TOML basic string (toml.io, v1.0.0, "String").
std::string quoted(std::string_view text) {
  std::string toml = "\"";
  for (const char letter : text) {
    const auto code = static_cast<unsigned char>(letter);
    if (letter == '"' || letter == '\\') {
      toml += '\\';
      toml += letter;
    } else if (code < 0x20 || code == 0x7F) {
      toml += format("\\u{:04X}", code);
    } else {
      toml += letter;
    }
  }
  return toml + "\"";
}

// One key with the comment in front of it; commented out if it has no value.
std::string key(std::string_view name, const std::string& value, std::string_view example,
                std::string_view comment) {
  const std::string line = value.empty() ? format("# {} = \"{}\"", name, example)
                                         : format("{} = {}", name, quoted(value));
  return format("# {}\n{}\n", comment, line);
}

}  // namespace

std::string new_definition_text(const NewDefinition& wanted) {
  std::string text = "# A virtual machine of cleave. All keys: docs/reference/vm-definition.md\n";
  text += format("# Check it with: cleave vm check {}\n\n", wanted.name);
  text += format("name = {}\n", quoted(wanted.name));
  text += format("cpus = {}\n", wanted.cpus);
  text += format("memory = {}\n", quoted(wanted.memory));
  if (!wanted.accelerator.empty()) text += format("accelerator = {}\n", quoted(wanted.accelerator));
  if (!wanted.cpu.empty()) text += format("cpu = {}\n", quoted(wanted.cpu));
  if (wanted.serial) text += "serial = true\n";
  if (!wanted.kernel.empty()) text += format("kernel = {}\n", quoted(wanted.kernel));

  text += "\n# The share of this machine's GPU.\n[gpu]\n";
  text += key("way", wanted.gpu_way.empty() ? "none" : wanted.gpu_way, "gvt-g",
              "gvt-g, sr-iov, passthrough, virtio-gpu, mdev (any other mediated device) or none");
  if (wanted.gpu_way == "virtio-gpu") {
    text += key("mode", "", "virgl",
                "virgl (OpenGL), venus (and Vulkan), native-context or 2d. Left out: the best that "
                "surely works.");
  } else {
    text += key("type", wanted.gpu_type, "i915-GVTg_V5_4",
                "The size of the share: see `cleave vgpu types`. Left out: the best that fits.");
  }
  text += key("parent", wanted.gpu_parent, "0000:00:02.0",
              "The GPU, needed only where there are several.");

  text += "\n# One [[disk]] for each disk. A file's place is seen from this file's directory.\n";
  if (wanted.disk_file.empty()) {
    text += "# [[disk]]\n# file = \"disk.qcow2\"\n";
  } else {
    text += format("[[disk]]\nfile = {}\n", quoted(wanted.disk_file));
  }

  text += "\n[display]\n";
  text += key("type", wanted.display, "gtk", "gtk, sdl, egl-headless (no window) or none");
  if (!wanted.render_node.empty()) {
    text += format("render_node = {}\n", quoted(wanted.render_node));
  }
  text +=
      "\n# More arguments for QEMU go above the first [table], as:\n"
      "# extra_arguments = [\"-device\", \"qemu-xhci\"]\n";
  return text;
}

}  // namespace cleave
