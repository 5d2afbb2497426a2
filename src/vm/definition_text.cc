#include "vm/definition_text.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/format.h"
#include "base/text.h"
#include "vm/check.h"

namespace cleave {
namespace {

struct Line {
  const char* key;
  std::string value;     // as TOML has it; empty: not written
  bool decides = false;  // the defaults of other keys follow from it
};

struct Table {
  const char* name;  // "" for the keys without one
  bool many = false;
  std::size_t number = 0;  // of [[tables]] of one name
  std::vector<Line> lines;
};

std::string text(const std::string& value) {
  return value.empty() ? std::string() : toml_string(value);
}

std::string truth(bool value) { return value ? "true" : "false"; }

std::string truth(const std::optional<bool>& value) {
  return value ? truth(*value) : std::string();
}

std::string number(std::uint64_t value) { return std::to_string(value); }

std::string list(const std::vector<std::string>& items) {
  if (items.empty()) return {};
  std::vector<std::string> quoted;
  for (const std::string& item : items) quoted.push_back(toml_string(item));
  return "[" + join(quoted, ", ") + "]";
}

// {2, 4, 5} → "2,4,5": a list of one is as good as a range.
std::vector<std::string> pin_texts(const Vm& vm) {
  std::vector<std::string> texts;
  for (const auto& cpus : vm.pin) {
    std::vector<std::string> numbers;
    for (const std::uint32_t cpu : cpus) numbers.push_back(std::to_string(cpu));
    texts.push_back(join(numbers, ","));
  }
  return texts;
}

Table root_table(const Vm& vm) {
  return {.name = "",
          .lines = {{"name", text(vm.name), true},
                    {"guest", text(vm.guest + vm.guest_version), true},
                    {"machine", text(vm.machine), true},
                    {"accelerator", text(vm.accelerator), true},
                    {"cpu", text(vm.cpu)},
                    {"cpus", number(vm.cpus), true},
                    {"memory", text(vm.memory_text), true},
                    {"huge_pages", truth(vm.huge_pages)},
                    {"balloon", truth(vm.balloon)},
                    {"kernel", text(vm.kernel)},
                    {"initrd", text(vm.initrd)},
                    {"kernel_arguments", text(vm.kernel_arguments)},
                    {"qemu", text(vm.qemu)},
                    {"clock", text(vm.clock)},
                    {"hyperv", truth(vm.hyperv)},
                    {"serial", truth(vm.serial)},
                    {"guest_agent", truth(vm.guest_agent)},
                    {"clipboard", truth(vm.clipboard)},
                    {"pointer", text(vm.pointer)},
                    {"on_suspend", text(vm.on_suspend)},
                    {"autostart", text(vm.autostart)},
                    {"extra_arguments", list(vm.extra_arguments)}}};
}

Table topology_table(const Vm& vm) {
  const Vm::Topology& topology = vm.topology;
  return {.name = "topology",
          .lines = {{"sockets", number(topology.sockets)},
                    {"cores", number(topology.cores)},
                    {"threads", number(topology.threads)},
                    {"pin", list(pin_texts(vm))}}};
}

Table firmware_table(const Vm& vm) {
  return {.name = "firmware",
          .lines = {{"type", text(vm.firmware.uefi ? "uefi" : "bios"), true},
                    {"secure_boot", truth(vm.firmware.secure_boot)},
                    {"tpm", truth(vm.firmware.tpm)},
                    {"code", text(vm.firmware.code)},
                    {"nvram", text(vm.firmware.nvram)}}};
}

Table disk_table(const Vm::Disk& disk) {
  return {.name = "disk",
          .many = true,
          .lines = {{"file", text(disk.file), true},
                    {"format", text(disk.format), true},
                    {"interface", text(disk.interface), true},
                    {"cache", text(disk.cache)},
                    {"aio", text(disk.aio)},
                    {"discard", truth(disk.discard)},
                    {"iothread", truth(disk.iothread)},
                    // An "ide" disk may not say that it is writable.
                    {"read_only", truth(disk.read_only), disk.read_only},
                    {"serial", text(disk.serial)},
                    {"boot_index", number(disk.boot_index)}}};
}

Table network_table(const Vm::Network& network) {
  std::vector<std::string> forwards;
  for (const Vm::Network::Forward& forward : network.forwards) {
    forwards.push_back(format("{}:{}:{}:{}", forward.protocol, forward.address, forward.host_port,
                              forward.guest_port));
  }
  return {.name = "network",
          .many = true,
          .lines = {{"type", text(network.type), true},
                    {"bridge", text(network.bridge), true},
                    {"model", text(network.model)},
                    {"mac", text(network.mac)},
                    {"forward", list(forwards)}}};
}

Table gpu_table(const Vm::Gpu& gpu) {
  const std::string resolution =
      gpu.width == 0 ? std::string() : format("{}x{}", gpu.width, gpu.height);
  return {.name = "gpu",
          .lines = {{"way", text(gpu.way), true},
                    {"type", text(gpu.type_id)},
                    {"mode", text(gpu.mode), true},
                    {"parent", text(gpu.parent)},
                    {"device", text(gpu.device)},
                    {"rom", text(gpu.rom)},
                    {"uuid", text(gpu.uuid)},
                    {"display", truth(gpu.display)},
                    {"ramfb", truth(gpu.ramfb)},
                    {"resolution", text(resolution)},
                    {"opregion", truth(gpu.opregion)},
                    {"primary", truth(gpu.primary)}}};
}

Table device_table(const Vm::Device& device) {
  const std::string usb =
      device.usb_ids ? format("{:04x}:{:04x}", device.usb_ids->vendor, device.usb_ids->product)
                     : device.usb_port;
  return {.name = "device",
          .many = true,
          .lines = {{"pci", text(device.pci), true},
                    {"usb", text(usb), true},
                    {"rom", text(device.rom)},
                    {"optional", truth(device.is_optional)}}};
}

Table display_table(const Vm& vm) {
  return {.name = "display",
          .lines = {{"type", text(vm.display), true},
                    {"render_node", text(vm.render_node)},
                    {"fullscreen", truth(vm.fullscreen)},
                    {"looking_glass",
                     vm.looking_glass_bytes == 0 ? "" : text(size_text(vm.looking_glass_bytes))}}};
}

Table share_table(const Vm::Share& share) {
  return {.name = "share",
          .many = true,
          .lines = {{"path", text(share.path), true},
                    {"tag", text(share.tag), true},
                    {"type", text(share.type)},
                    {"read_only", truth(share.read_only)}}};
}

template <typename Items, typename TableOf>
void add_each(const Items& items, TableOf table_of, std::vector<Table>& tables) {
  std::size_t number = 0;
  for (const auto& item : items) {
    tables.push_back(table_of(item));
    tables.back().number = number++;
  }
}

// In the order of the reference.
std::vector<Table> tables_of(const Vm& vm) {
  std::vector<Table> tables = {root_table(vm), topology_table(vm), firmware_table(vm)};
  add_each(vm.disks, disk_table, tables);
  if (vm.networks.empty()) {
    tables.push_back({.name = "network", .many = true, .lines = {{"type", "\"none\"", true}}});
  }
  add_each(vm.networks, network_table, tables);
  if (vm.gpu) tables.push_back(gpu_table(*vm.gpu));
  add_each(vm.devices, device_table, tables);
  tables.push_back(display_table(vm));
  if (vm.sound) {
    tables.push_back(
        {.name = "sound",
         .lines = {{"model", text(vm.sound->model), true}, {"backend", text(vm.sound->backend)}}});
  }
  add_each(vm.shares, share_table, tables);
  return tables;
}

std::string text_of(const std::vector<Table>& tables) {
  std::string all;
  for (const Table& table : tables) {
    std::string lines;
    for (const Line& line : table.lines) {
      if (!line.value.empty()) lines += format("{} = {}\n", line.key, line.value);
    }
    if (lines.empty()) continue;
    if (*table.name != '\0') {
      all += all.empty() ? "" : "\n";
      all += table.many ? format("[[{}]]\n", table.name) : format("[{}]\n", table.name);
    }
    all += lines;
  }
  return all;
}

template <typename Keep>
std::vector<Table> only(std::vector<Table> tables, Keep keep) {
  for (Table& table : tables) {
    std::erase_if(table.lines, [&](const Line& line) { return !keep(table, line); });
  }
  return tables;
}

const Line* find_line(const std::vector<Table>& tables, const Table& table, const Line& line) {
  for (const Table& other : tables) {
    if (std::string_view(other.name) != table.name || other.number != table.number) continue;
    for (const Line& found : other.lines) {
      if (std::string_view(found.key) == line.key) return &found;
    }
  }
  return nullptr;
}

// The VM that has nothing but what decides; whatever it has besides are defaults.
std::optional<Vm> usual_vm(const std::vector<Table>& tables) {
  const std::string text =
      text_of(only(tables, [](const Table&, const Line& line) { return line.decides; }));
  Result<CheckedDefinition> checked = read_definition(text, "usual.toml", "/");
  return checked ? std::move(checked->vm) : std::nullopt;
}

// Whether nobody would miss it: what is taken where it is left out never depends on another key.
bool goes_without_saying(const Vm& vm, const Table& table, const Line& line) {
  const std::string_view name = table.name;
  const std::string_view key = line.key;
  if (name.empty() && key == "machine") return line.value == "\"q35\"";
  if (name.empty() && key == "accelerator") return line.value == "\"kvm\"";
  return name == "firmware" && key == "type" && !vm.firmware.uefi && vm.guest_version != "11";
}

std::vector<Table> needed_tables(const Vm& vm) {
  std::vector<Table> tables = tables_of(vm);
  const std::optional<Vm> usual = usual_vm(tables);
  if (!usual) return tables;
  const std::vector<Table> usual_tables = tables_of(*usual);
  return only(std::move(tables), [&](const Table& table, const Line& line) {
    if (line.decides) return !goes_without_saying(vm, table, line);
    const Line* other = find_line(usual_tables, table, line);
    return other == nullptr || other->value != line.value;
  });
}

}  // namespace

std::string definition_text(const Vm& vm, WrittenKeys keys) {
  return text_of(keys == WrittenKeys::All ? tables_of(vm) : needed_tables(vm));
}

std::string definition_tables_text(const Vm& vm, WrittenKeys keys,
                                   const std::vector<std::string_view>& wanted) {
  std::vector<Table> tables = keys == WrittenKeys::All ? tables_of(vm) : needed_tables(vm);
  std::erase_if(tables, [&](const Table& table) {
    return std::ranges::find(wanted, std::string_view(table.name)) == wanted.end();
  });
  return text_of(tables);
}

}  // namespace cleave
