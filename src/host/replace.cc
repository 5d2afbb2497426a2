#include "host/replace.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/format.h"

namespace cleave {
namespace {

// Copies what a replaced file had beside its bytes. ENOTSUP (no xattrs here) is no error.
int copy_extended_attributes(int from, int to) {
  std::array<char, 4096> names{};
  const ssize_t length = ::flistxattr(from, names.data(), names.size());
  if (length < 0) return errno == ENOTSUP ? 0 : errno;
  std::array<char, 65536> value{};  // XATTR_SIZE_MAX, include/uapi/linux/limits.h
  for (const char* name = names.data(); name < names.data() + length;
       name += std::strlen(name) + 1) {
    const ssize_t size = ::fgetxattr(from, name, value.data(), value.size());
    if (size < 0) return errno;
    if (::fsetxattr(to, name, value.data(), static_cast<size_t>(size), 0) != 0 &&
        errno != ENOTSUP) {
      return errno;
    }
  }
  return 0;
}

}  // namespace

int write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return 0;
}

std::string temporary_prefix(std::string_view name) { return format(".{}.cleave-", name); }

int replace_by_new(int directory, const Replacement& names, std::string_view content,
                   std::uint32_t mode, const OwnedFd& like) {
  const OwnedFd file(::openat(directory, names.temporary.c_str(),
                              O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.is_open()) return errno;
  if (const int error_number = write_all(file.get(), content)) return error_number;
  struct stat old{};
  if (like.is_open()) {
    if (::fstat(like.get(), &old) != 0) return errno;
    if (::fchown(file.get(), old.st_uid, old.st_gid) != 0) return errno;
    if (const int error_number = copy_extended_attributes(like.get(), file.get())) {
      return error_number;
    }
  }
  if (::fchmod(file.get(), like.is_open() ? old.st_mode & 07777U : mode) != 0) return errno;
  if (::fsync(file.get()) != 0) return errno;
  if (::renameat(directory, names.temporary.c_str(), directory, names.name.c_str()) != 0)
    return errno;
  return ::fsync(directory) == 0 ? 0 : errno;
}

}  // namespace cleave
