#include "app/privacy_vms.h"

#include <array>
#include <map>
#include <set>

#include "analysis/guest_use.h"
#include "base/format.h"
#include "base/text.h"
#include "facts/libvirt_domain.h"
#include "facts/proxmox_config.h"
#include "facts/qemu_command_line.h"

namespace cleave {
namespace {

constexpr std::string_view kLibvirt = "/etc/libvirt/qemu/";
constexpr std::string_view kLibvirtLogs = "/var/log/libvirt/qemu/";
constexpr std::string_view kProxmox = "/etc/pve/qemu-server/";
constexpr std::string_view kOwnRuntime = "/cleave/";  // /run/cleave/NAME, /run/user/UID/cleave/NAME
constexpr std::string_view kRemoved = "removed";

// The file of a process: /proc/PID/cmdline. Empty for all else.
std::string_view process_file(std::string_view path) {
  constexpr std::string_view kProc = "/proc/";
  if (!path.starts_with(kProc)) return {};
  path.remove_prefix(kProc.size());
  const std::size_t slash = path.find('/');
  if (slash == std::string_view::npos) return {};
  return parse_unsigned<std::uint32_t>(path.substr(0, slash)) ? path.substr(slash + 1)
                                                              : std::string_view();
}

// What stands between `folder` and `ending` if nothing else does.
std::string_view name_in(std::string_view path, std::string_view folder, std::string_view ending) {
  if (!path.starts_with(folder) || !path.ends_with(ending)) return {};
  path.remove_prefix(folder.size());
  if (path.size() <= ending.size() || path.find('/') != std::string_view::npos) return {};
  return path.substr(0, path.size() - ending.size());
}

// The VM's name in a path of cleave's own VMs.
std::string_view own_name(std::string_view path) {
  const std::size_t at = path.find(kOwnRuntime);
  if (!path.starts_with("/run/") || at == std::string_view::npos) return {};
  path.remove_prefix(at + kOwnRuntime.size());
  return path.substr(0, path.find('/'));
}

std::string_view name_in_path(std::string_view path) {
  for (const auto& [folder, ending] : {std::pair(kLibvirt, std::string_view(".xml")),
                                       std::pair(kLibvirtLogs, std::string_view(".log"))}) {
    const std::string_view name = name_in(path, folder, ending);
    if (!name.empty()) return name;
  }
  return own_name(path);
}

bool is_proxmox(std::string_view path) { return !name_in(path, kProxmox, ".conf").empty(); }

std::string name_in_text(std::string_view path, std::string_view content) {
  if (process_file(path) == "cmdline") {
    const auto arguments = split_arguments(content);
    if (arguments.empty() || !is_qemu_program(arguments.front())) return {};
    return parse_qemu_command_line(arguments).name;
  }
  if (is_proxmox(path)) return parse_proxmox_config(content).name;
  if (name_in(path, kLibvirt, ".xml").empty()) return {};
  const auto domain = parse_libvirt_domain(content);
  return domain ? domain->settings.name : std::string();
}

// A copy or a backup beside the definitions has a VM's name and is read by nobody.
bool is_stray(std::string_view path) {
  for (const auto& [folder, ending] : {std::pair(kLibvirt, std::string_view(".xml")),
                                       std::pair(kProxmox, std::string_view(".conf")),
                                       std::pair(kLibvirtLogs, std::string_view(".log"))}) {
    if (path.starts_with(folder) && !path.ends_with(ending)) return path.find('.') != path.npos;
  }
  return false;
}

class Names {
 public:
  void note(std::string_view name) {
    if (name.empty()) return;
    if (const auto number = stand_in(name)) {
      taken_.insert(*number);
    } else {
      numbers_.try_emplace(std::string(name));
    }
  }
  void settle() {
    std::uint64_t number = 0;
    for (auto& [name, given] : numbers_) {
      ++number;
      while (taken_.contains(number)) ++number;
      given = number;
    }
  }
  // The name itself where nobody has noted it.
  [[nodiscard]] std::string of(std::string_view name) const {
    const auto found = numbers_.find(name);
    return found == numbers_.end() ? std::string(name) : format("vm{}", found->second);
  }
  [[nodiscard]] std::size_t size() const { return numbers_.size(); }

 private:
  // Proxmox VE calls a VM without a name after its number, which is no secret either.
  static std::optional<std::uint64_t> stand_in(std::string_view name) {
    if (!name.starts_with("vm")) return std::nullopt;
    return parse_unsigned<std::uint64_t>(name.substr(2));
  }

  std::map<std::string, std::uint64_t, std::less<>> numbers_;
  std::set<std::uint64_t> taken_;
};

std::string new_path(const Names& names, std::string_view path) {
  const std::string_view name = name_in_path(path);
  if (name.empty()) return std::string(path);
  const auto at = static_cast<std::size_t>(name.data() - path.data());
  return std::string(path.substr(0, at)) + names.of(name) +
         std::string(path.substr(at + name.size()));
}

std::string joined(const std::vector<std::string>& arguments) {
  std::string text;
  for (const std::string& argument : arguments) text += argument + '\0';
  return text;
}

std::string reduced_arguments(const Names& names, std::string_view content) {
  const auto arguments = split_arguments(content);
  if (arguments.empty()) return {};
  if (!is_qemu_program(arguments.front())) return std::string(kRemoved) + '\0';
  return joined(reduced_command_line(arguments, names.of(parse_qemu_command_line(arguments).name)));
}

std::string reduced_environment(std::string_view content) {
  std::vector<std::string> kept;
  for (std::string& variable : split_arguments(content)) {
    if (variable.starts_with("INTEL_DEBUG=")) kept.push_back(std::move(variable));
  }
  return joined(kept);
}

std::string reduced_status(std::string_view content) {
  std::string kept;
  for (const std::string_view line : lines(content)) {
    if (line.starts_with("Uid:") || line.starts_with("CapEff:")) kept.append(line).append("\n");
  }
  return kept;
}

// libvirt's log: the last start with its command line, and of QEMU's words the known messages.
std::string reduced_log(const Names& names, std::string_view content) {
  const LibvirtLog log = parse_libvirt_log(content);
  std::string text;
  if (!log.qemu_version.empty() || !log.arguments.empty()) {
    text =
        format("starting up libvirt version: {}, qemu version: {}\n", kRemoved, log.qemu_version);
    const std::string name = names.of(parse_qemu_command_line(log.arguments).name);
    text += quoted_words(reduced_command_line(log.arguments, name), " \\\n");
    if (!log.arguments.empty()) text += "\n";
  }
  return text + known_messages(log.said);
}

class Reducer {
 public:
  explicit Reducer(const MemoryHost& machine) : machine_(machine) {
    for (const auto& [path, node] : machine.nodes()) {
      names_.note(name_in_path(path));
      if (is_text(node)) names_.note(name_in_text(path, node.content));
      constexpr std::string_view kNodes = "/dev/vfio/";
      const std::string_view file = process_file(path);
      if (file.starts_with("fd/") && node.content.starts_with(kNodes)) {
        device_users_.insert(path.substr(0, path.size() - file.size()));
      }
    }
    names_.settle();
  }

  [[nodiscard]] ReducedVms reduced() const {
    ReducedVms result;
    result.names = names_.size();
    result.machine.become_capture();
    result.machine.set_user_id(machine_.user_id());
    for (const auto& [path, node] : machine_.nodes()) {
      if (is_stray(path)) continue;
      MemoryNode clean = node;
      if (is_text(node)) clean.content = new_content(path, node.content);
      result.machine.set_node(new_path(names_, path), std::move(clean));
    }
    return result;
  }

 private:
  static bool is_text(const MemoryNode& node) {
    return node.error_number == 0 && node.read_error == 0 && node.status.kind == FileKind::Regular;
  }

  // A process's name tells what its user does; QEMU's and that of who has a vGPU open count.
  [[nodiscard]] std::string new_command(const std::string& path, const std::string& content) const {
    const std::string_view name = trim(content);
    const bool counts = name.find("qemu") != std::string_view::npos || name == "kvm" ||
                        device_users_.contains(path.substr(0, path.rfind('/') + 1));
    return (counts ? names_.of(name) : std::string(kRemoved)) + "\n";
  }

  [[nodiscard]] std::string new_content(const std::string& path, const std::string& content) const {
    const std::string_view file = process_file(path);
    if (file == "cmdline") return reduced_arguments(names_, content);
    if (file == "environ") return reduced_environment(content);
    if (file == "status") return reduced_status(content);
    if (file == "comm") return new_command(path, content);
    if (is_proxmox(path)) {
      return reduced_proxmox_config(content, names_.of(parse_proxmox_config(content).name));
    }
    if (const auto name = name_in(path, kLibvirt, ".xml"); !name.empty()) {
      return reduced_libvirt_domain(content, names_.of(name_in_text(path, content)));
    }
    if (!name_in(path, kLibvirtLogs, ".log").empty()) return reduced_log(names_, content);
    if (!own_name(path).empty()) return known_messages(content);
    return content;
  }

  const MemoryHost& machine_;
  Names names_;
  std::set<std::string, std::less<>> device_users_;  // "/proc/1234/"
};

}  // namespace

ReducedVms reduce_vms(const MemoryHost& machine) { return Reducer(machine).reduced(); }

}  // namespace cleave
