#include <unistd.h>

#include "cli/commands/all.h"
#include "cli/commands/lab_options.h"
#include "cli/commands/vgpu_common.h"

namespace cleave {
namespace {

constexpr std::chrono::seconds kDefaultLimit{300};

// "LAPTOP_PATH[:HOST_PATH]"; without the second the file's name in the current directory.
FetchedFile read_fetch(const std::string& text) {
  const std::size_t colon = text.find(':');
  FetchedFile file;
  file.laptop_path = text.substr(0, colon);
  file.host_path = colon == std::string::npos ? std::string(base_name(file.laptop_path))
                                              : text.substr(colon + 1);
  return file;
}

// The laptop of that name if --name was given or the usual one is up; else one for this command.
Result<Laptop> find_or_boot(CommandContext& context, int cancel) {
  const bool chosen = context.arguments().has("--name");
  Result<Laptop> running = Laptop::attach(laptop_name(context), cancel);
  const bool none = !running && running.error().code == ErrorCode::NotFound;
  if (chosen || (!none && !context.arguments().has("--module-parameter") &&
                 !context.arguments().has("--kernel-argument"))) {
    return running;
  }
  LaptopOptions options = TRY(read_laptop_options(context));
  options.cancel_descriptor = cancel;
  return boot_laptop(options);
}

Result<ExitStatus> run(CommandContext& context) {
  if (const Result<void> good = check_laptop_options(context); !good) {
    return answer(context, good.error());
  }
  LaptopCommand command;
  command.argv = context.arguments().all("COMMAND");
  command.limit = TRY(command_limit(context, kDefaultLimit));
  command.working_directory = directory_in_laptop();
  for (const std::string& text : context.arguments().all("--get")) {
    command.fetch.push_back(read_fetch(text));
  }
  command.on_output = [](std::string_view bytes) { write_bytes(STDOUT_FILENO, bytes); };
  command.on_error_output = [](std::string_view bytes) { write_bytes(STDERR_FILENO, bytes); };
  const CancelSignals signals;
  Laptop laptop = TRY(find_or_boot(context, signals.descriptor()));
  const LaptopCommandEnd end = TRY(laptop.run(command));
  for (const std::string& path : end.missing_files) {
    context.warn(Message(N_("The laptop has no file {path}"), {{"path", path}}));
  }
  if (end.exit_status == 0 && !end.missing_files.empty()) return ExitStatus::Failed;
  // The command's own status, whatever it means there.
  return static_cast<ExitStatus>(end.exit_status & 0xff);
}

std::vector<OptionSpec> options() {
  std::vector<OptionSpec> all = laptop_options();
  all.push_back({"--get", "LAPTOP_PATH[:HOST_PATH]",
                 N_("afterwards, copy this file of the laptop here"), true});
  all.push_back(
      {"--limit", "SECONDS", N_("end the laptop if the command takes longer (300)"), false, true});
  all.push_back({"--name", "NAME", N_("use the laptop of this name, which is up")});
  return all;
}

}  // namespace

const Command kLabRunCommand = {
    .name = "lab run",
    .summary = N_("Run a command in a virtual laptop with a GPU that can be shared"),
    .options = options(),
    .positionals = {{"COMMAND", N_("the command and its arguments, after “--”"), true, true}},
    .run = run,
};

}  // namespace cleave
