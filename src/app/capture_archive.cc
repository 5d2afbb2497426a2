#include "app/capture_archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <memory>
#include <set>

#include "base/text.h"

namespace cleave {
namespace {

// RFC 8878, 3.1.1: the magic number, little-endian.
constexpr std::string_view kZstdMagic = "\x28\xB5\x2F\xFD";
// Level 9: half a second for a capture of 4 MB, and within 10 % of level 19.
constexpr const char* kCompression = "zstd:compression-level=9";

struct WriterCloser {
  void operator()(archive* handle) const { ::archive_write_free(handle); }
};
struct ReaderCloser {
  void operator()(archive* handle) const { ::archive_read_free(handle); }
};
struct EntryCloser {
  void operator()(archive_entry* entry) const { ::archive_entry_free(entry); }
};

Error refusal(ErrorCode code, Message message) {
  Error error;
  error.code = code;
  error.message = std::move(message);
  return error;
}

Error malformed(Message message) { return refusal(ErrorCode::Malformed, std::move(message)); }

std::string last_words(archive* handle) {
  const char* text = handle == nullptr ? nullptr : ::archive_error_string(handle);
  return text == nullptr ? "unknown format" : printable(text);
}

Error write_problem(archive* handle) {
  return refusal(ErrorCode::Io,
                 {N_("Could not pack the capture: {reason}"), {{"reason", last_words(handle)}}});
}

Error read_problem(archive* handle) {
  return malformed(
      {N_("The archive is damaged or none: {reason}"), {{"reason", last_words(handle)}}});
}

la_ssize_t append(archive* /*handle*/, void* target, const void* bytes, std::size_t count) {
  static_cast<std::string*>(target)->append(static_cast<const char*>(bytes), count);
  return static_cast<la_ssize_t>(count);
}

bool write_file(archive* handle, const BundleFile& file) {
  const std::unique_ptr<archive_entry, EntryCloser> header(::archive_entry_new());
  ::archive_entry_set_pathname(header.get(), file.name.c_str());
  ::archive_entry_set_filetype(header.get(), AE_IFREG);
  ::archive_entry_set_perm(header.get(), 0600);
  ::archive_entry_set_size(header.get(), static_cast<la_int64_t>(file.content.size()));
  if (::archive_write_header(handle, header.get()) != ARCHIVE_OK) return false;
  if (file.content.empty()) return true;
  const la_ssize_t written = ::archive_write_data(handle, file.content.data(), file.content.size());
  return written >= 0 && static_cast<std::size_t>(written) == file.content.size();
}

// Without the "./" that tar puts before names.
std::string_view plain_name(std::string_view name) {
  while (name.starts_with("./")) name.remove_prefix(2);
  return name;
}

bool is_plain_name(std::string_view name) {
  return !name.empty() && !name.starts_with('/') && is_capturable_path("/" + std::string(name));
}

class Unpacker {
 public:
  Result<std::vector<BundleFile>> unpack(std::string_view bytes) {
    const std::unique_ptr<archive, ReaderCloser> owner(::archive_read_new());
    archive* reader = owner.get();
    if (reader == nullptr) return malformed({N_("There is no memory to open the archive.")});
    ::archive_read_support_filter_zstd(reader);
    ::archive_read_support_format_tar(reader);
    if (::archive_read_open_memory(reader, bytes.data(), bytes.size()) != ARCHIVE_OK) {
      return read_problem(reader);
    }
    while (true) {
      archive_entry* entry = nullptr;
      const int answer = ::archive_read_next_header(reader, &entry);
      if (answer == ARCHIVE_EOF) return std::move(files_);
      if (answer != ARCHIVE_OK) return read_problem(reader);
      TRY(take(reader, entry));
    }
  }

 private:
  Result<void> take(archive* reader, archive_entry* entry) {
    if (++entries_ > kCaptureNodes) {
      return malformed(
          {N_("The archive has more than {limit} entries."), {{"limit", kCaptureNodes}}});
    }
    const char* written = ::archive_entry_pathname(entry);
    const std::string shown = printable(written == nullptr ? "" : written);
    const bool is_directory = ::archive_entry_filetype(entry) == AE_IFDIR;
    std::string_view name = plain_name(written == nullptr ? "" : written);
    if (is_directory && name.ends_with('/')) name.remove_suffix(1);
    if (::archive_entry_hardlink(entry) != nullptr || ::archive_entry_symlink(entry) != nullptr) {
      return malformed(
          {N_("The archive's entry {entry} is a link; a capture has none."), {{"entry", shown}}});
    }
    if (is_directory && (name.empty() || name == ".")) return {};
    if (!is_plain_name(name)) {
      return malformed({N_("The archive's entry “{entry}” has a name that is refused: it leads "
                           "elsewhere, or is too long, too deep or no text."),
                        {{"entry", shown}}});
    }
    if (is_directory) return {};
    if (::archive_entry_filetype(entry) != AE_IFREG) {
      return malformed({N_("The archive's entry {entry} is no plain file."), {{"entry", shown}}});
    }
    if (!names_.emplace(name).second) {
      return malformed({N_("The archive's entry {entry} is there twice."), {{"entry", shown}}});
    }
    files_.push_back({.name = std::string(name), .content = TRY(read_content(reader, name))});
    return {};
  }

  Result<std::string> read_content(archive* reader, std::string_view name) {
    // Beyond the limits nothing is unpacked: a few bytes can stand for any number.
    const std::size_t limit = std::min(name == kManifestName ? kManifestBytes : kCaptureFileBytes,
                                       kManifestBytes + kCaptureBytes - total_);
    std::string content;
    std::array<char, 65536> buffer{};
    while (true) {
      const la_ssize_t count = ::archive_read_data(reader, buffer.data(), buffer.size());
      if (count < 0) {
        return malformed({N_("The archive's entry {entry} cannot be read: {reason}"),
                          {{"entry", name}, {"reason", last_words(reader)}}});
      }
      if (count == 0) break;
      content.append(buffer.data(), static_cast<std::size_t>(count));
      if (content.size() > limit) {
        return malformed({N_("The archive is refused: its entry {entry} is larger than {limit} "
                             "bytes, or all of them together are too large."),
                          {{"entry", name}, {"limit", limit}}});
      }
    }
    total_ += content.size();
    return content;
  }

  std::vector<BundleFile> files_;
  std::set<std::string, std::less<>> names_;
  std::size_t entries_ = 0;
  std::size_t total_ = 0;
};

}  // namespace

bool is_archive(std::string_view bytes) { return bytes.starts_with(kZstdMagic); }

Result<std::string> pack_archive(const std::vector<BundleFile>& files) {
  std::string bytes;
  const std::unique_ptr<archive, WriterCloser> owner(::archive_write_new());
  archive* handle = owner.get();
  if (handle == nullptr || ::archive_write_add_filter_zstd(handle) != ARCHIVE_OK ||
      ::archive_write_set_format_gnutar(handle) != ARCHIVE_OK ||
      ::archive_write_set_options(handle, kCompression) != ARCHIVE_OK ||
      ::archive_write_set_bytes_in_last_block(handle, 1) != ARCHIVE_OK ||
      ::archive_write_open(handle, &bytes, nullptr, append, nullptr) != ARCHIVE_OK) {
    return write_problem(handle);
  }
  for (const BundleFile& file : files) {
    if (!write_file(handle, file)) return write_problem(handle);
  }
  if (::archive_write_close(handle) != ARCHIVE_OK) return write_problem(handle);
  return bytes;
}

Result<std::vector<BundleFile>> unpack_archive(std::string_view bytes) {
  if (!is_archive(bytes)) {
    return malformed({N_("The archive does not start as one that zstd compressed.")});
  }
  return Unpacker().unpack(bytes);
}

}  // namespace cleave
