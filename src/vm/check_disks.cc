// [[disk]]
#include <algorithm>

#include "base/text.h"
#include "vm/check.h"

namespace cleave {
namespace {

constexpr std::size_t kMaximumDisks = 16;  // each virtio disk takes one of 31 PCI slots
constexpr std::int64_t kMaximumBootIndex = 1000;
constexpr std::size_t kLongestSerial = 20;  // VIRTIO_BLK_ID_BYTES (linux/virtio_blk.h)

// "/vms//./a.qcow2" → "/vms/a.qcow2". ".." stays: what it means depends on symbolic links.
std::string without_empty_steps(std::string_view path) {
  std::vector<std::string> steps;
  for (const std::string_view step : split(path, '/')) {
    if (!step.empty() && step != ".") steps.emplace_back(step);
  }
  return (path.starts_with('/') ? "/" : "") + join(steps, "/");
}

bool is_on_controller(const Vm::Disk& disk) {
  return disk.interface == "sata" || disk.interface == "ide" || disk.interface == "cdrom";
}

// Endings tell a format; a device has none and is raw.
std::string known_format(const std::string& file) {
  const std::string ending = lower_case(file);
  if (ending.ends_with(".qcow2")) return "qcow2";
  const bool raw = ending.ends_with(".raw") || ending.ends_with(".img") ||
                   ending.ends_with(".iso") || file.starts_with("/dev/");
  return raw ? "raw" : "";
}

void check_format(DefinitionChecks& checks, const DiskDefinition& written, Vm::Disk& disk) {
  disk.format = checks.choice(written.format, "disk.format", known_format(disk.file));
  if (!disk.format.empty() || written.format.is_written()) return;
  if (disk.file.empty()) {
    disk.format = "raw";
    return;
  }
  // QEMU must never guess: a guest could write another format's header into a raw disk.
  checks.problem(written.file.position, "disk.format",
                 {N_("The ending of \"{value}\" does not tell its format. Write {key}: {choices}."),
                  {{"value", shown_value(written.file.value)}, {"choices", "qcow2, raw"}}});
}

std::string usual_interface(const Vm& vm, const Vm::Disk& disk) {
  if (lower_case(disk.file).ends_with(".iso")) return "cdrom";
  if (vm.guest == "windows") return vm.machine == "pc" ? "ide" : "sata";
  return "virtio";
}

void check_details(DefinitionChecks& checks, const DiskDefinition& written, Vm::Disk& disk) {
  const bool is_cdrom = disk.interface == "cdrom";
  disk.cache = checks.choice(written.cache, "disk.cache", is_cdrom ? "" : "none");
  disk.aio = checks.choice(written.aio, "disk.aio", "");
  disk.read_only = written.read_only.value || is_cdrom;
  disk.discard = written.discard.value.value_or(!disk.read_only);
  disk.iothread = written.iothread.value;
  disk.serial = checks.plain_text(written.serial, "disk.serial", "._-", kLongestSerial);
  if (disk.aio == "native" && disk.cache != "none" && disk.cache != "directsync") {
    checks.problem(written.aio.position, "disk.aio",
                   {N_("{key} is \"native\", which needs the cache none or directsync; here it is "
                       "{cache}."),
                    {{"cache", disk.cache.empty() ? "writeback" : disk.cache}}});
  }
  if (disk.iothread && disk.interface != "virtio") {
    checks.problem(written.iothread.position, "disk.iothread",
                   N_("{key} is true, but only virtio disks can have a thread of their own."));
  }
  if (disk.read_only && (disk.interface == "sata" || disk.interface == "ide")) {
    checks.problem(written.read_only.position, "disk.read_only",
                   N_("{key} is true, but a SATA or IDE disk can always be written to; use virtio, "
                      "scsi or cdrom."));
  }
}

void check_twice(DefinitionChecks& checks, const DiskDefinition& written, const Vm::Disk& disk) {
  const bool twice =
      !disk.file.empty() &&
      std::ranges::any_of(checks.vm().disks,
                          [name = without_empty_steps(disk.file)](const auto& other) {
                            return without_empty_steps(other.file) == name;
                          });
  if (!twice) return;
  checks.problem(written.file.position, "disk.file",
                 {N_("{key} is \"{value}\", which is already another disk of this VM; both would "
                     "write into it."),
                  {{"value", shown_value(written.file.value)}}});
}

void check_disk(DefinitionChecks& checks, const DiskDefinition& written) {
  Vm& vm = checks.vm();
  Vm::Disk disk;
  disk.file = checks.path(written.file, "disk.file");
  check_format(checks, written, disk);
  disk.interface = checks.choice(written.interface, "disk.interface", usual_interface(vm, disk));
  if (!written.file.is_written() && disk.interface != "cdrom") {
    checks.problem(written.position, "disk.file", N_("{key} is missing."));
  }
  check_details(checks, written, disk);
  check_twice(checks, written, disk);
  disk.boot_index = static_cast<std::uint32_t>(
      checks.number(written.boot_index, "disk.boot_index",
                    static_cast<std::int64_t>(vm.disks.size()) + 1, 0, kMaximumBootIndex));
  vm.disks.push_back(std::move(disk));
}

// q35 has six SATA ports; pc has two IDE channels for two drives each (QEMU, hw/i386).
void check_controllers(DefinitionChecks& checks) {
  const Vm& vm = checks.vm();
  const bool is_pc = vm.machine == "pc";
  const std::size_t places = is_pc ? 4 : 6;
  std::size_t used = 0;
  for (std::size_t i = 0; i < vm.disks.size(); ++i) {
    const std::string& interface = vm.disks[i].interface;
    const DiskDefinition& written = checks.definition().disks[i];
    if (interface == "sata" && is_pc) {
      checks.problem(written.interface.position, "disk.interface",
                     N_("{key} is \"sata\", but machine \"pc\" has no SATA controller; \"q35\" "
                        "has."),
                     "ide");
    }
    if (interface == "ide" && !is_pc) {
      checks.problem(written.interface.position, "disk.interface",
                     N_("{key} is \"ide\", but machine \"q35\" has no IDE controller; \"pc\" has."),
                     "sata");
    }
    if (is_on_controller(vm.disks[i]) && ++used == places + 1) {
      checks.problem(written.position, "disk.interface",
                     {N_("Machine {machine} has places for {limit} disks of the kinds sata, ide "
                         "and cdrom."),
                      {{"machine", vm.machine}, {"limit", places}}});
    }
  }
}

void check_boot_order(DefinitionChecks& checks) {
  const auto& disks = checks.vm().disks;
  for (std::size_t i = 0; i < disks.size(); ++i) {
    const auto same = std::ranges::find(disks, disks[i].boot_index, &Vm::Disk::boot_index);
    if (static_cast<std::size_t>(same - disks.begin()) == i) continue;
    checks.problem(checks.definition().disks[i].boot_index.position, "disk.boot_index",
                   {N_("{key} is {value}, which another disk has already."),
                    {{"value", disks[i].boot_index}}});
  }
}

}  // namespace

void check_disks(DefinitionChecks& checks) {
  const std::vector<DiskDefinition>& written = checks.definition().disks;
  if (written.size() > kMaximumDisks) {
    checks.problem(written[kMaximumDisks].position, "disk",
                   {N_("There are more than {limit} disks."), {{"limit", kMaximumDisks}}});
    return;
  }
  for (const DiskDefinition& disk : written) check_disk(checks, disk);
  check_controllers(checks);
  check_boot_order(checks);
}

}  // namespace cleave
