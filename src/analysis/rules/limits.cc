#include "analysis/rules/checks.h"
#include "analysis/rules/families.h"

namespace cleave {
namespace {

// The smallest guest in which a desktop on a vGPU makes sense; a larger one needs more.
constexpr std::uint64_t kSmallGuest = std::uint64_t{2} << 30U;

Outcome check_memory_lock(const Subject& subject) {
  const Fact<MemoryLockLimit>& limit = subject.facts.memory_lock;
  if (const auto unread = missing(limit)) return Outcome::unknown({*unread});
  const MemoryLockLimit* seen = limit.value();
  if (seen == nullptr) return Outcome::unknown({{limit.source(), "absent"}});
  // The hard limit counts: QEMU's soft limit can be raised to it without any right.
  if (!seen->hard) return Outcome::pass({{limit.source(), "unlimited"}});
  const Evidence evidence{limit.source(), format("{} bytes", *seen->hard)};
  const Field megabytes("limit", *seen->hard >> 20U);
  if (*seen->hard >= kSmallGuest) return Outcome::pass({evidence}, {megabytes});
  return Outcome::fail({evidence}, {megabytes});
}

constexpr Rule kRules[] = {
    {.id = "limits.memory_lock",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("You may lock enough memory for a guest"),
     .why = N_("The driver pins the guest pages that the vGPU uses. Your limit is {limit} MB; "
               "beyond it the kernel says “RLIMIT_MEMLOCK exceeded” and the guest's GPU hangs."),
     .remedy = N_("Put “@kvm hard memlock unlimited” into "
                  "/etc/security/limits.d/cleave.conf, and log in again."),
     .check = check_memory_lock},
};

}  // namespace

std::span<const Rule> limits_rules() { return kRules; }

}  // namespace cleave
