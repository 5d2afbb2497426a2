// How the system on a disk starts, by the disk's first sectors. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cleave {

// The protective MBR, the header and the 128 entries that a GPT has as a rule (UEFI 2.10, 5.3).
inline constexpr std::size_t kPartitionTableBytes = 34 * 512;

enum class DiskStart : std::uint8_t {
  Blank,    // nothing but zeros: nothing was installed
  Uefi,     // a GPT with an EFI system partition
  Bios,     // an MBR, or a GPT with a partition for a boot loader of BIOS alone
  Unknown,  // something else: a file system without partitions, sectors of 4 KiB, encryption
};
const char* disk_start_name(DiskStart start);  // "blank", "uefi", "bios", "unknown"

// `sectors`: kPartitionTableBytes, or all of a smaller disk.
DiskStart disk_start(std::string_view sectors);

// Of an image in QEMU's own format that somebody else made: whether reading it leads to other files
// of the host.
enum class ImageKind : std::uint8_t { Qcow2, Qcow2WithOtherFiles, Other };
ImageKind image_kind(std::string_view first_bytes);

}  // namespace cleave
