// Looks for what building QEMU needs on this machine.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "host/host.h"
#include "qemu_build/needs.h"

namespace cleave {

struct MissingNeeds {
  std::vector<BuildNeed> needs;
  DistributionFamily family = DistributionFamily::Other;
  std::vector<std::string> packages;  // in which this distribution has them

  [[nodiscard]] bool empty() const { return needs.empty(); }
};

DistributionFamily family_of_host(const HostReader& host);
// VERSION_CODENAME of os-release; empty if there is none.
std::string codename_of_host(const HostReader& host);

// Of `needs`, what is not there for whoever builds: `as_other`: with root's PATH and not the
// caller's. Starts pkg-config and python3. Where pkg-config itself is missing, what it would be
// asked for counts as missing: installing it again does no harm.
MissingNeeds missing_needs(const HostReader& host, const std::vector<BuildNeed>& needs,
                           bool as_other);

// One word for each: "gtk+-3.0", "ninja".
std::string names_of(const std::vector<BuildNeed>& needs);

}  // namespace cleave
