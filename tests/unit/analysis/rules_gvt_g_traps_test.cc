// The cases of the rules on what stands in the way of a GVT-g that should work.
#include "rule_cases.h"

namespace cleave::testing {
namespace {

std::function<void(Facts&)> modprobe(const char* text, const char* live = "Y") {
  return [text, live](Facts& facts) {
    ModprobeFacts modprobe;
    parse_modprobe_file(text, "/etc/modprobe.d/x.conf", modprobe);
    facts.platform.modprobe = known(std::move(modprobe), "/etc/modprobe.d");
    set_parameter(facts, "i915", "enable_gvt", known<std::string>(live, "/sys/…/enable_gvt"));
  };
}

}  // namespace

std::vector<Case> gvt_g_trap_cases() {
  return {
      {"gvt_g.modprobe_arrived", kPass, "on in both", modprobe("options i915 enable_gvt=1\n")},
      {"gvt_g.modprobe_arrived", kFail, "an old initramfs",
       modprobe("options i915 enable_gvt=1 enable_guc=0\n", "N")},
      {"gvt_g.modprobe_arrived", kNone, "the last one counts",
       modprobe("options i915 enable_gvt=1\noptions i915 enable_gvt=0\n", "N")},
      {"gvt_g.modprobe_arrived", kNone, "nothing written", [](Facts&) {}},
      {"gvt_g.modprobe_arrived", kUnknown, "closed",
       [](Facts& f) { f.platform.modprobe = kClosed; }},
      {"gvt_g.modprobe_arrived", kUnknown, "parameter closed",
       [](Facts& f) {
         modprobe("options i915 enable_gvt=1\n")(f);
         set_parameter(f, "i915", "enable_gvt", kClosed);
       }},
      {"gvt_g.vfio_ids", kPass, "not named", [](Facts&) {}},
      {"gvt_g.vfio_ids", kPass, "another device",
       [](Facts& f) { set_command_line(f, "vfio-pci.ids=10de:1d52,10de:0fb9"); }},
      {"gvt_g.vfio_ids", kFail, "on the command line",
       [](Facts& f) { set_command_line(f, "vfio-pci.ids=10de:1d52,8086:9B41"); }},
      {"gvt_g.vfio_ids", kFail, "in modprobe.d",
       modprobe("options vfio-pci ids=8086:9b41,8086:02c8 disable_vga=1\n")},
      {"gvt_g.vfio_ids", kUnknown, "command line closed",
       [](Facts& f) { f.kernel.command_line = kClosed; }},
      {"gvt_g.vfio_ids", kUnknown, "modprobe.d closed",
       [](Facts& f) { f.platform.modprobe = kClosed; }},
      {"gvt_g.suspend", kPass, "6.8", [](Facts&) {}},
      {"gvt_g.suspend", kFail, "5.10",
       [](Facts& f) { f.kernel.release = known<std::string>("5.10.0-8-amd64", "osrelease"); }},
      {"gvt_g.suspend", kUnknown, "closed", [](Facts& f) { f.kernel.release = kClosed; }},
      {"gvt_g.nvidia_beside", kPass, "not loaded", [](Facts&) {}},
      {"gvt_g.nvidia_beside", kFail, "loaded",
       [](Facts& f) { f.kernel.modules["nvidia"].loaded = true; }},
      {"gvt_g.nvidia_beside", kUnknown, "closed", [](Facts& f) { f.kernel.module_list = kClosed; }},
  };
}

}  // namespace cleave::testing
