// A way of sharing a GPU: what it needs, what it changes, what it hands to the VM. Pure.
// A new way is one file here and one line in all.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/capacity.h"
#include "analysis/rule.h"
#include "base/result.h"
#include "facts/facts.h"
#include "plan/plan.h"
#include "plan/preparation.h"

namespace cleave {

enum class Verdict : std::uint8_t { Ready, NeedsChanges, Unknown, NeedsFirmware, Impossible };
const char* verdict_name(Verdict verdict);  // "ready", "needs-changes", …

enum class Guest : std::uint8_t { Windows, Linux };
const char* guest_name(Guest guest);  // "windows", "linux"

// A way can be gone in several modes: with another driver, another firmware, another protocol. One
// constexpr row each; a way's verdict is that of its best mode (docs/decisions/0005).
struct Mode {
  const char* id;                         // "igd-uefi"; the way's own id where it has only one
  bool (*applies)(const PciDevice& gpu);  // false: no word about it on such a GPU
  std::span<const char* const> needs;     // rules that must pass, in the order of their remedies
  const char* about;                      // N_: what it is, in half a line
  const char* on_host;                    // N_: the price: what the host keeps and what it loses
  const char* in_guest;                   // N_: what the guest can and what it cannot
  const char* fragile;                    // N_: which parts break, and for whom
  bool windows = true;                    // such a guest draws with the GPU's help
  bool linux_guest = true;

  [[nodiscard]] bool accelerates(Guest guest) const {
    return guest == Guest::Windows ? windows : linux_guest;
  }
};

// For rows of Mode.
inline bool on_every_gpu(const PciDevice& /*gpu*/) { return true; }

// What a mode comes to on one GPU, with the findings that decide it.
struct ModeVerdict {
  const Mode* mode = nullptr;
  Verdict verdict = Verdict::Unknown;
  std::vector<const Finding*> deciding;  // failed or unknown findings, worst first
};

// What a way comes to on one GPU: the same as its best mode.
struct WayVerdict {
  std::string way;
  const Mode* mode = nullptr;  // the best one; null: none applies, and nothing is known
  Verdict verdict = Verdict::Unknown;
  std::vector<const Finding*> deciding;  // of that mode
  std::vector<Message> price;            // of that mode: host, guest, what is fragile
  std::vector<ModeVerdict> modes;        // those that apply, in the order of preference
};

// "sr-iov (xe)" where it is one of several modes, else "gvt-g".
std::string way_name(const WayVerdict& way);

// What the person (or a VM definition) asks for.
struct VgpuRequest {
  std::string uuid;    // lower case
  std::string parent;  // name of the mdev parent
  std::string type_id;
};

// A vGPU or a PCI device handed to a VM.
struct Attachment {
  std::string sysfs_path;            // of a vGPU: /sys/bus/mdev/devices/UUID
  std::string type_id;               // "i915-GVTg_V5_4": tells how the driver shows its picture
  bool display = true;               // wanted; has no effect on types without a display
  bool opregion = false;             // only Intel GPUs have one
  bool opregion_by_default = false;  // QEMU gives it where nothing is said: from 10.1 on
  // UEFI and integrated graphics on the machine pc, where QEMU (from 10.0 on, with this switch)
  // else hands over the VGA BIOS and its ranges, which UEFI does not boot with (hw/vfio/igd.c).
  bool legacy_mode_off = false;
  bool ramfb = false;  // a picture before the guest's driver runs
  // What its screen likes best, in pixels; 0: the driver's own.
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  // Of PCI devices: the VM's device, then the other functions of its card.
  std::vector<PciAddress> functions = {};
  std::string machine = {};  // QEMU's: "q35", "pc"
  bool iommufd = false;      // opened by itself and not through a group of VFIO
  std::string rom = {};      // a file in place of the device's own ROM; empty: its own
  bool primary = false;      // the guest's first screen: its BIOS finds the VGA ranges there
  std::uint32_t place = 0;   // 0: the device of [gpu]; from 1 on: further ones
};

// Values of QEMU's -device and what belongs to them.
struct GuestDevice {
  // In order: "vfio-pci,sysfsdev=…,display=on,x-igd-opregion=on", a bus before what is on it.
  std::vector<std::string> devices;
  std::vector<std::string> objects = {};  // values of -object that they name
  // The picture comes as a DMABUF, which QEMU shows only on a display with OpenGL.
  bool needs_opengl = false;
  // There can be no emulated screen beside it, whether or not its picture is shown.
  bool replaces_screen = false;
};

class Way {
 public:
  virtual ~Way() = default;
  [[nodiscard]] virtual const char* id() const = 0;  // "gvt-g"
  // Whether the doctor gives a verdict of this way on this GPU (which may be "impossible").
  [[nodiscard]] virtual bool applies_to(const PciDevice& gpu) const = 0;
  // In the order of preference: of equal verdicts the first one's mode is the way's.
  [[nodiscard]] virtual std::span<const Mode> modes() const = 0;
  // What `mode` wants of the host at every boot from now on, whether or not it is there already:
  // who makes a plan of it leaves out what is. Unsupported, with the reason: somebody else has to
  // do something first (install a driver), or this mode cannot be had on this GPU.
  [[nodiscard]] Result<Preparation> prepare(const Facts& facts, const PciDevice& gpu,
                                            const Mode& mode) const;
  // Changes that make the vGPU exist, and those that take it away again. The plan is empty if the
  // vGPU exists already with this parent and type. Refusals explain themselves: no instance left
  // (Busy), UUID taken by another type (Conflict), no such parent, type or vGPU (NotFound), in use
  // by process N (Busy), no vGPUs of this way that cleave makes (Unsupported).
  [[nodiscard]] virtual Result<Plan> attach(const Facts& facts, const VgpuRequest& request) const;
  [[nodiscard]] virtual Result<Plan> detach(const Facts& facts, const std::string& uuid) const;
  // For ways whose device is a PCI device of its own: what of the host the VM gets with `device`,
  // itself first. Unsupported where this way does not hand over such a device.
  [[nodiscard]] virtual Result<std::vector<const PciDevice*>> gives(const Facts& facts,
                                                                    const PciDevice& device) const;
  [[nodiscard]] virtual GuestDevice guest_device(const Attachment& attachment) const;

 protected:
  // The way's own part of prepare(), asked only where nobody else has to act first. The message of
  // its refusal is the reason alone.
  [[nodiscard]] virtual Result<Preparation> wants(const Facts& facts, const PciDevice& gpu,
                                                  const Mode& mode) const;
  // Whether `wanted` makes good what that rule complains of, though the rule calls for a person.
  [[nodiscard]] virtual bool settles(std::string_view rule, const Preparation& wanted) const;
};

// All ways, in the order of preference. Never empty. The last one is "mdev", for
// mediated devices of any other driver: it applies to no GPU and is never recommended, but serves
// `cleave vgpu` and VMs that ask for it by name.
const std::vector<const Way*>& all_ways();
// Null if there is none of that id.
const Way* find_way(std::string_view id);
// The way that makes vGPUs of this parent: "gvt-g" for a GPU that has it, else "mdev".
const Way& way_for_parent(const Facts& facts, const MdevParent& parent);

// Of each mode the worst failed need counts: Impossible over NeedsFirmware over Unknown over
// NeedsChanges; of the modes the best one does. `findings` must outlive the result.
WayVerdict judge(const Way& way, const PciDevice& gpu, const std::vector<Finding>& findings);

// The diagnosis of one GPU.
struct GpuDiagnosis {
  const PciDevice* gpu = nullptr;
  const MdevParent* parent = nullptr;  // null: not registered as one
  std::vector<WayVerdict> ways;
  Capacity capacity;       // of the parent, or predicted where GVT-g is off
  bool predicted = false;  // capacity was computed, no driver has confirmed it
  std::string types_of;    // the way that makes what `capacity` counts: "gvt-g", "sr-iov"
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
    // What more work would bring (its `deciding` tells which); null: nothing better.
    const WayVerdict* better = nullptr;
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

// Ids of the rules whose answer root alone may read on this machine, in their order; none for root.
std::vector<std::string> closed_rules(const Diagnosis& diagnosis);
// Says which they are and what opens them; empty if there are none.
Message closed_message(const Diagnosis& diagnosis);

// The capacity of one parent with what the facts tell of its GPU: for `cleave vgpu types`.
Capacity capacity_of(const Facts& facts, const MdevParent& parent);

}  // namespace cleave
