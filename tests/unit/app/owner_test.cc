#include "app/owner.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "host/memory_host.h"

namespace cleave {
namespace {

TEST(VmOwner, IsNeverRoot) {
  for (const Caller& caller : {Caller{.uid = 0, .sudo_uid = {}, .sudo_gid = {}},
                               Caller{.uid = 0, .sudo_uid = "0", .sudo_gid = "0"},
                               Caller{.uid = 0, .sudo_uid = {}, .sudo_gid = "1000"}}) {
    const auto owner = vm_owner(caller);
    ASSERT_TRUE(owner);
    EXPECT_EQ(owner->uid, 65534U);
    EXPECT_NE(owner->gid, 0U);
    EXPECT_EQ(owner->groups, (std::vector<std::uint32_t>{owner->gid}));
  }
}

TEST(VmOwner, UnderSudoIsThePersonWhoCalledIt) {
  // A number that is in no user database, so that the test does not depend on one.
  const auto owner = vm_owner({.uid = 0, .sudo_uid = "3999999999", .sudo_gid = "3999999998"});
  ASSERT_TRUE(owner);
  EXPECT_EQ(owner->uid, 3999999999U);
  EXPECT_EQ(owner->gid, 3999999998U);
  EXPECT_EQ(owner->name, "3999999999");
  EXPECT_EQ(owner->home, "/");
}

TEST(VmOwner, SudoDoesNotMatterToAUserWhoIsNotRoot) {
  const auto owner = vm_owner({.uid = 3999999999U, .sudo_uid = "1000", .sudo_gid = "1000"});
  ASSERT_TRUE(owner);
  EXPECT_EQ(owner->uid, 3999999999U);
}

TEST(VmOwner, RefusesNumbersThatAreNone) {
  for (const char* text : {"", "-1", "1000x", "99999999999", "root"}) {
    EXPECT_FALSE(vm_owner({.uid = 0, .sudo_uid = text, .sudo_gid = {}})) << text;
    EXPECT_FALSE(vm_owner({.uid = 0, .sudo_uid = "1000", .sudo_gid = text})) << text;
  }
}

TEST(FindUser, ByNameAndByNumber) {
  const auto root = find_user("root");
  ASSERT_TRUE(root) << english(root.error());
  EXPECT_EQ(root->uid, 0U);
  EXPECT_EQ(root->home, "/root");
  EXPECT_EQ(*find_user("0"), *root);
  EXPECT_TRUE(std::ranges::find(root->groups, root->gid) != root->groups.end());
  EXPECT_EQ(find_user("no-such-user-here").error().code, ErrorCode::NotFound);
  EXPECT_EQ(find_user("").error().code, ErrorCode::NotFound);
}

TEST(StateDirectory, IsTheUsersOwnUnlessRoot) {
  MemoryHost host;
  EXPECT_EQ(*state_directory(host), "/var/lib/cleave");
  host.set_user_id(3999999999U);
  ::setenv("XDG_STATE_HOME", "/home/mina/.state", 1);
  EXPECT_EQ(*state_directory(host), "/home/mina/.state/cleave");
  ::setenv("XDG_STATE_HOME", "relative", 1);
  EXPECT_EQ(*state_directory(host), "/.local/state/cleave");
  ::unsetenv("XDG_STATE_HOME");
  EXPECT_EQ(*state_directory(host), "/.local/state/cleave");
}

}  // namespace
}  // namespace cleave
