// How the boot before ended. A machine that hung tells so only after it was switched off and on.
#include "analysis/previous_boot.h"

#include "analysis/rules/checks.h"
#include "analysis/rules/families.h"
#include "base/text.h"

namespace cleave {
namespace {

// Set if nothing can be judged: not readable, or (without a journal that lasts) not kept.
std::optional<Outcome> nothing_to_judge(const Fact<std::string>& log) {
  if (const auto unread = missing(log)) {
    // Of machines that were captured before anybody asked, nothing is to be said.
    if (log.source().empty()) return Outcome::not_applicable();
    return Outcome::unknown({*unread}, {{"line", "?"}});
  }
  if (log.value() == nullptr || log.value()->empty()) return Outcome::not_applicable();
  return std::nullopt;
}

// For a sentence: evidence has the whole line.
std::string shortened(const std::string& line) {
  constexpr std::size_t kLength = 80;
  return line.size() <= kLength ? line : printable(line.substr(0, kLength)) + "…";
}

Outcome check_hang(const Subject& subject) {
  const Fact<std::string>& log = subject.facts.previous_boot_log;
  if (auto nothing = nothing_to_judge(log)) return *std::move(nothing);
  const PreviousBootEnd end = read_previous_boot_end(*log.value());
  if (end.orderly) return Outcome::pass({{log.source(), *end.orderly}});
  if (!end.hang) return Outcome::pass({{log.source(), "no hang in its last lines"}});
  std::vector<Evidence> evidence = {{log.source(), *end.hang}};
  if (end.last != *end.hang) evidence.push_back({log.source(), end.last});
  return Outcome::fail(std::move(evidence), {{"line", shortened(*end.hang)}});
}

Outcome check_unclean(const Subject& subject) {
  const Fact<std::string>& log = subject.facts.previous_boot_log;
  if (auto nothing = nothing_to_judge(log)) return *std::move(nothing);
  const PreviousBootEnd end = read_previous_boot_end(*log.value());
  if (end.orderly) return Outcome::pass({{log.source(), *end.orderly}});
  // The hang has its rule; a machine without a vGPU ended for reasons of its own.
  if (end.hang || !end.vgpu) return Outcome::not_applicable();
  // The battery may have run out; or it did not wake up, which a vGPU can be the reason of.
  if (end.asleep) return Outcome::unknown({{log.source(), *end.asleep}});
  return Outcome::fail({{log.source(), *end.vgpu}, {log.source(), end.last}});
}

constexpr Rule kRules[] = {
    {.id = "log.previous_boot_hang",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("The boot before did not end with a hang"),
     .why = N_(
         "The boot before ended with a hang: “{line}”, and no word of a shutdown after that. With "
         "a vGPU in use, the guest's driver is the first to suspect."),
     .remedy = N_("Read the rest: journalctl -k -b -1. With GVT-g: i915.enable_guc=0 on the "
                  "kernel's command line, another Intel driver in a Windows guest, or a Linux "
                  "guest. Save your work before you start that VM again."),
     .check = check_hang},
    {.id = "log.previous_boot_unclean",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("The boot before did not end while a vGPU was in use"),
     .why = N_("The boot before ended without a shutdown while a vGPU was in use. If you did not "
               "switch it off by hand, it froze so hard that it could not even write that down."),
     .remedy = N_("If it froze: see the remedies for GVT-g's freezes (cleave rules), and let the "
                  "kernel reboot by itself with nmi_watchdog=panic panic=10 on its command line."),
     .check = check_unclean},
};

}  // namespace

std::span<const Rule> previous_boot_rules() { return kRules; }

}  // namespace cleave
