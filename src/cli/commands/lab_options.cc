#include "cli/commands/lab_options.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>

#include "base/format.h"
#include "base/text.h"
#include "cli/render/steps.h"
#include "lab/qemu_arguments.h"
#include "lab/registry.h"

namespace cleave {
namespace {

constexpr const char* kDefaultName = "laptop";
// Below, the kernel and its modules do not fit; above, nobody can mean it.
constexpr std::uint32_t kLeastMemory = 512;
constexpr std::uint32_t kMostMemory = 1U << 20U;
constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP};

int cancel_event = -1;  // what the handler writes to

void on_signal(int /*signal*/) {
  const int saved = errno;
  const std::uint64_t one = 1;
  const ssize_t written = ::write(cancel_event, &one, sizeof(one));
  (void)written;
  errno = saved;
}

Error bad_number(const char* option, const std::string& value) {
  Error error;
  error.code = ErrorCode::Malformed;
  error.message = Message(N_("“{value}” is no number that {option} can take"),
                          {{"value", printable(value)}, {"option", option}});
  return error;
}

Result<std::optional<std::uint32_t>> memory_of(const Arguments& arguments) {
  const auto memory = arguments.get("--memory");
  if (!memory) return std::optional<std::uint32_t>();
  const auto megabytes = parse_unsigned<std::uint32_t>(*memory);
  if (megabytes && *megabytes >= kLeastMemory && *megabytes <= kMostMemory) return megabytes;
  return bad_number("--memory", *memory);
}

}  // namespace

std::vector<OptionSpec> laptop_options() {
  return {
      {"--module-parameter", "MODULE.NAME=VALUE",
       N_("a parameter of a module that the laptop loads, as i915.enable_gvt=0"), true},
      {"--kernel-argument", "ARGUMENT", N_("an argument of the laptop's kernel"), true},
      {"--device", "DEVICE",
       N_("one more device of the laptop, as QEMU's -device takes it: e1000e,bus=pcie.0"), true},
      {"--memory", "MB", N_("memory of the laptop in MiB (2048)"), false, true},
  };
}

Result<void> check_laptop_options(const CommandContext& context) {
  const Arguments& arguments = context.arguments();
  TRY(memory_of(arguments));
  TRY(command_limit(context, {}));
  TRY(laptop_command_line(arguments.all("--kernel-argument"), arguments.all("--module-parameter")));
  const std::string name = laptop_name(context);
  if (is_laptop_name(name)) return {};
  return error_of(ErrorCode::Malformed,
                  {N_("“{name}” is no name for a virtual laptop"), {{"name", printable(name)}}},
                  {N_("Use at most 32 letters, digits, “-” and “_”.")});
}

Result<LaptopOptions> read_laptop_options(const CommandContext& context) {
  const Arguments& arguments = context.arguments();
  LaptopOptions options;
  options.source_directory = TRY(lab_source_directory());
  options.cache_directory = TRY(lab_cache_directory());
  options.module_parameters = arguments.all("--module-parameter");
  options.kernel_arguments = arguments.all("--kernel-argument");
  options.devices = arguments.all("--device");
  if (const auto megabytes = TRY(memory_of(arguments))) options.memory_mb = *megabytes;
  return options;
}

std::string laptop_name(const CommandContext& context) {
  return context.arguments().get("--name").value_or(kDefaultName);
}

Result<std::chrono::seconds> command_limit(const CommandContext& context,
                                           std::chrono::seconds otherwise) {
  const auto text = context.arguments().get("--limit");
  if (!text) return otherwise;
  const auto seconds = parse_unsigned<std::uint32_t>(*text);
  if (!seconds || *seconds == 0) return bad_number("--limit", *text);
  return std::chrono::seconds(*seconds);
}

CancelSignals::CancelSignals() {
  cancel_event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  struct sigaction action{};
  action.sa_handler = on_signal;
  for (const int signal : kSignals) ::sigaction(signal, &action, nullptr);
}

CancelSignals::~CancelSignals() {
  struct sigaction action{};
  action.sa_handler = SIG_DFL;
  for (const int signal : kSignals) ::sigaction(signal, &action, nullptr);
  ::close(cancel_event);
  cancel_event = -1;
}

int CancelSignals::descriptor() const { return cancel_event; }

Result<Laptop> boot_laptop(const LaptopOptions& options) {
  Steps steps(Steps::Stream::Error, false);
  Result<Laptop> laptop = Laptop::start(options, [&](const Message& step) { steps.begin(step); });
  if (laptop) steps.end();
  return laptop;
}

std::string directory_in_laptop() {
  std::error_code problem;
  const std::string here = std::filesystem::current_path(problem).string();
  const std::string below = here + "/";
  for (const char* own : {"/tmp/", "/run/", "/dev/", "/proc/", "/sys/"}) {
    if (below.starts_with(own)) return "/";
  }
  return problem ? "/" : here;
}

void write_bytes(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return;  // nobody reads any more: the command goes on without a listener
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

}  // namespace cleave
