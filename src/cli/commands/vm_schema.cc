// cleave vm schema: the definition's JSON Schema, for editors that check and complete TOML.
#include "cli/commands/all.h"
#include "cli/render/translate.h"
#include "vm/definition_keys.h"

namespace cleave {
namespace {

Result<ExitStatus> run(CommandContext& context) {
  const Json schema =
      definition_schema([](const char* sentence) { return translate(Message(sentence)); });
  // It is JSON in any case.
  context.say_text(to_text(schema, 2));
  context.print_json(schema);
  return ExitStatus::Done;
}

}  // namespace

const Command kVmSchemaCommand = {
    .name = "vm schema",
    .summary = N_("Print the JSON Schema of VM definitions, for editors"),
    .options = {},
    .positionals = {},
    .run = run,
};

}  // namespace cleave
