// cleave qemu options: what QEMU can be built with, what each option brings and costs, and what is
// missing for it here.
#include <algorithm>

#include "app/qemu_build.h"
#include "base/format.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/vgpu_common.h"
#include "cli/render/steps.h"
#include "cli/render/translate.h"

namespace cleave {
namespace {

// One option on this machine.
struct Row {
  const QemuBuildOption* option;
  std::vector<std::string> packages;
  MissingNeeds missing;
};

Row row_of(const HostReader& host, const QemuBuildOption& option) {
  return {.option = &option,
          .packages = packages_for(option.needs, family_of_host(host)),
          .missing = missing_needs(host, option.needs, host.user_id() == 0)};
}

Json words_json(const std::vector<std::string>& words) {
  Json json = Json::array();
  for (const std::string& word : words) json.push_back(word);
  return json;
}

Json to_json(const Row& row) {
  Json needs = Json::array();
  for (const BuildNeed& need : row.missing.needs) needs.push_back(need.name);
  const QemuBuildOption& option = *row.option;
  return Json::object({{"id", option.id},
                       {"default", option.by_default},
                       {"fixed", option.fixed},
                       {"enable", option.enable},
                       {"disable", option.disable},
                       {"only_with", option.only_with},
                       {"since", option.since == Version{} ? Json() : Json(to_text(option.since))},
                       {"brings", option.brings},
                       {"costs", option.costs},
                       {"packages", words_json(row.packages)},
                       {"missing", std::move(needs)}});
}

std::string state_of(const QemuBuildOption& option) {
  if (option.fixed) return translate(N_("always"));
  return option.by_default ? translate(N_("on")) : translate(N_("off"));
}

void say_indented(const CommandContext& context, const std::string& text) {
  const std::size_t width = std::min<std::size_t>(terminal_width(), 100) - 18;
  const std::string wrapped = wrap(text, width);
  for (const std::string_view line : lines(wrapped)) {
    context.say_text(format("{:18}{}", "", line));
  }
}

void say_packages(const CommandContext& context, const Row& row) {
  if (row.packages.empty()) return;
  const std::string all = join(row.packages, " ");
  const Message there = {N_("Packages: {packages} (all there)"), {{"packages", all}}};
  const Message lacking = {N_("Packages: {packages} (missing: {missing})"),
                           {{"packages", all}, {"missing", join(row.missing.packages, " ")}}};
  say_indented(context, translate(row.missing.empty() ? there : lacking));
}

void say_option(const CommandContext& context, const Row& row) {
  const QemuBuildOption& option = *row.option;
  const std::string word = *option.enable == '\0' ? "" : option.enable;
  context.say_text(
      format("{:16}  {}{}{}", option.id, state_of(option), word.empty() ? "" : "  ", word));
  say_indented(context, translate(option.brings));
  say_indented(context,
               translate(Message(N_("Costs: {costs}"), {{"costs", translate(option.costs)}})));
  say_packages(context, row);
}

Result<ExitStatus> run(CommandContext& context) {
  HostWriter* host = TRY(context.host());
  const auto only = context.arguments().get("OPTION");
  if (only && find_build_option(*only) == nullptr) {
    return answer(context, choose_options({*only}, {}).error());
  }
  Json options = Json::array();
  for (const QemuBuildOption& option : qemu_build_options()) {
    if (only && *only != option.id) continue;
    const Row row = row_of(*host, option);
    options.push_back(to_json(row));
    say_option(context, row);
  }
  const ChosenOptions chosen = TRY(choose_options({}, {}));
  const MissingNeeds missing = needs_missing_here(*host, chosen);
  context.print_json(Json::object({{"schema", "cleave.qemu.options/1"},
                                   {"options", std::move(options)},
                                   {"missing_packages", words_json(missing.packages)}}));
  if (only) return ExitStatus::Done;
  context.say_text("");
  if (missing.empty()) {
    context.say(
        {N_("All that the options which are on need is there: `cleave qemu build --source "
            "distribution` can begin.")});
  } else {
    context.say({N_("For the options that are on, {needs} are missing."),
                 {{"needs", names_of(missing.needs)}}});
    context.say(install_remedy(missing.packages, missing.family));
  }
  return ExitStatus::Done;
}

}  // namespace

const Command kQemuOptionsCommand = {
    .name = "qemu options",
    .summary = N_("Explain what QEMU can be built with: what it brings, needs and costs"),
    .options = {},
    .positionals = {{.name = "OPTION", .help = N_("only this one"), .required = false}},
    .run = run,
};

}  // namespace cleave
