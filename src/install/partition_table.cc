#include "install/partition_table.h"

#include <algorithm>

namespace cleave {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t kSector = 512;
constexpr std::string_view kGptSignature = "EFI PART";
// Type GUIDs as they stand on the disk, the first three groups little-endian (UEFI 2.10, table 5-7;
// the second is GRUB's BIOS boot partition).
constexpr std::string_view kEfiSystemPartition =
    "\x28\x73\x2A\xC1\x1F\xF8\xD2\x11\xBA\x4B\x00\xA0\xC9\x3E\xC9\x3B"sv;
constexpr std::string_view kBiosBootPartition = "Hah!IdontNeedEFI"sv;
// Places in the header (UEFI 2.10, table 5-5) and in the MBR (table 5-2).
constexpr std::size_t kEntriesAt = 72;
constexpr std::size_t kEntryCountAt = 80;
constexpr std::size_t kEntrySizeAt = 84;
constexpr std::size_t kMostEntries = 128;
constexpr std::size_t kMbrSignatureAt = 510;
constexpr std::size_t kMbrPartitionsAt = 446;
constexpr std::size_t kMbrPartitionSize = 16;
constexpr std::size_t kMbrTypeAt = 4;
// qcow2's header (QEMU's docs/interop/qcow2.txt), big-endian.
constexpr std::string_view kQcow2Magic = "QFI\xFB"sv;
constexpr std::size_t kBackingFileAt = 8;
constexpr std::size_t kIncompatibleFeaturesAt = 72;
constexpr std::size_t kQcow2HeaderBytes = 104;
constexpr std::uint64_t kExternalDataFile = 1U << 2U;

std::uint64_t number(std::string_view bytes, std::size_t at, std::size_t length, bool big) {
  std::uint64_t value = 0;
  if (at > bytes.size() || bytes.size() - at < length) return 0;
  for (std::size_t i = 0; i < length; ++i) {
    const std::size_t place = big ? at + i : at + length - 1 - i;
    value = (value << 8U) | static_cast<unsigned char>(bytes[place]);
  }
  return value;
}

bool has_partition_of_type(std::string_view sectors, std::string_view type) {
  const std::string_view header = sectors.substr(kSector);
  const std::uint64_t first = number(header, kEntriesAt, 8, false);
  const std::uint64_t count =
      std::min<std::uint64_t>(number(header, kEntryCountAt, 4, false), kMostEntries);
  const std::uint64_t size = number(header, kEntrySizeAt, 4, false);
  if (first < 2 || first > sectors.size() / kSector || size < type.size() || size > kSector) {
    return false;
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t at = (first * kSector) + (i * size);
    if (at + type.size() > sectors.size()) return false;
    if (sectors.substr(at, type.size()) == type) return true;
  }
  return false;
}

// A boot sector of FAT or NTFS ends with the same two bytes; its bytes there are no partitions.
bool has_mbr_partitions(std::string_view sectors) {
  bool found = false;
  for (std::size_t i = 0; i < 4; ++i) {
    const std::string_view entry =
        sectors.substr(kMbrPartitionsAt + (i * kMbrPartitionSize), kMbrPartitionSize);
    const auto status = static_cast<unsigned char>(entry[0]);
    if (status != 0 && status != 0x80) return false;  // "active", or not
    found = found || entry[kMbrTypeAt] != 0;
  }
  return found;
}

}  // namespace

const char* disk_start_name(DiskStart start) {
  switch (start) {
    case DiskStart::Blank:
      return "blank";
    case DiskStart::Uefi:
      return "uefi";
    case DiskStart::Bios:
      return "bios";
    case DiskStart::Unknown:
      break;
  }
  return "unknown";
}

DiskStart disk_start(std::string_view sectors) {
  if (std::ranges::all_of(sectors, [](char byte) { return byte == 0; })) return DiskStart::Blank;
  if (sectors.size() < 2 * kSector) return DiskStart::Unknown;
  if (sectors.substr(kSector, kGptSignature.size()) == kGptSignature) {
    if (has_partition_of_type(sectors, kEfiSystemPartition)) return DiskStart::Uefi;
    return has_partition_of_type(sectors, kBiosBootPartition) ? DiskStart::Bios
                                                              : DiskStart::Unknown;
  }
  const bool is_mbr =
      sectors.substr(kMbrSignatureAt, 2) == "\x55\xAA" && has_mbr_partitions(sectors);
  return is_mbr ? DiskStart::Bios : DiskStart::Unknown;
}

ImageKind image_kind(std::string_view first_bytes) {
  if (!first_bytes.starts_with(kQcow2Magic)) return ImageKind::Other;
  if (first_bytes.size() < kQcow2HeaderBytes) return ImageKind::Qcow2WithOtherFiles;
  const bool version_3 = number(first_bytes, 4, 4, true) >= 3;
  const bool external =
      version_3 && (number(first_bytes, kIncompatibleFeaturesAt, 8, true) & kExternalDataFile) != 0;
  const bool backing = number(first_bytes, kBackingFileAt, 8, true) != 0;
  return external || backing ? ImageKind::Qcow2WithOtherFiles : ImageKind::Qcow2;
}

}  // namespace cleave
