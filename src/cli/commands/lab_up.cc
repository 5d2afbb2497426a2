#include "base/format.h"
#include "cli/commands/all.h"
#include "cli/commands/lab_options.h"
#include "cli/commands/vgpu_common.h"
#include "cli/render/translate.h"

namespace cleave {
namespace {

OptionSpec name_option() { return {"--name", "NAME", N_("the laptop's name (laptop)")}; }

std::vector<OptionSpec> up_options() {
  std::vector<OptionSpec> all = laptop_options();
  all.push_back(name_option());
  return all;
}

Json to_json(const LaptopEntry& entry) {
  Json json;
  json.set("name", entry.name);
  json.set("process_id", entry.process_id);
  json.set("memory_mb", entry.memory_mb);
  json.set("kernel", entry.kernel);
  json.set("directory", entry.directory);
  return json;
}

Result<ExitStatus> up(CommandContext& context) {
  if (const Result<void> good = check_laptop_options(context); !good) {
    return answer(context, good.error());
  }
  const CancelSignals signals;
  LaptopOptions options = TRY(read_laptop_options(context));
  options.name = laptop_name(context);
  options.cancel_descriptor = signals.descriptor();
  const Laptop laptop = TRY(boot_laptop(options));
  context.say(Message(N_("The virtual laptop {name} is up. Commands run in it with “cleave lab run "
                         "--name {name} -- COMMAND”; “cleave lab down --name {name}” ends it."),
                      {{"name", options.name}}));
  Json json;
  json.set("schema", "cleave.lab-up/1");
  json.set("name", options.name);
  json.set("process_id", laptop.process_id());
  context.print_json(json);
  return ExitStatus::Done;
}

Result<ExitStatus> down(CommandContext& context) {
  if (const Result<void> good = check_laptop_options(context); !good) {
    return answer(context, good.error());
  }
  const std::string name = laptop_name(context);
  Laptop laptop = TRY(Laptop::attach(name));
  TRY(laptop.shut_down());
  context.say(Message(N_("The virtual laptop {name} is down."), {{"name", name}}));
  return ExitStatus::Done;
}

Result<ExitStatus> list(CommandContext& context) {
  const std::vector<LaptopEntry> entries = TRY(list_laptops());
  Json laptops = Json::array();
  std::vector<std::vector<std::string>> rows = {{translate(N_("NAME")), translate(N_("PROCESS")),
                                                 translate(N_("MEMORY")), translate(N_("KERNEL"))}};
  for (const LaptopEntry& entry : entries) {
    laptops.push_back(to_json(entry));
    rows.push_back({entry.name, format("{}", entry.process_id), format("{} MiB", entry.memory_mb),
                    entry.kernel});
  }
  if (entries.empty()) {
    context.say(Message(N_("No virtual laptop is up.")));
  } else {
    std::string text = table(rows);
    if (text.ends_with('\n')) text.pop_back();
    context.say_text(text);
  }
  Json json;
  json.set("schema", "cleave.lab-list/1");
  json.set("laptops", std::move(laptops));
  context.print_json(json);
  return ExitStatus::Done;
}

}  // namespace

const Command kLabUpCommand = {
    .name = "lab up",
    .summary = N_("Boot a virtual laptop and leave it running"),
    .options = up_options(),
    .positionals = {},
    .run = up,
};

const Command kLabDownCommand = {
    .name = "lab down",
    .summary = N_("End a virtual laptop"),
    .options = {name_option()},
    .positionals = {},
    .run = down,
};

const Command kLabListCommand = {
    .name = "lab list",
    .summary = N_("List the virtual laptops that are up"),
    .options = {},
    .positionals = {},
    .run = list,
};

}  // namespace cleave
