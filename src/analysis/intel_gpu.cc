#include "analysis/intel_gpu.h"

#include <algorithm>
#include <span>
#include <string_view>

namespace cleave {
namespace {

// Device ids: include/drm/intel/pciids.h of Linux 7.2 and include/drm/i915_pciids.h of 6.1; those
// of Battlemage and later from drivers/gpu/drm/xe/xe_pci.c of 7.2.
constexpr std::uint16_t kBroadwell[] = {
    0x1602, 0x1606, 0x160A, 0x160B, 0x160D, 0x160E, 0x1612, 0x1616, 0x161A, 0x161B, 0x161D, 0x161E,
    0x1622, 0x1626, 0x162A, 0x162B, 0x162D, 0x162E, 0x1632, 0x1636, 0x163A, 0x163B, 0x163D, 0x163E};
constexpr std::uint16_t kSkylake[] = {0x1902, 0x1906, 0x190A, 0x190B, 0x190E, 0x1912, 0x1913,
                                      0x1915, 0x1916, 0x1917, 0x191A, 0x191B, 0x191D, 0x191E,
                                      0x1921, 0x1923, 0x1926, 0x1927, 0x192A, 0x192B, 0x192D,
                                      0x1932, 0x193A, 0x193B, 0x193D};
constexpr std::uint16_t kApolloLake[] = {0x0A84, 0x1A84, 0x1A85, 0x5A84, 0x5A85};
constexpr std::uint16_t kKabyLake[] = {0x5902, 0x5906, 0x5908, 0x590A, 0x590B, 0x590E, 0x5912,
                                       0x5913, 0x5915, 0x5916, 0x5917, 0x591A, 0x591B, 0x591D,
                                       0x591E, 0x5921, 0x5923, 0x5926, 0x5927, 0x593B};
constexpr std::uint16_t kAmberLake[] = {0x591C, 0x87C0, 0x87CA};
constexpr std::uint16_t kCoffeeLake[] = {0x3E90, 0x3E91, 0x3E92, 0x3E93, 0x3E94, 0x3E96,
                                         0x3E98, 0x3E99, 0x3E9A, 0x3E9B, 0x3E9C, 0x3EA5,
                                         0x3EA6, 0x3EA7, 0x3EA8, 0x3EA9};
constexpr std::uint16_t kWhiskeyLake[] = {0x3EA0, 0x3EA1, 0x3EA2, 0x3EA3, 0x3EA4};
constexpr std::uint16_t kCometLake[] = {0x9B21, 0x9B41, 0x9BA2, 0x9BA4, 0x9BA5, 0x9BA8,
                                        0x9BAA, 0x9BAC, 0x9BC2, 0x9BC4, 0x9BC5, 0x9BC6,
                                        0x9BC8, 0x9BCA, 0x9BCC, 0x9BE6, 0x9BF6};
constexpr std::uint16_t kSandyBridge[] = {0x0102, 0x0106, 0x010A, 0x0112, 0x0116, 0x0122, 0x0126};
constexpr std::uint16_t kIvyBridge[] = {0x0152, 0x0156, 0x015A, 0x0162, 0x0166, 0x016A};
constexpr std::uint16_t kBayTrail[] = {0x0F30, 0x0F31, 0x0F32, 0x0F33};
constexpr std::uint16_t kHaswell[] = {
    0x0402, 0x0406, 0x040A, 0x040B, 0x040E, 0x0412, 0x0416, 0x041A, 0x041B, 0x041E, 0x0422, 0x0426,
    0x042A, 0x042B, 0x042E, 0x0A02, 0x0A06, 0x0A0A, 0x0A0B, 0x0A0E, 0x0A12, 0x0A16, 0x0A1A, 0x0A1B,
    0x0A1E, 0x0A22, 0x0A26, 0x0A2A, 0x0A2B, 0x0A2E, 0x0C02, 0x0C06, 0x0C0A, 0x0C0B, 0x0C0E, 0x0C12,
    0x0C16, 0x0C1A, 0x0C1B, 0x0C1E, 0x0C22, 0x0C26, 0x0C2A, 0x0C2B, 0x0C2E, 0x0D02, 0x0D06, 0x0D0A,
    0x0D0B, 0x0D0E, 0x0D12, 0x0D16, 0x0D1A, 0x0D1B, 0x0D1E, 0x0D22, 0x0D26, 0x0D2A, 0x0D2B, 0x0D2E};
constexpr std::uint16_t kCherryTrail[] = {0x22B0, 0x22B1, 0x22B2, 0x22B3};
constexpr std::uint16_t kGeminiLake[] = {0x3184, 0x3185};
constexpr std::uint16_t kCannonLake[] = {0x5A40, 0x5A41, 0x5A42, 0x5A44, 0x5A49, 0x5A4A, 0x5A4C,
                                         0x5A50, 0x5A51, 0x5A52, 0x5A54, 0x5A59, 0x5A5A, 0x5A5C};
constexpr std::uint16_t kIceLake[] = {0x8A50, 0x8A51, 0x8A52, 0x8A53, 0x8A54,
                                      0x8A56, 0x8A57, 0x8A58, 0x8A59, 0x8A5A,
                                      0x8A5B, 0x8A5C, 0x8A5D, 0x8A70, 0x8A71};
constexpr std::uint16_t kElkhartLake[] = {0x4541, 0x4551, 0x4555, 0x4557, 0x4571};
constexpr std::uint16_t kJasperLake[] = {0x4E51, 0x4E55, 0x4E57, 0x4E61, 0x4E71};
constexpr std::uint16_t kTigerLake[] = {0x9A40, 0x9A49, 0x9A59, 0x9A60, 0x9A68, 0x9A70,
                                        0x9A78, 0x9AC0, 0x9AC9, 0x9AD9, 0x9AF8};
constexpr std::uint16_t kRocketLake[] = {0x4C80, 0x4C8A, 0x4C8B, 0x4C8C, 0x4C90, 0x4C9A};
constexpr std::uint16_t kDG1[] = {0x4905, 0x4906, 0x4907, 0x4908, 0x4909};
constexpr std::uint16_t kAlderLakeS[] = {0x4680, 0x4682, 0x4688, 0x468A,
                                         0x468B, 0x4690, 0x4692, 0x4693};
constexpr std::uint16_t kAlderLakeP[] = {0x4626, 0x4628, 0x462A, 0x46A0, 0x46A1, 0x46A2,
                                         0x46A3, 0x46A6, 0x46A8, 0x46AA, 0x46B0, 0x46B1,
                                         0x46B2, 0x46B3, 0x46C0, 0x46C1, 0x46C2, 0x46C3};
constexpr std::uint16_t kAlderLakeN[] = {0x46D0, 0x46D1, 0x46D2, 0x46D3, 0x46D4};
constexpr std::uint16_t kRaptorLakeS[] = {0xA780, 0xA781, 0xA782, 0xA783,
                                          0xA788, 0xA789, 0xA78A, 0xA78B};
constexpr std::uint16_t kRaptorLakeP[] = {0xA720, 0xA721, 0xA7A0, 0xA7A1, 0xA7A8,
                                          0xA7A9, 0xA7AA, 0xA7AB, 0xA7AC, 0xA7AD};
constexpr std::uint16_t kArcA[] = {0x5690, 0x5691, 0x5692, 0x5693, 0x5694, 0x5695, 0x5696,
                                   0x5697, 0x56A0, 0x56A1, 0x56A2, 0x56A3, 0x56A4, 0x56A5,
                                   0x56A6, 0x56B0, 0x56B1, 0x56B2, 0x56B3};
constexpr std::uint16_t kDataCenterGPUFlex[] = {0x56C0, 0x56C1, 0x56C2};
constexpr std::uint16_t kMeteorLake[] = {0x7D40, 0x7D45, 0x7D55, 0x7D60, 0x7DD5};
constexpr std::uint16_t kArrowLake[] = {0x7D41, 0x7D51, 0x7D67, 0x7DD1, 0xB640};
constexpr std::uint16_t kLunarLake[] = {0x6420, 0x64A0, 0x64B0};
constexpr std::uint16_t kBattlemage[] = {0xE202, 0xE209, 0xE20B, 0xE20C, 0xE20D, 0xE210, 0xE211,
                                         0xE212, 0xE216, 0xE220, 0xE221, 0xE222, 0xE223};
constexpr std::uint16_t kPantherLake[] = {0xB080, 0xB081, 0xB082, 0xB083, 0xB084, 0xB085,
                                          0xB086, 0xB087, 0xB08F, 0xB090, 0xB0A0, 0xB0B0};
constexpr std::uint16_t kWildcatLake[] = {0xFD80, 0xFD81};

struct Row {
  IntelGpu gpu;
  std::span<const std::uint16_t> device_ids;
};

// The platforms with `gvt_g` are the same in Linux 6.1, 6.12 and 7.2. Amber Lake and Whiskey Lake
// have no entry of their own there: i915_pci.c gives their ids to Kaby Lake and Coffee Lake.
constexpr Row kRows[] = {
    {{"Broadwell", 8, true}, kBroadwell},
    {{"Skylake", 9, true}, kSkylake},
    {{"Apollo Lake", 9, true}, kApolloLake},
    {{"Kaby Lake", 9, true}, kKabyLake},
    {{"Amber Lake", 9, true}, kAmberLake},
    {{"Coffee Lake", 9, true}, kCoffeeLake},
    {{"Whiskey Lake", 9, true}, kWhiskeyLake},
    {{"Comet Lake", 9, true}, kCometLake},
    {{"Sandy Bridge", 6, false}, kSandyBridge},
    {{"Ivy Bridge", 7, false}, kIvyBridge},
    {{"Bay Trail", 7, false}, kBayTrail},
    {{"Haswell", 7, false}, kHaswell},
    {{"Cherry Trail", 8, false}, kCherryTrail},
    {{"Gemini Lake", 9, false}, kGeminiLake},
    {{"Cannon Lake", 10, false}, kCannonLake},
    {{"Ice Lake", 11, false}, kIceLake},
    {{"Elkhart Lake", 11, false}, kElkhartLake},
    {{"Jasper Lake", 11, false}, kJasperLake},
    {{"Tiger Lake", 12, false, IntelSriov::XeForceProbe}, kTigerLake},
    {{"Rocket Lake", 12, false}, kRocketLake},
    {{"DG1", 12, false}, kDG1},
    {{"Alder Lake-S", 12, false, IntelSriov::XeForceProbe}, kAlderLakeS},
    {{"Alder Lake-P", 12, false, IntelSriov::XeForceProbe}, kAlderLakeP},
    {{"Alder Lake-N", 12, false, IntelSriov::XeForceProbe}, kAlderLakeN},
    {{"Raptor Lake-S", 12, false, IntelSriov::XeForceProbe}, kRaptorLakeS},
    {{"Raptor Lake-P", 12, false, IntelSriov::XeForceProbe}, kRaptorLakeP},
    {{"Arc A", 12, false}, kArcA},
    {{"Data Center GPU Flex", 12, false, IntelSriov::XeForceProbe}, kDataCenterGPUFlex},
    {{"Meteor Lake", 12, false, IntelSriov::OutOfTreeOnly}, kMeteorLake},
    {{"Arrow Lake", 12, false, IntelSriov::OutOfTreeOnly}, kArrowLake},
    {{"Lunar Lake", 20, false}, kLunarLake},
    {{"Battlemage", 20, false, IntelSriov::XeByDefault}, kBattlemage},
    {{"Panther Lake", 30, false, IntelSriov::XeByDefault}, kPantherLake},
    {{"Wildcat Lake", 30, false, IntelSriov::XeByDefault}, kWildcatLake},
};

}  // namespace

const IntelGpu* find_intel_gpu(std::uint16_t device_id) {
  for (const Row& row : kRows) {
    if (std::ranges::find(row.device_ids, device_id) != row.device_ids.end()) return &row.gpu;
  }
  return nullptr;
}

bool served_by_i915_sriov_dkms(std::uint16_t device_id) {
  const IntelGpu* known = find_intel_gpu(device_id);
  if (known == nullptr || known->sriov == IntelSriov::OutOfTreeOnly) return true;
  return known->sriov == IntelSriov::XeForceProbe &&
         std::string_view(known->platform) != "Data Center GPU Flex";
}

}  // namespace cleave
