// [firmware], [display], [gpu] and [sound]
#include <bit>

#include "base/text.h"
#include "vm/check.h"
#include "vm/uuid.h"

namespace cleave {
namespace {

constexpr std::uint32_t kLargestScreen = 16384;  // pixels on a side; more than any GPU shows
constexpr std::uint64_t kLeastLookingGlass = std::uint64_t{16} << 20U;
constexpr std::uint64_t kMostLookingGlass = std::uint64_t{512} << 20U;

bool is_window(const std::string& display) { return display == "gtk" || display == "sdl"; }

void check_render_node(DefinitionChecks& checks) {
  const DisplayDefinition& written = checks.definition().display;
  Vm& vm = checks.vm();
  if (!written.render_node.is_written()) return;
  vm.render_node = checks.path(written.render_node, "display.render_node");
  if (!is_window(vm.display) && vm.display != "none") return;
  checks.problem(written.render_node.position, "display.render_node",
                 {N_("{key} is for displays without a window; with {type} it has no effect."),
                  {{"type", vm.display}}});
}

void check_looking_glass(DefinitionChecks& checks) {
  const Written<std::string>& written = checks.definition().display.looking_glass;
  if (!written.is_written()) return;
  const std::uint64_t bytes = size_in_bytes(written.value).value_or(0);
  if (bytes < kLeastLookingGlass || bytes > kMostLookingGlass || !std::has_single_bit(bytes)) {
    checks.problem(
        written.position, "display.looking_glass",
        {N_("{key} is \"{value}\"; it must be a power of two from {least} to {most}: 32M "
            "for 1920x1080, 64M for 2560x1440, 128M for 3840x2160."),
         {{"value", shown_value(written.value)},
          {"least", size_text(kLeastLookingGlass)},
          {"most", size_text(kMostLookingGlass)}}});
    return;
  }
  checks.vm().looking_glass_bytes = bytes;
}

void check_gpu_uuid(DefinitionChecks& checks, Vm::Gpu& gpu) {
  const Written<std::string>& written = checks.definition().gpu.uuid;
  gpu.uuid = vgpu_uuid(checks.vm().name);
  if (!written.is_written()) return;
  if (const auto bytes = uuid_bytes(written.value)) {
    gpu.uuid = uuid_text(*bytes);
    return;
  }
  checks.problem(written.position, "gpu.uuid",
                 {N_("{key} is \"{value}\", which is no UUID; one looks like {example}."),
                  {{"value", shown_value(written.value)}, {"example", gpu.uuid}}});
}

void check_gpu_mode(DefinitionChecks& checks, Vm::Gpu& gpu) {
  const Written<std::string>& written = checks.definition().gpu.mode;
  gpu.mode = checks.choice(written, "gpu.mode", "");
  if (!written.is_written() || gpu.way == "virtio-gpu") return;
  checks.problem(written.position, "gpu.mode",
                 {N_("{key} is only for the way virtio-gpu; {way} has none."), {{"way", gpu.way}}});
}

// Virtual functions and whole devices have no plane that QEMU could show: the guest is then seen on
// QEMU's own emulated screen, or on a monitor at the device.
bool has_plane(const Vm::Gpu& gpu) { return gpu.way != "sr-iov" && gpu.way != "passthrough"; }

void check_gpu_display(DefinitionChecks& checks, Vm::Gpu& gpu) {
  const Written<std::optional<bool>>& written = checks.definition().gpu.display;
  const std::string& display = checks.vm().display;
  // GVT-g hands its picture over as a DMA buffer, virtio-gpu draws with OpenGL except in its mode
  // 2d; other mediated devices may have a plain picture in memory, which needs no window.
  const bool needs_opengl = gpu.way == "gvt-g" || (gpu.way == "virtio-gpu" && gpu.mode != "2d");
  const bool has_opengl = display != "none";
  gpu.display = written.value.value_or(has_plane(gpu) && (has_opengl || !needs_opengl));
  if (!gpu.display || gpu.way == "none") return;
  if (!has_plane(gpu)) {
    checks.problem(written.position, "gpu.display",
                   {N_("{key} is true, but QEMU cannot show the screen of a GPU shared by {way}."),
                    {{"way", gpu.way}}});
  } else if (needs_opengl && !has_opengl) {
    checks.problem(
        written.position, "gpu.display",
        {N_("{key} is true, but display.type is none; {way} needs a display with OpenGL, "
            "which all others have."),
         {{"way", gpu.way}}});
  }
}

// Only a whole device can be the guest's first screen.
void check_gpu_primary(DefinitionChecks& checks, Vm::Gpu& gpu) {
  const Written<bool>& written = checks.definition().gpu.primary;
  gpu.primary = written.value;
  if (!gpu.primary || gpu.way == "passthrough") return;
  checks.problem(written.position, "gpu.primary",
                 N_("{key} is only for the way passthrough: only a whole GPU has the VGA ranges "
                    "that a BIOS shows its first screen with."));
}

// "1920x1080"
void check_gpu_resolution(DefinitionChecks& checks, Vm::Gpu& gpu) {
  const Written<std::string>& written = checks.definition().gpu.resolution;
  if (!written.is_written()) return;
  const std::size_t cross = written.value.find('x');
  const auto width = parse_unsigned<std::uint32_t>(written.value.substr(0, cross));
  const auto height = cross == std::string::npos
                          ? std::nullopt
                          : parse_unsigned<std::uint32_t>(written.value.substr(cross + 1));
  const auto good = [](const auto& side) { return side && *side > 0 && *side <= kLargestScreen; };
  if (!good(width) || !good(height)) {
    checks.problem(written.position, "gpu.resolution",
                   {N_("{key} is \"{value}\"; it must be a width and a height in pixels, such as "
                       "\"1920x1080\"."),
                    {{"value", shown_value(written.value)}}});
    return;
  }
  if (!gpu.display) {
    checks.problem(written.position, "gpu.resolution",
                   N_("{key} means nothing where gpu.display is false."));
  }
  gpu.width = *width;
  gpu.height = *height;
}

void check_ramfb(DefinitionChecks& checks, Vm::Gpu& gpu) {
  const Written<std::optional<bool>>& written = checks.definition().gpu.ramfb;
  gpu.ramfb = written.value;
  if (!written.value.value_or(false)) return;
  if (gpu.way != "gvt-g" && gpu.way != "mdev") {
    checks.problem(
        written.position, "gpu.ramfb",
        {N_("{key} is only for the ways gvt-g and mdev, not for {way}."), {{"way", gpu.way}}});
  } else if (!gpu.display) {
    checks.problem(written.position, "gpu.ramfb",
                   N_("{key} means nothing where gpu.display is false."));
  }
}

}  // namespace

void check_firmware(DefinitionChecks& checks) {
  const FirmwareDefinition& written = checks.definition().firmware;
  Vm& vm = checks.vm();
  const bool windows11 = vm.guest == "windows" && vm.guest_version == "11";
  const std::string type =
      checks.choice(written.type, "firmware.type", windows11 ? "uefi" : "bios");
  vm.firmware.uefi = type == "uefi";
  vm.firmware.secure_boot = written.secure_boot.is_written()
                                ? written.secure_boot.value
                                : windows11 && vm.firmware.uefi && vm.machine == "q35";
  vm.firmware.tpm = written.tpm.value.value_or(windows11);
  vm.firmware.code = checks.path(written.code, "firmware.code");
  vm.firmware.nvram = checks.path(written.nvram, "firmware.nvram");
  if (vm.firmware.secure_boot && !vm.firmware.uefi) {
    checks.problem(written.secure_boot.position, "firmware.secure_boot",
                   N_("{key} is true, but only the firmware type uefi has Secure Boot."));
  }
  // The code protects its variables with the system management mode, which only q35 emulates fully
  // (OvmfPkg/README, SMM_REQUIRE).
  if (vm.firmware.secure_boot && vm.machine != "q35") {
    checks.problem(written.secure_boot.position, "firmware.secure_boot",
                   N_("{key} is true, which needs machine \"q35\"."));
  }
  for (const auto& [file, key] :
       {std::pair{&written.code, "firmware.code"}, std::pair{&written.nvram, "firmware.nvram"}}) {
    if (file->is_written() && !vm.firmware.uefi) {
      checks.problem(file->position, key, N_("{key} is only for the firmware type uefi."));
    }
  }
}

void check_display(DefinitionChecks& checks) {
  const DisplayDefinition& written = checks.definition().display;
  Vm& vm = checks.vm();
  vm.display = checks.choice(written.type, "display.type", "gtk");
  vm.fullscreen = written.fullscreen.value;
  vm.pointer = checks.choice(checks.definition().pointer, "pointer",
                             vm.display == "none" ? "mouse" : "tablet");
  check_render_node(checks);
  check_looking_glass(checks);
  if (vm.fullscreen && !is_window(vm.display)) {
    checks.problem(written.fullscreen.position, "display.fullscreen",
                   {N_("{key} is only for the display types gtk and sdl, not for {type}."),
                    {{"type", vm.display}}});
  }
}

void check_gpu(DefinitionChecks& checks) {
  const GpuDefinition& written = checks.definition().gpu;
  Vm& vm = checks.vm();
  if (written.position.line != 0) {
    if (!written.way.is_written()) {
      checks.problem(written.position, "gpu.way",
                     {N_("{key} is missing; it can be one of: {choices}."),
                      {{"choices", "gvt-g, sr-iov, passthrough, virtio-gpu, mdev, none"}}});
      return;
    }
    Vm::Gpu gpu;
    gpu.way = checks.choice(written.way, "gpu.way", "none");
    gpu.parent = checks.sysfs_name(written.parent, "gpu.parent");
    gpu.type_id = checks.sysfs_name(written.type, "gpu.type");
    gpu.device = checks.sysfs_name(written.device, "gpu.device");
    gpu.rom = checks.path(written.rom, "gpu.rom");
    gpu.opregion = written.opregion.value;
    check_gpu_uuid(checks, gpu);
    check_gpu_mode(checks, gpu);
    check_gpu_display(checks, gpu);
    check_gpu_primary(checks, gpu);
    check_gpu_resolution(checks, gpu);
    check_ramfb(checks, gpu);
    if (gpu.way != "none") vm.gpu = std::move(gpu);
  }
  // A device of the host keeps all of the guest's memory where it is (vfio_pin_map_dma,
  // drivers/vfio/vfio_iommu_type1.c), so that nothing can be asked back.
  const bool pinned = vm.gpu && vm.gpu->way != "virtio-gpu";
  vm.balloon = checks.definition().balloon.value.value_or(!pinned);
  if (vm.balloon && pinned) {
    checks.problem(checks.definition().balloon.position, "balloon",
                   {N_("{key} is true, but with {way} the guest's memory stays where it is."),
                    {{"way", vm.gpu->way}}});
  }
}

void check_sound(DefinitionChecks& checks) {
  const SoundDefinition& written = checks.definition().sound;
  if (written.position.line == 0) return;
  Vm::Sound sound;
  sound.model = checks.choice(written.model, "sound.model", "hda");
  sound.backend = checks.choice(written.backend, "sound.backend", "");
  if (sound.model != "none") checks.vm().sound = std::move(sound);
}

}  // namespace cleave
