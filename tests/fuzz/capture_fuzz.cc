// Bundles: archives, and manifests with the contents of files. What opens can be diagnosed, and
// written again it is the same.
#include <algorithm>

#include "app/capture_archive.h"
#include "app/machine.h"
#include "facts/readers/read_facts.h"
#include "fuzz.h"

namespace {

void look_at(const cleave::Capture& capture) {
  (void)cleave::read_facts(capture.machine);
  for (const auto& [path, node] : capture.machine.nodes()) {
    (void)capture.machine.read_file(path);
    (void)capture.machine.real_path(path);
    (void)capture.machine.list_directory(path);
    (void)capture.machine.may_access(path, cleave::Access::ReadWrite);
  }
}

void write_again(const cleave::Capture& capture) {
  const auto files = cleave::bundle_files(capture);
  const auto again = cleave::read_capture(
      files.front().content,
      [&](const std::string& path, std::size_t) -> cleave::Result<std::string> {
        const auto file =
            std::ranges::find(files, cleave::kTreeName + path, &cleave::BundleFile::name);
        if (file == files.end()) return cleave::Error();
        return file->content;
      });
  cleave::fuzz::require(again.has_value());
  cleave::fuzz::require(again->machine.snapshot() == capture.machine.snapshot());
  cleave::fuzz::require(again->machine.nodes().size() == capture.machine.nodes().size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = cleave::fuzz::text_of(data, size);
  if (const auto opened = cleave::open_bundle(bytes)) look_at(*opened);
  // A manifest alone: the contents come from its own text.
  const auto capture = cleave::read_capture(
      bytes, [&](const std::string&, std::size_t length) -> cleave::Result<std::string> {
        return std::string(bytes.substr(0, length));
      });
  if (!capture) return 0;
  look_at(*capture);
  write_again(*capture);
  return 0;
}
