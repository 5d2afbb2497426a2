#include "vm/command_line.h"

#include <algorithm>
#include <iterator>

#include "base/format.h"
#include "base/text.h"

namespace cleave {
namespace {

// Everything is denied that QEMU can do without. Run with QEMU 7.2: gtk and sdl with OpenGL work
// under all four; what resourcecontrol denies only fails with EPERM, which Mesa bears.
constexpr const char* kSandbox =
    "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny";
// For a device that has QEMU start a program: virglrenderer forks and calls setpgid before it
// starts its own (src/proxy/proxy_server.c), and elevateprivileges=deny kills whoever calls that
// (system/qemu-seccomp.c; run with QEMU 7.2). QEMU is never root here, and a process under a
// sandbox gains nothing from programs with other rights (PR_SET_NO_NEW_PRIVS, seccomp(2)).
constexpr const char* kSandboxThatStartsPrograms =
    "on,obsolete=deny,elevateprivileges=allow,spawn=allow,resourcecontrol=deny";

// Without the address of a session bus GTK and SDL start one (dbus-launch), and QEMU's sandbox
// ends a QEMU that forks. An address that no D-Bus library knows keeps them from trying.
constexpr const char* kBusVariable = "DBUS_SESSION_BUS_ADDRESS";
constexpr const char* kNoBus = "disabled:";

ArgumentGroup machine_group(const Vm& vm) {
  return {
      "machine",
      {"-machine", format("{},accel={}", vm.machine, vm.accelerator)},
      vm.accelerator == "kvm"
          ? N_("The machine that the guest sees; its code runs on the processor itself (KVM).")
          : N_("The machine that the guest sees; its code is translated (TCG), which is slow.")};
}

ArgumentGroup graphics_group() {
  return {"graphics",
          {"-vga", "none"},
          N_("No emulated graphics card: the virtual GPU is the guest's only screen.")};
}

ArgumentGroup disk_group(const Vm::Disk& disk) {
  std::string drive = "file=" + qemu_option_value(disk.file);
  Message reason = N_("A disk for the guest's virtio driver, the fastest there is.");
  if (disk.interface == "virtio") {
    drive += ",if=virtio";
  } else if (disk.interface == "sata") {
    drive += ",if=ide";  // on q35 these are the ports of its SATA controller
    reason = N_("A SATA disk, which every guest knows without a further driver.");
  } else {
    drive += ",if=ide,media=cdrom,readonly=on";
    reason = N_("A disc in the guest's CD drive; the guest cannot write to it.");
  }
  drive += ",format=" + disk.format;
  if (!disk.cache.empty()) drive += ",cache=" + disk.cache;
  return {"disk", {"-drive", std::move(drive)}, std::move(reason)};
}

std::string server_socket(const StartResources& resources, const char* name) {
  return format("unix:{},server=on,wait=off",
                qemu_option_value(resources.runtime_directory + "/" + name));
}

ArgumentGroup display_group(const Vm& vm, const StartResources& resources) {
  if (vm.display == "none") {
    return {"display", {"-display", "none"}, N_("No window; the guest's screen can be captured.")};
  }
  if (vm.display == "egl-headless") {
    std::string value = vm.display;
    const bool own = vm.render_node.empty();
    const std::string& node = own ? resources.render_node : vm.render_node;
    if (!node.empty()) value += ",rendernode=" + qemu_option_value(node);
    return {"display",
            {"-display", std::move(value)},
            own && !resources.display_reason.empty()
                ? resources.display_reason
                : Message(N_("No window, but OpenGL, which the virtual GPU's picture needs."))};
  }
  if (resources.gpu_needs_opengl) {
    return {"display",
            {"-display", vm.display + ",gl=on"},
            N_("A window that shows the virtual GPU's picture with OpenGL, without copying it.")};
  }
  return {"display", {"-display", vm.display}, N_("A window with the guest's screen.")};
}

// egl-headless copies each frame for VNC; QEMU's own screendump cannot see a picture that comes as
// a DMABUF (docs/decisions/0002-laptop-display.md).
ArgumentGroup vnc_group(const StartResources& resources) {
  return {"vnc",
          {"-vnc", "unix:" + qemu_option_value(resources.runtime_directory + "/vnc.sock")},
          N_("The guest's screen over VNC, on a socket that only you can open.")};
}

ArgumentGroup serial_group(const Vm& vm, const StartResources& resources) {
  if (!vm.serial) {
    return {"serial", {"-serial", "none"}, N_("No serial port, because none was asked for.")};
  }
  return {"serial",
          {"-serial", server_socket(resources, "serial.sock")},
          N_("The guest's serial port; its other end is a socket that only you can open.")};
}

bool replaces_sandbox(const Vm& vm) {
  return std::ranges::any_of(vm.extra_arguments, [](const std::string& argument) {
    return argument == "-sandbox" || argument == "--sandbox";
  });
}

void add_devices(const Vm& vm, const StartResources& resources, CommandLine& line) {
  if (!resources.gpu_devices.empty()) {
    const bool is_screen = resources.gpu_replaces_screen || (vm.gpu && vm.gpu->display);
    if (is_screen) line.groups.push_back(graphics_group());
    line.groups.push_back({"gpu",
                           {},
                           resources.gpu_reason.empty()
                               ? Message(N_("The guest's share of this machine's GPU."))
                               : resources.gpu_reason});
    for (const std::string& device : resources.gpu_devices) {
      line.groups.back().arguments.insert(line.groups.back().arguments.end(), {"-device", device});
    }
  }
  for (const Vm::Disk& disk : vm.disks) line.groups.push_back(disk_group(disk));
}

// What makes it safe; none of it changes what the guest sees.
void add_protection(const Vm& vm, const StartResources& resources, CommandLine& line) {
  line.groups.push_back({"monitor",
                         {"-monitor", "none"},
                         N_("No second monitor beside QMP, in which a key press could do harm.")});
  line.groups.push_back(
      {"name", {"-name", vm.name}, N_("The name in the title of the window and in lists.")});
  line.groups.push_back({"configuration",
                         {"-no-user-config"},
                         N_("QEMU's own configuration files do not change what stands here.")});
  if (replaces_sandbox(vm)) return;
  if (resources.gpu_starts_programs) {
    line.groups.push_back(
        {"sandbox",
         {"-sandbox", kSandboxThatStartsPrograms},
         N_("A guest that breaks into QEMU gains no right with it. QEMU may start programs, since "
            "its virtual GPU draws in one of its own.")});
    return;
  }
  line.groups.push_back(
      {"sandbox",
       {"-sandbox", kSandbox},
       N_("A guest that breaks into QEMU can start no program and gain no right with it.")});
}

bool is_safe_in_shell(char letter) {
  const bool letter_or_digit = (letter >= '0' && letter <= '9') ||
                               (letter >= 'A' && letter <= 'Z') || (letter >= 'a' && letter <= 'z');
  return letter_or_digit || std::string_view("@%+=:,./_-").find(letter) != std::string_view::npos;
}

std::string shell_word(const std::string& word, bool is_program) {
  // "a=b" as the first word would set a variable.
  const bool plain = !word.empty() && std::ranges::all_of(word, is_safe_in_shell) &&
                     !(is_program && word.find('=') != std::string::npos);
  if (plain) return word;
  return "'" + replace_all(word, "'", "'\\''") + "'";
}

}  // namespace

std::vector<std::string> CommandLine::argv() const {
  std::vector<std::string> all = {program};
  for (const ArgumentGroup& group : groups) {
    all.insert(all.end(), group.arguments.begin(), group.arguments.end());
  }
  return all;
}

std::string qemu_option_value(std::string_view value) {
  return replace_all(std::string(value), ",", ",,");
}

CommandLine build_command_line(const Vm& vm, const StartResources& resources) {
  CommandLine line;
  line.program = vm.qemu;
  line.groups.push_back(machine_group(vm));
  line.groups.push_back({"cpu",
                         {"-cpu", vm.cpu, "-smp", std::to_string(vm.cpus)},
                         N_("The processor model and the number of processors.")});
  line.groups.push_back({"memory", {"-m", vm.memory_text}, N_("The guest's memory.")});
  if (!vm.kernel.empty()) {
    line.groups.push_back({"kernel",
                           {"-kernel", vm.kernel},
                           N_("This program is started in place of a boot loader on a disk.")});
  }
  add_devices(vm, resources, line);
  line.groups.push_back({"qmp",
                         {"-qmp", server_socket(resources, "qmp.sock")},
                         N_("The socket over which cleave watches and stops the VM.")});
  line.groups.push_back(display_group(vm, resources));
  if (vm.display == "egl-headless") line.groups.push_back(vnc_group(resources));
  line.groups.push_back(serial_group(vm, resources));
  add_protection(vm, resources, line);
  if (!vm.extra_arguments.empty()) {
    line.groups.push_back(
        {"extra", vm.extra_arguments, N_("Your own arguments, as the definition has them.")});
  }
  if (vm.display == "gtk" || vm.display == "sdl") {
    line.environment_defaults.emplace_back(kBusVariable, kNoBus);
  }
  std::ranges::copy(resources.environment, std::back_inserter(line.environment_defaults));
  return line;
}

std::string to_shell_text(const std::vector<std::string>& argv) {
  std::string text;
  for (const std::string& word : argv) {
    if (!text.empty()) text += ' ';
    text += shell_word(word, text.empty());
  }
  return text;
}

}  // namespace cleave
