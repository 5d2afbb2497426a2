#include "analysis/rules/qemu_programs.h"

#include <algorithm>

#include "analysis/rules/checks.h"

namespace cleave {
namespace {

// Worse is larger.
int badness(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::NotApplicable:
      return 0;
    case OutcomeKind::Pass:
      return 1;
    case OutcomeKind::Unknown:
      return 2;
    case OutcomeKind::Fail:
      return 3;
  }
  return 3;
}

}  // namespace

std::string qemu_name(const QemuAbilities& abilities) {
  return "QEMU " + to_text(abilities.version);
}

Outcome ask_programs(const Subject& subject, const QemuQuestion& question) {
  const Fact<std::vector<QemuProgram>>& programs = subject.facts.qemu.programs;
  if (const auto unread = missing(programs)) return Outcome::unknown({*unread});
  std::vector<Evidence> can;
  std::vector<Evidence> cannot;
  std::vector<Evidence> unknown;
  for (const QemuProgram& program : programs.value_or({})) {
    if (const QemuAbilities* abilities = program.abilities.value()) {
      auto& list = question.can(*abilities, subject) ? can : cannot;
      list.push_back({program.path, question.say(*abilities, subject)});
    } else {
      unknown.push_back(missing(program.abilities).value_or(Evidence{program.path, "not asked"}));
    }
  }
  if (!can.empty()) return Outcome::pass(std::move(can));
  if (!unknown.empty()) return Outcome::unknown(std::move(unknown));
  return cannot.empty() ? Outcome::not_applicable() : Outcome::fail(std::move(cannot));
}

Outcome worst_of(const std::vector<Outcome>& outcomes) {
  Outcome worst = Outcome::not_applicable();
  std::vector<Evidence> evidence;
  for (const Outcome& outcome : outcomes) {
    if (badness(outcome.kind) > badness(worst.kind)) worst.kind = outcome.kind;
  }
  // What is good is no reason for what is not.
  for (const Outcome& outcome : outcomes) {
    if (outcome.kind != worst.kind) continue;
    evidence.insert(evidence.end(), outcome.evidence.begin(), outcome.evidence.end());
  }
  worst.evidence = std::move(evidence);
  return worst;
}

Outcome at_least(const Fact<std::string>& package, const char* name, const Version& wanted) {
  if (const auto unread = missing(package)) return Outcome::unknown({*unread});
  // QEMU may still have a library of its own, or one that was built by hand.
  if (!package.is_known()) return Outcome::unknown({{package.source(), "no package"}});
  const std::string text = std::string(name) + " " + *package.value();
  const auto version = parse_package_version(*package.value());
  if (!version) return Outcome::unknown({{package.source(), text}});
  return *version >= wanted ? Outcome::pass({{package.source(), text}})
                            : Outcome::fail({{package.source(), text}});
}

Outcome kernel_at_least(const Fact<std::string>& release, std::uint32_t major,
                        std::uint32_t minor) {
  if (const auto unread = missing(release)) return Outcome::unknown({*unread});
  const auto version = parse_kernel_version(release.value_or(""));
  if (!version) return Outcome::unknown({{release.source(), release.value_or("absent")}});
  const Evidence seen{release.source(), "Linux " + *release.value()};
  return *version >= KernelVersion{major, minor} ? Outcome::pass({seen}) : Outcome::fail({seen});
}

}  // namespace cleave
