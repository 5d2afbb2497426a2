#include "facts/readers/decompress.h"

#include <archive.h>
#include <archive_entry.h>

#include <array>
#include <memory>

namespace cleave {
namespace {

Error malformed(std::string_view why) {
  Error error;
  error.code = ErrorCode::Malformed;
  error.message = Message(N_("The compressed data could not be unpacked: {why}"), {{"why", why}});
  return error;
}

std::string_view last_words(archive* reader) {
  const char* text = ::archive_error_string(reader);
  return text == nullptr ? std::string_view("unknown format") : std::string_view(text);
}

}  // namespace

Result<std::string> decompress(std::string_view packed, std::size_t limit) {
  const std::unique_ptr<archive, int (*)(archive*)> reader(::archive_read_new(),
                                                           ::archive_read_free);
  if (!reader) return malformed("no memory");
  ::archive_read_support_filter_gzip(reader.get());
  ::archive_read_support_filter_xz(reader.get());
  ::archive_read_support_filter_zstd(reader.get());
  ::archive_read_support_format_raw(reader.get());  // one file without a name
  archive_entry* entry = nullptr;
  if (::archive_read_open_memory(reader.get(), packed.data(), packed.size()) != ARCHIVE_OK ||
      ::archive_read_next_header(reader.get(), &entry) != ARCHIVE_OK) {
    return malformed(last_words(reader.get()));
  }
  std::string content;
  std::array<char, 65536> buffer{};
  while (true) {
    const la_ssize_t count = ::archive_read_data(reader.get(), buffer.data(), buffer.size());
    if (count < 0) return malformed(last_words(reader.get()));
    if (count == 0) return content;
    if (content.size() + static_cast<size_t>(count) > limit) return malformed("too large");
    content.append(buffer.data(), static_cast<size_t>(count));
  }
}

}  // namespace cleave
