#include "host/memory_host.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/text.h"

namespace cleave {
namespace {

constexpr int kMaximumLinks = 40;  // as the kernel's MAXSYMLINKS, include/linux/namei.h

Error not_in_capture(Message message, std::string_view path) {
  Error error;
  error.code = ErrorCode::Unsupported;
  error.message = std::move(message);
  error.path = path;
  return error;
}

Error path_error(int error_number, std::string_view path) {
  if (error_number == kNotCaptured) return not_in_capture({N_("not captured")}, path);
  if (error_number == kCutFromCapture) return not_in_capture({N_("cut: too large")}, path);
  return system_error(error_number, Message(N_("Could not use {path}"), {{"path", path}}),
                      std::string(path));
}

class MemoryLock final : public HostWriter::Lock {
 public:
  MemoryLock(std::shared_ptr<std::set<std::string>> locked, std::string path)
      : locked_(std::move(locked)), path_(std::move(path)) {}
  MemoryLock(const MemoryLock&) = delete;
  MemoryLock& operator=(const MemoryLock&) = delete;
  ~MemoryLock() override { locked_->erase(path_); }

 private:
  std::shared_ptr<std::set<std::string>> locked_;
  std::string path_;
};

// Adds the parts of a path, the last first, without those that lead nowhere.
void push_parts(std::string_view path, std::vector<std::string_view>& parts) {
  while (!path.empty()) {
    const std::size_t slash = path.rfind('/');
    const std::string_view part = slash == std::string_view::npos ? path : path.substr(slash + 1);
    path = path.substr(0, slash == std::string_view::npos ? 0 : slash);
    if (!part.empty() && part != ".") parts.push_back(part);
  }
}

}  // namespace

MemoryHost::MemoryHost() { make("/", FileKind::Directory, 0755); }

MemoryHost::Node& MemoryHost::make(std::string_view path, FileKind kind, std::uint32_t mode) {
  const std::string normal = normal_path(path);
  for (std::string_view parent = directory_name(normal); !nodes_.contains(parent);
       parent = directory_name(parent)) {
    Node& made = nodes_[std::string(parent)];
    made.status = {.kind = FileKind::Directory, .mode = 0755};
    made.listed = !is_capture_;
  }
  Node& node = nodes_[normal];
  node.status.kind = kind;
  node.status.mode = mode;
  return node;
}

void MemoryHost::add_file(std::string_view path, std::string content, std::uint32_t mode) {
  Node& node = make(path, FileKind::Regular, mode);
  node.status.size = content.size();
  node.content = std::move(content);
}

void MemoryHost::add_directory(std::string_view path) { make(path, FileKind::Directory, 0755); }

void MemoryHost::add_link(std::string_view path, std::string target) {
  make(path, FileKind::Symlink, 0777).content = std::move(target);
}

void MemoryHost::add_device(std::string_view path, std::uint32_t mode, std::uint32_t major,
                            std::uint32_t minor) {
  Node& node = make(path, FileKind::CharacterDevice, mode);
  node.status.device_major = major;
  node.status.device_minor = minor;
}

void MemoryHost::add_unreadable(std::string_view path, int error_number) {
  make(path, FileKind::Regular, 0).error_number = error_number;
}

void MemoryHost::forget(std::string_view path) {
  const std::string normal = normal_path(path);
  std::erase_if(nodes_, [&](const auto& entry) {
    return entry.first == normal || entry.first.starts_with(normal + "/");
  });
}

void MemoryHost::set_node(std::string_view path, MemoryNode node) {
  make(path, node.status.kind, node.status.mode) = std::move(node);
}

void MemoryHost::become_capture() {
  is_capture_ = true;
  nodes_["/"].listed = false;
}

int MemoryHost::error_of_missing(std::string_view path) const {
  if (!is_capture_) return ENOENT;
  const auto parent = nodes_.find(directory_name(path));
  return parent != nodes_.end() && parent->second.listed ? ENOENT : kNotCaptured;
}

void MemoryHost::on_write(std::string_view path, AttributeHandler handler) {
  attribute_handlers_[normal_path(path)] = std::move(handler);
}

void MemoryHost::on_command(std::string_view program, CommandHandler handler) {
  command_handlers_[std::string(program)] = std::move(handler);
}

void MemoryHost::fail_effect(int n, int error_number) {
  failing_effect_ = n == 0 ? 0 : effects_ + n;
  failing_errno_ = error_number;
}

void MemoryHost::stop_at_effect(int n) { stopping_effect_ = n == 0 ? 0 : effects_ + n; }

std::map<std::string, std::string> MemoryHost::snapshot(std::string_view below) const {
  std::map<std::string, std::string> files;
  const std::string top = normal_path(below);
  for (const auto& [path, node] : nodes_) {
    if (top != "/" && path != top && !path.starts_with(top + "/")) continue;
    if (node.status.kind == FileKind::Regular) files[path] = node.content;
    if (node.status.kind == FileKind::Symlink) files[path] = "-> " + node.content;
  }
  return files;
}

Result<std::string> MemoryHost::resolve(std::string_view path, bool follow_last) const {
  std::string resolved;
  // Parts still to walk, the last first. They lie in `path` and in the links on the way.
  std::vector<std::string_view> waiting;
  push_parts(path, waiting);
  int links = 0;
  while (!waiting.empty()) {
    const std::string_view part = waiting.back();
    waiting.pop_back();
    if (part == "..") {
      resolved.resize(resolved.empty() ? 0 : resolved.rfind('/'));
      continue;
    }
    const std::size_t parent = resolved.size();
    resolved.append("/").append(part);
    const auto found = nodes_.find(resolved);
    if (found == nodes_.end()) return path_error(error_of_missing(resolved), path);
    if (found->second.error_number != 0) return path_error(found->second.error_number, path);
    const bool is_link = found->second.status.kind == FileKind::Symlink;
    if (!is_link || (waiting.empty() && !follow_last)) continue;
    if (++links > kMaximumLinks) return path_error(ELOOP, path);
    resolved.resize(found->second.content.starts_with('/') ? 0 : parent);
    push_parts(found->second.content, waiting);
  }
  return resolved.empty() ? std::string("/") : resolved;
}

Result<const MemoryHost::Node*> MemoryHost::find(std::string_view path, bool follow_last) const {
  const std::string real = TRY(resolve(path, follow_last));
  return &nodes_.find(real)->second;
}

Result<std::string> MemoryHost::read_file(std::string_view path, std::size_t limit) const {
  const Node* node = TRY(find(path, true));
  if (node->status.kind == FileKind::Directory) return path_error(EISDIR, path);
  if (node->read_error != 0) return path_error(node->read_error, path);
  if (node->content.size() > limit) return path_error(EFBIG, path);
  return node->content;
}

Result<std::string> MemoryHost::read_at(std::string_view path, std::uint64_t offset,
                                        std::size_t length) const {
  // A node of its own where the place is no plain file.
  const Result<std::string> real = resolve(path, true);
  const auto piece = nodes_.find(piece_path(real ? std::string_view(*real) : path, offset));
  if (piece != nodes_.end()) {
    const Node& node = piece->second;
    if (node.error_number != 0) return path_error(node.error_number, path);
    return node.content.substr(0, length);
  }
  const std::string whole = TRY(read_file(path, std::string::npos));
  return offset < whole.size() ? whole.substr(offset, length) : std::string();
}

Result<std::string> MemoryHost::kernel_journal(int boot, std::size_t most_lines) const {
  std::string text = TRY(read_file(kernel_journal_path(boot), std::string::npos));
  if (most_lines == 0) return std::string();
  std::size_t start = text.size();
  for (std::size_t line = 0; line < most_lines && start != 0; ++line) {
    // The line's own end does not count.
    const std::size_t end = start < 2 ? std::string::npos : text.rfind('\n', start - 2);
    start = end == std::string::npos ? 0 : end + 1;
  }
  return text.substr(start);
}

Result<std::vector<std::string>> MemoryHost::list_directory(std::string_view path) const {
  const std::string real = TRY(resolve(path, true));
  const Node& directory = nodes_.find(real)->second;
  if (directory.status.kind != FileKind::Directory) return path_error(ENOTDIR, path);
  if (directory.read_error != 0) return path_error(directory.read_error, path);
  if (is_capture_ && !directory.listed) return path_error(kNotCaptured, path);
  const std::string prefix = real == "/" ? "/" : real + "/";
  std::vector<std::string> names;
  for (auto entry = nodes_.upper_bound(prefix);
       entry != nodes_.end() && entry->first.starts_with(prefix); ++entry) {
    const std::string_view name = std::string_view(entry->first).substr(prefix.size());
    if (name.find('/') != std::string_view::npos || entry->second.error_number == ENOENT) continue;
    names.emplace_back(name);
  }
  return names;
}

Result<std::string> MemoryHost::read_link(std::string_view path) const {
  const Node* node = TRY(find(path, false));
  if (node->status.kind != FileKind::Symlink) return path_error(EINVAL, path);
  return node->content;
}

Result<FileStatus> MemoryHost::status(std::string_view path) const {
  const Node* node = TRY(find(path, false));
  return node->status;
}

Result<std::string> MemoryHost::real_path(std::string_view path) const {
  return resolve(path, true);
}

Result<bool> MemoryHost::may_access(std::string_view path, Access access) const {
  const Node* node = TRY(find(path, true));
  if (is_capture_ && (!node->may_read || !node->may_write)) return path_error(kNotCaptured, path);
  const bool readable = node->may_read.value_or((node->status.mode & 0444U) != 0);
  const bool writable = node->may_write.value_or((node->status.mode & 0222U) != 0);
  return (access == Access::Write || readable) && (access == Access::Read || writable);
}

Result<std::string> MemoryHost::place_of(std::string_view path) const {
  Result<std::string> real = resolve(path, true);
  if (real || real.error().code != ErrorCode::NotFound) return real;
  const std::string normal = normal_path(path);
  const std::string parent = TRY(resolve(directory_name(normal), true));
  if (nodes_.find(parent)->second.status.kind != FileKind::Directory) {
    return path_error(ENOTDIR, path);
  }
  const std::string place = join_path(parent, base_name(normal));
  // What is there but leads nowhere is a dangling link: it is not replaced by a file.
  if (nodes_.contains(place)) return real;
  return place;
}

Result<void> MemoryHost::begin_effect(std::string_view path) {
  ++effects_;
  if (stopping_effect_ != 0 && effects_ >= stopping_effect_) return path_error(EIO, path);
  if (effects_ == failing_effect_) return path_error(failing_errno_, path);
  return {};
}

Result<void> MemoryHost::replace_file(std::string_view path, std::string_view content,
                                      std::uint32_t mode) {
  TRY(begin_effect(path));
  const std::string target = TRY(place_of(path));
  if (const auto found = nodes_.find(target); found != nodes_.end()) {
    if (found->second.status.kind == FileKind::Directory) return path_error(EISDIR, path);
    mode = found->second.status.mode;
  }
  add_file(target, std::string(content), mode);
  return {};
}

Result<void> MemoryHost::write_attribute(std::string_view path, std::string_view value) {
  TRY(begin_effect(path));
  const std::string real = TRY(resolve(path, true));
  if (const auto handler = attribute_handlers_.find(real); handler != attribute_handlers_.end()) {
    // A copy: the handler may remove its own attribute, and itself with it.
    const AttributeHandler call = handler->second;
    if (const int error_number = call(*this, value)) return path_error(error_number, path);
    return {};
  }
  Node& node = nodes_.find(real)->second;
  node.content = value;
  node.status.size = value.size();
  return {};
}

Result<void> MemoryHost::append_to_file(std::string_view path, std::string_view content,
                                        std::uint32_t mode, Durability /*durability*/) {
  TRY(begin_effect(path));
  const std::string target = TRY(place_of(path));
  if (!nodes_.contains(target)) add_file(target, "", mode);
  Node& node = nodes_.find(target)->second;
  if (node.status.kind == FileKind::Directory) return path_error(EISDIR, path);
  node.content += content;
  node.status.size = node.content.size();
  return {};
}

Result<void> MemoryHost::remove_file(std::string_view path, Durability /*durability*/) {
  TRY(begin_effect(path));
  const std::string real = TRY(resolve(path, false));
  if (nodes_.find(real)->second.status.kind == FileKind::Directory) return path_error(EISDIR, path);
  nodes_.erase(real);
  return {};
}

Result<void> MemoryHost::copy_file(std::string_view from, std::string_view to) {
  TRY(begin_effect(to));
  const Node* node = TRY(find(from, false));
  if (node->status.kind != FileKind::Regular) return path_error(EINVAL, from);
  const std::string target = normal_path(to);
  if (!nodes_.contains(directory_name(target))) return path_error(ENOENT, to);
  nodes_[target] = Node(*node);
  return {};
}

Result<void> MemoryHost::change_owner(std::string_view path, std::uint32_t user,
                                      std::uint32_t group) {
  TRY(begin_effect(path));
  Node& node = nodes_.find(TRY(resolve(path, true)))->second;
  node.status.user = user;
  node.status.group = group;
  return {};
}

Result<void> MemoryHost::create_directories(std::string_view path, std::uint32_t mode,
                                            Durability /*durability*/) {
  TRY(begin_effect(path));
  // Part by part, as mkdir(2): links on the way are followed.
  const std::string normal = normal_path(path);  // outlives the views into it
  std::string made = "/";
  for (const std::string_view part : split(normal, '/')) {
    if (part.empty()) continue;
    const std::string next = TRY(place_of(join_path(made, part)));
    const auto found = nodes_.find(next);
    if (found == nodes_.end()) {
      make(next, FileKind::Directory, mode);
    } else if (found->second.status.kind != FileKind::Directory) {
      return path_error(EEXIST, path);
    }
    made = next;
  }
  return {};
}

Result<void> MemoryHost::remove_directory(std::string_view path, Durability /*durability*/) {
  TRY(begin_effect(path));
  const auto names = TRY(list_directory(path));
  if (!names.empty()) return path_error(ENOTEMPTY, path);
  nodes_.erase(TRY(resolve(path, false)));
  return {};
}

Result<CommandOutput> MemoryHost::run_command(const std::vector<std::string>& argv,
                                              std::chrono::milliseconds /*limit*/) {
  if (argv.empty()) return path_error(EINVAL, "");
  TRY(begin_effect(argv.front()));
  const auto handler = command_handlers_.find(argv.front());
  if (handler == command_handlers_.end()) return path_error(ENOENT, argv.front());
  const CommandHandler call = handler->second;
  return call(*this, argv);
}

Result<std::unique_ptr<HostWriter::Lock>> MemoryHost::lock(std::string_view path) {
  std::string normal = normal_path(path);
  if (!locked_->insert(normal).second) return path_error(EBUSY, path);
  return std::unique_ptr<Lock>(std::make_unique<MemoryLock>(locked_, std::move(normal)));
}

Result<std::optional<std::uint32_t>> MemoryHost::lock_holder(std::string_view path) const {
  const auto holder = lock_holders_.find(path);
  if (holder != lock_holders_.end()) return std::optional(holder->second);
  if (!exists(path)) return path_error(ENOENT, path);
  return std::optional<std::uint32_t>();
}

// An effect like the others: it can fail, and the power can go before it.
Result<void> MemoryHost::settle(std::string_view path) { return begin_effect(path); }

void MemoryHost::pause(std::chrono::milliseconds length) {
  now_ += length;
  if (!pause_handler_) return;
  const auto call = pause_handler_;
  call(*this);
}

}  // namespace cleave
