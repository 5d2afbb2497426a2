// Units of systemd that start this very program, and files that are cleave's as a whole.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "host/host.h"
#include "plan/change.h"

namespace cleave {

inline constexpr const char* kUnitDirectory = "/etc/systemd/system/";

// A captured machine counts as one that is: nobody can look.
bool is_started_by_systemd(const HostReader& host);

// `program` as ExecStart= takes it; Unsupported if its name has letters that mean something there.
Result<std::string> unit_program(const std::string& program);

// Writes a file that is cleave's as a whole. `before`: content_hash() of what is there, or
// kAbsentFile.
Change own_file_change(const char* id, Message summary, std::string path, std::string content,
                       std::string before = kAbsentFile);

// What makes the vGPUs that are defined (app/vgpu_definition.h) at every start, as soon as their
// parent is registered: a unit, which a rule of udev asks for (ways/gvt_g.cc). Empty if it is
// there.
Result<std::vector<Change>> vgpus_unit_changes(const HostReader& host, const std::string& program);

// What asks VMs before the host sleeps and puts them right afterwards (app/sleep.h): a unit that
// sleep.target requires, so that its refusal is one. Empty if it is there.
Result<std::vector<Change>> sleep_unit_changes(const HostReader& host, const std::string& program);

// Whether VMs are asked before this host sleeps. A host without systemd has its own ways.
bool vms_are_asked(const HostReader& host);

// Whether anything makes defined vGPUs at every start on this machine: cleave's unit or mdevctl.
bool vgpus_come_back(const HostReader& host);

}  // namespace cleave
