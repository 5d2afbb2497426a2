#include "run/usb_drivers.h"

#include <fcntl.h>
#include <linux/usbdevice_fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <optional>
#include <string_view>

#include "base/fd.h"
#include "base/format.h"
#include "base/text.h"

namespace cleave {
namespace {

constexpr std::string_view kNodes = "/dev/bus/usb/";
constexpr unsigned kUsbDeviceMajor = 189;  // USB_DEVICE_MAJOR, drivers/usb/core/usb.h

// bInterfaceNumber: two hexadecimal digits.
std::optional<int> number_of(const std::filesystem::path& interface) {
  const std::string path = interface / "bInterfaceNumber";
  const OwnedFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 8> text{};
  const ssize_t length = file.get() < 0 ? -1 : ::read(file.get(), text.data(), text.size());
  if (length <= 0) return std::nullopt;
  return parse_unsigned<std::uint8_t>(trim({text.data(), static_cast<std::size_t>(length)}), 16);
}

void connect(int node, const std::filesystem::path& device) {
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(device, failed)) {
    // "1-2:1.0": configuration 1, interface 0 of the device in port 2 of bus 1.
    if (entry.path().filename().string().find(':') == std::string::npos) continue;
    if (std::filesystem::exists(entry.path() / "driver", failed)) continue;
    const std::optional<int> number = number_of(entry.path());
    if (!number) continue;
    usbdevfs_ioctl request{.ifno = *number, .ioctl_code = USBDEVFS_CONNECT, .data = nullptr};
    (void)::ioctl(node, USBDEVFS_IOCTL, &request);
  }
}

}  // namespace

std::vector<std::string> usb_nodes_of(std::uint32_t process) {
  std::vector<std::string> nodes;
  std::error_code failed;
  for (const auto& entry :
       std::filesystem::directory_iterator(format("/proc/{}/fd", process), failed)) {
    std::string target = std::filesystem::read_symlink(entry.path(), failed);
    if (!failed && target.starts_with(kNodes)) nodes.push_back(std::move(target));
  }
  return nodes;
}

void return_to_drivers(const std::vector<std::string>& usb_nodes) {
  for (const std::string& path : usb_nodes) {
    const OwnedFd node(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    struct stat status{};
    if (node.get() < 0 || ::fstat(node.get(), &status) != 0) continue;
    if (!S_ISCHR(status.st_mode) || ::major(status.st_rdev) != kUsbDeviceMajor) continue;
    connect(node.get(), format("/sys/dev/char/{}:{}", kUsbDeviceMajor, ::minor(status.st_rdev)));
  }
}

}  // namespace cleave
