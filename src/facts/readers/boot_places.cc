// The file systems that loaders read entries and images from: the ESP and XBOOTLDR.
#include <algorithm>

#include "base/text.h"
#include "facts/readers/boot_sources.h"

namespace cleave {
namespace {

constexpr std::size_t kMostEntries = 1000;
constexpr std::size_t kLongestEntry = std::size_t{64} << 10U;

Fact<std::vector<BootEntry>> read_loader_entries(const HostReader& host,
                                                 const std::string& directory) {
  using Entries = std::vector<BootEntry>;
  const auto names = host.list_directory(directory);
  if (!names) return fact_from_error<Entries>(names.error(), directory);
  Entries entries;
  for (const std::string& name : *names) {
    if (!name.ends_with(".conf") || entries.size() >= kMostEntries) continue;
    const std::string path = join_path(directory, name);
    const auto text = host.read_file(path, kLongestEntry);
    if (!text && text.error().code == ErrorCode::NotFound) continue;
    if (!text) return fact_from_error<Entries>(text.error(), path);
    auto entry = parse_loader_entry(*text, name);
    if (!entry) continue;
    entry->source = path;
    entries.push_back(std::move(*entry));
  }
  return {std::move(entries), directory};
}

Fact<std::vector<std::string>> read_unified_images(const HostReader& host,
                                                   const std::string& directory) {
  using Names = std::vector<std::string>;
  const auto names = host.list_directory(directory);
  if (!names) return fact_from_error<Names>(names.error(), directory);
  Names images;
  for (const std::string& name : *names) {
    // FAT keeps case as it was written and does not look at it.
    if (lower_case(name).ends_with(".efi")) images.push_back(name);
  }
  return {std::move(images), directory};
}

// The same file system, mounted or linked at two places.
bool is_same(const LoaderPlace& left, const LoaderPlace& right) {
  const auto without_sources = [](const LoaderPlace& place) {
    std::vector<BootEntry> entries = place.entries.value_or({});
    for (BootEntry& entry : entries) entry.source.clear();
    return entries;
  };
  const auto entries = without_sources(left);
  const auto images = left.unified_images.value_or({});
  if (entries.empty() && images.empty()) return false;
  return entries == without_sources(right) && images == right.unified_images.value_or({});
}

}  // namespace

void read_loader_places(const HostReader& host, BootFacts& boot) {
  for (const std::string path : {"/boot", "/boot/efi", "/efi"}) {
    const auto real = host.real_path(path);
    if (!real || *real != path) {
      // A link is another place's; what may not be seen is told by what is inside.
      if (real || real.error().code == ErrorCode::NotFound) continue;
    }
    LoaderPlace place;
    place.path = path;
    const auto parse = [](std::string_view text) {
      return std::optional(parse_loader_config(text));
    };
    place.config = read_parsed<LoaderConfig>(host, path + "/loader/loader.conf", parse);
    place.entries = read_loader_entries(host, path + "/loader/entries");
    place.unified_images = read_unified_images(host, path + "/EFI/Linux");
    const bool empty =
        place.config.is_absent() && place.entries.is_absent() && place.unified_images.is_absent();
    const bool known = std::ranges::any_of(
        boot.places, [&](const LoaderPlace& other) { return is_same(other, place); });
    if (!empty && !known) boot.places.push_back(std::move(place));
  }
}

}  // namespace cleave
