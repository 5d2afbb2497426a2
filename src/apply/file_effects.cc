// Files that are written or removed.
#include <optional>
#include <ranges>
#include <utility>

#include "apply/effect_kinds.h"
#include "plan/boot/loader.h"
#include "plan/own_part.h"

namespace cleave {
namespace {

Result<void> expect_before(const std::string& path, const std::string& expected, bool existed,
                           const std::string& hash) {
  if (expected.empty() || expected == (existed ? hash : std::string(kAbsentFile))) return {};
  return conflict(
      Message(N_("{path} changed after the plan was made; it was not touched."), {{"path", path}}),
      path, Message(N_("Run the command again to make a new plan.")));
}

std::vector<std::string> missing_parents(const HostReader& host, const std::string& path) {
  std::vector<std::string> missing;
  std::string parent(directory_name(path));
  while (parent != "/" && parent != "." && !host.exists(parent)) {
    missing.insert(missing.begin(), parent);
    parent = std::string(directory_name(parent));
  }
  return missing;
}

Error changed_since(const std::string& path, const std::string& copy, bool existed) {
  Message remedy(N_("Put it back by hand if you want to: the file before lies in {copy}"),
                 {{"copy", copy}});
  if (!existed) remedy = Message(N_("Remove it by hand if you do not need it."));
  return conflict(Message(N_("{path} was changed by somebody else after cleave; it was left as it "
                             "is."),
                          {{"path", path}}),
                  path, std::move(remedy));
}

// Directories that cleave made and that are empty again; others stay.
void remove_directories(HostWriter& host, const std::vector<std::string>& directories) {
  for (const auto& directory : std::views::reverse(directories)) {
    if (!host.remove_directory(directory)) return;
  }
}

// `now` without cleave's part; empty if there is none to take out.
std::optional<std::string> without_own_part(const WriteFile& effect, const std::string& now) {
  switch (effect.own) {
    case WriteFile::Own::Block:
      return without_block(now);
    case WriteFile::Own::Words:
      return without_words(now, effect.words);
    case WriteFile::Own::GrubVariables:
      return without_grub_variables(now, effect.words);
    case WriteFile::Own::File:
      break;
  }
  return std::nullopt;
}

// GRUB itself writes its environment block at every start: what it left of cleave's variables is
// taken out, and where nothing else differs the file from before comes back.
bool is_as_before(const HostReader& host, const WriteFile& effect, const Trace& trace,
                  const std::string& rest) {
  if (effect.own != WriteFile::Own::GrubVariables) return false;
  const Result<std::string> before = host.read_file(trace.copy, kFileLimit);
  return before && without_grub_variables(*before, effect.words) == rest;
}

// Somebody else changed the file after cleave.
Result<Notes> take_out_own_part(HostWriter& host, const WriteFile& effect, const Trace& trace,
                                const std::string& now) {
  const std::string& path = trace.before.path;
  if (effect.own == WriteFile::Own::File) {
    return changed_since(path, trace.copy, trace.before.existed);
  }
  const std::optional<std::string> rest = without_own_part(effect, now);
  if (!rest) {
    return Notes{{N_("{path} was changed by somebody else after cleave, and nothing of cleave's is "
                     "in it any more; it was left as it is."),
                  {{"path", path}}}};
  }
  if (is_as_before(host, effect, trace, *rest)) {
    TRY(host.copy_file(trace.copy, path));
    return Notes();
  }
  if (rest->empty() && !trace.before.existed) {
    TRY(host.remove_file(path));
    remove_directories(host, trace.before.created_directories);
  } else {
    TRY(host.replace_file(path, *rest));
  }
  return Notes{{N_("{path} was changed by somebody else after cleave; only cleave's part was taken "
                   "out."),
                {{"path", path}}}};
}

// Of a boot entry that was renamed since, by the loader that counts tries, the path that it has
// now.
std::string path_now(const HostReader& host, const std::string& path) {
  const std::string directory(directory_name(path));
  if (!directory.ends_with("/loader/entries") || host.exists(path)) return path;
  const auto names = host.list_directory(directory);
  if (!names) return path;
  const std::string renamed = entry_path_now(path, *names);
  return renamed.empty() ? path : renamed;
}

Result<Notes> take_back_at(HostWriter& host, const WriteFile& effect, const Trace& trace);

Result<Notes> take_back_at(HostWriter& host, const WriteFile& effect, const Trace& trace) {
  const Before& before = trace.before;
  bool absent = false;
  const std::string now = TRY(read_if_there(host, before.path, absent));
  if (!absent && before.existed && content_hash(now) == before.hash) return Notes();
  if (!absent && now != effect.content) return take_out_own_part(host, effect, trace, now);
  if (before.existed) {
    TRY(host.copy_file(trace.copy, before.path));
    return Notes();
  }
  if (!absent) TRY(host.remove_file(before.path));
  remove_directories(host, before.created_directories);
  return Notes();
}

}  // namespace

Result<bool> is_done_here(const HostReader& host, const WriteFile& effect) {
  bool absent = false;
  const std::string content = TRY(read_if_there(host, effect.path, absent));
  return !absent && content == effect.content;
}

Result<Before> observe_here(HostWriter& host, const WriteFile& effect) {
  Before before;
  const Result<std::string> real = host.real_path(effect.path);
  if (real) {
    before = TRY(observe_file(host, *real));
  } else if (!is_missing(real.error())) {
    return real.error();
  } else if (host.exists(effect.path)) {
    return not_a_plain_file(effect.path);  // a link that leads nowhere
  } else {
    before.path = effect.path;
    before.created_directories = missing_parents(host, effect.path);
  }
  TRY(expect_before(effect.path, effect.expected_before, before.existed, before.hash));
  return before;
}

Result<void> perform_here(HostWriter& host, const WriteFile& effect, const Before& before) {
  if (!before.created_directories.empty()) {
    TRY(host.create_directories(before.created_directories.back()));
  }
  return host.replace_file(before.path, effect.content, effect.mode);
}

Result<Notes> take_back_here(HostWriter& host, const WriteFile& effect, const Trace& trace) {
  TRY(host.remove_leftovers(trace.before.path));
  Before now = trace.before;
  now.path = path_now(host, now.path);
  return take_back_at(host, effect, {.before = now, .copy = trace.copy, .outcome = trace.outcome});
}

bool is_gone_here(const HostReader& /*host*/, const WriteFile& /*effect*/,
                  const Before& /*before*/) {
  return false;
}

Result<bool> is_done_here(const HostReader& host, const RemoveFile& effect) {
  const Result<FileStatus> status = host.status(effect.path);
  if (status) return false;
  if (is_missing(status.error())) return true;
  return status.error();
}

Result<Before> observe_here(HostWriter& host, const RemoveFile& effect) {
  Before before = TRY(observe_file(host, effect.path));
  TRY(expect_before(effect.path, effect.expected_before, true, before.hash));
  return before;
}

Result<void> perform_here(HostWriter& host, const RemoveFile& effect, const Before& /*before*/) {
  return host.remove_file(effect.path);
}

Result<Notes> take_back_here(HostWriter& host, const RemoveFile& effect, const Trace& trace) {
  TRY(host.remove_leftovers(effect.path));
  bool absent = false;
  const std::string now = TRY(read_if_there(host, effect.path, absent));
  if (!absent && content_hash(now) != trace.before.hash) {
    return changed_since(effect.path, trace.copy, true);
  }
  if (absent) TRY(host.copy_file(trace.copy, effect.path));
  return Notes();
}

bool is_gone_here(const HostReader& /*host*/, const RemoveFile& /*effect*/,
                  const Before& /*before*/) {
  return false;
}

}  // namespace cleave
