#include "app/kernel_check.h"

#include <algorithm>
#include <array>
#include <utility>

#include "analysis/rule.h"
#include "app/setup.h"
#include "base/format.h"
#include "base/text.h"
#include "facts/readers/read_facts.h"
#include "host/other_kernel_host.h"

namespace cleave {
namespace {

// Rules that a kernel's own files answer, before it has run.
constexpr std::array<std::string_view, 7> kRules = {
    "gvt_g.kernel_config", "gvt_g.kernel_span",     "gvt_g.kernel_display",   "sr_iov.kernel",
    "sr_iov.dkms_module",  "sr_iov.in_tree_driver", "virtio_gpu.kernel_blobs"};

std::vector<Finding> findings_of(const Facts& facts) {
  std::vector<Finding> all = run_rules(facts);
  std::erase_if(all, [](const Finding& finding) {
    return std::ranges::find(kRules, finding.rule->id) == kRules.end();
  });
  return all;
}

bool fails_now(const std::vector<Finding>& findings, const Finding& later) {
  return std::ranges::any_of(findings, [&](const Finding& finding) {
    return finding.rule == later.rule && finding.gpu == later.gpu &&
           finding.outcome.kind == OutcomeKind::Fail;
  });
}

void add_new_failures(const HostReader& host, const std::string& release,
                      std::vector<Message>& warnings) {
  const std::vector<Finding> now = findings_of(read_facts(host));
  const OtherKernelHost other(host, release);
  const Facts facts = read_facts(other);
  for (const Finding& finding : findings_of(facts)) {
    if (finding.outcome.kind != OutcomeKind::Fail || fails_now(now, finding)) continue;
    warnings.push_back({finding.rule->why, finding.outcome.arguments});
    warnings.push_back({finding.rule->remedy, finding.outcome.arguments});
  }
}

bool is_there(const HostReader& host, const std::string& release, std::string_view module) {
  const std::string directory = join_path("/lib/modules", release);
  const std::string name = replace_all(std::string(module), "-", "_");
  for (const char* list : {"modules.dep", "modules.builtin"}) {
    const auto text = host.read_file(join_path(directory, list), std::size_t{16} << 20U);
    if (!text) continue;
    for (const std::string_view line : lines(*text)) {
      const std::string_view file = base_name(line.substr(0, line.find(':')));
      if (replace_all(std::string(file.substr(0, file.find('.'))), "-", "_") == name) return true;
    }
  }
  return false;
}

// Modules that a set-up has loaded at boot.
void add_missing_modules(const HostReader& host, const std::string& release,
                         std::vector<Message>& warnings) {
  const auto text = host.read_file("/etc/modules-load.d/cleave.conf");
  if (!text) return;
  for (const std::string_view line : lines(*text)) {
    const std::string_view module = trim(line);
    if (module.empty() || module.front() == '#' || is_there(host, release, module)) continue;
    warnings.push_back({N_("Linux {release} does not have the module {module}."),
                        {{"release", release}, {"module", module}}});
  }
}

void add_lost_changes(const SetupStatus& status, std::vector<Message>& warnings) {
  for (const SetupTransaction& each : status.applied) {
    for (std::size_t i = 0; i < each.states.size(); ++i) {
      const Change& change = each.record.plan.changes[i];
      if (each.states[i] != ChangeState::Missing) continue;
      warnings.push_back({N_("What cleave set up is not there any more: {change}"),
                          {{"change", effect_text(change.effect)}}});
    }
  }
}

struct Hook {
  const char* where;    // the hook is written where this exists,
  const char* instead;  // and this does not
  const char* path;
  const char* text;  // {0} is the program
};

// Debian's kernels run postinst.d with the release (linux-image's postinst); the name is behind
// zz-update-grub; there it calls kernel-install by itself. kernel-install(8) runs its plugins with
// a verb and the release. pacman's hooks (alpm-hooks(5)) get paths on standard input:
// usr/lib/modules/RELEASE/vmlinuz.
constexpr std::array<Hook, 3> kHooks = {
    Hook{
        "/etc/kernel/postinst.d", "/usr/bin/rpm", "/etc/kernel/postinst.d/zzz-cleave",
        "#!/bin/sh\n"
        "# Written by `cleave setup`: warns if a new kernel cannot share the GPU. Never stops it.\n"
        "[ -x {0} ] && {0} kernel-check \"$1\"\n"
        "exit 0\n"},
    Hook{
        "/usr/lib/kernel/install.d", "/usr/bin/dpkg", "/etc/kernel/install.d/99-cleave.install",
        "#!/bin/sh\n"
        "# Written by `cleave setup`: warns if a new kernel cannot share the GPU. Never stops it.\n"
        "[ \"$1\" = add ] && [ -x {0} ] && {0} kernel-check \"$2\"\n"
        "exit 0\n"},
    Hook{
        "/usr/share/libalpm/hooks", "/usr/bin/dpkg", "/etc/pacman.d/hooks/zz-cleave.hook",
        "# Written by `cleave setup`: warns if a new kernel cannot share the GPU. Never stops it.\n"
        "[Trigger]\n"
        "Type = Path\n"
        "Operation = Install\n"
        "Operation = Upgrade\n"
        "Target = usr/lib/modules/*/vmlinuz\n"
        "[Action]\n"
        "Description = Looking whether the new kernel can share the GPU...\n"
        "When = PostTransaction\n"
        "NeedsTargets\n"
        "Exec = {0} kernel-check -\n"}};

// A shell and pacman take these letters as they are.
bool is_plain(std::string_view program) {
  return program.starts_with('/') && std::ranges::all_of(program, [](char letter) {
           const bool word = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                             (letter >= '0' && letter <= '9');
           return word || std::string_view("/._+-").find(letter) != std::string_view::npos;
         });
}

}  // namespace

Result<KernelCheck> check_kernel(const HostReader& host, const Transactions& transactions,
                                 const std::string& release) {
  KernelCheck check{.release = release, .warnings = {}};
  const SetupStatus status = TRY(setup_status(host, transactions));
  if (status.applied.empty()) return check;
  if (release.empty() || release.find('/') != std::string::npos ||
      !host.exists(join_path("/lib/modules", release))) {
    Error error;
    error.code = ErrorCode::NotFound;
    error.message = {N_("No kernel {release} is installed."), {{"release", printable(release)}}};
    return error;
  }
  add_new_failures(host, release, check.warnings);
  add_missing_modules(host, release, check.warnings);
  add_lost_changes(status, check.warnings);
  return check;
}

std::vector<Change> kernel_hook_changes(const HostReader& host, const std::string& program) {
  std::vector<Change> changes;
  if (!is_plain(program)) return changes;
  for (const Hook& hook : kHooks) {
    if (!host.exists(hook.where) || host.exists(hook.instead)) continue;
    const std::string text = replace_all(hook.text, "{0}", program);
    const Result<std::string> before = host.read_file(hook.path);
    if (before && *before == text) continue;
    WriteFile file;
    file.path = hook.path;
    file.content = text;
    file.mode = file.path.ends_with(".hook") ? 0644 : 0755;
    file.expected_before = before ? content_hash(*before) : kAbsentFile;
    Change change;
    change.id = "kernel.hook";
    change.summary = {N_("Look at new kernels when they are installed")};
    change.reason = {
        N_("A kernel that cannot share the GPU is told of before it is started; its "
           "installation is never stopped.")};
    change.effect = std::move(file);
    change.permanent = true;
    changes.push_back(std::move(change));
  }
  return changes;
}

}  // namespace cleave
