// Text that may hold tables.
#include "analysis/explain/kinds.h"
#include "facts/acpidump.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using cleave::fuzz::require;
  const std::string_view text = cleave::fuzz::text_of(data, size);
  const cleave::AcpiDump dump = cleave::parse_acpidump(text);
  std::size_t last_line = 0;
  std::size_t bytes = 0;
  for (const cleave::AcpiDumpTable& table : dump.tables) {
    require(!table.bytes.empty() || table.bad_line != 0);
    require(table.line > last_line);
    last_line = table.line;
    bytes += table.bytes.size();
  }
  // Two digits make a byte.
  require(bytes * 2 <= size);
  (void)cleave::kAcpiTableExplainer.recognise(text);
  (void)cleave::to_text(cleave::kAcpiTableExplainer.explain(text).decoded);
  return 0;
}
