#include "app/capture.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <set>

#include "app/capture_archive.h"
#include "app/capture_list.h"
#include "app/capture_trim.h"
#include "app/owner.h"
#include "app/privacy_vms.h"
#include "base/text.h"
#include "facts/readers/read_facts.h"
#include "facts/readers/readers.h"
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

// Ids of loader entries, which hold machine ids: UTF-16 behind four bytes of attributes.
bool is_loader_entry_variable(std::string_view path) {
  return path.starts_with("/sys/firmware/efi/efivars/LoaderEntry");
}

// What is never kept, whoever it belongs to.
std::string without_useless_parts(const std::string& path, const std::string& content) {
  if (path.starts_with("/proc/") && base_name(path) == "mounts") return scrub_mounts(content);
  if (path.starts_with("/proc/") && path != "/proc/stat" && base_name(path) == "stat") {
    return scrub_process_stat(content);
  }
  if (path.ends_with("/dm/uuid")) return scrub_mapping(content);
  return content;
}

void learn(Scrubber& scrubber, const std::string& path, const MemoryNode& node) {
  scrubber.learn_path(path);
  if (node.status.kind == FileKind::Symlink) scrubber.learn_path(node.content);
  if (!has_text(node)) return;
  if (is_loader_entry_variable(path)) {
    return scrubber.learn(text_of_variable(node.content), TextKind::ForPeople);
  }
  const std::string content = without_useless_parts(path, node.content);
  scrubber.learn(content, text_kind_of(path, content));
}

std::string scrubbed_content(Scrubber& scrubber, const std::string& path, const MemoryNode& node) {
  if (node.status.kind == FileKind::Symlink) {
    if (is_open_file(path) && !node.content.starts_with("/dev/")) return "removed";
    return scrubber.scrub_path(node.content);
  }
  if (is_pci_config(path)) return scrub_pci_config(node.content);
  const TextKind kind = text_kind_of(path, node.content);
  if (path == "/proc/modules") return scrub_module_list(scrubber.scrub(node.content, kind));
  if (is_loader_entry_variable(path)) {
    return with_text_of_variable(
        node.content, scrubber.scrub(text_of_variable(node.content), TextKind::ForPeople));
  }
  return scrubber.scrub(without_useless_parts(path, node.content), kind);
}

// A name that is no text cannot be in a manifest. What was there stays unknown. What nobody needs
// to know is left out, too.
MemoryHost without_strange_names(const MemoryHost& machine) {
  const CaptureTrim trim(machine);
  MemoryHost plain;
  plain.become_capture();
  plain.set_user_id(machine.user_id());
  for (const auto& [path, node] : machine.nodes()) {
    MemoryNode kept = node;
    if (!is_capturable_path(path) || trim.drops(path)) continue;
    CaptureTrim::shorten(path, kept);
    const bool is_link = node.status.kind == FileKind::Symlink;
    if (is_link && (printable(node.content) != node.content || node.content.empty())) {
      kept = MemoryNode();
      kept.error_number = kNotCaptured;
    }
    plain.set_node(path, std::move(kept));
  }
  return plain;
}

// A directory with all above it, whatever the machine had there.
void make_directory(MemoryHost& machine, std::string_view path) {
  const auto known = machine.nodes().find(path);
  const bool is_there = known != machine.nodes().end() && known->second.error_number == 0;
  if (is_there || path == "/") return;
  make_directory(machine, directory_name(path));
  MemoryNode node;
  node.status = {.kind = FileKind::Directory, .mode = 0755};
  node.listed = false;
  machine.set_node(path, std::move(node));
}

// QEMU's answers that the caller keeps at a place of their own stand where a diagnosis from the
// capture looks for them. Nothing else of that place is recorded.
void add_qemu_answers(const HostReader& host, const FactPlaces& places, MemoryHost& machine) {
  const QemuFacts qemu = read_qemu(host, places.qemu_answers, places.qemu_builds);
  for (const QemuProgram& program : qemu.programs.value_or({})) {
    const auto status = host.status(program.kept_in);
    if (program.kept_in.empty() || directory_name(program.kept_in) == kSystemQemuAnswers ||
        !status) {
      continue;
    }
    MemoryNode node;
    node.status = *status;
    const auto text = host.read_file(program.kept_in, kQemuFileLimit);
    node.read_error = text ? 0 : std::max(text.error().error_number, 1);
    if (text) node.content = *text;
    make_directory(machine, kSystemQemuAnswers);
    machine.set_node(join_path(kSystemQemuAnswers, base_name(program.kept_in)), std::move(node));
  }
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

// login.defs(5): UID_MIN to UID_MAX, the accounts of people.
constexpr std::uint32_t kFirstPerson = 1000;
constexpr std::uint32_t kLastPerson = 60000;

// Adds people's accounts of passwd(5). All accounts' names go into `known`.
void add_accounts(std::string_view passwd, std::vector<std::string>& users,
                  std::set<std::string, std::less<>>& known) {
  for (const std::string_view line : lines(passwd)) {
    const auto parts = split(line, ':');
    if (parts.size() < 4) continue;
    known.emplace(parts[0]);
    const auto id = parse_unsigned<std::uint32_t>(parts[2]);
    if (id && *id >= kFirstPerson && *id <= kLastPerson) users.emplace_back(parts[0]);
  }
}

// Who is logged in, may be in groups, and has an account: /etc/group and logind's files, which the
// doctor reads, name people.
void add_people(const HostReader& host, std::vector<std::string>& users) {
  std::set<std::string, std::less<>> known = {"root"};
  const auto passwd = host.read_file("/etc/passwd");
  if (passwd) add_accounts(*passwd, users, known);
  // Of accounts that a directory service has, only these files tell.
  const auto groups = host.read_file("/etc/group");
  for (const UserGroup& group : parse_groups(groups ? *groups : std::string())) {
    for (const std::string& member : group.members) {
      if (passwd && !known.contains(member)) users.push_back(member);
    }
    const bool is_persons = group.id >= kFirstPerson && group.id <= kLastPerson;
    if (is_persons) users.push_back(group.name);
  }
  const auto names = host.list_directory("/run/systemd/users");
  for (const std::string& name : names ? *names : std::vector<std::string>()) {
    if (parse_unsigned<std::uint32_t>(name).value_or(0) < kFirstPerson) continue;
    const auto text = host.read_file(join_path("/run/systemd/users", name));
    for (const std::string_view line : lines(text ? *text : std::string())) {
      if (line.starts_with("NAME=")) users.emplace_back(trim(line.substr(5)));
    }
  }
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
  add_people(host, identity.users);
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
                        std::uint64_t time, const FactPlaces& places) {
  const RecordingHost recorder(host);
  // First, so that the limits never take from the diagnosis.
  const Facts facts = read_facts(recorder);
  read_capture_rows(recorder);
  MemoryHost machine = without_strange_names(recorder.recorded());
  add_qemu_answers(host, places, machine);
  ScrubbedMachine clean = scrub_machine(machine, identity_of(host));
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
