// A private file or directory is there as a whole or not at all.
#include "host/private_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace cleave {
namespace {

class PrivateFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "cleave-private-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::string at(const std::string& name) const { return directory_ + "/" + name; }
  [[nodiscard]] static std::string content(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  [[nodiscard]] static unsigned mode(const std::string& path) {
    struct stat found{};
    ::lstat(path.c_str(), &found);
    return found.st_mode & 07777U;
  }
  [[nodiscard]] std::size_t entries() const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
      count += entry.exists() ? 1U : 0U;
    }
    return count;
  }

  std::string directory_;
};

TEST_F(PrivateFile, IsForItsOwnerAlone) {
  ::umask(0);
  ASSERT_TRUE(write_private_file({.path = at("a")}, "one"));
  ::umask(022);
  EXPECT_EQ(content(at("a")), "one");
  EXPECT_EQ(mode(at("a")), 0600U);
  EXPECT_EQ(entries(), 1U);
}

TEST_F(PrivateFile, IsOnlyReplacedWhenAsked) {
  std::ofstream(at("a")) << "old";
  const auto refused = write_private_file({.path = at("a")}, "new");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Conflict);
  EXPECT_EQ(content(at("a")), "old");
  ASSERT_TRUE(write_private_file({.path = at("a"), .overwrite = true}, "new"));
  EXPECT_EQ(content(at("a")), "new");
  EXPECT_EQ(mode(at("a")), 0600U);
  EXPECT_EQ(entries(), 1U);
}

TEST_F(PrivateFile, ALinkIsNotFollowed) {
  std::ofstream(at("target")) << "old";
  std::filesystem::create_symlink("target", at("link"));
  EXPECT_FALSE(write_private_file({.path = at("link")}, "new"));
  EXPECT_FALSE(write_private_file({.path = at("link"), .overwrite = true}, "new"));
  EXPECT_EQ(content(at("target")), "old");
}

// A limit on the size of files fails as a full disk does: in the middle of writing.
TEST_F(PrivateFile, AFullDiskLeavesNothing) {
  std::ofstream(at("a")) << "old";
  const auto before = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  ::getrlimit(RLIMIT_FSIZE, &limit);
  const rlimit small{.rlim_cur = 1000, .rlim_max = limit.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  const std::string large(5000, 'x');
  const auto file = write_private_file({.path = at("a"), .overwrite = true}, large);
  const auto directory =
      write_private_directory({.path = at("d")}, "mark", {{"mark", ""}, {"tree/x", large}});
  ::setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, before);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().error_number, EFBIG);
  EXPECT_FALSE(directory);
  EXPECT_EQ(content(at("a")), "old");
  EXPECT_EQ(entries(), 1U);
}

TEST_F(PrivateFile, ADirectoryIsWrittenAsAWhole) {
  const std::vector<std::pair<std::string, std::string>> files = {{"mark", "1"}, {"tree/a/b", "2"}};
  ASSERT_TRUE(write_private_directory({.path = at("d/")}, "mark", files));
  EXPECT_EQ(content(at("d/tree/a/b")), "2");
  EXPECT_EQ(mode(at("d")), 0700U);
  EXPECT_EQ(write_private_directory({.path = at("d")}, "mark", files).error().code,
            ErrorCode::Conflict);
  ASSERT_TRUE(
      write_private_directory({.path = at("d"), .overwrite = true}, "mark", {{"mark", "3"}}));
  EXPECT_EQ(content(at("d/mark")), "3");
  EXPECT_FALSE(std::filesystem::exists(at("d/tree")));
  EXPECT_EQ(entries(), 1U);
}

TEST_F(PrivateFile, AForeignDirectoryIsNeverReplaced) {
  std::filesystem::create_directory(at("home"));
  std::ofstream(at("home/letter")) << "dear";
  const auto refused =
      write_private_directory({.path = at("home"), .overwrite = true}, "mark", {{"mark", ""}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Conflict);
  EXPECT_EQ(content(at("home/letter")), "dear");
  std::filesystem::create_directory_symlink("home", at("link"));
  EXPECT_FALSE(
      write_private_directory({.path = at("link"), .overwrite = true}, "mark", {{"mark", ""}}));
}

TEST_F(PrivateFile, ErrorsCarryThePlace) {
  const auto missing = write_private_file({.path = at("none/a")}, "x");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().error_number, ENOENT);
  EXPECT_EQ(missing.error().path, at("none/a"));
}

}  // namespace
}  // namespace cleave
