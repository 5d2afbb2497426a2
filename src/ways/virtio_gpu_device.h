// What a VM on virtio-gpu gets: which of QEMU's devices, in which mode, and why not more. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/message.h"
#include "base/result.h"
#include "facts/fact.h"
#include "facts/qemu.h"
#include "ways/way.h"

namespace cleave {

enum class VirtioGpuMode : std::uint8_t { Plain, Virgl, Venus, NativeContext };
// "2d", "virgl", "venus", "native-context": as a definition has it.
const char* virtio_gpu_mode_name(VirtioGpuMode mode);
std::optional<VirtioGpuMode> parse_virtio_gpu_mode(std::string_view name);

// What the VM is like.
struct VirtioGpuRequest {
  std::optional<VirtioGpuMode> wish;  // empty: the best of which everything is known to be there
  std::optional<Guest> guest;         // empty: not told, taken for one that can draw
  bool shown = true;                  // its screen is the guest's only one, from the firmware on
  std::string display;                // "gtk", "egl-headless", "none"
  std::string accelerator;            // "kvm", "tcg"
  std::uint64_t memory_bytes = 0;
  // What its screen likes best, in pixels; 0: QEMU's own.
  std::uint32_t width = 0;
  std::uint32_t height = 0;
};

// What the machine is like.
struct VirtioGpuHost {
  Fact<QemuAbilities> qemu;
  Fact<std::string> virglrenderer;   // the package's version
  Fact<std::string> render_server;   // virgl_render_server's path
  Fact<std::string> kernel_release;  // of the host
  Fact<std::string> driver;          // of the GPU that draws; absent: the processor draws
};

struct VirtioGpuDevice {
  VirtioGpuMode mode = VirtioGpuMode::Plain;
  GuestDevice device;
  bool starts_programs = false;  // QEMU has to start one for it
  Message reason;                // why this mode, and why no better one
};

// Unsupported: the wished mode needs what is not here; the message names each piece, the remedy the
// mode that can be had. A piece of which nothing is known refuses no wish.
Result<VirtioGpuDevice> choose_virtio_gpu_device(const VirtioGpuRequest& request,
                                                 const VirtioGpuHost& host);

}  // namespace cleave
