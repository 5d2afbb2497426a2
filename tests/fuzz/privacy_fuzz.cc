// Taking private things out: a second time changes nothing, and a name that was known is gone.
// The first line of the input names a user and a host, the second a path; the rest is its text.
#include <algorithm>

#include "app/privacy.h"
#include "base/text.h"
#include "fuzz.h"

namespace {

std::string scrubbed(const cleave::Identity& identity, std::string_view path,
                     std::string_view text) {
  const cleave::TextKind kind = cleave::text_kind_of(path, text);
  cleave::Scrubber scrubber(identity);
  scrubber.learn_path(path);
  scrubber.learn(text, kind);
  scrubber.settle();
  (void)scrubber.scrub_path(path);
  return scrubber.scrub(text, kind);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = cleave::fuzz::text_of(data, size);
  cleave::Identity identity;
  const auto take_line = [&text] {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    return line;
  };
  const auto names = cleave::words(take_line());
  if (!names.empty()) identity.users.emplace_back(names[0]);
  if (names.size() > 1) identity.hosts.emplace_back(names[1]);
  const std::string path(take_line());
  const std::string once = scrubbed(identity, path, text);
  // Judged alike the second time: what is binary stays so.
  if (cleave::text_kind_of(path, once) == cleave::text_kind_of(path, text)) {
    cleave::fuzz::require(scrubbed(identity, path, once) == once);
  }
  cleave::fuzz::require(cleave::scrub_pci_config(std::string(text)).size() == text.size());
  const std::string modules = cleave::scrub_module_list(text);
  cleave::fuzz::require(modules.size() == text.size());
  cleave::fuzz::require(cleave::scrub_module_list(modules) == modules);
  return 0;
}
