#include "apply/effects.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <ranges>
#include <utility>

#include "base/format.h"
#include "base/text.h"
#include "plan/boot/generated_menu.h"
#include "plan/boot/loader.h"
#include "plan/own_part.h"

namespace cleave {
namespace {

constexpr std::chrono::milliseconds kPollInterval(20);
// Files that cleave changes are configuration; the largest such thing is a boot loader's.
constexpr std::size_t kFileLimit = std::size_t{16} << 20U;

Error conflict(Message message, const std::string& path, Message remedy = {}) {
  Error error;
  error.code = ErrorCode::Conflict;
  error.message = std::move(message);
  error.path = path;
  error.remedy = std::move(remedy);
  return error;
}

// What is known of an effect when it is taken back.
struct Trace {
  const Before& before;
  const std::string& copy;
  const std::string& outcome;
};

// Boot loaders read ext4 without its journal: after a power cut they would find the old name and,
// with bad luck, blocks that belong to another file by now.
Result<void> settle(HostWriter& host, const std::string& path) {
  const bool read_by_loader = path.starts_with("/boot/") || path.starts_with("/efi/");
  if (!read_by_loader || !host.exists(directory_name(path))) return {};
  return host.settle(path);
}

bool is_missing(const Error& error) { return error.code == ErrorCode::NotFound; }

// "" if the file is absent (and `absent` is set); other errors are handed on.
Result<std::string> read_if_there(const HostReader& host, const std::string& path, bool& absent) {
  Result<std::string> content = host.read_file(path, kFileLimit);
  absent = !content && is_missing(content.error());
  if (absent) return std::string();
  return content;
}

// --- attributes

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

Result<bool> is_done_here(const HostReader& host, const WriteAttribute& effect) {
  if (!effect.done_path.empty()) return host.exists(effect.done_path);
  // Attributes that can only be written (`remove`) are never done already.
  const Result<std::string> content = host.read_file(effect.path);
  return content && trim(*content) == effect.value;
}

Result<Before> observe_here(HostWriter& host, const WriteAttribute& effect) {
  Before before;
  before.path = effect.path;
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

// --- files

Result<void> expect_before(const std::string& path, const std::string& expected, bool existed,
                           const std::string& hash) {
  if (expected.empty() || expected == (existed ? hash : std::string(kAbsentFile))) return {};
  return conflict(
      Message(N_("{path} changed after the plan was made; it was not touched."), {{"path", path}}),
      path, Message(N_("Run the command again to make a new plan.")));
}

Error not_a_plain_file(const std::string& path) {
  return conflict(Message(N_("{path} is not a plain file; it was not touched."), {{"path", path}}),
                  path);
}

// Notes the plain file at `path`, which is there.
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

std::vector<std::string> missing_parents(const HostReader& host, const std::string& path) {
  std::vector<std::string> missing;
  std::string parent(directory_name(path));
  while (parent != "/" && parent != "." && !host.exists(parent)) {
    missing.insert(missing.begin(), parent);
    parent = std::string(directory_name(parent));
  }
  return missing;
}

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

Result<Notes> take_back_here(HostWriter& host, const WriteFile& effect, const Trace& trace) {
  TRY(host.remove_leftovers(trace.before.path));
  Before now = trace.before;
  now.path = path_now(host, now.path);
  return take_back_at(host, effect, {.before = now, .copy = trace.copy, .outcome = trace.outcome});
}

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

// --- commands

Result<void> run(HostWriter& host, const std::vector<std::string>& argv, std::uint32_t limit) {
  if (argv.empty()) return {};
  const CommandOutput output = TRY(host.run_command(argv, std::chrono::seconds(limit)));
  if (output.exit_status == 0) return {};
  const auto printed = lines(trim(output.output));
  Error error;
  error.code = ErrorCode::Io;
  error.message =
      Message(N_("{command} ended with status {status}: {output}"),
              {{"command", printable(join(argv, " "))},
               {"status", output.exit_status},
               {"output", printed.empty() ? std::string() : printable(printed.back())}});
  return error;
}

Result<bool> is_done_here(const HostReader& /*host*/, const RunCommand& /*effect*/) {
  return false;
}

Result<Before> observe_here(HostWriter& /*host*/, const RunCommand& /*effect*/) { return Before(); }

Result<void> perform_here(HostWriter& host, const RunCommand& effect, const Before& /*before*/) {
  return run(host, effect.argv, effect.limit_seconds);
}

Result<Notes> take_back_here(HostWriter& host, const RunCommand& effect, const Trace& /*trace*/) {
  TRY(run(host, effect.undo_argv, effect.limit_seconds));
  return Notes();
}

bool is_gone_here(const HostReader& /*host*/, const RunCommand& /*effect*/,
                  const Before& /*before*/) {
  return false;
}

// --- owners

Result<std::string> owned_path(const HostReader& host, const ChangeOwner& effect) {
  if (effect.named_by.empty()) return effect.path;
  const std::string target = TRY(host.read_link(effect.named_by));
  return join_path(effect.path, base_name(target));
}

Result<bool> is_done_here(const HostReader& host, const ChangeOwner& effect) {
  const Result<std::string> path = owned_path(host, effect);
  if (!path) return false;
  const Result<FileStatus> status = host.status(*path);
  return status && status->user == effect.user && status->group == effect.group;
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
  if (now.user != effect.user || now.group != effect.group) {
    return conflict(Message(N_("The owner of {path} was changed by somebody else after cleave; it "
                               "was left as it is."),
                            {{"path", before.path}}),
                    before.path);
  }
  TRY(host.change_owner(before.path, before.user, before.group));
  return Notes();
}

// --- generated files

// The file that is generated, or its place.
Result<Before> observe_here(HostWriter& host, const GenerateFile& effect) {
  const Result<std::string> real = host.real_path(effect.path);
  if (real) return observe_file(host, *real);
  if (!is_missing(real.error())) return real.error();
  if (host.exists(effect.path)) return not_a_plain_file(effect.path);
  Before before;
  before.path = effect.path;
  return before;
}

Result<bool> is_done_here(const HostReader& /*host*/, const GenerateFile& /*effect*/) {
  return false;
}

// The file beside the real one is cleave's; a run that was cut off may have left it.
// grub-mkconfig has one of its own on the way (-o FILE: FILE.new).
Result<void> remove_fresh(HostWriter& host, const GenerateFile& effect) {
  for (const std::string& path : {effect.fresh, effect.fresh + ".new"}) {
    if (host.exists(path)) TRY(host.remove_file(path));
  }
  return {};
}

// Runs the generator and looks at what it wrote.
Result<std::string> generate(HostWriter& host, const GenerateFile& effect,
                             const std::vector<std::string>& words) {
  TRY(remove_fresh(host, effect));
  TRY(run(host, effect.argv, effect.limit_seconds));
  std::string text = TRY(host.read_file(effect.fresh, kFileLimit));
  if (!effect.check_argv.empty()) TRY(run(host, effect.check_argv, effect.limit_seconds));
  if (std::optional<Message> problem = problem_of_menu(text, words)) {
    return conflict(std::move(*problem), effect.path);
  }
  return text;
}

Result<void> generate_and_replace(HostWriter& host, const GenerateFile& effect,
                                  const Before& before, const std::vector<std::string>& words) {
  const std::string text = TRY(generate(host, effect, words));
  // A file that is there keeps its owner and mode; a new one gets the generator's.
  TRY(host.exists(before.path) ? host.replace_file(before.path, text)
                               : host.copy_file(effect.fresh, before.path));
  return remove_fresh(host, effect);
}

Result<void> perform_here(HostWriter& host, const GenerateFile& effect, const Before& before) {
  if (effect.only_undo) return {};
  return generate_and_replace(host, effect, before, effect.words);
}

// Whether `now` is what the old file is with cleave's words in it.
bool differs_only_in_words(const HostReader& host, const GenerateFile& effect,
                           const std::string& now, const std::string& copy) {
  const Result<std::string> old = host.read_file(copy, kFileLimit);
  return old && without_words(now, effect.words) == *old;
}

Result<Notes> take_back_here(HostWriter& host, const GenerateFile& effect, const Trace& trace) {
  const Before& before = trace.before;
  TRY(host.remove_leftovers(before.path));
  TRY(remove_fresh(host, effect));
  bool absent = false;
  const std::string now = TRY(read_if_there(host, before.path, absent));
  const std::string hash = absent ? std::string(kAbsentFile) : content_hash(now);
  if (hash == (before.existed ? before.hash : std::string(kAbsentFile))) return Notes();
  if (effect.only_undo) {
    TRY(generate_and_replace(host, effect, before, {}));
    return Notes{{N_("{path} had been written anew since; it was generated once more, without "
                     "cleave's part."),
                  {{"path", before.path}}}};
  }
  const bool ours = hash == trace.outcome || differs_only_in_words(host, effect, now, trace.copy);
  if (!ours) return Notes();  // the half that only undoes comes later, and generates it
  if (before.existed) {
    TRY(host.copy_file(trace.copy, before.path));
  } else {
    TRY(host.remove_file(before.path));
  }
  return Notes();
}

bool is_gone_here(const HostReader& /*host*/, const GenerateFile& /*effect*/,
                  const Before& /*before*/) {
  return false;
}

}  // namespace

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
