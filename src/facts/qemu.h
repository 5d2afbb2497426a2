// The QEMU programs of this machine and what each can do. A program is asked once (app/qemu.h);
// what it answered is kept in a file, which is only good for exactly that program and its modules.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "facts/fact.h"

namespace cleave {

struct Version {
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  std::uint32_t micro = 0;
  auto operator<=>(const Version&) const = default;
};
std::string to_text(const Version& version);  // "7.2.22"
// Of a package: "1:7.2+dfsg-7" → 7.2.0, "0.10.4-1" → 0.10.4. Empty if it starts with no number.
std::optional<Version> parse_package_version(std::string_view text);

// What tells a program from the one that an update puts in its place.
struct QemuIdentity {
  std::string path;  // with all links resolved
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::uint64_t modified = 0;  // nanoseconds since 1970
  std::string modules;         // stands for names, sizes and times of its modules; "" without any

  bool operator==(const QemuIdentity&) const = default;
};

// Each with its default as QEMU tells it: "off", "true", "0"; "" for none.
using QemuProperties = std::map<std::string, std::string, std::less<>>;

struct QemuAbilities {
  Version version;
  std::string package;                // "Debian 1:7.2+dfsg-7"; empty for one that was built by hand
  std::vector<std::string> machines;  // sorted: "pc-i440fx-7.2", "q35"
  std::map<std::string, QemuProperties, std::less<>> devices;  // of qemu_devices(), those it has
  std::vector<std::string> displays;                           // "egl-headless", "gtk"
  bool opengl = false;                                         // built with it
  std::vector<std::string> accelerators;                       // "kvm", "tcg"
  std::vector<std::string> audio_drivers;                      // "pa", "spice"
  bool sandbox = false;
  bool spice = false;

  [[nodiscard]] bool has_device(std::string_view device) const;
  // Null if there is no such device or property.
  [[nodiscard]] const std::string* property(std::string_view device, std::string_view name) const;
  // The displays on which it can draw with OpenGL; none without OpenGL.
  [[nodiscard]] std::vector<std::string> opengl_displays() const;

  // What QEMU brings for each, whatever the machine around it has.
  [[nodiscard]] bool has_kvm() const;
  [[nodiscard]] bool has_virgl() const;           // the guest's OpenGL
  [[nodiscard]] bool has_iommufd() const;         // devices without a group of VFIO
  [[nodiscard]] bool has_venus() const;           // the guest's Vulkan
  [[nodiscard]] bool has_native_context() const;  // the guest's own driver of the GPU
  [[nodiscard]] bool has_vgpu_display() const;    // shows the picture of a vGPU, a DMABUF
  [[nodiscard]] bool has_boot_display() const;    // and before the guest's driver runs: ramfb
  [[nodiscard]] bool gives_opregion() const;      // that of an Intel GPU, where nothing is said

  bool operator==(const QemuAbilities&) const = default;

 private:
  [[nodiscard]] bool has_drawing_property(std::string_view name) const;
};

struct QemuProgram {
  std::string path;  // as it is called: "/usr/bin/qemu-system-x86_64"
  QemuIdentity identity;
  Fact<QemuAbilities> abilities;  // unreadable: never asked, changed since, or badly kept
  std::string kept_in;            // the file with its answers; empty if there is none
};

struct QemuFacts {
  Fact<std::vector<QemuProgram>> programs;  // in the order of PATH; absent: none
  // Packages that QEMU draws with; unreadable where the distribution's list is not understood.
  Fact<std::string> virglrenderer;  // "1.1.0-2"
  Fact<std::string> mesa;
  // virgl_render_server's path, which draws a guest's Vulkan; absent: not where virglrenderer has
  // it usually.
  Fact<std::string> render_server;
};

// --- What is asked, and how the answers are understood. All answers are untrusted.

// A device that matters for sharing GPUs, and the properties of it that do.
struct QemuDevice {
  const char* name;
  std::vector<const char*> properties;
};
const std::vector<QemuDevice>& qemu_devices();

// The answers to query-version, device-list-properties, query-machines and qom-list-types of
// accelerators, without what is not of the expected form. Of properties only the wanted ones.
Result<Version> version_in_reply(const Json& reply, std::string& package);
QemuProperties properties_in_reply(const Json& reply, const std::vector<const char*>& wanted);
std::vector<std::string> machines_in_reply(const Json& reply);
std::vector<std::string> accelerators_in_reply(const Json& reply);
// The answer to query-command-line-options.
bool has_command_line_option(const Json& reply, std::string_view option);
// The answer to query-qmp-schema.
struct QemuSchema {
  bool opengl = false;
  bool spice = false;
};
QemuSchema schema_in_reply(const Json& reply);
// What “-display help” and “-audiodev help” print: one word a line, between sentences.
std::vector<std::string> words_in_help(std::string_view text);

// --- The file in which they are kept.

inline constexpr std::size_t kQemuFileLimit = std::size_t{256} << 10U;
// Its name, without directory, for a program: readable, and another for each path.
std::string qemu_file_name(const QemuIdentity& identity);
std::string qemu_file(const QemuIdentity& identity, const QemuAbilities& abilities);
// Malformed, with the place, if the text is no such file; Conflict if it is about another program,
// or about this one before it changed.
Result<QemuAbilities> parse_qemu_file(std::string_view text, const QemuIdentity& identity);

}  // namespace cleave
