#include "app/qemu_build_install.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <vector>

#include "app/qemu_build_source.h"
#include "base/fd.h"
#include "base/format.h"
#include "host/replace.h"
#include "lab/cache.h"

namespace cleave {
namespace {

namespace fs = std::filesystem;

Error cannot_install(int number, const std::string& path) {
  return system_error(number, {N_("Could not install {path}"), {{"path", path}}}, path);
}

struct Staged {
  std::string relative;
  fs::file_type type = fs::file_type::none;
  std::string target;  // of a link
};

Result<std::vector<Staged>> list_staged(const std::string& staged, const BuildTools& tools) {
  const ActingAs acting = TRY(as_builder(tools));
  std::vector<Staged> all;
  std::error_code problem;
  for (fs::recursive_directory_iterator entry(staged, problem), end; !problem && entry != end;
       entry.increment(problem)) {
    Staged one{.relative = entry->path().lexically_relative(staged).string(),
               .type = entry->symlink_status(problem).type(),
               .target = {}};
    if (one.type == fs::file_type::symlink) one.target = fs::read_symlink(*entry, problem).string();
    all.push_back(std::move(one));
  }
  if (problem) return cannot_install(problem.value(), staged);
  return all;
}

Result<void> copy_file(const std::string& from, const std::string& to, const BuildTools& tools) {
  OwnedFd source;
  {
    // What this user may not read, root does not read for him.
    const ActingAs acting = TRY(as_builder(tools));
    source = OwnedFd(::open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!source.is_open()) return cannot_install(errno, from);
  }
  struct stat found{};
  if (::fstat(source.get(), &found) != 0) return cannot_install(errno, from);
  const mode_t mode = (found.st_mode & S_IXUSR) != 0 ? 0755 : 0644;
  const OwnedFd target(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!target.is_open()) return cannot_install(errno, to);
  std::array<char, 65536> buffer{};
  while (true) {
    const ssize_t count = ::read(source.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return cannot_install(errno, from);
    if (count == 0) break;
    const std::string_view piece(buffer.data(), static_cast<std::size_t>(count));
    if (const int problem = write_all(target.get(), piece)) return cannot_install(problem, to);
  }
  // Whatever the umask is: root's builds are for everybody.
  if (::fchmod(target.get(), mode) != 0) return cannot_install(errno, to);
  return {};
}

Result<void> copy_entry(const std::string& staged, const std::string& target, const Staged& one,
                        const BuildTools& tools) {
  const std::string to = join_path(target, one.relative);
  switch (one.type) {
    case fs::file_type::directory:
      if (::mkdir(to.c_str(), 0755) != 0 || ::chmod(to.c_str(), 0755) != 0) {
        return cannot_install(errno, to);
      }
      return {};
    case fs::file_type::regular:
      return copy_file(join_path(staged, one.relative), to, tools);
    case fs::file_type::symlink:
      if (::symlink(one.target.c_str(), to.c_str()) != 0) return cannot_install(errno, to);
      return {};
    default:
      return cannot_install(EINVAL, to);
  }
}

}  // namespace

Result<void> install_copy(const std::string& staged, const std::string& prefix,
                          const BuildTools& tools) {
  std::error_code problem;
  if (fs::exists(prefix, problem) && !fs::is_empty(prefix, problem)) {
    return error_of(ErrorCode::Conflict,
                    {N_("{path} is there already and not empty."), {{"path", prefix}}},
                    {N_("Name another place with --prefix, or remove what is there.")});
  }
  const std::string parent(directory_name(prefix));
  TRY(make_directories(parent));
  const std::string partial = format("{}/.{}.partial", parent, base_name(prefix));
  remove_tree(partial);
  TRY(make_directories(partial));
  if (::chmod(partial.c_str(), 0755) != 0) return cannot_install(errno, partial);
  const std::vector<Staged> all = TRY(list_staged(staged, tools));
  for (const Staged& one : all) {
    Result<void> copied = copy_entry(staged, partial, one, tools);
    if (!copied) {
      remove_tree(partial);
      return copied;
    }
  }
  // On the disk before the name says so: a power cut leaves no empty files under it.
  const OwnedFd opened(::open(partial.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened.is_open() || ::syncfs(opened.get()) != 0) return cannot_install(errno, partial);
  if (::rename(partial.c_str(), prefix.c_str()) != 0) return cannot_install(errno, prefix);
  return {};
}

}  // namespace cleave
