// A VM written as a definition and read again is the same VM.
#include "vm/definition_text.h"

#include <gtest/gtest.h>

#include "examples.h"
#include "vm/definition_keys.h"

namespace cleave {
namespace {

std::optional<Vm> read_again(const std::string& text) {
  const auto checked = read_definition(text, "/etc/cleave/again.toml", "/elsewhere");
  EXPECT_TRUE(checked) << text;
  if (!checked) return std::nullopt;
  EXPECT_EQ(testing::problems_text(checked->problems), "") << text;
  return checked->vm;
}

TEST(DefinitionText, EveryExampleIsReadAsTheSameVm) {
  for (const std::string& name : testing::example_names()) {
    const auto vm = testing::example(name, "/home/user/vms");
    ASSERT_TRUE(vm) << name;
    const std::string all = definition_text(*vm, WrittenKeys::All);
    for (const WrittenKeys keys : {WrittenKeys::Needed, WrittenKeys::All}) {
      const auto again = read_again(definition_text(*vm, keys));
      ASSERT_TRUE(again) << name;
      EXPECT_EQ(definition_text(*again, WrittenKeys::All), all) << name;
    }
  }
}

TEST(DefinitionText, WritesWhatIsNeededAndNoMore) {
  const auto vm = testing::example("win10", "/home/user/vms");
  ASSERT_TRUE(vm);
  EXPECT_EQ(definition_text(*vm), R"(name = "win10"
cpus = 4
memory = "4G"

[[disk]]
file = "/home/user/vms/win10_120g.qcow2"
format = "qcow2"
interface = "virtio"

[[network]]
type = "user"

[gpu]
way = "gvt-g"
type = "i915-GVTg_V5_4"

[display]
type = "gtk"
)");
}

// Of a VM that has everything, so that a key that is added later is not forgotten here.
TEST(DefinitionText, KnowsEveryKey) {
  Vm vm;
  vm.name = vm.qemu = vm.guest = vm.machine = vm.accelerator = vm.cpu = vm.memory_text = "x";
  vm.kernel = vm.initrd = vm.kernel_arguments = vm.clock = vm.pointer = vm.on_suspend = "x";
  vm.autostart = vm.display = vm.render_node = vm.firmware.code = vm.firmware.nvram = "x";
  vm.extra_arguments = {"x"};
  vm.pin = {{1}};
  vm.looking_glass_bytes = std::uint64_t{32} << 20U;
  vm.disks = {{.file = "x", .cache = "x", .aio = "x", .serial = "x"}};
  vm.networks = {{.type = "x", .bridge = "x", .model = "x", .mac = "x", .forwards = {{}}}};
  vm.gpu.emplace();
  vm.gpu->way = vm.gpu->parent = vm.gpu->type_id = vm.gpu->device = vm.gpu->rom = "x";
  vm.gpu->uuid = vm.gpu->mode = "x";
  vm.gpu->opregion = vm.gpu->ramfb = true;
  vm.gpu->width = 1;
  vm.devices.resize(1);
  vm.devices[0].pci = vm.devices[0].usb_port = vm.devices[0].rom = "x";
  vm.sound = {.model = "x", .backend = "x"};
  vm.shares = {{.path = "x", .tag = "x", .type = "x"}};
  for (const DefinitionKey& key : definition_keys()) {
    const std::string table = definition_tables_text(vm, WrittenKeys::All, {key.table});
    EXPECT_NE(("\n" + table).find(std::string("\n") + key.name + " = "), std::string::npos)
        << key.table << "." << key.name << " is not in\n"
        << table;
  }
}

}  // namespace
}  // namespace cleave
