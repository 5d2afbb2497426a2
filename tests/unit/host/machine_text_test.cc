// The *.machine format.
#include <gtest/gtest.h>

#include "host/memory_host.h"

namespace cleave {
namespace {

TEST(MachineText, AllFormsOfEntries) {
  const auto machine = parse_machine(
      "A comment.\n== /proc/cmdline\nquiet ro\n\\== not an entry\n=== nor this\n== /empty\n"
      "== /sys/a -> ../b c\n== /sys/secret !EACCES\n== /dev/kvm c 10:232 0660\n"
      "== /sys/kernel/iommu_groups/\n== /with blanks\nx\n");
  ASSERT_TRUE(machine);
  EXPECT_EQ(*machine->read_file("/proc/cmdline"), "quiet ro\n== not an entry\n=== nor this\n");
  EXPECT_EQ(*machine->read_file("/empty"), "");
  EXPECT_EQ(*machine->read_link("/sys/a"), "../b c");
  EXPECT_EQ(machine->read_file("/sys/secret").error().code, ErrorCode::Denied);
  const auto kvm = machine->status("/dev/kvm");
  ASSERT_TRUE(kvm);
  EXPECT_EQ(kvm->kind, FileKind::CharacterDevice);
  EXPECT_EQ(kvm->device_major, 10U);
  EXPECT_EQ(kvm->device_minor, 232U);
  EXPECT_EQ(kvm->mode, 0660U);
  EXPECT_TRUE(machine->list_directory("/sys/kernel/iommu_groups")->empty());
  EXPECT_EQ(*machine->read_file("/with blanks"), "x\n");
}

TEST(MachineText, AFileOfWhichOnlyTheStatusIsKnown) {
  const auto machine = parse_machine("== /usr/bin/kvm f 0755 18397984 1716600000000000001\n");
  ASSERT_TRUE(machine);
  const auto status = machine->status("/usr/bin/kvm");
  ASSERT_TRUE(status);
  EXPECT_EQ(status->kind, FileKind::Regular);
  EXPECT_EQ(status->mode, 0755U);
  EXPECT_EQ(status->size, 18397984U);
  EXPECT_EQ(status->modified, 1716600000000000001U);
  EXPECT_EQ(english(machine->read_file("/usr/bin/kvm").error()).find("Could not"),
            std::string::npos);
  // Any other form is a file with blanks in its name.
  EXPECT_EQ(*parse_machine("== /x f 0755 1 -1\ny\n")->read_file("/x f 0755 1 -1"), "y\n");
}

TEST(MachineText, RefusesWhatItDoesNotUnderstandAndTellsTheLine) {
  for (const char* entry : {"== relative", "== /x !ENOTHING", "== ", "== -> /x"}) {
    const auto machine = parse_machine("c\n" + std::string(entry) + "\n");
    ASSERT_FALSE(machine) << entry;
    EXPECT_EQ(machine.error().code, ErrorCode::Malformed);
    EXPECT_NE(english(machine.error()).find("Line 2"), std::string::npos);
  }
}

TEST(MachineText, EntriesAreBounded) {
  std::string text;
  for (int i = 0; i <= 100'000; ++i) text += "== /a/" + std::to_string(i) + "/\n";
  EXPECT_FALSE(parse_machine(text));
  EXPECT_FALSE(parse_machine(std::string((32U << 20U) + 1, '\n')));
}

// Each parent is a node of its own: without a bound 32 MiB of text would need 30 GiB of memory.
TEST(MachineText, DeepPathsAreBounded) {
  const auto path = [](int depth) {
    std::string deep;
    for (int i = 0; i < depth; ++i) deep += "/a";
    return deep;
  };
  EXPECT_TRUE(parse_machine("== " + path(500) + "\nx\n"));
  EXPECT_FALSE(parse_machine("== " + path(100'000) + "\nx\n"));
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "== /" + std::to_string(i) + path(500) + "\n";
  EXPECT_FALSE(parse_machine(many));
}

TEST(MachineText, HexadecimalContentIsBytes) {
  const auto machine = parse_machine("== /config hex\n86 80 41\n9b00\n== /next\nx\n");
  ASSERT_TRUE(machine.has_value()) << english(machine.error());
  EXPECT_EQ(*machine->read_file("/config"), std::string("\x86\x80\x41\x9b\0", 5));
  EXPECT_EQ(*machine->read_file("/next"), "x\n");
  EXPECT_FALSE(parse_machine("== /config hex\n8\n").has_value());
  EXPECT_FALSE(parse_machine("== /config hex\nzz\n== /next\n").has_value());
}

TEST(MachineText, IncludesAreReplacedByWhatFollows) {
  const auto include = [](const std::string& name) -> Result<std::string> {
    EXPECT_EQ(name, "base.machine");
    return std::string("The base.\n== /a\nold\n== /b/c\nkept\n== /gone/x\n1\n");
  };
  const auto machine =
      parse_machine("On top.\n== include base.machine\n== /a\nnew\n== /gone !ENOENT\n", include);
  ASSERT_TRUE(machine.has_value()) << english(machine.error());
  EXPECT_EQ(*machine->read_file("/a"), "new\n");
  EXPECT_EQ(*machine->read_file("/b/c"), "kept\n");
  EXPECT_FALSE(machine->exists("/gone"));
}

TEST(MachineText, IncludesCannotLeaveTheDirectoryNorGoInCircles) {
  const auto itself = [](const std::string&) -> Result<std::string> {
    return std::string("== include base.machine\n");
  };
  EXPECT_FALSE(parse_machine("== include base.machine\n", itself).has_value());
  EXPECT_FALSE(parse_machine("== include base.machine\n").has_value());
  for (const char* name : {"../base.machine", "/etc/passwd", "base.txt", ""}) {
    EXPECT_FALSE(parse_machine("== include " + std::string(name) + "\n", itself).has_value());
  }
}

}  // namespace
}  // namespace cleave
