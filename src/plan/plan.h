// A plan: changes in their order, with what stands against them. Shown before anything is done.
#pragma once

#include <string>
#include <vector>

#include "plan/change.h"

namespace cleave {

inline constexpr const char* kSetupPlan = "setup";               // for good
inline constexpr const char* kTrialPlan = "trial";               // for one start
inline constexpr const char* kFunctionsPlan = "functions";       // virtual functions of a device
inline constexpr const char* kVmFunctionsPlan = "vm-functions";  // the same, for VMs that run
inline constexpr const char* kVmDevicesPlan = "vm-devices";      // what one VM has while it runs

struct Plan {
  Message purpose;  // "create a vGPU of type i915-GVTg_V5_4"
  // What the journal's plans are found by later: kSetupPlan, kTrialPlan; empty for others.
  std::string kind;
  std::vector<Change> changes;

  [[nodiscard]] bool empty() const { return changes.empty(); }
  [[nodiscard]] bool needs_root() const;
  [[nodiscard]] bool needs_reboot() const;
  bool operator==(const Plan&) const = default;
};

// Two changes of one plan that write the same place with different content; empty if none do.
std::vector<Message> conflicts(const Plan& plan);

// What a person is shown: "write UUID to /sys/…/create", one line of argv or path per change.
std::string effect_text(const Effect& effect);

// The same for taking it back: "write 1 to /sys/…/remove"; empty if there is nothing to do.
std::string undo_text(const Effect& effect);

inline constexpr std::size_t kMaximumChanges = 256;

// As in change.h. At most kMaximumChanges changes.
Json to_json(const Plan& plan);
Result<Plan> plan_from_json(const Json& json);

}  // namespace cleave
