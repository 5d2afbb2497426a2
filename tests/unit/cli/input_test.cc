// Files, pipes and what is neither.
#include "cli/input.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>

namespace cleave {
namespace {

using std::chrono::milliseconds;

std::string place(const char* name) {
  const std::string path = ::testing::TempDir() + "/cleave-input-" + name;
  std::filesystem::remove(path);
  return path;
}

TEST(Input, AFileIsReadAsAWhole) {
  const std::string path = place("file");
  std::ofstream(path) << "quiet\n";
  const auto bytes = read_input(path, 64, milliseconds(10));
  ASSERT_TRUE(bytes);
  EXPECT_EQ(*bytes, "quiet\n");
  EXPECT_FALSE(read_input(path, 3, milliseconds(10)));
}

TEST(Input, APipeIsReadUntilItsWriterEnds) {
  const std::string path = place("pipe");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  std::thread writer([&path] {
    std::this_thread::sleep_for(milliseconds(50));
    std::ofstream(path) << "DMAR: Host address width 39\n";
  });
  const auto bytes = read_input(path, 1000, milliseconds(10'000));
  writer.join();
  ASSERT_TRUE(bytes);
  EXPECT_EQ(*bytes, "DMAR: Host address width 39\n");
}

TEST(Input, APipeWithoutAWriterIsNotWaitedForForever) {
  const std::string path = place("silent");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const auto bytes = read_input(path, 1000, milliseconds(20));
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().path, path);
}

TEST(Input, WhatIsNoFileNamesThePlace) {
  for (const std::string& path : {place("missing"), ::testing::TempDir()}) {
    const auto bytes = read_input(path, 1000, milliseconds(10));
    ASSERT_FALSE(bytes) << path;
    EXPECT_EQ(std::filesystem::path(bytes.error().path).lexically_normal(),
              std::filesystem::path(path).lexically_normal());
  }
}

}  // namespace
}  // namespace cleave
