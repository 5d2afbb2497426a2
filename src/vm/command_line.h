// The QEMU command line as data: ordered, named groups that can be printed, compared and explained.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/message.h"
#include "vm/runtime_files.h"
#include "vm/vm.h"

namespace cleave {

// Of the network card of that number on a bridge: the descriptor of the tap that QEMU is given.
inline constexpr int kFirstTapDescriptor = 40;

// What the host decided for this start. `gpu_devices` come from the way (ways/ guest_device). Empty
// reasons: the general ones.
struct StartResources {
  std::string runtime_directory{};         // holds qmp.sock, serial.sock, vnc.sock; 0700
  std::vector<std::string> gpu_devices{};  // values of -device, as they are; empty: none
  bool gpu_needs_opengl = false;           // its picture can only be shown with OpenGL
  bool gpu_replaces_screen = false;        // there can be no emulated graphics card beside it
  Message gpu_reason{};
  std::vector<std::string> vfio_objects{};  // values of -object, which devices of the host name
  // Values of -device for further devices of the host, each list a group of its own.
  std::vector<std::string> pci_devices{};
  std::vector<std::string> usb_devices{};
  bool gpu_starts_programs = false;  // QEMU has to start one for it, which the sandbox then lets it
  std::string render_node{};         // for egl-headless, if the definition names none
  Message display_reason{};          // of egl-headless on that node
  struct Firmware {
    std::string code{};  // a file; empty: QEMU's own SeaBIOS
    std::string code_format = "raw";
    std::string nvram{};  // the VM's own copy of the variables
    std::string nvram_format = "raw";
  };
  Firmware firmware{};
  std::string audio_backend{};  // of the sound card, if the definition names none
  // To be set where the caller's environment has no such variable.
  std::vector<std::pair<std::string, std::string>> environment{};
};

struct ArgumentGroup {
  // "machine", "cpu", "memory", "clock", "firmware", "tpm", "kernel", "graphics", "iommufd", "gpu",
  // "device", "disk", "network", "input", "usb", "sound", "share", "channel", "memory-device",
  // "looking-glass", "qmp", "tools", "display", "vnc", "spice", "serial", "monitor", "name",
  // "configuration", "sandbox", "extra"
  std::string name;
  std::vector<std::string> arguments;
  Message reason;  // why these are there

  bool operator==(const ArgumentGroup&) const = default;
};

struct CommandLine {
  std::string program;
  std::vector<ArgumentGroup> groups;
  // To be set where the caller's environment has no such variable.
  std::vector<std::pair<std::string, std::string>> environment_defaults;

  [[nodiscard]] std::vector<std::string> argv() const;
};

CommandLine build_command_line(const Vm& vm, const StartResources& resources);

// "a,b" → "a,,b": how a comma stands in the value of a QEMU option.
std::string qemu_option_value(std::string_view value);

// One line that a POSIX shell reads back as the same argv: for people to copy, never to run.
std::string to_shell_text(const std::vector<std::string>& argv);

}  // namespace cleave
