// cleave vm start: returns when QEMU answers; a supervisor stays behind.
#include <poll.h>

#include <array>

#include "app/sleep.h"
#include "app/vm.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/foreground_signals.h"
#include "cli/commands/vgpu_common.h"
#include "cli/commands/vm_common.h"
#include "cli/commands/vm_prove.h"
#include "facts/pci.h"
#include "facts/usb.h"

namespace cleave {
namespace {

// How long a guest may take to shut down after Ctrl-C.
constexpr auto kShutdownLimit = std::chrono::seconds(30);

Result<VmEnd> stay(const HostReader& host, const VmEnvironment& environment, StartedVm& started,
                   const ForegroundSignals& signals) {
  while (true) {
    std::array<pollfd, 2> waiting{
        {{.fd = started.supervisor.descriptor(), .events = POLLIN, .revents = 0},
         {.fd = signals.descriptor(), .events = POLLIN, .revents = 0}}};
    if (::poll(waiting.data(), waiting.size(), -1) < 0) continue;
    if (waiting[1].revents != 0 && signals.take()) {
      signals.let_through();
      // It may end by itself at this very moment; the supervisor then tells how.
      const Result<StopReport> stopped = stop_vm(host, environment, started.name, kShutdownLimit);
      if (!stopped && stopped.error().code != ErrorCode::NotFound) return stopped.error();
    }
    if (waiting[0].revents == 0) continue;
    const std::optional<VmEnd> end = TRY(started.supervisor.wait(std::chrono::milliseconds(0)));
    if (end) return *end;
  }
}

Json devices_json(const std::vector<std::string>& devices) {
  Json json = Json::array();
  for (const std::string& device : devices) json.push_back(device);
  return json;
}

const char* give_back_name(GiveBack give_back) {
  switch (give_back) {
    case GiveBack::Nothing:
      return "nothing";
    case GiveBack::AtTheEnd:
      return "at-the-end";
    case GiveBack::ByRoot:
      return "by-root";
  }
  return "nothing";
}

Json started_json(const StartedVm& started) {
  return Json::object(
      {{"schema", "cleave.vm-start/1"},
       {"name", started.name},
       {"process_id", started.qemu.process_id},
       {"runtime_directory", started.runtime_directory},
       {"qmp_socket", started.qmp_socket},
       {"serial_socket", started.serial_socket.empty() ? Json() : Json(started.serial_socket)},
       {"vgpu", started.vgpu ? Json(started.vgpu->uuid) : Json()},
       {"devices", devices_json(started.devices)},
       {"on_suspend", on_suspend_name(started.on_suspend.action)},
       {"inhibits_suspend",
        started.on_suspend.action == OnSuspend::Refuse && !started.no_inhibitor},
       {"given_back", give_back_name(started.give_back)}});
}

// What the host lacks while the VM runs, and when it has it again.
void tell_devices(const CommandContext& context, const StartedVm& started) {
  if (started.devices.empty()) return;
  context.say({N_("It has these devices of the host: {devices}"),
               {{"devices", join(started.devices, ", ")}}});
  if (started.no_scope) warn_of(context, *started.no_scope);
  if (started.give_back == GiveBack::AtTheEnd) {
    context.say({N_("The host gets back what it had of them as soon as the VM has ended.")});
  } else if (started.give_back == GiveBack::ByRoot) {
    context.say(
        {N_("When the VM has ended, give back to the host what it had of them: sudo cleave "
            "vm give-back")});
  }
}

// What a person would be surprised by at the next suspend.
void tell_suspend(const CommandContext& context, const StartedVm& started) {
  const OnSuspend action = started.on_suspend.action;
  if (action != OnSuspend::Stop && action != OnSuspend::Refuse) return;
  context.say(suspend_sentence(started.name, action));
  context.say(started.on_suspend.reason);
  if (started.no_inhibitor) warn_of(context, *started.no_inhibitor);
  const bool held = action == OnSuspend::Refuse && !started.no_inhibitor;
  if (held || started.asked_before_sleep) return;
  context.warn(
      {N_("Nothing sees to that on this host yet: “sudo cleave setup” installs the hook, a "
          "unit of systemd.")});
}

// A guest's start takes a while until it draws, and there is nothing to be seen before.
constexpr auto kProofLimit = std::chrono::seconds(120);

Result<ExitStatus> prove_start(CommandContext& context, const VmEnvironment& environment,
                               const StartedVm& started) {
  const VmProof proof = TRY(prove_and_tell(context, environment, started.name, kProofLimit));
  Json json = started_json(started);
  json.set("proof", to_json(proof));
  context.print_json(json);
  return exit_status_of(proof);
}

// How to see a screen that has no window of its own.
void tell_screen(const CommandContext& context, const StartedVm& started,
                 const std::string& display) {
  if (display == "spice") {
    context.say({N_("Its screen: remote-viewer spice+unix://{path}"),
                 {{"path", join_path(started.runtime_directory, kSpiceSocket)}}});
  } else if (display == "vnc" || display == "egl-headless") {
    context.say({N_("Its screen: vncviewer {path}"),
                 {{"path", join_path(started.runtime_directory, kVncSocket)}}});
  }
}

Error no_device_name(const std::string& device) {
  return error_of(
      ErrorCode::Malformed,
      {N_("--force is “{device}”; it must be an address of PCI, 0000:01:00.0, or a port of USB, "
          "1-2.3"),
       {{"device", printable(device)}}});
}

Result<ExitStatus> run(CommandContext& context) {
  HostWriter* host = TRY(context.host());
  if (!host->is_live()) {
    return error_of(ErrorCode::Unsupported,
                    {N_("{root} is a captured machine: nothing can be started there"),
                     {{"root", context.root()}}});
  }
  const VmEnvironment environment = TRY(this_vm_environment());
  StartRequest request;
  const auto limit = seconds_option(context, "--limit", std::chrono::seconds(60));
  if (!limit) return answer(context, limit.error());
  request.limit = *limit;
  Result<std::string> definition = find_definition(*host, environment, vm_argument(context));
  if (!definition) return answer(context, definition.error());
  request.definition = *std::move(definition);
  request.vm = TRY(load_good_vm(*host, environment, request.definition));
  request.force = context.arguments().all("--force");
  for (const std::string& device : request.force) {
    if (!parse_pci_address(device) && !is_usb_port(device)) {
      return answer(context, no_device_name(device));
    }
  }
  request.show_plan = [&context](const Plan& plan) { show_plan(context, plan); };
  const bool foreground = context.arguments().has("--foreground");
  const bool prove = context.arguments().has("--prove");
  if (foreground && prove) {
    return answer(
        context, error_of(ErrorCode::Malformed, {N_("--prove and --foreground do not go together")},
                          {N_("Start the VM, and ask later: cleave vm prove {name}"),
                           {{"name", vm_argument(context)}}}));
  }
  // Before the supervisor is forked: it puts its own back.
  const ForegroundSignals signals(foreground);
  StartedVm started = TRY(start_vm(*host, environment, request));
  tell_cleaned(context, started.cleaned);
  if (!foreground && !prove) context.print_json(started_json(started));
  context.say({N_("The VM {name} runs: QEMU is process {process}."),
               {{"name", started.name}, {"process", started.qemu.process_id}}});
  for (const Message& failure : started.failures) context.warn(failure);
  tell_devices(context, started);
  tell_suspend(context, started);
  tell_screen(context, started, request.vm.display);
  if (!started.serial_socket.empty()) {
    context.say({N_("Its serial port: {path}"), {{"path", started.serial_socket}}});
  }
  if (prove) return prove_start(context, environment, started);
  if (!foreground) return ExitStatus::Done;
  const VmEnd end = TRY(stay(*host, environment, started, signals));
  TRY(give_back(context));
  Json json = started_json(started);
  json.set("end", to_json(end));
  context.print_json(json);
  tell_end(context, end);
  const bool good = end.kind == VmEndKind::GuestShutdown || end.kind == VmEndKind::HostRequest;
  return good ? ExitStatus::Done : ExitStatus::Failed;
}

}  // namespace

const Command kVmStartCommand = {
    .name = "vm start",
    .summary = N_("Start a VM"),
    .options = {{"--foreground", nullptr,
                 N_("Stay until the VM ends, and tell why; Ctrl-C shuts it down")},
                {"--prove", nullptr,
                 N_("Then look whether the guest uses its GPU, for 120 seconds at the most, as "
                    "“cleave vm prove” does")},
                {"--force", "DEVICE",
                 N_("Hand over this device of the host, by its address or its port of USB, "
                    "although the host may need it"),
                 true},
                {"--limit", "SECONDS", N_("How long QEMU may take to answer; 60 without it"), false,
                 true}},
    .positionals = {{"NAME", N_("The VM's name, or its definition file")}},
    .run = run,
};

}  // namespace cleave
