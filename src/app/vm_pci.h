// A VM that gets PCI devices of the host, virtual functions or whole ones: which, what it takes,
// and how the host gets them back.
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

// All that a VM gets of the host's devices.
struct HandoverChoice {
  // Of all that leave the host, the VM's own PCI devices first; then ports and ids of USB.
  std::vector<std::string> addresses;
  GuestDevice device;                    // of [gpu]
  std::vector<std::string> pci_devices;  // values of -device for the others
  std::vector<std::string> pci_objects;  // values of -object that those name
  std::vector<std::string> usb_devices;
  // Makes the function that was chosen, where the device has none yet; empty otherwise.
  Plan functions;
  // Hands the devices over and lets the VM's user open them; empty if all is so already.
  Plan hand_over;
};

// Whether VMs of this way get PCI devices.
bool hands_over_pci(const Vm::Gpu& gpu);
// Whether this VM gets any, by its GPU or beside it.
bool hands_over_pci(const Vm& vm);

// What choosing and handing over look at, of USB, too.
Facts read_handover_facts(const HostReader& host);

// Errors explain themselves: Malformed if a choice is left open or an address is none; NotFound;
// Busy if all functions are taken, or this very device is; Denied if this user may not open it;
// Unsupported as Way::gives, hand_over() and make_functions() refuse.
// Conflict, with the reasons, where the host cannot surely do without a device, unless `force` has
// that very device's address.
Result<HandoverChoice> choose_pci_devices(const HostReader& host, const Facts& facts,
                                          const VmEnvironment& environment, const Vm& vm,
                                          const std::vector<std::string>& force);

// The devices of one start: reserved, handed over, and taken back if the start fails.
class HandedOverDevices {
 public:
  explicit HandedOverDevices(HostWriter& host, Transactions& transactions)
      : host_(host), transactions_(transactions) {}

  Result<void> prepare(Supervisor& supervisor, const VmEnvironment& environment, const Vm& vm,
                       const HandoverChoice& choice,
                       const std::function<void(const Plan&)>& show_plan);
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
