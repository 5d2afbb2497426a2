#include "app/vm_check_qemu.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace cleave {
namespace {

QemuAbilities debian12() {
  QemuAbilities qemu;
  qemu.version = {.major = 7, .minor = 2, .micro = 22};
  qemu.displays = {"dbus", "egl-headless", "gtk", "none", "sdl"};
  qemu.accelerators = {"kvm", "tcg"};
  qemu.audio_drivers = {"none", "pa", "spice"};
  qemu.opengl = qemu.sandbox = qemu.spice = true;
  return qemu;
}

std::string ids(const QemuAbilities& qemu, const std::string& definition) {
  const auto checked = read_definition(definition, "/vms/a.toml", "/vms");
  if (!checked || !checked->vm) return "a bad definition";
  std::vector<std::string> found;
  for (const VmProblem& problem : qemu_problems(qemu, *checked->vm)) {
    EXPECT_FALSE(problem.message.empty());
    EXPECT_FALSE(problem.remedy.empty()) << problem.id;
    found.push_back(problem.id);
  }
  return join(found, " ");
}

TEST(QemuProblems, AFullQemuHasNone) {
  EXPECT_EQ(ids(debian12(), ""), "");
  EXPECT_EQ(ids(debian12(), "clipboard = true\n[gpu]\nway = \"gvt-g\"\n[sound]\n"), "");
  EXPECT_EQ(ids(debian12(), "[display]\ntype = \"spice\"\n"), "");
}

TEST(QemuProblems, DisplaysCanBeMissing) {
  QemuAbilities bare = debian12();
  bare.displays = {"none"};
  bare.opengl = bare.spice = false;
  EXPECT_EQ(ids(bare, "[display]\ntype = \"none\"\n"), "");
  EXPECT_EQ(ids(bare, ""), "qemu.no_display");
  EXPECT_EQ(ids(bare, "[display]\ntype = \"vnc\"\n"), "");
  EXPECT_EQ(ids(bare, "[display]\ntype = \"spice\"\n"), "qemu.no_spice");
  EXPECT_EQ(ids(bare, "[gpu]\nway = \"gvt-g\"\n[display]\ntype = \"vnc\"\n"),
            "qemu.no_display qemu.no_opengl");
}

TEST(QemuProblems, AcceleratorsSoundAndTheSandboxCanBeMissing) {
  QemuAbilities qemu = debian12();
  qemu.accelerators = {"tcg"};
  qemu.sandbox = false;
  EXPECT_EQ(ids(qemu, ""), "qemu.no_accelerator qemu.no_sandbox");
  EXPECT_EQ(ids(qemu, "accelerator = \"tcg\"\nextra_arguments = [\"-sandbox\", \"off\"]\n"), "");
  EXPECT_EQ(ids(debian12(), "[sound]\nbackend = \"pipewire\"\n"), "qemu.no_audio");
  EXPECT_EQ(ids(debian12(), "[sound]\nmodel = \"virtio\"\n"), "qemu.too_old");
}

}  // namespace
}  // namespace cleave
