// QEMU's command line, as text and as /proc/PID/cmdline: bounded, and the reduced one says the
// same.
#include "facts/qemu_command_line.h"
#include "fuzz.h"

namespace {

void check(const std::vector<std::string>& arguments) {
  using cleave::fuzz::require;
  const cleave::GuestSettings settings = cleave::parse_qemu_command_line(arguments);
  require(settings.devices.size() <= 64);
  require(settings.unknown.size() <= 32);
  const auto reduced = cleave::reduced_command_line(arguments, "vm1");
  require(reduced.size() <= arguments.size());
  const cleave::GuestSettings again = cleave::parse_qemu_command_line(reduced);
  require(again.devices.size() == settings.devices.size());
  require(again.is_windows() == settings.is_windows());
  require(again.firmware == settings.firmware);
  require(cleave::reduced_command_line(reduced, "vm1") == reduced);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = cleave::fuzz::text_of(data, size);
  check(cleave::split_arguments(text));
  check(cleave::split_command_line(text));
  return 0;
}
