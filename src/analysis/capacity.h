// How many vGPUs fit, why not more, and which type one VM should take. Pure arithmetic over
// facts; the numbers of GVT-g are from drivers/gpu/drm/i915/gvt/{gvt.h,vgpu.c,aperture_gm.c}.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/message.h"
#include "facts/mdev.h"

namespace cleave {

// What the host keeps for itself (drivers/gpu/drm/i915/gvt/gvt.h: HOST_LOW_GM_SIZE,
// HOST_HIGH_GM_SIZE), and the graphics address space (GGTT) of graphics version 8 and later, of
// which the aperture is the lower part and hidden memory the rest.
inline constexpr std::uint32_t kGvtHostApertureMb = 128;
inline constexpr std::uint32_t kGvtHostHiddenMb = 384;
inline constexpr std::uint32_t kGvtAddressSpaceMb = 4096;

enum class GvtResource : std::uint8_t { Aperture, HiddenMemory, Fences, Devices };

// What GVT-g can hand out on one GPU, and what is taken.
struct GvtPool {
  std::uint32_t aperture_mb = 0;  // BAR 2
  std::uint32_t low_free_mb = 0;  // aperture left for vGPUs
  std::uint32_t high_free_mb = 0;
  std::uint32_t fences_free = 0;
  std::uint32_t devices_free = 0;
};

// One type, those too that the driver does not list.
struct TypeCapacity {
  std::string id;
  std::string name;  // the driver's own, where it says more than the id: "NVIDIA L40S-12Q"
  GvtTypeSize size;  // of GVT-g; of other drivers only width and height, where they tell them
  std::uint32_t memory_mb = 0;  // graphics memory of one vGPU; 0: the driver does not tell
  bool listed = false;          // the driver offers it
  // How many fit on an empty GPU; empty for other drivers than GVT-g, which do not tell.
  std::optional<std::uint32_t> maximum;
  std::uint32_t available = 0;  // how many fit now: the driver's own word where it is listed
  bool available_known = true;  // false: the driver's word could not be read
  std::optional<GvtResource> limited_by;  // GVT-g: what runs out first, now
  Message reason;                         // why no instance is left; empty if one fits
};

struct Capacity {
  std::optional<GvtPool> pool;      // only for GVT-g with a known aperture
  std::vector<TypeCapacity> types;  // smallest first
  // The type for one VM that has the GPU to itself: the largest picture, then the most memory,
  // then the one of which fewest fit, of those that fit now. With one vGPU the type's weight
  // changes nothing (gvt/sched_policy.c).
  std::optional<std::string> best_type;
};

// `devices`: the mediated devices that exist; those of other parents are passed over.
// `aperture_bytes`: size of the GPU's BAR 2; empty where it is not known.
// `graphics_version`: of the Intel GPU that the parent is; 0 for other parents.
Capacity compute_capacity(const MdevParent& parent, const std::vector<MediatedDevice>& devices,
                          std::optional<std::uint64_t> aperture_bytes,
                          std::uint32_t graphics_version);

// The types that GVT-g would offer on an empty GPU with this aperture: for machines where it is
// not switched on yet. `graphics_version` 8 (Broadwell) or 9. A type that would not be listed is
// there with its reason.
std::vector<TypeCapacity> predict_gvt_types(std::uint64_t aperture_bytes,
                                            std::uint32_t graphics_version);

// What NVIDIA's driver would make on this virtual function (vendor-specific VFIO). Its list already
// leaves out what does not fit beside the vGPUs that exist.
Capacity capacity_of_function(const PciDevice& function);

// Of a GPU whose virtual functions each offer types: of each type as many as functions offer it. An
// upper bound: the driver takes types off the list of all functions as memory runs out.
Capacity join_capacities(const std::vector<Capacity>& parts);

// Size of BAR 2, GVT-g's aperture; empty if the resource list could not be read or is unassigned.
std::optional<std::uint64_t> aperture_bytes(const PciDevice& gpu);

}  // namespace cleave
