// What the host uses its devices for: networks from /sys/class/net and the tables of routes,
// keyboards from /sys/class/input, sound from /sys/class/sound and /proc/asound; disks are in
// host_disks.cc.
#include "facts/readers/host_uses.h"

#include <algorithm>

#include "base/text.h"
#include "facts/usb.h"

namespace cleave {
namespace {

const std::string kNet = "/sys/class/net";
const std::string kInput = "/sys/class/input";
const std::string kSound = "/sys/class/sound";

// A VLAN on a bond on a bridge are three.
constexpr int kDeepest = 8;
constexpr std::size_t kMostThings = 4096;

// Every kernel of a machine that can run VMs has networks and input: what is not to be seen here is
// unknown, not absent.
Unreadable unreadable(const std::string& path, const Error& error) {
  return {.path = path, .why = why(error)};
}

// --- networks

// An interface that is down answers a question for its carrier with EINVAL (net/core/net-sysfs.c).
bool has_link(const HostReader& host, const std::string& path) {
  const std::string state = read_text_fact(host, join_path(path, "operstate")).value_or("");
  if (state == "up") return true;
  // Drivers that do not keep the state leave it at "unknown" (RFC 2863; net/core/link_watch.c).
  return state == "unknown" && read_text_fact(host, join_path(path, "carrier")).value_or("") == "1";
}

// Adds the interfaces that `interface` is made of: "lower_NAME" beside its attributes
// (net/core/dev.c, netdev_adjacent_sysfs_add).
Result<void> add_lower(const HostReader& host, const std::string& interface, int depth,
                       std::set<std::string>& all) {
  constexpr std::string_view kLower = "lower_";
  if (depth > kDeepest || all.size() >= kMostThings || !all.insert(interface).second) return {};
  const auto names = host.list_directory(join_path(kNet, interface));
  if (!names) {
    if (names.error().code == ErrorCode::NotFound) return {};  // it went away
    return names.error();
  }
  for (const std::string& name : *names) {
    if (!name.starts_with(kLower)) continue;
    TRY(add_lower(host, name.substr(kLower.size()), depth + 1, all));
  }
  return {};
}

// Empty where the kernel has none of that protocol.
Result<std::string> read_routes(const HostReader& host, const std::string& path) {
  auto text = host.read_file(path);
  if (!text && text.error().code == ErrorCode::NotFound) return std::string();
  return text;
}

Fact<std::set<std::string>> read_default_routes(const HostReader& host) {
  const std::string ipv4_path = "/proc/net/route";
  const std::string ipv6_path = "/proc/net/ipv6_route";
  const auto ipv4 = read_routes(host, ipv4_path);
  if (!ipv4) return unreadable(ipv4_path, ipv4.error());
  const auto ipv6 = read_routes(host, ipv6_path);
  if (!ipv6) return unreadable(ipv6_path, ipv6.error());
  std::set<std::string> all;
  for (const std::string& interface : default_routes(*ipv4, *ipv6)) {
    const auto added = add_lower(host, interface, 0, all);
    if (!added) return unreadable(join_path(kNet, interface), added.error());
  }
  return {std::move(all), ipv4_path};
}

Fact<std::vector<NetworkUse>> read_networks(const HostReader& host) {
  using Uses = std::vector<NetworkUse>;
  const auto names = host.list_directory(kNet);
  if (!names) return unreadable(kNet, names.error());
  const auto routes = read_default_routes(host);
  if (routes.unreadable() != nullptr) return *routes.unreadable();
  Uses uses;
  for (const std::string& name : *names) {
    if (uses.size() >= kMostThings) break;
    const std::string path = join_path(kNet, name);
    const auto device = host.real_path(join_path(path, "device"));
    if (!device) {
      if (device.error().code == ErrorCode::NotFound) continue;  // software: bridges, tunnels
      return unreadable(join_path(path, "device"), device.error());
    }
    uses.push_back({.interface = name,
                    .above = devices_in_path(*device),
                    .has_link = has_link(host, path),
                    .default_route = routes.value_or({}).contains(name),
                    .usb_above = usb_devices_in_path(*device)});
  }
  return {std::move(uses), kNet};
}

// --- keyboards

Fact<std::vector<Keyboard>> read_keyboards(const HostReader& host) {
  using Keyboards = std::vector<Keyboard>;
  const auto names = host.list_directory(kInput);
  if (!names) return unreadable(kInput, names.error());
  Keyboards keyboards;
  std::size_t looked_at = 0;
  for (const std::string& name : *names) {
    if (!name.starts_with("input") || ++looked_at > kMostThings) continue;
    const std::string path = join_path(kInput, name);
    const auto events = read_text_fact(host, path + "/capabilities/ev");
    const auto keys = read_text_fact(host, path + "/capabilities/key");
    for (const Fact<std::string>& read : {events, keys}) {
      if (read.unreadable() != nullptr) return *read.unreadable();
    }
    if (!is_keyboard(events.value_or(""), keys.value_or(""))) continue;
    const auto real = host.real_path(path);
    if (!real) return unreadable(path, real.error());
    // Made by programs, and those of Bluetooth, which hang on a USB controller that is not to be
    // seen here: nobody can rely on these when another controller is given away.
    if (real->starts_with("/sys/devices/virtual/")) continue;
    keyboards.push_back({.name = printable(read_text_fact(host, path + "/name").value_or(name)),
                         .above = devices_in_path(*real),
                         .usb_above = usb_devices_in_path(*real)});
  }
  return {std::move(keyboards), kInput};
}

// --- sound

// "pcmC0D3p" → "/proc/asound/card0/pcm3p" (sound/core/pcm.c: snd_pcm_dev_register,
// snd_pcm_stream_proc_init); empty for timers, controls, MIDI.
std::string proc_directory(std::string_view name) {
  constexpr std::string_view kStart = "pcmC";
  const std::size_t device = name.find('D');
  if (!name.starts_with(kStart) || device == std::string_view::npos) return {};
  const std::string card(name.substr(kStart.size(), device - kStart.size()));
  return "/proc/asound/card" + card + "/pcm" + std::string(name.substr(device + 1));
}

std::string program_of(const HostReader& host, std::uint32_t process_id) {
  const std::string number = std::to_string(process_id);
  const Fact<std::string> name = read_text_fact(host, "/proc/" + number + "/comm");
  return printable(name.value_or("?")) + " (" + number + ")";
}

// What one stream is open for, of all that can play on it at once.
Result<void> add_streams(const HostReader& host, const std::string& name,
                         const std::string& directory, std::vector<SoundUse>& uses) {
  const std::string real = TRY(host.real_path(join_path(kSound, name)));
  const std::vector<std::string> parts = TRY(host.list_directory(directory));
  for (const std::string& part : parts) {
    if (!part.starts_with("sub") || uses.size() >= kMostThings) continue;
    const std::string text = TRY(host.read_file(join_path(directory, part) + "/status"));
    const auto status = parse_sound_status(text);
    if (!status) continue;
    uses.push_back({.stream = name,
                    .program = program_of(host, status->process_id),
                    .above = devices_in_path(real),
                    .running = status->running,
                    .usb_above = usb_devices_in_path(real)});
  }
  return {};
}

// Kernels without the directory have no sound. One without the files of /proc (built without
// SND_VERBOSE_PROCFS) does not tell.
Fact<std::vector<SoundUse>> read_sounds(const HostReader& host) {
  std::vector<SoundUse> uses;
  const auto names = host.list_directory(kSound);
  if (!names) {
    if (names.error().code == ErrorCode::NotFound) return {std::move(uses), kSound};
    return unreadable(kSound, names.error());
  }
  for (const std::string& name : *names) {
    const std::string directory = proc_directory(name);
    if (directory.empty()) continue;
    const auto added = add_streams(host, name, directory, uses);
    if (!added) return unreadable(directory, added.error());
  }
  return {std::move(uses), kSound};
}

}  // namespace

HostUses read_host_uses(const HostReader& host) {
  return {.disks = read_host_disks(host),
          .networks = read_networks(host),
          .keyboards = read_keyboards(host),
          .sounds = read_sounds(host)};
}

}  // namespace cleave
