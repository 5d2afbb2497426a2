// What an export of cleave's has left for its return.
#include <algorithm>

#include "base/text.h"
#include "imports/importing.h"

namespace cleave {
namespace {

template <typename T>
void take(const Written<T>& written, T& value) {
  if (written.is_written()) value = written.value;
}

// How the screen can be seen, as far as the other program tells kinds apart.
std::string kind_of_display(const std::string& type, bool windows_are_spice) {
  if (type == "egl-headless") return "vnc";
  const bool is_window = type == "gtk" || type == "sdl" || type == "dbus";
  return is_window && windows_are_spice ? "spice" : type;
}

// The same device of the host, by what the other program knows of it.
bool is_same_gpu(const Vm::Gpu& seen, const Vm::Gpu& kept) {
  if (kept.way == "virtio-gpu" || seen.way == "virtio-gpu") return kept.way == seen.way;
  const bool kept_is_pci = kept.way == "sr-iov" || kept.way == "passthrough";
  const bool seen_is_pci = !seen.device.empty();
  if (kept_is_pci != seen_is_pci) return false;
  return kept_is_pci ? kept.device.empty() || kept.device == seen.device : kept.uuid == seen.uuid;
}

bool is_same_device(const Vm::Device& seen, const Vm::Device& kept) {
  return seen.pci == kept.pci && seen.usb_ids == kept.usb_ids && seen.usb_port == kept.usb_port;
}

// Which of several devices is that of [gpu] the other program does not say.
void sort_out_gpu(const Vm& kept, Vm& vm) {
  if (!vm.gpu || vm.gpu->device.empty()) return;
  const auto further = std::ranges::find(kept.devices, vm.gpu->device, &Vm::Device::pci);
  if (further == kept.devices.end()) return;
  vm.devices.push_back(*further);
  vm.gpu.reset();
  if (!kept.gpu || kept.gpu->device.empty()) return;
  const auto gpu = std::ranges::find(vm.devices, kept.gpu->device, &Vm::Device::pci);
  if (gpu == vm.devices.end()) return;
  vm.gpu = kept.gpu;
  vm.devices.erase(gpu);
}

void take_devices(const Vm& kept, Vm& vm) {
  sort_out_gpu(kept, vm);
  if (vm.gpu && kept.gpu && is_same_gpu(*vm.gpu, *kept.gpu)) vm.gpu = kept.gpu;
  for (Vm::Device& device : vm.devices) {
    const auto same = std::ranges::find_if(
        kept.devices, [&](const Vm::Device& other) { return is_same_device(device, other); });
    if (same != kept.devices.end()) device = *same;
  }
  for (Vm::Share& share : vm.shares) {
    const auto same = std::ranges::find(kept.shares, share.tag, &Vm::Share::tag);
    if (same == kept.shares.end() || same->type != share.type) continue;
    if (share.path.empty()) share.path = same->path;
    if (share.path == same->path) share.read_only = same->read_only;
  }
}

// In its order, where they are the same: a definition may have PCI and USB mixed.
void order_devices(const Vm& kept, Vm& vm) {
  const auto place = [&kept](const Vm::Device& device) {
    return std::ranges::find_if(
               kept.devices,
               [&](const Vm::Device& other) { return is_same_device(device, other); }) -
           kept.devices.begin();
  };
  std::ranges::stable_sort(vm.devices, {}, place);
}

void take_words(const VmDefinition& written, const Vm& kept, Vm& vm) {
  // Not told is an answer, too.
  vm.guest = kept.guest;
  vm.guest_version = kept.guest_version;
  take(written.on_suspend, vm.on_suspend);
  take(written.autostart, vm.autostart);
  const bool no_program = vm.qemu == "qemu-system-x86_64";
  if (no_program && written.qemu.value.find('/') == std::string::npos) take(written.qemu, vm.qemu);
  // The other program may have no word for some of its features.
  const std::string_view model = vm.cpu;
  const bool same_model = split(written.cpu.value, ',').front() == split(model, ',').front();
  if (same_model) take(written.cpu, vm.cpu);
}

}  // namespace

void apply_remembered(std::string_view toml, Draft& draft) {
  const Result<ParsedDefinition> parsed = parse_definition(toml, "remembered");
  if (!parsed || !parsed->problems.empty()) return;
  const VmDefinition& written = parsed->definition;
  VmDefinition named = written;
  named.name.value = "remembered";
  named.name.position = {.line = 1, .column = 1};
  named.cpus.value = draft.vm.cpus;
  named.cpus.position = named.name.position;
  // Only these words: everything else the other program says itself.
  const CheckedDefinition checked = check_definition(named, "/");
  if (!checked.vm) return;
  const Vm& kept = *checked.vm;
  Vm& vm = draft.vm;
  take_words(written, kept, vm);
  take_devices(kept, vm);
  order_devices(kept, vm);
  const bool same_display = kind_of_display(kept.display, draft.windows_are_spice) ==
                            kind_of_display(vm.display, draft.windows_are_spice);
  if (written.display.type.is_written() && same_display) {
    vm.display = kept.display;
    vm.fullscreen = kept.fullscreen;
    vm.render_node = kept.render_node;
  }
  if (vm.sound && kept.sound && vm.sound->model == kept.sound->model) vm.sound = kept.sound;
  if (!draft.knows_pins && written.topology.pin.value.size() <= vm.cpus) vm.pin = kept.pin;
}

std::vector<std::string> take_own_arguments(std::string_view toml, std::vector<QemuWord>& words) {
  const Result<ParsedDefinition> parsed = parse_definition(toml, "remembered");
  if (!parsed) return {};
  const std::vector<std::string>& own = parsed->definition.extra_arguments.value;
  if (own.size() > words.size()) return {};
  const auto begin = words.end() - static_cast<std::ptrdiff_t>(own.size());
  const bool same = std::equal(own.begin(), own.end(), begin,
                               [](const std::string& argument, const QemuWord& word) {
                                 return word.known && argument == word.text;
                               });
  if (!same) return {};
  words.erase(begin, words.end());
  return own;
}

}  // namespace cleave
