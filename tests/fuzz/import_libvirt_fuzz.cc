// libvirt's domains: whatever they say, what comes of them is a VM or an error that says why.
#include "fuzz.h"
#include "imports/imported.h"
#include "vm/definition_text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using cleave::fuzz::require;
  const auto imported = cleave::import_vm(cleave::ImportFormat::Libvirt,
                                          cleave::fuzz::text_of(data, size), "", "fuzz");
  if (!imported) {
    require(!english(imported.error()).empty());
    return 0;
  }
  require(cleave::is_vm_name(imported->vm.name));
  const auto again = cleave::read_definition(imported->text, "again.toml", "/");
  require(again && again->vm);
  require(definition_text(*again->vm, cleave::WrittenKeys::All) ==
          definition_text(imported->vm, cleave::WrittenKeys::All));
  return 0;
}
