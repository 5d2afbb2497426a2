#include "facts/firmware_files.h"

#include "base/format.h"

namespace cleave {

void add_firmware_file(FirmwareFiles& files, std::string_view place, std::string_view folder,
                       std::string_view name) {
  constexpr std::string_view kPlain = ".bin";
  constexpr std::string_view kZstd = ".bin.zst";
  constexpr std::string_view kXz = ".bin.xz";
  FirmwareFile file;
  std::string_view asked = name;
  if (name.ends_with(kZstd)) {
    file.compression = Compression::Zstd;
    asked = name.substr(0, name.size() - kZstd.size() + kPlain.size());
  } else if (name.ends_with(kXz)) {
    file.compression = Compression::Xz;
    asked = name.substr(0, name.size() - kXz.size() + kPlain.size());
  } else if (!name.ends_with(kPlain)) {
    return;
  }
  file.path = format("{}/{}/{}", place, folder, name);
  const std::string key = format("{}/{}", folder, asked);
  const auto known = files.find(key);
  if (known == files.end()) {
    files.emplace(key, std::move(file));
    return;
  }
  // In one place the plain file goes before .zst, and that before .xz.
  const auto rank = [](Compression compression) {
    return compression == Compression::None ? 0 : (compression == Compression::Zstd ? 1 : 2);
  };
  const bool same_place = known->second.path.starts_with(format("{}/{}/", place, folder));
  if (same_place && rank(file.compression) < rank(known->second.compression)) {
    known->second = std::move(file);
  }
}

}  // namespace cleave
