// Two kernel command lines beside each other.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "facts/boot_loader.h"
#include "facts/kernel.h"

namespace cleave {
namespace {

// What a loader adds to the arguments by itself (GRUB: BOOT_IMAGE=, systemd-boot and rEFInd:
// initrd=), or what grub-mkconfig and a person may name differently (root=).
constexpr std::array<std::string_view, 3> kOfLoaders = {"BOOT_IMAGE", "initrd", "root"};
// What is added to settings when entries are written from them: by grub-mkconfig's 10_linux (ro,
// rootflags, Ubuntu's vt.handoff, ZFS' boot=zfs), by kernel-install (systemd.machine_id), by
// kernelstub (ro).
constexpr std::array<std::string_view, 7> kOfGenerators = {
    "ro", "rw", "rootflags", "rootfstype", "vt.handoff", "boot", "systemd.machine_id"};

using Values = std::vector<std::string>;  // "name=value" as written

struct Arguments {
  std::vector<std::string> names;        // in order
  std::map<std::string, Values> values;  // by name
};

std::string folded(std::string name) {
  std::ranges::replace(name, '-', '_');  // parameq of kernel/params.c
  return name;
}

// Without the name, in which dashes and underscores are the same.
std::string_view value_part(const std::string& word, const std::string& name) {
  return std::string_view(word).substr(std::min(name.size(), word.size()));
}

Arguments arguments_of(std::string_view text, bool generated) {
  Arguments found;
  for (const KernelArgument& argument : parse_kernel_command_line(text).arguments) {
    const bool aside =
        std::ranges::find(kOfLoaders, argument.name) != kOfLoaders.end() ||
        (generated && std::ranges::find(kOfGenerators, argument.name) != kOfGenerators.end());
    if (aside || argument.name.empty()) continue;
    const std::string name = folded(argument.name);
    std::string word = argument.name;
    if (argument.value) word += "=" + *argument.value;
    Values& values = found.values[name];
    if (values.empty()) found.names.push_back(name);
    // The last one of several counts; the same one twice is no difference.
    std::erase_if(values, [&](const std::string& other) {
      return value_part(other, name) == value_part(word, name);
    });
    values.push_back(std::move(word));
  }
  return found;
}

bool holds(const Values& values, const std::string& word, const std::string& name) {
  return std::ranges::any_of(values, [&](const std::string& other) {
    return value_part(other, name) == value_part(word, name);
  });
}

const Values& values_of(const Arguments& arguments, const std::string& name) {
  static const Values kNone;
  const auto found = arguments.values.find(name);
  return found == arguments.values.end() ? kNone : found->second;
}

}  // namespace

CommandLineDifference compare_command_lines(std::string_view wanted, std::string_view running,
                                            bool generated,
                                            const std::vector<std::string>& possible) {
  const Arguments left = arguments_of(wanted, generated);
  const Arguments right = arguments_of(running, generated);
  CommandLineDifference difference;
  for (const std::string& name : left.names) {
    const Values& here = values_of(left, name);
    const Values& there = values_of(right, name);
    std::size_t common = 0;
    for (const std::string& word : here) {
      if (holds(there, word, name)) {
        ++common;
      } else {
        difference.missing.push_back(word);
      }
    }
    const bool same_words = common == here.size() && here.size() == there.size();
    if (!same_words) continue;
    for (std::size_t i = 0; i < here.size(); ++i) {
      if (value_part(here[i], name) == value_part(there[i], name)) continue;
      difference.reordered.push_back(name);
      break;
    }
  }
  for (const std::string& name : right.names) {
    const Values& here = values_of(left, name);
    for (const std::string& word : values_of(right, name)) {
      const bool expected = std::ranges::find(possible, word) != possible.end();
      if (!holds(here, word, name) && !expected) difference.additional.push_back(word);
    }
  }
  return difference;
}

}  // namespace cleave
