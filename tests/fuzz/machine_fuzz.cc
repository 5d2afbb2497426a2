// *.machine files: whatever parses can be walked without harm.
#include "fuzz.h"
#include "host/memory_host.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto machine = cleave::parse_machine(cleave::fuzz::text_of(data, size));
  if (!machine) return 0;
  for (const auto& [path, content] : machine->snapshot()) {
    const auto status = machine->status(path);
    (void)machine->read_file(path);
    (void)machine->real_path(path);
    (void)machine->list_directory(cleave::directory_name(path));
    (void)machine->may_access(path, cleave::Access::ReadWrite);
    if (content.starts_with("-> ")) (void)machine->read_link(path);
    cleave::fuzz::require(status.has_value() || status.error().error_number != 0);
  }
  return 0;
}
