// Words of a kernel command line: which are missing, which may be written.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "facts/kernel.h"
#include "plan/boot/loader.h"

namespace cleave {
namespace {

// Parameters whose occurrences the kernel adds up, each a list (drivers/iommu/intel/iommu.c,
// intel_iommu_setup; drivers/iommu/amd/init.c, parse_amd_iommu_options; arch/x86/kernel/pci-dma.c,
// iommu_setup).
constexpr std::array<std::string_view, 3> kLists = {"intel_iommu", "amd_iommu", "iommu"};

bool has_item(const KernelCommandLine& line, std::string_view name, std::string_view item) {
  return std::ranges::any_of(line.arguments, [&](const KernelArgument& argument) {
    if (argument.name != name || !argument.value) return false;
    const auto items = split(*argument.value, ',');
    return std::ranges::find(items, item) != items.end();
  });
}

bool is_effective(const KernelCommandLine& line, const KernelArgument& wanted) {
  if (std::ranges::find(kLists, wanted.name) != kLists.end() && wanted.value) {
    return std::ranges::all_of(split(*wanted.value, ','), [&](std::string_view item) {
      return has_item(line, wanted.name, item);
    });
  }
  return line.last_value(wanted.name) == wanted.value.value_or("");
}

bool is_harmless(char byte) {
  constexpr std::string_view kMarks = "._,:=+@%/!*-";
  const bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
  return letter || (byte >= '0' && byte <= '9') || kMarks.find(byte) != std::string_view::npos;
}

}  // namespace

std::vector<std::string> words_to_add(std::string_view command_line,
                                      const std::vector<std::string>& words) {
  const KernelCommandLine line = parse_kernel_command_line(command_line);
  std::vector<std::string> missing;
  for (const std::string& word : words) {
    const KernelCommandLine wanted = parse_kernel_command_line(word);
    const bool there = wanted.arguments.size() == 1 && is_effective(line, wanted.arguments.front());
    if (!there) missing.push_back(word);
  }
  return missing;
}

Result<void> check_words(const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    if (!word.empty() && word.front() != '-' && std::ranges::all_of(word, is_harmless)) continue;
    Error error;
    error.code = ErrorCode::Malformed;
    error.message = {N_("“{word}” cannot be written into a boot loader's files."),
                     {{"word", printable(word)}}};
    return error;
  }
  return {};
}

}  // namespace cleave
