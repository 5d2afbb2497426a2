#include "vm/definition.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "vm/definition_keys.h"

namespace cleave {
namespace {

constexpr std::size_t kMaximumProblems = 100;
constexpr std::size_t kMaximumTables = 100;  // fewer can be used; the checks say how many
constexpr std::size_t kLongestGuessedKey = 64;
constexpr std::size_t kLongestShownKey = 64;

// Reads one table. The keys that it can have are those of definition_keys(); finish() reports all
// others.
class TableReader {
 public:
  TableReader(const TomlNode& table, std::string name, std::vector<DefinitionProblem>& problems)
      : table_(table), name_(std::move(name)), problems_(problems) {}

  void read(const char* key, Written<std::string>& target) {
    constexpr const char* kWrongType =
        N_("{key} must be text in quotes; here stands a TOML {found}.");
    if (const TomlNode* node = find(key, TomlType::String, kWrongType)) {
      target = {node->text, node->position};
    }
  }

  void read(const char* key, Written<std::int64_t>& target) {
    constexpr const char* kWrongType =
        N_("{key} must be a whole number without quotes; here stands a TOML {found}.");
    if (const TomlNode* node = find(key, TomlType::Integer, kWrongType)) {
      target = {node->number, node->position};
    }
  }

  template <typename Bool>
  void read_bool(const char* key, Written<Bool>& target) {
    constexpr const char* kWrongType =
        N_("{key} must be true or false, without quotes; here stands a TOML {found}.");
    if (const TomlNode* node = find(key, TomlType::Boolean, kWrongType)) {
      target = {node->truth, node->position};
    }
  }

  void read(const char* key, Written<std::vector<std::string>>& target) {
    constexpr const char* kWrongType = N_(
        "{key} must be a list of texts, such as [\"one\", \"two\"]; here stands a TOML {found}.");
    const TomlNode* node = find(key, TomlType::Array, kWrongType);
    if (node == nullptr) return;
    target.position = node->position;
    for (const TomlNode& item : node->items) {
      if (item.type == TomlType::String) {
        target.value.push_back(item.text);
      } else {
        wrong_type(key, item,
                   N_("Every item of {key} must be text in quotes; here stands a TOML {found}."));
      }
    }
  }

  // A table below this one; null if it was not written or is something else.
  const TomlNode* table(const char* key) {
    return find(key, TomlType::Table,
                N_("{key} must be a table, written [{key}]; here stands a TOML {found}."));
  }

  // The tables of [[key]], at most kMaximumTables.
  std::vector<const TomlNode*> tables(const char* key) {
    constexpr const char* kWrongType =
        N_("{key} must be written as a table in double brackets, [[{key}]]; here stands a TOML "
           "{found}.");
    std::vector<const TomlNode*> found;
    const TomlNode* list = find(key, TomlType::Array, kWrongType);
    if (list == nullptr) return found;
    for (const TomlNode& item : list->items) {
      if (found.size() == kMaximumTables) break;
      if (item.type == TomlType::Table) {
        found.push_back(&item);
      } else {
        wrong_type(key, item, kWrongType);
      }
    }
    return found;
  }

  void finish() {
    const std::vector<std::string> known = names_in_table(name_);
    for (const TomlKey& key : table_.keys) {
      if (problems_.size() >= kMaximumProblems) return;  // guessing takes time
      if (std::ranges::find(known, key.name) != known.end()) continue;
      std::string suggestion;
      if (key.name.size() <= kLongestGuessedKey) suggestion = nearest(key.name, known).value_or("");
      if (!suggestion.empty()) suggestion = full_name(suggestion);
      // TOML has keys without a letter: '' = 1
      const std::string shown =
          key.name.empty() ? "\"\"" : printable(key.name.substr(0, kLongestShownKey));
      const std::string full = full_name(shown);
      Message message{N_("{key} is not a key of a VM definition."), {{"key", full}}};
      if (!suggestion.empty()) {
        message = {N_("{key} is not a key of a VM definition. Did you mean {suggestion}?"),
                   {{"key", full}, {"suggestion", suggestion}}};
      }
      add({key.position, std::move(message), full, std::move(suggestion)});
    }
  }

 private:
  [[nodiscard]] std::string full_name(const std::string& key) const {
    return name_.empty() ? key : name_ + "." + key;
  }

  const TomlNode* find(const char* key, TomlType type, const char* message) {
    const TomlNode* node = table_.find(key);
    if (node == nullptr || node->type == type) return node;
    wrong_type(key, *node, message);
    return nullptr;
  }

  void wrong_type(const char* key, const TomlNode& node, const char* text) {
    const std::string full = full_name(key);
    add({node.position, {text, {{"key", full}, {"found", node.type_name}}}, full, {}});
  }

  void add(DefinitionProblem problem) {
    if (problems_.size() < kMaximumProblems) problems_.push_back(std::move(problem));
  }

  const TomlNode& table_;
  std::string name_;
  std::vector<DefinitionProblem>& problems_;
};

void read_topology(const TomlNode& table, ParsedDefinition& parsed) {
  TopologyDefinition& topology = parsed.definition.topology;
  TableReader reader(table, "topology", parsed.problems);
  reader.read("sockets", topology.sockets);
  reader.read("cores", topology.cores);
  reader.read("threads", topology.threads);
  reader.read("pin", topology.pin);
  reader.finish();
}

void read_firmware(const TomlNode& table, ParsedDefinition& parsed) {
  FirmwareDefinition& firmware = parsed.definition.firmware;
  firmware.position = table.position;
  TableReader reader(table, "firmware", parsed.problems);
  reader.read("type", firmware.type);
  reader.read_bool("secure_boot", firmware.secure_boot);
  reader.read_bool("tpm", firmware.tpm);
  reader.read("code", firmware.code);
  reader.read("nvram", firmware.nvram);
  reader.finish();
}

void read_disk(const TomlNode& table, ParsedDefinition& parsed) {
  DiskDefinition disk;
  disk.position = table.position;
  TableReader reader(table, "disk", parsed.problems);
  reader.read("file", disk.file);
  reader.read("format", disk.format);
  reader.read("interface", disk.interface);
  reader.read("cache", disk.cache);
  reader.read("aio", disk.aio);
  reader.read_bool("discard", disk.discard);
  reader.read_bool("iothread", disk.iothread);
  reader.read_bool("read_only", disk.read_only);
  reader.read("serial", disk.serial);
  reader.read("boot_index", disk.boot_index);
  reader.finish();
  parsed.definition.disks.push_back(std::move(disk));
}

void read_network(const TomlNode& table, ParsedDefinition& parsed) {
  NetworkDefinition network;
  network.position = table.position;
  TableReader reader(table, "network", parsed.problems);
  reader.read("type", network.type);
  reader.read("bridge", network.bridge);
  reader.read("model", network.model);
  reader.read("mac", network.mac);
  reader.read("forward", network.forward);
  reader.finish();
  parsed.definition.networks.push_back(std::move(network));
}

void read_gpu(const TomlNode& table, ParsedDefinition& parsed) {
  GpuDefinition& gpu = parsed.definition.gpu;
  gpu.position = table.position;
  TableReader reader(table, "gpu", parsed.problems);
  reader.read("way", gpu.way);
  reader.read("parent", gpu.parent);
  reader.read("type", gpu.type);
  reader.read("device", gpu.device);
  reader.read("rom", gpu.rom);
  reader.read("uuid", gpu.uuid);
  reader.read("mode", gpu.mode);
  reader.read("resolution", gpu.resolution);
  reader.read_bool("display", gpu.display);
  reader.read_bool("opregion", gpu.opregion);
  reader.read_bool("ramfb", gpu.ramfb);
  reader.read_bool("primary", gpu.primary);
  reader.finish();
}

void read_device(const TomlNode& table, ParsedDefinition& parsed) {
  DeviceDefinition device;
  device.position = table.position;
  TableReader reader(table, "device", parsed.problems);
  reader.read("pci", device.pci);
  reader.read("usb", device.usb);
  reader.read("rom", device.rom);
  reader.read_bool("optional", device.optional);
  reader.finish();
  parsed.definition.devices.push_back(std::move(device));
}

void read_display(const TomlNode& table, ParsedDefinition& parsed) {
  DisplayDefinition& display = parsed.definition.display;
  TableReader reader(table, "display", parsed.problems);
  reader.read("type", display.type);
  reader.read("render_node", display.render_node);
  reader.read_bool("fullscreen", display.fullscreen);
  reader.read("looking_glass", display.looking_glass);
  reader.finish();
}

void read_sound(const TomlNode& table, ParsedDefinition& parsed) {
  SoundDefinition& sound = parsed.definition.sound;
  sound.position = table.position;
  TableReader reader(table, "sound", parsed.problems);
  reader.read("model", sound.model);
  reader.read("backend", sound.backend);
  reader.finish();
}

void read_share(const TomlNode& table, ParsedDefinition& parsed) {
  ShareDefinition share;
  share.position = table.position;
  TableReader reader(table, "share", parsed.problems);
  reader.read("path", share.path);
  reader.read("tag", share.tag);
  reader.read("type", share.type);
  reader.read_bool("read_only", share.read_only);
  reader.finish();
  parsed.definition.shares.push_back(std::move(share));
}

void read_root_keys(TableReader& reader, VmDefinition& vm) {
  reader.read("name", vm.name);
  reader.read("guest", vm.guest);
  reader.read("machine", vm.machine);
  reader.read("accelerator", vm.accelerator);
  reader.read("cpu", vm.cpu);
  reader.read("cpus", vm.cpus);
  reader.read("memory", vm.memory);
  reader.read_bool("huge_pages", vm.huge_pages);
  reader.read_bool("balloon", vm.balloon);
  reader.read("kernel", vm.kernel);
  reader.read("initrd", vm.initrd);
  reader.read("kernel_arguments", vm.kernel_arguments);
  reader.read("qemu", vm.qemu);
  reader.read("clock", vm.clock);
  reader.read_bool("hyperv", vm.hyperv);
  reader.read_bool("serial", vm.serial);
  reader.read_bool("guest_agent", vm.guest_agent);
  reader.read_bool("clipboard", vm.clipboard);
  reader.read("pointer", vm.pointer);
  reader.read("on_suspend", vm.on_suspend);
  reader.read("autostart", vm.autostart);
  reader.read("extra_arguments", vm.extra_arguments);
}

ParsedDefinition read_root(const TomlNode& table, std::string file) {
  ParsedDefinition parsed;
  parsed.definition.file = std::move(file);
  TableReader reader(table, "", parsed.problems);
  read_root_keys(reader, parsed.definition);
  if (const TomlNode* found = reader.table("topology")) read_topology(*found, parsed);
  if (const TomlNode* found = reader.table("firmware")) read_firmware(*found, parsed);
  for (const TomlNode* disk : reader.tables("disk")) read_disk(*disk, parsed);
  for (const TomlNode* network : reader.tables("network")) read_network(*network, parsed);
  if (const TomlNode* found = reader.table("gpu")) read_gpu(*found, parsed);
  for (const TomlNode* device : reader.tables("device")) read_device(*device, parsed);
  if (const TomlNode* found = reader.table("display")) read_display(*found, parsed);
  if (const TomlNode* found = reader.table("sound")) read_sound(*found, parsed);
  for (const TomlNode* share : reader.tables("share")) read_share(*share, parsed);
  reader.finish();
  sort_by_position(parsed.problems);
  return parsed;
}

}  // namespace

// An insertion sort, for some hundred problems at most: clang refuses libstdc++ 12's stable_sort,
// which uses a deprecated function of its own.
void sort_by_position(std::vector<DefinitionProblem>& problems) {
  for (auto next = problems.begin(); next != problems.end(); ++next) {
    const auto place = std::ranges::upper_bound(problems.begin(), next, next->position, {},
                                                &DefinitionProblem::position);
    std::rotate(place, next, next + 1);
  }
}

Result<ParsedDefinition> parse_definition(std::string_view text, std::string file) {
  const TomlNode root = TRY(parse_toml(text, file));
  return read_root(root, std::move(file));
}

}  // namespace cleave
