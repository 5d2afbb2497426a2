// Systems where a tool keeps the arguments and has an inverse of its own: kernelstub (Pop!_OS) and
// rpm-ostree, which makes a new deployment and leaves the old one as an entry to go back to.
#include "base/text.h"
#include "plan/boot/edits.h"
#include "plan/boot/loaders.h"
#include "plan/boot/trial.h"

namespace cleave {
namespace {

Change run_change(std::vector<std::string> argv, std::vector<std::string> undo_argv,
                  const std::vector<std::string>& words) {
  return {.id = "boot.arguments",
          .summary = {N_("Give the kernel {words} from the next start on"),
                      {{"words", join(words, " ")}}},
          .reason = {N_("{tool} keeps the kernel's arguments on this system."),
                     {{"tool", argv.front()}}},
          .effect = RunCommand{.argv = std::move(argv), .undo_argv = std::move(undo_argv)},
          .needs_root = true,
          .needs_reboot = true,
          .permanent = true};
}

Result<std::vector<Change>> add_with_kernelstub(const ArgumentsRequest& request) {
  TRY(check_words(request.words));
  const KernelstubConfig* config = request.facts.boot.kernelstub.value();
  if (config == nullptr) {
    Error error;
    error.code = ErrorCode::Conflict;
    error.message = {N_("What kernelstub gives the kernel could not be read.")};
    error.path = request.facts.boot.kernelstub.source();
    return error;
  }
  const std::vector<std::string> missing = words_to_add(config->arguments, request.words);
  std::vector<Change> changes;
  if (missing.empty()) return changes;
  const std::string list = join(missing, " ");
  changes.push_back(run_change({"kernelstub", "-a", list}, {"kernelstub", "-d", list}, missing));
  return changes;
}

// The arguments of the deployment that starts next: the first entry's.
std::string next_deployment(const BootFacts& boot) {
  for (const LoaderPlace& place : boot.places) {
    const std::vector<BootEntry> entries = place.entries.value_or({});
    if (!entries.empty()) return entries.back().arguments;
  }
  return {};
}

Result<std::vector<Change>> add_with_rpm_ostree(const ArgumentsRequest& request) {
  TRY(check_words(request.words));
  const std::vector<std::string> missing =
      words_to_add(next_deployment(request.facts.boot), request.words);
  std::vector<Change> changes;
  if (missing.empty()) return changes;
  std::vector<std::string> argv = {"rpm-ostree", "kargs"};
  std::vector<std::string> undo_argv = argv;
  for (const std::string& word : missing) {
    argv.push_back("--append-if-missing=" + word);
    undo_argv.push_back("--delete-if-present=" + word);
  }
  changes.push_back(run_change(std::move(argv), std::move(undo_argv), missing));
  return changes;
}

}  // namespace

Loader kernelstub_loader() {
  return {.writer = BootWriter::Kernelstub,
          .add_arguments = add_with_kernelstub,
          .try_arguments = try_with_own_loader};
}
Loader rpm_ostree_loader() {
  return {.writer = BootWriter::RpmOstree,
          .add_arguments = add_with_rpm_ostree,
          .try_arguments = try_with_own_loader};
}

}  // namespace cleave
