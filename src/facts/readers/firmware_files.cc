// Which firmware files for i915 and xe there are, where the kernel looks for them
// (drivers/base/firmware_loader/main.c, fw_path). Names only: no file is opened.
#include "base/format.h"
#include "base/text.h"
#include "facts/readers/readers.h"

namespace cleave {
namespace {

std::vector<std::string> places(const HostReader& host, std::string_view release) {
  std::vector<std::string> found;
  const auto own = read_text_fact(host, "/sys/module/firmware_class/parameters/path");
  if (const std::string* place = own.value(); place != nullptr && place->starts_with('/')) {
    found.push_back(normal_path(*place));
  }
  if (!release.empty()) found.push_back(format("/lib/firmware/updates/{}", release));
  found.emplace_back("/lib/firmware/updates");
  if (!release.empty()) found.push_back(format("/lib/firmware/{}", release));
  found.emplace_back("/lib/firmware");
  return found;
}

}  // namespace

Fact<FirmwareFiles> read_gpu_firmware(const HostReader& host, std::string_view release) {
  FirmwareFiles files;
  bool looked = false;
  for (const std::string& place : places(host, release)) {
    // Most of the places are not there: one question instead of two.
    const auto found = host.status(place);
    if (!found && found.error().code == ErrorCode::NotFound) continue;
    if (!found) return fact_from_error<FirmwareFiles>(found.error(), place);
    looked = true;
    for (const char* folder : {"i915", "xe"}) {
      const std::string directory = join_path(place, folder);
      const auto names = host.list_directory(directory);
      if (!names && names.error().code == ErrorCode::NotFound) continue;
      if (!names) return fact_from_error<FirmwareFiles>(names.error(), directory);
      for (const std::string& name : *names) add_firmware_file(files, place, folder, name);
    }
  }
  if (!looked) return {Absent{}, "/lib/firmware"};
  return {std::move(files), "/lib/firmware"};
}

}  // namespace cleave
