// Reads everything that the diagnosis needs; starts no process, changes nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "facts/facts.h"
#include "host/host.h"

namespace cleave {

// Root's, which everybody may read. Captures keep the answers here, whoever had asked.
inline constexpr const char* kSystemQemuAnswers = "/var/cache/cleave/qemu";
// QEMUs that cleave built as root, a directory each (app/qemu_builds.h).
inline constexpr const char* kSystemQemuBuilds = "/usr/local/lib/cleave/qemu";

// What a host alone does not tell.
struct FactPlaces {
  // Where QEMU's answers are kept (app/qemu.h), the first directory that has any decides.
  std::vector<std::string> qemu_answers = {kSystemQemuAnswers};
  // Where QEMUs are that cleave built.
  std::vector<std::string> qemu_builds = {kSystemQemuBuilds};
};

Facts read_facts(const HostReader& host, const FactPlaces& places = {});

// What is asked of vGPUs. Making one needs the least, and is to take no time.
enum class VgpuDetail : std::uint8_t {
  All,    // all PCI devices, with their names
  Users,  // of PCI devices the parents alone, without names
  None,   // nor who uses the vGPUs that there are, for which all processes are looked into
};

// What making and removing vGPUs needs, and nothing else: devices, parents with their types, vGPUs
// with their users, definitions. Not for a diagnosis, to which what was not read looks absent.
// `only`: whoever asks needs no other parent, where this one is there.
Facts read_vgpu_facts(const HostReader& host, VgpuDetail detail = VgpuDetail::All,
                      const std::optional<std::string>& only = std::nullopt);

// The same, and what the host itself uses its devices for (`host_uses`, displays).
Facts read_device_facts(const HostReader& host);

}  // namespace cleave
