#include "examples.h"

#include <gtest/gtest.h>

#include "base/format.h"
#include "support/golden.h"

namespace cleave::testing {

namespace {

// What ways/virtio_gpu_device.h and ways/render_node.h say of a machine that has everything.
void add_virtio_gpu(const Vm& vm, StartResources& resources) {
  resources.gpu_reason = {"The mode {mode} of virtio-gpu.", {{"mode", vm.gpu->mode}}};
  resources.gpu_needs_opengl = vm.gpu->mode != "2d";
  std::string device = resources.gpu_needs_opengl ? "virtio-vga-gl" : "virtio-vga";
  if (vm.gpu->mode == "venus") {
    device += ",hostmem=8G,blob=true,venus=true";
    resources.gpu_starts_programs = true;
  }
  resources.gpu_devices = {device};
  if (vm.display != "gtk" && vm.display != "sdl") {
    resources.render_node = "/dev/dri/by-path/pci-" + vm.gpu->parent + "-render";
    resources.display_reason = "No window, but OpenGL, drawn by that GPU.";
  } else if (resources.gpu_needs_opengl) {
    resources.environment.emplace_back("DRI_PRIME", "pci-0000_01_00_0");
  }
}

}  // namespace

std::vector<std::string> example_names() { return file_stems("golden/vm", ".toml"); }

std::optional<Vm> example(const std::string& name, std::string_view directory) {
  auto checked = read_definition(read_test_file("golden/vm/" + name + ".toml"),
                                 "/etc/cleave/" + name + ".toml", directory);
  if (!checked) {
    ADD_FAILURE() << english(checked.error());
    return std::nullopt;
  }
  EXPECT_EQ(problems_text(checked->problems), "") << name;
  return checked->vm;
}

std::string problems_text(const std::vector<DefinitionProblem>& problems) {
  std::string text;
  for (const DefinitionProblem& problem : problems) {
    text += format("{}:{} {}\n", problem.position.line, problem.position.column,
                   english(problem.message));
  }
  return text;
}

StartResources example_resources(const Vm& vm, std::string runtime_directory) {
  StartResources resources;
  resources.runtime_directory = std::move(runtime_directory);
  resources.audio_backend = "none";
  if (vm.firmware.uefi) {
    const std::string kind = vm.firmware.secure_boot ? ".ms" : "";
    resources.firmware.code = format("/usr/share/OVMF/OVMF_CODE_4M{}.fd", kind);
    resources.firmware.nvram = "/vms/" + vm.name + "/nvram.fd";
  }
  for (const Vm::Device& device : vm.devices) {
    if (!device.pci.empty()) {
      resources.pci_devices.push_back("vfio-pci,host=" + device.pci);
    } else {
      resources.usb_devices.push_back("usb-host,bus=usb.0,hostbus=1,hostport=2");
    }
  }
  if (!vm.gpu) return resources;
  if (vm.gpu->way == "sr-iov") {
    resources.gpu_devices = {"vfio-pci,host=0000:00:02.1"};
    return resources;
  }
  if (vm.gpu->way == "virtio-gpu") {
    add_virtio_gpu(vm, resources);
    return resources;
  }
  std::string device = format("vfio-pci,sysfsdev=/sys/bus/mdev/devices/{},display={}", vm.gpu->uuid,
                              vm.gpu->display ? "on" : "off");
  if (vm.gpu->opregion.value_or(true)) device += ",x-igd-opregion=on";
  resources.gpu_devices = {device};
  resources.gpu_needs_opengl = vm.gpu->way == "gvt-g" && vm.gpu->display;
  return resources;
}

}  // namespace cleave::testing
