#include "install/partition_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace cleave {
namespace {

using namespace std::string_view_literals;

void put(std::string& bytes, std::size_t at, std::string_view what) {
  std::ranges::copy(what, bytes.begin() + static_cast<std::ptrdiff_t>(at));
}

std::string gpt_with(std::string_view type) {
  std::string bytes(kPartitionTableBytes, '\0');
  put(bytes, 510, "\x55\xAA");
  put(bytes, 446 + 4, "\xEE");
  put(bytes, 512, "EFI PART");
  put(bytes, 512 + 72, "\x02"sv);
  put(bytes, 512 + 80, "\x80"sv);
  put(bytes, 512 + 84, "\x80"sv);
  put(bytes, 1024 + 128, type);  // the second entry
  return bytes;
}

constexpr std::string_view kEfi =
    "\x28\x73\x2A\xC1\x1F\xF8\xD2\x11\xBA\x4B\x00\xA0\xC9\x3E\xC9\x3B"sv;

TEST(DiskStart, ByWhatIsOnTheDisk) {
  EXPECT_EQ(disk_start(std::string(kPartitionTableBytes, '\0')), DiskStart::Blank);
  EXPECT_EQ(disk_start(""), DiskStart::Blank);
  EXPECT_EQ(disk_start(gpt_with(kEfi)), DiskStart::Uefi);
  EXPECT_EQ(disk_start(gpt_with("Hah!IdontNeedEFI")), DiskStart::Bios);
  EXPECT_EQ(disk_start(gpt_with("")), DiskStart::Unknown);
  std::string mbr(kPartitionTableBytes, '\0');
  put(mbr, 510, "\x55\xAA");
  EXPECT_EQ(disk_start(mbr), DiskStart::Unknown);  // no partition
  put(mbr, 446, "\x80");
  put(mbr, 446 + 4, "\x07");
  EXPECT_EQ(disk_start(mbr), DiskStart::Bios);
  put(mbr, 446 + 16, "\x42");  // no status of a partition: the code of a boot sector
  EXPECT_EQ(disk_start(mbr), DiskStart::Unknown);
  EXPECT_EQ(disk_start("something"), DiskStart::Unknown);
}

TEST(DiskStart, OfABrokenGptLeadsNowhere) {
  std::string bytes = gpt_with(kEfi);
  put(bytes, 512 + 72, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"sv);
  EXPECT_EQ(disk_start(bytes), DiskStart::Unknown);
  bytes = gpt_with(kEfi);
  put(bytes, 512 + 84, "\x00\x00\x00\x00"sv);
  EXPECT_EQ(disk_start(bytes), DiskStart::Unknown);
}

TEST(ImageKind, SeesOtherFilesOfTheHost) {
  std::string header(kPartitionTableBytes, '\0');
  EXPECT_EQ(image_kind(header), ImageKind::Other);
  put(header, 0, "QFI\xFB\x00\x00\x00\x03"sv);
  EXPECT_EQ(image_kind(header), ImageKind::Qcow2);
  std::string backed = header;
  put(backed, 15, "\x70");
  EXPECT_EQ(image_kind(backed), ImageKind::Qcow2WithOtherFiles);
  put(header, 79, "\x04");
  EXPECT_EQ(image_kind(header), ImageKind::Qcow2WithOtherFiles);
  EXPECT_EQ(image_kind("QFI\xFB"), ImageKind::Qcow2WithOtherFiles);
}

}  // namespace
}  // namespace cleave
