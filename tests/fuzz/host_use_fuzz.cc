// What /proc and sysfs of a captured machine say about the host's use of its devices, and about
// processes.
#include "facts/host_use.h"
#include "facts/process_times.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using cleave::fuzz::require;
  const std::string_view text = cleave::fuzz::text_of(data, size);
  for (const cleave::MountLine& mount : cleave::parse_mount_info(text)) {
    require(!mount.numbers.empty() && !mount.place.empty() && !mount.type.empty());
    require(mount.place.size() + mount.source.size() < size);
  }
  for (const cleave::SwapLine& swap : cleave::parse_swaps(text)) {
    require(swap.path.starts_with('/') && swap.path.size() < size);
  }
  for (const auto& interfaces :
       {cleave::default_routes(text, ""), cleave::default_routes("", text)}) {
    for (const std::string& interface : interfaces) require(!interface.empty());
  }
  (void)cleave::is_keyboard(text, text);
  require(cleave::devices_in_path(text).size() <= size);
  (void)cleave::parse_boot_time(text);
  (void)cleave::parse_process_start(text);
  return 0;
}
