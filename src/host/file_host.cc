#include "host/file_host.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <thread>
#include <utility>

#include "base/fd.h"
#include "base/format.h"
#include "base/text.h"
#include "host/command.h"
#include "host/journal.h"
#include "host/replace.h"
#include "host/signals_wait.h"

namespace cleave {
namespace {

Error open_error(int error_number, std::string_view path) {
  return system_error(error_number, Message(N_("Could not open {path}"), {{"path", path}}),
                      std::string(path));
}
Error read_error(int error_number, std::string_view path) {
  return system_error(error_number, Message(N_("Could not read {path}"), {{"path", path}}),
                      std::string(path));
}
Error write_error(int error_number, std::string_view path) {
  return system_error(error_number, Message(N_("Could not write {path}"), {{"path", path}}),
                      std::string(path));
}

FileKind kind_of(mode_t mode) {
  if (S_ISREG(mode)) return FileKind::Regular;
  if (S_ISDIR(mode)) return FileKind::Directory;
  if (S_ISLNK(mode)) return FileKind::Symlink;
  if (S_ISCHR(mode)) return FileKind::CharacterDevice;
  return FileKind::Other;
}

std::uint64_t nanoseconds(const timespec& time) {
  constexpr std::uint64_t kInASecond = 1'000'000'000;
  if (time.tv_sec < 0) return 0;
  return static_cast<std::uint64_t>(time.tv_sec) * kInASecond +
         static_cast<std::uint64_t>(time.tv_nsec);
}

class FileLock final : public HostWriter::Lock {
 public:
  explicit FileLock(OwnedFd descriptor) : descriptor_(std::move(descriptor)) {}

 private:
  OwnedFd descriptor_;  // flock(2) ends with the last descriptor
};

class FileHost final : public HostWriter {
 public:
  FileHost(OwnedFd root, bool live) : root_(std::move(root)), live_(live) {}

  [[nodiscard]] std::uint32_t user_id() const override {
    struct stat top{};
    if (!live_ && ::fstat(root_.get(), &top) == 0 && top.st_uid == ::geteuid()) return 0;
    return ::geteuid();
  }

  [[nodiscard]] Result<std::string> read_file(std::string_view path,
                                              std::size_t limit) const override {
    const OwnedFd file = TRY(open_below_root(path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
    std::string content;
    std::array<char, 16384> buffer;  // not filled with zeros: most attributes have a few bytes
    while (true) {
      const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) continue;
      // /dev/kmsg gives a record at a time, EPIPE for those that were overwritten meanwhile, and
      // EAGAIN behind the last (Documentation/ABI/testing/dev-kmsg).
      if (count < 0 && errno == EPIPE) continue;
      if (count < 0 && errno == EAGAIN && !content.empty()) return content;
      if (count < 0) return read_error(errno, path);
      if (count == 0) return content;
      content.append(buffer.data(), static_cast<size_t>(count));
      if (content.size() > limit) return read_error(EFBIG, path);
    }
  }

  [[nodiscard]] Result<std::string> read_at(std::string_view path, std::uint64_t offset,
                                            std::size_t length) const override {
    const OwnedFd file = TRY(open_below_root(path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
    std::string bytes(length, '\0');
    std::size_t done = 0;
    while (done < length) {
      const ssize_t count = ::pread(file.get(), bytes.data() + done, length - done,
                                    static_cast<off_t>(offset + done));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return read_error(errno, path);
      if (count == 0) break;
      done += static_cast<std::size_t>(count);
    }
    bytes.resize(done);
    return bytes;
  }

  [[nodiscard]] Result<std::string> kernel_journal(int boot,
                                                   std::size_t most_lines) const override {
    std::vector<OwnedFd> files;
    for (const char* place : {"/run/log/journal", "/var/log/journal"}) {
      TRY(open_journal_files(place, files));
    }
    if (files.empty()) return open_error(ENOENT, "/var/log/journal");
    JournalQuestion question{.boot = boot, .most_lines = most_lines, .running_boot = {}};
    if (live_) {
      const std::string id = TRY(read_file("/proc/sys/kernel/random/boot_id", 64));
      question.running_boot = replace_all(std::string(trim(id)), "-", "");
    }
    return read_kernel_journal(files, question);
  }

  [[nodiscard]] Result<std::vector<std::string>> list_directory(
      std::string_view path) const override {
    OwnedFd directory = TRY(open_below_root(path, O_RDONLY | O_DIRECTORY));
    DIR* stream = ::fdopendir(directory.get());
    if (stream == nullptr) return read_error(errno, path);
    (void)directory.release();  // closedir owns it now
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(stream)) {  // NOLINT(concurrency-mt-unsafe)
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    ::closedir(stream);
    std::ranges::sort(names);
    return names;
  }

  [[nodiscard]] Result<std::string> read_link(std::string_view path) const override {
    const Place link = TRY(place_of(path));
    std::array<char, 4096> target{};  // PATH_MAX
    const ssize_t length =
        ::readlinkat(directory_of(link), link.name.c_str(), target.data(), target.size());
    if (length >= 0) return std::string(target.data(), static_cast<size_t>(length));
    // A path that is no link answers ENOENT for an O_PATH descriptor (readlink(2)).
    const bool is_no_link = errno == ENOENT && link.opened.is_open();
    return read_error(is_no_link ? EINVAL : errno, path);
  }

  [[nodiscard]] Result<FileStatus> status(std::string_view path) const override {
    const Place file = TRY(place_of(path));
    struct stat found{};
    constexpr int kFlags = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
    if (::fstatat(directory_of(file), file.name.c_str(), &found, kFlags) != 0) {
      return open_error(errno, path);
    }
    FileStatus result;
    result.kind = kind_of(found.st_mode);
    result.mode = found.st_mode & 07777U;
    result.user = found.st_uid;
    result.group = found.st_gid;
    result.size = static_cast<std::uint64_t>(found.st_size);
    result.inode = found.st_ino;
    result.modified = nanoseconds(found.st_mtim);
    result.device_major = major(found.st_rdev);
    result.device_minor = minor(found.st_rdev);
    return result;
  }

  [[nodiscard]] Result<std::string> real_path(std::string_view path) const override {
    // Walked here and not by realpath(3), so that a captured tree's links stay inside it.
    std::string resolved;
    std::vector<std::string> waiting;
    push_parts(path, waiting);
    int links = 0;
    while (!waiting.empty()) {
      const std::string part = std::move(waiting.back());
      waiting.pop_back();
      if (part.empty() || part == ".") continue;
      if (part == "..") {
        resolved.resize(resolved.empty() ? 0 : resolved.rfind('/'));
        continue;
      }
      const std::string next = resolved + "/" + part;
      const FileStatus found = TRY(status(next));
      if (found.kind != FileKind::Symlink) {
        resolved = next;
        continue;
      }
      if (++links > kMaximumLinks) return open_error(ELOOP, path);
      const std::string target = TRY(read_link(next));
      if (target.starts_with('/')) resolved.clear();
      push_parts(target, waiting);
    }
    return resolved.empty() ? std::string("/") : resolved;
  }

  [[nodiscard]] Result<bool> may_access(std::string_view path, Access access) const override {
    int wanted = 0;
    if (access != Access::Write) wanted |= R_OK;
    if (access != Access::Read) wanted |= W_OK;
    const OwnedFd file = TRY(open_below_root(path, O_PATH));
    const std::string by_descriptor = format("/proc/self/fd/{}", file.get());
    if (::faccessat(AT_FDCWD, by_descriptor.c_str(), wanted, AT_EACCESS) == 0) return true;
    if (errno == EACCES || errno == EPERM || errno == EROFS) return false;
    return open_error(errno, path);
  }

  [[nodiscard]] bool is_live() const override { return live_; }

  Result<void> replace_file(std::string_view path, std::string_view content,
                            std::uint32_t mode) override {
    std::string target(path);
    const Result<std::string> real = real_path(path);
    if (real) target = *real;
    // What is there but leads nowhere is a dangling link: it is not replaced by a file.
    if (!real && exists(path)) return real.error();
    const OwnedFd directory = TRY(open_parent(target));
    const OwnedFd before(::openat(directory.get(), std::string(base_name(target)).c_str(),
                                  O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    return write_beside(directory.get(), target, content, mode, before);
  }

  Result<void> copy_file(std::string_view from, std::string_view to) override {
    const OwnedFd source = TRY(open_below_root(from, O_RDONLY | O_NONBLOCK | O_NOFOLLOW));
    struct stat found{};
    if (::fstat(source.get(), &found) != 0) return read_error(errno, from);
    if (!S_ISREG(found.st_mode)) return read_error(EINVAL, from);
    constexpr std::size_t kMaximumCopy = std::size_t{64} << 20U;
    const std::string content = TRY(read_file(from, kMaximumCopy));
    const OwnedFd directory = TRY(open_parent(to));
    return write_beside(directory.get(), std::string(to), content, 0600, source);
  }

  Result<void> change_owner(std::string_view path, std::uint32_t user,
                            std::uint32_t group) override {
    const OwnedFd file = TRY(open_below_root(path, O_PATH));
    if (::fchownat(file.get(), "", user, group, AT_EMPTY_PATH) != 0) {
      return system_error(errno,
                          Message(N_("Could not change the owner of {path}"), {{"path", path}}),
                          std::string(path));
    }
    return {};
  }

  Result<void> write_attribute(std::string_view path, std::string_view value) override {
    const OwnedFd file = TRY(open_below_root(path, O_WRONLY));
    // One write: a driver acts on each.
    if (::write(file.get(), value.data(), value.size()) < 0) return write_error(errno, path);
    return {};
  }

  Result<void> append_to_file(std::string_view path, std::string_view content, std::uint32_t mode,
                              Durability durability) override {
    const OwnedFd file = TRY(open_below_root(path, O_WRONLY | O_APPEND | O_CREAT, mode));
    if (const int error_number = write_all(file.get(), content)) {
      return write_error(error_number, path);
    }
    const bool waits = durability == Durability::Synced;
    if (waits && ::fsync(file.get()) != 0) return write_error(errno, path);
    return {};
  }

  Result<void> remove_leftovers(std::string_view path) override {
    const std::string directory(directory_name(path));
    const auto names = list_directory(directory);
    if (!names) return {};  // no directory, nothing beside it
    const std::string prefix = temporary_prefix(base_name(path));
    for (const std::string& name : *names) {
      if (name.starts_with(prefix))
        TRY(remove_file(join_path(directory, name), Durability::Synced));
    }
    return {};
  }

  Result<void> remove_file(std::string_view path, Durability durability) override {
    return unlink_below(path, 0, durability);
  }

  Result<void> remove_directory(std::string_view path, Durability durability) override {
    return unlink_below(path, AT_REMOVEDIR, durability);
  }

  Result<void> create_directories(std::string_view path, std::uint32_t mode,
                                  Durability durability) override {
    const std::string normal = normal_path(path);
    if (const Result<FileStatus> found = status(normal)) {
      if (found->kind == FileKind::Regular) return write_error(EEXIST, path);
      return {};
    }
    const std::string parent(directory_name(normal));
    TRY(create_directories(parent, mode, durability));
    const OwnedFd directory = TRY(open_below_root(parent, O_RDONLY | O_DIRECTORY));
    const std::string name(base_name(normal));
    if (::mkdirat(directory.get(), name.c_str(), mode) != 0 && errno != EEXIST) {
      return write_error(errno, path);
    }
    if (durability == Durability::Synced) ::fsync(directory.get());
    return {};
  }

  Result<CommandOutput> run_command(const std::vector<std::string>& argv,
                                    std::chrono::milliseconds limit) override {
    return live_ ? run_on_this_machine(argv, limit) : could_not_run(argv, EINVAL);
  }

  Result<std::unique_ptr<Lock>> lock(std::string_view path) override {
    OwnedFd file = TRY(open_below_root(path, O_RDWR | O_CREAT, 0600));
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
      return open_error(errno == EWOULDBLOCK ? EBUSY : errno, path);
    }
    return std::unique_ptr<Lock>(std::make_unique<FileLock>(std::move(file)));
  }

  [[nodiscard]] Result<std::optional<std::uint32_t>> lock_holder(
      std::string_view path) const override {
    const OwnedFd file = TRY(open_below_root(path, O_RDWR));
    struct flock wanted{};
    wanted.l_type = F_WRLCK;
    wanted.l_whence = SEEK_SET;
    if (::fcntl(file.get(), F_GETLK, &wanted) != 0) return open_error(errno, path);
    if (wanted.l_type == F_UNLCK || wanted.l_pid <= 0) return std::optional<std::uint32_t>();
    return std::optional(static_cast<std::uint32_t>(wanted.l_pid));
  }

  Result<void> settle(std::string_view path) override {
    // EXT4_IOC_CHECKPOINT, fs/ext4/ext4.h, from Linux 5.14 on. Other file systems get what there
    // is for them: everything is written, though XFS may keep names in its log.
    constexpr unsigned long kCheckpoint = _IOW('f', 43, std::uint32_t);
    std::uint32_t no_flags = 0;
    const OwnedFd directory = TRY(open_parent(path));
    if (::ioctl(directory.get(), kCheckpoint, &no_flags) == 0) return {};
    if (::syncfs(directory.get()) != 0) return write_error(errno, path);
    return {};
  }

  // Nothing but the root's descriptor is kept between two calls.
  [[nodiscard]] unsigned threads() const override {
    return std::max(1U, std::thread::hardware_concurrency());
  }

  [[nodiscard]] bool is_interrupted() const override { return SignalsKept::has_come(); }

  [[nodiscard]] std::chrono::system_clock::time_point now() const override {
    return std::chrono::system_clock::now();
  }

  void pause(std::chrono::milliseconds length) override { std::this_thread::sleep_for(length); }

 private:
  static constexpr int kMaximumLinks = 40;  // as the kernel's MAXSYMLINKS, include/linux/namei.h

  static void push_parts(std::string_view text, std::vector<std::string>& waiting) {
    const auto parts = split(text, '/');
    for (auto part = parts.rbegin(); part != parts.rend(); ++part) waiting.emplace_back(*part);
  }

  [[nodiscard]] Result<OwnedFd> open_below_root(std::string_view path, int flags,
                                                std::uint32_t mode = 0) const {
    const std::string name(path.empty() ? "/" : path);
    while (true) {
      const int descriptor = live_ ? ::openat(root_.get(), name.c_str(), flags | O_CLOEXEC, mode)
                                   : open_inside(name, flags | O_CLOEXEC, mode);
      if (descriptor >= 0) return OwnedFd(descriptor);
      // EAGAIN of openat2(2): a rename somewhere raced with the lookup.
      const bool raced = !live_ && errno == EAGAIN;
      if (errno != EINTR && !raced) return open_error(errno, path);
    }
  }

  // Of a captured tree, out of which no link leads. Live, the kernel's own rules hold (magic links
  // of /proc work), and the plain call is one that every kernel and every debugger knows.
  [[nodiscard]] int open_inside(const std::string& name, int flags, std::uint32_t mode) const {
    open_how how{};
    how.flags = static_cast<unsigned>(flags);
    how.mode = (flags & O_CREAT) != 0 ? mode : 0;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    return static_cast<int>(::syscall(SYS_openat2, root_.get(), name.c_str(), &how, sizeof(how)));
  }

  // A path for calls of the system that take a directory and a name, and follow no link at its end.
  struct Place {
    OwnedFd opened;  // of a captured tree: the thing itself, and no name
    std::string name;
  };

  // What readers ask most: live, where nothing has to be kept inside, it is one call and not three.
  [[nodiscard]] Result<Place> place_of(std::string_view path) const {
    if (live_) return Place{.opened = {}, .name = std::string(path.empty() ? "/" : path)};
    return Place{.opened = TRY(open_below_root(path, O_PATH | O_NOFOLLOW)), .name = ""};
  }

  [[nodiscard]] int directory_of(const Place& place) const {
    return place.opened.is_open() ? place.opened.get() : root_.get();
  }

  // Adds this machine's journal files below `place`. What is there and closed is an error: what the
  // others tell would be an older boot's.
  Result<void> open_journal_files(const std::string& place, std::vector<OwnedFd>& files) const {
    const Result<std::vector<std::string>> machines = list_directory(place);
    if (!machines && machines.error().code == ErrorCode::NotFound) return {};
    if (!machines) return machines.error();
    // A directory may have journals of other machines, too: of containers, of earlier systems.
    const Result<std::string> id = read_file("/etc/machine-id", 64);
    const std::string own(id ? trim(*id) : std::string_view());
    for (const std::string& machine : *machines) {
      if (!own.empty() && machine != own) continue;
      const std::string directory = join_path(place, machine);
      const Result<std::vector<std::string>> names = list_directory(directory);
      if (!names && names.error().code != ErrorCode::Denied) continue;  // no directory
      for (const std::string& name : newest_journal_files(TRY(names))) {
        if (files.size() >= 2 * kMostJournalFiles) return {};
        Result<OwnedFd> file = open_below_root(join_path(directory, name), O_RDONLY | O_NONBLOCK);
        if (!file && file.error().code == ErrorCode::NotFound) continue;
        files.push_back(TRY(std::move(file)));
      }
    }
    return {};
  }

  [[nodiscard]] Result<OwnedFd> open_parent(std::string_view path) const {
    return open_below_root(directory_name(normal_path(path)), O_RDONLY | O_DIRECTORY);
  }

  // Replaces `path`, whose parent is open as `directory`. The new file gets owner, group, mode and
  // extended attributes of `like` if that is open, else `mode`.
  static Result<void> write_beside(int directory, const std::string& path, std::string_view content,
                                   std::uint32_t mode, const OwnedFd& like) {
    const std::string name(base_name(path));
    const std::string temporary = temporary_prefix(name) + std::to_string(::getpid());
    const int error_number =
        replace_by_new(directory, {.name = name, .temporary = temporary}, content, mode, like);
    if (error_number == 0) return {};
    ::unlinkat(directory, temporary.c_str(), 0);
    return write_error(error_number, path);
  }

  Result<void> unlink_below(std::string_view path, int flags, Durability durability) {
    const std::string normal = normal_path(path);
    const OwnedFd directory = TRY(open_below_root(directory_name(normal), O_RDONLY | O_DIRECTORY));
    const std::string name(base_name(normal));
    if (::unlinkat(directory.get(), name.c_str(), flags) != 0) {
      return system_error(errno, Message(N_("Could not remove {path}"), {{"path", path}}),
                          std::string(path));
    }
    if (durability == Durability::Synced) ::fsync(directory.get());
    return {};
  }

  OwnedFd root_;
  bool live_;
};

}  // namespace

Result<std::unique_ptr<HostWriter>> open_file_host(const std::string& root) {
  OwnedFd directory(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory.is_open()) return open_error(errno, root);
  const bool live = normal_path(root) == "/";
  return std::unique_ptr<HostWriter>(std::make_unique<FileHost>(std::move(directory), live));
}

std::unique_ptr<HostWriter> live_host() {
  OwnedFd root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  return std::make_unique<FileHost>(std::move(root), true);
}

}  // namespace cleave
