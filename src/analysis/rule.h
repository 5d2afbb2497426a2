// A rule of diagnosis: one constexpr row in rules/<family>.cc, listed by rules/all.cc.
// Pure: a check sees facts and nothing else.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/message.h"
#include "facts/facts.h"

namespace cleave {

struct SeenMessages;  // analysis/seen_messages.h

// What a rule looks at: the whole machine, or one GPU of it.
struct Subject {
  const Facts& facts;
  const PciDevice* gpu = nullptr;     // set for rules with `scope` Gpu
  const SeenMessages* log = nullptr;  // null: the kernel's log could not be read
};

enum class RuleScope : std::uint8_t { Machine, Gpu };
enum class RuleLevel : std::uint8_t { Blocker, Fixable, Advice };
// Who can change what a failed rule complains of.
enum class Fixer : std::uint8_t { Cleave, User, Firmware, Vendor, Nobody };
enum class OutcomeKind : std::uint8_t { Pass, Fail, Unknown, NotApplicable };

// What was seen and where: raw text of the machine, never translated.
struct Evidence {
  std::string source;  // "/proc/cmdline"
  std::string text;    // "i915.enable_gvt is not given"

  bool operator==(const Evidence&) const = default;
};

struct Outcome {
  OutcomeKind kind = OutcomeKind::NotApplicable;
  std::vector<Evidence> evidence;
  std::vector<Field> arguments;  // values for the fields of title, why and remedy

  static Outcome pass(std::vector<Evidence> evidence = {}, std::vector<Field> arguments = {});
  static Outcome fail(std::vector<Evidence> evidence, std::vector<Field> arguments = {});
  // `missing`: what could not be read, as evidence.
  static Outcome unknown(std::vector<Evidence> missing, std::vector<Field> arguments = {});
  static Outcome not_applicable();
};

struct Rule {
  const char* id;  // API: never renamed, never reused
  RuleScope scope;
  RuleLevel level;
  Fixer fixer;
  const char* title;   // N_: the state that is wanted or complained of, one line
  const char* why;     // N_: what it means for the person
  const char* remedy;  // N_: what to do when it fails
  Outcome (*check)(const Subject&);
  bool restart = false;  // what the remedy asks for counts only after a restart of the machine
};

// What the firmware has to change is changed before the system starts.
inline bool counts_after_restart(const Rule& rule) {
  return rule.restart || rule.fixer == Fixer::Firmware;
}

// Every rule of every family, in the order of the story: CPU, KVM, IOMMU, GPU, kernel, GVT-g, …
const std::vector<const Rule*>& all_rules();
// Null if there is none of that id.
const Rule* find_rule(std::string_view id);

// A rule's outcome on one subject.
struct Finding {
  const Rule* rule = nullptr;
  std::optional<PciAddress> gpu;
  Outcome outcome;
};

// The GPUs of the machine, by address; empty too where the PCI devices could not be read. Virtual
// functions belong to their GPU and are not listed beside it.
std::vector<const PciDevice*> gpus_of(const Facts& facts);

// All rules over all GPUs; none stops the others. Order: machine rules, then per GPU by address.
std::vector<Finding> run_rules(const Facts& facts);

// Names used in JSON: "blocker"…, "cleave"…, "pass"…
const char* level_name(RuleLevel level);
const char* fixer_name(Fixer fixer);
const char* outcome_name(OutcomeKind kind);

}  // namespace cleave
