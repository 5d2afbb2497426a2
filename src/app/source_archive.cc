#include "app/source_archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "app/build_tool.h"
#include "base/fd.h"
#include "base/text.h"
#include "host/replace.h"

namespace cleave {
namespace {

// QEMU 10 has some 20,000 files in 1 GB, with the sources of all its firmware.
constexpr std::size_t kMostEntries = 300'000;
constexpr std::uint64_t kMostBytes = std::uint64_t{8} << 30U;
constexpr std::size_t kDeepest = 40;

struct ReaderCloser {
  void operator()(archive* handle) const { ::archive_read_free(handle); }
};

Error malformed(Message message) { return error_of(ErrorCode::Malformed, std::move(message)); }

Error refused(std::string_view entry) {
  return malformed({N_("The archive's entry {entry} is refused: it leads out of the source, or is "
                       "nothing that a source has."),
                    {{"entry", printable(entry)}}});
}

Error damaged(archive* handle) {
  const char* text = ::archive_error_string(handle);
  return malformed({N_("The archive cannot be unpacked (tar with xz, gzip or zstd can): {reason}"),
                    {{"reason", text == nullptr ? "unknown format" : printable(text)}}});
}

Error cannot_write(int number, std::string_view name) {
  const std::string shown = printable(name);
  return system_error(number, {N_("Could not unpack {entry}"), {{"entry", shown}}}, shown);
}

// The parts of a plain relative name; empty if it is none.
std::optional<std::vector<std::string>> parts_of(std::string_view name) {
  std::vector<std::string> parts;
  if (name.starts_with('/') || name.find('\0') != std::string_view::npos) return std::nullopt;
  for (const std::string_view part : split(name, '/')) {
    if (part == "..") return std::nullopt;
    if (!part.empty() && part != ".") parts.emplace_back(part);
  }
  if (parts.empty() || parts.size() > kDeepest) return std::nullopt;
  return parts;
}

// Whether a link that stands at `parts` stays in the source, by its text. Nothing is ever written
// through one, so that a chain of them can lead nothing astray here.
bool stays_inside(const std::vector<std::string>& parts, std::string_view target) {
  if (target.starts_with('/')) return false;
  auto depth = static_cast<std::ptrdiff_t>(parts.size()) - 1;
  for (const std::string_view part : split(target, '/')) {
    if (part == "..")
      --depth;
    else if (!part.empty() && part != ".")
      ++depth;
    if (depth < 0) return false;
  }
  return true;
}

class Unpacker {
 public:
  Unpacker(archive* reader, int directory, int cancel)
      : reader_(reader), directory_(directory), cancel_(cancel) {}

  Result<void> unpack() {
    while (true) {
      archive_entry* entry = nullptr;
      const int answer = ::archive_read_next_header(reader_, &entry);
      if (answer == ARCHIVE_EOF) break;
      if (answer != ARCHIVE_OK && answer != ARCHIVE_WARN) return damaged(reader_);
      pollfd waiting{.fd = cancel_, .events = POLLIN, .revents = 0};
      if (cancel_ >= 0 && ::poll(&waiting, 1, 0) > 0) return build_interrupted();
      TRY(take(entry));
    }
    if (top_.empty()) return malformed({N_("The archive is empty.")});
    return {};
  }

 private:
  Result<void> take(archive_entry* entry) {
    const char* written = ::archive_entry_pathname(entry);
    const std::string name = written == nullptr ? "" : written;
    if (++entries_ > kMostEntries) return malformed({N_("The archive has too many entries.")});
    if (::archive_entry_filetype(entry) == AE_IFDIR && (name == "." || name == "./")) return {};
    auto parts = parts_of(name);
    if (!parts) return refused(name);
    if (top_.empty()) top_ = parts->front();
    if (parts->front() != top_) return refused(name);
    parts->erase(parts->begin());
    if (parts->empty()) {
      if (::archive_entry_filetype(entry) != AE_IFDIR) return refused(name);
      return {};
    }
    if (const char* hard = ::archive_entry_hardlink(entry)) return take_hard_link(*parts, hard);
    switch (::archive_entry_filetype(entry)) {
      case AE_IFDIR:
        return take_directory(*parts);
      case AE_IFREG:
        return take_file(*parts, entry);
      case AE_IFLNK:
        return take_link(*parts, ::archive_entry_symlink(entry));
      default:
        return refused(name);
    }
  }

  // The directory of an entry, made where it is missing; never through a link.
  Result<OwnedFd> parent_of(const std::vector<std::string>& parts) {
    OwnedFd here(::fcntl(directory_, F_DUPFD_CLOEXEC, 0));
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
      if (::mkdirat(here.get(), parts[i].c_str(), 0755) != 0 && errno != EEXIST) {
        return cannot_write(errno, parts[i]);
      }
      OwnedFd next(
          ::openat(here.get(), parts[i].c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!next.is_open() && (errno == ELOOP || errno == ENOTDIR)) return refused(parts[i]);
      if (!next.is_open()) return cannot_write(errno, parts[i]);
      here = std::move(next);
    }
    return here;
  }

  Result<void> take_directory(std::vector<std::string> parts) {
    parts.emplace_back();  // parent_of() makes all but the last
    TRY(parent_of(parts));
    return {};
  }

  Result<void> take_link(const std::vector<std::string>& parts, const char* target) {
    if (target == nullptr || !stays_inside(parts, target)) return refused(join(parts, "/"));
    const OwnedFd parent = TRY(parent_of(parts));
    (void)::unlinkat(parent.get(), parts.back().c_str(), 0);
    if (::symlinkat(target, parent.get(), parts.back().c_str()) != 0) {
      return cannot_write(errno, join(parts, "/"));
    }
    return {};
  }

  Result<void> take_hard_link(const std::vector<std::string>& parts, const char* target) {
    auto from = parts_of(target);
    if (!from || from->size() < 2 || from->front() != top_) return refused(target);
    from->erase(from->begin());
    const OwnedFd there = TRY(parent_of(*from));
    const OwnedFd parent = TRY(parent_of(parts));
    (void)::unlinkat(parent.get(), parts.back().c_str(), 0);
    if (::linkat(there.get(), from->back().c_str(), parent.get(), parts.back().c_str(), 0) != 0) {
      return cannot_write(errno, join(parts, "/"));
    }
    return {};
  }

  Result<void> take_file(const std::vector<std::string>& parts, archive_entry* entry) {
    const OwnedFd parent = TRY(parent_of(parts));
    const std::string name = join(parts, "/");
    // A link of that name is replaced, not written through.
    (void)::unlinkat(parent.get(), parts.back().c_str(), 0);
    const mode_t mode = (::archive_entry_perm(entry) & 0100U) != 0 ? 0755 : 0644;
    const OwnedFd file(::openat(parent.get(), parts.back().c_str(),
                                O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
    if (!file.is_open()) return cannot_write(errno, name);
    std::array<char, 65536> buffer{};
    while (true) {
      const la_ssize_t count = ::archive_read_data(reader_, buffer.data(), buffer.size());
      if (count < 0) return damaged(reader_);
      if (count == 0) break;
      bytes_ += static_cast<std::uint64_t>(count);
      if (bytes_ > kMostBytes) return malformed({N_("What is in the archive is too large.")});
      const std::string_view piece(buffer.data(), static_cast<std::size_t>(count));
      if (const int problem = write_all(file.get(), piece)) return cannot_write(problem, name);
    }
    // configure and make compare times of files.
    const timespec time{.tv_sec = ::archive_entry_mtime(entry), .tv_nsec = 0};
    const std::array<timespec, 2> times = {time, time};
    (void)::futimens(file.get(), times.data());
    return {};
  }

  archive* reader_;
  int directory_;
  int cancel_;
  std::string top_;
  std::size_t entries_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace

Result<void> unpack_source(const std::string& archive_path, const std::string& directory,
                           int cancel) {
  // As the person who may read it; libarchive is given an open file.
  const OwnedFd file(::open(archive_path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) {
    return system_error(errno, {N_("Could not read {path}"), {{"path", archive_path}}},
                        archive_path);
  }
  const OwnedFd target(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!target.is_open()) return cannot_write(errno, directory);
  const std::unique_ptr<archive, ReaderCloser> reader(::archive_read_new());
  if (reader == nullptr) return malformed({N_("There is no memory to open the archive.")});
  ::archive_read_support_filter_xz(reader.get());
  ::archive_read_support_filter_gzip(reader.get());
  ::archive_read_support_filter_zstd(reader.get());
  ::archive_read_support_format_tar(reader.get());
  constexpr std::size_t kBlock = 65536;
  if (::archive_read_open_fd(reader.get(), file.get(), kBlock) != ARCHIVE_OK) {
    return damaged(reader.get());
  }
  return Unpacker(reader.get(), target.get(), cancel).unpack();
}

}  // namespace cleave
