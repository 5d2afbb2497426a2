#include "ways/suspend.h"

#include <algorithm>
#include <array>
#include <string>

#include "analysis/rules/checks.h"

namespace cleave {
namespace {

constexpr std::array kActions = {"keep", "pause", "stop", "refuse"};

// GVT-g saves its vGPUs over a suspend since "drm/i915/gvt: Save/restore HW status to support GVT
// suspend/resume", which was merged for 5.11 (drivers/gpu/drm/i915/gvt/gvt.c, intel_gvt_pm_resume);
// before, the host crashed (github.com/intel/gvt-linux/issues/156).
constexpr KernelVersion kVgpusAreSaved = {.major = 5, .minor = 11};

bool has_vgpu(std::string_view way) { return way == "gvt-g" || way == "mdev"; }
bool has_device(std::string_view way) { return way == "sr-iov" || way == "passthrough"; }

// Why a vGPU cannot be there while this kernel sleeps.
Message vgpu_danger(std::string_view release) {
  if (!parse_kernel_version(release)) {
    return {
        N_("Whether this kernel keeps a vGPU over a suspend is not known: its version could "
           "not be read.")};
  }
  return {N_("Before Linux 5.11 a vGPU can crash the host when it is suspended; this is Linux "
             "{release}."),
          {{"release", std::string(release)}}};
}

SuspendPolicy default_policy(std::string_view way, std::string_view release) {
  if (has_vgpu(way) && vgpus_must_go(release)) return {OnSuspend::Stop, vgpu_danger(release)};
  if (has_vgpu(way)) {
    return {OnSuspend::Pause,
            {N_("Linux keeps its vGPU over a suspend; the guest does no work while the host goes "
                "down and comes back.")}};
  }
  if (has_device(way)) {
    return {OnSuspend::Stop,
            {N_("The device that it has of the host loses its state in a suspend, and the guest "
                "would not know.")}};
  }
  return {OnSuspend::Keep, {N_("It has nothing of the host that a suspend would take from it.")}};
}

}  // namespace

const char* on_suspend_name(OnSuspend action) {
  return kActions.at(static_cast<std::size_t>(action));
}

std::optional<OnSuspend> on_suspend_of(std::string_view name) {
  const auto found =
      std::ranges::find(kActions, name, [](const char* each) { return std::string_view(each); });
  if (found == kActions.end()) return std::nullopt;
  return static_cast<OnSuspend>(found - kActions.begin());
}

SuspendPolicy suspend_policy(std::string_view written, std::string_view way,
                             std::string_view release) {
  const std::optional<OnSuspend> chosen = on_suspend_of(written);
  if (!chosen) return default_policy(way, release);
  const bool stays = *chosen == OnSuspend::Keep || *chosen == OnSuspend::Pause;
  if (stays && has_vgpu(way) && vgpus_must_go(release)) {
    return {OnSuspend::Refuse, vgpu_danger(release)};
  }
  return {*chosen,
          {N_("Its definition says so: on_suspend = \"{action}\""),
           {{"action", on_suspend_name(*chosen)}}}};
}

bool vgpus_must_go(std::string_view release) {
  const std::optional<KernelVersion> version = parse_kernel_version(release);
  return !version || *version < kVgpusAreSaved;
}

}  // namespace cleave
