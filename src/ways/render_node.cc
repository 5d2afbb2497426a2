#include "ways/render_node.h"

#include <algorithm>
#include <tuple>

#include "base/format.h"
#include "base/text.h"

namespace cleave {
namespace {

struct Candidate {
  const DrmCard* card = nullptr;
  const PciDevice* device = nullptr;  // null: no PCI device, or none that could be read
};

// NVIDIA's own driver brings an EGL beside Mesa's; QEMU's egl-headless asks for Mesa's extensions
// (ui/egl-helpers.c, EGL_MESA_image_dma_buf_export).
bool is_nvidias(const Candidate& candidate) {
  return candidate.device != nullptr && candidate.device->driver.value_or("") == "nvidia";
}

bool has_firmware_screen(const Candidate& candidate) {
  return candidate.device != nullptr && candidate.device->boot_display.value_or(false);
}

// The smaller, the rather: a GPU before none, others before NVIDIA's, then the machine's screen.
auto order_of(const Candidate& candidate) {
  return std::tuple(!candidate.card->pci.has_value(), is_nvidias(candidate),
                    !has_firmware_screen(candidate), candidate.card->connected.empty(),
                    candidate.card->pci.value_or(PciAddress()), candidate.card->render_node);
}

std::vector<Candidate> candidates_of(const RenderNodeHost& host) {
  std::vector<Candidate> all;
  const auto* cards = host.cards.value();
  const auto* devices = host.devices.value();
  for (std::size_t i = 0; cards != nullptr && i < cards->size(); ++i) {
    Candidate candidate{.card = &(*cards)[i], .device = nullptr};
    if (candidate.card->render_node.empty()) continue;
    if (devices != nullptr && candidate.card->pci) {
      const auto found = std::ranges::find(*devices, *candidate.card->pci, &PciDevice::address);
      if (found != devices->end()) candidate.device = &*found;
    }
    all.push_back(candidate);
  }
  std::ranges::sort(all, {}, order_of);
  return all;
}

std::string path_of(const RenderNodeHost& host, const DrmCard& card) {
  if (card.pci) {
    const std::string name = format("pci-{}-render", to_text(*card.pci));
    if (std::ranges::find(host.by_path, name) != host.by_path.end()) {
      return "/dev/dri/by-path/" + name;
    }
  }
  return "/dev/dri/" + card.render_node;
}

RenderNode node_of(const RenderNodeHost& host, const Candidate& candidate) {
  RenderNode node;
  node.path = path_of(host, *candidate.card);
  node.gpu = candidate.card->pci;
  if (candidate.device != nullptr) {
    node.driver = candidate.device->driver;
  } else if (node.gpu) {
    node.driver = Unreadable{.path = "/sys/bus/pci/devices", .why = "not read"};
  }
  return node;
}

Message reason_for_usual(const Candidate& chosen, std::size_t count) {
  if (!chosen.card->pci) {
    return {N_("No window, but OpenGL, which the processor draws: no GPU here has a render node "
               "({path})."),
            {{"path", "/dev/dri/" + chosen.card->render_node}}};
  }
  const std::vector<Field> fields = {{"gpu", to_text(*chosen.card->pci)}};
  if (count == 1) {
    return {N_("No window, but OpenGL, drawn by the GPU {gpu}, the only one with a render node."),
            fields};
  }
  if (has_firmware_screen(chosen) || !chosen.card->connected.empty()) {
    return {N_("No window, but OpenGL, drawn by the GPU {gpu}, on which this machine's own screen "
               "is. gpu.parent can name another."),
            fields};
  }
  return {N_("No window, but OpenGL, drawn by the GPU {gpu}, the first of several. gpu.parent can "
             "name another."),
          fields};
}

Error no_such_gpu(const std::vector<Candidate>& candidates, const PciAddress& wanted) {
  std::vector<std::string> others;
  for (const Candidate& candidate : candidates) {
    if (candidate.card->pci) others.push_back(to_text(*candidate.card->pci));
  }
  const std::vector<Field> fields = {{"gpu", to_text(wanted)}, {"gpus", join(others, ", ")}};
  return error_of(
      ErrorCode::NotFound,
      {N_("The GPU {gpu}, which gpu.parent names, has no render node on which QEMU could draw"),
       fields},
      others.empty() ? Message(N_("Load the GPU's own driver (i915, xe, amdgpu, nouveau)."))
                     : Message(N_("Load that GPU's driver, or name one of these: {gpus}"), fields));
}

Error unreadable(const RenderNodeHost& host, const PciAddress& wanted) {
  Error error = error_of(ErrorCode::Io,
                         {N_("Whether the GPU {gpu} has a render node could not be read: {why}"),
                          {{"gpu", to_text(wanted)}, {"why", host.cards.unreadable()->why}}},
                         {N_("Write display.render_node instead of gpu.parent.")});
  error.path = host.cards.source();
  return error;
}

Error nothing_draws(const RenderNodeHost& host) {
  Error error = error_of(
      ErrorCode::NotFound,
      {N_("The display egl-headless needs a render node on which QEMU can draw, and there is "
          "none")},
      {N_("Load the GPU's own driver (i915, xe, amdgpu, nouveau). Without a GPU: modprobe vgem, "
          "with which the processor draws, or gpu.mode 2d with display.type vnc, spice or none.")});
  error.path = host.cards.source();
  return error;
}

}  // namespace

Result<std::optional<RenderNode>> choose_render_node(const RenderNodeHost& host,
                                                     const std::string& parent) {
  const std::vector<Candidate> candidates = candidates_of(host);
  if (parent.empty()) {
    if (host.cards.unreadable() != nullptr) return std::optional<RenderNode>();
    if (candidates.empty()) return nothing_draws(host);
    RenderNode node = node_of(host, candidates.front());
    node.is_usual = true;
    const auto gpus = std::ranges::count_if(
        candidates, [](const Candidate& each) { return each.card->pci.has_value(); });
    node.reason = reason_for_usual(candidates.front(), static_cast<std::size_t>(gpus));
    return std::optional(std::move(node));
  }
  const auto wanted = parse_pci_address(parent);
  if (!wanted) {
    return error_of(ErrorCode::Malformed,
                    {N_("gpu.parent is {parent}, which is no PCI address of a GPU"),
                     {{"parent", printable(parent)}}},
                    {N_("Write it as lspci -D does: 0000:00:02.0.")});
  }
  if (host.cards.unreadable() != nullptr) return unreadable(host, *wanted);
  const auto found =
      std::ranges::find(candidates, wanted, [](const Candidate& each) { return each.card->pci; });
  if (found == candidates.end()) return no_such_gpu(candidates, *wanted);
  RenderNode node = node_of(host, *found);
  node.is_usual = found == candidates.begin();
  node.reason = {N_("No window, but OpenGL, drawn by the GPU {gpu}, which gpu.parent names."),
                 {{"gpu", to_text(*wanted)}}};
  return std::optional(std::move(node));
}

}  // namespace cleave
