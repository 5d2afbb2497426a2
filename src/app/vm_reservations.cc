#include "app/vm_reservations.h"

#include <unistd.h>

#include <ctime>
#include <utility>

#include "app/owner.h"
#include "run/reservation.h"

namespace cleave {
namespace {

void name_users_of(const std::string& device, std::vector<DeviceUser>& users) {
  const auto by = reserved_by(kReservationDirectory, device);
  if (!by) return;
  if (users.empty()) users.push_back({.process_id = by->process.process_id, .command = "cleave"});
  for (DeviceUser& user : users) {
    user.vm = by->vm;
    user.since = static_cast<std::uint64_t>(by->since);
  }
}

}  // namespace

Result<void> prepare_reservations() {
  // To look up a group opens half a dozen files, and this is asked for every vGPU that is made.
  if (::access(kReservationDirectory, F_OK) == 0) return {};
  // Who may open what is in /dev/vfio may keep reservations (the rule of udev in
  // ways/preparing.cc).
  return make_reservation_directory(kReservationDirectory, group_number("kvm").value_or(0));
}

Result<void> reserve_devices(Supervisor& supervisor, const VmEnvironment& environment,
                             const std::string& vm, const std::vector<std::string>& devices) {
  if (environment.is_root) TRY(prepare_reservations());
  std::vector<OwnedFd> reservations;
  for (const std::string& device : devices) {
    std::optional<OwnedFd> held =
        TRY(reserve(kReservationDirectory, {.device = device,
                                            .vm = vm,
                                            .user = environment.owner.uid,
                                            .process = supervisor.identity(),
                                            .since = ::time(nullptr)}));
    if (held) reservations.push_back(std::move(*held));
  }
  return supervisor.keep_reservations(reservations);
}

void name_users(const HostReader& host, Facts& facts) {
  if (!host.is_live()) return;
  std::vector<PciDevice> devices = facts.pci_devices.value_or({});
  for (PciDevice& device : devices) name_users_of(to_text(device.address), device.users);
  if (facts.pci_devices.is_known()) {
    facts.pci_devices = {std::move(devices), facts.pci_devices.source()};
  }
  std::vector<MediatedDevice> vgpus = facts.mediated_devices.value_or({});
  for (MediatedDevice& vgpu : vgpus) name_users_of(vgpu.uuid, vgpu.users);
  if (facts.mediated_devices.is_known()) {
    facts.mediated_devices = {std::move(vgpus), facts.mediated_devices.source()};
  }
}

}  // namespace cleave
