// vGPUs that are to be there again after a restart. They are kept as mdevctl keeps them
// (/etc/mdevctl.d/PARENT/UUID), so that both tools see the same devices.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/vgpu.h"
#include "apply/transaction.h"
#include "base/result.h"
#include "facts/virtual_machines.h"
#include "host/host.h"

namespace cleave {

// All that are defined, by parent and UUID; those that cannot be understood have a problem. Denied
// or Io if they could not be read.
Result<std::vector<MdevDefinition>> vgpu_definitions(const Facts& facts);

// NotFound, with those that there are, if none has that UUID.
Result<MdevDefinition> defined_vgpu(const Facts& facts, const std::string& uuid);

struct DefineRequest {
  // Default: of the vGPU that exists with that UUID, of the definition there is, else as in
  // CreateRequest.
  std::optional<std::string> parent;
  std::optional<std::string> type;
  std::optional<std::string> uuid;  // default: random, version 4
  std::optional<bool> by_itself;    // made at every start; default: as it is defined, else not
};

struct PreparedDefine {
  MdevDefinition definition;
  // The parent is not registered now: whether it has that type nobody could say.
  bool unchecked = false;
  Plan plan;  // empty: it is defined so already
};

// Errors: as prepare_create, but room that is taken now is no reason to refuse; Conflict if a vGPU
// or a definition of that UUID is of another type or parent.
Result<PreparedDefine> prepare_define(const VgpuView& view, const DefineRequest& request);

struct PreparedUndefine {
  MdevDefinition definition;
  Plan plan;
  bool exists = false;  // the vGPU is there, and stays
  // The transaction that defined it, if nothing else did before or after: it is undone, with the
  // directories that it made.
  std::optional<std::uint32_t> made_by;
};

// NotFound if nothing of that UUID is defined.
Result<PreparedUndefine> prepare_undefine(const VgpuView& view, const Transactions& transactions,
                                          const std::string& uuid);

// The number of the transaction that was undone or applied.
Result<std::uint32_t> undefine_vgpu(Transactions& transactions, const PreparedUndefine& prepared);

enum class VgpuStart : std::uint8_t {
  Started,
  AlreadyThere,
  Refused,
};
const char* vgpu_start_name(VgpuStart state);  // "started", …

struct StartedVgpu {
  MdevDefinition definition;
  VgpuStart state = VgpuStart::Refused;
  std::optional<Error> why;       // of Refused
  std::uint32_t transaction = 0;  // of Started
};

struct PreparedStart {
  MdevDefinition definition;
  // Of the error: Malformed if the definition cannot be understood, else as prepare_create. The
  // plan is empty if the vGPU is there.
  Result<PreparedCreate> create;
};
// `owner`: whom the vGPU is given to.
PreparedStart prepare_start(const VgpuView& view, const MdevDefinition& definition,
                            const std::optional<Owner>& owner = std::nullopt);

// Any where all find room whoever comes first: no parent is asked for more than it said it has.
// Types that share a parent's room take it from each other in ways of their own; there the order
// decides.
PartOrder start_order(const std::vector<PreparedStart>& prepared);

// Makes vGPUs as they are defined, in one transaction, and in their order where the room may not do
// for all. A refusal is an outcome,
// and the others are made; the error is what keeps every vGPU from being made: no root, a signal.
Result<std::vector<StartedVgpu>> start_vgpus(HostWriter& host, Transactions& transactions,
                                             const std::vector<PreparedStart>& prepared);

}  // namespace cleave
