#include "facts/libvirt_domain.h"

#include <algorithm>
#include <array>
#include <pugixml.hpp>

#include "base/format.h"
#include "base/text.h"
#include "facts/mdev.h"
#include "facts/qemu_command_line.h"

namespace cleave {
namespace {

using pugi::xml_node;

// Definitions of real domains have some ten KiB.
constexpr std::size_t kLargest = std::size_t{1} << 20U;
constexpr std::size_t kMostChildren = 256;  // of one kind: devices, arguments

std::optional<bool> state_of(const xml_node& node) {
  const std::string_view state = node.attribute("state").value();
  if (state == "on") return true;
  if (state == "off") return false;
  return std::nullopt;
}

std::optional<bool> switch_of(const xml_node& node, const char* attribute) {
  const std::string_view text = node.attribute(attribute).value();
  if (text == "on" || text == "yes") return true;
  if (text == "off" || text == "no") return false;
  return std::nullopt;
}

// Units of scaled integers; without one kibibytes (formatdomain.rst, "Memory Allocation").
std::optional<std::uint64_t> memory_of(const xml_node& node) {
  struct Unit {
    std::string_view name;
    std::uint64_t bytes;
  };
  constexpr std::array kUnits = {
      Unit{"b", 1},           Unit{"bytes", 1},         Unit{"KB", 1000},
      Unit{"k", 1ULL << 10U}, Unit{"KiB", 1ULL << 10U}, Unit{"MB", 1'000'000},
      Unit{"M", 1ULL << 20U}, Unit{"MiB", 1ULL << 20U}, Unit{"GB", 1'000'000'000},
      Unit{"G", 1ULL << 30U}, Unit{"GiB", 1ULL << 30U}, Unit{"TB", 1'000'000'000'000},
      Unit{"T", 1ULL << 40U}, Unit{"TiB", 1ULL << 40U}};
  const auto number = parse_unsigned<std::uint64_t>(trim(node.text().get()));
  const std::string_view written = node.attribute("unit").value();
  const auto unit = std::ranges::find(kUnits, written.empty() ? "KiB" : written, &Unit::name);
  if (!number || unit == kUnits.end() || *number > ~std::uint64_t{0} / unit->bytes) {
    return std::nullopt;
  }
  return *number * unit->bytes;
}

// "0x0a" and "10" are the same number here (virStrToLong_ui with base 0).
template <typename Unsigned>
std::optional<Unsigned> number_of(const xml_node& node, const char* attribute) {
  const std::string_view text = node.attribute(attribute).value();
  if (text.empty()) return Unsigned{0};
  return text.starts_with("0x") || text.starts_with("0X") ? parse_hexadecimal<Unsigned>(text)
                                                          : parse_unsigned<Unsigned>(text);
}

std::optional<PciAddress> pci_of(const xml_node& address) {
  const auto domain = number_of<std::uint32_t>(address, "domain");
  const auto bus = number_of<std::uint8_t>(address, "bus");
  const auto slot = number_of<std::uint8_t>(address, "slot");
  const auto function = number_of<std::uint8_t>(address, "function");
  if (!address || !domain || !bus || !slot || !function || *slot > 31 || *function > 7) {
    return std::nullopt;
  }
  return PciAddress{.domain = *domain, .bus = *bus, .device = *slot, .function = *function};
}

HostDevice device_of(const xml_node& hostdev, std::size_t index) {
  HostDevice device;
  device.driver = "vfio-pci";
  const std::string_view alias = hostdev.child("alias").attribute("name").value();
  device.id = alias.empty() ? format("hostdev{}", index) : std::string(alias);
  const xml_node source = hostdev.child("source").child("address");
  if (std::string_view(hostdev.attribute("type").value()) == "mdev") {
    device.uuid = parse_uuid(source.attribute("uuid").value()).value_or("");
  } else {
    device.host = pci_of(source);
  }
  device.display = switch_of(hostdev, "display");
  device.ramfb = switch_of(hostdev, "ramfb");
  set_device_option(device, "romfile", hostdev.child("rom").attribute("file").value());
  const xml_node guest = hostdev.child("address");
  if (const auto seen = pci_of(guest); seen && seen->bus == 0) {
    device.slot = format("{:02x}.{}", seen->device, seen->function);
  }
  return device;
}

void read_devices(const xml_node& devices, GuestSettings& settings) {
  std::size_t index = 0;
  for (const xml_node& hostdev : devices.children("hostdev")) {
    if (index >= kMostChildren) break;
    const std::string_view type = hostdev.attribute("type").value();
    const std::string_view model = hostdev.attribute("model").value();
    const bool is_pci = type == "pci" || (type == "mdev" && (model.empty() || model == "vfio-pci"));
    if (is_pci) settings.devices.push_back(device_of(hostdev, index));
    ++index;
  }
  for (const xml_node& video : devices.children("video")) {
    const std::string_view model = video.child("model").attribute("type").value();
    if (settings.emulated_displays.size() >= kMostChildren) break;
    if (!model.empty() && model != "none") settings.emulated_displays.emplace_back(model);
  }
  for (const xml_node& graphics : devices.children("graphics")) {
    if (settings.displays.size() >= kMostChildren) break;
    GuestDisplay display;
    display.kind = graphics.attribute("type").value();
    const xml_node gl = graphics.child("gl");
    display.gl = switch_of(gl, "enable").value_or(display.kind == "egl-headless");
    display.render_node = gl.attribute("rendernode").value();
    display.image_compression = graphics.child("image").attribute("compression").value();
    settings.displays.push_back(std::move(display));
  }
}

void read_cpu(const xml_node& domain, GuestSettings& settings) {
  const xml_node cpu = domain.child("cpu");
  const std::string_view mode = cpu.attribute("mode").value();
  settings.cpu.model = mode == "host-passthrough" ? "host"
                       : mode == "host-model"     ? "host-model"
                       : mode == "maximum"        ? "max"
                                                  : cpu.child("model").text().get();
  for (const xml_node& feature : cpu.children("feature")) {
    const std::string_view name = feature.attribute("name").value();
    const std::string_view policy = feature.attribute("policy").value();
    const bool given = policy != "disable" && policy != "forbid";
    if (name == "hypervisor") settings.cpu.hypervisor = given;
    if (name == "vmx" || name == "svm") settings.cpu.virtualisation = given;
  }
  const xml_node features = domain.child("features");
  if (state_of(features.child("kvm").child("hidden")) == true) settings.cpu.kvm = false;
  const xml_node hyperv = features.child("hyperv");
  if (std::string_view(hyperv.attribute("mode").value()) == "passthrough") {
    settings.windows_sign = "<hyperv mode='passthrough'>";
  }
  for (const xml_node& flag : hyperv.children()) {
    const std::string_view name = flag.name();
    if (name == "vendor_id") {
      if (state_of(flag) == true) settings.cpu.hyperv_vendor_id = flag.attribute("value").value();
    } else if (state_of(flag) == true) {
      settings.windows_sign = format("<hyperv> {}", name);
    }
  }
}

bool is_libosinfo(const xml_node& node) {
  return std::string_view(node.name()).ends_with("libosinfo");
}

// libosinfo's id, whatever prefix its name space has in this file.
void read_system(const xml_node& domain, GuestSettings& settings) {
  for (const xml_node& info : domain.child("metadata").children()) {
    if (!is_libosinfo(info)) continue;
    for (const xml_node& system : info.children()) {
      const std::string_view id = system.attribute("id").value();
      if (!std::string_view(system.name()).ends_with("os")) continue;
      if (id.find("microsoft.com/win") != std::string_view::npos) {
        settings.windows_sign = std::string(id.substr(0, 80));
      } else if (!id.empty()) {
        settings.is_linux = true;
      }
    }
  }
  if (settings.windows_sign.empty() &&
      std::string_view(domain.child("clock").attribute("offset").value()) == "localtime") {
    settings.windows_sign = "<clock offset='localtime'>";
  }
  const xml_node os = domain.child("os");
  settings.machine = os.child("type").attribute("machine").value();
  const std::string_view chosen = os.attribute("firmware").value();
  const xml_node loader = os.child("loader");
  const std::string_view file = loader.text().get();
  if (chosen == "efi" || std::string_view(loader.attribute("type").value()) == "pflash") {
    settings.firmware = GuestFirmware::Ovmf;
  } else if (chosen != "bios" && !file.empty()) {
    settings.firmware = firmware_of_file(file);
  }
  if (os.child("kernel")) settings.is_linux = true;
}

// <qemu:commandline> and <qemu:override> (docs/drvqemu.rst).
void read_qemu_parts(const xml_node& domain, GuestSettings& settings) {
  std::vector<std::string> arguments;
  for (const xml_node& argument : domain.child("qemu:commandline").children("qemu:arg")) {
    if (arguments.size() >= kMostChildren) break;
    arguments.emplace_back(argument.attribute("value").value());
  }
  apply_qemu_arguments(arguments, settings);
  for (const xml_node& override : domain.child("qemu:override").children("qemu:device")) {
    const std::string_view alias = override.attribute("alias").value();
    const auto device = std::ranges::find(settings.devices, alias, &HostDevice::id);
    if (device == settings.devices.end()) continue;
    for (const xml_node& property : override.child("qemu:frontend").children("qemu:property")) {
      set_device_option(*device, property.attribute("name").value(),
                        property.attribute("value").value());
    }
  }
}

// Of a document with one domain, or with one inside <domstatus>, as libvirt keeps running ones.
xml_node domain_in(const pugi::xml_document& document) {
  const xml_node domain = document.child("domain");
  return domain ? domain : document.child("domstatus").child("domain");
}

// pugixml reads any depth, but takes nodes out by recursion.
bool is_flat(const xml_node& root) {
  constexpr int kDeepest = 64;  // a domain has some ten levels
  int depth = 0;
  xml_node node = root;
  while (node) {
    if (node.first_child()) {
      node = node.first_child();
      if (++depth > kDeepest) return false;
      continue;
    }
    while (node != root && !node.next_sibling()) {
      node = node.parent();
      --depth;
    }
    if (node == root) break;
    node = node.next_sibling();
  }
  return true;
}

bool load(pugi::xml_document& document, std::string_view xml) {
  if (xml.size() > kLargest) return false;
  return document.load_buffer(xml.data(), xml.size()) && is_flat(document);
}

class TextWriter final : public pugi::xml_writer {
 public:
  void write(const void* data, size_t size) override {
    text.append(static_cast<const char*>(data), size);
  }
  std::string text;
};

// --- reduction --------------------------------------------------------------------------------

// What the settings are read from; below a name that is listed everything stays.
constexpr std::array<std::string_view, 9> kKeptOfDomain = {
    "name", "metadata", "memory", "os", "features", "cpu", "clock", "devices", "qemu:override"};
constexpr std::array<std::string_view, 4> kKeptDevices = {"emulator", "hostdev", "video",
                                                          "graphics"};
constexpr std::array<std::string_view, 4> kKeptGraphics = {"type", "enable", "rendernode",
                                                           "compression"};

template <typename Keep>
void remove_others(xml_node parent, Keep keep) {
  xml_node child = parent.first_child();
  while (child) {
    const xml_node next = child.next_sibling();
    if (!keep(child)) parent.remove_child(child);
    child = next;
  }
}

bool is_one_of(std::span<const std::string_view> names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

void remove_other_attributes(xml_node node, std::span<const std::string_view> kept) {
  pugi::xml_attribute attribute = node.first_attribute();
  while (attribute) {
    const pugi::xml_attribute next = attribute.next_attribute();
    if (!is_one_of(kept, attribute.name())) node.remove_attribute(attribute);
    attribute = next;
  }
}

void shorten_path(pugi::xml_attribute attribute) {
  const std::string path = attribute.value();
  if (!path.empty()) attribute.set_value(path.substr(path.rfind('/') + 1).c_str());
}

void reduce_devices(const xml_node& devices) {
  remove_others(devices, [](const xml_node& node) { return is_one_of(kKeptDevices, node.name()); });
  for (const xml_node& graphics : devices.children("graphics")) {
    remove_other_attributes(graphics, kKeptGraphics);
    remove_others(graphics, [](const xml_node& node) {
      return std::string_view(node.name()) == "gl" || std::string_view(node.name()) == "image";
    });
  }
  for (const xml_node& hostdev : devices.children("hostdev")) {
    shorten_path(hostdev.child("rom").attribute("file"));
    const std::string_view type = hostdev.attribute("type").value();
    // A disk or a stick says who it is; its place in the order counts.
    if (type != "pci" && type != "mdev")
      remove_others(hostdev, [](const xml_node&) { return false; });
  }
}

void reduce_os(xml_node domain) {
  remove_others(domain.child("os"), [](const xml_node& node) {
    const std::string_view name = node.name();
    return name == "type" || name == "loader" || name == "kernel";
  });
  xml_node kernel = domain.child("os").child("kernel");
  if (kernel) kernel.text().set("kernel");
  remove_others(domain.child("metadata"), is_libosinfo);
}

void reduce_arguments(xml_node domain, std::string_view name) {
  std::vector<std::string> arguments = {"qemu"};
  for (const xml_node& argument : domain.child("qemu:commandline").children("qemu:arg")) {
    if (arguments.size() > kMostChildren) break;
    arguments.emplace_back(argument.attribute("value").value());
  }
  domain.remove_child("qemu:commandline");
  if (arguments.size() == 1) return;
  const std::vector<std::string> kept = reduced_command_line(arguments, name);
  xml_node list = domain.append_child("qemu:commandline");
  for (std::size_t i = 1; i < kept.size(); ++i) {
    list.append_child("qemu:arg").append_attribute("value").set_value(kept[i].c_str());
  }
}

}  // namespace

std::optional<LibvirtDomain> parse_libvirt_domain(std::string_view xml) {
  pugi::xml_document document;
  const bool is_xml = load(document, xml);
  const xml_node node = domain_in(document);
  if (!is_xml || !node) return std::nullopt;
  LibvirtDomain domain;
  GuestSettings& settings = domain.settings;
  settings.name = node.child("name").text().get();
  settings.memory_bytes = memory_of(node.child("memory"));
  settings.accelerator = std::string_view(node.attribute("type").value()) == "kvm" ? "kvm" : "tcg";
  read_cpu(node, settings);
  read_system(node, settings);
  read_devices(node.child("devices"), settings);
  read_qemu_parts(node, settings);
  domain.emulator = node.child("devices").child("emulator").text().get();
  return domain;
}

std::string reduced_libvirt_domain(std::string_view xml, std::string_view name) {
  pugi::xml_document document;
  if (!load(document, xml)) return {};
  const xml_node found = domain_in(document);
  if (!found) return {};
  pugi::xml_document reduced;
  const xml_node domain = reduced.append_copy(found);
  constexpr std::array<std::string_view, 2> kAttributes = {"type", "xmlns:qemu"};
  remove_other_attributes(domain, kAttributes);
  reduce_arguments(domain, name);
  remove_others(domain, [](const xml_node& node) {
    return is_one_of(kKeptOfDomain, node.name()) ||
           std::string_view(node.name()) == "qemu:commandline";
  });
  domain.child("name").text().set(std::string(name).c_str());
  reduce_os(domain);
  reduce_devices(domain.child("devices"));
  TextWriter writer;
  reduced.save(writer, "  ");
  return std::move(writer.text);
}

LibvirtLog parse_libvirt_log(std::string_view text) {
  constexpr std::string_view kStart = "starting up libvirt version:";
  constexpr std::string_view kVersion = "qemu version: ";
  LibvirtLog log;
  const std::size_t start = text.rfind(kStart);
  if (start == std::string_view::npos) {
    // The start is further up than the log goes back.
    log.said = text;
    return log;
  }
  text.remove_prefix(start);
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view first = text.substr(0, end);
  const std::size_t version = first.find(kVersion);
  if (version != std::string_view::npos) {
    const std::string_view rest = first.substr(version + kVersion.size());
    log.qemu_version = rest.substr(0, rest.find(','));
  }
  text.remove_prefix(std::min(end + 1, text.size()));
  // The command line: lines that end with a backslash, and the one behind them.
  std::size_t length = 0;
  while (length < text.size()) {
    const std::size_t line = std::min(text.find('\n', length), text.size());
    const bool goes_on = line > length && text[line - 1] == '\\';
    length = std::min(line + 1, text.size());
    if (!goes_on) break;
  }
  log.arguments = split_command_line(text.substr(0, length));
  log.said = text.substr(log.arguments.empty() ? 0 : length);
  return log;
}

}  // namespace cleave
