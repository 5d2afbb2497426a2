#include "facts/boot_menu.h"

#include <algorithm>
#include <iterator>

#include "base/text.h"

namespace cleave {
namespace {

using Entries = std::vector<BootEntry>;

template <typename T>
bool is_true(const Fact<T>& fact) {
  const T* value = fact.value();
  return value != nullptr && *value;
}

std::string_view last_part(std::string_view path) {
  return path.substr(path.find_last_of("/\\") + 1);
}

void add_place_entries(const Facts& facts, bool by_grub, Entries& entries) {
  const GrubEnvironment environment = facts.boot.grub_environment.value_or({});
  for (const LoaderPlace& place : facts.boot.places) {
    for (const BootEntry& entry : place.entries.value_or({})) {
      entries.push_back(by_grub ? expand_loader_entry(entry, environment) : entry);
    }
  }
}

template <typename Predicate>
Entries filtered(const Entries& entries, Predicate predicate) {
  Entries found;
  std::ranges::copy_if(entries, std::back_inserter(found), predicate);
  return found;
}

}  // namespace

std::string_view without_device(std::string_view path) {
  if (!path.starts_with('(')) return path;
  const std::size_t end = path.find(')');
  return end == std::string_view::npos ? path : path.substr(end + 1);
}

std::vector<BootEntry> menu_entries(const Facts& facts, LoaderKind kind, BootWriter writer) {
  Entries entries;
  const auto append = [&entries](const Entries& more) {
    entries.insert(entries.end(), more.begin(), more.end());
  };
  switch (kind) {
    case LoaderKind::Grub: {
      const GrubConfig* config = facts.boot.grub_config.value();
      if (config != nullptr) append(config->entries);
      // Where grub.cfg is closed, its entries may still be open (0644 below 0755).
      const GrubSettings* settings = facts.boot.grub_settings.value();
      const bool wanted =
          settings != nullptr && settings->merged.value_of("GRUB_ENABLE_BLSCFG") == "true";
      const bool others = is_true(facts.boot.ostree) || writer == BootWriter::Sdbootutil;
      if (others || (config != nullptr ? config->loader_entries : wanted)) {
        add_place_entries(facts, true, entries);
      }
      break;
    }
    case LoaderKind::SystemdBoot:
      add_place_entries(facts, false, entries);
      break;
    case LoaderKind::Refind:
      append(facts.boot.refind_linux.value_or({}));
      append(facts.boot.refind_stanzas.value_or({}));
      break;
    case LoaderKind::Limine:
      append(facts.boot.limine_config.value_or({}));
      break;
    case LoaderKind::UnifiedImage:
    case LoaderKind::Unknown:
    case LoaderKind::Other:
      break;
  }
  // What is inside an image cannot be compared.
  std::erase_if(entries, [](const BootEntry& entry) { return entry.unified; });
  return entries;
}

std::vector<BootEntry> entries_of_running(const Facts& facts, LoaderKind kind,
                                          const std::vector<BootEntry>& entries) {
  const KernelCommandLine* running = facts.kernel.command_line.value();
  const auto image = running != nullptr ? running->last_value("BOOT_IMAGE") : std::nullopt;
  const std::string selected = lower_case(facts.boot.entry_selected.value_or(""));
  if (kind == LoaderKind::SystemdBoot && !selected.empty()) {
    const std::string id = entry_id(selected);
    return filtered(entries, [&](const BootEntry& entry) { return lower_case(entry.id) == id; });
  }
  if (const auto deployment = running != nullptr ? running->last_value("ostree") : std::nullopt) {
    return filtered(entries, [&](const BootEntry& entry) {
      return parse_kernel_command_line(entry.arguments).last_value("ostree") == deployment;
    });
  }
  if (image) {
    const auto same = filtered(entries, [&](const BootEntry& entry) {
      return without_device(entry.kernel) == without_device(*image);
    });
    if (!same.empty()) return same;
    return filtered(entries, [&](const BootEntry& entry) {
      return last_part(entry.kernel) == last_part(*image);
    });
  }
  const std::string release = facts.kernel.release.value_or("");
  if (!release.empty()) {
    const auto same = filtered(entries, [&](const BootEntry& entry) {
      return entry.version == release || entry.kernel.ends_with(release) ||
             entry.kernel.contains("/" + release + "/");
    });
    if (!same.empty()) return same;
  }
  return entries;
}

}  // namespace cleave
