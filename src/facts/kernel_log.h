// A kernel log as people paste it: dmesg in any of its time formats, journalctl, syslog, raw
// /dev/kmsg records, quoted in a mail or in Markdown, coloured, with CRLF. Pure: bytes in, lines
// out, one after the other and without a copy of the whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cleave {

struct KernelLogLine {
  std::size_t number = 0;  // from 1
  // The message without what stands in front of it. At most 8,192 bytes: the kernel's own limit
  // is 2,048 (PRINTK_MESSAGE_MAX of kernel/printk/internal.h); what is longer is cut.
  std::string_view text;
  std::optional<std::uint64_t> microseconds;  // since boot, where the line tells that
  bool prefixed = false;       // something showed that this is a line of a log: a time, a priority
  bool other_program = false;  // a journal's line that another program than the kernel wrote
};

// Gives the lines of `bytes` one by one, in linear time, whatever the bytes are. `bytes` must
// outlive the reader; a line's text is valid until the next call of next().
class KernelLogReader {
 public:
  explicit KernelLogReader(std::string_view bytes) : rest_(bytes) {}
  std::optional<KernelLogLine> next();

 private:
  std::string_view rest_;
  std::size_t number_ = 0;
  std::string without_colours_;
};

// "0000:00:02.0" at the start of `text`; empty if there is none. Bus addresses of the log always
// have their domain.
std::string_view leading_pci_address(std::string_view text);

}  // namespace cleave
