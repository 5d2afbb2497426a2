#include <gtest/gtest.h>

#include "host/host.h"

namespace cleave {
namespace {

TEST(Path, JoinPutsOneSlash) {
  EXPECT_EQ(join_path("/a", "b"), "/a/b");
  EXPECT_EQ(join_path("/a/", "/b"), "/a/b");
  EXPECT_EQ(join_path("/", "b"), "/b");
}

TEST(Path, PartsOfAPath) {
  EXPECT_EQ(base_name("/a/b"), "b");
  EXPECT_EQ(base_name("b"), "b");
  EXPECT_EQ(directory_name("/a/b"), "/a");
  EXPECT_EQ(directory_name("/a"), "/");
  EXPECT_EQ(directory_name("a"), ".");
}

TEST(Path, NormalNeverGoesAboveTheRoot) {
  EXPECT_EQ(normal_path("/a/./b//../c/"), "/a/c");
  EXPECT_EQ(normal_path("/../../x"), "/x");
  EXPECT_EQ(normal_path(""), "/");
  EXPECT_EQ(normal_path("/.."), "/");
}

}  // namespace
}  // namespace cleave
