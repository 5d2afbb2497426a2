#include "lab/qemu_arguments.h"

#include <algorithm>

#include "base/format.h"
#include "base/text.h"
#include "lab/cache.h"

namespace cleave {
namespace {

// COMMAND_LINE_SIZE of x86 (arch/x86/include/asm/setup.h).
constexpr std::size_t kCommandLineLimit = 2048;

Error not_an_argument(const std::string& argument) {
  return lab_error(ErrorCode::Malformed,
                   Message(N_("“{argument}” cannot stand on the kernel's command line"),
                           {{"argument", printable(argument)}}));
}

bool is_plain(char character) {
  return character > ' ' && character < '\x7f' && character != '"' && character != '\'' &&
         character != '\\';
}

bool is_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char character) {
    return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
           (character >= '0' && character <= '9') || character == '_';
  });
}

bool is_module_parameter(std::string_view text) {
  const std::size_t dot = text.find('.');
  const std::size_t equals = text.find('=');
  return dot < equals && equals != std::string_view::npos && is_name(text.substr(0, dot)) &&
         is_name(text.substr(dot + 1, equals - dot - 1));
}

bool names_parameter(const std::vector<std::string>& arguments, std::string_view start) {
  return std::ranges::any_of(
      arguments, [&](const std::string& argument) { return argument.starts_with(start); });
}

// A comma ends an option's value; doubled it stands for itself (qemu-options, "-drive").
std::string escaped(const std::string& path) { return replace_all(path, ",", ",,"); }

}  // namespace

Result<std::string> laptop_command_line(const std::vector<std::string>& kernel_arguments,
                                        const std::vector<std::string>& module_parameters) {
  // panic=-1 restarts at once, which -no-reboot turns into QEMU's end: a panic is noticed.
  // no_timer_check: on a busy machine the emulated timer is late, and the kernel gives up on it.
  std::vector<std::string> words = {"console=ttyS0",  "quiet",    "panic=-1",
                                    "intel_iommu=on", "iommu=pt", "no_timer_check"};
  constexpr std::string_view kEnableGvt = "i915.enable_gvt=";
  if (!names_parameter(module_parameters, kEnableGvt) &&
      !names_parameter(kernel_arguments, kEnableGvt)) {
    words.push_back(std::string(kEnableGvt) + "1");
  }
  for (const std::string& argument : kernel_arguments) {
    if (argument.empty() || !std::ranges::all_of(argument, is_plain)) {
      return not_an_argument(argument);
    }
    words.push_back(argument);
  }
  for (const std::string& parameter : module_parameters) {
    if (!is_module_parameter(parameter) || !std::ranges::all_of(parameter, is_plain)) {
      Error error = not_an_argument(parameter);
      error.remedy = {N_("A module parameter is written MODULE.NAME=VALUE.")};
      return error;
    }
    words.push_back(parameter);
  }
  std::string line = join(words, " ");
  if (line.size() >= kCommandLineLimit) {
    return lab_error(ErrorCode::Malformed,
                     Message(N_("The kernel's command line is longer than {limit} bytes"),
                             {{"limit", kCommandLineLimit}}));
  }
  return line;
}

std::vector<std::string> qemu_arguments(const LaptopHardware& hardware) {
  std::vector<std::string> argv = {
      "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
      // A real IOMMU needs the split interrupt controller (QEMU wiki, Features/VT-d).
      "-machine", "q35,accel=tcg,kernel-irqchip=split", "-cpu", "max", "-device",
      "intel-iommu,intremap=on,caching-mode=on", "-smp", format("{}", hardware.cpus), "-m",
      format("{}", hardware.memory_mb), "-sandbox",
      "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny", "-kernel",
      hardware.kernel_image, "-initrd", hardware.initramfs, "-append", hardware.command_line,
      // remap: the machine's file systems may use the same inode numbers.
      "-fsdev", "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap", "-device",
      "virtio-9p-pci,fsdev=root,mount_tag=hostroot", "-device", "virtio-serial-pci", "-chardev",
      format("socket,id=agent,path={},server=on,wait=off", escaped(hardware.agent_socket)),
      "-device", "virtserialport,chardev=agent,name=cleave.agent", "-chardev",
      // Appended to, so that the file can be cut while QEMU writes.
      format("file,id=console,path={},append=on", escaped(hardware.console_log)), "-serial",
      "chardev:console"};
  for (const std::string& device : hardware.devices) argv.insert(argv.end(), {"-device", device});
  return argv;
}

}  // namespace cleave
