#include "facts/kernel.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto line = cleave::parse_kernel_command_line(cleave::fuzz::text_of(data, size));
  std::size_t length = 0;
  for (const cleave::KernelArgument& argument : line.arguments) {
    length += argument.name.size() + argument.value.value_or("").size();
    cleave::fuzz::require(line.last_value(argument.name).has_value());
  }
  cleave::fuzz::require(length <= size);  // nothing is made up
  return 0;
}
