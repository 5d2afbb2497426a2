// What boot.cc joins: one source of facts about booting per file.
#pragma once

#include "facts/readers/readers.h"

namespace cleave {

// Known true or false; Unreadable where nobody may look.
Fact<bool> read_presence(const HostReader& host, const std::string& path);

// A text that `parse` understands or refuses with an empty optional: then it is Unreadable.
template <typename T, typename Parse>
Fact<T> read_parsed(const HostReader& host, const std::string& path, Parse parse,
                    std::size_t limit = kDefaultReadLimit) {
  const auto text = host.read_file(path, limit);
  if (!text) return fact_from_error<T>(text.error(), path);
  std::optional<T> value = parse(*text);
  if (!value) return Unreadable{.path = path, .why = "not understood"};
  return {std::move(*value), path};
}

void read_grub(const HostReader& host, BootFacts& boot);           // boot_grub.cc
void read_loader_places(const HostReader& host, BootFacts& boot);  // boot_places.cc

}  // namespace cleave
