// A way of sharing a GPU: what it needs, what it changes, what it hands to the VM. Pure.
// A new way is one file here and one line in all.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analysis/capacity.h"
#include "analysis/rule.h"
#include "base/result.h"
#include "facts/facts.h"
#include "plan/plan.h"

namespace cleave {

enum class Verdict : std::uint8_t { Ready, NeedsChanges, Unknown, NeedsFirmware, Impossible };
const char* verdict_name(Verdict verdict);  // "ready", "needs-changes", …

// What a way comes to on one GPU, with the findings that decide it.
struct WayVerdict {
  std::string way;
  Verdict verdict = Verdict::Unknown;
  std::vector<const Finding*> deciding;  // failed or unknown findings, worst first
};

// What the person (or a VM definition) asks for.
struct VgpuRequest {
  std::string uuid;    // lower case
  std::string parent;  // name of the mdev parent
  std::string type_id;
};

// A vGPU handed to a VM.
struct Attachment {
  std::string sysfs_path;  // /sys/bus/mdev/devices/UUID
  bool display = true;
  bool opregion = false;  // only Intel GPUs have one
};

// One QEMU -device value and what belongs to it.
struct GuestDevice {
  std::string device;  // "vfio-pci,sysfsdev=…,display=on,x-igd-opregion=on"
  bool needs_opengl = false;
};

class Way {
 public:
  virtual ~Way() = default;
  [[nodiscard]] virtual const char* id() const = 0;  // "gvt-g"
  [[nodiscard]] virtual bool applies_to(const PciDevice& gpu) const = 0;
  // Ids of the rules that must pass.
  [[nodiscard]] virtual std::vector<std::string> needs() const = 0;
  // Changes that make the vGPU exist, and those that take it away again. Refusals explain
  // themselves (no instance left, in use by process N, UUID taken, wrong parent).
  [[nodiscard]] virtual Result<Plan> attach(const Facts& facts,
                                            const VgpuRequest& request) const = 0;
  [[nodiscard]] virtual Result<Plan> detach(const Facts& facts, const std::string& uuid) const = 0;
  [[nodiscard]] virtual GuestDevice guest_device(const Attachment& attachment) const = 0;
};

// All ways, in the order of preference for a full guest. Never empty.
const std::vector<const Way*>& all_ways();
const Way* find_way(std::string_view id);

WayVerdict judge(const Way& way, const PciDevice& gpu, const std::vector<Finding>& findings);

// The diagnosis of one GPU.
struct GpuDiagnosis {
  const PciDevice* gpu = nullptr;
  const MdevParent* parent = nullptr;  // null: not registered as one
  std::vector<WayVerdict> ways;
  Capacity capacity;       // of the parent, or predicted where GVT-g is off
  bool predicted = false;  // capacity was computed, no driver has confirmed it
};

// Everything `cleave doctor` says. Points into the Facts it was made from, which must outlive it.
struct Diagnosis {
  const Facts* facts = nullptr;
  std::vector<Finding> findings;
  std::vector<GpuDiagnosis> gpus;
  struct OtherParent {  // mdev parents that are no GPU: mtty, mdpy, mbochs, …
    const MdevParent* parent = nullptr;
    Capacity capacity;
  };
  std::vector<OtherParent> other_parents;
  std::optional<std::size_t> recommended_gpu;  // index into gpus
  std::string recommended_way;                 // empty: nothing can be recommended
  [[nodiscard]] bool ready() const;            // some way of some GPU is Ready
};

Diagnosis diagnose(const Facts& facts);

}  // namespace cleave
