// cleave qemu list: the QEMU programs of this machine and what each can do for a shared GPU.
#include <algorithm>
#include <utility>

#include "app/qemu.h"
#include "app/qemu_builds.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/render/steps.h"
#include "cli/render/translate.h"

namespace cleave {
namespace {

Json names_json(const std::vector<std::string>& names) {
  Json json = Json::array();
  for (const std::string& name : names) json.push_back(name);
  return json;
}

Json devices_json(const QemuAbilities& abilities) {
  Json devices = Json::object();
  for (const auto& [device, properties] : abilities.devices) {
    Json members = Json::object();
    for (const auto& [name, value] : properties) members.set(name, value);
    devices.set(device, std::move(members));
  }
  return devices;
}

Json abilities_json(const QemuAbilities& abilities) {
  Json json;
  json.set("version", to_text(abilities.version));
  json.set("package", abilities.package);
  json.set("kvm", abilities.has_kvm());
  json.set("virgl", abilities.has_virgl());
  json.set("venus", abilities.has_venus());
  json.set("native_context", abilities.has_native_context());
  json.set("vgpu_display", abilities.has_vgpu_display());
  json.set("boot_display", abilities.has_boot_display());
  json.set("displays", names_json(abilities.displays));
  json.set("opengl_displays", names_json(abilities.opengl_displays()));
  json.set("accelerators", names_json(abilities.accelerators));
  json.set("audio_drivers", names_json(abilities.audio_drivers));
  json.set("sandbox", abilities.sandbox);
  json.set("spice", abilities.spice);
  json.set("devices", devices_json(abilities));
  json.set("machines", names_json(abilities.machines));
  return json;
}

// Of the programs listed, the build that one belongs to; null if cleave did not build it.
const QemuBuild* build_of(const std::vector<QemuBuild>& builds, const QemuProgram& program) {
  const auto found = std::ranges::find_if(builds, [&program](const QemuBuild& build) {
    return program.identity.path == join_path(build.prefix, kBuiltProgram);
  });
  return found == builds.end() ? nullptr : &*found;
}

Json program_json(const QemuProgram& program, const QemuBuild* build) {
  const QemuAbilities* abilities = program.abilities.value();
  const Unreadable* unknown = program.abilities.unreadable();
  Json json;
  json.set("path", program.path);
  json.set("real_path", program.identity.path);
  json.set("built_by_cleave", build == nullptr ? Json() : to_json(build->record));
  json.set("abilities", abilities == nullptr ? Json() : abilities_json(*abilities));
  json.set("unknown_because", unknown == nullptr ? Json() : Json(unknown->why));
  return json;
}

Json version_json(const Fact<std::string>& version) {
  return version.is_known() ? Json(*version.value()) : Json();
}

void print_listing(const CommandContext& context, const QemuListing& listing,
                   const std::vector<QemuBuild>& builds) {
  Json programs = Json::array();
  for (const QemuProgram& program : listing.qemu.programs.value_or({})) {
    programs.push_back(program_json(program, build_of(builds, program)));
  }
  Json problems = Json::array();
  for (const QemuProblem& problem : listing.problems) {
    problems.push_back(Json::object({{"path", problem.path}, {"text", english(problem.error)}}));
  }
  context.print_json(Json::object({{"schema", "cleave.qemu/1"},
                                   {"programs", std::move(programs)},
                                   {"virglrenderer", version_json(listing.qemu.virglrenderer)},
                                   {"mesa", version_json(listing.qemu.mesa)},
                                   {"problems", std::move(problems)}}));
}

std::vector<std::string> row_of(const QemuProgram& program) {
  const QemuAbilities* abilities = program.abilities.value();
  if (abilities == nullptr) return {program.path, "?", "?", "?", "?", "?", "?", "?", "?"};
  const auto word = [](bool has) { return has ? translate(N_("yes")) : std::string("-"); };
  const std::vector<std::string> displays = abilities->opengl_displays();
  return {program.path,
          to_text(abilities->version),
          word(abilities->has_kvm()),
          word(abilities->has_virgl()),
          word(abilities->has_venus()),
          word(abilities->has_native_context()),
          word(abilities->has_vgpu_display()),
          word(abilities->has_boot_display()),
          displays.empty() ? "-" : join(displays, " ")};
}

void say_table(const CommandContext& context, const std::vector<QemuProgram>& programs) {
  std::vector<std::vector<std::string>> rows{{"QEMU", translate(N_("VERSION")), "KVM", "VIRGL",
                                              "VENUS", translate(N_("NATIVE")), "VGPU", "RAMFB",
                                              translate(N_("OPENGL DISPLAYS"))}};
  for (const QemuProgram& program : programs) rows.push_back(row_of(program));
  std::string text = table(rows);
  while (text.ends_with('\n')) text.pop_back();
  context.say_text(text);
  const Message legend = {
      N_("VIRGL, VENUS, NATIVE: OpenGL, Vulkan and the GPU's own driver in a Linux guest "
         "(virtio-gpu). VGPU: shows a vGPU's picture; RAMFB: while it boots, too.")};
  context.say_text(wrap(translate(legend), std::min<std::size_t>(terminal_width(), 100)));
}

std::string change_of(const BuildRecord& record) {
  if (record.refresh_ms == 0) return "-";
  return translate(Message(N_("looks every {count} ms"), {{"count", record.refresh_ms}}));
}

// Those that cleave built, by the names that definitions of VMs use.
void say_builds(const CommandContext& context, const std::vector<QemuProgram>& programs,
                const std::vector<QemuBuild>& builds) {
  std::vector<std::vector<std::string>> rows{{translate(N_("BUILT BY CLEAVE")),
                                              translate(N_("SOURCE")), translate(N_("CHANGED")),
                                              translate(N_("WITH"))}};
  for (const QemuProgram& program : programs) {
    const QemuBuild* build = build_of(builds, program);
    if (build == nullptr) continue;
    rows.push_back({build->record.name, build->record.source, change_of(build->record),
                    join(build->record.options, " ")});
  }
  if (rows.size() == 1) return;
  context.say_text("");
  std::string text = table(rows);
  while (text.ends_with('\n')) text.pop_back();
  context.say_text(text);
}

Result<ExitStatus> run(CommandContext& context) {
  HostWriter* host = TRY(context.host());
  Steps steps(Steps::Stream::Error, context.wants_json());
  QemuRequest request;
  request.refresh = context.arguments().has("--refresh");
  request.asking = [&steps](const std::string& path) {
    steps.begin({N_("ask {program} what it can do"), {{"program", path}}});
  };
  const QemuListing listing = TRY(list_qemu(*host, request));
  steps.end();
  const std::vector<QemuBuild> builds = list_builds(*host);
  print_listing(context, listing, builds);
  for (const QemuProblem& problem : listing.problems) {
    context.warn({N_("{program} could not be asked, or its answers not be kept: {problem}"),
                  {{"program", problem.path}, {"problem", translate(problem.error)}}});
  }
  if (const Unreadable* unreadable = listing.qemu.programs.unreadable()) {
    context.say({N_("It could not be seen which QEMU programs there are: {path}: {why}"),
                 {{"path", unreadable->path}, {"why", unreadable->why}}});
    return ExitStatus::NotReady;
  }
  const std::vector<QemuProgram> programs = listing.qemu.programs.value_or({});
  if (programs.empty()) {
    context.say(
        {N_("There is no QEMU for x86-64 guests here (package qemu-system-x86 on Debian "
            "and Ubuntu, qemu-kvm on Fedora, qemu-desktop on Arch).")});
    return ExitStatus::NotReady;
  }
  say_table(context, programs);
  say_builds(context, programs, builds);
  bool complete = true;
  for (const QemuProgram& program : programs) complete = complete && program.abilities.is_known();
  return complete ? ExitStatus::Done : ExitStatus::NotReady;
}

}  // namespace

const Command kQemuListCommand = {
    .name = "qemu list",
    .summary = N_("Show the QEMU programs of this machine and what each can do for a shared GPU"),
    .options = {{.name = "--refresh",
                 .value = nullptr,
                 .help = N_("ask again those whose answers are kept; a program that changed is "
                            "always asked again")}},
    .positionals = {},
    .run = run,
};

}  // namespace cleave
