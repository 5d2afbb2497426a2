#include "vm/command_line.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <memory>

#include "base/text.h"
#include "examples.h"
#include "support/golden.h"

namespace cleave {
namespace {

using testing::example;
using testing::example_resources;

CommandLine command_line(const std::string& name) {
  const auto vm = example(name, "/home/user/vms");
  if (!vm) return {};
  return build_command_line(*vm, example_resources(*vm, "/run/user/1000/cleave/" + vm->name));
}

class Golden : public ::testing::TestWithParam<std::string> {};

TEST_P(Golden, CommandLine) {
  const CommandLine line = command_line(GetParam());
  std::string text = to_shell_text(line.argv()) + "\n\n";
  for (const auto& [name, value] : line.environment_defaults) {
    text += "environment: " + name + "=" + value + "\n";
  }
  for (const ArgumentGroup& group : line.groups) {
    EXPECT_FALSE(group.reason.empty()) << group.name;
    text +=
        group.name + ": " + join(group.arguments, " | ") + "\n    " + english(group.reason) + "\n";
  }
  testing::expect_golden("vm/" + GetParam() + ".txt", text);
}

INSTANTIATE_TEST_SUITE_P(Vm, Golden, ::testing::ValuesIn(testing::example_names()),
                         [](const auto& which) { return replace_all(which.param, "-", "_"); });

// What a person got working by hand stands in ours; only paths and the UUID differ, and the disk,
// which by hand is one option of the older kind.
TEST(CommandLine, KeepsTheWellKnownOneRecognisable) {
  const std::string text = to_shell_text(command_line("win10").argv());
  for (const std::string& by_hand :
       {std::string("-machine q35,accel=kvm"), std::string("-cpu host"), std::string("-smp 4"),
        std::string("-m 4G"), std::string("-vga none"),
        "-device vfio-pci,sysfsdev=/sys/bus/mdev/devices/" + vgpu_uuid("win10") +
            ",display=on,x-igd-opregion=on",
        std::string("file=/home/user/vms/win10_120g.qcow2,format=qcow2,cache=none"),
        std::string("-qmp unix:/run/user/1000/cleave/win10/qmp.sock,server=on,wait=off"),
        std::string("-display gtk,gl=on")}) {
    EXPECT_NE(text.find(by_hand), std::string::npos) << by_hand << "\n" << text;
  }
}

TEST(CommandLine, KeepsTheEmulatedScreenUntilThereIsAGpu) {
  const auto vm = example("win10", "/vms");
  ASSERT_TRUE(vm);
  StartResources resources;
  resources.runtime_directory = "/run";
  const std::string text = to_shell_text(build_command_line(*vm, resources).argv());
  EXPECT_NE(text.find("-vga std"), std::string::npos) << text;
  EXPECT_EQ(text.find("gl=on"), std::string::npos) << text;
}

TEST(CommandLine, AnObjectStandsBeforeTheDeviceThatNamesIt) {
  const auto vm = example("win10", "/vms");
  ASSERT_TRUE(vm);
  StartResources resources = example_resources(*vm, "/run");
  resources.vfio_objects = {"iommufd,id=one"};
  resources.gpu_devices = {"vfio-pci,host=0000:01:00.0,iommufd=one"};
  resources.pci_devices = {"vfio-pci,host=0000:03:00.0,iommufd=one"};
  const std::string text = to_shell_text(build_command_line(*vm, resources).argv());
  const auto object = text.find("-object iommufd,id=one ");
  ASSERT_NE(object, std::string::npos) << text;
  EXPECT_LT(object, text.find("vfio-pci,host=0000:01:00.0,iommufd=one ")) << text;
  EXPECT_LT(object, text.find("vfio-pci,host=0000:03:00.0,iommufd=one ")) << text;
  EXPECT_EQ(object, text.rfind("-object iommufd")) << text;
}

TEST(QemuOptionValue, DoublesCommas) {
  EXPECT_EQ(qemu_option_value("a,b,,c"), "a,,b,,,,c");
  EXPECT_EQ(qemu_option_value(""), "");
}

// What /bin/sh makes of `text` as the arguments of printf.
std::vector<std::string> read_by_shell(const std::string& text) {
  const std::string command = "printf '%s\\0' " + text;
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "re"), pclose);
  if (!pipe) return {};
  std::string output;
  std::array<char, 4096> buffer{};
  while (const size_t got = fread(buffer.data(), 1, buffer.size(), pipe.get())) {
    output.append(buffer.data(), got);
  }
  std::vector<std::string> words;
  for (const std::string_view word : split(output, '\0')) words.emplace_back(word);
  if (!words.empty()) words.pop_back();  // after the last NUL
  return words;
}

TEST(ShellText, IsReadBackByTheShell) {
  std::vector<std::string> argv = {
      "qemu", "",        "a b",    "it's", "''",     "$HOME", "`id`",   "\\",       "*",       "~",
      "#x",   "a;b&c|d", "a\nb",   "\t",   "윈도우", "\xff",  "(x)<y>", "!history", "{a,b}",   "-n",
      "a=b",  "\"q\"",   "[0-9]?", "--",   "'",      "\\'",   "a,,b=c", "%s%n",     "\x01\x7f"};
  for (char byte = 1; byte != 0; ++byte) argv.emplace_back(3, byte);
  EXPECT_EQ(read_by_shell(to_shell_text(argv)), argv);
}

TEST(ShellText, LeavesPlainWordsAlone) {
  EXPECT_EQ(to_shell_text({"qemu", "-drive", "file=/a/b.qcow2,if=virtio", "50%"}),
            "qemu -drive file=/a/b.qcow2,if=virtio 50%");
  EXPECT_EQ(to_shell_text({"a=b", "a=b"}), "'a=b' a=b");
  EXPECT_EQ(to_shell_text({}), "");
}

}  // namespace
}  // namespace cleave
