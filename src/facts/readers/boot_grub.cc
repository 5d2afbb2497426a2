// GRUB: the settings that grub-mkconfig reads, grub.cfg, grubenv, and the file system they are on.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "facts/readers/boot_sources.h"

namespace cleave {
namespace {

constexpr std::size_t kLongestConfig = std::size_t{4} << 20U;
constexpr std::size_t kMostDropIns = 500;
constexpr const char* kDefaults = "/etc/default/grub";
constexpr const char* kDropIns = "/etc/default/grub.d";

// Upstream's grub-mkconfig reads one file; Debian's and its children's read the directory, too.
// The script itself tells.
Fact<bool> read_drop_ins_used(const HostReader& host) {
  Fact<bool> first(Absent{}, "/usr/sbin/grub-mkconfig");
  for (const char* path : {"/usr/sbin/grub-mkconfig", "/usr/sbin/grub2-mkconfig",
                           "/usr/bin/grub-mkconfig", "/usr/bin/grub2-mkconfig"}) {
    auto found = read_parsed<bool>(host, path, [](std::string_view script) {
      return std::optional(script.contains("/default/grub.d/"));
    });
    if (found.is_known()) return found;
    if (first.is_absent() && !found.is_absent()) first = std::move(found);
  }
  return first;
}

// Reads one file on top of those before it.
Result<void> read_settings_file(const HostReader& host, const std::string& path,
                                GrubSettings& settings) {
  const std::string text = TRY(host.read_file(path));
  settings.merged.problems.clear();
  settings.merged = parse_grub_defaults(text, std::move(settings.merged));
  settings.files.push_back(
      {.path = path,
       .problems = settings.merged.problems,
       .command_line = settings.merged.value_of("GRUB_CMDLINE_LINUX"),
       .command_line_default = settings.merged.value_of("GRUB_CMDLINE_LINUX_DEFAULT")});
  return {};
}

Fact<GrubSettings> read_settings(const HostReader& host, const Fact<bool>& drop_ins) {
  std::vector<std::string> paths = {kDefaults};
  const bool* used = drop_ins.value();
  if (used == nullptr || *used) {
    const auto names = host.list_directory(kDropIns);
    if (!names && names.error().code != ErrorCode::NotFound) {
      return fact_from_error<GrubSettings>(names.error(), kDropIns);
    }
    if (names) {
      for (const std::string& name : *names) {
        const bool hidden = name.starts_with('.');  // a shell's * leaves it out
        if (!name.ends_with(".cfg") || hidden || paths.size() > kMostDropIns) continue;
        paths.push_back(join_path(kDropIns, name));
      }
    }
  }
  GrubSettings settings;
  for (const std::string& path : paths) {
    const auto read = read_settings_file(host, path, settings);
    if (!read && read.error().code != ErrorCode::NotFound) {
      return fact_from_error<GrubSettings>(read.error(), path);
    }
  }
  if (settings.files.empty()) return {Absent{}, kDefaults};
  return {std::move(settings), kDefaults};
}

// Mount points are in one line each: device, place, type (proc(5)). The deepest one that holds
// `path` counts, and of several at one place the last.
std::optional<BootFileSystem> file_system_of(std::string_view mounts, std::string_view path) {
  std::optional<BootFileSystem> found;
  std::size_t deepest = 0;
  for (const std::string_view line : lines(mounts)) {
    const auto parts = words(line);
    if (parts.size() < 3) continue;
    const std::string_view place = parts[1];
    const bool holds = place == "/" || (path.starts_with(place) &&
                                        (path.size() == place.size() || path[place.size()] == '/'));
    if (!holds || place.size() < deepest) continue;
    deepest = place.size();
    found =
        BootFileSystem{.type = printable(parts[2]), .device = printable(parts[0]), .mapping = {}};
  }
  return found;
}

// What a device of the device mapper is, its own id says in front: "LVM-…", "CRYPT-LUKS2-…"
// (Documentation/ABI/testing/sysfs-block-dm).
Fact<std::string> read_mapping(const HostReader& host, const std::string& device) {
  constexpr std::string_view kMapper = "/dev/mapper/";
  if (!device.starts_with(kMapper)) return {Absent{}, device};
  const auto node = read_link_name_fact(host, device);
  if (!node.is_known()) {
    return Unreadable{.path = device,
                      .why = node.is_absent() ? "no such link" : node.unreadable()->why};
  }
  const auto id = read_text_fact(host, "/sys/block/" + *node.value() + "/dm/uuid");
  if (!id.is_known()) return id;
  return {id.value()->substr(0, id.value()->find('-')), id.source()};
}

}  // namespace

void read_grub(const HostReader& host, BootFacts& boot) {
  boot.grub_drop_ins = read_drop_ins_used(host);
  boot.grub_settings = read_settings(host, boot.grub_drop_ins);
  const auto shell = host.real_path("/bin/sh");
  boot.shell = shell ? Fact<std::string>(std::string(base_name(*shell)), "/bin/sh")
                     : fact_from_error<std::string>(shell.error(), "/bin/sh");
  boot.grub_config = {Absent{}, "/boot/grub/grub.cfg"};
  boot.grub_environment = {Absent{}, "/boot/grub/grubenv"};
  boot.grub_file_system = {Absent{}, "/proc/self/mounts"};
  for (const std::string directory : {"/boot/grub", "/boot/grub2"}) {
    auto environment =
        read_parsed<GrubEnvironment>(host, directory + "/grubenv", parse_grub_environment);
    auto config = read_parsed<GrubConfig>(
        host, directory + "/grub.cfg",
        [&](std::string_view text) {
          return std::optional(parse_grub_config(text, environment.value_or({})));
        },
        kLongestConfig);
    if (config.is_absent() && environment.is_absent()) continue;
    if (const GrubConfig* read = config.value()) {
      GrubConfig with_source = *read;
      for (BootEntry& entry : with_source.entries) entry.source = config.source();
      config = {std::move(with_source), config.source()};
    }
    boot.grub_config = std::move(config);
    boot.grub_environment = std::move(environment);
    boot.grub_file_system =
        read_parsed<BootFileSystem>(host, "/proc/self/mounts", [&](std::string_view mounts) {
          auto found = file_system_of(mounts, directory);
          if (found) found->mapping = read_mapping(host, found->device);
          return found;
        });
    if (!boot.grub_config.is_absent()) return;
  }
}

}  // namespace cleave
