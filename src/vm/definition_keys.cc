#include "vm/definition_keys.h"

#include <algorithm>

#include "base/format.h"
#include "base/text.h"

namespace cleave {
namespace {

using enum KeyType;

const std::vector<const char*> kNone = {};

// Keys above the first table.
const std::vector<DefinitionKey> kRootKeys = {
    {"", "name", Text, kNone, "the file's name without .toml",
     N_("A letter or digit, then letters, digits, “.”, “_” or “-”; at most 63 of them.")},
    {"",
     "guest",
     Text,
     {"linux", "windows", "windows10", "windows11"},
     "not told",
     N_("What will run in it: decides the defaults of disks, network, clock and firmware.")},
    {"", "machine", Text, {"q35", "pc"}, "q35", N_("The machine that the guest sees.")},
    {"",
     "accelerator",
     Text,
     {"kvm", "tcg"},
     "kvm",
     N_("kvm, or tcg: emulation, which is slow and works everywhere.")},
    {"", "cpu", Text, kNone, "host with kvm, max with tcg",
     N_("A CPU model of QEMU, with features: \"host,hv_time=on\".")},
    {"", "cpus", Integer, kNone, "2", N_("How many processors the guest sees: 1 to 255.")},
    {"", "memory", Text, kNone, "2G",
     N_("A whole number with K, M, G or T: 16M to 16T, in whole MiB.")},
    {"", "huge_pages", Boolean, kNone, "false",
     N_("The guest's memory comes from the host's reserved huge pages.")},
    {"", "balloon", Boolean, kNone, "true, false with a device of the host",
     N_("The host can ask for memory back while the VM runs.")},
    {"", "kernel", Text, kNone, "none",
     N_("Path of an ELF or bzImage that is started in place of a boot loader.")},
    {"", "initrd", Text, kNone, "none", N_("Path of the initramfs for that kernel.")},
    {"", "kernel_arguments", Text, kNone, "none", N_("The command line of that kernel.")},
    {"", "qemu", Text, kNone, "qemu-system-x86_64",
     N_("Name (in PATH, or of a build that “cleave qemu list” shows) or path of the QEMU "
        "program.")},
    {"",
     "clock",
     Text,
     {"utc", "localtime"},
     "localtime for Windows, else utc",
     N_("What the guest takes its hardware clock for.")},
    {"", "hyperv", Boolean, kNone, "true for Windows with kvm",
     N_("Hyper-V's interfaces, with which Windows needs less of the processor.")},
    {"", "serial", Boolean, kNone, "false",
     N_("A serial port whose other end is the socket serial.sock.")},
    {"", "guest_agent", Boolean, kNone, "true for Linux and Windows",
     N_("A channel to QEMU's guest agent, if the guest runs one.")},
    {"", "clipboard", Boolean, kNone, "false",
     N_("Host and guest share the clipboard, if the guest runs a SPICE agent.")},
    {"",
     "pointer",
     Text,
     {"tablet", "mouse"},
     "tablet, mouse without a display",
     N_("A tablet knows where the pointer is, so that no window captures it.")},
    {"",
     "on_suspend",
     Text,
     {"keep", "pause", "stop", "refuse"},
     "what its GPU bears",
     N_("What becomes of the VM while it runs and the host is suspended.")},
    {"",
     "autostart",
     Text,
     {"no", "login", "boot"},
     "no",
     N_("Whether `cleave vm autostart` starts it when its user logs in, or at boot.")},
    {"", "extra_arguments", TextList, kNone, "none",
     N_("For QEMU, as they are, last; at most 256.")},
};

const std::vector<DefinitionKey> kTableKeys = {
    {"topology", "sockets", Integer, kNone, "1", N_("Sockets of the guest's processors.")},
    {"topology", "cores", Integer, kNone, "what is left of cpus", N_("Cores of each socket.")},
    {"topology", "threads", Integer, kNone, "1", N_("Threads of each core.")},
    {"topology", "pin", TextList, kNone, "none",
     N_("For each of the guest's processors the host's on which it may run: \"2\" or \"4-5\".")},

    {"firmware",
     "type",
     Text,
     {"bios", "uefi"},
     "uefi for windows11, else bios",
     N_("SeaBIOS or OVMF, with its own copy of the variables.")},
    {"firmware", "secure_boot", Boolean, kNone, "true for windows11, else false",
     N_("OVMF with Secure Boot, with Microsoft's keys; needs machine q35.")},
    {"firmware", "tpm", Boolean, kNone, "true for windows11, else false",
     N_("A TPM 2.0, which the program swtpm emulates.")},
    {"firmware", "code", Text, kNone, "found by QEMU's descriptions of firmware",
     N_("Path of the firmware's code.")},
    {"firmware", "nvram", Text, kNone, "in the VM's own directory",
     N_("Path of the file with the firmware's variables; made where it is missing.")},

    {"disk", "file", Text, kNone, "required; a cdrom can be empty",
     N_("Path of an image or a block device.")},
    {"disk",
     "format",
     Text,
     {"qcow2", "raw"},
     "by the ending",
     N_("Endings .raw, .img and .iso are raw, and devices are; never guessed from the content.")},
    {"disk",
     "interface",
     Text,
     {"virtio", "sata", "ide", "scsi", "nvme", "cdrom"},
     "cdrom for .iso, sata (on pc ide) for Windows, else virtio",
     N_("How the guest sees it. Windows has no driver of its own for virtio and scsi; sata is for "
        "q35, ide for pc.")},
    {"disk",
     "cache",
     Text,
     {"none", "writeback", "writethrough", "directsync", "unsafe"},
     "none; for cdrom QEMU's own",
     N_("How the host caches it.")},
    {"disk",
     "aio",
     Text,
     {"threads", "native", "io_uring"},
     "QEMU's own",
     N_("How QEMU reads and writes it; native needs the cache none or directsync.")},
    {"disk", "discard", Boolean, kNone, "true",
     N_("What the guest frees becomes free in the image, too.")},
    {"disk", "iothread", Boolean, kNone, "false",
     N_("A thread of its own for this disk (virtio only).")},
    {"disk", "read_only", Boolean, kNone, "false", N_("The guest cannot write to it.")},
    {"disk", "serial", Text, kNone, "none", N_("The serial number that the guest sees.")},
    {"disk", "boot_index", Integer, kNone, "the order of the file",
     N_("The firmware tries the lowest first; 0 to 1000.")},

    {"network",
     "type",
     Text,
     {"user", "bridge", "none"},
     "user",
     N_("user: behind the host's address; bridge: beside the host; none: no card.")},
    {"network", "bridge", Text, kNone, "required for bridge", N_("Name of the host's bridge.")},
    {"network",
     "model",
     Text,
     {"virtio", "e1000e", "e1000", "rtl8139"},
     "virtio for Linux, else e1000e; e1000 on pc",
     N_("The card that the guest sees.")},
    {"network", "mac", Text, kNone, "derived from the VM's name",
     N_("Its address: \"52:54:00:12:34:56\".")},
    {"network", "forward", TextList, kNone, "none",
     N_("Ports of the host that lead into the guest: \"tcp:2222:22\"; with user only.")},

    {"gpu",
     "way",
     Text,
     {"gvt-g", "sr-iov", "passthrough", "virtio-gpu", "mdev", "none"},
     "required",
     N_("The way of sharing; mdev is any other mediated device.")},
    {"gpu", "type", Text, kNone, "the best that fits", N_("A vGPU type of `cleave vgpu types`.")},
    {"gpu",
     "mode",
     Text,
     {"virgl", "venus", "native-context", "2d"},
     "the best of venus, virgl and 2d of which everything is known to be there",
     N_("Of virtio-gpu only: virgl (OpenGL), venus (OpenGL and Vulkan), native-context (the GPU's "
        "own driver), 2d (no acceleration).")},
    {"gpu", "parent", Text, kNone,
     "the only one there is; with virtio-gpu the GPU that drives the screen",
     N_("Name of the mdev parent, or with sr-iov the device that has the functions, such as "
        "\"0000:00:02.0\"; with virtio-gpu the PCI address of the GPU that draws.")},
    {"gpu", "device", Text, kNone, "a free function of parent; the only GPU",
     N_("With sr-iov a virtual function, with passthrough the device: its PCI address, "
        "\"0000:01:00.0\".")},
    {"gpu", "rom", Text, kNone, "the device's own",
     N_("Path of a file that the guest sees as the ROM of the device (gvt-g, mdev, passthrough, "
        "sr-iov).")},
    {"gpu", "uuid", Text, kNone, "derived from the VM's name: always the same",
     N_("UUID of the vGPU.")},
    {"gpu", "display", Boolean, kNone,
     "true where QEMU can show it: gvt-g and virtio-gpu unless display.type is none, mdev and "
     "virtio-gpu in the mode 2d always; false for sr-iov and passthrough",
     N_("The vGPU's screen is the guest's screen, and there is no emulated card.")},
    {"gpu", "ramfb", Boolean, kNone, "true for gvt-g where QEMU has it",
     N_("A picture from the first second, before the guest's driver runs (gvt-g, mdev).")},
    {"gpu", "resolution", Text, kNone, "the driver's own",
     N_("What the vGPU's screen says it likes best: \"1920x1080\".")},
    {"gpu", "opregion", Boolean, kNone, "on for Intel GPUs",
     N_("Give the guest Intel's OpRegion, which Windows wants.")},

    {"gpu", "primary", Boolean, kNone, "false",
     N_("Of passthrough only: the guest's first screen, whose VGA ranges SeaBIOS finds; a UEFI "
        "guest does not need it. An integrated GPU of Intel only on machine pc.")},

    {"device", "pci", Text, kNone, "this or usb",
     N_("Address of a PCI device or virtual function, \"0000:03:00.0\": handed over as with the "
        "way "
        "passthrough, with its whole IOMMU group.")},
    {"device", "rom", Text, kNone, "the device's own",
     N_("Of pci: path of a file that the guest sees as the ROM of the device.")},
    {"device", "usb", Text, kNone, "this or pci",
     N_("Vendor and product, \"046d:c52b\", or the port, \"1-2.3\": the name in "
        "/sys/bus/usb/devices.")},
    {"device", "optional", Boolean, kNone, "false",
     N_("Of usb: the VM starts without it, too, and takes it when it is plugged in.")},

    {"display",
     "type",
     Text,
     {"gtk", "sdl", "spice", "vnc", "dbus", "egl-headless", "none"},
     "gtk",
     N_("gtk and sdl: a window; spice, vnc and dbus: for a viewer; egl-headless: OpenGL without a "
        "window, and VNC.")},
    {"display", "render_node", Text, kNone,
     "with virtio-gpu that of the GPU that draws; else QEMU chooses",
     N_("For displays without a window: \"/dev/dri/renderD128\", or better "
        "\"/dev/dri/by-path/pci-0000:00:02.0-render\".")},
    {"display", "fullscreen", Boolean, kNone, "false",
     N_("The window of gtk and sdl fills the screen.")},
    {"display", "looking_glass", Text, kNone, "none",
     N_("Memory shared with Looking Glass, \"32M\" for 1920x1080: a power of two.")},

    {"sound",
     "model",
     Text,
     {"hda", "usb", "virtio", "none"},
     "hda",
     N_("The sound card that the guest sees.")},
    {"sound",
     "backend",
     Text,
     {"pipewire", "pa", "alsa", "sdl", "spice", "none"},
     "what runs on the host and QEMU knows",
     N_("Where its sound goes.")},

    {"share", "path", Text, kNone, "required", N_("A directory of the host.")},
    {"share", "tag", Text, kNone, "the directory's name",
     N_("The name by which the guest mounts it.")},
    {"share",
     "type",
     Text,
     {"virtiofs", "9p"},
     "virtiofs",
     N_("virtiofs is faster and needs the program virtiofsd; 9p needs nothing.")},
    {"share", "read_only", Boolean, kNone, "false", N_("The guest cannot write to it.")},
};

std::string full_name(const DefinitionKey& key) {
  return *key.table == '\0' ? key.name : format("{}.{}", key.table, key.name);
}

Json schema_of_key(const DefinitionKey& key, const Translator& translate) {
  Json schema = Json::object({{"description", translate(key.about)}});
  switch (key.type) {
    case Text:
      schema.set("type", "string");
      break;
    case Integer:
      schema.set("type", "integer");
      break;
    case Boolean:
      schema.set("type", "boolean");
      break;
    case TextList:
      schema.set("type", "array");
      schema.set("items", Json::object({{"type", "string"}}));
      break;
  }
  if (!key.choices.empty()) {
    Json choices = Json::array();
    for (const char* choice : key.choices) choices.push_back(choice);
    schema.set("enum", std::move(choices));
  }
  return schema;
}

Json schema_of_table(const char* table, const Translator& translate) {
  Json properties = Json::object({});
  for (const DefinitionKey& key : definition_keys()) {
    if (std::string_view(key.table) == table) {
      properties.set(key.name, schema_of_key(key, translate));
    }
  }
  return Json::object(
      {{"type", "object"}, {"additionalProperties", false}, {"properties", std::move(properties)}});
}

std::string code(std::string_view text) { return format("`{}`", text); }

std::string reference_of_table(const char* table) {
  std::string text = "| key | type | values | default |\n|---|---|---|---|\n";
  for (const DefinitionKey& key : definition_keys()) {
    if (std::string_view(key.table) != table) continue;
    std::vector<std::string> choices;
    for (const char* choice : key.choices) choices.push_back(code(choice));
    std::string values = key.about;
    if (!choices.empty()) values = format("{}. {}", join(choices, ", "), key.about);
    text += format("| `{}` | {} | {} | {} |\n", key.name, key_type_name(key.type), values,
                   key.fallback);
  }
  return text;
}

}  // namespace

const char* key_type_name(KeyType type) {
  switch (type) {
    case Text:
      return "text";
    case Integer:
      return "integer";
    case Boolean:
      return "boolean";
    case TextList:
      return "list of texts";
  }
  return "text";
}

const std::vector<DefinitionTable>& definition_tables() {
  static const std::vector<DefinitionTable> kTables = {
      {"topology", false, N_("How the guest's processors are arranged, and where they run.")},
      {"firmware", false, N_("What starts the guest's boot loader.")},
      {"disk", true,
       N_("At most 16. q35 has places for 6 disks on SATA, discs among them; pc has "
          "4 on IDE.")},
      {"network", true,
       N_("At most 8. Without such a table the VM has one card of the type user; with one of the "
          "type none it has no network.")},
      {"gpu", false, N_("Without this table the VM has QEMU's emulated graphics card.")},
      {"device", true,
       N_("A further device of the host; at most 16. Devices of one IOMMU group go together, that "
          "of [gpu] among them.")},
      {"display", false, N_("How you see the guest's screen.")},
      {"sound", false, N_("Without this table the VM has no sound.")},
      {"share", true, N_("Directories of the host that the guest can mount; at most 8.")},
  };
  return kTables;
}

const std::vector<DefinitionKey>& definition_keys() {
  static const std::vector<DefinitionKey> kKeys = [] {
    std::vector<DefinitionKey> all = kRootKeys;
    all.insert(all.end(), kTableKeys.begin(), kTableKeys.end());
    return all;
  }();
  return kKeys;
}

const DefinitionKey* find_definition_key(std::string_view name) {
  const auto& keys = definition_keys();
  const auto found = std::ranges::find(keys, name, full_name);
  return found == keys.end() ? nullptr : &*found;
}

std::vector<std::string> names_in_table(std::string_view table) {
  std::vector<std::string> names;
  for (const DefinitionKey& key : definition_keys()) {
    if (table == key.table) names.emplace_back(key.name);
  }
  if (!table.empty()) return names;
  for (const DefinitionTable& each : definition_tables()) names.emplace_back(each.name);
  return names;
}

Json definition_schema(const Translator& translate) {
  Json schema = schema_of_table("", translate);
  Json head = Json::object({{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                            {"title", "cleave VM"},
                            {"type", "object"},
                            {"additionalProperties", false}});
  Json properties = *schema.find("properties");
  for (const DefinitionTable& table : definition_tables()) {
    Json one = schema_of_table(table.name, translate);
    if (table.many) one = Json::object({{"type", "array"}, {"items", std::move(one)}});
    one.set("description", translate(table.about));
    properties.set(table.name, std::move(one));
  }
  head.set("properties", std::move(properties));
  return head;
}

std::string definition_reference() {
  std::string text = "## Keys without a table\n\n" + reference_of_table("");
  for (const DefinitionTable& table : definition_tables()) {
    const std::string heading =
        table.many ? format("[[{}]]", table.name) : format("[{}]", table.name);
    text += format("\n## `{}`\n\n{}\n\n", heading, table.about);
    text += reference_of_table(table.name);
  }
  return text;
}

}  // namespace cleave
