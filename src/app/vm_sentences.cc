// What is told of a VM that ended, or that does not go on.
#include "app/vm.h"

namespace cleave {

Message lost_sentence(const LostCompanion& lost) {
  if (lost.signal != 0) {
    return {N_("{name} was killed by signal {signal} while the VM ran: what it did for the guest "
               "was missing from then on, until the VM is started again."),
            {{"name", lost.name}, {"signal", lost.signal}}};
  }
  return {N_("{name} ended with status {status} while the VM ran: what it did for the guest was "
             "missing from then on, until the VM is started again."),
          {{"name", lost.name}, {"status", lost.exit_status}}};
}

Message trouble_sentence(const DiskTrouble& trouble) {
  if (trouble.is_full) {
    return {N_("The guest is paused: there is no room left for its disk {disk}."),
            {{"disk", trouble.disk}}};
  }
  return {N_("The guest is paused: its disk {disk} cannot be written ({reason})."),
          {{"disk", trouble.disk}, {"reason", trouble.reason}}};
}

Message trouble_remedy(const std::string& vm) {
  return {N_("Make room, then let the guest go on: cleave vm resume {name}"), {{"name", vm}}};
}

Message end_sentence(const VmEnd& end) {
  switch (end.kind) {
    case VmEndKind::GuestShutdown:
      return {N_("The guest switched itself off.")};
    case VmEndKind::HostRequest:
      return {N_("QEMU was asked to end.")};
    case VmEndKind::Killed:
      if (end.memory_kills != 0) {
        return {N_("QEMU was killed by signal {signal}, most likely by the kernel, which ended "
                   "programs for lack of memory while it ran ({count}). Give the VM less memory, "
                   "or end other programs first."),
                {{"signal", end.signal}, {"count", end.memory_kills}}};
      }
      return {N_("QEMU was killed by signal {signal}."), {{"signal", end.signal}}};
    case VmEndKind::Failed:
      return {N_("QEMU failed with exit status {status}."), {{"status", end.exit_status}}};
    case VmEndKind::NeverRan:
      return {N_("It was never up: QEMU did not start.")};
    case VmEndKind::Unknown:
      break;
  }
  return {N_("Nobody saw it end.")};
}

}  // namespace cleave
