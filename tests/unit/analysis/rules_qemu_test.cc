// Cases of the rules about QEMU programs, and of what virtio-gpu needs of them; judged by
// rules_test.cc.
#include "unit/analysis/rule_cases.h"

namespace cleave::testing {
namespace {

QemuAbilities qemu_of(Version version) {
  QemuAbilities abilities;
  abilities.version = version;
  abilities.displays = {"egl-headless", "gtk"};
  abilities.opengl = true;
  abilities.accelerators = {"kvm"};
  QemuProperties& vfio = abilities.devices["vfio-pci"];
  vfio = {{"display", "off"}, {"x-igd-opregion", "false"}};
  if (version.major >= 10) vfio["x-igd-legacy-mode"] = "true";
  if (version >= Version{10, 1, 0}) vfio["x-igd-opregion"] = "true";
  abilities.devices["vfio-pci-nohotplug"] = {{"ramfb", "false"}};
  QemuProperties& drawing = abilities.devices["virtio-vga-gl"];
  if (version >= Version{9, 2, 0}) drawing["venus"] = "false";
  if (version.major >= 11) drawing["drm_native_context"] = "false";
  return abilities;
}

QemuProgram program_of(Fact<QemuAbilities> abilities) {
  QemuProgram program;
  program.path = "/usr/bin/qemu-system-x86_64";
  program.abilities = std::move(abilities);
  return program;
}

void set_programs(Facts& facts, std::vector<QemuProgram> programs) {
  facts.qemu.programs = known(std::move(programs), "/usr/bin");
  facts.qemu.virglrenderer = known<std::string>("1.3.0-1", "/var/lib/dpkg/status");
  facts.qemu.mesa = known<std::string>("25.0.7-2", "/var/lib/dpkg/status");
  facts.qemu.render_server = known<std::string>("/usr/libexec/virgl_render_server", "libexec");
}

void set_abilities(Facts& facts, const QemuAbilities& abilities) {
  set_programs(facts, {program_of(known(abilities, "qemu"))});
}

using Change = std::function<void(Facts&)>;

Change version(Version version) {
  return [version](Facts& facts) { set_abilities(facts, qemu_of(version)); };
}

// As QEMU 11.0 on a kernel that is new enough, changed by `change`.
Change with(const std::function<void(Facts&, QemuAbilities&)>& change) {
  return [change](Facts& facts) {
    QemuAbilities abilities = qemu_of({11, 0, 0});
    facts.kernel.release = known<std::string>("6.13.0", "osrelease");
    // First the rest, so that a change may replace all of it.
    set_abilities(facts, abilities);
    change(facts, abilities);
    facts.qemu.programs = known(std::vector{program_of(known(abilities, "qemu"))}, "/usr/bin");
  };
}

Change library(Fact<std::string> version) {
  return with([version](Facts& f, QemuAbilities&) { f.qemu.virglrenderer = version; });
}

Change render_server(Fact<std::string> path) {
  return with([path](Facts& f, QemuAbilities&) { f.qemu.render_server = path; });
}

Change driver(const char* name, const char* library_version) {
  return with([=](Facts& f, QemuAbilities&) {
    gpu_of(f).driver = known<std::string>(name, "driver");
    f.qemu.virglrenderer = known<std::string>(library_version, "/var/lib/dpkg/status");
  });
}

Change kernel(Fact<std::string> release) {
  return with([release](Facts& f, QemuAbilities&) { f.kernel.release = release; });
}

Change gpu(std::uint16_t device, Version qemu) {
  return [=](Facts& facts) {
    gpu_of(facts).device_id = device;
    set_abilities(facts, qemu_of(qemu));
  };
}

void good(Facts& facts) {
  with([](Facts&, QemuAbilities&) {})(facts);
}
void not_asked(Facts& facts) {
  set_programs(facts, {program_of(Unreadable{"/usr/bin/qemu-system-x86_64", "not asked yet"})});
}
void none(Facts& facts) { facts.qemu.programs = {Absent{}, "/usr/bin/qemu-system-x86_64"}; }
void closed(Facts& facts) { facts.qemu.programs = kClosed; }
void one_of_two(Facts& facts) {
  set_programs(facts, {program_of(known(qemu_of({7, 2, 0}), "qemu")),
                       program_of(known(qemu_of({11, 0, 0}), "qemu"))});
  facts.kernel.release = known<std::string>("6.13.0", "osrelease");
}
void no_opengl(Facts& facts) {
  with([](Facts&, QemuAbilities& qemu) { qemu.opengl = false; })(facts);
}
void no_vfio(Facts& facts) {
  with([](Facts&, QemuAbilities& qemu) {
    qemu.devices.erase("vfio-pci");
    qemu.devices.erase("vfio-pci-nohotplug");
  })(facts);
}
void amd(Facts& facts) {
  good(facts);
  gpu_of(facts).vendor_id = 0x1002;
  gpu_of(facts).device_id = 0x73BF;
}

std::vector<Case> program_cases() {
  return {
      {"qemu.present", kPass, "there", good},
      {"qemu.present", kPass, "there, not asked", not_asked},
      {"qemu.present", kFail, "none", none},
      {"qemu.present", kUnknown, "closed", closed},
      {"qemu.abilities_known", kPass, "asked", good},
      {"qemu.abilities_known", kFail, "not asked", not_asked},
      {"qemu.abilities_known", kNone, "none", none},
      {"qemu.abilities_known", kUnknown, "closed", closed},
      {"qemu.vgpu_display", kPass, "gtk", good},
      {"qemu.vgpu_display", kFail, "no OpenGL", no_opengl},
      {"qemu.vgpu_display", kFail, "no vfio-pci", no_vfio},
      {"qemu.vgpu_display", kUnknown, "not asked", not_asked},
      {"qemu.vgpu_display", kUnknown, "closed", closed},
      {"qemu.vgpu_display", kNone, "none", none},
      {"qemu.vgpu_display", kNone, "AMD", amd},
      {"qemu.ramfb", kPass, "there", version({7, 2, 0})},
      {"qemu.ramfb", kFail, "not there", no_vfio},
      {"qemu.ramfb", kUnknown, "not asked", not_asked},
      {"qemu.ramfb", kNone, "AMD", amd},
      {"qemu.opregion", kPass, "when given", version({7, 2, 0})},
      {"qemu.opregion", kPass, "by default", version({10, 1, 0})},
      {"qemu.opregion", kFail, "not there", no_vfio},
      {"qemu.opregion", kUnknown, "not asked", not_asked},
      {"qemu.opregion", kNone, "AMD", amd},
  };
}

std::vector<Case> igd_cases() {
  constexpr std::uint16_t kTigerLake = 0x9A49;
  constexpr std::uint16_t kMeteorLake = 0x7D55;
  constexpr std::uint16_t kHaswell = 0x0416;
  return {
      {"qemu.igd_legacy", kPass, "Comet Lake, 7.2", version({7, 2, 0})},
      {"qemu.igd_legacy", kPass, "Comet Lake, 10.1", version({10, 1, 0})},
      {"qemu.igd_legacy", kPass, "Haswell, 10.1", gpu(kHaswell, {10, 1, 0})},
      {"qemu.igd_legacy", kPass, "Tiger Lake, 10.0", gpu(kTigerLake, {10, 0, 0})},
      {"qemu.igd_legacy", kFail, "Tiger Lake, 10.1", gpu(kTigerLake, {10, 1, 0})},
      {"qemu.igd_legacy", kFail, "Meteor Lake, 10.0", gpu(kMeteorLake, {10, 0, 0})},
      {"qemu.igd_legacy", kFail, "not there", no_vfio},
      {"qemu.igd_legacy", kUnknown, "not asked", not_asked},
      {"qemu.igd_legacy", kNone, "AMD", amd},
      {"qemu.igd_uefi", kPass, "Comet Lake, 10.0", version({10, 0, 0})},
      {"qemu.igd_uefi", kFail, "Comet Lake, 9.2", version({9, 2, 0})},
      {"qemu.igd_uefi", kPass, "Tiger Lake, 10.0", gpu(kTigerLake, {10, 0, 0})},
      {"qemu.igd_uefi", kFail, "Meteor Lake, 10.0", gpu(kMeteorLake, {10, 0, 0})},
      {"qemu.igd_uefi", kPass, "Meteor Lake, 10.1", gpu(kMeteorLake, {10, 1, 0})},
      {"qemu.igd_uefi", kUnknown, "not asked", not_asked},
      {"qemu.igd_uefi", kNone, "on a card",
       [](Facts& f) {
         good(f);
         gpu_of(f).address = {0, 3, 0, 0};
       }},
  };
}

std::vector<Case> drawing_cases() {
  const auto text = [](const char* value) { return known<std::string>(value, "status"); };
  return {
      {"virtio_gpu.virgl", kPass, "all there", good},
      {"virtio_gpu.virgl", kPass, "7.2", version({7, 2, 0})},
      {"virtio_gpu.virgl", kFail, "no OpenGL", no_opengl},
      {"virtio_gpu.virgl", kFail, "no device",
       with([](Facts&, QemuAbilities& qemu) { qemu.devices.erase("virtio-vga-gl"); })},
      {"virtio_gpu.virgl", kFail, "an old library", library(text("0.7.0-2"))},
      {"virtio_gpu.virgl", kUnknown, "a library without a number", library(text("git"))},
      {"virtio_gpu.virgl", kUnknown, "a library of one's own", library({Absent{}, "status"})},
      {"virtio_gpu.virgl", kUnknown, "an unknown library", library(kClosed)},
      {"virtio_gpu.virgl", kUnknown, "not asked", not_asked},
      {"virtio_gpu.virgl", kNone, "none", none},
      {"virtio_gpu.venus", kPass, "all there", good},
      {"virtio_gpu.venus", kPass, "one of two", one_of_two},
      {"virtio_gpu.venus", kFail, "QEMU 8.2", version({8, 2, 0})},
      {"virtio_gpu.venus", kFail, "Linux 6.12", kernel(text("6.12.1"))},
      {"virtio_gpu.venus", kFail, "virglrenderer 0.10", library(text("0.10.4-1"))},
      {"virtio_gpu.venus", kFail, "an old kernel beats an unknown library",
       [](Facts& f) {
         kernel(known<std::string>("6.1.0", "osrelease"))(f);
         f.qemu.virglrenderer = kClosed;
       }},
      {"virtio_gpu.venus", kUnknown, "an unknown kernel", kernel(kClosed)},
      {"virtio_gpu.render_server", kPass, "there", good},
      {"virtio_gpu.render_server", kFail, "a package without it",
       render_server({Absent{}, "/usr/libexec/virgl_render_server"})},
      {"virtio_gpu.render_server", kUnknown, "not to be seen", render_server(kClosed)},
      {"virtio_gpu.render_server", kUnknown, "nobody looked for it", render_server({})},
      {"virtio_gpu.render_server", kNone, "QEMU 8.2", version({8, 2, 0})},
      {"virtio_gpu.render_server", kUnknown, "a library and a render server of one's own",
       [](Facts& f) {
         render_server({Absent{}, "/usr/libexec/virgl_render_server"})(f);
         f.qemu.virglrenderer = {Absent{}, "status"};
       }},
      {"virtio_gpu.venus", kUnknown, "not asked",
       [](Facts& f) {
         good(f);
         not_asked(f);
       }},
      {"virtio_gpu.native_context", kPass, "i915", good},
      {"virtio_gpu.native_context", kPass, "amdgpu", driver("amdgpu", "1.2.0-1")},
      {"virtio_gpu.native_context", kFail, "amdgpu and 1.1", driver("amdgpu", "1.1.0-2")},
      {"virtio_gpu.native_context", kFail, "i915 and 1.1", driver("i915", "1.1.0-2")},
      {"virtio_gpu.native_context", kFail, "xe", driver("xe", "1.3.0")},
      {"virtio_gpu.native_context", kFail, "QEMU 10.1", version({10, 1, 0})},
      {"virtio_gpu.native_context", kFail, "Linux 6.12", kernel(text("6.12.1"))},
      {"virtio_gpu.native_context", kUnknown, "closed driver",
       with([](Facts& f, QemuAbilities&) { gpu_of(f).driver = kClosed; })},
      {"virtio_gpu.native_context", kNone, "none", none},
  };
}

}  // namespace

std::vector<Case> qemu_cases() {
  std::vector<Case> cases = program_cases();
  for (const auto& more : {igd_cases(), drawing_cases()}) {
    cases.insert(cases.end(), more.begin(), more.end());
  }
  return cases;
}

}  // namespace cleave::testing
