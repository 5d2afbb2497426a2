// The use cases of `cleave vgpu` for devices with SR-IOV, whose vGPUs are virtual functions: made
// all at once, ready for VMs, and again at every start where they are defined.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apply/transaction.h"
#include "base/result.h"
#include "facts/facts.h"
#include "facts/function_definition.h"
#include "host/host.h"
#include "plan/plan.h"

namespace cleave {

// Devices, who has them open, and what is defined.
struct FunctionsView {
  Facts facts;
  std::vector<FunctionDefinition> definitions;  // by device
  std::vector<Error> problems;                  // definitions that cannot be understood
};
// Denied or Io if the devices or the definitions could not be read.
Result<FunctionsView> view_functions(const HostReader& host);

// Whether that name is a device which may have virtual functions, and no parent of mediated
// devices: then `cleave vgpu` is about these.
bool has_functions(const FunctionsView& view, const std::string& name);

const FunctionDefinition* definition_of(const FunctionsView& view, const PciAddress& device);

struct PreparedFunctions {
  FunctionDefinition wanted;
  Plan plan;  // empty: it is so already
};

// Makes them and binds each to vfio-pci, so that who may open its node needs no root for a VM.
// Errors as make_functions() and hand_over(); Unsupported for NVIDIA's, which need its software.
Result<PreparedFunctions> prepare_functions(const FunctionsView& view,
                                            const FunctionDefinition& wanted);
// The driver's errno is told as a sentence (Conflict), the rest as Transactions::apply.
Result<ApplyReport> make_functions_of(Transactions& transactions,
                                      const PreparedFunctions& prepared);

// Removes all functions of a device: undoes the transaction that made them, else by a plan of its
// own. NotFound if there are none, Busy where one is in use, with the user.
struct PreparedFunctionsRemoval {
  PciAddress device;
  std::optional<TransactionRecord> made_by;
  Plan plan;
};
Result<PreparedFunctionsRemoval> prepare_functions_removal(const FunctionsView& view,
                                                           const Transactions& transactions,
                                                           const std::string& device);
Result<std::uint32_t> remove_functions_of(Transactions& transactions,
                                          const PreparedFunctionsRemoval& prepared);

// The definition's file; with `starts_by_itself` also the unit that makes them and the rule of udev
// that asks for it, where they are missing. `program`: what the unit starts.
Result<PreparedFunctions> prepare_functions_definition(const HostReader& host,
                                                       const FunctionsView& view,
                                                       const FunctionDefinition& wanted,
                                                       const std::string& program);
// NotFound if none is defined there.
Result<Plan> prepare_functions_undefinition(const HostReader& host, const FunctionsView& view,
                                            const std::string& device);

}  // namespace cleave
