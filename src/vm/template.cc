#include "vm/template.h"

#include <string_view>
#include <utility>
#include <vector>

#include "base/format.h"
#include "base/text.h"
#include "vm/toml.h"

namespace cleave {
namespace {

class Writer {
 public:
  explicit Writer(const Translator& translate) : translate_(translate) {}

  void comment(const char* sentence, const std::vector<Field>& fields = {}) {
    // A translation with a line break must not end the comment.
    const std::string text = fill_fields(translate_(sentence), fields);
    text_ += "# " + replace_all(text, "\n", " ") + "\n";
  }
  void line(std::string_view text) { text_ += format("{}\n", text); }
  void value(std::string_view key, std::string_view value) {
    text_ += format("{} = {}\n", key, toml_string(value));
  }
  void value_if_given(std::string_view key, std::string_view value) {
    if (!value.empty()) this->value(key, value);
  }
  // One key with the comment in front of it; commented out if it has no value.
  void key(std::string_view key, std::string_view value, std::string_view example,
           const char* sentence) {
    comment(sentence);
    if (value.empty()) text_ += "# ";
    this->value(key, value.empty() ? example : value);
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  const Translator& translate_;
  std::string text_;
};

void write_general(const NewDefinition& wanted, Writer& writer) {
  writer.comment(
      N_("A virtual machine of cleave. All keys: docs/reference/vm-definition.md, or `cleave vm "
         "schema`."));
  writer.comment(N_("Check it with: cleave vm check {name}"), {{"name", wanted.name}});
  writer.line("");
  writer.value("name", wanted.name);
  if (!wanted.guest.empty()) {
    writer.key("guest", wanted.guest, "linux",
               N_("linux, windows10, windows11 or windows: decides the defaults of what is not "
                  "written here."));
  }
  writer.line(format("cpus = {}", wanted.cpus));
  writer.value("memory", wanted.memory);
  writer.value_if_given("accelerator", wanted.accelerator);
  writer.value_if_given("cpu", wanted.cpu);
  if (wanted.serial) writer.line("serial = true");
  writer.value_if_given("kernel", wanted.kernel);
}

void write_firmware(const NewDefinition& wanted, Writer& writer) {
  if (wanted.firmware.empty()) return;
  writer.line("\n[firmware]");
  writer.key("type", wanted.firmware, "uefi",
             N_("uefi or bios: as the system on the disk was installed."));
}

void write_gpu(const NewDefinition& wanted, Writer& writer) {
  writer.line("");
  writer.comment(N_("The share of this machine's GPU."));
  writer.line("[gpu]");
  writer.key(
      "way", wanted.gpu_way.empty() ? "none" : wanted.gpu_way, "gvt-g",
      N_("gvt-g, sr-iov, passthrough, virtio-gpu, mdev (any other mediated device) or none"));
  if (wanted.gpu_way == "virtio-gpu") {
    writer.key("mode", "", "virgl",
               N_("virgl (OpenGL), venus (and Vulkan), native-context or 2d. Left out: the best "
                  "that surely works."));
  } else if (wanted.gpu_way == "sr-iov" || wanted.gpu_way == "passthrough") {
    writer.key("device", "", "0000:00:02.1",
               N_("The device of the host. Left out: with sr-iov a free virtual function, with "
                  "passthrough the only GPU."));
  } else {
    writer.key("type", wanted.gpu_type, "i915-GVTg_V5_4",
               N_("The size of the share: see `cleave vgpu types`. Left out: the best that fits."));
  }
  writer.key("parent", wanted.gpu_parent, "0000:00:02.0",
             N_("The GPU, needed only where there are several."));
}

void write_disk(const NewDefinition& wanted, Writer& writer) {
  writer.line("");
  writer.comment(
      N_("One [[disk]] for each disk. A file's place is seen from this file's directory."));
  if (wanted.disk_file.empty()) {
    writer.line("# [[disk]]\n# file = \"disk.qcow2\"");
    return;
  }
  writer.line("[[disk]]");
  writer.value("file", wanted.disk_file);
  if (!wanted.new_disk || !wanted.guest.starts_with("windows")) return;
  writer.key("interface", "virtio", "sata",
             N_("The fastest. Windows needs a driver for it, which `cleave vm install` brings; "
                "sata needs none."));
  writer.line("\n[[network]]");
  writer.key("model", "virtio", "e1000e",
             N_("The same with the network card; e1000e needs no driver."));
}

void write_screen_and_sound(const NewDefinition& wanted, Writer& writer) {
  if (wanted.sound) {
    writer.line("\n[sound]");
    writer.key("model", "hda", "hda", N_("hda, usb, virtio or none"));
  }
  writer.line("\n[display]");
  writer.key("type", wanted.display, "gtk",
             N_("gtk or sdl (a window), spice, vnc or dbus (for a viewer), egl-headless (no "
                "window) or none"));
  writer.value_if_given("render_node", wanted.render_node);
}

}  // namespace

std::string new_definition_text(const NewDefinition& wanted, const Translator& translate) {
  Writer writer(translate);
  write_general(wanted, writer);
  write_firmware(wanted, writer);
  write_gpu(wanted, writer);
  write_disk(wanted, writer);
  write_screen_and_sound(wanted, writer);
  writer.line("");
  writer.comment(N_("More arguments for QEMU go above the first [table], as:"));
  writer.line("# extra_arguments = [\"-device\", \"qemu-xhci\"]");
  return writer.take();
}

}  // namespace cleave
