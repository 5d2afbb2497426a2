// GRUB's settings: values within bounds, and a second file read after the first.
#include <algorithm>

#include "facts/grub_defaults.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using cleave::fuzz::require;
  const std::string_view text = cleave::fuzz::text_of(data, size);
  const cleave::GrubDefaults once = cleave::parse_grub_defaults(text);
  require(once.problems.size() <= 1000);
  require(std::ranges::is_sorted(once.problems, {}, &cleave::GrubProblem::line));
  for (const auto& [name, variable] : once.variables) {
    require(!name.empty());
    require(!variable.value || variable.value->size() <= (std::size_t{1} << 16U));
  }
  const cleave::GrubDefaults twice = cleave::parse_grub_defaults(text, once);
  require(twice.variables.size() <= 4096);
  return 0;
}
