// After a kernel was installed: whether the GPU can still be shared when that kernel starts.
#pragma once

#include <string>
#include <vector>

#include "apply/transaction.h"
#include "base/message.h"
#include "base/result.h"
#include "host/host.h"
#include "plan/change.h"

namespace cleave {

struct KernelCheck {
  std::string release;
  // What fails with that kernel and does not with the running one, each with what to do; and
  // arguments that the boot menu does not give it. Empty: nothing is known to be wrong.
  std::vector<Message> warnings;
};

// Nothing is looked at where cleave has set nothing up: no warnings. NotFound if no modules of that
// kernel are installed.
Result<KernelCheck> check_kernel(const HostReader& host, const Transactions& transactions,
                                 const std::string& release);

// The files that have this done by whoever installs kernels: Debian's postinst.d, kernel-install's
// plugins, pacman's hooks, each where the system has the directory for it. Empty if they are there
// already. `program`: this very program's file.
std::vector<Change> kernel_hook_changes(const HostReader& host, const std::string& program);

}  // namespace cleave
