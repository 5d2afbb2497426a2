#include "app/vm_check_qemu.h"

#include <algorithm>

#include "base/text.h"

namespace cleave {
namespace {

// virtio-sound (QEMU's docs/about, 8.2) and the chardev of SPICE's agent (6.1).
constexpr Version kFirstWithVirtioSound{.major = 8, .minor = 2, .micro = 0};
constexpr Version kFirstWithClipboard{.major = 6, .minor = 1, .micro = 0};

bool has(const std::vector<std::string>& list, const std::string& wanted) {
  return std::ranges::find(list, wanted) != list.end();
}

bool replaces_sandbox(const Vm& vm) {
  return has(vm.extra_arguments, "-sandbox") || has(vm.extra_arguments, "--sandbox");
}

class Problems {
 public:
  Problems(const QemuAbilities& qemu, const Vm& vm) : qemu_(qemu), vm_(vm) {}

  std::vector<VmProblem> all() {
    accelerator();
    display();
    sound();
    newer();
    if (!qemu_.sandbox && !replaces_sandbox(vm_)) {
      add("qemu.no_sandbox",
          {N_("{qemu} was built without seccomp, so that it cannot fence itself "
              "in (-sandbox)"),
           {}},
          {N_("Take a distribution's QEMU or one of “cleave qemu build”; or write extra_arguments "
              "= "
              "[\"-sandbox\", \"off\"], if you trust the guest."),
           {}});
    }
    return std::move(problems_);
  }

 private:
  void add(const char* id, Message message, Message remedy) {
    message.fields.emplace_back("qemu", "QEMU " + to_text(qemu_.version));
    problems_.push_back({.id = id,
                         .code = ErrorCode::Unsupported,
                         .message = std::move(message),
                         .remedy = std::move(remedy)});
  }

  void accelerator() {
    if (has(qemu_.accelerators, vm_.accelerator)) return;
    add("qemu.no_accelerator",
        {N_("{qemu} was built without {accelerator}"), {{"accelerator", vm_.accelerator}}},
        {N_("Take another QEMU, or another accelerator in the definition."), {}});
  }

  // The picture of a GVT-g vGPU and what virtio-gpu draws need OpenGL on any display.
  [[nodiscard]] bool wants_opengl() const {
    return vm_.gpu && vm_.gpu->display &&
           (vm_.gpu->way == "gvt-g" || (vm_.gpu->way == "virtio-gpu" && vm_.gpu->mode != "2d"));
  }

  void display() {
    const bool is_server = vm_.display == "spice" || vm_.display == "vnc";
    if (vm_.display == "spice" && !qemu_.spice) {
      add("qemu.no_spice", {N_("{qemu} has no SPICE"), {}},
          {N_("Install its module (qemu-system-modules-spice on Debian 13 and Ubuntu 24.10, "
              "qemu-ui-spice-core on Fedora and Arch), or take another display.type."),
           {}});
    }
    const std::string shown = is_server && wants_opengl() ? "egl-headless" : vm_.display;
    if (!is_server || wants_opengl()) missing_display(shown);
    if (wants_opengl() && !qemu_.opengl) {
      add("qemu.no_opengl",
          {N_("{qemu} was built without OpenGL, which the GPU's picture needs"), {}},
          {N_("Install its module (qemu-system-modules-opengl on Debian and Ubuntu, qemu-ui-opengl "
              "on Fedora and Arch), or build one: “cleave qemu build --with opengl”."),
           {}});
    }
  }

  void missing_display(const std::string& display) {
    if (display == "none" || has(qemu_.displays, display)) return;
    add("qemu.no_display", {N_("{qemu} has no display {display}"), {{"display", display}}},
        {N_("Install its module (qemu-system-gui on Debian and Ubuntu, qemu-ui-gtk or qemu-ui-sdl "
            "on "
            "Fedora and Arch), take another display.type, or build a QEMU that has it: “cleave "
            "qemu "
            "build”. Here there are: {displays}"),
         {{"displays", join(qemu_.displays, ", ")}}});
  }

  void sound() {
    if (!vm_.sound || vm_.sound->backend.empty()) return;
    if (has(qemu_.audio_drivers, vm_.sound->backend)) return;
    add("qemu.no_audio",
        {N_("{qemu} cannot play with {backend}"), {{"backend", vm_.sound->backend}}},
        {N_("Leave sound.backend out, or take one of: {backends}"),
         {{"backends", join(qemu_.audio_drivers, ", ")}}});
  }

  void newer() {
    if (vm_.sound && vm_.sound->model == "virtio" && qemu_.version < kFirstWithVirtioSound) {
      too_old("sound.model = \"virtio\"", kFirstWithVirtioSound);
    }
    if (vm_.clipboard && vm_.display != "spice" && qemu_.version < kFirstWithClipboard) {
      too_old("clipboard = true", kFirstWithClipboard);
    }
  }

  void too_old(const char* key, const Version& first) {
    add("qemu.too_old",
        {N_("{qemu} is too old for {key}, which came with QEMU {first}"),
         {{"key", key}, {"first", to_text(first)}}},
        {N_("Take a newer QEMU (“cleave qemu build”), or leave that key out."), {}});
  }

  const QemuAbilities& qemu_;
  const Vm& vm_;
  std::vector<VmProblem> problems_;
};

}  // namespace

std::vector<VmProblem> qemu_problems(const QemuAbilities& qemu, const Vm& vm) {
  return Problems(qemu, vm).all();
}

}  // namespace cleave
