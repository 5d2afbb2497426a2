// What a kernel log tells about the machine, with the line that tells it. A log is often only a
// part of one: what it does not tell is unknown, never absent. Where the log has several boots,
// the last one counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cleave {

// The line that says so; line 0: nothing does.
struct LogEvidence {
  std::size_t line = 0;  // from 1
  std::string text;      // the message, without the log's prefix

  bool operator==(const LogEvidence&) const = default;
};

template <typename T>
struct LogFact {
  std::optional<T> value;  // empty: the log does not tell
  LogEvidence evidence;
};

enum class IommuState : std::uint8_t { On, Off };
enum class GvtState : std::uint8_t {
  Registered,    // the driver offers vGPUs, or runs one
  Unregistered,  // it did, and stopped
  Unsupported,   // the GPU's generation
  InsideGuest,   // this system is a guest of GVT-g
  GucSubmission,
  NotAskedFor,  // i915.enable_gvt is missing
  NotBuilt,     // i915 does not know enable_gvt
};

struct GpuDriverFact {
  std::string address;  // "0000:00:02.0"; empty where the line does not name it
  std::string driver;   // "i915"
  LogEvidence evidence;
};

struct KernelLogSummary {
  LogFact<std::string> release;
  LogFact<std::string> command_line;
  LogFact<std::string> hypervisor;  // this system is a VM of it
  LogFact<IommuState> iommu;
  LogFact<bool> dmar_table;  // only ever known to be there
  LogFact<bool> ivrs_table;
  // true: the kernel's list or igfx_off left the GPU out of VT-d; false: it is not on the list
  LogFact<bool> graphics_excluded;
  LogFact<GvtState> gvt_g;
  std::vector<GpuDriverFact> gpu_drivers;  // bound, as far as the log goes; by line
  LogFact<bool> memlock_exceeded;
  LogFact<bool> kvm_disabled_by_firmware;
  std::vector<LogEvidence> vfio_errors;  // at most 100
};

// Linear in the log's size.
KernelLogSummary summarise_kernel_log(std::string_view log);

const char* iommu_state_name(IommuState state);  // "on", "off"
const char* gvt_state_name(GvtState state);      // "registered", "unsupported", …

}  // namespace cleave
