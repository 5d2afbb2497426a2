// Proves a QEMU that was built: it answers, has what was asked for, and boots the demo guest.
#pragma once

#include <cstdint>
#include <string>

#include "app/build_tool.h"
#include "app/guest_report.h"
#include "base/result.h"
#include "facts/qemu.h"
#include "host/host.h"
#include "qemu_build/options.h"

namespace cleave {

struct BuildProof {
  QemuAbilities abilities;
  GuestReport guest;
};

// `scratch`: a directory of the builder's. What QEMU answered is kept for the doctor.
// Conflict: another version, or an option that was asked for is not in it.
Result<BuildProof> prove_build(HostWriter& host, const std::string& program,
                               const ChosenOptions& options, const Version& version,
                               const std::string& scratch, BuildTools& tools);

}  // namespace cleave
