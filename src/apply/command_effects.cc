// Commands, and files that a command generates.
#include <chrono>
#include <optional>
#include <utility>

#include "apply/effect_kinds.h"
#include "base/text.h"
#include "plan/boot/generated_menu.h"
#include "plan/own_part.h"

namespace cleave {
namespace {

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

// Whether `now` is what the old file is with cleave's words in it.
bool differs_only_in_words(const HostReader& host, const GenerateFile& effect,
                           const std::string& now, const std::string& copy) {
  const Result<std::string> old = host.read_file(copy, kFileLimit);
  return old && without_words(now, effect.words) == *old;
}

}  // namespace

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

Result<void> perform_here(HostWriter& host, const GenerateFile& effect, const Before& before) {
  if (effect.only_undo) return {};
  return generate_and_replace(host, effect, before, effect.words);
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

}  // namespace cleave
