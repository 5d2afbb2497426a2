// mdevctl's definitions: understood, or with a problem that says why not.
#include "facts/mdevctl_definition.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using cleave::fuzz::require;
  const std::string_view text = cleave::fuzz::text_of(data, size);
  const auto definition = cleave::parse_mdevctl_definition(
      "0000:00:02.0", "2aee154e-7d0d-11e8-88b8-6f45320c7162", text);
  if (definition.problem.empty()) {
    require(!definition.type.empty());
    const auto again = cleave::parse_mdevctl_definition(definition.parent, definition.uuid,
                                                        cleave::mdevctl_text(definition));
    require(again.problem.empty() && again.type == definition.type &&
            again.attributes == definition.attributes &&
            again.starts_by_itself == definition.starts_by_itself);
  }
  require(!cleave::parse_mdevctl_definition("x", text, "{}").problem.empty());
  return 0;
}
