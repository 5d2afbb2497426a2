#include "vm/template.h"

#include <gtest/gtest.h>

#include "examples.h"
#include "support/golden.h"

namespace cleave {
namespace {

NewDefinition example_wanted() {
  NewDefinition wanted;
  wanted.name = "win10";
  wanted.gpu_way = "gvt-g";
  wanted.gpu_type = "i915-GVTg_V5_4";
  wanted.disk_file = "win10_120g.qcow2";
  return wanted;
}

std::string english_text(const char* sentence) { return sentence; }

CheckedDefinition read(const NewDefinition& wanted) {
  auto checked = read_definition(new_definition_text(wanted, english_text), "x.toml", "/vms");
  if (!checked) {
    ADD_FAILURE() << english(checked.error());
    return {};
  }
  return *std::move(checked);
}

TEST(NewDefinition, IsCommented) {
  testing::expect_golden("vm/new-definition.txt",
                         new_definition_text(example_wanted(), english_text));
}

TEST(NewDefinition, MeansTheSameAsTheTenLines) {
  const CheckedDefinition written = read(example_wanted());
  const auto by_hand = testing::example("win10", "/vms");
  ASSERT_TRUE(written.vm && by_hand) << testing::problems_text(written.problems);
  const auto argv = [](const Vm& vm) {
    return build_command_line(vm, testing::example_resources(vm, "/run")).argv();
  };
  EXPECT_EQ(argv(*written.vm), argv(*by_hand));
}

TEST(NewDefinition, OfVirtioGpuTellsOfItsModesAndNotOfTypes) {
  NewDefinition wanted;
  wanted.name = "linux";
  wanted.gpu_way = "virtio-gpu";
  const std::string text = new_definition_text(wanted, english_text);
  EXPECT_NE(text.find("# mode = \"virgl\""), std::string::npos) << text;
  EXPECT_EQ(text.find("type = \"i915"), std::string::npos) << text;
  const CheckedDefinition checked = read(wanted);
  ASSERT_TRUE(checked.vm) << testing::problems_text(checked.problems);
  EXPECT_EQ(checked.vm->gpu->way, "virtio-gpu");
  EXPECT_TRUE(checked.vm->gpu->display);
  EXPECT_EQ(checked.vm->display, "gtk");
}

TEST(NewDefinition, NeedsNothingButAName) {
  NewDefinition wanted;
  wanted.name = "empty";
  const CheckedDefinition checked = read(wanted);
  ASSERT_TRUE(checked.vm) << testing::problems_text(checked.problems);
  EXPECT_FALSE(checked.vm->gpu);
  EXPECT_TRUE(checked.vm->disks.empty());
}

TEST(NewDefinition, CarriesEveryValue) {
  NewDefinition wanted = example_wanted();
  wanted.kernel = "a \"b\" \\ 한글.elf";
  wanted.accelerator = "tcg";
  wanted.cpu = "qemu64";
  wanted.display = "egl-headless";
  wanted.render_node = "/dev/dri/renderD128";
  wanted.serial = true;
  wanted.gpu_parent = "0000:00:02.0";
  const CheckedDefinition checked = read(wanted);
  ASSERT_TRUE(checked.vm) << testing::problems_text(checked.problems);
  EXPECT_EQ(checked.vm->kernel, "/vms/a \"b\" \\ 한글.elf");
  EXPECT_EQ(checked.vm->accelerator, "tcg");
  EXPECT_EQ(checked.vm->cpu, "qemu64");
  EXPECT_EQ(checked.vm->display, "egl-headless");
  EXPECT_EQ(checked.vm->render_node, "/dev/dri/renderD128");
  EXPECT_EQ(checked.vm->gpu->parent, "0000:00:02.0");
  EXPECT_TRUE(checked.vm->serial);
}

TEST(NewDefinition, CannotBeBrokenOutOfByAValue) {
  NewDefinition wanted = example_wanted();
  wanted.disk_file = "a\"\nqemu = \"evil";
  const CheckedDefinition checked = read(wanted);
  EXPECT_FALSE(checked.vm);
  ASSERT_EQ(checked.problems.size(), 1U);
  EXPECT_EQ(checked.problems[0].key, "disk.file");
}

}  // namespace
}  // namespace cleave
