#include "vm/definition.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "examples.h"

namespace cleave {
namespace {

using testing::problems_text;

CheckedDefinition read(std::string_view text) {
  auto checked = read_definition(text, "/vms/test.toml", "/vms");
  if (!checked) {
    ADD_FAILURE() << english(checked.error());
    return {};
  }
  EXPECT_EQ(checked->vm.has_value(), checked->problems.empty());
  return *std::move(checked);
}

std::string problems(std::string_view text) { return problems_text(read(text).problems); }

std::string refusal(std::string_view text) {
  const auto parsed = parse_definition(text, "a.toml");
  if (parsed) return "accepted";
  EXPECT_EQ(parsed.error().path, "a.toml");
  return english(parsed.error().message);
}

TEST(Parse, KeepsPositions) {
  const auto parsed = parse_definition("cpus = 4\n\n[gpu]\n  way = \"gvt-g\"\n", "a.toml");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->definition.cpus.position, (Position{1, 8}));
  EXPECT_EQ(parsed->definition.gpu.position.line, 3U);
  EXPECT_EQ(parsed->definition.gpu.way.position, (Position{4, 9}));
  EXPECT_FALSE(parsed->definition.name.is_written());
}

TEST(Parse, TellsLineColumnAndNearestKeyOfATypo) {
  const CheckedDefinition checked = read("cpus = 4\n[gpu]\nway = \"gvt-g\"\ntpye = \"x\"\n");
  ASSERT_EQ(checked.problems.size(), 1U);
  const DefinitionProblem& problem = checked.problems[0];
  EXPECT_EQ(problem.key, "gpu.tpye");
  EXPECT_EQ(problem.suggestion, "gpu.type");
  EXPECT_EQ(problem.position, (Position{4, 1}));
  EXPECT_EQ(english(problem.message),
            "gpu.tpye is not a key of a VM definition. Did you mean gpu.type?");
}

TEST(Parse, ReportsUnknownTablesAndKeysOfEveryLevel) {
  EXPECT_EQ(problems("memroy = \"4G\"\n"
                     "[dispaly]\ntype = \"gtk\"\n"
                     "[[disk]]\nfile = \"a.raw\"\nfromat = \"raw\"\n"
                     "[network.bridge]\nname = \"br0\"\n"),
            "1:1 memroy is not a key of a VM definition. Did you mean memory?\n"
            "2:2 dispaly is not a key of a VM definition. Did you mean display?\n"
            "6:1 disk.fromat is not a key of a VM definition. Did you mean disk.format?\n"
            "7:1 network must be written as a table in double brackets, [[network]]; here "
            "stands a TOML table.\n");
}

TEST(Parse, SaysWhatWasFoundInPlaceOfWhatIsExpected) {
  EXPECT_EQ(problems("cpus = \"4\"\nmemory = 4096\nserial = 1\nname = true\n"
                     "extra_arguments = \"-S\"\nkernel = 2024-01-01\ndisk = \"a\"\n"
                     "gpu = \"gvt-g\"\ndisplay = 1.5\n"),
            "1:8 cpus must be a whole number without quotes; here stands a TOML string.\n"
            "2:10 memory must be text in quotes; here stands a TOML integer.\n"
            "3:10 serial must be true or false, without quotes; here stands a TOML integer.\n"
            "4:8 name must be text in quotes; here stands a TOML boolean.\n"
            "5:19 extra_arguments must be a list of texts, such as [\"one\", \"two\"]; here "
            "stands a TOML string.\n"
            "6:10 kernel must be text in quotes; here stands a TOML date.\n"
            "7:8 disk must be written as a table in double brackets, [[disk]]; here stands a "
            "TOML string.\n"
            "8:7 gpu must be a table, written [gpu]; here stands a TOML string.\n"
            "9:11 display must be a table, written [display]; here stands a TOML float.\n");
}

TEST(Parse, RefusesASingleDiskTableAndMixedLists) {
  EXPECT_EQ(problems("[disk]\nfile = \"a.raw\"\n"),
            "1:1 disk must be written as a table in double brackets, [[disk]]; here stands a "
            "TOML table.\n");
  EXPECT_EQ(problems("extra_arguments = [\"-m\", 1, []]\n"),
            "1:26 Every item of extra_arguments must be text in quotes; here stands a TOML "
            "integer.\n"
            "1:29 Every item of extra_arguments must be text in quotes; here stands a TOML "
            "array.\n");
}

TEST(Parse, RefusesWhatIsNoTomlWithItsPlace) {
  EXPECT_TRUE(refusal("cpus = 4\nname = \"a\nb\"\n")
                  .starts_with("a.toml is not valid TOML at line 2, column "))
      << refusal("cpus = 4\nname = \"a\nb\"\n");
  EXPECT_TRUE(refusal("cpus = 4\ncpus = 5\n").starts_with("a.toml is not valid TOML at line 2"));
  EXPECT_TRUE(refusal("name = \"\xff\"\n").starts_with("a.toml is not valid TOML at line 1"));
  EXPECT_TRUE(refusal("just words").starts_with("a.toml is not valid TOML at line 1"));
  EXPECT_TRUE(refusal(std::string("name\0=", 6)).starts_with("a.toml is not valid TOML"));
}

// Some of these are undefined behaviour in an unrepaired toml++ 3.3.
TEST(Parse, RefusesLettersOfOtherLanguagesOutsideOfQuotes) {
  for (const char* letter : {"é", "ҙ", "한", "、", "\u00a1", "\ufefb", "\ufefe", "\U0001f600"}) {
    const std::string text = std::string(letter) + " = 1\ncpus = 4 " + letter + "\n";
    EXPECT_TRUE(refusal(text).starts_with("a.toml is not valid TOML at line 1")) << letter;
    EXPECT_TRUE(refusal("cpus = 4 " + std::string(letter)).starts_with("a.toml is not valid TOML"));
    EXPECT_EQ(refusal("name = \"" + std::string(letter) + "\" # " + letter), "accepted");
  }
}

TEST(Parse, BoundsItsInput) {
  const std::string size_limit(std::size_t{1} << 20U, '#');
  EXPECT_EQ(refusal(size_limit), "accepted");
  EXPECT_EQ(refusal(size_limit + "#"),
            "a.toml is larger than 1 MiB; a VM definition has about ten lines.");
  EXPECT_NE(refusal("x = " + std::string(17, '[') + std::string(17, ']')), "accepted");
  std::string dots = "a";
  for (int i = 0; i < 257; ++i) dots += ".a";
  EXPECT_EQ(refusal("\n" + dots + " = 1"), "Line 2 of a.toml has more than 256 dots.");
}

// As deep as the bounds allow: tables are made and destroyed recursively.
TEST(Parse, SurvivesTheDeepestInput) {
  std::string dots = "a";
  for (int i = 0; i < 256; ++i) dots += ".a";
  std::string text = "[" + dots + "]\n" + dots + " = [\n";
  for (int i = 0; i < 7; ++i) text += "{ " + dots + " = [\n";
  EXPECT_NE(refusal(text), "accepted");  // never closed
  for (int i = 0; i < 7; ++i) text += "] }\n";
  const auto parsed = parse_definition(text + "]\n", "a.toml");
  ASSERT_TRUE(parsed) << english(parsed.error());
  EXPECT_EQ(parsed->problems.size(), 1U);
}

TEST(Parse, NamesAKeyWithoutALetter) {
  EXPECT_EQ(problems("'' = 1\n"), "1:1 \"\" is not a key of a VM definition.\n");
}

TEST(Parse, TellsAtMostAHundredProblems) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "unknown" + std::to_string(i) + " = 1\n";
  const auto parsed = parse_definition(text, "a.toml");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->problems.size(), 100U);
}

TEST(Check, FillsInDefaults) {
  const CheckedDefinition checked = read("");
  ASSERT_TRUE(checked.vm);
  EXPECT_EQ(checked.vm->name, "test");
  EXPECT_EQ(checked.vm->qemu, "qemu-system-x86_64");
  EXPECT_EQ(checked.vm->memory_bytes, std::uint64_t{2} << 30U);
  EXPECT_FALSE(checked.vm->gpu);
}

TEST(Check, ReportsEveryProblemInTheOrderOfTheFile) {
  EXPECT_EQ(
      problems("name = \"../etc\"\n"
               "machine = \"q53\"\n"
               "accelerator = \"xen\"\n"
               "cpu = \"-host\"\n"
               "cpus = 0\n"
               "memory = \"4\"\n"
               "zebra = \"red\"\n"
               "[gpu]\nway = \"gvtg\"\nuuid = \"1234\"\nparent = \"../..\"\n"
               "[[disk]]\nfile = \"-snapshot\"\ninterface = \"floppy\"\n"
               "[display]\ntype = \"vga\"\nrender_node = \"/dev/dri/renderD128\"\n"),
      "1:8 name is \"../etc\"; it must start with a letter or digit, go on with letters, digits, "
      "\".\", \"_\" or \"-\", and have at most 63 of them, because it names a directory.\n"
      "2:11 machine is \"q53\"; it can be one of: q35, pc.\n"
      "3:15 accelerator is \"xen\"; it can be one of: kvm, tcg.\n"
      "4:7 cpu is \"-host\"; it must be the name of a CPU model of QEMU, such as \"host\" or "
      "\"host,hv_time=on\".\n"
      "5:8 cpus is 0; it must be from 1 to 255.\n"
      "6:10 memory is \"4\"; it must be a whole number and a unit, K, M, G or T, such as "
      "\"4G\".\n"
      "7:1 zebra is not a key of a VM definition.\n"
      "9:7 gpu.way is \"gvtg\"; it can be one of: gvt-g, sr-iov, passthrough, virtio-gpu, mdev, "
      "none.\n"
      "10:8 gpu.uuid is \"1234\", which is no UUID; one looks like " +
          vgpu_uuid("../etc") +
          ".\n"
          "11:10 gpu.parent is \"../..\"; it must be the name of one entry of sysfs.\n"
          "13:8 disk.file is \"-snapshot\"; a name that starts with \"-\" looks like an option. "
          "Write ./ in front of it.\n"
          "14:13 disk.interface is \"floppy\"; it can be one of: virtio, sata, ide, scsi, nvme, "
          "cdrom.\n"
          "16:8 display.type is \"vga\"; it can be one of: gtk, sdl, spice, vnc, dbus, "
          "egl-headless, none.\n"
          "17:15 display.render_node is for displays without a window; with gtk it has no "
          "effect.\n");
}

TEST(Check, SuggestsTheNearestValue) {
  const CheckedDefinition checked = read("[gpu]\nway = \"gvt_g\"\n");
  ASSERT_EQ(checked.problems.size(), 1U);
  EXPECT_EQ(checked.problems[0].suggestion, "gvt-g");
}

TEST(Check, NamesAreDirectoryNames) {
  EXPECT_TRUE(is_vm_name("a"));
  EXPECT_TRUE(is_vm_name("0.A_b-c"));
  EXPECT_TRUE(is_vm_name(std::string(63, 'x')));
  for (const std::string_view name : {"", ".", "..", "-a", "_a", "a/b", "a b", "윈도우", "a\n"}) {
    EXPECT_FALSE(is_vm_name(name)) << name;
  }
  EXPECT_FALSE(is_vm_name(std::string(64, 'x')));
  EXPECT_FALSE(is_vm_name(std::string_view("a\0", 2)));
}

std::string memory_of(const std::string& text) {
  const CheckedDefinition checked = read("memory = \"" + text + "\"\n");
  return checked.vm ? checked.vm->memory_text : "refused";
}

TEST(Check, ReadsMemory) {
  EXPECT_EQ(memory_of("4G"), "4G");
  EXPECT_EQ(memory_of("4g"), "4G");
  EXPECT_EQ(memory_of("4096M"), "4G");
  EXPECT_EQ(memory_of("1536M"), "1536M");
  EXPECT_EQ(memory_of("524288K"), "512M");
  EXPECT_EQ(memory_of("16T"), "16T");
  EXPECT_EQ(memory_of("16M"), "16M");
  for (const char* text :
       {"", "G", "4", "-4G", "4.5G", "4GB", "4 G", "0G", "15M", "17T", "16777217M", "1048577K",
        "17179869185K", "99999999999999999999G", "16777216T", "4\\u00e9"}) {
    EXPECT_EQ(memory_of(text), "refused") << text;
  }
}

std::string disk_path(const std::string& toml_string) {
  const CheckedDefinition checked = read("[[disk]]\nfile = " + toml_string + "\nformat = \"raw\"");
  return checked.vm ? checked.vm->disks.at(0).file : "refused";
}

TEST(Check, PathsAreSeenFromTheDefinitionAndCannotBeOptionsOrProtocols) {
  EXPECT_EQ(disk_path("'a.raw'"), "/vms/a.raw");
  EXPECT_EQ(disk_path("'../a.raw'"), "/vms/../a.raw");
  EXPECT_EQ(disk_path("'/srv/a.raw'"), "/srv/a.raw");
  EXPECT_EQ(disk_path("'nbd:host:1'"), "/vms/nbd:host:1");
  EXPECT_EQ(disk_path("'json:{}'"), "/vms/json:{}");
  EXPECT_EQ(disk_path("'./-a'"), "/vms/./-a");
  for (const char* bad : {"''", "'-a'", "'~/a.raw'", "\"a\\nb\"", "\"a\\u0000b\"", "\"a\\tb\""}) {
    EXPECT_EQ(disk_path(bad), "refused") << bad;
  }
  EXPECT_EQ(disk_path("'" + std::string(4090, 'x') + "'"), "/vms/" + std::string(4090, 'x'));
  EXPECT_EQ(disk_path("'" + std::string(4091, 'x') + "'"), "refused");
  const auto relative = read_definition("kernel = 'k:1'\n", "a.toml", "");
  ASSERT_TRUE(relative && relative->vm);
  EXPECT_EQ(relative->vm->kernel, "./k:1");
}

TEST(Check, AFormatIsNeverGuessed) {
  EXPECT_EQ(problems("[[disk]]\nfile = \"disk.vmdk\"\n"),
            "2:8 The ending of \"disk.vmdk\" does not tell its format. Write disk.format: qcow2, "
            "raw.\n");
  EXPECT_EQ(problems("[[disk]]\nformat = \"raw\"\n"), "1:1 disk.file is missing.\n");
}

TEST(Check, ADiskIsUsedOnce) {
  EXPECT_EQ(problems("[[disk]]\nfile = \"a.raw\"\n[[disk]]\nfile = \"/vms/.//a.raw\"\n"),
            "4:8 disk.file is \"/vms/.//a.raw\", which is already another disk of this VM; both "
            "would write into it.\n");
}

TEST(Check, DisksFitTheMachine) {
  std::string text = "machine = \"pc\"\n";
  for (int i = 0; i < 5; ++i) text += "[[disk]]\nfile = \"" + std::to_string(i) + ".iso\"\n";
  EXPECT_EQ(problems(text),
            "10:1 Machine pc has places for 4 disks of the kinds sata, ide and "
            "cdrom.\n");
  EXPECT_EQ(problems("machine = \"pc\"\n[[disk]]\nfile = \"a.raw\"\ninterface = \"sata\"\n"),
            "4:13 disk.interface is \"sata\", but machine \"pc\" has no SATA controller; \"q35\" "
            "has.\n");
  text.clear();
  for (int i = 0; i < 17; ++i) text += "[[disk]]\nfile = \"" + std::to_string(i) + ".raw\"\n";
  EXPECT_EQ(problems(text), "33:1 There are more than 16 disks.\n");
}

TEST(Check, AGpuNeedsAWay) {
  EXPECT_EQ(problems("\n[gpu]\n"),
            "2:1 gpu.way is missing; it can be one of: gvt-g, sr-iov, passthrough, virtio-gpu, "
            "mdev, none.\n");
  EXPECT_FALSE(read("[gpu]\nway = \"none\"\n").vm->gpu);
}

bool shows_gpu(const std::string& way, const std::string& display) {
  const CheckedDefinition checked =
      read("[gpu]\nway = \"" + way + "\"\n[display]\ntype = \"" + display + "\"\n");
  return checked.vm && checked.vm->gpu && checked.vm->gpu->display;
}

TEST(Check, TheGuestsScreenIsTheGpusWhereQemuCanShowIt) {
  EXPECT_TRUE(shows_gpu("gvt-g", "gtk"));
  EXPECT_TRUE(shows_gpu("gvt-g", "egl-headless"));
  EXPECT_FALSE(shows_gpu("gvt-g", "none"));
  EXPECT_TRUE(shows_gpu("mdev", "none"));
  EXPECT_FALSE(shows_gpu("sr-iov", "gtk"));
  EXPECT_FALSE(shows_gpu("passthrough", "gtk"));
  EXPECT_EQ(problems("[gpu]\nway = \"gvt-g\"\ndisplay = true\n[display]\ntype = \"none\"\n"),
            "3:11 gpu.display is true, but display.type is none; gvt-g needs a display with "
            "OpenGL, which all others have.\n");
  EXPECT_EQ(problems("[gpu]\nway = \"sr-iov\"\ndisplay = true\n"),
            "3:11 gpu.display is true, but QEMU cannot show the screen of a GPU shared by "
            "sr-iov.\n");
}

TEST(Check, AModeIsForVirtioGpuAndOnlyThePlainOneNeedsNoOpenGl) {
  EXPECT_EQ(read("[gpu]\nway = \"virtio-gpu\"\nmode = \"native-context\"\n").vm->gpu->mode,
            "native-context");
  EXPECT_EQ(problems("[gpu]\nway = \"gvt-g\"\nmode = \"virgl\"\n"),
            "3:8 gpu.mode is only for the way virtio-gpu; gvt-g has none.\n");
  EXPECT_EQ(problems("[gpu]\nway = \"virtio-gpu\"\nmode = \"vulkan\"\n"),
            "3:8 gpu.mode is \"vulkan\"; it can be one of: virgl, venus, native-context, 2d.\n");
  const std::string unseen = "display = true\n[display]\ntype = \"none\"\n";
  EXPECT_EQ(problems("[gpu]\nway = \"virtio-gpu\"\nmode = \"2d\"\n" + unseen), "");
  EXPECT_NE(problems("[gpu]\nway = \"virtio-gpu\"\n" + unseen), "");
  EXPECT_EQ(read("guest = \"windows\"\n").vm->guest, "windows");
  EXPECT_EQ(problems("guest = \"bsd\"\n"),
            "1:9 guest is \"bsd\"; it can be one of: linux, windows, windows10, windows11.\n");
  EXPECT_EQ(read("on_suspend = \"refuse\"\n").vm->on_suspend, "refuse");
  EXPECT_EQ(problems("on_suspend = \"paus\"\n"),
            "1:14 on_suspend is \"paus\"; it can be one of: keep, pause, stop, refuse.\n");
}

TEST(Check, HostCpuNeedsKvm) {
  EXPECT_EQ(problems("accelerator = \"tcg\"\ncpu = \"host,hv_time=on\"\n"),
            "2:7 cpu is \"host\", but without KVM there is no such model. Leave cpu out or write "
            "\"max\".\n");
}

TEST(Check, QemuIsANameOrAPath) {
  const auto qemu = [](const std::string& text) {
    const CheckedDefinition checked = read("qemu = \"" + text + "\"\n");
    return checked.vm ? checked.vm->qemu : "refused";
  };
  EXPECT_EQ(qemu("qemu-kvm"), "qemu-kvm");
  EXPECT_EQ(qemu("bin/qemu"), "/vms/bin/qemu");
  EXPECT_EQ(qemu("/opt/qemu"), "/opt/qemu");
  EXPECT_EQ(qemu(""), "refused");
  EXPECT_EQ(qemu("-qemu"), "refused");
}

TEST(Check, ExtraArgumentsCannotHideQemuOrBreakArgv) {
  EXPECT_EQ(problems("extra_arguments = [\"--daemonize\", \"a\\u0000b\"]\n"),
            "1:19 extra_arguments: --daemonize would hide QEMU from cleave; cleave itself keeps "
            "it running.\n"
            "1:19 extra_arguments: \"a\xEF\xBF\xBD"
            "b\" is longer than 4096 bytes or has a NUL in "
            "it.\n");
  std::string many = "extra_arguments = [";
  for (int i = 0; i < 257; ++i) many += "\"\",";
  EXPECT_EQ(problems(many + "]"), "1:19 extra_arguments has more than 256 items.\n");
}

TEST(Check, ValuesInMessagesAreShortAndHarmless) {
  const CheckedDefinition checked = read("name = \"\\u001b[31m" + std::string(5000, 'x') + "\"\n");
  ASSERT_EQ(checked.problems.size(), 1U);
  const std::string text = english(checked.problems[0].message);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_LT(text.size(), 400U);
}

}  // namespace
}  // namespace cleave
