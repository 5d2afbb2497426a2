#include "app/vm_handover.h"

#include <utility>

#include "app/give_back.h"
#include "app/vm_reservations.h"

namespace cleave {
namespace {

// More functions than any device has that is given away one by one.
constexpr int kMostTries = 64;

}  // namespace

HandedOverVgpu::HandedOverVgpu(HostWriter& host, std::string state)
    : transactions_(host, std::move(state)) {
  transactions_.wait_for_others(kVgpuPatience);
}

Result<void> HandedOverVgpu::prepare(Supervisor& supervisor, const VmEnvironment& environment,
                                     const std::string& vm, const VgpuChoice& choice,
                                     const std::function<void(const Plan&)>& show_plan) {
  TRY(reserve_devices(supervisor, environment, vm, {choice.uuid}));
  record_ = VgpuRecord{
      .uuid = choice.uuid, .sysfs_path = choice.sysfs_path, .created = choice.create.has_value()};
  if (!choice.create) return supervisor.announce(*record_);
  if (show_plan) show_plan(choice.create->plan);
  TRY(transactions_.recover());
  TRY(supervisor.announce(*record_));
  transaction_ = TRY(create_vgpu(transactions_, *choice.create)).transaction;
  return {};
}

Result<void> HandedOverVgpu::take_back() {
  if (transaction_ != 0) TRY(transactions_.undo(transaction_));
  return {};
}

VmHandover::VmHandover(HostWriter& host, const std::string& state)
    : host_(host), transactions_(host, state), vgpu_(host, state), devices_(host, transactions_) {
  transactions_.wait_for_others(kVgpuPatience);
}

Result<StartResources> VmHandover::prepare(const VmEnvironment& environment,
                                           const HandoverRequest& request, Supervisor& supervisor) {
  const Vm& vm = request.vm;
  // What ended VMs left may be just what this one wants.
  const bool pci = vm.gpu && hands_over_pci(*vm.gpu);
  if (hands_over(vm) && environment.is_root) TRY(give_back_devices(host_, transactions_));
  // Of several starts that choose the same free function one gets it, and the others choose again.
  for (int tries = 1;; ++tries) {
    DeviceChoice choice = TRY(choose_devices(host_, environment, vm, request.force));
    const Result<void> prepared = prepare_choice(environment, request, choice, supervisor);
    if (prepared) return std::move(choice.resources);
    const bool may_choose = pci && vm.gpu->device.empty() && !devices_.has_reserved();
    const bool was_slower = prepared.error().code == ErrorCode::Busy;
    if (!may_choose || !was_slower || tries == kMostTries) return prepared.error();
  }
}

Result<void> VmHandover::prepare_choice(const VmEnvironment& environment,
                                        const HandoverRequest& request, const DeviceChoice& choice,
                                        Supervisor& supervisor) {
  const Vm& vm = request.vm;
  if (choice.vgpu) {
    TRY(vgpu_.prepare(supervisor, environment, vm.name, *choice.vgpu, request.show_plan));
  }
  if (choice.handover) {
    addresses_ = choice.handover->addresses;
    TRY(devices_.prepare(supervisor, environment, vm, *choice.handover, request.show_plan));
  }
  return {};
}

std::vector<Error> VmHandover::take_back() {
  std::vector<Error> failures;
  for (const Result<void>& back : {vgpu_.take_back(), devices_.take_back()}) {
    if (!back) failures.push_back(back.error());
  }
  return failures;
}

}  // namespace cleave
