#include "app/vm_check_qemu.h"

#include <algorithm>

#include "base/text.h"

namespace cleave {
namespace {

// Of what every command line has, 4.2 does not know free-page-reporting, hpet= and memory-backend=;
// 5.2 knows all of it (run with both).
constexpr Version kOldest{.major = 5, .minor = 2, .micro = 0};

// From here on the OpRegion and the ROM i915ovmf together hang (see guest.opregion_rom).
constexpr Version kFirstThatHangs{.major = 10, .minor = 0, .micro = 0};

// What came with a version. Each was tried with the programs of tests/qemu_versions/ before and
// after it.
struct Newer {
  const char* key;  // as the definition has it
  Version first;
  bool (*is_wanted)(const Vm&);
};
constexpr Newer kNewer[] = {
    {.key = "sound.model = \"virtio\"",
     .first = {.major = 8, .minor = 2, .micro = 0},
     .is_wanted = [](const Vm& vm) { return vm.sound && vm.sound->model == "virtio"; }},
    {.key = "clipboard = true",
     .first = {.major = 6, .minor = 1, .micro = 0},
     .is_wanted = [](const Vm& vm) { return vm.clipboard && vm.display != "spice"; }},
    {.key = "display.type = \"dbus\"",
     .first = {.major = 7, .minor = 0, .micro = 0},
     .is_wanted = [](const Vm& vm) { return vm.display == "dbus"; }},
};

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
    if (qemu_.version < kOldest) {
      add("qemu.too_old",
          {N_("{qemu} is too old: cleave's command lines are for QEMU {first} and newer"),
           {{"first", to_text(kOldest)}}},
          {N_("Take a newer QEMU: that of a newer release of the distribution, or one of “cleave "
              "qemu build”."),
           {}});
      return std::move(problems_);
    }
    accelerator();
    display();
    sound();
    disks();
    newer();
    rom();
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
          {N_("Install its module (qemu-system-modules-spice on Debian 13 and Ubuntu 24.04, "
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
    // A QEMU that tells no display did not tell: every one has “none”.
    if (display == "none" || qemu_.displays.empty() || has(qemu_.displays, display)) return;
    if (is_newer(display)) return;
    // As Debian and its kin part them from Debian 13 and Ubuntu 24.04 on.
    const bool is_window = display == "gtk" || display == "sdl";
    const char* remedy =
        is_window
            ? N_("Install its module (qemu-system-gui on Debian and Ubuntu, qemu-ui-gtk or "
                 "qemu-ui-sdl on Fedora and Arch), take another display.type, or build a QEMU that "
                 "has it: “cleave qemu build”. Here there are: {displays}")
            : N_("Install its module (qemu-system-modules-opengl on Debian 13 and Ubuntu 24.04, "
                 "qemu-ui-egl-headless or qemu-ui-dbus on Fedora and Arch), take another "
                 "display.type, or build a QEMU that has it: “cleave qemu build”. Here there are: "
                 "{displays}");
    add("qemu.no_display", {N_("{qemu} has no display {display}"), {{"display", display}}},
        {remedy, {{"displays", join(qemu_.displays, ", ")}}});
  }

  void sound() {
    if (!vm_.sound || vm_.sound->backend.empty() || qemu_.audio_drivers.empty()) return;
    if (has(qemu_.audio_drivers, vm_.sound->backend)) return;
    add("qemu.no_audio",
        {N_("{qemu} cannot play with {backend}"), {{"backend", vm_.sound->backend}}},
        {N_("Leave sound.backend out, or take one of: {backends}"),
         {{"backends", join(qemu_.audio_drivers, ", ")}}});
  }

  // QEMU 5.2 lost the place of NVMe disks in the order in which disks are tried (hw/block/nvme.c).
  void disks() {
    const bool has_nvme =
        std::ranges::find(vm_.disks, "nvme", &Vm::Disk::interface) != vm_.disks.end();
    if (!has_nvme || !qemu_.has_device("nvme") || qemu_.property("nvme", "bootindex") != nullptr) {
      return;
    }
    add("qemu.no_nvme_boot", {N_("{qemu} cannot be told when to try an NVMe disk (bootindex)"), {}},
        {N_("Write another interface for that disk, such as \"virtio\" or \"sata\", or take a "
            "newer "
            "QEMU (“cleave qemu build”)."),
         {}});
  }

  // A display that this QEMU is too old for is told as that.
  [[nodiscard]] bool is_newer(const std::string& display) const {
    return display == vm_.display && std::ranges::any_of(kNewer, [this](const Newer& one) {
             return qemu_.version < one.first && one.is_wanted(vm_) &&
                    std::string_view(one.key).starts_with("display.");
           });
  }

  void newer() {
    for (const Newer& one : kNewer) {
      if (one.is_wanted(vm_) && qemu_.version < one.first) too_old(one.key, one.first);
    }
  }

  // The ROM that brings an OpRegion of its own (patmagauran/i915ovmfPkg).
  void rom() {
    if (!vm_.gpu || vm_.gpu->way != "gvt-g" || qemu_.version < kFirstThatHangs) return;
    const bool is_i915ovmf = lower_case(vm_.gpu->rom).find("i915ovmf") != std::string::npos;
    if (!is_i915ovmf || !vm_.gpu->opregion.value_or(true)) return;
    add("qemu.opregion_rom",
        {N_("With {qemu} the ROM {rom} and the OpRegion together hang the guest"),
         {{"rom", vm_.gpu->rom}}},
        {N_("Leave gpu.rom out: ramfb shows the guest while it boots. Or write opregion = false."),
         {}});
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
