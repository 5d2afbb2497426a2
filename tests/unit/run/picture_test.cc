#include "run/picture.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <png.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace cleave {
namespace {

using std::string_literals::operator""s;

class PictureTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = testing::TempDir() + "cleave-picture-XXXXXX";
    ASSERT_NE(::mkdtemp(directory_.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  [[nodiscard]] size_t entries() const {
    size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory_)) {
      ++count;
    }
    return count;
  }
  std::string directory_;
};

TEST_F(PictureTest, PpmBecomesPngWithTheSamePixels) {
  // The first sample looks like a blank and must not be eaten with the header.
  const std::string pixels =
      "\n\x20\xff"
      "abc"
      "\x00\x01\x02"
      "xyz"s;
  const Result<Picture> picture = parse_ppm("P6\n# a comment\n2 2\n255\n" + pixels);
  ASSERT_TRUE(picture.has_value()) << english(picture.error());
  EXPECT_EQ(std::string(picture->pixels.begin(), picture->pixels.end()), pixels);
  const Result<std::string> encoded = encode_png(*picture);
  ASSERT_TRUE(encoded.has_value());
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  ASSERT_NE(png_image_begin_read_from_memory(&image, encoded->data(), encoded->size()), 0);
  image.format = PNG_FORMAT_RGB;
  std::string read_back(PNG_IMAGE_SIZE(image), '\0');
  ASSERT_NE(png_image_finish_read(&image, nullptr, read_back.data(), 0, nullptr), 0);
  EXPECT_EQ(image.width, 2U);
  EXPECT_EQ(read_back, pixels);
}

TEST_F(PictureTest, DamagedPicturesAreMalformed) {
  for (const std::string& bytes :
       {""s, "P6"s, "P5 1 1 255\nabc"s, "P6 1 1 255"s, "P6 1 1 255\nab"s, "P6 0 1 255\n"s,
        "P6 1 1 65535\nabcdef"s, "P6 99999 1 255\nabc"s, "P6 4294967297 1 255\nabc"s,
        "P6 -1 1 255\nabc"s, "P6 1 1 255#\nabc"s, "P6 # no end"s, "P6 16384 16384 255\nabc"s}) {
    const Result<Picture> picture = parse_ppm(bytes);
    ASSERT_FALSE(picture.has_value()) << bytes;
    EXPECT_EQ(picture.error().code, ErrorCode::Malformed);
  }
}

TEST_F(PictureTest, SavingReplacesTheFileAtOnce) {
  const std::string path = directory_ + "/screen.png";
  ASSERT_TRUE(save_file(path, "old").has_value());
  ASSERT_TRUE(save_file(path, "new").has_value());
  std::ifstream file(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "new");
  EXPECT_EQ(entries(), 1U);
}

TEST_F(PictureTest, AFullDeviceIsAClearError) {
  const Result<void> full = save_file("/dev/full", "content");
  ASSERT_FALSE(full.has_value());
  EXPECT_EQ(full.error().error_number, ENOSPC);
  EXPECT_FALSE(full.error().remedy.empty());
  EXPECT_EQ(full.error().path, "/dev/full");
  struct stat status{};
  ASSERT_EQ(::stat("/dev/full", &status), 0);
  EXPECT_TRUE(S_ISCHR(status.st_mode));
}

TEST_F(PictureTest, NothingIsLeftWhenThereIsNoRoom) {
  const std::string path = directory_ + "/screen.png";
  ASSERT_TRUE(save_file(path, "old").has_value());
  // A limit on the size of files fails in the middle of writing, as a full disk does.
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = 100, .rlim_max = 100};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const Result<void> saved = save_file(path, std::string(1000, 'x'));
    ::_exit(!saved && saved.error().error_number == EFBIG ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(entries(), 1U);
  EXPECT_EQ(std::filesystem::file_size(path), 3U);
}

TEST_F(PictureTest, AMissingDirectoryIsNamed) {
  const Result<void> saved = save_file(directory_ + "/no/such/screen.png", "content");
  ASSERT_FALSE(saved.has_value());
  EXPECT_EQ(saved.error().code, ErrorCode::NotFound);
}

}  // namespace
}  // namespace cleave
