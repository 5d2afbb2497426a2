// What only the memory host does: unreadable things, drivers, faults.
#include "host/memory_host.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace cleave {
namespace {

TEST(MemoryHost, UnreadableThingsAnswerWithTheirErrno) {
  MemoryHost host;
  host.add_unreadable("/sys/x", EACCES);
  EXPECT_EQ(host.read_file("/sys/x").error().code, ErrorCode::Denied);
  EXPECT_EQ(host.list_directory("/sys/x").error().code, ErrorCode::Denied);
  EXPECT_EQ(host.status("/sys/x").error().code, ErrorCode::Denied);
  EXPECT_EQ(host.read_file("/sys/x/below").error().code, ErrorCode::Denied);
  EXPECT_EQ(*host.list_directory("/sys"), std::vector<std::string>{"x"});
}

TEST(MemoryHost, ADriverActsOnAWrite) {
  MemoryHost host;
  host.add_file("/sys/create", "");
  host.on_write("/sys/create", [](MemoryHost& self, std::string_view value) {
    if (value == "full") return ENOSPC;
    self.add_directory("/sys/devices/" + std::string(value));
    self.forget("/sys/create");
    return 0;
  });
  const auto full = host.write_attribute("/sys/create", "full");
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().error_number, ENOSPC);
  EXPECT_TRUE(host.write_attribute("/sys/create", "one"));
  EXPECT_TRUE(host.exists("/sys/devices/one"));
  EXPECT_FALSE(host.exists("/sys/create"));
}

TEST(MemoryHost, CommandsAreFoundByName) {
  MemoryHost host;
  host.on_command("update-grub", [](MemoryHost&, const std::vector<std::string>& argv) {
    return CommandOutput{.exit_status = static_cast<int>(argv.size()), .output = argv.back()};
  });
  const auto output = host.run_command({"update-grub", "-v"}, std::chrono::milliseconds(1));
  ASSERT_TRUE(output);
  EXPECT_EQ(output->exit_status, 2);
  EXPECT_EQ(output->output, "-v");
  EXPECT_EQ(host.run_command({"other"}, std::chrono::milliseconds(1)).error().code,
            ErrorCode::NotFound);
}

TEST(MemoryHost, TheNthEffectFails) {
  MemoryHost host;
  host.fail_effect(2, EIO);
  EXPECT_TRUE(host.replace_file("/a", "1"));
  EXPECT_EQ(host.replace_file("/b", "1").error().error_number, EIO);
  EXPECT_TRUE(host.replace_file("/c", "1"));
  EXPECT_FALSE(host.exists("/b"));
  EXPECT_EQ(host.effects(), 3);
}

TEST(MemoryHost, AfterAPowerCutNothingHappens) {
  MemoryHost host;
  host.add_file("/a", "0");
  host.stop_at_effect(2);
  EXPECT_TRUE(host.replace_file("/a", "1"));
  EXPECT_FALSE(host.replace_file("/a", "2"));
  EXPECT_FALSE(host.append_to_file("/a", "3"));
  EXPECT_FALSE(host.remove_file("/a"));
  EXPECT_EQ(*host.read_file("/a"), "1");
  host.stop_at_effect(0);
  EXPECT_TRUE(host.replace_file("/a", "2"));
}

TEST(MemoryHost, SnapshotsCompareFilesAndLinks) {
  MemoryHost host;
  host.add_file("/etc/a", "1");
  host.add_link("/etc/b", "a");
  host.add_file("/etcetera", "2");
  host.add_directory("/etc/d");
  const std::map<std::string, std::string> expected = {{"/etc/a", "1"}, {"/etc/b", "-> a"}};
  EXPECT_EQ(host.snapshot("/etc"), expected);
  EXPECT_EQ(host.snapshot().size(), 3U);
}

}  // namespace
}  // namespace cleave
