#include "analysis/gpu_firmware.h"

#include <algorithm>

namespace cleave {
namespace {

// Sources, all of Linux 6.12: INTEL_GUC_FIRMWARE_DEFS and INTEL_HUC_FIRMWARE_DEFS of
// drivers/gpu/drm/i915/gt/uc/intel_uc_fw.c, XE_GUC_FIRMWARE_DEFS and XE_HUC_FIRMWARE_DEFS of
// drivers/gpu/drm/xe/xe_uc_fw.c, dmc_firmware_default() of
// drivers/gpu/drm/i915/display/intel_dmc.c; which of them are on by default from
// uc_expand_default_options() of gt/uc/intel_uc.c. Panther Lake and Wildcat Lake, which are newer:
// the names that linux-firmware ships and that machines with xe of Linux 7.x report.
// Raptor Lake is Alder Lake to the drivers (intel_device_info.c, subplatforms), Arrow Lake is
// Meteor Lake, Amber and Whiskey Lake are Kaby and Coffee Lake.
enum class ByDefault : std::uint8_t { Nothing, HucOnly, Both };

struct Row {
  std::string_view platform;
  std::string_view dmc;     // any version
  std::string_view guc;     // i915: any version
  std::string_view huc;     // i915
  ByDefault i915;           // what i915 loads where nobody asks
  std::string_view xe_guc;  // xe: this file; empty: xe does not drive the platform
  std::string_view xe_huc;  // xe
};

constexpr Row kRows[] = {
    {"Skylake", "i915/skl_dmc", "i915/skl_guc_", "i915/skl_huc", ByDefault::Nothing, "", ""},
    {"Apollo Lake", "i915/bxt_dmc", "i915/bxt_guc_", "i915/bxt_huc", ByDefault::Nothing, "", ""},
    {"Kaby Lake", "i915/kbl_dmc", "i915/kbl_guc_", "i915/kbl_huc", ByDefault::Nothing, "", ""},
    {"Amber Lake", "i915/kbl_dmc", "i915/kbl_guc_", "i915/kbl_huc", ByDefault::Nothing, "", ""},
    {"Coffee Lake", "i915/kbl_dmc", "i915/kbl_guc_", "i915/kbl_huc", ByDefault::Nothing, "", ""},
    {"Whiskey Lake", "i915/kbl_dmc", "i915/kbl_guc_", "i915/kbl_huc", ByDefault::Nothing, "", ""},
    {"Comet Lake", "i915/kbl_dmc", "i915/kbl_guc_", "i915/kbl_huc", ByDefault::Nothing, "", ""},
    {"Gemini Lake", "i915/glk_dmc", "i915/glk_guc_", "i915/glk_huc", ByDefault::Nothing, "", ""},
    {"Ice Lake", "i915/icl_dmc", "i915/icl_guc_", "i915/icl_huc", ByDefault::Nothing, "", ""},
    {"Elkhart Lake", "i915/icl_dmc", "i915/ehl_guc_", "i915/ehl_huc", ByDefault::Nothing, "", ""},
    {"Jasper Lake", "i915/icl_dmc", "i915/ehl_guc_", "i915/ehl_huc", ByDefault::Nothing, "", ""},
    {"Tiger Lake", "i915/tgl_dmc", "i915/tgl_guc_", "i915/tgl_huc", ByDefault::Nothing,
     "i915/tgl_guc_70.bin", "i915/tgl_huc.bin"},
    {"Rocket Lake", "i915/rkl_dmc", "i915/tgl_guc_", "i915/tgl_huc", ByDefault::Nothing,
     "i915/tgl_guc_70.bin", "i915/tgl_huc.bin"},
    {"DG1", "i915/dg1_dmc", "i915/dg1_guc_", "i915/dg1_huc", ByDefault::Both, "i915/dg1_guc_70.bin",
     "i915/dg1_huc.bin"},
    {"Alder Lake-S", "i915/adls_dmc", "i915/tgl_guc_", "i915/tgl_huc", ByDefault::HucOnly,
     "i915/tgl_guc_70.bin", "i915/tgl_huc.bin"},
    {"Alder Lake-P", "i915/adlp_dmc", "i915/adlp_guc_", "i915/tgl_huc", ByDefault::Both,
     "i915/adlp_guc_70.bin", "i915/tgl_huc.bin"},
    // i915 takes it for an Alder Lake-P, xe has a GuC row of its own and no HuC row for it.
    {"Alder Lake-N", "i915/adlp_dmc", "i915/adlp_guc_", "i915/tgl_huc", ByDefault::Both,
     "i915/tgl_guc_70.bin", ""},
    {"Raptor Lake-S", "i915/adls_dmc", "i915/tgl_guc_", "i915/tgl_huc", ByDefault::Both,
     "i915/tgl_guc_70.bin", "i915/tgl_huc.bin"},
    {"Raptor Lake-P", "i915/adlp_dmc", "i915/adlp_guc_", "i915/tgl_huc", ByDefault::Both,
     "i915/adlp_guc_70.bin", "i915/tgl_huc.bin"},
    {"Arc A", "i915/dg2_dmc", "i915/dg2_guc_", "i915/dg2_huc_gsc", ByDefault::Both,
     "i915/dg2_guc_70.bin", ""},
    {"Data Center GPU Flex", "i915/dg2_dmc", "i915/dg2_guc_", "i915/dg2_huc_gsc", ByDefault::Both,
     "i915/dg2_guc_70.bin", ""},
    {"Meteor Lake", "i915/mtl_dmc", "i915/mtl_guc_", "i915/mtl_huc_gsc", ByDefault::Both,
     "i915/mtl_guc_70.bin", "i915/mtl_huc_gsc.bin"},
    {"Arrow Lake", "i915/mtl_dmc", "i915/mtl_guc_", "i915/mtl_huc_gsc", ByDefault::Both,
     "i915/mtl_guc_70.bin", "i915/mtl_huc_gsc.bin"},
    {"Lunar Lake", "i915/xe2lpd_dmc", "", "", ByDefault::Nothing, "xe/lnl_guc_70.bin",
     "xe/lnl_huc.bin"},
    {"Battlemage", "i915/bmg_dmc", "", "", ByDefault::Nothing, "xe/bmg_guc_70.bin",
     "xe/bmg_huc.bin"},
    {"Panther Lake", "i915/xe3lpd_dmc", "", "", ByDefault::Nothing, "xe/ptl_guc_70.bin",
     "xe/ptl_huc.bin"},
    {"Wildcat Lake", "i915/xe3lpd_3002_dmc", "", "", ByDefault::Nothing, "xe/ptl_guc_70.bin",
     "xe/ptl_huc.bin"},
};

const Row* row_of(std::string_view platform) {
  const auto* const found = std::ranges::find(kRows, platform, &Row::platform);
  return found == std::end(kRows) ? nullptr : found;
}

void add(std::vector<WantedFirmware>& wanted, std::string_view name, bool is_guc = false) {
  if (!name.empty()) wanted.push_back({.name = name, .is_guc = is_guc});
}

}  // namespace

std::vector<WantedFirmware> guc_firmware(std::string_view platform, IntelDriver driver) {
  std::vector<WantedFirmware> wanted;
  const Row* row = row_of(platform);
  if (row != nullptr) add(wanted, driver == IntelDriver::Xe ? row->xe_guc : row->guc, true);
  return wanted;
}

std::vector<WantedFirmware> default_firmware(std::string_view platform, IntelDriver driver) {
  std::vector<WantedFirmware> wanted;
  const Row* row = row_of(platform);
  if (row == nullptr) return wanted;
  const bool xe = driver == IntelDriver::Xe;
  add(wanted, row->dmc);
  // The GuC is what lets the HuC in: without it the HuC is of no use.
  if (xe || row->i915 != ByDefault::Nothing) {
    add(wanted, xe ? row->xe_guc : row->guc, true);
    add(wanted, xe ? row->xe_huc : row->huc);
  }
  return wanted;
}

}  // namespace cleave
