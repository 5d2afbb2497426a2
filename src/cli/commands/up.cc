#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "app/demo.h"
#include "app/owner.h"
#include "app/qemu.h"
#include "app/vm.h"
#include "base/format.h"
#include "cli/commands/all.h"
#include "cli/commands/lab_options.h"
#include "cli/commands/setup_flow.h"
#include "cli/commands/vgpu_common.h"
#include "cli/render/steps.h"
#include "cli/render/translate.h"
#include "facts/readers/read_facts.h"

namespace cleave {
namespace {

constexpr const char* kDefaultPicture = "cleave-demo.png";

Json to_json(const DemoReport& report) {
  Json vgpu;
  vgpu.set("uuid", report.vgpu_uuid);
  vgpu.set("type", report.vgpu_type);
  vgpu.set("parent", report.parent);
  Json json;
  json.set("schema", "cleave.up/1");
  json.set("where", "here");
  json.set("way", report.way);
  json.set("vgpu", std::move(vgpu));
  json.set("picture", report.picture);
  json.set("guest", to_json(report.guest));
  return json;
}

void say_report(const CommandContext& context, const DemoReport& report) {
  const GuestReport& guest = report.guest;
  context.say({N_("The guest saw {name} ({vendor}:{device}) on its PCI bus at {address}."),
               {{"name", guest.gpu_name},
                {"vendor", guest.vendor_id},
                {"device", guest.device_id},
                {"address", guest.gpu_address}}});
  context.say({N_("It drew on {width} x {height} pixels, {speed} frames a second."),
               {{"width", guest.width},
                {"height", guest.height},
                {"speed", format("{:.1f}", guest.frames_per_second)}}});
}

Result<ExitStatus> demo_here(CommandContext& context, const Diagnosis& diagnosis, Steps& steps,
                             const std::string& picture, int cancel) {
  DemoRequest request;
  request.picture = picture;
  request.cancel = cancel;
  request.on_step = [&steps](const Message& step) { steps.begin(step); };
  HostWriter* host = TRY(context.host());
  const DemoReport report = TRY(run_demo(*host, diagnosis, request));
  steps.end();
  say_report(context, report);
  context.print_json(to_json(report));
  return ExitStatus::Done;
}

// The program in the laptop printed its own report; its picture came back.
Result<ExitStatus> demo_in_laptop(CommandContext& context, const WhyNot& why, Steps& steps,
                                  const std::string& picture, int cancel) {
  context.say({N_("This machine cannot share its GPU: {reason}. So the virtual laptop does it."),
               {{"reason", translate(why.reason)}}});
  LaptopDemoRequest request;
  request.picture = picture;
  request.cancel = cancel;
  request.arguments = {"up", "--demo", "--no-laptop", "--picture", kLaptopPicture};
  std::string inner_json;
  if (context.wants_json()) {
    request.arguments.emplace_back("--json");
    request.on_output = [&inner_json](std::string_view bytes) { inner_json += bytes; };
  } else {
    request.on_output = [](std::string_view bytes) { write_bytes(STDOUT_FILENO, bytes); };
  }
  request.on_error_output = [](std::string_view bytes) { write_bytes(STDERR_FILENO, bytes); };
  request.on_step = [&steps](const Message& step) { steps.begin(step); };
  request.on_booted = [&] {
    steps.end();
    context.say({N_("In the laptop:")});
    std::fflush(stdout);
  };
  const int status = TRY(run_demo_in_laptop(request));
  if (context.wants_json()) {
    Json json = TRY(parse_json(inner_json));
    json.set("where", "laptop");
    json.set("why_not_here", why.rule_id);
    json.set("picture", picture);
    context.print_json(json);
  }
  return static_cast<ExitStatus>(status);
}

Result<ExitStatus> demo(CommandContext& context) {
  const std::string wanted = context.arguments().get("--picture").value_or(kDefaultPicture);
  std::error_code no_matter;
  const std::string picture = std::filesystem::absolute(wanted, no_matter).string();
  const CancelSignals signals;
  Steps steps(Steps::Stream::Output, context.wants_json());
  steps.begin({N_("Look at this machine")});
  HostWriter* host = TRY(context.host());
  const Facts facts = read_facts(*host, fact_places(*host));
  const Diagnosis diagnosis = diagnose(facts);
  steps.end();

  const bool here = demo_gpu(diagnosis) != nullptr || context.arguments().has("--no-laptop");
  const ExitStatus status =
      TRY(here ? demo_here(context, diagnosis, steps, picture, signals.descriptor())
               : demo_in_laptop(context, why_no_demo_here(diagnosis), steps, picture,
                                signals.descriptor()));
  const bool inside = context.arguments().has("--no-laptop");
  if (status == ExitStatus::Done && !inside) {
    context.say({N_("The guest's picture is in {file}."), {{"file", picture}}});
  }
  return status;
}

// Only cleave's own changes are missing: they are made, or tried at the next start, after which the
// same command goes on from there.
bool can_be_set_up(const Diagnosis& diagnosis) {
  return std::ranges::any_of(diagnosis.gpus, [](const GpuDiagnosis& gpu) {
    return std::ranges::any_of(gpu.ways, [](const WayVerdict& way) {
      return way.way == "gvt-g" && way.verdict == Verdict::NeedsChanges;
    });
  });
}

Result<ExitStatus> set_up_first(CommandContext& context, HostWriter& host, Facts facts,
                                const std::string& name) {
  const bool waits = TRY(trial_waits(context, host));
  const SetupWish wish{.scope = {.way = "gvt-g", .gpu = std::nullopt}, .no_trial = false};
  const ExitStatus status =
      TRY(waits ? show_setup_status(context, host) : set_up(context, host, std::move(facts), wish));
  if (status == ExitStatus::NeedsReboot) {
    context.say({N_("After the restart run “cleave up {name}” again; it goes on from there."),
                 {{"name", name}}});
  }
  return status;
}

// The vGPU and the VM of a definition.
Result<ExitStatus> start_named(CommandContext& context, const std::string& name,
                               bool may_set_up = true) {
  Steps steps(Steps::Stream::Output, context.wants_json());
  HostWriter* host = TRY(context.host());
  const VmEnvironment environment = TRY(this_vm_environment());
  StartRequest request;
  Result<std::string> definition = find_definition(*host, environment, name);
  if (!definition) return answer(context, definition.error());
  request.definition = *std::move(definition);
  request.vm = TRY(load_good_vm(*host, environment, request.definition));

  steps.begin({N_("Look at this machine")});
  const Facts facts = read_facts(*host, fact_places(*host));
  const Diagnosis diagnosis = diagnose(facts);
  steps.end();
  const bool missing =
      request.vm.gpu && request.vm.gpu->way == "gvt-g" && demo_gpu(diagnosis) == nullptr;
  if (missing && may_set_up && host->is_live() && can_be_set_up(diagnosis)) {
    const ExitStatus status = TRY(set_up_first(context, *host, facts, name));
    // What needed no restart is there now.
    return status == ExitStatus::Done ? start_named(context, name, false) : status;
  }
  if (missing) {
    context.say({N_("This machine cannot share its GPU yet: {reason}. “cleave doctor” tells more."),
                 {{"reason", translate(why_no_demo_here(diagnosis).reason)}}});
    Json json;
    json.set("schema", "cleave.up/1");
    json.set("where", nullptr);
    json.set("why_not_here", why_no_demo_here(diagnosis).rule_id);
    context.print_json(json);
    return ExitStatus::NotReady;
  }
  request.show_plan = [&steps](const Plan& plan) {
    if (!plan.empty()) steps.begin(plan.purpose);
  };
  request.before_launch = [&steps] { steps.begin({N_("Start QEMU with the vGPU")}); };
  const StartedVm started = TRY(start_vm(*host, environment, request));
  steps.end();
  context.say({N_("{name} runs as process {process}; “cleave vm stop {name}” ends it."),
               {{"name", started.name}, {"process", started.qemu.process_id}}});
  Json json;
  json.set("schema", "cleave.up/1");
  json.set("where", "here");
  json.set("vm", started.name);
  json.set("process", started.qemu.process_id);
  json.set("runtime_directory", started.runtime_directory);
  context.print_json(json);
  return ExitStatus::Done;
}

Result<ExitStatus> run(CommandContext& context) {
  const auto name = context.arguments().get("VM");
  if (context.arguments().has("--demo")) return demo(context);
  if (name) return start_named(context, *name);
  context.warn({N_("Name a VM (“cleave vm list” shows them), or say --demo.")});
  return ExitStatus::BadUsage;
}

}  // namespace

const Command kUpCommand = {
    .name = "up",
    .summary = N_("The whole job: look at the machine, make a vGPU, start a VM on it"),
    .options = {{"--demo", nullptr,
                 N_("with the built-in guest, in the virtual laptop where this machine cannot")},
                {"--picture", "FILE", N_("where the demo saves the guest's picture (PNG)")},
                {"--no-laptop", nullptr, N_("fail where this machine cannot share its GPU")}},
    .positionals = {{"VM", N_("the VM's name"), false}},
    .run = run,
};

}  // namespace cleave
