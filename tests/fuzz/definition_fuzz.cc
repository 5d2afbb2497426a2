// A VM's definition all the way to QEMU's command line.
#include <algorithm>

#include "fuzz.h"
#include "vm/command_line.h"

namespace {

using cleave::fuzz::require;

void check_problems(const std::vector<cleave::DefinitionProblem>& problems) {
  require(std::ranges::is_sorted(problems, {}, &cleave::DefinitionProblem::position));
  for (const cleave::DefinitionProblem& problem : problems) {
    require(!english(problem.message).empty() && !problem.key.empty());
  }
}

void check_command_line(const cleave::Vm& vm) {
  require(cleave::is_vm_name(vm.name));
  require(vm.memory_bytes % (std::uint64_t{1} << 20U) == 0 && !vm.memory_text.empty());
  for (const cleave::Vm::Disk& disk : vm.disks) {
    // A drive for discs can be empty.
    require((disk.file.starts_with('/') || disk.file.empty()) && !disk.format.empty());
  }
  const cleave::StartResources resources{
      .runtime_directory = "/run/cleave/" + vm.name,
      .gpu_devices = {"vfio-pci,sysfsdev=/sys/bus/mdev/devices/"},
      .gpu_needs_opengl = vm.gpu && vm.gpu->display};
  const std::vector<std::string> argv = build_command_line(vm, resources).argv();
  for (const std::string& argument : argv) {
    require(argument.find('\0') == std::string::npos);
  }
  require(!argv.front().empty() && !argv.front().starts_with('-'));
  (void)cleave::to_shell_text(argv);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto checked =
      cleave::read_definition(cleave::fuzz::text_of(data, size), "/vms/fuzz.toml", "/vms");
  if (!checked) return 0;
  check_problems(checked->problems);
  require(checked->vm.has_value() == checked->problems.empty());
  if (checked->vm) check_command_line(*checked->vm);
  return 0;
}
