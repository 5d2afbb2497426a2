// What of the host's a VM gets at its start: a vGPU that is made, devices that are handed over.
// Taken back if the start fails.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "app/vm_gpu.h"
#include "app/vm_pci.h"
#include "app/vm_place.h"
#include "apply/transaction.h"
#include "base/result.h"
#include "host/host.h"
#include "run/supervisor.h"
#include "run/vm_state.h"
#include "vm/command_line.h"
#include "vm/vm.h"

namespace cleave {

// The vGPU of a start: written down, then made, then forgotten or taken back.
class HandedOverVgpu {
 public:
  HandedOverVgpu(HostWriter& host, std::string state);

  Result<void> prepare(Supervisor& supervisor, const VmEnvironment& environment,
                       const std::string& vm, const VgpuChoice& choice,
                       const std::function<void(const Plan&)>& show_plan);
  // The supervisor gave it back already if it could; this is for the journal, and for the rest.
  Result<void> take_back();
  [[nodiscard]] const std::optional<VgpuRecord>& record() const { return record_; }

 private:
  Transactions transactions_;
  std::uint32_t transaction_ = 0;
  std::optional<VgpuRecord> record_;
};

struct HandoverRequest {
  const Vm& vm;
  const std::function<void(const Plan&)>& show_plan;  // before anything is changed
  const std::vector<std::string>& force;              // as choose_pci_devices() takes it
};

class VmHandover {
 public:
  // `state`: the directory of transactions.
  VmHandover(HostWriter& host, const std::string& state);

  // Errors: those of choose_devices(), and of making and handing over.
  Result<StartResources> prepare(const VmEnvironment& environment, const HandoverRequest& request,
                                 Supervisor& supervisor);
  // The errors of what could not be taken back.
  std::vector<Error> take_back();

  [[nodiscard]] const std::optional<VgpuRecord>& vgpu() const { return vgpu_.record(); }
  [[nodiscard]] const std::vector<std::string>& devices() const { return addresses_; }
  // Whether the host gets something back at the VM's end that the supervisor cannot give.
  [[nodiscard]] bool changed_devices() const { return devices_.changed_anything(); }

 private:
  Result<void> prepare_choice(const VmEnvironment& environment, const HandoverRequest& request,
                              const DeviceChoice& choice, Supervisor& supervisor);

  HostWriter& host_;
  Transactions transactions_;
  HandedOverVgpu vgpu_;
  HandedOverDevices devices_;
  std::vector<std::string> addresses_;
};

}  // namespace cleave
