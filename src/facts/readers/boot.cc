// How the machine was booted: what the loader left in EFI variables (the Boot Loader Interface).
#include "base/text.h"
#include "facts/readers/readers.h"

namespace cleave {
namespace {

constexpr const char* kLoaderInfo =
    "/sys/firmware/efi/efivars/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
constexpr std::size_t kVariableAttributes = 4;  // bytes before a variable's value in efivarfs

// UTF-16, little-endian; loaders write ASCII only.
Fact<std::string> read_loader_info(const HostReader& host) {
  const auto variable = host.read_file(kLoaderInfo);
  if (!variable) return fact_from_error<std::string>(variable.error(), kLoaderInfo);
  if (variable->size() <= kVariableAttributes) {
    return Unreadable{.path = kLoaderInfo, .why = "too short"};
  }
  std::string name;
  for (std::size_t i = kVariableAttributes; i + 1 < variable->size(); i += 2) {
    if ((*variable)[i] == '\0') break;
    name += (*variable)[i];
  }
  return {printable(name), kLoaderInfo};
}

}  // namespace

BootFacts read_boot(const HostReader& host) {
  BootFacts boot;
  boot.loader = read_loader_info(host);
  return boot;
}

}  // namespace cleave
