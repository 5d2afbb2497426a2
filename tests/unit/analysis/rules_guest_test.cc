// Cases of the rules about virtual machines and definitions of vGPUs; judged by rules_test.cc.
#include <gtest/gtest.h>

#include "analysis/guest_use.h"
#include "facts/qemu_command_line.h"
#include "unit/analysis/rule_cases.h"

namespace cleave::testing {
namespace {

constexpr const char* kUuid = "2aee154e-7d0d-11e8-88b8-6f45320c7162";
constexpr const char* kWindows = " -rtc base=localtime";

VirtualMachine machine_of(const std::string& arguments) {
  VirtualMachine machine;
  machine.place = "/proc/42/cmdline";
  machine.process_id = 42;
  machine.settings = known(
      parse_qemu_command_line(split_command_line("qemu-system-x86_64 -name win " + arguments)),
      machine.place);
  return machine;
}

void set_machine(Facts& facts, VirtualMachine machine) {
  facts.virtual_machines.machines = known(std::vector{std::move(machine)}, "/proc");
}

using Change = std::function<void(Facts&)>;

// A running VM with a vGPU; `device` follows "-device vfio-pci,sysfsdev=…".
Change vgpu(const std::string& device, const std::string& others = {}) {
  return [device, others](Facts& facts) {
    register_parent(facts);
    set_machine(facts, machine_of(std::string("-device vfio-pci,sysfsdev=/sys/bus/mdev/devices/") +
                                  kUuid + device + " " + others));
  };
}

Change also(const Change& first, const std::function<void(Facts&, VirtualMachine&)>& second) {
  return [first, second](Facts& facts) {
    first(facts);
    VirtualMachine machine = facts.virtual_machines.machines.value()->front();
    second(facts, machine);
    set_machine(facts, std::move(machine));
  };
}

Change with_version(const Change& change, Version version) {
  return also(change, [version](Facts&, VirtualMachine& vm) { vm.qemu_version = version; });
}

Change saying(const Change& change, const char* words) {
  return also(change, [words](Facts&, VirtualMachine& vm) {
    vm.said = known<std::string>(words, "/var/log/libvirt/qemu/win.log");
  });
}

Change with_closed_log(const Change& change) {
  return also(change, [](Facts&, VirtualMachine& vm) { vm.said = kClosed; });
}

// A virtual function of Tiger Lake.
Change function(const std::string& device, const std::string& others) {
  return [device, others](Facts& facts) {
    gpu_of(facts).device_id = 0x9A49;
    set_machine(facts, machine_of("-device vfio-pci,host=00:02.1" + device + " " + others));
  };
}

Change whole(const std::string& device, const std::string& others, std::uint16_t id = 0x9B41) {
  return [device, others, id](Facts& facts) {
    gpu_of(facts).device_id = id;
    set_machine(facts, machine_of("-device vfio-pci,host=00:02.0" + device + " " + others));
  };
}

std::vector<Case> picture_cases() {
  const std::string ovmf = "-nodefaults -bios OVMF.fd";
  const std::string rom = ",romfile=i915ovmf.rom";
  const std::string on = rom + ",x-igd-opregion=on";
  return {
      {"guest.firmware_display", kNone, "no VM", [](Facts&) {}},
      {"guest.firmware_display", kFail, "OVMF alone", vgpu("", ovmf)},
      {"guest.firmware_display", kPass, "ramfb", vgpu(",display=on,ramfb=on", ovmf)},
      {"guest.firmware_display", kPass, "a ROM", vgpu(rom, ovmf)},
      {"guest.firmware_display", kPass, "a second display", vgpu("", "-bios OVMF.fd")},
      {"guest.firmware_display", kPass, "SeaBIOS", vgpu("", "-nodefaults")},
      {"guest.firmware_display", kUnknown, "some firmware", vgpu("", "-bios mine.fd")},
      {"guest.firmware_display", kUnknown, "settings elsewhere",
       vgpu("", ovmf + " -readconfig vm.cfg")},
      {"guest.firmware_display", kNone, "the whole GPU", whole("", ovmf)},
      {"guest.opregion_rom", kFail, "both, machine of 10.0", vgpu(on, "-M pc-q35-10.0")},
      {"guest.opregion_rom", kFail, "both, QEMU 11.1", with_version(vgpu(on), {11, 1})},
      {"guest.opregion_rom", kFail, "by default", vgpu(rom, "-M pc-q35-10.1")},
      {"guest.opregion_rom", kPass, "not yet by default", with_version(vgpu(rom), {10, 0})},
      {"guest.opregion_rom", kPass, "both, QEMU 9.2", with_version(vgpu(on), {9, 2})},
      {"guest.opregion_rom", kPass, "off", vgpu(rom + ",x-igd-opregion=off", "-M pc-q35-10.1")},
      {"guest.opregion_rom", kUnknown, "no version", vgpu(on, "-M q35")},
      {"guest.opregion_rom", kUnknown, "an old machine, any QEMU", vgpu(on, "-M pc-q35-8.2")},
      {"guest.opregion_rom", kNone, "no ROM", vgpu(",x-igd-opregion=on", "-M pc-q35-10.0")},
      {"guest.opregion", kPass, "on", vgpu(",x-igd-opregion=on", kWindows)},
      {"guest.opregion", kPass, "by default", vgpu("", std::string("-M pc-q35-10.1") + kWindows)},
      {"guest.opregion", kPass, "from the ROM", vgpu(rom, kWindows)},
      {"guest.opregion", kFail, "QEMU 9.2", with_version(vgpu("", kWindows), {9, 2})},
      {"guest.opregion", kFail, "off", vgpu(",x-igd-opregion=off", kWindows)},
      {"guest.opregion", kUnknown, "no version", vgpu("", kWindows)},
      {"guest.opregion", kNone, "no Windows", vgpu("")},
      {"guest.two_displays", kFail, "std beside it", vgpu(",display=on", kWindows)},
      {"guest.two_displays", kPass, "alone",
       vgpu(",display=on", std::string("-vga none") + kWindows)},
      {"guest.two_displays", kNone, "not shown", vgpu("", kWindows)},
  };
}

void add_card(Facts& facts) {
  std::vector<DrmCard> cards = {card_of({0, 0, 2, 0}, {}), card_of({0, 1, 0, 0}, {})};
  cards[1].render_node = "renderD129";
  facts.drm_cards = known(cards, "/sys/class/drm");
}

std::vector<Case> display_cases() {
  const Change headless = vgpu(",display=on", "-display egl-headless");
  const Change node = vgpu(",display=on", "-display egl-headless,rendernode=/dev/dri/renderD128");
  const auto two_gpus = [](const Change& change) {
    return [change](Facts& f) {
      change(f);
      add_card(f);
    };
  };
  const auto variable = [headless](Fact<std::string> value) {
    return also(headless, [value](Facts&, VirtualMachine& vm) { vm.intel_debug = value; });
  };
  return {
      {"guest.display_opengl", kPass, "gtk", vgpu(",display=on", "-display gtk,gl=on")},
      {"guest.display_opengl", kFail, "gtk without", vgpu(",display=on", "-display gtk")},
      {"guest.display_opengl", kFail, "spice without", vgpu(",display=auto", "-spice port=1")},
      {"guest.display_opengl", kFail, "QEMU said so",
       saying(vgpu(",display=on"), "qemu: vfio-display-dmabuf: opengl not available\n")},
      {"guest.display_opengl", kUnknown, "settings elsewhere",
       vgpu(",display=on", "-readconfig vm.cfg")},
      {"guest.display_opengl", kNone, "not shown", vgpu("")},
      {"guest.render_node", kPass, "one GPU", headless},
      {"guest.render_node", kFail, "two GPUs, none named", two_gpus(headless)},
      {"guest.render_node", kPass, "two GPUs, named", two_gpus(node)},
      {"guest.render_node", kPass, "by path",
       two_gpus(vgpu(",display=on",
                     "-spice gl=on,rendernode=/dev/dri/by-path/pci-0000:00:02.0-render"))},
      {"guest.render_node", kFail, "the other's",
       two_gpus(vgpu(",display=on", "-spice gl=on,rendernode=/dev/dri/renderD129"))},
      {"guest.render_node", kFail, "QEMU said so",
       saying(headless, "2026-01-01T00:00:00Z qemu-kvm: egl: no drm render node available\n")},
      {"guest.render_node", kUnknown, "closed",
       [headless](Facts& f) {
         headless(f);
         f.drm_cards = kClosed;
       }},
      {"guest.render_node", kNone, "a window", vgpu(",display=on", "-display gtk,gl=on")},
      {"guest.picture_rate", kFail, "headless", headless},
      {"guest.picture_rate", kFail, "spice", vgpu(",display=on", "-spice gl=on")},
      {"guest.picture_rate", kPass, "a window", vgpu(",display=on", "-display gtk,gl=on")},
      {"guest.picture_rate", kNone, "not shown", vgpu("", "-spice gl=on")},
      {"guest.mesa_tiles", kPass, "norbc", variable(known<std::string>("norbc", "e"))},
      {"guest.mesa_tiles", kFail, "not set", variable({Absent{}, "/proc/42/environ"})},
      {"guest.mesa_tiles", kUnknown, "closed", variable(kClosed)},
      {"guest.mesa_tiles", kUnknown, "never read", headless},
  };
}

std::vector<Case> process_cases() {
  const auto locked = [](Fact<EffectiveMemoryLock> limit) {
    return also(vgpu("", "-m 4G"), [limit](Facts&, VirtualMachine& vm) { vm.memory_lock = limit; });
  };
  const auto functions = [](Fact<std::uint32_t> number) {
    return also(whole("", ""),
                [number](Facts& f, VirtualMachine&) { gpu_of(f).sriov_num_vfs = number; });
  };
  const Change refused =
      saying(vgpu(""), "qemu: vfio 2aee: failed to open /dev/vfio/12: Operation not permitted\n");
  return {
      {"guest.memory_lock", kPass, "unlimited", locked(known(EffectiveMemoryLock(), "l"))},
      {"guest.memory_lock", kPass, "enough",
       locked(known(EffectiveMemoryLock(4096 * kMegabyte), "l"))},
      {"guest.memory_lock", kFail, "8 MB", locked(known(EffectiveMemoryLock(8 * kMegabyte), "l"))},
      {"guest.memory_lock", kUnknown, "closed", locked(kClosed)},
      {"guest.memory_lock", kUnknown, "how much memory",
       also(vgpu("", "-m $RAM"),
            [](Facts&, VirtualMachine& vm) {
              vm.memory_lock = known(EffectiveMemoryLock(kMegabyte), "l");
            })},
      {"guest.memory_lock", kNone, "does not run",
       also(vgpu(""), [](Facts&, VirtualMachine& vm) { vm.process_id = 0; })},
      {"guest.vfio_access", kFail, "refused", refused},
      {"guest.vfio_access", kPass, "other words", saying(vgpu(""), "qemu: hello\n")},
      {"guest.vfio_access", kUnknown, "closed", with_closed_log(vgpu(""))},
      {"guest.vfio_access", kNone, "no log", vgpu("")},
      {"guest.qemu_log", kFail, "refused", refused},
      {"guest.qemu_log", kPass, "nothing known", saying(vgpu(""), "qemu: hello\n")},
      {"guest.qemu_log", kUnknown, "closed", with_closed_log(vgpu(""))},
      {"guest.physical_function_given_away", kPass, "alone", functions(known(0U, "n"))},
      {"guest.physical_function_given_away", kPass, "has none", functions({Absent{}, "n"})},
      {"guest.physical_function_given_away", kFail, "has seven", functions(known(7U, "n"))},
      {"guest.physical_function_given_away", kUnknown, "closed", functions(kClosed)},
      {"guest.physical_function_given_away", kFail, "a vGPU is there",
       [](Facts& f) {
         whole("", "")(f);
         MediatedDevice device;
         device.uuid = kUuid;
         device.parent = "0000:00:02.0";
         f.mediated_devices = known(std::vector{device}, "/sys/bus/mdev/devices");
       }},
      {"guest.physical_function_given_away", kNone, "a function", function("", "")},
  };
}

std::vector<Case> system_cases() {
  const std::string cpu = "-cpu host,hv_time";
  return {
      {"guest.windows_driver", kUnknown, "cannot be seen", vgpu("", kWindows)},
      {"guest.windows_driver", kFail, "QEMU said so",
       saying(vgpu("", kWindows),
              "qemu: vfio_region_write(2aee:region0+0x2230, 0x1, 4) failed: Bad address\n")},
      {"guest.windows_driver", kFail, "the kernel said so",
       [](Facts& f) {
         vgpu("", kWindows)(f);
         f.kernel_log = known<std::string>(
             "[    0.000000] Linux version 6.8.0-60-generic (buildd@lcy02) #63\n[    9.000000] "
             "gvt: guest page write error, gpa "
             "0\n",
             "/dev/kmsg");
       }},
      {"guest.windows_driver", kPass, "it runs, and nothing was said",
       [](Facts& f) {
         vgpu("", kWindows)(f);
         f.kernel_log = known<std::string>(
             "[    0.000000] Linux version 6.8.0-60-generic (buildd@lcy02) #63\n", "/dev/kmsg");
       }},
      {"guest.windows_driver", kNone, "no Windows", vgpu("")},
      {"guest.hypervisor_hidden", kFail, "off", function("", cpu + ",hypervisor=off")},
      {"guest.hypervisor_hidden", kFail, "the old way", function("", cpu + ",-hypervisor")},
      {"guest.hypervisor_hidden", kPass, "KVM's name alone", function("", cpu + ",kvm=off")},
      {"guest.hypervisor_hidden", kNone, "no Windows", function("", "-cpu host,hypervisor=off")},
      {"guest.hypervisor_hidden", kNone, "a vGPU", vgpu("", cpu + ",hypervisor=off")},
      {"guest.vendor_id", kPass, "given", function("", cpu + ",hv_vendor_id=GenuineIntel")},
      {"guest.vendor_id", kFail, "not given", function("", cpu)},
      {"guest.vendor_id", kUnknown, "settings elsewhere", function("", cpu + " -readconfig a")},
      {"guest.cpu_model", kPass, "host", function("", cpu)},
      {"guest.cpu_model", kFail, "kvm64", function("", "-cpu kvm64,hv_time")},
      {"guest.cpu_model", kFail, "none", function("", kWindows)},
      {"guest.rom_for_function", kPass, "given", function(",romfile=gop.rom", cpu)},
      {"guest.rom_for_function", kFail, "not given", function("", cpu)},
      {"guest.nested_virtualisation", kFail, "host",
       [cpu](Facts& f) {
         function("", cpu)(f);
         set_parameter(f, "kvm_intel", "nested", known<std::string>("Y", "nested"));
       }},
      {"guest.nested_virtualisation", kPass, "off for the guest", function("", cpu + ",vmx=off")},
      {"guest.nested_virtualisation", kPass, "off in KVM",
       [cpu](Facts& f) {
         function("", cpu)(f);
         set_parameter(f, "kvm_intel", "nested", known<std::string>("N", "nested"));
       }},
      {"guest.nested_virtualisation", kUnknown, "closed",
       [cpu](Facts& f) {
         function("", cpu)(f);
         set_parameter(f, "kvm_intel", "nested", kClosed);
       }},
      {"guest.nested_virtualisation", kPass, "no vmx in kvm64", function("", "-cpu kvm64,hv_time")},
      {"guest.igd_firmware", kPass, "SeaBIOS on Comet Lake", whole("", "")},
      {"guest.igd_firmware", kFail, "SeaBIOS on Tiger Lake", whole("", "", 0x9A49)},
      {"guest.igd_firmware", kFail, "OVMF alone", whole("", "-bios OVMF.fd")},
      {"guest.igd_firmware", kPass, "OVMF and a ROM", whole(",romfile=a.rom", "-bios OVMF.fd")},
      {"guest.igd_firmware", kUnknown, "some firmware", whole("", "-bios mine.fd")},
      {"guest.igd_firmware", kUnknown, "an id of the future", whole("", "", 0xFFF0)},
      {"guest.igd_legacy_mode", kPass, "pc", whole(",x-igd-legacy-mode=on", "-M pc")},
      {"guest.igd_legacy_mode", kFail, "q35 and QEMU 9.2",
       with_version(whole(",x-igd-legacy-mode=on", "-M q35"), {9, 2})},
      {"guest.igd_legacy_mode", kPass, "q35 and QEMU 10",
       whole(",x-igd-legacy-mode=on", "-M pc-q35-10.0")},
      {"guest.igd_legacy_mode", kUnknown, "q35 and any QEMU",
       whole(",x-igd-legacy-mode=on", "-M q35")},
      {"guest.igd_legacy_mode", kFail, "Tiger Lake and QEMU 10.1",
       whole(",x-igd-legacy-mode=on", "-M pc-i440fx-10.1", 0x9A49)},
      {"guest.igd_legacy_mode", kNone, "not asked for", whole("", "")},
  };
}

MdevDefinition definition(const char* parent, const char* type, bool starts = true) {
  MdevDefinition definition;
  definition.path = std::string("/etc/mdevctl.d/") + parent + "/" + kUuid;
  definition.parent = parent;
  definition.uuid = kUuid;
  definition.type = type;
  definition.starts_by_itself = starts;
  return definition;
}

Change defined(std::vector<MdevDefinition> all, std::uint32_t available = 1) {
  return [all, available](Facts& facts) {
    register_parent(facts, available);
    facts.virtual_machines.mdev_definitions = known(all, "/etc/mdevctl.d");
  };
}

std::vector<Case> definition_cases() {
  const char* gpu = "0000:00:02.0";
  const char* type = "i915-GVTg_V5_4";
  MdevDefinition broken = definition(gpu, type);
  broken.problem = "no JSON object";
  const auto absent = [](Facts& f) {
    f.virtual_machines.libvirt = {Absent{}, "/etc/libvirt/qemu"};
    f.virtual_machines.proxmox = {Absent{}, "/etc/pve/qemu-server"};
    f.virtual_machines.mdev_definitions = {Absent{}, "/etc/mdevctl.d"};
  };
  return {
      {"mdev.definitions", kPass, "fits", defined({definition(gpu, type)})},
      {"mdev.definitions", kFail, "no such parent", defined({definition("0000:09:00.0", type)})},
      {"mdev.definitions", kFail, "no such type", defined({definition(gpu, "i915-GVTg_V5_1")})},
      {"mdev.definitions", kFail, "broken", defined({broken})},
      {"mdev.definitions", kFail, "started twice",
       defined({definition(gpu, type), definition(gpu, type)})},
      {"mdev.definitions", kPass, "defined twice, started once",
       defined({definition(gpu, type), definition(gpu, type, false)})},
      {"mdev.definitions", kFail, "no room", defined({definition(gpu, type)}, 0)},
      {"mdev.definitions", kPass, "no room, by hand", defined({definition(gpu, type, false)}, 0)},
      {"mdev.definitions", kUnknown, "closed",
       [](Facts& f) { f.virtual_machines.mdev_definitions = kClosed; }},
      {"mdev.definitions", kUnknown, "parents closed",
       [gpu, type](Facts& f) {
         defined({definition(gpu, type)})(f);
         f.mdev_parents = kClosed;
       }},
      {"mdev.definitions", kNone, "none", absent},
      {"mdev.other_manager", kPass, "nobody", absent},
      {"mdev.other_manager", kFail, "mdevctl", defined({definition(gpu, type)})},
      {"mdev.other_manager", kFail, "libvirt",
       also(vgpu(""), [](Facts&, VirtualMachine& vm) { vm.source = VmSource::Libvirt; })},
      {"mdev.other_manager", kUnknown, "libvirt closed",
       [absent](Facts& f) {
         absent(f);
         f.virtual_machines.libvirt = kClosed;
       }},
      {"mdev.other_manager", kUnknown, "never looked for", [](Facts&) {}},
  };
}

}  // namespace

std::vector<Case> guest_cases() {
  std::vector<Case> all;
  for (const auto& some :
       {picture_cases(), display_cases(), process_cases(), system_cases(), definition_cases()}) {
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

namespace {

TEST(GuestUse, AFunctionBelongsToItsGpu) {
  Facts facts = laptop();
  PciDevice function_device = gpu_of(facts);
  function_device.address.function = 1;
  function_device.is_virtual_function = true;
  function_device.physical_function = gpu_of(facts).address;
  PciDevice other = gpu_of(facts);
  other.address = {0, 3, 0, 0};
  facts.pci_devices = known(std::vector{gpu_of(facts), function_device, other}, "p");
  set_machine(facts, machine_of("-device vfio-pci,host=00:02.1 -device vfio-pci,host=03:00.0"));
  const auto& devices = *facts.pci_devices.value();
  ASSERT_EQ(guests_of(facts, devices[0]).size(), 1U);
  EXPECT_EQ(guests_of(facts, devices[0])[0].share, GuestShare::Function);
  EXPECT_TRUE(guests_of(facts, devices[1]).empty());
  ASSERT_EQ(guests_of(facts, devices[2]).size(), 1U);
  EXPECT_EQ(guests_of(facts, devices[2])[0].share, GuestShare::Whole);
}

TEST(GuestUse, AVgpuIsItsParents) {
  Facts facts = laptop();
  vgpu("")(facts);
  EXPECT_EQ(guests_of(facts, gpu_of(facts)).size(), 1U);
  // It is there, and of something else.
  MediatedDevice device;
  device.uuid = kUuid;
  device.parent = "mtty";
  facts.mediated_devices = known(std::vector{device}, "/sys/bus/mdev/devices");
  EXPECT_TRUE(guests_of(facts, gpu_of(facts)).empty());
  // Nobody knows of which of two.
  facts.mediated_devices = {Absent{}, "/sys/bus/mdev/devices"};
  PciDevice other = gpu_of(facts);
  other.address = {0, 3, 0, 0};
  facts.pci_devices = known(std::vector{gpu_of(facts), other}, "p");
  MdevParent parent = gvt_parent(1);
  parent.pci = other.address;
  facts.mdev_parents = known(std::vector{gvt_parent(1), parent}, "/sys/class/mdev_bus");
  EXPECT_TRUE(guests_of(facts, gpu_of(facts)).empty());
}

TEST(GuestUse, KnownMessagesHoldNothingElse) {
  EXPECT_EQ(known_messages("2026-01-01T00:00:00Z qemu-kvm: -drive file=/home/mina/a: Failed to get "
                           "\"write\" lock\nmina was here\n"),
            "Failed to get \"write\" lock\n");
  EXPECT_EQ(known_messages(""), "");
}

}  // namespace
}  // namespace cleave::testing
