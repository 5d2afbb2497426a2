// What several rules ask of the facts.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "analysis/intel_gpu.h"
#include "analysis/rule.h"
#include "base/format.h"

namespace cleave {

// What could not be read, and why; empty if the fact is known or surely absent. A fact that nobody
// looked for is unknown, too.
template <typename T>
std::optional<Evidence> missing(const Fact<T>& fact) {
  if (const Unreadable* unreadable = fact.unreadable()) {
    return Evidence{unreadable->path, unreadable->why};
  }
  if (fact.is_absent() && fact.source().empty()) return Evidence{"", "not looked for"};
  return std::nullopt;
}

// "0000:00:02.0 is [8086:9b41]" with its path as source.
Evidence device_evidence(const PciDevice& gpu);

// The mediated-device parent that the subject's GPU is; null if it is none.
const MdevParent* parent_of(const Subject& subject);

// Set if the GPU's driver lists GVT-g types. Then everything that GVT-g needs to come up was
// there, whatever a single source says: what the driver does counts more than what a rule expects.
std::optional<Evidence> types_offered(const Subject& subject);

// Empty if the device is no Intel GPU or its id is not in the tables.
const IntelGpu* intel_gpu(const PciDevice& gpu);

// False for GPUs that surely have no GVT-g: other vendors, other generations. Rules about its
// switches then do not apply.
bool may_have_gvt_g(const Subject& subject);

// A module's parameter: the live value from sysfs, else the kernel's command line.
struct ParameterState {
  std::optional<std::string> value;  // empty: not given anywhere that could be read
  bool certain = true;               // false: the live value is there, but closed to this user
  Evidence evidence;
};
ParameterState module_parameter(const Facts& facts, std::string_view module,
                                std::string_view parameter);

// Set if the kernel was told to leave integrated graphics out of the IOMMU: intel_iommu=igfx_off
// (Documentation/admin-guide/kernel-parameters.txt).
std::optional<Evidence> argument_igfx_off(const Facts& facts);

// As the kernel reads a bool (lib/kstrtox.c, kstrtobool); no value at all means true.
bool is_kernel_true(std::string_view value);

// "6.8.0-60-generic" → 6, 8; empty if it does not start so.
struct KernelVersion {
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  auto operator<=>(const KernelVersion&) const = default;
};
std::optional<KernelVersion> parse_kernel_version(std::string_view release);

}  // namespace cleave
