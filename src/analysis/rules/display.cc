#include "analysis/rules/checks.h"
#include "analysis/rules/families.h"
#include "base/text.h"

namespace cleave {
namespace {

Outcome check_render_node(const Subject& subject) {
  const auto& nodes = subject.facts.render_nodes;
  if (const auto unread = missing(nodes)) return Outcome::unknown({*unread});
  if (const auto* names = nodes.value(); names != nullptr && !names->empty()) {
    return Outcome::pass({{nodes.source(), join(*names, " ")}});
  }
  return Outcome::fail({{nodes.source(), "no renderD node"}});
}

constexpr Rule kRules[] = {
    {.id = "display.render_node",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("There is a render node for OpenGL (/dev/dri/renderD*)"),
     .why = N_("GVT-g hands over the picture of a vGPU as a DMABUF, which QEMU can show with "
               "OpenGL only. Without a render node: “egl: no drm render node available”."),
     .remedy = N_("Load the GPU's own driver, or a software one (modprobe vgem); or start the VM "
                  "without the vGPU's display (display = false)."),
     .check = check_render_node},
};

}  // namespace

std::span<const Rule> display_rules() { return kRules; }

}  // namespace cleave
