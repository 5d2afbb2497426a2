// A VM that gets a PCI device of the host, a virtual function or a whole one: which, what it takes,
// and how the host gets it back.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "app/vm_place.h"
#include "apply/transaction.h"
#include "base/result.h"
#include "facts/facts.h"
#include "host/host.h"
#include "plan/plan.h"
#include "run/supervisor.h"
#include "vm/vm.h"
#include "ways/way.h"

namespace cleave {

struct PciChoice {
  std::vector<std::string> addresses;  // all that leave the host, the VM's own first
  GuestDevice device;
  // Makes the function that was chosen, where the device has none yet; empty otherwise.
  Plan functions;
  // Hands the devices over and lets the VM's user open them; empty if all is so already.
  Plan hand_over;
};

// Whether VMs of this way get PCI devices.
bool hands_over_pci(const Vm::Gpu& gpu);

// Errors explain themselves: Malformed if a choice is left open or an address is none; NotFound;
// Busy if all functions are taken, or this very device is; Denied if this user may not open it;
// Unsupported as Way::gives, hand_over() and make_functions() refuse.
// Conflict, with the reasons, where the host cannot surely do without a device, unless `force` has
// that very device's address.
Result<PciChoice> choose_pci_devices(const HostReader& host, const VmEnvironment& environment,
                                     const Vm& vm, const std::vector<std::string>& force = {});

// The devices of one start: reserved, handed over, and taken back if the start fails.
class HandedOverDevices {
 public:
  explicit HandedOverDevices(HostWriter& host, Transactions& transactions)
      : host_(host), transactions_(transactions) {}

  Result<void> prepare(Supervisor& supervisor, const VmEnvironment& environment, const Vm& vm,
                       const PciChoice& choice, const std::function<void(const Plan&)>& show_plan);
  Result<void> take_back();
  // Whether there is something that the host gets back at the VM's end.
  [[nodiscard]] bool changed_anything() const { return !done_.empty(); }
  // False after a prepare() that failed: another start was faster.
  [[nodiscard]] bool has_reserved() const { return reserved_; }

 private:
  Result<void> apply(const Plan& plan, const std::function<void(const Plan&)>& show_plan);

  HostWriter& host_;
  Transactions& transactions_;
  bool reserved_ = false;
  std::vector<std::uint32_t> done_;  // transactions, in order
};

}  // namespace cleave
