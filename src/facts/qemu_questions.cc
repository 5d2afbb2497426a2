#include "facts/qemu_questions.h"

#include <algorithm>

#include "base/text.h"

namespace cleave {
namespace {

Result<void> ask_devices(const QemuMeans& means, QemuAbilities& abilities) {
  for (const QemuDevice& device : qemu_devices()) {
    const auto reply =
        means.monitor("device-list-properties", Json::object({{"typename", device.name}}));
    if (!reply && reply.error().code == ErrorCode::NotFound) continue;
    if (!reply) return reply.error();
    abilities.devices[device.name] = properties_in_reply(*reply, device.properties);
  }
  return {};
}

// Which can be loaded, not only which it was built for. Every QEMU has “none”: an empty list tells
// that it does not know the question.
Result<void> ask_displays(const QemuMeans& means, QemuAbilities& abilities) {
  abilities.displays = words_in_help(TRY(means.help({"-display", "help"})));
  if (!abilities.displays.empty()) return {};
  abilities.displays = displays_in_long_help(TRY(means.help({"-help"})));
  return {};
}

Result<void> ask_audio_drivers(const QemuMeans& means, QemuAbilities& abilities) {
  abilities.audio_drivers = words_in_help(TRY(means.help({"-audiodev", "help"})));
  if (!abilities.audio_drivers.empty()) return {};
  abilities.audio_drivers = audio_drivers_in_examples(TRY(means.help({"-audio-help"})));
  // Never chosen by itself, and so without an example (audio/spiceaudio.c, can_be_default).
  if (!abilities.audio_drivers.empty() && abilities.spice) {
    abilities.audio_drivers.emplace_back("spice");
    std::ranges::sort(abilities.audio_drivers);
  }
  return {};
}

void add_name(std::string_view name, std::vector<std::string>& names) {
  const std::vector<std::string> one = words_in_help(name);
  if (!one.empty() && std::ranges::find(names, one.front()) == names.end()) {
    names.push_back(one.front());
  }
}

}  // namespace

std::vector<std::string> displays_in_long_help(std::string_view text) {
  // "-display gtk[,grab_on_hover=on|off][,gl=on|off]|", and "-display vnc=<display>", which is none
  constexpr std::string_view kOption = "-display ";
  std::vector<std::string> displays;
  for (const std::string_view line : lines(text)) {
    if (!line.starts_with(kOption)) continue;
    const std::string_view value = line.substr(kOption.size());
    add_name(value.substr(0, value.find('[')), displays);
  }
  std::ranges::sort(displays);
  return displays;
}

std::vector<std::string> audio_drivers_in_examples(std::string_view text) {
  // "-audiodev id=pa,driver=pa"
  constexpr std::string_view kDriver = "driver=";
  std::vector<std::string> drivers;
  for (const std::string_view line : lines(text)) {
    if (!line.starts_with("-audiodev ")) continue;
    const std::size_t place = line.find(kDriver);
    if (place == std::string_view::npos) continue;
    const std::string_view value = line.substr(place + kDriver.size());
    add_name(value.substr(0, value.find(',')), drivers);
  }
  std::ranges::sort(drivers);
  return drivers;
}

Result<QemuAbilities> ask_abilities(const QemuMeans& means) {
  const auto ask = [&means](const char* command, Json arguments = Json::object()) {
    return means.monitor(command, std::move(arguments));
  };
  QemuAbilities abilities;
  const Json version = TRY(ask("query-version"));
  abilities.version = TRY(version_in_reply(version, abilities.package));
  TRY(ask_devices(means, abilities));
  abilities.machines = machines_in_reply(TRY(ask("query-machines")));
  abilities.accelerators = accelerators_in_reply(
      TRY(ask("qom-list-types", Json::object({{"implements", "accel"}, {"abstract", false}}))));
  abilities.sandbox = has_command_line_option(TRY(ask("query-command-line-options")), "sandbox");
  const QemuSchema schema = schema_in_reply(TRY(ask("query-qmp-schema")));
  abilities.opengl = schema.opengl;
  abilities.spice = schema.spice;
  TRY(ask_displays(means, abilities));
  TRY(ask_audio_drivers(means, abilities));
  return abilities;
}

}  // namespace cleave
