// cleave vm install: a guest's operating system without hands.
#include "app/vm_install.h"

#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <system_error>

#include "app/password.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/foreground_signals.h"
#include "cli/commands/vgpu_common.h"
#include "cli/commands/vm_common.h"
#include "cli/input.h"
#include "cli/render/translate.h"
#include "cli/terminal_line.h"

namespace cleave {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::seconds;

constexpr auto kLook = seconds(1);
constexpr auto kPictureEvery = seconds(30);
// UEFI's “Press any key to boot from CD” comes some seconds after the start and waits five; setup
// itself listens only after half a minute.
constexpr auto kKeysFor = seconds(25);
constexpr auto kShutdownLimit = seconds(60);
constexpr int kPromptsInARow = 4;

bool is_person(const CommandContext& context) {
  return !context.wants_json() && ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
}

Result<std::string> absolute_path(const std::string& path) {
  std::error_code problem;
  const std::filesystem::path absolute = std::filesystem::absolute(path, problem);
  if (problem) {
    return system_error(problem.value(), Message(N_("Could not tell the working directory")));
  }
  return normal_path(absolute.string());
}

struct Password {
  std::string text;
  bool made = false;
};

Result<Password> password_of(const CommandContext& context) {
  const Arguments& arguments = context.arguments();
  if (const auto file = arguments.get("--password-file")) {
    const std::string text = TRY(read_input(*file, kLongestLine, std::chrono::minutes(1)));
    const std::vector<std::string_view> all = lines(text);
    return Password{.text = all.empty() ? std::string() : std::string(all.front())};
  }
  if (arguments.has("--ask-password")) {
    if (!is_person(context)) {
      return error_of(ErrorCode::Unsupported,
                      {N_("A password can only be asked for on a terminal")},
                      {N_("Give it in a file: --password-file FILE.")});
    }
    std::string first = ask_hidden({N_("The new user's password: ")});
    if (first != ask_hidden({N_("Once more: ")})) {
      return error_of(ErrorCode::Malformed, {N_("The two passwords are not the same")});
    }
    return Password{.text = std::move(first)};
  }
  // A dry run makes none that anybody would need.
  if (arguments.has("--dry-run")) return Password{.text = "dry-run"};
  return Password{.text = TRY(make_password()), .made = true};
}

Result<InstallWish> wish_of(const CommandContext& context) {
  const Arguments& arguments = context.arguments();
  const auto path = [&arguments](const char* option) {
    const auto value = arguments.get(option);
    return value ? absolute_path(*value) : Result<std::string>(std::string());
  };
  InstallWish wish;
  wish.iso = TRY(path("--iso"));
  wish.virtio_iso = TRY(path("--virtio-iso"));
  wish.cloud_image = TRY(path("--cloud-image"));
  wish.driver = TRY(path("--driver"));
  wish.user = arguments.get("--user").value_or("");
  wish.product_key = arguments.get("--product-key").value_or("");
  wish.edition = arguments.get("--edition").value_or("");
  wish.language = arguments.get("--language").value_or("");
  wish.keyboard = arguments.get("--keyboard").value_or("");
  wish.time_zone = arguments.get("--timezone").value_or("");
  wish.overwrite = arguments.has("--overwrite");
  if (wish.iso.empty() == wish.cloud_image.empty()) {
    return error_of(ErrorCode::Malformed,
                    {N_("Say what is to be installed: --iso for Windows, or --cloud-image for "
                        "Linux")});
  }
  if (const auto text = arguments.get("--size")) {
    wish.bytes = image_size(*text);
    if (!wish.bytes) {
      return error_of(ErrorCode::Malformed,
                      {N_("--size is “{size}”; it must be a whole number and a unit, K, M, G or T, "
                          "such as 64G"),
                       {{"size", printable(*text)}}});
    }
  }
  return wish;
}

Json driver_json(const Installation& installation) {
  Json drivers = Json::array();
  for (const InstallDriver& driver : installation.drivers) {
    drivers.push_back(Json::object(
        {{"file", driver.file},
         {"version", to_text(driver.version)},
         {"with_gvt_g", driver_health_name(driver.judgement.health)},
         {"source", driver.judgement.source.empty() ? Json() : Json(driver.judgement.source)}}));
  }
  return drivers;
}

Json texts(const std::vector<std::string>& all) {
  Json json = Json::array();
  for (const std::string& text : all) json.push_back(text);
  return json;
}

Json json_of(const Installation& installation, const char* state) {
  Json files = Json::array();
  for (const DiscFile& file : installation.files) files.push_back(file.name);
  const auto& image = installation.new_image;
  return Json::object({{"schema", "cleave.vm-install/1"},
                       {"name", installation.vm.name},
                       {"kind", install_kind_name(installation.kind)},
                       {"state", state},
                       {"user", installation.user},
                       {"disk", installation.disk.file},
                       {"new_disk", image.has_value()},
                       {"discs", texts(installation.discs)},
                       {"files", std::move(files)},
                       {"drivers", driver_json(installation)}});
}

void tell_drivers(const CommandContext& context, const Installation& installation) {
  for (const InstallDriver& driver : installation.drivers) {
    const std::vector<Field> fields = {{"version", to_text(driver.version)},
                                       {"about", translate(driver.judgement.about)}};
    if (driver.judgement.health == DriverHealth::Works) {
      context.say({N_("Intel's driver {version} with GVT-g: {about}"), fields});
    } else {
      context.warn({N_("Intel's driver {version} with GVT-g: {about}"), fields});
    }
  }
}

void tell_installation(const CommandContext& context, const Installation& installation) {
  context.say(
      installation.is_blank
          ? Message(N_("It is installed to the disk {path}, on which nothing is yet."),
                    {{"path", installation.disk.file}})
          : Message(N_("What is on the disk {path} is lost."), {{"path", installation.disk.file}}));
  for (const std::string& disc : installation.discs) {
    context.say({N_("The guest gets the disc {path}."), {{"path", disc}}});
  }
  context.say({N_("Its user is {user}."), {{"user", installation.user}}});
  for (const Message& remark : installation.remarks) context.say(remark);
  tell_drivers(context, installation);
}

Result<ExitStatus> show_only(CommandContext& context, const HostReader& host,
                             const VmEnvironment& environment, const Installation& installation) {
  const Result<CommandLine> line = command_line_of(host, environment, installation.vm);
  tell_installation(context, installation);
  for (const DiscFile& file : installation.shown) {
    context.say_text("\n--- " + file.name);
    context.say_text(trim(replace_all(file.content, "\r\n", "\n")));
  }
  Json json = json_of(installation, "planned");
  if (line) {
    context.say_text("\n" + to_shell_text(line->argv()));
    json.set("argv", texts(line->argv()));
  } else {
    warn_of(context, line.error());
  }
  context.print_json(json);
  context.say({N_("Nothing was changed.")});
  return ExitStatus::Done;
}

enum class Answer : std::uint8_t { GoOn, Leave, Stop };

Answer ask_at_interrupt(const CommandContext& context) {
  if (!is_person(context)) return Answer::Leave;
  std::fputs(translate({N_("Leave it running (l), stop it (s), or watch on (Enter)? ")}).c_str(),
             stdout);
  std::fflush(stdout);
  const std::string line = read_line();
  if (line == "l" || line == "L") return Answer::Leave;
  if (line == "s" || line == "S") return Answer::Stop;
  return Answer::GoOn;
}

class Watcher {
 public:
  Watcher(CommandContext& context, HostWriter& host, const VmEnvironment& environment,
          std::string name, const InstallState& state, Json report)
      : context_(context),
        host_(host),
        environment_(environment),
        name_(std::move(name)),
        state_(state),
        report_(std::move(report)) {}

  // Until the guest has switched itself off, or the person has enough.
  Result<ExitStatus> watch(bool just_started) {
    const ForegroundSignals signals(true);
    const Clock::time_point begin = Clock::now();
    Clock::time_point next_picture = begin + kPictureEvery;
    while (true) {
      const VmReport report = TRY(vm_status(environment_, name_, false));
      if (!is_there(report)) return ended(report);
      const bool pressing =
          just_started && state_.kind == InstallKind::Windows && Clock::now() < begin + kKeysFor;
      if (pressing) (void)press_key(host_, environment_, name_);
      if (Clock::now() >= next_picture) {
        tell_progress(std::chrono::duration_cast<seconds>(Clock::now() - begin).count());
        next_picture = Clock::now() + kPictureEvery;
      }
      pollfd waiting{.fd = signals.descriptor(), .events = POLLIN, .revents = 0};
      (void)::poll(&waiting, 1, static_cast<int>(std::chrono::milliseconds(kLook).count()));
      if (waiting.revents == 0 || !signals.take()) continue;
      const Answer answer = ask_at_interrupt(context_);
      if (answer == Answer::Leave) return left();
      if (answer == Answer::Stop) return stopped();
    }
  }

 private:
  static bool is_there(const VmReport& report) {
    return report.seen.status == VmStatus::Running || report.seen.status == VmStatus::Starting ||
           report.seen.status == VmStatus::Unsupervised;
  }

  void tell_progress(std::int64_t elapsed) {
    const std::string picture = installation_picture(state_);
    const Result<ScreenshotReport> saved = save_screenshot(host_, environment_, name_, picture);
    const std::vector<Field> fields = {{"seconds", elapsed}, {"path", picture}};
    context_.say(saved ? Message(N_("{seconds} s: it goes on; the screen: {path}"), fields)
                       : Message(N_("{seconds} s: it goes on."), fields));
    const std::string line = last_guest_line(host_, environment_, state_);
    if (!line.empty()) context_.say_text("  " + line);
    tell_if_it_waits(line);
  }

  // cloud-init goes on behind the prompt, and is heard of. Without it the guest waits for ever.
  void tell_if_it_waits(const std::string& line) {
    const bool waits = state_.kind == InstallKind::CloudImage && line.ends_with("login:");
    prompts_ = waits ? prompts_ + 1 : 0;
    if (prompts_ != kPromptsInARow) return;
    context_.warn(
        {N_("The guest waits for somebody to log in. If it stays so, the image has no cloud-init, "
            "or it has run already: stop it (Ctrl-C), give it up with “cleave vm "
            "install {name} --abandon”, and take a fresh image."),
         {{"name", name_}}});
  }

  void tell_complaints() {
    const std::vector<std::string> complaints = guest_complaints(host_, environment_, state_);
    for (const std::string& complaint : complaints) {
      context_.warn({N_("The guest's cloud-init reported: {text}"), {{"text", complaint}}});
    }
    if (!complaints.empty()) {
      context_.say({N_("More of it is in the guest's /var/log/cloud-init.log.")});
    }
    report_.set("complaints", texts(complaints));
  }

  // One object, at the end.
  void print(const char* state) {
    report_.set("state", state);
    context_.print_json(report_);
  }

  Result<ExitStatus> ended(const VmReport& report) {
    if (is_installed(host_, environment_, state_)) {
      tell_complaints();
      TRY(end_installation(host_, environment_, state_));
      print("installed");
      context_.say(
          {N_("{name} is installed. Start it: cleave vm start {name}"), {{"name", name_}}});
      return ExitStatus::Done;
    }
    if (report.seen.state.end) tell_end(context_, *report.seen.state.end);
    print("not-finished");
    context_.say({N_("The guest ended before it said that all is done. Go on: cleave vm install "
                     "{name} --resume; if all is there nevertheless, --finish takes the discs "
                     "away; --abandon gives it up."),
                  {{"name", name_}}});
    return ExitStatus::Failed;
  }

  Result<ExitStatus> left() {
    print("running");
    context_.say({N_("The installation goes on. Watch it again: cleave vm install {name} "
                     "--resume"),
                  {{"name", name_}}});
    return ExitStatus::NotReady;
  }

  Result<ExitStatus> stopped() {
    const Result<StopReport> report = stop_vm(host_, environment_, name_, kShutdownLimit);
    if (!report && report.error().code != ErrorCode::NotFound) return report.error();
    print("stopped");
    context_.say(
        {N_("Stopped. Go on later: cleave vm install {name} --resume"), {{"name", name_}}});
    return ExitStatus::NotReady;
  }

  CommandContext& context_;
  HostWriter& host_;
  const VmEnvironment& environment_;
  std::string name_;
  const InstallState& state_;
  Json report_;
  int prompts_ = 0;  // pictures in a row at which the guest showed its login
};

// Starts the VM with its discs, unless it runs, and watches.
Result<ExitStatus> go_on(CommandContext& context, HostWriter& host,
                         const VmEnvironment& environment, const std::string& name,
                         const InstallState& state, Json json) {
  const std::string definition = TRY(find_definition(host, environment, name));
  const Vm vm = TRY(load_good_vm(host, environment, definition));
  const VmReport report = TRY(vm_status(environment, vm.name, false));
  const bool runs = report.seen.status == VmStatus::Running ||
                    report.seen.status == VmStatus::Starting ||
                    report.seen.status == VmStatus::Unsupervised;
  if (!runs) {
    StartRequest request;
    request.vm = installation_vm(environment, vm, state);
    request.definition = definition;
    request.show_plan = [&context](const Plan& plan) { show_plan(context, plan); };
    const StartedVm started = TRY(start_vm(host, environment, request));
    tell_cleaned(context, started.cleaned);
    context.say({N_("The VM {name} runs: QEMU is process {process}."),
                 {{"name", started.name}, {"process", started.qemu.process_id}}});
  }
  if (context.arguments().has("--no-wait")) {
    json.set("state", "running");
    context.print_json(json);
    return ExitStatus::Done;
  }
  return Watcher(context, host, environment, vm.name, state, std::move(json)).watch(!runs);
}

Result<ExitStatus> take_up(CommandContext& context, HostWriter& host,
                           const VmEnvironment& environment, const std::string& name) {
  const auto state = TRY(installation_of(host, environment, vm_name_of(name)));
  if (!state) {
    return error_of(ErrorCode::NotFound,
                    {N_("No installation of {name} has begun"), {{"name", vm_name_of(name)}}});
  }
  Json json = Json::object({{"schema", "cleave.vm-install/1"},
                            {"name", vm_name_of(name)},
                            {"kind", install_kind_name(state->kind)}});
  if (context.arguments().has("--resume")) {
    return go_on(context, host, environment, name, *state, std::move(json));
  }
  const VmReport report = TRY(vm_status(environment, name, false));
  if (report.seen.status == VmStatus::Running || report.seen.status == VmStatus::Unsupervised) {
    return error_of(ErrorCode::Busy, {N_("The VM {name} runs"), {{"name", report.name}}},
                    {N_("Stop it first: cleave vm stop {name}"), {{"name", report.name}}});
  }
  TRY(end_installation(host, environment, *state));
  const bool finished = context.arguments().has("--finish");
  json.set("state", finished ? "installed" : "abandoned");
  context.print_json(json);
  context.say({N_("The installation's discs are taken out, and its answers are removed.")});
  return ExitStatus::Done;
}

Result<ExitStatus> begin(CommandContext& context, HostWriter& host,
                         const VmEnvironment& environment, const std::string& name) {
  LoadedVm loaded = TRY(load_vm(host, environment, name));
  if (!loaded.checked.vm) (void)TRY(load_good_vm(host, environment, name));
  if (TRY(installation_of(host, environment, loaded.name))) {
    return error_of(ErrorCode::Conflict,
                    {N_("An installation of {name} has begun already"), {{"name", loaded.name}}},
                    {N_("Go on with it: --resume; or give it up: --abandon.")});
  }
  Result<InstallWish> wish = wish_of(context);
  if (!wish) return answer_if_misused(context, wish.error());
  const Password password = TRY(password_of(context));
  wish->password = password.text;
  const auto planned = plan_installation(host, environment, loaded, *wish);
  if (!planned) return answer_if_misused(context, planned.error());
  const Installation& installation = *planned;
  if (context.arguments().has("--dry-run")) {
    return show_only(context, host, environment, installation);
  }
  tell_installation(context, installation);
  TRY(begin_installation(host, environment, installation, wish->cloud_image));
  Json json = json_of(installation, "begun");
  if (password.made) {
    // Here alone: it is in no log, and the disc that has it goes when all is installed.
    context.say({N_("The password of {user}: {password}"),
                 {{"user", installation.user}, {"password", password.text}}});
    json.set("password", password.text);
  }
  const auto state = TRY(installation_of(host, environment, loaded.name));
  if (!state) return error_of(ErrorCode::Internal, {N_("The installation's state is gone")});
  return go_on(context, host, environment, loaded.file, *state, std::move(json));
}

Result<ExitStatus> run(CommandContext& context) {
  HostWriter* host = TRY(context.host());
  if (!host->is_live()) {
    return error_of(ErrorCode::Unsupported,
                    {N_("{root} is a captured machine: nothing can be started there"),
                     {{"root", context.root()}}});
  }
  const VmEnvironment environment = TRY(this_vm_environment());
  const std::string name = vm_argument(context);
  const Result<std::string> definition = find_definition(*host, environment, name);
  if (!definition) return answer(context, definition.error());
  const Arguments& arguments = context.arguments();
  const bool known =
      arguments.has("--resume") || arguments.has("--finish") || arguments.has("--abandon");
  return known ? take_up(context, *host, environment, name)
               : begin(context, *host, environment, name);
}

}  // namespace

const Command kVmInstallCommand = {
    .name = "vm install",
    .summary = N_("Install Windows or a Linux cloud image into a VM, without hands"),
    .options =
        {{"--iso", "FILE", N_("Windows' disc")},
         {"--virtio-iso", "FILE", N_("The disc with the virtio drivers, virtio-win.iso")},
         {"--cloud-image", "FILE",
          N_("A Linux cloud image, of which the VM's disk becomes a copy")},
         {"--driver", "FOLDER",
          N_("A driver for Windows, unpacked, such as Intel's for graphics; it is put in place")},
         {"--size", "SIZE", N_("How large a new disk is; 64G without it")},
         {"--overwrite", nullptr, N_("What is on the disk may be lost")},
         {"--user", "NAME", N_("The new user; without it named as you are")},
         {"--ask-password", nullptr, N_("Ask for the user's password; without it one is made")},
         {"--password-file", "FILE", N_("A file whose first line is the password; “-” reads it")},
         {"--product-key", "KEY", N_("Windows' key; without it Windows asks for one later")},
         {"--edition", "NAME", N_("As the disc calls it: “Windows 11 Home”; without it Pro")},
         {"--language", "TAG", N_("Of Windows, as ko-KR; without it the host's")},
         {"--keyboard", "LAYOUT", N_("As XKB names it: us, de, kr; without it the host's")},
         {"--timezone", "ZONE", N_("As Asia/Seoul; without it the host's")},
         {"--dry-run", nullptr, N_("Show the answers and QEMU's command line; change nothing")},
         {"--no-wait", nullptr, N_("Start the installation and leave it alone")},
         {"--resume", nullptr, N_("Go on with an installation that has begun")},
         {"--finish", nullptr, N_("Take the discs away, whatever the guest has said")},
         {"--abandon", nullptr, N_("Give an installation up; the disk stays as it is")}},
    .positionals = {{"NAME", N_("The VM's name, or its definition file")}},
    .run = run,
};

}  // namespace cleave
