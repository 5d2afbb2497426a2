#include "app/disc_image.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <map>
#include <memory>

#include "base/fd.h"
#include "base/format.h"
#include "base/text.h"

namespace cleave {
namespace {

constexpr std::size_t kPiece = std::size_t{1} << 16U;
constexpr std::size_t kMostEntries = 100'000;  // virtio-win's disc has some 3,000
constexpr int kDeepest = 12;
// Windows reads Joliet, Linux Rock Ridge; Joliet's long names are of 103 characters.
constexpr const char* kDiscOptions =
    "iso9660:joliet=long,iso9660:rockridge=useful,iso9660:!pad,iso9660:volume-id=";

struct WriterCloser {
  void operator()(archive* handle) const { ::archive_write_free(handle); }
};
struct ReaderCloser {
  void operator()(archive* handle) const { ::archive_read_free(handle); }
};
struct EntryCloser {
  void operator()(archive_entry* entry) const { ::archive_entry_free(entry); }
};
using Reader = std::unique_ptr<archive, ReaderCloser>;

std::string last_words(archive* handle) {
  const char* text = handle == nullptr ? nullptr : ::archive_error_string(handle);
  return text == nullptr ? "unknown" : printable(text);
}

Error write_problem(archive* handle, const std::string& path) {
  Error error = error_of(ErrorCode::Io, {N_("Could not write the disc {path}: {reason}"),
                                         {{"path", path}, {"reason", last_words(handle)}}});
  error.path = path;
  return error;
}

Error read_problem(archive* handle, const std::string& path) {
  Error error = error_of(ErrorCode::Malformed, {N_("{path} cannot be read as a disc: {reason}"),
                                                {{"path", path}, {"reason", last_words(handle)}}});
  error.path = path;
  return error;
}

// Removed again unless it is renamed.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string path) : path_(std::move(path)) {
    ::unlink(path_.c_str());  // what a crash left
    descriptor_ =
        OwnedFd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  [[nodiscard]] const OwnedFd& descriptor() const { return descriptor_; }
  [[nodiscard]] bool rename_to(const std::string& path) {
    if (::rename(path_.c_str(), path.c_str()) != 0) return false;
    path_.clear();
    return true;
  }

 private:
  std::string path_;
  OwnedFd descriptor_;
};

Result<void> write_header(archive* writer, const std::string& disc, const std::string& name,
                          std::uint64_t size) {
  const std::unique_ptr<archive_entry, EntryCloser> entry(::archive_entry_new());
  ::archive_entry_set_pathname(entry.get(), name.c_str());
  ::archive_entry_set_filetype(entry.get(), AE_IFREG);
  ::archive_entry_set_perm(entry.get(), 0444);
  ::archive_entry_set_size(entry.get(), static_cast<la_int64_t>(size));
  if (::archive_write_header(writer, entry.get()) < ARCHIVE_WARN) {
    return write_problem(writer, disc);
  }
  return {};
}

Result<void> write_piece(archive* writer, const std::string& disc, std::string_view piece) {
  while (!piece.empty()) {
    const la_ssize_t count = ::archive_write_data(writer, piece.data(), piece.size());
    if (count <= 0) return write_problem(writer, disc);
    piece.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

Error source_problem(int error_number, const std::string& path) {
  return system_error(error_number, {N_("Could not read {path}"), {{"path", path}}}, path);
}

Result<void> write_source(archive* writer, const std::string& disc, const DiscFile& file) {
  const OwnedFd source(::open(file.source.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat status{};
  if (!source.is_open() || ::fstat(source.get(), &status) != 0) {
    return source_problem(errno, file.source);
  }
  auto left = static_cast<std::uint64_t>(status.st_size);
  TRY(write_header(writer, disc, file.name, left));
  std::string piece(kPiece, '\0');
  while (left > 0) {
    const ssize_t count =
        ::read(source.get(), piece.data(), std::min<std::uint64_t>(left, piece.size()));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return source_problem(count < 0 ? errno : EIO, file.source);
    TRY(write_piece(writer, disc,
                    std::string_view(piece).substr(0, static_cast<std::size_t>(count))));
    left -= static_cast<std::uint64_t>(count);
  }
  return {};
}

Result<void> write_files(int descriptor, const std::string& path, const std::string& label,
                         const std::vector<DiscFile>& files) {
  const std::unique_ptr<archive, WriterCloser> owner(::archive_write_new());
  archive* writer = owner.get();
  const std::string options = kDiscOptions + label;
  if (writer == nullptr || ::archive_write_set_format_iso9660(writer) != ARCHIVE_OK ||
      ::archive_write_set_options(writer, options.c_str()) != ARCHIVE_OK ||
      ::archive_write_open_fd(writer, descriptor) != ARCHIVE_OK) {
    return write_problem(writer, path);
  }
  for (const DiscFile& file : files) {
    if (!file.source.empty()) {
      TRY(write_source(writer, path, file));
      continue;
    }
    TRY(write_header(writer, path, file.name, file.content.size()));
    TRY(write_piece(writer, path, file.content));
  }
  if (::archive_write_close(writer) != ARCHIVE_OK) return write_problem(writer, path);
  return {};
}

Result<Reader> open_disc(const std::string& path) {
  Reader reader(::archive_read_new());
  if (reader == nullptr || ::archive_read_support_format_iso9660(reader.get()) != ARCHIVE_OK ||
      ::archive_read_open_filename(reader.get(), path.c_str(), kPiece) != ARCHIVE_OK) {
    return read_problem(reader.get(), path);
  }
  return reader;
}

// Calls `visit` for every file of the disc; its content can be read meanwhile.
Result<void> for_each_file(
    const std::string& path,
    const std::function<Result<void>(archive*, archive_entry*, const std::string&)>& visit) {
  const Reader reader = TRY(open_disc(path));
  for (std::size_t entries = 0; entries < kMostEntries; ++entries) {
    archive_entry* entry = nullptr;
    const int answer = ::archive_read_next_header(reader.get(), &entry);
    if (answer == ARCHIVE_EOF) return {};
    if (answer < ARCHIVE_WARN) return read_problem(reader.get(), path);
    const char* name = ::archive_entry_pathname(entry);
    if (name == nullptr || ::archive_entry_filetype(entry) == AE_IFDIR) continue;
    TRY(visit(reader.get(), entry, name));
  }
  return error_of(ErrorCode::Unsupported, {N_("{path} has more than {limit} files"),
                                           {{"path", path}, {"limit", kMostEntries}}});
}

Result<std::string> content_of(archive* reader, const std::string& path, std::size_t limit) {
  std::string content;
  std::array<char, kPiece> piece{};
  while (true) {
    const la_ssize_t count = ::archive_read_data(reader, piece.data(), piece.size());
    if (count < 0) return read_problem(reader, path);
    if (count == 0) return content;
    content.append(piece.data(), static_cast<std::size_t>(count));
    if (content.size() > limit) {
      return error_of(ErrorCode::Unsupported, {N_("What is wanted of {path} is larger than {limit} "
                                                  "bytes"),
                                               {{"path", path}, {"limit", limit}}});
    }
  }
}

struct DirectoryCloser {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

Result<void> add_folder(const std::string& directory, const std::string& folder, int depth,
                        std::vector<DiscFile>& files) {
  const std::unique_ptr<DIR, DirectoryCloser> opened(::opendir(directory.c_str()));
  if (!opened) return source_problem(errno, directory);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(opened.get())) {  // NOLINT(concurrency-mt-unsafe)
    names.emplace_back(entry->d_name);
  }
  std::ranges::sort(names);
  for (const std::string& name : names) {
    if (name == "." || name == "..") continue;
    const std::string path = format("{}/{}", directory, name);
    const std::string place = format("{}/{}", folder, name);
    struct stat status{};
    if (::lstat(path.c_str(), &status) != 0) return source_problem(errno, path);
    if (files.size() >= kMostEntries || (S_ISDIR(status.st_mode) && depth >= kDeepest)) {
      return error_of(ErrorCode::Unsupported,
                      {N_("{path} has more than {limit} files, or folders too deep for a disc"),
                       {{"path", directory}, {"limit", kMostEntries}}});
    }
    if (S_ISDIR(status.st_mode)) TRY(add_folder(path, place, depth + 1, files));
    if (S_ISREG(status.st_mode)) files.push_back({.name = place, .content = {}, .source = path});
  }
  return {};
}

}  // namespace

Result<void> write_disc(const std::string& path, const std::string& label,
                        const std::vector<DiscFile>& files) {
  TemporaryFile temporary(path + ".new");
  const Message failed(N_("Could not write the disc {path}"), {{"path", path}});
  if (!temporary.descriptor().is_open()) return system_error(errno, failed, path);
  TRY(write_files(temporary.descriptor().get(), path, label, files));
  if (::fsync(temporary.descriptor().get()) != 0 || !temporary.rename_to(path)) {
    return system_error(errno, failed, path);
  }
  return {};
}

Result<std::vector<DiscFile>> files_of_disc(const std::string& path, const DiscChoice& place,
                                            std::size_t limit) {
  // Files of the same content share it on such discs, and libarchive then gives it with the first
  // of them alone: look who has it, and read it in a second pass.
  std::multimap<std::string, std::string> places_of;  // file with the content → wanted names
  TRY(for_each_file(path, [&](archive* /*reader*/, archive_entry* entry, const std::string& name) {
    const std::optional<std::string> wanted = place(name);
    const char* same_as = ::archive_entry_hardlink(entry);
    if (wanted) places_of.emplace(same_as == nullptr ? name : same_as, *wanted);
    return Result<void>();
  }));
  std::vector<DiscFile> files;
  std::size_t left = limit;
  if (places_of.empty()) return files;
  const auto take = [&](archive* reader, archive_entry* entry,
                        const std::string& name) -> Result<void> {
    const auto [first, last] = places_of.equal_range(name);
    if (first == last || ::archive_entry_hardlink(entry) != nullptr) return {};
    const std::string content = TRY(content_of(reader, path, left));
    left -= content.size();
    for (auto wanted = first; wanted != last; ++wanted) {
      files.push_back({.name = wanted->second, .content = content, .source = {}});
    }
    return {};
  };
  TRY(for_each_file(path, take));
  std::ranges::sort(files, {}, &DiscFile::name);
  return files;
}

Result<std::vector<DiscFile>> files_of_folder(const std::string& directory,
                                              const std::string& folder) {
  std::vector<DiscFile> files;
  TRY(add_folder(directory, folder, 0, files));
  return files;
}

}  // namespace cleave
