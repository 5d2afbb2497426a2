#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "cli/commands/all.h"
#include "cli/commands/lab_options.h"
#include "cli/commands/vgpu_common.h"

namespace cleave {
namespace {

constexpr std::chrono::seconds kDay{24 * 60 * 60};

TerminalSize terminal_size() {
  winsize size{};
  if (::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) return {};
  return {.rows = size.ws_row, .columns = size.ws_col};
}

void on_window_change(int /*signal*/) {}  // interrupts poll(2): the size is asked for again

// Every key goes to the laptop, Ctrl-C too; undone at the end.
class RawTerminal {
 public:
  RawTerminal() : is_terminal_(::tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!is_terminal_) return;
    termios raw = before_;
    ::cfmakeraw(&raw);
    ::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    struct sigaction action{};
    action.sa_handler = on_window_change;
    ::sigaction(SIGWINCH, &action, nullptr);
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  ~RawTerminal() {
    if (is_terminal_) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
  }

 private:
  termios before_{};
  bool is_terminal_;
};

Result<Laptop> find_or_boot(CommandContext& context, int cancel) {
  Result<Laptop> running = Laptop::attach(laptop_name(context), cancel);
  const bool none = !running && running.error().code == ErrorCode::NotFound;
  if (!none || context.arguments().has("--name")) return running;
  LaptopOptions options = TRY(read_laptop_options(context));
  options.cancel_descriptor = cancel;
  return boot_laptop(options);
}

Result<ExitStatus> shell(CommandContext& context) {
  if (const Result<void> good = check_laptop_options(context); !good) {
    return answer(context, good.error());
  }
  const CancelSignals signals;
  Laptop laptop = TRY(find_or_boot(context, signals.descriptor()));
  LaptopCommand command;
  // Without the person's start-up files: what they run can take minutes on the emulated processor.
  command.argv = {"/bin/bash", "--noprofile", "--norc"};
  if (::access("/bin/bash", X_OK) != 0) command.argv = {"/bin/sh"};
  command.environment.emplace_back("PS1", "root@laptop:$PWD# ");
  command.limit = kDay;
  command.working_directory = directory_in_laptop();
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody calls setenv
  if (const char* kind = std::getenv("TERM")) command.environment.emplace_back("TERM", kind);
  command.terminal = LaptopTerminal{.input = STDIN_FILENO, .size = terminal_size};
  command.on_output = [](std::string_view bytes) { write_bytes(STDOUT_FILENO, bytes); };
  const RawTerminal raw;
  const LaptopCommandEnd end = TRY(laptop.run(command));
  return static_cast<ExitStatus>(end.exit_status & 0xff);
}

std::vector<OptionSpec> options() {
  std::vector<OptionSpec> all = laptop_options();
  all.push_back({"--name", "NAME", N_("use the laptop of this name, which is up")});
  return all;
}

}  // namespace

const Command kLabShellCommand = {
    .name = "lab shell",
    .summary = N_("Open a root shell in a virtual laptop"),
    .options = options(),
    .positionals = {},
    .run = shell,
};

}  // namespace cleave
