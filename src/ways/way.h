// A way of sharing a GPU: what it needs, what it changes, what it hands to the VM. Pure.
// A new way is one file here and one line in all.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/capacity.h"
#include "analysis/rule.h"
#include "base/result.h"
#include "facts/facts.h"
#include "plan/plan.h"

namespace cleave {

enum class Verdict : std::uint8_t { Ready, NeedsChanges, Unknown, NeedsFirmware, Impossible };
const char* verdict_name(Verdict verdict);  // "ready", "needs-changes", …

enum class Guest : std::uint8_t { Windows, Linux };
const char* guest_name(Guest guest);  // "windows", "linux"

// What a way comes to on one GPU, with the findings that decide it.
struct WayVerdict {
  std::string way;
  Verdict verdict = Verdict::Unknown;
  std::vector<const Finding*> deciding;  // failed or unknown findings, worst first
  std::vector<Message> price;            // what the host loses, what the guest cannot
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
  std::string type_id;     // "i915-GVTg_V5_4": tells how the driver shows its picture
  bool display = true;     // wanted; has no effect on types without a display
  bool opregion = false;   // only Intel GPUs have one
};

// One QEMU -device value and what belongs to it.
struct GuestDevice {
  std::string device;  // "vfio-pci,sysfsdev=…,display=on,x-igd-opregion=on"
  // The picture comes as a DMABUF, which QEMU shows only on a display with OpenGL.
  bool needs_opengl = false;
};

class Way {
 public:
  virtual ~Way() = default;
  [[nodiscard]] virtual const char* id() const = 0;  // "gvt-g"
  // Whether the doctor gives a verdict of this way on this GPU (which may be "impossible").
  [[nodiscard]] virtual bool applies_to(const PciDevice& gpu) const = 0;
  // Ids of the rules that must pass, in the order in which their remedies are told.
  [[nodiscard]] virtual std::vector<std::string> needs() const = 0;
  // What it costs on this GPU: what the host loses, what the guest can and cannot, what is fragile.
  [[nodiscard]] virtual std::vector<Message> price(const PciDevice& gpu) const;
  // Whether such a guest draws with the GPU's help.
  [[nodiscard]] virtual bool accelerates(Guest guest) const;
  // Changes that make the vGPU exist, and those that take it away again. The plan is empty if the
  // vGPU exists already with this parent and type. Refusals explain themselves: no instance left
  // (Busy), UUID taken by another type (Conflict), no such parent, type or vGPU (NotFound), in use
  // by process N (Busy), no vGPUs of this way that cleave makes (Unsupported).
  [[nodiscard]] virtual Result<Plan> attach(const Facts& facts, const VgpuRequest& request) const;
  [[nodiscard]] virtual Result<Plan> detach(const Facts& facts, const std::string& uuid) const;
  [[nodiscard]] virtual GuestDevice guest_device(const Attachment& attachment) const;
};

// All ways, in the order of preference. Never empty. The last one is "mdev", for
// mediated devices of any other driver: it applies to no GPU and is never recommended, but serves
// `cleave vgpu` and VMs that ask for it by name.
const std::vector<const Way*>& all_ways();
// Null if there is none of that id.
const Way* find_way(std::string_view id);
// The way that makes vGPUs of this parent: "gvt-g" for a GPU that has it, else "mdev".
const Way& way_for_parent(const Facts& facts, const MdevParent& parent);

// Worst failed need: Impossible over NeedsFirmware over Unknown over NeedsChanges. `findings` must
// outlive the result.
WayVerdict judge(const Way& way, const PciDevice& gpu, const std::vector<Finding>& findings);

// The diagnosis of one GPU.
struct GpuDiagnosis {
  const PciDevice* gpu = nullptr;
  const MdevParent* parent = nullptr;  // null: not registered as one
  std::vector<WayVerdict> ways;
  Capacity capacity;       // of the parent, or predicted where GVT-g is off
  bool predicted = false;  // capacity was computed, no driver has confirmed it
};

// Everything `cleave doctor` says. Points into the Facts it was made from, which must outlive it,
// and into its own findings: it can be moved, not copied.
struct Diagnosis {
  Diagnosis() = default;
  Diagnosis(Diagnosis&&) = default;
  Diagnosis& operator=(Diagnosis&&) = default;

  const Facts* facts = nullptr;
  std::vector<Finding> findings;
  std::vector<GpuDiagnosis> gpus;
  struct OtherParent {  // mdev parents that are no GPU: mtty, mdpy, mbochs, …
    const MdevParent* parent = nullptr;
    Capacity capacity;
  };
  std::vector<OtherParent> other_parents;
  struct Recommendation {
    std::size_t gpu = 0;  // index into gpus
    const WayVerdict* verdict = nullptr;
    const WayVerdict* better = nullptr;  // what more work would bring; null: nothing better
  };
  // The best for a guest of that kind; empty: nothing can be recommended.
  std::optional<Recommendation> windows;
  std::optional<Recommendation> linux_guest;
  // The same for both: what a full guest can have, else what a Linux guest can.
  [[nodiscard]] const Recommendation* recommended() const {
    return windows ? &*windows : (linux_guest ? &*linux_guest : nullptr);
  }
  [[nodiscard]] bool ready() const;  // what is recommended is Ready
};

// What the person wants to hear about; empty: everything.
struct DiagnosisScope {
  std::optional<std::string> way;
  std::optional<PciAddress> gpu;
};

// Findings about GPUs outside the scope are left out.
Diagnosis diagnose(const Facts& facts, const DiagnosisScope& scope = {});

// The capacity of one parent with what the facts tell of its GPU: for `cleave vgpu types`.
Capacity capacity_of(const Facts& facts, const MdevParent& parent);

}  // namespace cleave
