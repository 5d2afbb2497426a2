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

TEST(QemuProblems, OneThatIsTooOldIsToldOnce) {
  QemuAbilities old = debian12();
  old.version = {.major = 4, .minor = 2, .micro = 0};
  old.sandbox = false;
  EXPECT_EQ(ids(old, "[display]\ntype = \"dbus\"\n"), "qemu.too_old");
  old = debian12();
  old.version = {.major = 6, .minor = 2, .micro = 0};
  std::erase(old.displays, "dbus");
  EXPECT_EQ(ids(old, "[display]\ntype = \"dbus\"\n"), "qemu.too_old") << "no package has it";
  std::erase(old.displays, "sdl");
  EXPECT_EQ(ids(old, "[display]\ntype = \"sdl\"\n"), "qemu.no_display");
}

TEST(QemuProblems, WhatItDidNotTellIsNotMissing) {
  QemuAbilities silent = debian12();
  silent.displays.clear();
  silent.audio_drivers.clear();
  EXPECT_EQ(ids(silent, "[sound]\nbackend = \"pa\"\n"), "");
  EXPECT_EQ(ids(silent, "[[disk]]\nfile = \"a.img\"\ninterface = \"nvme\"\n"), "");
}

TEST(QemuProblems, AnNvmeDiskWantsItsPlaceInTheOrder) {
  const std::string definition = "[[disk]]\nfile = \"a.img\"\ninterface = \"nvme\"\n";
  QemuAbilities qemu = debian12();
  qemu.devices["nvme"] = {};
  EXPECT_EQ(ids(qemu, definition), "qemu.no_nvme_boot");
  EXPECT_EQ(ids(qemu, "[[disk]]\nfile = \"a.img\"\n"), "");
  qemu.devices["nvme"] = {{"bootindex", ""}};
  EXPECT_EQ(ids(qemu, definition), "");
}

TEST(QemuProblems, TheRomWithAnOpRegionOfItsOwnHangsFromTenOn) {
  const std::string definition = "[gpu]\nway = \"gvt-g\"\nrom = \"/roms/I915OVMF.rom\"\n";
  QemuAbilities qemu = debian12();
  EXPECT_EQ(ids(qemu, definition), "");
  qemu.version = {.major = 10, .minor = 0, .micro = 0};
  EXPECT_EQ(ids(qemu, definition), "qemu.opregion_rom");
  EXPECT_EQ(ids(qemu, definition + "opregion = false\n"), "");
  EXPECT_EQ(ids(qemu, "[gpu]\nway = \"gvt-g\"\nrom = \"/roms/other.rom\"\n"), "");
}

}  // namespace
}  // namespace cleave
