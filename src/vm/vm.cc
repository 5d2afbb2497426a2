#include "vm/vm.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/format.h"
#include "base/text.h"
#include "vm/uuid.h"

namespace cleave {
namespace {

// Made once at random: vgpu_uuid() must give the same answer in every version of cleave.
constexpr UuidBytes kNamespace = {0x4d, 0x72, 0x4b, 0xf7, 0xbe, 0xc3, 0x43, 0x03,
                                  0xb8, 0x29, 0x68, 0x92, 0xd7, 0xa3, 0x3c, 0x94};

constexpr std::size_t kLongestName = 63;       // leaves room in a socket's path (108, unix(7))
constexpr std::size_t kLongestPath = 4095;     // PATH_MAX without its NUL
constexpr std::size_t kLongestFileName = 255;  // NAME_MAX; sysfs names are file names
constexpr std::size_t kLongestCpu = 1024;
constexpr std::size_t kMaximumDisks = 16;  // each virtio disk takes one of 31 PCI slots
constexpr std::size_t kMaximumArguments = 256;
constexpr std::size_t kLongestArgument = 4096;
constexpr std::size_t kLongestShownValue = 80;
constexpr std::int64_t kMaximumCpus = 255;  // more need x2APIC and an IOMMU in the guest
constexpr std::int64_t kDefaultCpus = 2;
constexpr const char* kDefaultMemory = "2G";
constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20U;
constexpr std::uint64_t kMinimumMemory = 16 * kMebibyte;
constexpr std::uint64_t kMaximumMemory = std::uint64_t{16} << 40U;

struct Unit {
  char letter;
  unsigned int shift;
};
constexpr std::array<Unit, 4> kUnits = {{{'T', 40}, {'G', 30}, {'M', 20}, {'K', 10}}};

// A value from the definition as it may stand in a message.
std::string shown(std::string_view value) {
  if (value.size() <= kLongestShownValue) return printable(value);
  return printable(value.substr(0, kLongestShownValue)) + "…";
}

bool is_control(char letter) {
  const auto code = static_cast<unsigned char>(letter);
  return code < 0x20 || code == 0x7F;
}

bool is_letter_or_digit(char letter) {
  return (letter >= '0' && letter <= '9') || (letter >= 'A' && letter <= 'Z') ||
         (letter >= 'a' && letter <= 'z');
}

bool has_only(std::string_view text, std::string_view more) {
  return std::ranges::all_of(text, [more](char letter) {
    return is_letter_or_digit(letter) || more.find(letter) != std::string_view::npos;
  });
}

// "/vms//./a.qcow2" → "/vms/a.qcow2". ".." stays: what it means depends on symbolic links.
std::string without_empty_steps(std::string_view path) {
  std::vector<std::string> steps;
  for (const std::string_view step : split(path, '/')) {
    if (!step.empty() && step != ".") steps.emplace_back(step);
  }
  return (path.starts_with('/') ? "/" : "") + join(steps, "/");
}

std::string file_stem(std::string_view file) {
  file = file.substr(file.rfind('/') + 1);  // npos + 1 is 0
  if (file.ends_with(".toml")) file.remove_suffix(5);
  return std::string(file);
}

std::optional<std::uint64_t> memory_bytes(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const char letter = text.back() >= 'a' ? static_cast<char>(text.back() - 'a' + 'A') : text.back();
  const auto* unit = std::ranges::find(kUnits, letter, &Unit::letter);
  if (unit == kUnits.end()) return std::nullopt;
  const auto number = parse_unsigned<std::uint64_t>(text.substr(0, text.size() - 1));
  if (!number || *number > kMaximumMemory >> 10U) return std::nullopt;
  // At most 2^34 times 2^40 would overflow: bound the product before making it.
  if (*number > kMaximumMemory >> unit->shift) return kMaximumMemory + 1;
  return *number << unit->shift;
}

std::string memory_text(std::uint64_t bytes) {
  for (const Unit& unit : kUnits) {
    if (bytes % (std::uint64_t{1} << unit.shift) == 0) {
      return format("{}{}", bytes >> unit.shift, unit.letter);
    }
  }
  return {};  // memory is a number of whole MiB
}

const std::vector<std::string> kMachines = {"q35", "pc"};
const std::vector<std::string> kAccelerators = {"kvm", "tcg"};
const std::vector<std::string> kDisplays = {"gtk", "sdl", "egl-headless", "none"};
const std::vector<std::string> kDiskFormats = {"qcow2", "raw"};
const std::vector<std::string> kDiskInterfaces = {"virtio", "sata", "cdrom"};
const std::vector<std::string> kDiskCaches = {"none", "writeback", "writethrough", "directsync",
                                              "unsafe"};
const std::vector<std::string> kWays = {"gvt-g",      "sr-iov", "passthrough",
                                        "virtio-gpu", "mdev",   "none"};
const std::vector<std::string> kVirtioGpuModes = {"virgl", "venus", "native-context", "2d"};
const std::vector<std::string> kGuests = {"linux", "windows"};
// As ways/suspend.h has them, which a definition may not look at.
const std::vector<std::string> kOnSuspend = {"keep", "pause", "stop", "refuse"};

class Checker {
 public:
  Checker(const VmDefinition& definition, std::string_view directory)
      : definition_(definition), directory_(directory) {}

  CheckedDefinition check() {
    check_name();
    check_processor();
    check_memory();
    check_programs();
    check_display();
    check_disks();
    check_gpu();
    check_extra_arguments();
    CheckedDefinition checked;
    if (problems_.empty()) checked.vm = std::move(vm_);
    checked.problems = std::move(problems_);
    sort_by_position(checked.problems);
    return checked;
  }

 private:
  void problem(Position position, const char* key, Message message, std::string suggestion = {}) {
    message.fields.emplace_back("key", key);
    problems_.push_back({position, std::move(message), key, std::move(suggestion)});
  }

  // One of a few words.
  std::string choice(const Written<std::string>& written, const char* key, std::string fallback,
                     const std::vector<std::string>& choices) {
    if (!written.is_written()) return fallback;
    if (std::ranges::find(choices, written.value) != choices.end()) return written.value;
    std::string suggestion;
    if (written.value.size() <= kLongestShownValue) {
      suggestion = nearest(written.value, choices).value_or("");
    }
    problem(written.position, key,
            {N_("{key} is \"{value}\"; it can be one of: {choices}."),
             {{"value", shown(written.value)}, {"choices", join(choices, ", ")}}},
            std::move(suggestion));
    return fallback;
  }

  // A path that is safe as part of a QEMU option, made independent of the working directory; the
  // slash in front of its first colon keeps QEMU from taking it for a protocol ("nbd:…").
  std::string path(const Written<std::string>& written, const char* key) {
    const std::string& value = written.value;
    if (value.empty()) {
      problem(written.position, key, N_("{key} is empty."));
    } else if (std::ranges::any_of(value, is_control)) {
      problem(written.position, key,
              {N_("{key} is \"{value}\"; a line end or another control character cannot stand in "
                  "it."),
               {{"value", shown(value)}}});
    } else if (value.starts_with('-')) {
      problem(written.position, key,
              {N_("{key} is \"{value}\"; a name that starts with \"-\" looks like an option. Write "
                  "./ in front of it."),
               {{"value", shown(value)}}});
    } else if (value.starts_with("~/")) {
      problem(written.position, key,
              {N_("{key} is \"{value}\"; \"~\" means nothing here. Write the whole path."),
               {{"value", shown(value)}}});
    } else {
      return absolute(written, key);
    }
    return {};
  }

  std::string absolute(const Written<std::string>& written, const char* key) {
    std::string whole = written.value;
    if (!whole.starts_with('/')) {
      whole = (directory_.empty() ? std::string(".") : directory_) + "/" + whole;
    }
    if (whole.size() > kLongestPath) {
      problem(written.position, key,
              {N_("{key} is longer than the {limit} bytes that a path can have."),
               {{"limit", kLongestPath}}});
    }
    return whole;
  }

  // A name below sysfs; empty if it was not written.
  std::string sysfs_name(const Written<std::string>& written, const char* key) {
    if (!written.is_written()) return {};
    const std::string& value = written.value;
    const bool good = !value.empty() && value.size() <= kLongestFileName && value != "." &&
                      value != ".." && value.find('/') == std::string::npos &&
                      std::ranges::none_of(value, is_control);
    if (!good) {
      problem(written.position, key,
              {N_("{key} is \"{value}\"; it must be the name of one entry of sysfs."),
               {{"value", shown(value)}}});
    }
    return value;
  }

  void check_name() {
    vm_.name = definition_.name.is_written() ? definition_.name.value : file_stem(definition_.file);
    if (is_vm_name(vm_.name)) return;
    problem(definition_.name.position, "name",
            {N_("{key} is \"{value}\"; it must start with a letter or digit, go on with letters, "
                "digits, \".\", \"_\" or \"-\", and have at most {limit} of them, because it names "
                "a directory."),
             {{"value", shown(vm_.name)}, {"limit", kLongestName}}});
  }

  void check_processor() {
    vm_.machine = choice(definition_.machine, "machine", "q35", kMachines);
    vm_.accelerator = choice(definition_.accelerator, "accelerator", "kvm", kAccelerators);
    // "max" runs guests that need newer instructions (x86-64-v2); qemu64 is lighter to emulate.
    vm_.cpu = vm_.accelerator == "kvm" ? "host" : "max";
    if (definition_.cpu.is_written()) vm_.cpu = definition_.cpu.value;
    // Features may follow the model: "host,hv_time=on".
    if (vm_.cpu.empty() || vm_.cpu.size() > kLongestCpu || !is_letter_or_digit(vm_.cpu.front()) ||
        !has_only(vm_.cpu, ",=+-._")) {
      problem(definition_.cpu.position, "cpu",
              {N_("{key} is \"{value}\"; it must be the name of a CPU model of QEMU, such as "
                  "\"host\" or \"host,hv_time=on\"."),
               {{"value", shown(vm_.cpu)}}});
    } else if (vm_.accelerator == "tcg" && split(vm_.cpu, ',').front() == "host") {
      problem(definition_.cpu.position, "cpu",
              N_("{key} is \"host\", but without KVM there is no such model. Leave {key} out or "
                 "write \"max\"."),
              "max");
    }
    const std::int64_t cpus = definition_.cpus.is_written() ? definition_.cpus.value : kDefaultCpus;
    if (cpus < 1 || cpus > kMaximumCpus) {
      problem(definition_.cpus.position, "cpus",
              {N_("{key} is {value}; it must be from 1 to {limit}."),
               {{"value", cpus}, {"limit", kMaximumCpus}}});
      return;
    }
    vm_.cpus = static_cast<std::uint32_t>(cpus);
  }

  void check_memory() {
    const std::string text =
        definition_.memory.is_written() ? definition_.memory.value : kDefaultMemory;
    const auto bytes = memory_bytes(text);
    if (!bytes) {
      problem(definition_.memory.position, "memory",
              {N_("{key} is \"{value}\"; it must be a whole number and a unit, K, M, G or T, such "
                  "as \"4G\"."),
               {{"value", shown(text)}}});
      return;
    }
    if (*bytes < kMinimumMemory || *bytes > kMaximumMemory || *bytes % kMebibyte != 0) {
      problem(definition_.memory.position, "memory",
              {N_("{key} is \"{value}\"; it must be from {least} to {most}, in whole MiB."),
               {{"value", shown(text)},
                {"least", memory_text(kMinimumMemory)},
                {"most", memory_text(kMaximumMemory)}}});
      return;
    }
    vm_.memory_bytes = *bytes;
    vm_.memory_text = memory_text(*bytes);
  }

  void check_programs() {
    vm_.guest = choice(definition_.guest, "guest", "", kGuests);
    vm_.on_suspend = choice(definition_.on_suspend, "on_suspend", "", kOnSuspend);
    vm_.serial = definition_.serial.value;
    if (definition_.kernel.is_written()) vm_.kernel = path(definition_.kernel, "kernel");
    vm_.qemu = "qemu-system-x86_64";
    if (!definition_.qemu.is_written()) return;
    vm_.qemu = path(definition_.qemu, "qemu");
    // A bare name is looked up in PATH, as a shell does.
    if (definition_.qemu.value.find('/') == std::string::npos) vm_.qemu = definition_.qemu.value;
  }

  void check_display() {
    vm_.display = choice(definition_.display, "display.type", "gtk", kDisplays);
    if (!definition_.render_node.is_written()) return;
    vm_.render_node = path(definition_.render_node, "display.render_node");
    if (vm_.display != "egl-headless") {
      problem(definition_.render_node.position, "display.render_node",
              {N_("{key} is only for the display type egl-headless; with {type} the desktop "
                  "chooses the GPU."),
               {{"type", vm_.display}}});
    }
  }

  void check_disks() {
    if (definition_.disks.size() > kMaximumDisks) {
      problem(definition_.disks[kMaximumDisks].position, "disk",
              {N_("There are more than {limit} disks."), {{"limit", kMaximumDisks}}});
      return;
    }
    for (const DiskDefinition& disk : definition_.disks) check_disk(disk);
    check_controller();
  }

  void check_disk(const DiskDefinition& written) {
    Vm::Disk disk;
    if (written.file.is_written()) {
      disk.file = path(written.file, "disk.file");
    } else {
      problem(written.position, "disk.file", N_("{key} is missing."));
    }
    const std::string ending = lower_case(disk.file);
    const bool is_iso = ending.ends_with(".iso");
    std::string known_format;
    if (ending.ends_with(".qcow2")) known_format = "qcow2";
    if (ending.ends_with(".raw") || ending.ends_with(".img") || is_iso) known_format = "raw";
    disk.format = choice(written.format, "disk.format", known_format, kDiskFormats);
    // QEMU must never guess: a guest could write another format's header into a raw disk.
    if (disk.format.empty() && !written.format.is_written() && !disk.file.empty()) {
      problem(written.file.position, "disk.format",
              {N_("The ending of \"{value}\" does not tell its format. Write {key}: {choices}."),
               {{"value", shown(written.file.value)}, {"choices", join(kDiskFormats, ", ")}}});
    }
    disk.interface =
        choice(written.interface, "disk.interface", is_iso ? "cdrom" : "virtio", kDiskInterfaces);
    const bool is_cdrom = disk.interface == "cdrom";
    disk.cache = choice(written.cache, "disk.cache", is_cdrom ? "" : "none", kDiskCaches);
    const bool twice =
        !disk.file.empty() &&
        std::ranges::any_of(vm_.disks, [name = without_empty_steps(disk.file)](const auto& other) {
          return without_empty_steps(other.file) == name;
        });
    if (twice) {
      problem(written.file.position, "disk.file",
              {N_("{key} is \"{value}\", which is already another disk of this VM; both would "
                  "write into it."),
               {{"value", shown(written.file.value)}}});
    }
    vm_.disks.push_back(std::move(disk));
  }

  // q35 has six SATA ports; pc has two IDE channels for two drives each (QEMU, hw/i386).
  void check_controller() {
    const bool is_pc = vm_.machine == "pc";
    const std::size_t places = is_pc ? 4 : 6;
    std::size_t used = 0;
    for (std::size_t i = 0; i < vm_.disks.size(); ++i) {
      const std::string& interface = vm_.disks[i].interface;
      const DiskDefinition& written = definition_.disks[i];
      if (interface == "virtio") continue;
      if (interface == "sata" && is_pc) {
        problem(written.interface.position, "disk.interface",
                N_("{key} is \"sata\", but machine \"pc\" has no SATA controller; \"q35\" has."));
      }
      if (++used == places + 1) {
        problem(written.position, "disk.interface",
                {N_("Machine {machine} has places for {limit} disks that are not virtio."),
                 {{"machine", vm_.machine}, {"limit", places}}});
      }
    }
  }

  void check_gpu() {
    const GpuDefinition& written = definition_.gpu;
    if (written.position.line == 0) return;
    if (!written.way.is_written()) {
      problem(
          written.position, "gpu.way",
          {N_("{key} is missing; it can be one of: {choices}."), {{"choices", join(kWays, ", ")}}});
      return;
    }
    Vm::Gpu gpu;
    gpu.way = choice(written.way, "gpu.way", "none", kWays);
    gpu.parent = sysfs_name(written.parent, "gpu.parent");
    gpu.type_id = sysfs_name(written.type, "gpu.type");
    gpu.device = sysfs_name(written.device, "gpu.device");
    if (written.rom.is_written()) gpu.rom = path(written.rom, "gpu.rom");
    gpu.opregion = written.opregion.value;
    check_gpu_uuid(gpu);
    check_gpu_mode(gpu);
    check_gpu_display(gpu);
    if (gpu.way != "none") vm_.gpu = std::move(gpu);
  }

  void check_gpu_uuid(Vm::Gpu& gpu) {
    const Written<std::string>& written = definition_.gpu.uuid;
    gpu.uuid = vgpu_uuid(vm_.name);
    if (!written.is_written()) return;
    if (const auto bytes = uuid_bytes(written.value)) {
      gpu.uuid = uuid_text(*bytes);
      return;
    }
    problem(written.position, "gpu.uuid",
            {N_("{key} is \"{value}\", which is no UUID; one looks like {example}."),
             {{"value", shown(written.value)}, {"example", gpu.uuid}}});
  }

  void check_gpu_mode(Vm::Gpu& gpu) {
    const Written<std::string>& written = definition_.gpu.mode;
    gpu.mode = choice(written, "gpu.mode", "", kVirtioGpuModes);
    if (!written.is_written() || gpu.way == "virtio-gpu") return;
    problem(written.position, "gpu.mode",
            {N_("{key} is only for the way virtio-gpu; {way} has none."), {{"way", gpu.way}}});
  }

  // Virtual functions and whole devices have no plane that QEMU could show: the guest is then
  // seen on QEMU's own emulated screen, or on a monitor at the device.
  void check_gpu_display(Vm::Gpu& gpu) {
    const Written<std::optional<bool>>& written = definition_.gpu.display;
    const bool can_show = gpu.way != "sr-iov" && gpu.way != "passthrough";
    // GVT-g hands its picture over as a DMA buffer, virtio-gpu draws with OpenGL except in its
    // mode 2d; other mediated devices may have a plain picture in memory, which needs no window.
    const bool needs_window = gpu.way == "gvt-g" || (gpu.way == "virtio-gpu" && gpu.mode != "2d");
    const bool has_window = vm_.display != "none";
    gpu.display = written.value.value_or(can_show && (has_window || !needs_window));
    if (!gpu.display || gpu.way == "none") return;
    if (!can_show) {
      problem(written.position, "gpu.display",
              {N_("{key} is true, but QEMU cannot show the screen of a GPU shared by {way}."),
               {{"way", gpu.way}}});
    } else if (needs_window && !has_window) {
      problem(written.position, "gpu.display",
              {N_("{key} is true, but display.type is none; {way} needs a display with OpenGL: "
                  "gtk, sdl or egl-headless."),
               {{"way", gpu.way}}});
    }
  }

  void check_extra_arguments() {
    const Written<std::vector<std::string>>& written = definition_.extra_arguments;
    if (written.value.size() > kMaximumArguments) {
      problem(written.position, "extra_arguments",
              {N_("{key} has more than {limit} items."), {{"limit", kMaximumArguments}}});
    }
    for (const std::string& argument : written.value) {
      if (argument.find('\0') != std::string::npos || argument.size() > kLongestArgument) {
        problem(written.position, "extra_arguments",
                {N_("{key}: \"{value}\" is longer than {limit} bytes or has a NUL in it."),
                 {{"value", shown(argument)}, {"limit", kLongestArgument}}});
      }
      if (argument == "-daemonize" || argument == "--daemonize") {
        problem(written.position, "extra_arguments",
                {N_("{key}: {value} would hide QEMU from cleave; cleave itself keeps it running."),
                 {{"value", argument}}});
      }
    }
    vm_.extra_arguments = written.value;
  }

  const VmDefinition& definition_;
  std::string directory_;
  Vm vm_;
  std::vector<DefinitionProblem> problems_;
};

}  // namespace

bool is_vm_name(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName && is_letter_or_digit(name.front()) &&
         has_only(name, "._-");
}

std::string vgpu_uuid(std::string_view vm_name, std::uint32_t slot) {
  // "/" cannot stand in a VM's name, so that no two pairs give the same text.
  const std::string name =
      slot == 0 ? std::string(vm_name) : format("{}/{}", std::string(vm_name), slot);
  return uuid_text(name_based_uuid(kNamespace, name));
}

CheckedDefinition check_definition(const VmDefinition& definition, std::string_view directory) {
  return Checker(definition, directory).check();
}

Result<CheckedDefinition> read_definition(std::string_view text, std::string file,
                                          std::string_view directory) {
  ParsedDefinition parsed = TRY(parse_definition(text, std::move(file)));
  CheckedDefinition checked = check_definition(parsed.definition, directory);
  if (parsed.problems.empty()) return checked;
  checked.vm.reset();
  std::ranges::move(parsed.problems, std::back_inserter(checked.problems));
  sort_by_position(checked.problems);
  return checked;
}

}  // namespace cleave
