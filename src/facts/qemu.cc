#include "facts/qemu.h"

#include <algorithm>
#include <array>

#include "base/format.h"
#include "base/text.h"

namespace cleave {
namespace {

constexpr const char* kSchema = "cleave.qemu-abilities/1";
// QEMU 7.2 has 59 machines, and its longest name has 40 letters; no list here is longer.
constexpr std::size_t kMostNames = 1000;
constexpr std::size_t kLongestName = 200;
// The same device, with and without VGA (docs/system/devices/virtio/virtio-gpu.rst).
constexpr std::array<std::string_view, 2> kDrawingGpus = {"virtio-vga-gl", "virtio-gpu-gl-pci"};

using Devices = std::map<std::string, QemuProperties, std::less<>>;

// A name as QEMU gives them to devices, machines and properties. "i440FX", "pc-q35-7.2", "x-vga".
bool is_name(std::string_view text) {
  const auto fits = [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
           (letter >= '0' && letter <= '9') || letter == '-' || letter == '_' || letter == '.';
  };
  return !text.empty() && text.size() <= kLongestName && std::ranges::all_of(text, fits);
}

void sort_names(std::vector<std::string>& names) {
  std::ranges::sort(names);
  const auto repeated = std::ranges::unique(names);
  names.erase(repeated.begin(), repeated.end());
}

const Json::Array& items_of(const Json* json) {
  static const Json::Array kNone;
  const Json::Array* items = json == nullptr ? nullptr : json->as_array();
  return items == nullptr ? kNone : *items;
}

// The member `key` of each object of a list.
std::vector<std::string> names_in(const Json& reply, std::string_view key) {
  std::vector<std::string> names;
  for (const Json& item : items_of(&reply)) {
    const std::string_view name = item.text_of(key);
    if (is_name(name) && names.size() < kMostNames) names.emplace_back(name);
  }
  sort_names(names);
  return names;
}

std::string text_of_default(const Json* value) {
  if (value == nullptr) return {};
  if (const bool* flag = value->as_bool()) return *flag ? "true" : "false";
  if (const auto number = value->as_integer()) return std::to_string(*number);
  if (const auto number = value->as_unsigned()) return std::to_string(*number);
  const std::string* text = value->as_string();
  return text != nullptr && is_name(*text) ? *text : std::string();
}

// --- the file

Error malformed(std::string_view member) {
  Error error;
  error.code = ErrorCode::Malformed;
  error.message = {N_("What was kept of QEMU's abilities is wrong at “{member}”."),
                   {{"member", member}}};
  return error;
}

Error outdated() {
  Error error;
  error.code = ErrorCode::Conflict;
  error.message = {N_("The program has changed since it was asked.")};
  return error;
}

Json names_json(const std::vector<std::string>& names) {
  Json json = Json::array();
  for (const std::string& name : names) json.push_back(name);
  return json;
}

Json identity_json(const QemuIdentity& identity) {
  return Json::object({{"path", identity.path},
                       {"inode", identity.inode},
                       {"size", identity.size},
                       {"modified", identity.modified},
                       {"modules", identity.modules}});
}

Json devices_json(const QemuAbilities& abilities) {
  Json devices = Json::object();
  for (const auto& [device, properties] : abilities.devices) {
    Json members = Json::object();
    for (const auto& [name, value] : properties) members.set(name, value);
    devices.set(device, std::move(members));
  }
  return devices;
}

// One member after the other; the first that is wrong is remembered and told once.
class Reader {
 public:
  explicit Reader(const Json& json) : json_(json) {}

  std::string text(const char* key) {
    const Json* member = json_.find(key);
    if (member == nullptr) refuse(key);
    return member == nullptr ? std::string() : shown_text(*member, key);
  }
  bool flag(const char* key) {
    const Json* member = json_.find(key);
    const bool* flag = member == nullptr ? nullptr : member->as_bool();
    if (flag == nullptr) refuse(key);
    return flag != nullptr && *flag;
  }
  std::vector<std::string> names(const char* key) {
    const Json* member = json_.find(key);
    const Json::Array* items = member == nullptr ? nullptr : member->as_array();
    std::vector<std::string> names;
    if (items == nullptr || items->size() > kMostNames) refuse(key);
    for (const Json& item : items_of(member)) {
      const std::string* name = item.as_string();
      if (name == nullptr || !is_name(*name)) refuse(key);
      if (!wrong_.empty()) return {};
      names.push_back(*name);
    }
    return names;
  }
  Devices devices(const char* key) {
    Devices devices;
    const Json* member = json_.find(key);
    const Json::Object* object = member == nullptr ? nullptr : member->as_object();
    if (object == nullptr || object->size() > kMostNames) refuse(key);
    if (!wrong_.empty()) return devices;
    for (const auto& [device, properties] : *object) {
      if (!is_name(device) || properties.as_object() == nullptr) refuse(key);
      if (!wrong_.empty()) return {};
      devices[device] = property_values(*properties.as_object(), key);
    }
    return devices;
  }
  void refuse(const char* key) {
    if (wrong_.empty()) wrong_ = key;
  }
  [[nodiscard]] std::string_view wrong() const { return wrong_; }

 private:
  QemuProperties property_values(const Json::Object& members, const char* key) {
    QemuProperties values;
    if (members.size() > kMostNames) refuse(key);
    for (const auto& [name, value] : members) {
      std::string text = shown_text(value, key);
      if (!is_name(name)) refuse(key);
      if (!wrong_.empty()) return {};
      values[name] = std::move(text);
    }
    return values;
  }
  // Measured as it will be written: what is not printable takes more room once it is replaced.
  std::string shown_text(const Json& value, const char* key) {
    const std::string* text = value.as_string();
    std::string shown = text == nullptr ? std::string() : printable(*text);
    if (text != nullptr && shown.size() <= kLongestName) return shown;
    refuse(key);
    return {};
  }

  const Json& json_;
  std::string_view wrong_;
};

// FNV-1a, 64 bits (Fowler, Noll, Vo): tells paths apart in a name.
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char letter : text) {
    hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3;
  }
  return hash;
}

}  // namespace

std::string to_text(const Version& version) {
  return format("{}.{}.{}", version.major, version.minor, version.micro);
}

std::optional<Version> parse_package_version(std::string_view text) {
  // An epoch stands before a colon (deb-version(7), PKGBUILD(5)).
  if (const std::size_t colon = text.find(':'); colon != std::string_view::npos) {
    text.remove_prefix(colon + 1);
  }
  std::array<std::uint32_t, 3> numbers{};
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto number = parse_unsigned<std::uint32_t>(text.substr(0, digits));
    if (!number) return i == 0 ? std::nullopt : std::optional<Version>({numbers[0], numbers[1], 0});
    numbers[i] = *number;
    text.remove_prefix(digits);
    if (!text.starts_with('.')) break;
    text.remove_prefix(1);
  }
  return Version{.major = numbers[0], .minor = numbers[1], .micro = numbers[2]};
}

bool QemuAbilities::has_device(std::string_view device) const {
  return devices.find(device) != devices.end();
}

const std::string* QemuAbilities::property(std::string_view device, std::string_view name) const {
  const auto found = devices.find(device);
  if (found == devices.end()) return nullptr;
  const auto value = found->second.find(name);
  return value == found->second.end() ? nullptr : &value->second;
}

std::vector<std::string> QemuAbilities::opengl_displays() const {
  // qapi/ui.json, DisplayGLMode and DisplayEGLHeadless: these take “gl” or need it.
  constexpr std::array<std::string_view, 5> kDrawing = {"dbus", "egl-headless", "gtk", "sdl",
                                                        "spice-app"};
  std::vector<std::string> drawing;
  if (!opengl) return drawing;
  for (const std::string& display : displays) {
    if (std::ranges::find(kDrawing, display) != kDrawing.end()) drawing.push_back(display);
  }
  return drawing;
}

bool QemuAbilities::has_kvm() const {
  return std::ranges::find(accelerators, "kvm") != accelerators.end();
}

bool QemuAbilities::has_virgl() const {
  const bool device =
      std::ranges::any_of(kDrawingGpus, [this](std::string_view name) { return has_device(name); });
  return device && !opengl_displays().empty();
}

bool QemuAbilities::has_venus() const { return has_virgl() && has_drawing_property("venus"); }

bool QemuAbilities::has_native_context() const {
  return has_virgl() && has_drawing_property("drm_native_context");
}

// The object is built in together with the property (backends/iommufd.c, hw/vfio/pci.c of
// QEMU 9.0).
bool QemuAbilities::has_iommufd() const { return property("vfio-pci", "iommufd") != nullptr; }

bool QemuAbilities::has_vgpu_display() const {
  return property("vfio-pci", "display") != nullptr && !opengl_displays().empty();
}

bool QemuAbilities::has_boot_display() const {
  return property("vfio-pci-nohotplug", "ramfb") != nullptr;
}

// From 10.1 on (commit 16cbb433). Before 5.0 QEMU told no defaults.
bool QemuAbilities::gives_opregion() const {
  const std::string* value = property("vfio-pci", "x-igd-opregion");
  return value != nullptr && *value == "true";
}

bool QemuAbilities::has_drawing_property(std::string_view name) const {
  return std::ranges::any_of(
      kDrawingGpus, [&](std::string_view device) { return property(device, name) != nullptr; });
}

const std::vector<QemuDevice>& qemu_devices() {
  // hw/vfio/pci.c, hw/display/virtio-gpu*.c of QEMU 10.0; drm_native_context: 11.0.
  static const std::vector<QemuDevice> kDevices = {
      {"vfio-pci",
       {"display", "x-igd-opregion", "x-igd-legacy-mode", "x-igd-lpc", "x-igd-gms", "x-vga", "xres",
        "yres", "iommufd"}},
      {"vfio-pci-nohotplug",
       {"display", "ramfb", "x-igd-opregion", "x-igd-legacy-mode", "x-igd-lpc", "xres", "yres"}},
      {"virtio-vga", {"blob", "hostmem"}},
      {"virtio-gpu-pci", {"blob", "hostmem"}},
      {"virtio-vga-gl", {"blob", "hostmem", "venus", "drm_native_context"}},
      {"virtio-gpu-gl-pci", {"blob", "hostmem", "venus", "drm_native_context"}},
      {"virtio-gpu-rutabaga-pci", {"hostmem", "gfxstream-vulkan", "cross-domain"}},
      {"ramfb", {}},
      {"ivshmem-plain", {}},
      {"qxl-vga", {}},
      {"nvme", {"bootindex"}},
  };
  return kDevices;
}

Result<Version> version_in_reply(const Json& reply, std::string& package) {
  const Json* qemu = reply.find("qemu");
  const auto number = [qemu](std::string_view key) {
    const Json* member = qemu == nullptr ? nullptr : qemu->find(key);
    const auto value = member == nullptr ? std::nullopt : member->as_unsigned();
    return value && *value <= 100'000 ? std::optional(static_cast<std::uint32_t>(*value))
                                      : std::nullopt;
  };
  const auto major = number("major");
  const auto minor = number("minor");
  const auto micro = number("micro");
  if (!major || !minor || !micro) return malformed("query-version");
  package = printable(reply.text_of("package").substr(0, kLongestName / 4));
  return Version{.major = *major, .minor = *minor, .micro = *micro};
}

QemuProperties properties_in_reply(const Json& reply, const std::vector<const char*>& wanted) {
  QemuProperties properties;
  for (const Json& item : items_of(&reply)) {
    const std::string_view name = item.text_of("name");
    const auto is_it = [name](const char* one) { return name == one; };
    if (!std::ranges::any_of(wanted, is_it)) continue;
    properties[std::string(name)] = text_of_default(item.find("default-value"));
  }
  return properties;
}

std::vector<std::string> machines_in_reply(const Json& reply) {
  std::vector<std::string> machines = names_in(reply, "name");
  for (std::string& alias : names_in(reply, "alias")) machines.push_back(std::move(alias));
  sort_names(machines);
  if (machines.size() > kMostNames) machines.resize(kMostNames);
  return machines;
}

std::vector<std::string> accelerators_in_reply(const Json& reply) {
  // include/qemu/accel.h, ACCEL_CLASS_SUFFIX; the abstract "accel" has none.
  constexpr std::string_view kSuffix = "-accel";
  std::vector<std::string> accelerators;
  for (std::string& type : names_in(reply, "name")) {
    if (!type.ends_with(kSuffix)) continue;
    type.resize(type.size() - kSuffix.size());
    if (!type.empty()) accelerators.push_back(std::move(type));
  }
  return accelerators;
}

bool has_command_line_option(const Json& reply, std::string_view option) {
  return std::ranges::any_of(
      items_of(&reply), [option](const Json& item) { return item.text_of("option") == option; });
}

QemuSchema schema_in_reply(const Json& reply) {
  // Types have numbers for names (docs/devel/qapi-code-gen.rst, "Client JSON Protocol
  // introspection"): from the command to what it returns to its member "type", an enumeration
  // that has “egl-headless” only in a build with OpenGL (qapi/ui.json, DisplayType).
  const Json::Array& entries = items_of(&reply);
  const auto find = [&entries](std::string_view name) -> const Json* {
    const auto found = std::ranges::find_if(
        entries, [name](const Json& entry) { return entry.text_of("name") == name; });
    return found == entries.end() ? nullptr : &*found;
  };
  QemuSchema schema{.opengl = false, .spice = find("query-spice") != nullptr};
  const Json* command = find("query-display-options");
  const Json* options = command == nullptr ? nullptr : find(command->text_of("ret-type"));
  if (options == nullptr) return schema;
  for (const Json& member : items_of(options->find("members"))) {
    if (member.text_of("name") != "type") continue;
    const Json* type = find(member.text_of("type"));
    if (type == nullptr) continue;
    for (const Json& value : items_of(type->find("values"))) {
      const std::string* name = value.as_string();
      schema.opengl = schema.opengl || (name != nullptr && *name == "egl-headless");
    }
  }
  return schema;
}

std::vector<std::string> words_in_help(std::string_view text) {
  std::vector<std::string> found;
  for (const std::string_view line : lines(text)) {
    const std::string_view word = trim(line);
    if (is_name(word) && found.size() < kMostNames) found.emplace_back(word);
  }
  sort_names(found);
  return found;
}

std::string qemu_file_name(const QemuIdentity& identity) {
  constexpr std::size_t kLongest = 60;  // far below NAME_MAX
  std::string name = identity.path.substr(identity.path.rfind('/') + 1).substr(0, kLongest);
  std::ranges::replace_if(name, [](char letter) { return !is_name({&letter, 1}); }, '_');
  return format("{}-{:016x}.json", name, hash_of(identity.path));
}

std::string qemu_file(const QemuIdentity& identity, const QemuAbilities& abilities) {
  const Json json = Json::object({{"schema", kSchema},
                                  {"program", identity_json(identity)},
                                  {"version", to_text(abilities.version)},
                                  {"package", abilities.package},
                                  {"accelerators", names_json(abilities.accelerators)},
                                  {"displays", names_json(abilities.displays)},
                                  {"opengl", abilities.opengl},
                                  {"spice", abilities.spice},
                                  {"sandbox", abilities.sandbox},
                                  {"audio_drivers", names_json(abilities.audio_drivers)},
                                  {"devices", devices_json(abilities)},
                                  {"machines", names_json(abilities.machines)}});
  return to_text(json, 1) + "\n";
}

Result<QemuAbilities> parse_qemu_file(std::string_view text, const QemuIdentity& identity) {
  if (text.size() > kQemuFileLimit) return malformed("size");
  const Json json = TRY(parse_json(text));
  if (json.text_of("schema") != kSchema) return malformed("schema");
  const Json* program = json.find("program");
  if (program == nullptr || program->as_object() == nullptr) return malformed("program");
  if (*program != identity_json(identity)) return outdated();
  Reader reader(json);
  QemuAbilities abilities;
  const std::string version = reader.text("version");
  if (const auto parsed = parse_package_version(version)) abilities.version = *parsed;
  if (to_text(abilities.version) != version) reader.refuse("version");
  abilities.package = reader.text("package");
  abilities.accelerators = reader.names("accelerators");
  abilities.displays = reader.names("displays");
  abilities.opengl = reader.flag("opengl");
  abilities.spice = reader.flag("spice");
  abilities.sandbox = reader.flag("sandbox");
  abilities.audio_drivers = reader.names("audio_drivers");
  abilities.devices = reader.devices("devices");
  abilities.machines = reader.names("machines");
  if (!reader.wrong().empty()) return malformed(reader.wrong());
  return abilities;
}

}  // namespace cleave
