// Attributes of sysfs, and owners of files and nodes.
#include <cerrno>
#include <chrono>
#include <utility>

#include "apply/effect_kinds.h"
#include "base/text.h"

namespace cleave {
namespace {

constexpr std::chrono::milliseconds kPollInterval(20);

bool guard_holds(const HostReader& host, const WriteAttribute& effect) {
  if (effect.undo_guard_path.empty()) return true;
  const Result<std::string> real = host.real_path(effect.undo_guard_path);
  return real && real->ends_with(effect.undo_guard);
}

// Whether the thing that the attribute made is not there any more, or is somebody else's.
bool attribute_is_gone(const HostReader& host, const WriteAttribute& effect) {
  if (!effect.done_path.empty() && !host.exists(effect.done_path)) return true;
  return !guard_holds(host, effect);
}

Result<std::string> owned_path(const HostReader& host, const ChangeOwner& effect) {
  if (effect.named_by.empty()) return effect.path;
  const Result<std::string> target = host.read_link(effect.named_by);
  if (target) return join_path(effect.path, base_name(*target));
  const auto names = host.list_directory(effect.named_by);
  if (!names) return target.error();
  if (names->size() == 1) return join_path(effect.path, names->front());
  Error error;
  error.code = ErrorCode::NotFound;
  error.message = Message(N_("{path} does not name one device."), {{"path", effect.named_by}});
  error.path = effect.named_by;
  return error;
}

Result<Before> observe_now(const HostReader& host, const ChangeOwner& effect) {
  Before before;
  const std::string path = TRY(owned_path(host, effect));
  before.path = TRY(host.real_path(path));
  const FileStatus status = TRY(host.status(before.path));
  before.existed = true;
  before.user = status.user;
  before.group = status.group;
  return before;
}

}  // namespace

Result<bool> is_done_here(const HostReader& host, const WriteAttribute& effect) {
  if (!effect.done_path.empty()) return host.exists(effect.done_path);
  // Attributes that can only be written (`remove`) are never done already.
  const Result<std::string> content = host.read_file(effect.path);
  return content && trim(*content) == effect.value;
}

Result<Before> observe_here(HostWriter& host, const WriteAttribute& effect) {
  Before before;
  before.path = effect.path;
  // Of what another attribute undoes, nobody asks what this one said.
  if (effect.undo_path != effect.path) return before;
  if (Result<std::string> content = host.read_file(effect.path)) before.text = *content;
  return before;
}

Result<void> perform_here(HostWriter& host, const WriteAttribute& effect,
                          const Before& /*before*/) {
  TRY(host.write_attribute(effect.path, effect.value));
  if (effect.done_path.empty() || host.exists(effect.done_path)) return {};
  Error error;
  error.code = ErrorCode::Io;
  error.message = Message(N_("The driver accepted {value}, but {path} did not appear."),
                          {{"value", effect.value}, {"path", effect.done_path}});
  error.path = effect.path;
  return error;
}

Result<Notes> take_back_here(HostWriter& host, const WriteAttribute& effect, const Trace& trace) {
  if (effect.undo_path.empty() || attribute_is_gone(host, effect)) return Notes();
  if (effect.undo_path == effect.path && !trace.before.text.empty()) {
    const Result<std::string> now = host.read_file(effect.path);
    if (now && *now == trace.before.text) return Notes();
  }
  const Result<void> written = host.write_attribute(effect.undo_path, effect.undo_value);
  if (written) return Notes();
  // Gone between the look and the write, or (for what is made again) there already.
  if (is_missing(written.error()) || written.error().error_number == EEXIST) return Notes();
  return written.error();
}

bool is_gone_here(const HostReader& host, const WriteAttribute& effect, const Before& /*before*/) {
  return attribute_is_gone(host, effect) || !host.exists(effect.undo_path);
}

Result<bool> is_done_here(const HostReader& host, const ChangeOwner& effect) {
  const Result<std::string> path = owned_path(host, effect);
  if (!path) return false;
  const Result<FileStatus> status = host.status(*path);
  return status && status->user == effect.user && status->group == effect.group;
}

Result<Before> observe_here(HostWriter& host, const ChangeOwner& effect) {
  const std::chrono::milliseconds limit(
      std::min(effect.wait_milliseconds, kMaximumWaitMilliseconds));
  std::chrono::milliseconds waited(0);
  while (true) {
    Result<Before> before = observe_now(host, effect);
    if (before || !is_missing(before.error()) || waited >= limit) return before;
    host.pause(kPollInterval);
    waited += kPollInterval;
  }
}

Result<void> perform_here(HostWriter& host, const ChangeOwner& effect, const Before& before) {
  return host.change_owner(before.path, effect.user, effect.group);
}

bool is_gone_here(const HostReader& host, const ChangeOwner& effect, const Before& before) {
  const Result<std::string> path = owned_path(host, effect);
  if (!path) return is_missing(path.error());
  const Result<std::string> real = host.real_path(*path);
  // The number of a group can be given to another device later: then it is another path, or
  // (after a reboot) the transaction knows from the boot's id.
  return real ? *real != before.path : is_missing(real.error());
}

Result<Notes> take_back_here(HostWriter& host, const ChangeOwner& effect, const Trace& trace) {
  const Before& before = trace.before;
  if (is_gone_here(host, effect, before)) return Notes();
  const FileStatus now = TRY(host.status(before.path));
  if (now.user == before.user && now.group == before.group) return Notes();
  // udev with much to do sets a node's owner after cleave has given it away. What it says holds,
  // and is no reason to keep the rest from being put back.
  if (now.user != effect.user || now.group != effect.group) {
    return Notes{{N_("The owner of {path} was changed by somebody else after cleave; it was left "
                     "as it is."),
                  {{"path", before.path}}}};
  }
  TRY(host.change_owner(before.path, before.user, before.group));
  return Notes();
}

}  // namespace cleave
