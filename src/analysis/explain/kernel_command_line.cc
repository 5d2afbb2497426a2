// A kernel's command line alone: /proc/cmdline, /etc/kernel/cmdline.
#include <algorithm>
#include <array>

#include "analysis/explain/kernel_arguments.h"
#include "analysis/explain/kinds.h"
#include "base/text.h"

namespace cleave {
namespace {

// COMMAND_LINE_SIZE is 2,048 on x86 (arch/x86/include/asm/setup.h); some distributions have 4,096.
constexpr std::size_t kLongest = 8192;

// The only line that is neither empty nor a comment; empty if there are more. `number` from 1.
std::string_view only_line(std::string_view bytes, std::size_t& number) {
  std::string_view found;
  if (bytes.size() > kLongest) return {};
  const std::vector<std::string_view> all = lines(bytes);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::string_view line = trim(all[i]);
    if (line.empty() || line.starts_with('#')) continue;
    if (!found.empty()) return {};
    found = line;
    number = i + 1;
  }
  return found;
}

bool is_plain_text(std::string_view text) {
  return std::ranges::none_of(text, [](char letter) {
    return static_cast<unsigned char>(letter) < 0x20 && letter != '\t';
  });
}

// A boot loader's entry begins with such a word; its options are only a part of it.
bool is_loader_entry(std::string_view first_word) {
  constexpr std::array<std::string_view, 12> kWords = {"title",  "linux",     "initrd", "options",
                                                       "option", "menuentry", "kernel", "linuxefi",
                                                       "append", "APPEND",    "LABEL",  "efi"};
  return std::ranges::find(kWords, first_word) != kWords.end();
}

unsigned recognise_line(std::string_view bytes) {
  constexpr std::array<std::string_view, 6> kUsual = {"BOOT_IMAGE", "root", "initrd",
                                                      "rootflags",  "ro",   "rw"};
  std::size_t number = 0;
  const std::string_view line = only_line(bytes, number);
  if (line.empty() || !is_plain_text(line)) return 0;
  if (is_loader_entry(line.substr(0, line.find_first_of(" \t")))) return 0;
  const KernelCommandLine parsed = parse_kernel_command_line(line);
  unsigned sure = 0;
  for (const KernelArgument& argument : parsed.arguments) {
    const bool usual = std::ranges::find(kUsual, argument.name) != kUsual.end();
    const bool strong = usual && argument.value.has_value();
    const bool named = argument.value && matters(argument);
    if (strong || named) sure = std::max(sure, 78U);
    if (usual || matters(argument)) sure = std::max(sure, parsed.arguments.size() == 1 ? 30U : 50U);
  }
  return sure;
}

Explanation explain_line(std::string_view bytes) {
  Explanation explanation;
  std::size_t number = 0;
  const std::string_view line = only_line(bytes, number);
  annotate_arguments(line, number, explanation.annotations);
  Json arguments = Json::array();
  for (const KernelArgument& argument : parse_kernel_command_line(line).arguments) {
    arguments.push_back(
        Json::object({{"name", printable(argument.name)},
                      {"value", argument.value ? Json(printable(*argument.value)) : Json()}}));
  }
  explanation.decoded = Json::object({{"arguments", std::move(arguments)}});
  return explanation;
}

}  // namespace

const Explainer kKernelCommandLineExplainer = {.kind = "kernel-command-line",
                                               .title = N_("a kernel's command line"),
                                               .recognise = recognise_line,
                                               .explain = explain_line};

}  // namespace cleave
