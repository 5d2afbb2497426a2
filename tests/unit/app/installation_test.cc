// What root starts at boot is nobody else's to change.
#include "app/installation.h"

#include <gtest/gtest.h>

#include "host/memory_host.h"

namespace cleave {
namespace {

constexpr const char* kState = "/var/lib/cleave";

MemoryHost host_with(const std::string& program) {
  MemoryHost host;
  host.add_directory("/var/lib");
  host.add_file(program, "the program", 0755);
  return host;
}

TEST(ProgramForRoot, StaysWhereOnlyRootWrites) {
  MemoryHost host = host_with("/usr/bin/cleave");
  const auto program = program_for_root(host, "/usr/bin/cleave", kState);
  ASSERT_TRUE(program) << english(program.error());
  EXPECT_EQ(*program, "/usr/bin/cleave");
}

TEST(ProgramForRoot, IsCopiedOutOfTheHandsOfOthers) {
  constexpr const char* kBuilt = "/home/mina/cleave/cleave";
  for (const char* theirs : {kBuilt, "/home/mina"}) {
    MemoryHost host = host_with(kBuilt);
    ASSERT_TRUE(host.change_owner(theirs, 1000, 1000));
    const auto program = program_for_root(host, kBuilt, kState);
    ASSERT_TRUE(program) << english(program.error());
    EXPECT_EQ(*program, "/var/lib/cleave/program/cleave");
    EXPECT_EQ(*host.read_file(*program), "the program");
    EXPECT_EQ(host.status(*program)->user, 0U);
  }
}

}  // namespace
}  // namespace cleave
