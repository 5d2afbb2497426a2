#include "app/vm_virtio_gpu.h"

#include "app/qemu.h"
#include "base/text.h"
#include "facts/readers/readers.h"
#include "ways/render_node.h"
#include "ways/virtio_gpu_device.h"

namespace cleave {
namespace {

constexpr const char* kByPath = "/dev/dri/by-path";

RenderNodeHost read_render_node_host(const HostReader& host) {
  return {.cards = read_drm_cards(host),
          .devices = read_pci_devices(host),
          .by_path = host.list_directory(kByPath).value_or({})};
}

std::optional<Guest> guest_of(const Vm& vm) {
  if (vm.guest == guest_name(Guest::Windows)) return Guest::Windows;
  if (vm.guest == guest_name(Guest::Linux)) return Guest::Linux;
  return std::nullopt;
}

bool has_window(const Vm& vm) { return vm.display == "gtk" || vm.display == "sdl"; }

VirtioGpuRequest request_of(const Vm& vm) {
  // SPICE and VNC have no OpenGL of their own: egl-headless draws for them.
  const bool is_copied = vm.display == "spice" || vm.display == "vnc";
  return {.wish = parse_virtio_gpu_mode(vm.gpu->mode),
          .guest = guest_of(vm),
          .shown = vm.gpu->display,
          .display = is_copied ? "egl-headless" : vm.display,
          .accelerator = vm.accelerator,
          .memory_bytes = vm.memory_bytes,
          .width = vm.gpu->width,
          .height = vm.gpu->height};
}

VirtioGpuHost read_virtio_gpu_host(const HostReader& host, const Vm& vm) {
  VirtioGpuHost about;
  about.qemu = abilities_of_named(host, vm.qemu);
  QemuFacts packages;
  read_packages(host, packages);
  about.virglrenderer = std::move(packages.virglrenderer);
  about.render_server = read_render_server(host);
  about.kernel_release = read_running_kernel(host).release;
  return about;
}

Result<void> check_access(const HostReader& host, const VmEnvironment& environment,
                          const std::string& path) {
  const ActingAs owner = TRY(ActingAs::begin(credentials_of(environment.owner)));
  const std::string real = TRY(host.real_path(path));
  const Result<bool> usable = host.may_access(real, Access::ReadWrite);
  if (usable && *usable) return {};
  Error error = error_of(
      ErrorCode::Denied,
      {N_("The user {user}, as whom QEMU runs, may not open {path}"),
       {{"user", environment.owner.name}, {"path", path}}},
      {N_("Put the user into the group render: usermod -aG render {user}, then log in again."),
       {{"user", environment.owner.name}}});
  error.path = real;
  return error;
}

// A window has no option for the node: it draws where the desktop does. Mesa takes another GPU for
// its OpenGL if it is told to (docs/envvars.rst of Mesa, DRI_PRIME).
void choose_gpu_of_window(const RenderNode& node, StartResources& resources) {
  const bool is_mesas = node.driver.is_known() && *node.driver.value() != "nvidia";
  if (node.is_usual || !node.gpu || !is_mesas) return;
  const std::string address = replace_all(replace_all(to_text(*node.gpu), ":", "_"), ".", "_");
  resources.environment.emplace_back("DRI_PRIME", "pci-" + address);
}

// The driver under a node that the definition names itself.
Fact<std::string> driver_of_node(const HostReader& host, const RenderNodeHost& seen,
                                 const std::string& path) {
  const Result<std::string> real = host.real_path(path);
  const auto* cards = seen.cards.value();
  const auto* devices = seen.devices.value();
  const Unreadable unknown{.path = path, .why = "not found in /sys/class/drm"};
  if (!real || cards == nullptr || devices == nullptr) return unknown;
  for (const DrmCard& card : *cards) {
    if (card.render_node.empty() || card.render_node != base_name(*real)) continue;
    if (!card.pci) return {Absent{}, path};
    for (const PciDevice& device : *devices) {
      if (device.address == *card.pci) return device.driver;
    }
  }
  return unknown;
}

// Fills in what belongs to the display; returns the driver of the GPU that draws.
Result<Fact<std::string>> choose_node(const HostReader& host, const VmEnvironment& environment,
                                      const Vm& vm, StartResources& resources) {
  const Fact<std::string> unknown = Unreadable{.path = "/sys/class/drm", .why = "not read"};
  // A picture without OpenGL is copied out of the guest's memory; egl-headless is OpenGL by itself.
  const bool is_plain = parse_virtio_gpu_mode(vm.gpu->mode) == VirtioGpuMode::Plain;
  if (vm.display == "none" || (is_plain && vm.display != "egl-headless")) return unknown;
  const RenderNodeHost seen = read_render_node_host(host);
  if (!vm.render_node.empty()) return driver_of_node(host, seen, vm.render_node);
  const bool is_window = has_window(vm);
  auto chosen = choose_render_node(seen, vm.gpu->parent);
  // A desktop may draw without any render node, by the processor.
  if (!chosen && is_window && vm.gpu->parent.empty()) return unknown;
  const std::optional<RenderNode> node = TRY(std::move(chosen));
  if (!node) return unknown;
  if (is_window) {
    choose_gpu_of_window(*node, resources);
    return node->driver;
  }
  TRY(check_access(host, environment, node->path));
  resources.render_node = node->path;
  resources.display_reason = node->reason;
  return node->driver;
}

}  // namespace

Result<StartResources> choose_virtio_gpu(const HostReader& host, const VmEnvironment& environment,
                                         const Vm& vm) {
  StartResources resources;
  VirtioGpuHost about = read_virtio_gpu_host(host, vm);
  about.driver = TRY(choose_node(host, environment, vm, resources));
  VirtioGpuDevice chosen = TRY(choose_virtio_gpu_device(request_of(vm), about));
  resources.gpu_devices = std::move(chosen.device.devices);
  resources.gpu_needs_opengl = chosen.device.needs_opengl;
  resources.gpu_starts_programs = chosen.starts_programs;
  resources.gpu_reason = std::move(chosen.reason);
  return resources;
}

}  // namespace cleave
