// cleave vm prove: whether the guest really uses the GPU, sign by sign, and what to do if not.
#include "cli/commands/vm_prove.h"

#include "base/format.h"
#include "cli/commands/all.h"
#include "cli/commands/vgpu_common.h"
#include "cli/commands/vm_common.h"
#include "cli/render/translate.h"

namespace cleave {
namespace {

constexpr auto kUsualWait = std::chrono::seconds(10);

Message answer_sentence(const VmProof& proof) {
  const std::vector<Field> fields = {{"name", proof.name}, {"way", proof.way}};
  switch (proof.proof.answer) {
    case Answer::Yes:
      return {N_("The guest of {name} uses the GPU ({way})."), fields};
    case Answer::No:
      return {N_("The guest of {name} does not use the GPU ({way}) as it should."), fields};
    case Answer::Unknown:
      break;
  }
  return {N_("It is not known whether the guest of {name} uses the GPU ({way})."), fields};
}

const char* mark_of(Answer answer) {
  switch (answer) {
    case Answer::Yes:
      return "✓";
    case Answer::No:
      return "✗";
    case Answer::Unknown:
      break;
  }
  return "?";
}

void tell_evidence(const CommandContext& context, const std::vector<Evidence>& evidence) {
  for (const Evidence& each : evidence) {
    context.say_text(format("      {}: {}", each.source, each.text));
  }
}

void tell(const CommandContext& context, const VmProof& proof) {
  context.say(answer_sentence(proof));
  for (const Sign& sign : proof.proof.signs) {
    context.say_text(format("  {} {}", mark_of(sign.answer), translate(sign.sentence)));
    tell_evidence(context, sign.evidence);
    if (!sign.remedy.empty()) context.say_text(format("      → {}", translate(sign.remedy)));
  }
  for (const Finding& finding : proof.proof.findings) {
    const std::vector<Field>& arguments = finding.outcome.arguments;
    context.say_text(format("  {}", finding.rule->id));
    context.say_text(format("      {}", translate(Message(finding.rule->why, arguments))));
    context.say_text(format("      → {}", translate(Message(finding.rule->remedy, arguments))));
  }
}

Result<ExitStatus> run(CommandContext& context) {
  const VmEnvironment environment = TRY(this_vm_environment());
  const auto limit = seconds_option(context, "--wait", kUsualWait);
  if (!limit) return answer(context, limit.error());
  const Result<VmProof> proof = prove_and_tell(context, environment, vm_argument(context), *limit);
  if (!proof) return answer_if_absent(context, proof.error());
  context.print_json(to_json(*proof));
  return exit_status_of(*proof);
}

}  // namespace

Result<VmProof> prove_and_tell(CommandContext& context, const VmEnvironment& environment,
                               const std::string& name, std::chrono::milliseconds limit) {
  HostWriter* host = TRY(context.host());
  VmProof proof = TRY(prove_vm(*host, environment, {.name = name, .limit = limit}));
  tell(context, proof);
  return proof;
}

ExitStatus exit_status_of(const VmProof& proof) {
  return proof.proof.answer == Answer::Yes ? ExitStatus::Done : ExitStatus::NotReady;
}

const Command kVmProveCommand = {
    .name = "vm prove",
    .summary = N_("Tell whether the guest really uses its GPU"),
    .options = {{"--wait", "SECONDS", N_("How long to look; 10 without it"), false, true}},
    .positionals = {{"NAME", N_("The VM's name, or its definition file")}},
    .run = run,
};

}  // namespace cleave
