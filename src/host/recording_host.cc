#include "host/recording_host.h"

#include <cerrno>

#include "base/text.h"

namespace cleave {
namespace {

constexpr int kMaximumLinks = 40;  // as the kernel's MAXSYMLINKS, include/linux/namei.h

// The errno that gives the same answer again. An error without one is not reproduced in detail.
int errno_of(const Error& error) {
  if (error.error_number != 0) return error.error_number;
  return error.code == ErrorCode::NotFound ? ENOENT : kNotCaptured;
}

MemoryNode unknown_node() {
  MemoryNode node;
  node.error_number = kNotCaptured;
  node.listed = false;
  return node;
}

}  // namespace

RecordingHost::RecordingHost(const HostReader& inner, const RecordingLimits& limits)
    : inner_(inner), limits_(limits) {
  recorded_.become_capture();
  recorded_.set_user_id(inner.user_id());
}

// Asks for one path without links on the way, once.
const MemoryNode& RecordingHost::look_at(const std::string& path) const {
  const auto known = recorded_.nodes().find(path);
  if (known != recorded_.nodes().end() && !known->second.is_unknown()) return known->second;
  MemoryNode node;
  node.listed = false;
  const Result<FileStatus> status = inner_.status(path);
  if (!status) {
    node.error_number = errno_of(status.error());
  } else {
    node.status = *status;
    // Nobody has read it yet.
    node.read_error = status->kind == FileKind::Symlink ? 0 : kNotCaptured;
  }
  if (status && status->kind == FileKind::Symlink) {
    Result<std::string> target = inner_.read_link(path);
    if (target) node.content = std::move(*target);
    if (!target) node.error_number = errno_of(target.error());
  }
  recorded_.set_node(path, std::move(node));
  return recorded_.nodes().find(path)->second;
}

std::string RecordingHost::walk(std::string_view path, bool follow_last) const {
  std::string resolved;
  std::vector<std::string> waiting;  // parts still to walk, last first
  const auto push_parts = [&waiting](std::string_view text) {
    const auto parts = split(text, '/');
    for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
      if (!part->empty() && *part != ".") waiting.emplace_back(*part);
    }
  };
  push_parts(path);
  int links = 0;
  while (!waiting.empty()) {
    const std::string part = std::move(waiting.back());
    waiting.pop_back();
    if (part == "..") {
      resolved.resize(resolved.empty() ? 0 : resolved.rfind('/'));
      continue;
    }
    const std::string next = resolved + "/" + part;
    if (!has_room() && !recorded_.nodes().contains(next)) return {};
    const MemoryNode& node = look_at(next);
    if (node.error_number != 0) return {};
    if (node.status.kind != FileKind::Symlink || (waiting.empty() && !follow_last)) {
      resolved = next;
      continue;
    }
    if (++links > kMaximumLinks) return {};
    const std::string target = node.content;
    if (target.starts_with('/')) resolved.clear();
    push_parts(target);
  }
  return resolved.empty() ? std::string("/") : resolved;
}

void RecordingHost::record_content(const std::string& real,
                                   const Result<std::string>& content) const {
  const auto known = recorded_.nodes().find(real);
  // That a directory has no content its kind tells. The first answer stays; only an error can be
  // bettered.
  if (known == recorded_.nodes().end() || known->second.read_error == 0) return;
  if (known->second.status.kind == FileKind::Directory) return;
  MemoryNode node = known->second;
  if (!content) {
    node.read_error = errno_of(content.error());
  } else if (content->size() > limits_.file || total_ + content->size() > limits_.total) {
    node.read_error = kCutFromCapture;
  } else {
    node.read_error = 0;
    node.content = *content;
    total_ += content->size();
  }
  recorded_.set_node(real, std::move(node));
}

void RecordingHost::record_names(const std::string& real,
                                 const Result<std::vector<std::string>>& names) const {
  const auto known = recorded_.nodes().find(real);
  if (known == recorded_.nodes().end() || known->second.listed) return;
  if (known->second.status.kind != FileKind::Directory) return;
  MemoryNode node = known->second;
  node.listed = names.has_value();
  node.read_error = names ? 0 : errno_of(names.error());
  if (names && recorded_.nodes().size() + names->size() > limits_.nodes) {
    node.listed = false;
    node.read_error = kCutFromCapture;
  }
  const bool listed = node.listed;
  recorded_.set_node(real, std::move(node));
  if (!listed) return;
  for (const std::string& name : *names) {
    const std::string child = join_path(real, name);
    if (!recorded_.nodes().contains(child)) recorded_.set_node(child, unknown_node());
  }
}

Result<std::string> RecordingHost::read_file(std::string_view path, std::size_t limit) const {
  const std::string real = walk(path, true);
  Result<std::string> content = inner_.read_file(path, limit);
  if (!real.empty()) record_content(real, content);
  return content;
}

// As record_content does: the first answer stays, only an error can be bettered.
void RecordingHost::record_reserved(const std::string& path,
                                    const Result<std::string>& content) const {
  const auto known = recorded_.nodes().find(path);
  const bool is_known = known != recorded_.nodes().end();
  if (is_known && known->second.error_number == 0) return;
  if (!is_known && !has_room()) return;
  MemoryNode node;
  node.status.kind = FileKind::Regular;
  node.status.mode = 0600;
  if (!content) {
    node.error_number = errno_of(content.error());
  } else if (content->size() > limits_.file || total_ + content->size() > limits_.total) {
    node.error_number = kCutFromCapture;
  } else {
    node.content = *content;
    node.status.size = content->size();
    total_ += content->size();
  }
  recorded_.set_node(path, std::move(node));
}

Result<std::string> RecordingHost::read_at(std::string_view path, std::uint64_t offset,
                                           std::size_t length) const {
  const std::string real = walk(path, true);
  Result<std::string> bytes = inner_.read_at(path, offset, length);
  if (!real.empty()) record_reserved(piece_path(real, offset), bytes);
  return bytes;
}

Result<std::string> RecordingHost::kernel_journal(int boot, std::size_t most_lines) const {
  Result<std::string> text = inner_.kernel_journal(boot, most_lines);
  record_reserved(kernel_journal_path(boot), text);
  return text;
}

Result<std::vector<std::string>> RecordingHost::list_directory(std::string_view path) const {
  const std::string real = walk(path, true);
  Result<std::vector<std::string>> names = inner_.list_directory(path);
  if (!real.empty()) record_names(real, names);
  return names;
}

Result<std::string> RecordingHost::read_link(std::string_view path) const {
  walk(path, false);
  return inner_.read_link(path);
}

Result<FileStatus> RecordingHost::status(std::string_view path) const {
  walk(path, false);
  return inner_.status(path);
}

Result<std::string> RecordingHost::real_path(std::string_view path) const {
  walk(path, true);
  return inner_.real_path(path);
}

Result<bool> RecordingHost::may_access(std::string_view path, Access access) const {
  const std::string real = walk(path, true);
  const auto known = recorded_.nodes().find(real);
  if (known != recorded_.nodes().end()) {
    const Result<bool> readable = inner_.may_access(path, Access::Read);
    const Result<bool> writable = inner_.may_access(path, Access::Write);
    MemoryNode node = known->second;
    if (readable) node.may_read = *readable;
    if (writable) node.may_write = *writable;
    recorded_.set_node(real, std::move(node));
  }
  return inner_.may_access(path, access);
}

std::vector<std::string> RecordingHost::cut() const {
  std::vector<std::string> paths;
  for (const auto& [path, node] : recorded_.nodes()) {
    if (node.read_error == kCutFromCapture) paths.push_back(path);
  }
  return paths;
}

}  // namespace cleave
