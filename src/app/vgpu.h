// The use cases of `cleave vgpu`: which types there are, which vGPUs exist, making and removing
// one. Deciding (prepare_…) is apart from doing, so that the plan can be shown in between.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analysis/capacity.h"
#include "app/owner.h"
#include "apply/transaction.h"
#include "base/result.h"
#include "facts/facts.h"
#include "facts/readers/read_facts.h"
#include "host/host.h"
#include "ways/way.h"

namespace cleave {

// One parent of mediated devices, with what it can still give.
struct VgpuParent {
  const MdevParent* parent = nullptr;
  Capacity capacity;
  bool is_gpu = false;  // false: mtty, mdpy, mbochs, …
};

// What there is on the machine. Points into its own facts, which are those of read_vgpu_facts().
struct VgpuView {
  const HostReader* host = nullptr;  // for whoever has to know more
  std::unique_ptr<const Facts> facts;
  std::vector<VgpuParent> parents;             // GPUs first, then by name
  std::vector<const MediatedDevice*> devices;  // as the facts have them
};

// How long to wait for another cleave: at a start of the machine the units of several parents, and
// many VMs, are at it at once.
inline constexpr std::chrono::seconds kVgpuPatience(30);

// Denied or Io if the parents or devices could not be read; none at all is no error. `only` as
// read_vgpu_facts() takes it, or as a person types it.
Result<VgpuView> view_vgpus(const HostReader& host, VgpuDetail detail = VgpuDetail::All,
                            const std::optional<std::string>& only = std::nullopt);

struct CreateRequest {
  std::optional<std::string> parent;  // default: the only GPU
  std::optional<std::string> type;    // default: the best that fits now
  std::optional<std::string> uuid;    // default: random, version 4
  std::optional<Owner> owner;         // gets the vGPU's node and its `remove` attribute
};

struct PreparedCreate {
  VgpuRequest request;
  std::string sysfs_path;  // /sys/bus/mdev/devices/UUID
  Plan plan;
  std::uint32_t room = 0;  // how many of that type would fit; 0: nobody knows
};

// Errors: Unsupported if nothing offers vGPUs; Malformed if the request leaves a choice open; Busy
// if no type has an instance left; else as Way::attach refuses. All explain themselves. The plan
// is empty if the very vGPU is there already.
Result<PreparedCreate> prepare_create(const VgpuView& view, const CreateRequest& request);

// The error of a transaction that was to make the vGPU; where another program was faster it is
// Conflict, and the driver's errno is told as a sentence.
Error explain_create(Error error, const VgpuRequest& request);

// Errors: as explain_create() has them.
Result<ApplyReport> create_vgpu(Transactions& transactions, const PreparedCreate& prepared);

struct PreparedRemove {
  std::string uuid;
  std::string type_id;
  std::string parent;
  // The transaction that made it, of which its changes are undone. Else `plan` is applied.
  std::optional<TransactionRecord> made_by;  // `done`: what is undone of it
  std::vector<std::size_t> changes;          // of made_by; empty: all of them
  Plan plan;
  bool users_known = true;  // false: other users' processes could not be looked into
};

// Errors as Way::detach refuses: NotFound if there is no such device, Busy with the processes that
// use it.
Result<PreparedRemove> prepare_remove(const HostReader& host, const VgpuView& view,
                                      const Transactions& transactions, const std::string& uuid);

// The number of the transaction that was undone or applied.
Result<std::uint32_t> remove_vgpu(Transactions& transactions, const PreparedRemove& prepared);

// Of `records`, the applied one that made this device; null if cleave did not make it.
const TransactionRecord* transaction_of(const std::vector<TransactionRecord>& records,
                                        const std::string& uuid);

// RFC 9562, version 4, from getrandom(2). Io if the kernel gives no randomness.
Result<std::string> random_uuid();

}  // namespace cleave
