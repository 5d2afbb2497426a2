// On which GPU QEMU draws for a guest, where the machine has several. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/message.h"
#include "base/result.h"
#include "facts/fact.h"
#include "facts/pci.h"
#include "facts/platform.h"

namespace cleave {

struct RenderNodeHost {
  Fact<std::vector<DrmCard>> cards;
  Fact<std::vector<PciDevice>> devices;
  // Names in /dev/dri/by-path; none where udev does not make them (rules/60-drm.rules of systemd).
  std::vector<std::string> by_path;
};

struct RenderNode {
  std::string path;  // "/dev/dri/by-path/pci-0000:00:02.0-render", "/dev/dri/renderD128"
  std::optional<PciAddress> gpu;  // empty: no PCI device, such as vgem; the processor draws
  Fact<std::string> driver;       // of that GPU
  bool is_usual = false;          // the one that is taken where no GPU is named
  Message reason;                 // as the reason of a display without a window
};

// The GPU that `parent` names, else the one on which the machine's own screen is, else the only
// one; NVIDIA's own driver only where there is no other GPU, no GPU only where there is none. Empty
// if sysfs cannot be read and none is named: then QEMU chooses. Malformed: `parent` is no PCI
// address; NotFound: that GPU has no render node, or nothing has one.
Result<std::optional<RenderNode>> choose_render_node(const RenderNodeHost& host,
                                                     const std::string& parent);

}  // namespace cleave
