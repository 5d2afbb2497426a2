#include "app/capture.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <optional>

#include "app/capture_archive.h"
#include "app/capture_list.h"
#include "app/owner.h"
#include "app/privacy_vms.h"
#include "base/text.h"
#include "facts/readers/read_facts.h"
#include "host/recording_host.h"

namespace cleave {
namespace {

// Only root gets more of a device's configuration space (drivers/pci/pci-sysfs.c,
// pci_read_config).
constexpr std::size_t kPublicConfigBytes = 64;
constexpr std::string_view kArchiveEnding = ".tar.zst";

bool is_pci_config(std::string_view path) {
  return path.starts_with("/sys/devices/") && path.ends_with("/config");
}

// What a process has open tells what its user does. Only devices matter.
bool is_open_file(std::string_view path) {
  return path.starts_with("/proc/") && directory_name(path).ends_with("/fd");
}

bool has_text(const MemoryNode& node) {
  return node.error_number == 0 && node.read_error == 0 && node.status.kind != FileKind::Symlink;
}

void learn(Scrubber& scrubber, const std::string& path, const MemoryNode& node) {
  scrubber.learn_path(path);
  if (node.status.kind == FileKind::Symlink) scrubber.learn_path(node.content);
  if (has_text(node)) scrubber.learn(node.content, text_kind_of(path, node.content));
}

std::string scrubbed_content(const Scrubber& scrubber, const std::string& path,
                             const MemoryNode& node) {
  if (node.status.kind == FileKind::Symlink) {
    if (is_open_file(path) && !node.content.starts_with("/dev/")) return "removed";
    return scrubber.scrub_path(node.content);
  }
  if (is_pci_config(path)) return scrub_pci_config(node.content);
  const TextKind kind = text_kind_of(path, node.content);
  if (path == "/proc/modules") return scrub_module_list(scrubber.scrub(node.content, kind));
  return scrubber.scrub(node.content, kind);
}

// A name that is no text cannot be in a manifest. What was there stays unknown.
MemoryHost without_strange_names(const MemoryHost& machine) {
  MemoryHost plain;
  plain.become_capture();
  plain.set_user_id(machine.user_id());
  for (const auto& [path, node] : machine.nodes()) {
    MemoryNode kept = node;
    if (!is_capturable_path(path)) continue;
    const bool is_link = node.status.kind == FileKind::Symlink;
    if (is_link && (printable(node.content) != node.content || node.content.empty())) {
      kept = MemoryNode();
      kept.error_number = kNotCaptured;
    }
    plain.set_node(path, std::move(kept));
  }
  return plain;
}

bool is_denied(int error_number) { return error_number == EACCES || error_number == EPERM; }

std::vector<LeftOut> left_out_of(const MemoryHost& machine, bool is_root) {
  std::vector<LeftOut> left_out;
  for (const auto& [path, node] : machine.nodes()) {
    const int error_number = node.error_number != 0 ? node.error_number : node.read_error;
    if (is_denied(error_number))
      left_out.push_back({.path = path, .why = errno_text(error_number)});
    const bool is_short = is_pci_config(path) && node.content.size() <= kPublicConfigBytes;
    if (!is_root && is_short && has_text(node) && !node.content.empty()) {
      left_out.push_back({.path = path, .why = "only its first 64 bytes"});
    }
  }
  return left_out;
}

std::string login_name() {
  const Caller caller = this_caller();
  std::uint32_t user = caller.uid;
  if (caller.sudo_uid) user = parse_unsigned<std::uint32_t>(*caller.sudo_uid).value_or(user);
  return find_user(std::to_string(user)).value_or(Owner()).name;
}

std::optional<FileOwner> owner_of_files() {
  const Caller caller = this_caller();
  if (caller.uid != 0 || !caller.sudo_uid || !caller.sudo_gid) return std::nullopt;
  const auto user = parse_unsigned<std::uint32_t>(*caller.sudo_uid);
  const auto group = parse_unsigned<std::uint32_t>(*caller.sudo_gid);
  if (!user || !group) return std::nullopt;
  return FileOwner{.user = *user, .group = *group};
}

}  // namespace

Identity identity_of(const HostReader& host) {
  Identity identity;
  for (const char* path : {"/proc/sys/kernel/hostname", "/etc/hostname"}) {
    const auto name = host.read_file(path);
    if (name) identity.hosts.emplace_back(trim(*name));
  }
  if (host.is_live()) identity.users.push_back(login_name());
  // Accounts of people: their homes tell, also where a name stands without one.
  for (const char* homes : {"/home", "/var/home"}) {
    const auto names = host.list_directory(homes);
    if (names) identity.users.insert(identity.users.end(), names->begin(), names->end());
  }
  return identity;
}

ScrubbedMachine scrub_machine(const MemoryHost& original, const Identity& identity) {
  const ReducedVms reduced = reduce_vms(original);
  const MemoryHost& machine = reduced.machine;
  Scrubber scrubber(identity);
  for (const auto& [path, node] : machine.nodes()) learn(scrubber, path, node);
  scrubber.settle();
  ScrubbedMachine result;
  result.machine.become_capture();
  result.machine.set_user_id(machine.user_id());
  for (const auto& [path, node] : machine.nodes()) {
    MemoryNode clean = node;
    clean.content = scrubbed_content(scrubber, path, node);
    result.machine.set_node(scrubber.scrub_path(path), std::move(clean));
  }
  const auto counts = scrubber.counts();
  for (std::size_t kind = 0; kind < kSecretKinds; ++kind) {
    if (counts[kind] == 0) continue;
    result.replaced.emplace_back(secret_name(static_cast<Secret>(kind)), counts[kind]);
  }
  if (reduced.names != 0) result.replaced.emplace_back("vm", reduced.names);
  return result;
}

Capture capture_machine(const HostReader& host, const std::string& cleave_version,
                        std::uint64_t time) {
  const RecordingHost recorder(host);
  // First, so that the limits never take from the diagnosis.
  const Facts facts = read_facts(recorder);
  read_capture_rows(recorder);
  ScrubbedMachine clean =
      scrub_machine(without_strange_names(recorder.recorded()), identity_of(host));
  Capture capture;
  capture.cleave_version = cleave_version;
  capture.kernel = facts.kernel.release.value_or("");
  capture.time = time;
  capture.is_root = facts.is_root;
  capture.replaced = std::move(clean.replaced);
  capture.left_out = left_out_of(clean.machine, facts.is_root);
  for (const auto& [path, node] : clean.machine.nodes()) {
    if (node.read_error == kCutFromCapture) capture.cut.push_back(path);
  }
  capture.machine = std::move(clean.machine);
  return capture;
}

Result<WrittenCapture> write_capture(const Capture& capture, const std::string& name,
                                     bool overwrite) {
  const std::vector<BundleFile> files = bundle_files(capture);
  const PrivateTarget target = {.path = name, .overwrite = overwrite, .owner = owner_of_files()};
  std::error_code problem;
  WrittenCapture written{.files = files.size()};
  if (name.ends_with('/') || std::filesystem::is_directory(name, problem)) {
    std::vector<std::pair<std::string, std::string>> contents;
    for (const BundleFile& file : files) {
      written.bytes += file.content.size();
      contents.emplace_back(file.name, file.content);
    }
    TRY(write_private_directory(target, kManifestName, contents));
    return written;
  }
  if (!name.ends_with(kArchiveEnding)) {
    Error error;
    error.code = ErrorCode::Malformed;
    error.message = {N_("A capture's file ends with {ending}, or with “/” for a directory: {path}"),
                     {{"ending", kArchiveEnding}, {"path", printable(name)}}};
    return error;
  }
  const std::string bytes = TRY(pack_archive(files));
  written.bytes = bytes.size();
  TRY(write_private_file(target, bytes));
  return written;
}

}  // namespace cleave
