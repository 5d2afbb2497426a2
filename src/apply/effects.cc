#include "apply/effects.h"

#include <utility>
#include <variant>

#include "apply/effect_kinds.h"

namespace cleave {
namespace {

// Boot loaders read ext4 without its journal: after a power cut they would find the old name and,
// with bad luck, blocks that belong to another file by now.
Result<void> settle(HostWriter& host, const std::string& path) {
  const bool read_by_loader = path.starts_with("/boot/") || path.starts_with("/efi/");
  if (!read_by_loader || !host.exists(directory_name(path))) return {};
  return host.settle(path);
}

}  // namespace

Error conflict(Message message, const std::string& path, Message remedy) {
  Error error;
  error.code = ErrorCode::Conflict;
  error.message = std::move(message);
  error.path = path;
  error.remedy = std::move(remedy);
  return error;
}

bool is_missing(const Error& error) { return error.code == ErrorCode::NotFound; }

Result<std::string> read_if_there(const HostReader& host, const std::string& path, bool& absent) {
  Result<std::string> content = host.read_file(path, kFileLimit);
  absent = !content && is_missing(content.error());
  if (absent) return std::string();
  return content;
}

Error not_a_plain_file(const std::string& path) {
  return conflict(Message(N_("{path} is not a plain file; it was not touched."), {{"path", path}}),
                  path);
}

Result<Before> observe_file(const HostReader& host, const std::string& path) {
  const FileStatus status = TRY(host.status(path));
  if (status.kind != FileKind::Regular) return not_a_plain_file(path);
  Before before;
  before.path = path;
  before.existed = true;
  before.hash = content_hash(TRY(host.read_file(path, kFileLimit)));
  before.user = status.user;
  before.group = status.group;
  return before;
}

Result<bool> is_done(const HostReader& host, const Effect& effect) {
  return std::visit([&](const auto& held) { return is_done_here(host, held); }, effect);
}

Result<Before> observe(HostWriter& host, const Effect& effect) {
  return std::visit([&](const auto& held) { return observe_here(host, held); }, effect);
}

bool needs_copy(const Effect& effect, const Before& before) {
  const auto* generated = std::get_if<GenerateFile>(&effect);
  const bool file = std::holds_alternative<WriteFile>(effect) ||
                    std::holds_alternative<RemoveFile>(effect) ||
                    (generated != nullptr && !generated->only_undo);
  return file && before.existed;
}

Result<void> perform(HostWriter& host, const Effect& effect, const Before& before) {
  TRY(std::visit([&](const auto& held) { return perform_here(host, held, before); }, effect));
  return settle(host, before.path);
}

std::string outcome_of(const HostReader& host, const Effect& effect, const Before& before) {
  const auto* generated = std::get_if<GenerateFile>(&effect);
  if (generated == nullptr || generated->only_undo) return {};
  const Result<std::string> text = host.read_file(before.path, kFileLimit);
  return text ? content_hash(*text) : std::string();
}

Result<Notes> take_back(HostWriter& host, const Effect& effect, const Before& before,
                        const std::string& copy, const std::string& outcome) {
  const Trace trace{.before = before, .copy = copy, .outcome = outcome};
  Notes notes =
      TRY(std::visit([&](const auto& held) { return take_back_here(host, held, trace); }, effect));
  TRY(settle(host, before.path));
  return notes;
}

bool is_gone(const HostReader& host, const Effect& effect, const Before& before) {
  return std::visit([&](const auto& held) { return is_gone_here(host, held, before); }, effect);
}

}  // namespace cleave
