#include "analysis/capacity.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <tuple>

#include "base/format.h"
#include "base/order.h"
#include "base/text.h"

namespace cleave {
namespace {

constexpr std::uint64_t kMegabyte = std::uint64_t{1} << 20U;

// drivers/gpu/drm/i915/gvt/gvt.h: HOST_FENCE.
constexpr std::uint32_t kHostFences = 4;
constexpr std::uint32_t kFences = 32;
// GVT_MAX_VGPU is 8, but the ids start at 1 (gvt/vgpu.c, idr_alloc from IDLE_VGPU_IDR + 1).
constexpr std::uint32_t kMaximumDevices = 7;

struct GvtConfig {
  std::string_view suffix;
  GvtTypeSize size;
};

// intel_vgpu_configs of drivers/gpu/drm/i915/gvt/vgpu.c, in the driver's order.
constexpr std::array<GvtConfig, 4> kGvtConfigs = {{
    {"8", {64, 384, 4, 1024, 768, 2}},
    {"4", {128, 512, 4, 1920, 1200, 4}},
    {"2", {256, 1024, 4, 1920, 1200, 8}},
    {"1", {512, 2048, 4, 1920, 1200, 16}},
}};

std::string gvt_type_id(std::uint32_t graphics_version, std::string_view suffix) {
  return format("i915-GVTg_V{}_{}", graphics_version == 8 ? 4 : 5, suffix);
}

std::uint32_t minus(std::uint32_t whole, std::uint32_t part) {
  return whole > part ? whole - part : 0;
}

// What is handed out, and to whom.
struct Taken {
  std::uint32_t low_mb = 0;
  std::uint32_t high_mb = 0;
  std::uint32_t fences = 0;
  std::vector<std::string> uuids;
};

GvtPool pool_of(std::uint32_t aperture_mb, const Taken& taken) {
  GvtPool pool;
  pool.aperture_mb = aperture_mb;
  pool.low_free_mb = minus(aperture_mb, kGvtHostApertureMb + taken.low_mb);
  pool.high_free_mb =
      minus(minus(kGvtAddressSpaceMb, aperture_mb), kGvtHostHiddenMb + taken.high_mb);
  pool.fences_free = minus(kFences, kHostFences + taken.fences);
  pool.devices_free = minus(kMaximumDevices, static_cast<std::uint32_t>(taken.uuids.size()));
  return pool;
}

struct Fit {
  std::uint32_t count = 0;
  GvtResource limited_by = GvtResource::Aperture;
};

Fit fit(const GvtPool& pool, const GvtTypeSize& size) {
  const auto share = [](std::uint32_t free, std::uint32_t each) {
    return each == 0 ? kMaximumDevices : free / each;
  };
  // Of resources that run out together the one that says most to a person comes first.
  const std::array<Fit, 4> limits = {{
      {share(pool.low_free_mb, size.low_gm_mb), GvtResource::Aperture},
      {share(pool.high_free_mb, size.high_gm_mb), GvtResource::HiddenMemory},
      {pool.devices_free, GvtResource::Devices},
      {share(pool.fences_free, size.fences), GvtResource::Fences},
  }};
  return *std::ranges::min_element(limits, {}, &Fit::count);
}

// The three forms of "{needed} are needed, {free} are left": nobody else has any, one vGPU has
// the rest, several have.
struct ReasonTexts {
  const char* host_only;
  const char* one_device;
  const char* devices;
};

constexpr ReasonTexts kApertureTexts = {
    N_("It needs {needed} MB of aperture; {free} MB of {total} MB are left: the host keeps {host} "
       "MB."),
    N_("It needs {needed} MB of aperture; {free} MB of {total} MB are left: the host keeps {host} "
       "MB, vGPU {uuid} has {taken} MB."),
    N_("It needs {needed} MB of aperture; {free} MB of {total} MB are left: the host keeps {host} "
       "MB, {count} vGPUs have {taken} MB."),
};
constexpr ReasonTexts kHiddenTexts = {
    N_("It needs {needed} MB of hidden graphics memory; {free} MB of {total} MB are left: the host "
       "keeps {host} MB."),
    N_("It needs {needed} MB of hidden graphics memory; {free} MB of {total} MB are left: the host "
       "keeps {host} MB, vGPU {uuid} has {taken} MB."),
    N_("It needs {needed} MB of hidden graphics memory; {free} MB of {total} MB are left: the host "
       "keeps {host} MB, {count} vGPUs have {taken} MB."),
};
constexpr ReasonTexts kFenceTexts = {
    N_("It needs {needed} fence registers; {free} of {total} are left: the host keeps {host}."),
    N_("It needs {needed} fence registers; {free} of {total} are left: the host keeps {host}, "
       "vGPU {uuid} has {taken}."),
    N_("It needs {needed} fence registers; {free} of {total} are left: the host keeps {host}, "
       "{count} vGPUs have {taken}."),
};

struct Amounts {
  std::uint32_t needed, free, total, host, taken;
};

Message shortage(const ReasonTexts& texts, const Amounts& amounts, const Taken& taken) {
  std::vector<Field> fields = {{"needed", amounts.needed},
                               {"free", amounts.free},
                               {"total", amounts.total},
                               {"host", amounts.host}};
  if (taken.uuids.empty()) return {texts.host_only, std::move(fields)};
  fields.emplace_back("taken", amounts.taken);
  if (taken.uuids.size() == 1) {
    fields.emplace_back("uuid", taken.uuids.front());
    return {texts.one_device, std::move(fields)};
  }
  fields.emplace_back("count", taken.uuids.size());
  return {texts.devices, std::move(fields)};
}

Message reason_for(GvtResource resource, const GvtTypeSize& size, const GvtPool& pool,
                   const Taken& taken) {
  const std::uint32_t high_total = minus(kGvtAddressSpaceMb, pool.aperture_mb);
  switch (resource) {
    case GvtResource::Aperture:
      return shortage(
          kApertureTexts,
          {size.low_gm_mb, pool.low_free_mb, pool.aperture_mb, kGvtHostApertureMb, taken.low_mb},
          taken);
    case GvtResource::HiddenMemory:
      if (high_total == 0) {
        return {N_("The aperture of {aperture} MB takes up the whole graphics address space: no "
                   "hidden memory is left for any vGPU. A smaller aperture can be set in the "
                   "firmware."),
                {{"aperture", pool.aperture_mb}}};
      }
      return shortage(
          kHiddenTexts,
          {size.high_gm_mb, pool.high_free_mb, high_total, kGvtHostHiddenMb, taken.high_mb}, taken);
    case GvtResource::Fences:
      return shortage(kFenceTexts,
                      {size.fences, pool.fences_free, kFences, kHostFences, taken.fences}, taken);
    case GvtResource::Devices:
      break;
  }
  return {N_("GVT-g holds at most {maximum} vGPUs on one GPU, and {count} exist."),
          {{"maximum", kMaximumDevices}, {"count", taken.uuids.size()}}};
}

// Type `size` on a GPU of which the driver has not been asked.
TypeCapacity computed_type(std::string id, const GvtTypeSize& size, const GvtPool& pool,
                           const Taken& taken) {
  TypeCapacity type;
  type.id = std::move(id);
  type.size = size;
  type.memory_mb = size.low_gm_mb + size.high_gm_mb;
  type.maximum = fit(pool_of(pool.aperture_mb, {}), size).count;
  const Fit now = fit(pool, size);
  type.available = now.count;
  type.limited_by = now.limited_by;
  if (now.count == 0) type.reason = reason_for(now.limited_by, size, pool, taken);
  return type;
}

// "1024x768" and "16 MB" somewhere in the free text of mdpy and mbochs
// (samples/vfio-mdev/mdpy.c, mbochs.c: description_show).
void read_free_description(std::string_view description, TypeCapacity& type) {
  std::string_view before;
  for (std::string_view word : words(description)) {
    while (word.ends_with(',') || word.ends_with('\n')) word.remove_suffix(1);
    const auto sides = split(word, 'x');
    if (sides.size() == 2) {
      const auto width = parse_unsigned<std::uint32_t>(sides[0]);
      const auto height = parse_unsigned<std::uint32_t>(sides[1]);
      if (width && height) {
        type.size.width = *width;
        type.size.height = *height;
      }
    }
    if (word == "MB") type.memory_mb = parse_unsigned<std::uint32_t>(before).value_or(0);
    before = word;
  }
}

// What the driver itself says of a type that it lists.
TypeCapacity listed_type(const MdevType& driver_type) {
  TypeCapacity type;
  type.id = driver_type.id;
  type.listed = true;
  // GVT-g's name is the end of the id, and says no more.
  const std::string name = driver_type.name.value_or("");
  if (!type.id.ends_with(name)) type.name = name;
  if (const std::string* description = driver_type.description.value()) {
    if (const auto size = parse_gvt_description(*description)) {
      type.size = *size;
      type.memory_mb = size->low_gm_mb + size->high_gm_mb;
    } else {
      read_free_description(*description, type);
    }
  }
  const std::uint32_t* available = driver_type.available_instances.value();
  type.available_known = available != nullptr;
  type.available = available != nullptr ? *available : 0;
  if (available == nullptr) {
    type.reason = {N_("How many are left could not be read from the driver.")};
  } else if (*available == 0) {
    type.reason = {N_("The driver says that none is left.")};
  }
  return type;
}

// Arithmetic added to the driver's word.
void explain(TypeCapacity& type, const GvtPool& pool, const Taken& taken) {
  const TypeCapacity computed = computed_type(type.id, type.size, pool, taken);
  type.maximum = computed.maximum;
  type.limited_by = computed.limited_by;
  // With all of the address space as aperture the driver's own count overflows and lists
  // instances of which none can be created (gvt/kvmgt.c, available_instances).
  const bool overflow = pool.aperture_mb >= kGvtAddressSpaceMb;
  if (overflow) type.available = 0;
  if (type.available > 0 || (!type.available_known && !overflow)) return;
  type.reason = computed.reason;
  if (computed.available > 0) {
    type.reason = {N_("The driver says that none is left, although {count} would fit beside the "
                      "vGPUs that exist: the host itself uses more of the aperture than usual."),
                   {{"count", computed.available}}};
  }
}

bool is_gvt(const MdevParent& parent) {
  return std::ranges::any_of(parent.types, [](const MdevType& type) {
    return type.id.find("GVTg_V") != std::string::npos ||
           parse_gvt_description(type.description.value_or("")).has_value();
  });
}

std::optional<GvtTypeSize> known_size(const std::vector<TypeCapacity>& types, std::string_view id) {
  for (const TypeCapacity& type : types) {
    if (type.id == id && type.size.low_gm_mb != 0) return type.size;
  }
  const std::size_t underscore = id.rfind('_');
  for (const GvtConfig& config : kGvtConfigs) {
    if (underscore != std::string_view::npos && id.substr(underscore + 1) == config.suffix) {
      return config.size;
    }
  }
  return std::nullopt;
}

Taken taken_by(const std::vector<const MediatedDevice*>& devices,
               const std::vector<TypeCapacity>& types) {
  Taken taken;
  for (const MediatedDevice* device : devices) {
    taken.uuids.push_back(device->uuid);
    const GvtTypeSize size = known_size(types, device->type_id).value_or(GvtTypeSize{});
    taken.low_mb += size.low_gm_mb;
    taken.high_mb += size.high_gm_mb;
    taken.fences += size.fences;
  }
  return taken;
}

auto size_key(const TypeCapacity& type) {
  const std::uint64_t pixels = std::uint64_t{type.size.width} * type.size.height;
  // Fewer instances mean that each has more; 0 left says nothing of the size.
  return std::tuple(pixels, type.memory_mb, ~std::uint64_t{type.maximum.value_or(type.available)});
}

std::optional<std::string> best_of(const std::vector<TypeCapacity>& types) {
  const TypeCapacity* best = nullptr;
  for (const TypeCapacity& type : types) {
    if (!type.listed || type.available == 0) continue;
    if (best == nullptr || size_key(type) > size_key(*best)) best = &type;
  }
  return best == nullptr ? std::nullopt : std::optional(best->id);
}

}  // namespace

Capacity compute_capacity(const MdevParent& parent, const std::vector<MediatedDevice>& devices,
                          std::optional<std::uint64_t> aperture_bytes,
                          std::uint32_t graphics_version) {
  Capacity capacity;
  for (const MdevType& type : parent.types) capacity.types.push_back(listed_type(type));

  if (aperture_bytes && (graphics_version != 0 || is_gvt(parent))) {
    std::vector<const MediatedDevice*> own_devices;
    for (const MediatedDevice& device : devices) {
      if (device.parent == parent.name) own_devices.push_back(&device);
    }
    const auto aperture_mb = static_cast<std::uint32_t>(*aperture_bytes / kMegabyte);
    const Taken taken = taken_by(own_devices, capacity.types);
    capacity.pool = pool_of(aperture_mb, taken);
    for (TypeCapacity& type : capacity.types) {
      if (type.size.low_gm_mb == 0) type.size = known_size({}, type.id).value_or(type.size);
      if (type.size.low_gm_mb != 0) explain(type, *capacity.pool, taken);
    }
    for (TypeCapacity& missing : predict_gvt_types(*aperture_bytes, graphics_version)) {
      const bool known =
          std::ranges::find(capacity.types, missing.id, &TypeCapacity::id) != capacity.types.end();
      if (known) continue;
      // The driver is there and does not list it: nothing can be made of it, whatever would fit.
      if (missing.available > 0) {
        missing.reason = {N_("It would fit on an empty GPU, but the driver does not offer it.")};
      }
      missing.listed = false;
      missing.available = 0;
      capacity.types.push_back(std::move(missing));
    }
  }
  // Drivers that tell no size (mtty) stay in the order of their names, as sysfs is read.
  sort_keeping_order(capacity.types, [](const TypeCapacity& type) {
    return std::tuple(type.size.low_gm_mb, std::uint64_t{type.size.width} * type.size.height,
                      type.memory_mb);
  });
  capacity.best_type = best_of(capacity.types);
  return capacity;
}

std::vector<TypeCapacity> predict_gvt_types(std::uint64_t aperture_bytes,
                                            std::uint32_t graphics_version) {
  const auto aperture_mb = static_cast<std::uint32_t>(aperture_bytes / kMegabyte);
  const GvtPool pool = pool_of(aperture_mb, {});
  std::vector<TypeCapacity> types;
  bool listed = true;
  for (const GvtConfig& config : kGvtConfigs) {
    types.push_back(
        computed_type(gvt_type_id(graphics_version, config.suffix), config.size, pool, {}));
    // intel_gvt_init_vgpu_types stops at the first type that the aperture cannot hold.
    listed = listed && pool.low_free_mb >= config.size.low_gm_mb;
    types.back().listed = listed;
  }
  return types;
}

Capacity capacity_of_function(const PciDevice& function) {
  Capacity capacity;
  // One that carries a vGPU takes no second one.
  const bool taken = function.nvidia_vgpu_type.value_or(0) != 0;
  for (const NvidiaVgpuType& creatable : function.nvidia_vgpu_types.value_or({})) {
    TypeCapacity type;
    type.id = format("nvidia-{}", creatable.id);
    type.name = creatable.name;
    type.listed = true;
    type.available = taken ? 0 : 1;
    capacity.types.push_back(std::move(type));
  }
  return capacity;
}

Capacity join_capacities(const std::vector<Capacity>& parts) {
  Capacity joined;
  for (const Capacity& part : parts) {
    for (const TypeCapacity& type : part.types) {
      const auto same = std::ranges::find(joined.types, type.id, &TypeCapacity::id);
      if (same == joined.types.end()) {
        joined.types.push_back(type);
        continue;
      }
      same->available += type.available;
      same->available_known = same->available_known && type.available_known;
      if (same->available > 0) same->reason = {};
    }
  }
  joined.best_type = best_of(joined.types);
  return joined;
}

std::optional<std::uint64_t> aperture_bytes(const PciDevice& gpu) {
  constexpr std::size_t kApertureBar = 2;  // GTT_MMIO is BAR 0, each 64 bits wide
  if (gpu.regions.size() <= kApertureBar || gpu.regions[kApertureBar].size() == 0) {
    return std::nullopt;
  }
  return gpu.regions[kApertureBar].size();
}

}  // namespace cleave
