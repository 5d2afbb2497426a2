// A VM on virtio-gpu, from what a machine has to QEMU's arguments.
#include "app/vm_virtio_gpu.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "app/qemu.h"
#include "app/vm.h"
#include "base/text.h"
#include "facts/readers/readers.h"
#include "host/memory_host.h"
#include "unit/app/mina.h"

namespace cleave {
namespace {

constexpr const char* kQemu = "/usr/bin/qemu-system-x86_64";

void add_gpu(MemoryHost& host, const std::string& address, const std::string& driver,
             const std::string& number, bool boot) {
  const std::string device = "/sys/devices/pci0000:00/" + address;
  host.add_file(device + "/vendor", "0x8086\n");
  host.add_file(device + "/device", "0x9b41\n");
  host.add_file(device + "/class", "0x030000\n");
  host.add_file(device + "/boot_vga", boot ? "1\n" : "0\n");
  host.add_link(device + "/driver", "/sys/bus/pci/drivers/" + driver);
  host.add_directory("/sys/bus/pci/drivers/" + driver);
  host.add_link("/sys/bus/pci/devices/" + address, device);
  host.add_directory(device + "/drm/renderD" + number);
  host.add_link(device + "/drm/card" + number + "/device", device);
  host.add_link("/sys/class/drm/card" + number, device + "/drm/card" + number);
  host.add_device("/dev/dri/renderD" + number, 0666, 226, 128);
  host.add_link("/dev/dri/by-path/pci-" + address + "-render", "../renderD" + number);
}

void add_qemu(MemoryHost& host, const Version& version) {
  host.add_file(kQemu, "", 0755);
  QemuAbilities qemu;
  qemu.version = version;
  qemu.opengl = true;
  qemu.displays = {"egl-headless", "gtk"};
  qemu.accelerators = {"kvm"};
  qemu.sandbox = true;
  qemu.devices["virtio-vga-gl"] = {{"blob", "off"}, {"hostmem", "0"}, {"venus", "off"}};
  qemu.devices["virtio-vga"] = {};
  const auto program = read_qemu_program(host, kQemu, {});
  ASSERT_TRUE(program);
  host.add_file("/var/cache/cleave/qemu/" + qemu_file_name(program->identity),
                qemu_file(program->identity, qemu));
}

// A hybrid laptop on which Vulkan can be had.
MemoryHost hybrid_laptop() {
  MemoryHost host;
  add_gpu(host, "0000:00:02.0", "i915", "129", true);
  add_gpu(host, "0000:03:00.0", "amdgpu", "128", false);
  add_qemu(host, {.major = 10, .minor = 0, .micro = 2});
  host.add_file("/proc/sys/kernel/osrelease", "6.13.4-1\n");
  host.add_file("/usr/libexec/virgl_render_server", "", 0755);
  host.add_file("/var/lib/pacman/local/virglrenderer-1.1.0-1/desc", "");
  return host;
}

Vm vm_on(const std::string& display) {
  Vm vm;
  vm.name = "linux";
  vm.qemu = kQemu;
  vm.accelerator = "kvm";
  vm.machine = "q35";
  vm.memory_bytes = std::uint64_t{2} << 30U;
  vm.display = display;
  vm.gpu.emplace();
  vm.gpu->way = "virtio-gpu";
  return vm;
}

StartResources resources_of(const MemoryHost& host, const Vm& vm) {
  auto resources = choose_virtio_gpu(host, environment_of_mina("/home/mina"), vm);
  if (resources) return *std::move(resources);
  ADD_FAILURE() << english(resources.error());
  return {};
}

TEST(VmVirtioGpu, DrawsOnTheGpuOfTheScreenByItsPath) {
  const StartResources resources = resources_of(hybrid_laptop(), vm_on("egl-headless"));
  ASSERT_EQ(resources.gpu_devices.size(), 1U);
  EXPECT_EQ(resources.gpu_devices[0], "virtio-vga-gl,hostmem=2G,blob=true,venus=true")
      << english(resources.gpu_reason);
  EXPECT_TRUE(resources.gpu_needs_opengl);
  EXPECT_TRUE(resources.gpu_starts_programs);
  EXPECT_EQ(resources.render_node, "/dev/dri/by-path/pci-0000:00:02.0-render");
  EXPECT_NE(english(resources.display_reason).find("0000:00:02.0"), std::string::npos);
}

TEST(VmVirtioGpu, ANamedGpuDrawsInAWindowThroughMesasVariable) {
  Vm vm = vm_on("gtk");
  EXPECT_TRUE(resources_of(hybrid_laptop(), vm).environment.empty());
  vm.gpu->parent = "0000:03:00.0";
  const StartResources resources = resources_of(hybrid_laptop(), vm);
  ASSERT_EQ(resources.environment.size(), 1U);
  EXPECT_EQ(resources.environment[0].first, "DRI_PRIME");
  EXPECT_EQ(resources.environment[0].second, "pci-0000_03_00_0");
  EXPECT_EQ(resources.render_node, "");
  MemoryHost host = hybrid_laptop();
  add_gpu(host, "0000:03:00.0", "nvidia", "128", false);
  EXPECT_TRUE(resources_of(host, vm).environment.empty()) << "which Mesa does not drive";
}

TEST(VmVirtioGpu, ANodeOfTheDefinitionStays) {
  Vm vm = vm_on("egl-headless");
  vm.render_node = "/dev/dri/renderD128";
  vm.gpu->mode = "native-context";
  const auto refused = choose_virtio_gpu(hybrid_laptop(), environment_of_mina("/home/mina"), vm);
  ASSERT_FALSE(refused);
  // The driver below that node is asked for: amdgpu's least version, not i915's.
  EXPECT_NE(english(refused.error().message).find("virglrenderer 1.1.0-1 < 1.2.0"),
            std::string::npos)
      << english(refused.error());
  vm.gpu->mode.clear();
  EXPECT_EQ(resources_of(hybrid_laptop(), vm).render_node, "");
}

TEST(VmVirtioGpu, APlainPictureNeedsNoRenderNode) {
  MemoryHost host;
  host.add_directory("/sys/class/drm");
  add_qemu(host, {.major = 7, .minor = 2, .micro = 22});
  for (const char* display : {"vnc", "spice", "dbus", "none"}) {
    Vm vm = vm_on(display);
    EXPECT_EQ(choose_virtio_gpu(host, environment_of_mina("/home/mina"), vm).has_value(),
              vm.display == "none");
    vm.gpu->mode = "2d";
    const StartResources resources = resources_of(host, vm);
    EXPECT_FALSE(resources.gpu_needs_opengl) << display;
    EXPECT_EQ(resources.render_node, "") << display;
  }
  Vm headless = vm_on("egl-headless");
  headless.gpu->mode = "2d";
  EXPECT_FALSE(choose_virtio_gpu(host, environment_of_mina("/home/mina"), headless));
}

TEST(VmVirtioGpu, ANodeThatTheOwnerMayNotOpenIsSaid) {
  MemoryHost host = hybrid_laptop();
  host.add_device("/dev/dri/renderD129", 0, 226, 129);
  const auto denied =
      choose_virtio_gpu(host, environment_of_mina("/home/mina"), vm_on("egl-headless"));
  ASSERT_FALSE(denied);
  EXPECT_EQ(denied.error().code, ErrorCode::Denied);
  EXPECT_EQ(denied.error().path, "/dev/dri/renderD129");
}

TEST(VmVirtioGpu, AnOlderMachineHasOpenGl) {
  MemoryHost host = hybrid_laptop();
  host.add_file("/proc/sys/kernel/osrelease", "6.1.0-43-amd64\n");
  const StartResources resources = resources_of(host, vm_on("gtk"));
  ASSERT_EQ(resources.gpu_devices.size(), 1U);
  EXPECT_EQ(resources.gpu_devices[0], "virtio-vga-gl");
  EXPECT_FALSE(resources.gpu_starts_programs);
  EXPECT_NE(english(resources.gpu_reason).find("Linux 6.1.0-43-amd64 < 6.13"), std::string::npos)
      << english(resources.gpu_reason);
}

TEST(VmVirtioGpu, CheckAndCommandLineTellTheSame) {
  MemoryHost host = hybrid_laptop();
  host.add_file("/proc/cpuinfo", "flags\t: vmx\n");
  host.add_device("/dev/kvm", 0666, 10, 232);
  Vm vm = vm_on("gtk");
  const auto line = command_line_of(host, environment_of_mina("/home/mina"), vm);
  ASSERT_TRUE(line) << english(line.error());
  const std::string text = to_shell_text(line->argv());
  EXPECT_NE(text.find("-device virtio-vga-gl,hostmem=2G,blob=true,venus=true"), std::string::npos);
  EXPECT_NE(text.find("spawn=allow"), std::string::npos);
  const auto good = check_machine(host, environment_of_mina("/home/mina"), vm, true);
  ASSERT_TRUE(good);
  EXPECT_TRUE(good->empty()) << (good->empty() ? "" : english(good->front().message));
  vm.gpu->mode = "native-context";
  const auto bad = check_machine(host, environment_of_mina("/home/mina"), vm, true);
  ASSERT_TRUE(bad);
  ASSERT_EQ(bad->size(), 1U);
  EXPECT_EQ(bad->front().id, "gpu");
  EXPECT_NE(english(bad->front().message).find("drm_native_context"), std::string::npos);
  EXPECT_NE(english(bad->front().remedy).find("\"venus\""), std::string::npos);
}

}  // namespace
}  // namespace cleave
