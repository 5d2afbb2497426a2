#include "app/setup.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <ranges>
#include <utility>

#include "app/kernel_check.h"
#include "app/units.h"
#include "base/format.h"
#include "base/text.h"
#include "plan/early_binding.h"
#include "plan/host_files.h"

namespace cleave {
namespace {

constexpr std::size_t kFileLimit = std::size_t{16} << 20U;  // as apply/effects.cc

// --- which way on which GPU

struct Target {
  const GpuDiagnosis* gpu = nullptr;
  const WayVerdict* way = nullptr;
};

// Without a wish: what more work would bring, if cleave can do that work; else what is there.
Target best_target(const Diagnosis& diagnosis) {
  for (const auto& recommendation : {diagnosis.windows, diagnosis.linux_guest}) {
    if (!recommendation) continue;
    const GpuDiagnosis& gpu = diagnosis.gpus[recommendation->gpu];
    const WayVerdict* better = recommendation->better;
    const bool changes = better != nullptr && better->verdict == Verdict::NeedsChanges;
    return {&gpu, changes ? better : recommendation->verdict};
  }
  return {};
}

Target wanted_target(const Diagnosis& diagnosis, const std::string& way) {
  Target best;
  for (const GpuDiagnosis& gpu : diagnosis.gpus) {
    for (const WayVerdict& verdict : gpu.ways) {
      if (verdict.way != way) continue;
      if (best.way == nullptr || verdict.verdict < best.way->verdict) best = {&gpu, &verdict};
    }
  }
  return best;
}

Error cannot_be_had(const WayVerdict& way) {
  Error error = error_of(ErrorCode::Unsupported, {N_("This machine cannot be set up for {way}."),
                                                  {{"way", way_name(way)}}});
  for (const Finding* finding : way.deciding) {
    const Rule& rule = *finding->rule;
    error.context.push_back({rule.why, finding->outcome.arguments});
    if (error.remedy.empty()) error.remedy = {rule.remedy, finding->outcome.arguments};
  }
  return error;
}

Result<Target> choose_target(const Diagnosis& diagnosis, const SetupRequest& request) {
  if (diagnosis.gpus.empty()) {
    return error_of(ErrorCode::NotFound, {N_("No GPU was found on this machine.")},
                    {N_("“cleave doctor” tells what was looked for.")});
  }
  const Target target =
      request.way ? wanted_target(diagnosis, *request.way) : best_target(diagnosis);
  if (target.way == nullptr || target.way->mode == nullptr) {
    return error_of(ErrorCode::Unsupported,
                    {N_("No way of sharing a GPU can be set up on this machine.")},
                    {N_("“cleave doctor” tells why, and what can be done.")});
  }
  if (target.way->verdict >= Verdict::NeedsFirmware) return cannot_be_had(*target.way);
  return target;
}

// --- the boot loader

// Words that differ between a file and the running kernel, and that cleave did not cause.
std::vector<std::string> surprises(const CommandLineDifference& difference,
                                   const std::vector<std::string>& own) {
  std::vector<std::string> all;
  const auto add = [&](const std::vector<std::string>& words, const char* sign) {
    for (const std::string& word : words) {
      if (std::ranges::find(own, word) == own.end()) all.push_back(sign + word);
    }
  };
  add(difference.missing, "+");
  if (!difference.open) add(difference.additional, "-");
  add(difference.reordered, "~");
  return all;
}

Error disagreement(const CommandLineDifference& difference, const std::vector<std::string>& words) {
  Error error = error_of(
      ErrorCode::Conflict,
      {N_("{path} is not what this system was started with, so nothing is written into it."),
       {{"path", difference.source}}},
      {N_("Restart, so that what the file says is in use, then run the command again. If it says "
          "the same again, another file decides; “cleave doctor” shows the evidence.")});
  error.path = difference.source;
  error.context.push_back({N_("What the file has more (+), what it lacks (-), what it has in "
                              "another order (~): {words}"),
                           {{"words", printable(join(words, " "))}}});
  return error;
}

Error unknown_loader(const BootLoader& loader, bool is_root) {
  Error error = error_of(ErrorCode::Unsupported,
                         {N_("It cannot be told which boot loader started this system.")},
                         {N_("Add the arguments by hand, in the way of your system's manual.")});
  if (!is_root && !loader.unread.empty()) {
    error.code = ErrorCode::Denied;
    error.remedy = {N_("Run the same command again with sudo: sudo cleave …")};
  }
  for (const auto* list : {&loader.evidence, &loader.unread}) {
    for (const BootEvidence& each : *list) {
      error.context.push_back(
          {N_("{source}: {text}"), {{"source", each.source}, {"text", printable(each.text)}}});
    }
  }
  return error;
}

// That the loader's files are those which this system was started with.
Result<void> check_loader(const BootLoader& loader, const std::vector<std::string>& own,
                          bool is_root) {
  if (loader.writer == BootWriter::Unknown) return unknown_loader(loader, is_root);
  for (const auto& difference : {loader.menu, loader.settings}) {
    if (!difference) continue;
    const std::vector<std::string> words = surprises(*difference, own);
    if (!words.empty()) return disagreement(*difference, words);
  }
  const bool compared = loader.menu.has_value() || loader.settings.has_value();
  if (!compared && loader.confidence != BootConfidence::Known)
    return unknown_loader(loader, is_root);
  return {};
}

std::vector<std::string> waiting_words(const BootLoader& loader,
                                       const std::vector<std::string>& wanted) {
  std::vector<std::string> waiting;
  for (const std::string& word : wanted) {
    const bool waits =
        std::ranges::any_of(std::array{loader.menu, loader.settings},
                            [&](const std::optional<CommandLineDifference>& difference) {
                              return difference && std::ranges::find(difference->missing, word) !=
                                                       difference->missing.end();
                            });
    if (waits) waiting.push_back(word);
  }
  return waiting;
}

// --- the plan

void read_into(const HostReader& host, const std::string& path, FileTexts& texts) {
  if (auto text = host.read_file(path, kFileLimit)) texts[path] = std::move(*text);
}

// Loading a module helps at once where no argument has to come first.
std::optional<Change> load_now(const Facts& facts, const Preparation& preparation) {
  std::vector<std::string> argv = {"modprobe", "-a"};
  for (const HostLine& line : preparation.lines) {
    if (line.file != HostFile::ModulesLoad) continue;
    if (!facts.kernel.module(line.line).loaded) argv.push_back(line.line);
  }
  if (argv.size() == 2) return std::nullopt;
  return Change{.id = "modules.now",
                .summary = {N_("Load them now, too")},
                .reason = {N_("No restart is needed for that.")},
                .effect = RunCommand{.argv = std::move(argv), .undo_argv = {}},
                .needs_root = true,
                .needs_reboot = false,
                .permanent = false};
}

Result<std::vector<Change>> argument_changes(const PreparedSetup& setup) {
  const std::vector<std::string> words = words_of(setup.preparation.arguments);
  if (words.empty()) return std::vector<Change>();
  const Loader* row = find_loader(setup.loader.writer);
  if (row == nullptr) return unknown_loader(setup.loader, setup.facts->is_root);
  return row->add_arguments(
      {.facts = *setup.facts, .loader = setup.loader, .words = words, .texts = setup.texts});
}

bool is_effective(const Facts& facts, const std::vector<std::string>& words) {
  const KernelCommandLine* line = facts.kernel.command_line.value();
  return line != nullptr && words_to_add(line->text, words).empty();
}

// Around everything else: the images take the other files along, and at an undo their absence.
void add_early_binding(const PreparedSetup& setup, std::vector<Change>& changes) {
  EarlyBinding early = early_binding_changes(setup.preparation.initramfs_tool,
                                             setup.preparation.early_devices, setup.texts);
  std::ranges::move(early.last, std::back_inserter(changes));
  changes.insert(changes.begin(), std::make_move_iterator(early.first.begin()),
                 std::make_move_iterator(early.first.end()));
}

Result<Plan> plan_of(const HostReader& host, const PreparedSetup& setup,
                     const std::string& program) {
  Plan plan;
  plan.kind = kSetupPlan;
  plan.purpose = {N_("Set up {way} on {gpu}"), {{"way", setup.way}, {"gpu", setup.gpu_name}}};
  plan.changes = host_file_changes(setup.preparation.lines, setup.texts);
  for (Change& change : TRY(argument_changes(setup))) plan.changes.push_back(std::move(change));
  if (is_effective(*setup.facts, words_of(setup.preparation.arguments))) {
    if (auto load = load_now(*setup.facts, setup.preparation)) {
      plan.changes.push_back(std::move(*load));
    }
    for (Change& change : plan.changes) {
      if (change.id == "modules.load") change.needs_reboot = false;
    }
  }
  if (setup.preparation.vgpus_come_back) {
    for (Change& change : TRY(vgpus_unit_changes(host, program))) {
      plan.changes.push_back(std::move(change));
    }
  }
  if (setup.preparation.sees_to_suspends) {
    for (Change& change : TRY(sleep_unit_changes(host, program))) {
      plan.changes.push_back(std::move(change));
    }
  }
  for (Change& change : kernel_hook_changes(host, program)) {
    plan.changes.push_back(std::move(change));
  }
  add_early_binding(setup, plan.changes);
  return plan;
}

// What decides about the way and nobody could tell: said, and never taken for good.
void add_unknowns(const WayVerdict& way, std::vector<Message>& remarks) {
  for (const Finding* finding : way.deciding) {
    if (finding->outcome.kind != OutcomeKind::Unknown) continue;
    std::vector<std::string> seen;
    for (const Evidence& evidence : finding->outcome.evidence) {
      seen.push_back(evidence.source + ": " + evidence.text);
    }
    remarks.push_back({N_("Not known on this machine: {rule} ({evidence}). “cleave doctor” tells "
                          "what it means."),
                       {{"rule", finding->rule->id}, {"evidence", printable(join(seen, "; "))}}});
  }
}

bool is_trial_entry(const BootEntry& entry) {
  return entry.id.ends_with(kTrialId);  // "-cleave-trial" for systemd-boot
}

// As if the entry that started the system were the one before, and its words had not been given:
// what a trial added says nothing about the files.
void take_out(Facts& facts, const TriedStart& tried) {
  for (LoaderPlace& place : facts.boot.places) {
    const std::vector<BootEntry>* known = place.entries.value();
    if (known == nullptr) continue;
    std::vector<BootEntry> entries = *known;
    std::erase_if(entries, is_trial_entry);
    place.entries = {std::move(entries), place.entries.source()};
  }
  if (!tried.entry.empty()) {
    facts.boot.entry_selected = {tried.entry, facts.boot.entry_selected.source()};
  }
  const std::vector<std::string>& given = tried.words;
  const KernelCommandLine* line = facts.kernel.command_line.value();
  if (line == nullptr) return;
  std::vector<std::string> kept;
  for (const std::string_view word : words(line->text)) {
    if (std::ranges::find(given, word) == given.end()) kept.emplace_back(word);
  }
  const std::string source = facts.kernel.command_line.source();
  facts.kernel.command_line = {parse_kernel_command_line(join(kept, " ")), source};
}

std::string name_of(const PciDevice& gpu) {
  return format("{} ({})",
                gpu.device_name.value_or(format("{:04x}:{:04x}", gpu.vendor_id, gpu.device_id)),
                to_text(gpu.address));
}

}  // namespace

FileTexts read_boot_texts(const HostReader& host, const Facts& facts, const BootLoader& loader) {
  FileTexts texts;
  for (const std::string& path : loader.files) read_into(host, path, texts);
  for (const LoaderPlace& place : facts.boot.places) {
    const auto entries = place.entries.value_or({});
    for (const BootEntry& entry : entries) read_into(host, entry.source, texts);
  }
  const std::string drop_ins = "/etc/default/grub.d";
  if (const auto names = host.list_directory(drop_ins)) {
    for (const std::string& name : *names) {
      if (name.ends_with(".cfg")) read_into(host, join_path(drop_ins, name), texts);
    }
  }
  if (facts.boot.grub_config.is_known()) {
    const std::string& menu = facts.boot.grub_config.source();
    read_into(host, menu, texts);
    read_into(host, join_path(directory_name(menu), "custom.cfg"), texts);
    read_into(host, join_path(directory_name(menu), "grubenv"), texts);
  }
  return texts;
}

Result<PreparedSetup> prepare_setup(const HostReader& host, Facts facts,
                                    const SetupRequest& request,
                                    const std::optional<TriedStart>& tried) {
  PreparedSetup setup;
  // The diagnosis sees the machine as it is; the files are compared without what a trial gave.
  const Diagnosis diagnosis = diagnose(facts, {.way = request.way, .gpu = request.gpu});
  const Target target = TRY(choose_target(diagnosis, request));
  setup.way = target.way->way;
  setup.mode = target.way->mode;
  setup.gpu = target.gpu->gpu->address;
  setup.gpu_name = name_of(*target.gpu->gpu);
  const Way* way = find_way(setup.way);
  setup.preparation = TRY(way->prepare(facts, *target.gpu->gpu, *setup.mode));
  add_unknowns(*target.way, setup.preparation.remarks);
  if (tried) take_out(facts, *tried);
  setup.facts = std::make_unique<const Facts>(std::move(facts));
  setup.loader = find_boot_loader(*setup.facts);
  const std::vector<std::string> wanted = words_of(setup.preparation.arguments);
  if (!wanted.empty()) TRY(check_loader(setup.loader, wanted, setup.facts->is_root));
  setup.texts = read_boot_texts(host, *setup.facts, setup.loader);
  for (const auto& paths : {host_file_paths(), early_binding_paths()}) {
    for (const std::string& path : paths) read_into(host, path, setup.texts);
  }
  setup.waiting = waiting_words(setup.loader, wanted);
  setup.plan = TRY(plan_of(host, setup, request.program));
  return setup;
}

Result<void> refuse_beside_package_manager(const HostWriter& host) {
  // Locks of dpkg (lib/dpkg/dbmodify.c and apt), rpm (lib/rpmlock.c), held while they are at work.
  constexpr std::array kLocks = {"/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock",
                                 "/var/lib/rpm/.rpm.lock", "/usr/lib/sysimage/rpm/.rpm.lock"};
  constexpr const char* kPacmanLock = "/var/lib/pacman/db.lck";  // is there while pacman runs
  for (const char* path : kLocks) {
    const auto holder = host.lock_holder(path);
    if (!holder || !*holder) continue;
    Error error = error_of(ErrorCode::Busy,
                           {N_("A package manager is at work (process {process}) and may write the "
                               "boot files itself."),
                            {{"process", **holder}}},
                           {N_("Wait until it is finished, then run the command again.")});
    error.path = path;
    return error;
  }
  if (!host.exists(kPacmanLock)) return {};
  Error error =
      error_of(ErrorCode::Busy,
               {N_("pacman is at work, or was interrupted: {path}"), {{"path", kPacmanLock}}},
               {N_("Wait until it is finished, then run the command again.")});
  error.path = kPacmanLock;
  return error;
}

}  // namespace cleave
