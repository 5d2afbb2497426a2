#include "run/vm_end.h"

namespace cleave {
namespace {

VmEndKind kind_of(const ProcessEnd& process, bool by_guest) {
  if (process.signal != 0) return VmEndKind::Killed;
  if (process.exit_status != 0) return VmEndKind::Failed;
  return by_guest ? VmEndKind::GuestShutdown : VmEndKind::HostRequest;
}

}  // namespace

VmEnd end_of(const ProcessEnd& process, const std::optional<QmpEvent>& shutdown) {
  VmEnd end;
  end.exit_status = process.exit_status;
  end.signal = process.signal;
  bool by_guest = false;
  if (shutdown) {
    end.shutdown_reason = shutdown->data.text_of("reason");
    const Json* guest = shutdown->data.find("guest");
    by_guest = guest != nullptr && guest->as_bool() != nullptr && *guest->as_bool();
  }
  end.kind = kind_of(process, by_guest);
  return end;
}

}  // namespace cleave
