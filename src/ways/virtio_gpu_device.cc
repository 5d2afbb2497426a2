#include "ways/virtio_gpu_device.h"

#include <algorithm>
#include <array>
#include <bit>
#include <vector>

#include "analysis/virtio_gpu_needs.h"
#include "base/format.h"
#include "base/text.h"

namespace cleave {
namespace {

constexpr std::array<VirtioGpuMode, 4> kModes = {
    VirtioGpuMode::Plain, VirtioGpuMode::Virgl, VirtioGpuMode::Venus, VirtioGpuMode::NativeContext};

// The window of PCI memory in which a guest sees the GPU's. Guest addresses only, no memory; QEMU
// wants a power of two (pci_register_bar), and its document gives 8G (virtio-gpu.rst).
constexpr std::uint64_t kGibibyte = std::uint64_t{1} << 30U;
constexpr std::uint64_t kLargestWindow = 8 * kGibibyte;

enum class State : std::uint8_t { There, Missing, Unknown };

// One thing that a mode needs. The text is evidence, the same in every language.
struct Piece {
  State state = State::There;
  std::string text;
};
using Pieces = std::vector<Piece>;

Piece there_if(bool is_there, std::string text) {
  return {is_there ? State::There : State::Missing, std::move(text)};
}

class Needs {
 public:
  Needs(const VirtioGpuRequest& request, const VirtioGpuHost& host)
      : request_(request), host_(host) {}

  [[nodiscard]] Pieces of(VirtioGpuMode mode) const {
    Pieces pieces;
    if (mode == VirtioGpuMode::Plain) {
      add_device(pieces, device_name(mode));
      return pieces;
    }
    // virtio-win's driver (viogpudo) shows a picture and draws nothing.
    pieces.push_back(there_if(request_.guest != Guest::Windows, "guest: Windows"));
    add_display(pieces);
    add_device(pieces, device_name(mode));
    if (mode == VirtioGpuMode::Virgl) {
      // A QEMU that has the device is linked with some virglrenderer.
      add_virglrenderer(pieces, virtio_gpu_needs::kForVirgl);
      return pieces;
    }
    const bool is_venus = mode == VirtioGpuMode::Venus;
    if (is_venus) {
      add_property(pieces, device_name(mode), "venus", "9.2");
    } else {
      add_property(pieces, device_name(mode), "drm_native_context", "11.0");
    }
    if (is_venus) {
      add_virglrenderer(pieces, virtio_gpu_needs::kForVenus);
      add_render_server(pieces);
    } else {
      add_driver(pieces);
    }
    add_kernel(pieces);
    // What is mapped into the guest was only ever tried with KVM.
    pieces.push_back({request_.accelerator == "kvm" ? State::There : State::Unknown,
                      "accelerator: " + request_.accelerator});
    return pieces;
  }

  // With VGA it shows the firmware's and the boot loader's screens, too.
  [[nodiscard]] std::string device_name(VirtioGpuMode mode) const {
    const bool draws = mode != VirtioGpuMode::Plain;
    if (request_.shown) return draws ? "virtio-vga-gl" : "virtio-vga";
    return draws ? "virtio-gpu-gl-pci" : "virtio-gpu-pci";
  }

 private:
  [[nodiscard]] std::string qemu_name() const {
    return "QEMU " + to_text(host_.qemu.value()->version);
  }

  void add_device(Pieces& pieces, const std::string& device) const {
    const QemuAbilities* qemu = host_.qemu.value();
    if (qemu == nullptr) {
      pieces.push_back({State::Unknown, "QEMU: ?"});
    } else {
      // Before 6.1 virtio-vga drew by itself (docs/about of QEMU, 6.1).
      const char* since = device.find("-gl") == std::string::npos ? "" : " (QEMU >= 6.1)";
      pieces.push_back(
          there_if(qemu->has_device(device), format("{}: no {}{}", qemu_name(), device, since)));
    }
  }

  void add_display(Pieces& pieces) const {
    const QemuAbilities* qemu = host_.qemu.value();
    const std::string text = "display.type: " + request_.display;
    if (request_.display == "none") {
      pieces.push_back({State::Missing, text});
    } else if (qemu != nullptr) {
      const std::vector<std::string> drawing = qemu->opengl_displays();
      const bool draws = std::ranges::find(drawing, request_.display) != drawing.end();
      pieces.push_back(there_if(draws, format("{}: no OpenGL on {}", qemu_name(), text)));
    }
  }

  // `since`: the first QEMU that has it, if it was built with it.
  void add_property(Pieces& pieces, const std::string& device, const char* property,
                    const char* since) const {
    const QemuAbilities* qemu = host_.qemu.value();
    if (qemu == nullptr || !qemu->has_device(device)) return;  // add_device told it
    bool has = true;
    for (const char* each : {property, "hostmem", "blob"}) {
      has = has && qemu->property(device, each) != nullptr;
    }
    pieces.push_back(there_if(has, format("{}: no {} (QEMU >= {})", qemu_name(), property, since)));
  }

  void add_virglrenderer(Pieces& pieces, const Version& least) const {
    const std::string* package = host_.virglrenderer.value();
    const auto version = package == nullptr ? std::nullopt : parse_package_version(*package);
    if (!version) {
      pieces.push_back({State::Unknown, format("virglrenderer >= {}: ?", to_text(least))});
    } else {
      pieces.push_back(
          there_if(*version >= least, format("virglrenderer {} < {}", *package, to_text(least))));
    }
  }

  // Without it virglrenderer fails as a whole, OpenGL with it (virgl_renderer_init).
  void add_render_server(Pieces& pieces) const {
    if (!host_.render_server.is_known()) {
      pieces.push_back({State::Unknown, "virgl_render_server: ?"});
    }
  }

  void add_driver(Pieces& pieces) const {
    const std::string driver = host_.driver.value_or(host_.driver.is_absent() ? "-" : "?");
    if (host_.driver.unreadable() != nullptr) {
      pieces.push_back({State::Unknown, "driver: ?"});
    } else if (driver == "i915") {
      add_virglrenderer(pieces, virtio_gpu_needs::kForIntelContext);
    } else if (driver == "amdgpu") {
      add_virglrenderer(pieces, virtio_gpu_needs::kForAmdContext);
    } else {
      // For xe there are patches only (April 2026), which want KVM's honor-guest-pat besides.
      pieces.push_back({State::Missing, "driver: " + driver});
      return;
    }
    // By default it is built without (meson option drm-renderers), no package tells, and then
    // virgl_renderer_init fails as a whole.
    pieces.push_back(
        {State::Unknown, format("virglrenderer -Ddrm-renderers={}-experimental: ?", driver)});
  }

  void add_kernel(Pieces& pieces) const {
    const std::string* release = host_.kernel_release.value();
    const auto version = release == nullptr ? std::nullopt : parse_kernel_version(*release);
    const KernelVersion least = virtio_gpu_needs::kKernelForBlobs;
    const std::string needed = format("{}.{}", least.major, least.minor);
    if (!version) {
      pieces.push_back({State::Unknown, format("Linux >= {}: ?", needed)});
    } else {
      pieces.push_back(there_if(*version >= least, format("Linux {} < {}", *release, needed)));
    }
  }

  const VirtioGpuRequest& request_;
  const VirtioGpuHost& host_;
};

// The texts of those that are not there, or not known to be.
std::string texts(const Pieces& pieces, bool with_unknown) {
  std::vector<std::string> all;
  for (const Piece& piece : pieces) {
    const bool counts =
        piece.state == State::Missing || (with_unknown && piece.state == State::Unknown);
    if (counts) all.push_back(piece.text);
  }
  return join(all, "; ");
}

bool is_possible(const Pieces& pieces) {
  return std::ranges::none_of(pieces,
                              [](const Piece& piece) { return piece.state == State::Missing; });
}

bool is_sure(const Pieces& pieces) {
  return std::ranges::all_of(pieces,
                             [](const Piece& piece) { return piece.state == State::There; });
}

std::string window_for(std::uint64_t memory_bytes) {
  const std::uint64_t least = std::clamp(memory_bytes, kGibibyte, kLargestWindow);
  return format("{}G", std::bit_ceil(least) / kGibibyte);
}

VirtioGpuDevice device_of(const VirtioGpuRequest& request, const Needs& needs, VirtioGpuMode mode,
                          Message reason) {
  std::string device = needs.device_name(mode);
  if (request.width > 0) device += format(",xres={},yres={}", request.width, request.height);
  // Blobs of a plain device would want the guest's memory in a memfd (virtio_gpu_have_udmabuf in
  // hw/display/virtio-gpu-udmabuf.c); with virglrenderer they need nothing of it.
  if (mode == VirtioGpuMode::Venus || mode == VirtioGpuMode::NativeContext) {
    device += format(",hostmem={},blob=true,{}=true", window_for(request.memory_bytes),
                     mode == VirtioGpuMode::Venus ? "venus" : "drm_native_context");
  }
  VirtioGpuDevice chosen;
  chosen.mode = mode;
  chosen.device.devices = {std::move(device)};
  chosen.device.needs_opengl = mode != VirtioGpuMode::Plain;
  // QEMU asks virglrenderer for a render server with venus (hw/display/virtio-gpu-virgl.c), which
  // is started by fork, setpgid and exec (src/proxy/proxy_server.c of virglrenderer).
  chosen.starts_programs = mode == VirtioGpuMode::Venus;
  chosen.reason = std::move(reason);
  return chosen;
}

// OpenGL where nothing speaks against it, Vulkan only where everything is known to be there: what
// fails in virglrenderer leaves the guest without any picture.
VirtioGpuMode best_mode(const Needs& needs) {
  if (!is_possible(needs.of(VirtioGpuMode::Virgl))) return VirtioGpuMode::Plain;
  return is_sure(needs.of(VirtioGpuMode::Venus)) ? VirtioGpuMode::Venus : VirtioGpuMode::Virgl;
}

Message reason_for_best(const Needs& needs, VirtioGpuMode mode) {
  switch (mode) {
    case VirtioGpuMode::Plain:
      return {N_("A screen without acceleration (2d). For OpenGL (virgl) this is missing: "
                 "{missing}."),
              {{"missing", texts(needs.of(VirtioGpuMode::Virgl), false)}}};
    case VirtioGpuMode::Virgl:
      return {N_("OpenGL for the guest (virgl). For Vulkan (venus) this is missing or not known: "
                 "{missing}."),
              {{"missing", texts(needs.of(VirtioGpuMode::Venus), true)}}};
    case VirtioGpuMode::Venus:
    case VirtioGpuMode::NativeContext:
      break;
  }
  return {
      N_("OpenGL and Vulkan for the guest (virgl and venus): QEMU, virglrenderer and the kernel "
         "have all that it takes.")};
}

Message reason_for_wish(const Pieces& pieces, VirtioGpuMode mode) {
  if (is_sure(pieces)) {
    return {N_("The mode {mode} of virtio-gpu, as the definition asks."),
            {{"mode", virtio_gpu_mode_name(mode)}}};
  }
  return {
      N_("The mode {mode} of virtio-gpu, as the definition asks. Whether this machine can do it "
         "is not known: {missing}."),
      {{"mode", virtio_gpu_mode_name(mode)}, {"missing", texts(pieces, true)}}};
}

Error cannot_be_had(const Pieces& pieces, const Needs& needs, VirtioGpuMode wish) {
  const VirtioGpuMode best = best_mode(needs);
  const std::vector<Field> fields = {{"mode", virtio_gpu_mode_name(wish)},
                                     {"best", virtio_gpu_mode_name(best)},
                                     {"missing", texts(pieces, false)}};
  if (best == wish || !is_possible(needs.of(best))) {
    return error_of(
        ErrorCode::Unsupported,
        {N_("virtio-gpu in the mode {mode} needs what is not here: {missing}"), fields},
        {N_("Install QEMU's device: qemu-system-x86 and qemu-system-gui (from Debian 13 and Ubuntu "
            "24.04 on qemu-system-modules-opengl) on Debian and "
            "Ubuntu, qemu-device-display-virtio-vga on Fedora, "
            "qemu-hw-display-virtio-vga on Arch.")});
  }
  return error_of(ErrorCode::Unsupported,
                  {N_("virtio-gpu in the mode {mode} needs what is not here: {missing}"), fields},
                  {N_("Write mode = \"{best}\" under [gpu], which can be had, or renew what is "
                      "named. `cleave doctor --way virtio-gpu` tells more."),
                   fields});
}

}  // namespace

const char* virtio_gpu_mode_name(VirtioGpuMode mode) {
  switch (mode) {
    case VirtioGpuMode::Plain:
      return "2d";
    case VirtioGpuMode::Virgl:
      return "virgl";
    case VirtioGpuMode::Venus:
      return "venus";
    case VirtioGpuMode::NativeContext:
      return "native-context";
  }
  return "2d";
}

std::optional<VirtioGpuMode> parse_virtio_gpu_mode(std::string_view name) {
  const auto* found = std::ranges::find(kModes, name, virtio_gpu_mode_name);
  return found == kModes.end() ? std::nullopt : std::optional(*found);
}

Result<VirtioGpuDevice> choose_virtio_gpu_device(const VirtioGpuRequest& request,
                                                 const VirtioGpuHost& host) {
  const Needs needs(request, host);
  const VirtioGpuMode mode = request.wish.value_or(best_mode(needs));
  const Pieces pieces = needs.of(mode);
  if (!is_possible(pieces)) return cannot_be_had(pieces, needs, mode);
  return device_of(request, needs, mode,
                   request.wish ? reason_for_wish(pieces, mode) : reason_for_best(needs, mode));
}

}  // namespace cleave
