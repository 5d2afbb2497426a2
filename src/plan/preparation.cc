#include "plan/preparation.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace cleave {
namespace {

// "options kvm ignore_msrs=1 report_ignored_msrs=0" → "kvm.ignore_msrs=1", …
void add_options(std::string_view line, std::vector<std::string>& all) {
  const auto parts = words(line);
  if (parts.size() < 3 || parts[0] != "options") return;
  for (std::size_t i = 2; i < parts.size(); ++i) {
    all.push_back(std::string(parts[1]) + "." + std::string(parts[i]));
  }
}

}  // namespace

void merge(Preparation& all, Preparation more) {
  for (KernelWord& argument : more.arguments) {
    if (std::ranges::find(all.arguments, argument.word, &KernelWord::word) != all.arguments.end()) {
      continue;
    }
    all.arguments.push_back(std::move(argument));
  }
  for (HostLine& line : more.lines) {
    const bool there = std::ranges::any_of(all.lines, [&line](const HostLine& known) {
      return known.file == line.file && known.line == line.line;
    });
    if (!there) all.lines.push_back(std::move(line));
  }
  for (EarlyDevice& device : more.early_devices) {
    if (std::ranges::find(all.early_devices, device) != all.early_devices.end()) continue;
    all.early_devices.push_back(std::move(device));
  }
  if (all.initramfs_tool.empty()) all.initramfs_tool = std::move(more.initramfs_tool);
  all.vgpus_come_back = all.vgpus_come_back || more.vgpus_come_back;
  all.sees_to_suspends = all.sees_to_suspends || more.sees_to_suspends;
  for (Message& remark : more.remarks) all.remarks.push_back(std::move(remark));
}

std::vector<std::string> words_of(const std::vector<KernelWord>& arguments) {
  std::vector<std::string> all;
  for (const KernelWord& argument : arguments) all.push_back(argument.word);
  return all;
}

std::vector<std::string> trial_words(const std::vector<HostLine>& lines) {
  std::vector<std::string> modules;
  std::vector<std::string> all;
  for (const HostLine& line : lines) {
    if (line.file == HostFile::ModulesLoad) modules.push_back(line.line);
    if (line.file == HostFile::Modprobe) add_options(line.line, all);
  }
  if (!modules.empty()) all.push_back("modules_load=" + join(modules, ","));
  return all;
}

}  // namespace cleave
