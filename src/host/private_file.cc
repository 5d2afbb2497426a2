#include "host/private_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "base/fd.h"
#include "base/format.h"
#include "host/host.h"
#include "host/signals_wait.h"

namespace cleave {
namespace {

Error write_error(int error_number, std::string_view path) {
  return system_error(error_number, Message(N_("Could not write {path}"), {{"path", path}}),
                      std::string(path));
}

Error in_the_way(const std::string& path, const char* sentence) {
  Error error;
  error.code = ErrorCode::Conflict;
  error.message = {sentence, {{"path", path}}};
  error.path = path;
  return error;
}

std::string without_slashes(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

// In the same directory, so that a rename is enough.
std::string temporary_for(const std::string& path) {
  const std::string name = format(".{}.cleave-{}", base_name(path), ::getpid());
  return path.find('/') == std::string::npos ? name : join_path(directory_name(path), name);
}

// 0 or errno.
int write_new(const std::string& path, std::string_view content,
              const std::optional<FileOwner>& owner) {
  const OwnedFd file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.is_open()) return errno;
  if (::fchmod(file.get(), 0600) != 0) return errno;  // whatever the umask
  while (!content.empty()) {
    const ssize_t written = ::write(file.get(), content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  if (owner && ::fchown(file.get(), owner->user, owner->group) != 0) return errno;
  return ::fsync(file.get()) == 0 ? 0 : errno;
}

// 0 or errno. Where the file system cannot refuse to replace (EINVAL), it was looked before.
int move_into_place(const std::string& from, const std::string& to, bool overwrite) {
  if (overwrite) return ::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  struct stat found{};
  if (::lstat(to.c_str(), &found) == 0) return EEXIST;
  return ::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
}

constexpr const char* kFileInTheWay = N_("{path} is there already; --force replaces it.");
constexpr const char* kDirectoryInTheWay =
    N_("{path} is there already and holds no capture: it is not replaced.");

// 0 or errno.
int write_tree(const std::string& top,
               const std::vector<std::pair<std::string, std::string>>& files,
               const std::optional<FileOwner>& owner) {
  if (::mkdir(top.c_str(), 0700) != 0) return errno;
  std::error_code problem;
  for (const auto& [name, content] : files) {
    const std::string path = join_path(top, name);
    std::filesystem::create_directories(directory_name(path), problem);
    if (problem) return problem.value();
    if (const int error_number = write_new(path, content, owner)) return error_number;
  }
  if (!owner) return 0;
  if (::lchown(top.c_str(), owner->user, owner->group) != 0) return errno;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(top, problem)) {
    if (::lchown(entry.path().c_str(), owner->user, owner->group) != 0) return errno;
  }
  return problem.value();
}

// An empty directory, or one that was written by write_private_directory.
bool may_replace(const std::string& path, const std::string& mark) {
  std::error_code problem;
  if (std::filesystem::is_symlink(path, problem)) return false;
  if (!std::filesystem::is_directory(path, problem) || problem) return false;
  const bool is_marked = std::filesystem::is_regular_file(join_path(path, mark), problem);
  return is_marked || std::filesystem::is_empty(path, problem);
}

// Puts the new directory in the place of the old, which goes at last. 0 or errno.
int swap_directories(const std::string& fresh, const std::string& path) {
  if (::renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, path.c_str(), RENAME_EXCHANGE) != 0) {
    return errno;
  }
  std::error_code problem;
  std::filesystem::remove_all(fresh, problem);
  return problem.value();
}

}  // namespace

Result<void> write_private_file(const PrivateTarget& target, std::string_view content) {
  const std::string path = without_slashes(target.path);
  struct stat found{};
  const bool is_there = ::lstat(path.c_str(), &found) == 0;
  if (is_there && !target.overwrite) return in_the_way(path, kFileInTheWay);
  if (is_there && !S_ISREG(found.st_mode)) return write_error(EEXIST, path);
  const SignalsWait wait;
  const std::string temporary = temporary_for(path);
  int error_number = write_new(temporary, content, target.owner);
  if (error_number == 0) error_number = move_into_place(temporary, path, target.overwrite);
  if (error_number == 0) return {};
  ::unlink(temporary.c_str());
  if (error_number == EEXIST) return in_the_way(path, kFileInTheWay);
  return write_error(error_number, path);
}

Result<void> write_private_directory(
    const PrivateTarget& target, const std::string& mark,
    const std::vector<std::pair<std::string, std::string>>& files) {
  const std::string path = without_slashes(target.path);
  struct stat found{};
  const bool is_there = ::lstat(path.c_str(), &found) == 0;
  if (is_there && !target.overwrite) return in_the_way(path, kFileInTheWay);
  if (is_there && !may_replace(path, mark)) return in_the_way(path, kDirectoryInTheWay);
  const SignalsWait wait;
  const std::string temporary = temporary_for(path);
  int error_number = write_tree(temporary, files, target.owner);
  if (error_number == 0) {
    error_number =
        is_there ? swap_directories(temporary, path) : move_into_place(temporary, path, false);
  }
  if (error_number == 0) return {};
  std::error_code problem;
  std::filesystem::remove_all(temporary, problem);
  return write_error(error_number, path);
}

}  // namespace cleave
