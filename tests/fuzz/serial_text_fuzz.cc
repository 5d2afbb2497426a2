// What a guest prints while it is installed: whatever it likes.
#include "fuzz.h"
#include "install/serial_text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = cleave::fuzz::text_of(data, size);
  const std::string last = cleave::last_readable_line(text);
  cleave::fuzz::require(last.size() <= text.size() && last.find('\n') == std::string::npos);
  const auto complaints = cleave::cloud_init_complaints(text);
  cleave::fuzz::require(complaints.size() <= 8);
  for (const std::string& each : complaints) cleave::fuzz::require(each.size() <= text.size());
  return 0;
}
