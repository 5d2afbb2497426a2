#include "vm/command_line.h"

#include <algorithm>
#include <iterator>

#include "base/format.h"
#include "base/text.h"
#include "vm/device_arguments.h"

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

// Which of Hyper-V's interfaces make Windows need less of the processor: all that KVM has had since
// Linux 4.20 (QEMU's docs/system/i386/hyperv.rst).
constexpr const char* kHyperv =
    "hv-relaxed=on,hv-vapic=on,hv-spinlocks=0x1fff,hv-vpindex=on,hv-runtime=on,hv-time=on,"
    "hv-synic=on,hv-stimer=on,hv-tlbflush=on,hv-ipi=on,hv-frequencies=on";

ArgumentGroup machine_group(const Vm& vm) {
  std::string value = format("{},accel={}", vm.machine, vm.accelerator);
  if (vm.firmware.secure_boot) value += ",smm=on";
  // Windows keeps time with Hyper-V's clock; the HPET would only wake the host up.
  if (vm.hyperv) value += ",hpet=off";
  if (needs_shared_memory(vm) || vm.huge_pages) value += ",memory-backend=memory";
  return {
      "machine",
      // Without what QEMU adds by itself (a network card, a floppy drive, a CD drive).
      {"-nodefaults", "-machine", std::move(value)},
      vm.accelerator == "kvm"
          ? N_("The machine that the guest sees; its code runs on the processor itself (KVM).")
          : N_("The machine that the guest sees; its code is translated (TCG), which is slow.")};
}

ArgumentGroup cpu_group(const Vm& vm) {
  const Vm::Topology& topology = vm.topology;
  ArgumentGroup group{"cpu",
                      {"-cpu", vm.hyperv ? format("{},{}", vm.cpu, kHyperv) : vm.cpu, "-smp",
                       format("{},sockets={},cores={},threads={}", vm.cpus, topology.sockets,
                              topology.cores, topology.threads)},
                      N_("The processor model and the number of processors.")};
  if (vm.hyperv) {
    group.reason =
        N_("The processor model and the number of processors, with Hyper-V's interfaces "
           "for Windows.");
  }
  return group;
}

ArgumentGroup memory_group(const Vm& vm) {
  ArgumentGroup group{"memory", {"-m", vm.memory_text}, N_("The guest's memory.")};
  if (!needs_shared_memory(vm) && !vm.huge_pages) return group;
  std::string value = format("memory-backend-memfd,id=memory,size={},share=on", vm.memory_text);
  if (vm.huge_pages) value += ",hugetlb=on";
  group.arguments.insert(group.arguments.end(), {"-object", std::move(value)});
  group.reason = vm.huge_pages ? N_("The guest's memory, from the host's reserved huge pages.")
                               : N_("The guest's memory, which virtiofsd can see.");
  return group;
}

ArgumentGroup clock_group(const Vm& vm) {
  if (vm.clock == "utc") {
    return {"clock", {"-rtc", "base=utc"}, N_("The guest's hardware clock shows UTC.")};
  }
  ArgumentGroup group{"clock",
                      {"-rtc", "base=localtime,driftfix=slew"},
                      N_("The guest's hardware clock shows local time, as Windows expects, and "
                         "makes up for ticks that were missed.")};
  if (vm.accelerator == "kvm") {
    group.arguments.insert(group.arguments.end(), {"-global", "kvm-pit.lost_tick_policy=delay"});
  }
  return group;
}

ArgumentGroup kernel_group(const Vm& vm) {
  ArgumentGroup group{"kernel",
                      {"-kernel", vm.kernel},
                      N_("This program is started in place of a boot loader on a disk.")};
  if (!vm.initrd.empty()) group.arguments.insert(group.arguments.end(), {"-initrd", vm.initrd});
  if (!vm.kernel_arguments.empty()) {
    group.arguments.insert(group.arguments.end(), {"-append", vm.kernel_arguments});
  }
  return group;
}

ArgumentGroup graphics_group(bool gpu_is_screen) {
  if (gpu_is_screen) {
    return {"graphics",
            {"-vga", "none"},
            N_("No emulated graphics card: the virtual GPU is the guest's only screen.")};
  }
  return {"graphics",
          {"-vga", "std"},
          N_("An emulated graphics card, whose picture every guest can draw.")};
}

std::string server_socket(const StartResources& resources, const char* name) {
  return format("unix:{},server=on,wait=off",
                qemu_option_value(resources.runtime_directory + "/" + name));
}

std::string with_render_node(std::string value, const Vm& vm, const StartResources& resources) {
  const std::string& node = vm.render_node.empty() ? resources.render_node : vm.render_node;
  return node.empty() ? value : value + ",rendernode=" + qemu_option_value(node);
}

ArgumentGroup window_group(const Vm& vm, const StartResources& resources) {
  std::string value = vm.display;
  if (resources.gpu_needs_opengl) value += ",gl=on";
  ArgumentGroup group{"display",
                      {"-display", std::move(value)},
                      resources.gpu_needs_opengl
                          ? N_("A window that shows the virtual GPU's picture with "
                               "OpenGL, without copying it.")
                          : N_("A window with the guest's screen.")};
  // sdl knows full-screen=on only from QEMU 7.0 on; all have the option.
  if (vm.fullscreen) group.arguments.emplace_back("-full-screen");
  return group;
}

ArgumentGroup display_group(const Vm& vm, const StartResources& resources) {
  if (vm.display == "gtk" || vm.display == "sdl") return window_group(vm, resources);
  if (vm.display == "dbus") {
    return {"display",
            {"-display",
             with_render_node(resources.gpu_needs_opengl ? "dbus,gl=on" : "dbus", vm, resources)},
            N_("The guest's screen on your session's D-Bus, for a viewer.")};
  }
  const bool opengl =
      vm.display == "egl-headless" || (vm.display != "none" && resources.gpu_needs_opengl);
  if (!opengl) {
    return {"display", {"-display", "none"}, N_("No window; the guest's screen can be captured.")};
  }
  const bool own = vm.render_node.empty();
  return {"display",
          {"-display", with_render_node("egl-headless", vm, resources)},
          own && !resources.display_reason.empty()
              ? resources.display_reason
              : Message(N_("No window, but OpenGL, which the virtual GPU's picture needs."))};
}

// egl-headless copies each frame for VNC; QEMU's own screendump cannot see a picture that comes as
// a DMABUF (docs/decisions/0002-laptop-display.md).
ArgumentGroup vnc_group(const StartResources& resources) {
  return {"vnc",
          {"-vnc", "unix:" + qemu_option_value(resources.runtime_directory + "/" + kVncSocket)},
          N_("The guest's screen over VNC, on a socket that only you can open.")};
}

// Pictures that come with OpenGL are copied for it by egl-headless: SPICE's own OpenGL holds up all
// of QEMU while a viewer is slow.
ArgumentGroup spice_group(const StartResources& resources) {
  ArgumentGroup group{
      "spice",
      {"-spice", format("unix=on,addr={},disable-ticketing=on,image-compression=off",
                        qemu_option_value(resources.runtime_directory + "/" + kSpiceSocket))},
      N_("The guest's screen over SPICE, on a socket that only you can open; a viewer can pass on "
         "two USB devices.")};
  for (int i = 0; i < 2; ++i) {
    group.arguments.insert(group.arguments.end(),
                           {"-chardev", format("spicevmc,id=usbredir{},name=usbredir", i),
                            "-device", format("usb-redir,bus=usb.0,chardev=usbredir{}", i)});
  }
  return group;
}

ArgumentGroup serial_group(const Vm& vm, const StartResources& resources) {
  if (!vm.serial) {
    return {"serial", {"-serial", "none"}, N_("No serial port, because none was asked for.")};
  }
  return {"serial",
          {"-serial", server_socket(resources, kSerialSocket)},
          N_("The guest's serial port; its other end is a socket that only you can open.")};
}

bool replaces_sandbox(const Vm& vm) {
  return std::ranges::any_of(vm.extra_arguments, [](const std::string& argument) {
    return argument == "-sandbox" || argument == "--sandbox";
  });
}

void add_gpu(const Vm& vm, const StartResources& resources, CommandLine& line) {
  const bool has_gpu = !resources.gpu_devices.empty();
  line.groups.push_back(
      graphics_group(has_gpu && (resources.gpu_replaces_screen || (vm.gpu && vm.gpu->display))));
  if (!has_gpu) return;
  line.groups.push_back({"gpu",
                         {},
                         resources.gpu_reason.empty()
                             ? Message(N_("The guest's share of this machine's GPU."))
                             : resources.gpu_reason});
  for (const std::string& device : resources.gpu_devices) {
    line.groups.back().arguments.insert(line.groups.back().arguments.end(), {"-device", device});
  }
}

void add_host_devices(const char* group, const std::vector<std::string>& devices, Message reason,
                      CommandLine& line) {
  if (devices.empty()) return;
  line.groups.push_back({group, {}, std::move(reason)});
  std::vector<std::string>& arguments = line.groups.back().arguments;
  for (const std::string& device : devices) {
    arguments.emplace_back("-device");
    arguments.push_back(device);
  }
}

void add_vfio_objects(const StartResources& resources, CommandLine& line) {
  if (resources.vfio_objects.empty()) return;
  line.groups.push_back({"iommufd",
                         {},
                         N_("This kernel has no groups of VFIO: QEMU opens the devices that follow "
                            "by themselves, and maps memory for them through /dev/iommu.")});
  for (const std::string& object : resources.vfio_objects) {
    line.groups.back().arguments.insert(line.groups.back().arguments.end(), {"-object", object});
  }
}

// The GPU first: it finds the places on the bus where its drivers and firmware look for it.
void add_devices(const Vm& vm, const StartResources& resources, CommandLine& line) {
  add_vfio_objects(resources, line);
  add_gpu(vm, resources, line);
  add_host_devices("device", resources.pci_devices,
                   N_("Further devices of this machine, which the guest has as its own."), line);
  add_disks(vm, line);
  add_networks(vm, line);
  add_input(vm, line);
  add_host_devices("usb", resources.usb_devices, N_("Devices that are plugged into this machine."),
                   line);
  add_sound(vm, resources, line);
  add_shares(vm, resources, line);
  add_channels(vm, resources, line);
}

// The sockets, and the guest's screen.
void add_connections(const Vm& vm, const StartResources& resources, CommandLine& line) {
  line.groups.push_back({"qmp",
                         {"-qmp", server_socket(resources, kQmpSocket)},
                         N_("The socket over which cleave watches and stops the VM.")});
  line.groups.push_back({"tools",
                         {"-qmp", server_socket(resources, kToolsSocket)},
                         N_("A second such socket, for programs of your own.")});
  line.groups.push_back(display_group(vm, resources));
  if (vm.display == "egl-headless" || vm.display == "vnc") {
    line.groups.push_back(vnc_group(resources));
  }
  if (vm.display == "spice") line.groups.push_back(spice_group(resources));
  line.groups.push_back(serial_group(vm, resources));
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
  line.groups.push_back(cpu_group(vm));
  line.groups.push_back(memory_group(vm));
  line.groups.push_back(clock_group(vm));
  add_firmware(vm, resources, line);
  if (!vm.kernel.empty()) line.groups.push_back(kernel_group(vm));
  add_devices(vm, resources, line);
  add_connections(vm, resources, line);
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
