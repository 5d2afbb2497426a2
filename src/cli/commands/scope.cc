#include "cli/commands/scope.h"

#include "base/text.h"

namespace cleave {
namespace {

Error bad_value(Message message, const std::vector<std::string>& known) {
  Error error;
  error.code = ErrorCode::Malformed;
  error.message = std::move(message);
  if (!known.empty()) error.remedy = {N_("There are: {known}"), {{"known", join(known, ", ")}}};
  return error;
}

}  // namespace

Result<DiagnosisScope> read_scope(const Arguments& arguments, const Facts& facts) {
  DiagnosisScope scope;
  scope.way = arguments.get("--way");
  if (scope.way && find_way(*scope.way) == nullptr) {
    std::vector<std::string> ids;
    for (const Way* way : all_ways()) ids.emplace_back(way->id());
    return bad_value(
        {N_("There is no way “{way}” of sharing a GPU."), {{"way", printable(*scope.way)}}}, ids);
  }
  const auto address = arguments.get("--gpu");
  if (!address) return scope;
  scope.gpu = parse_pci_address(*address);
  std::vector<std::string> addresses;
  bool found = false;
  for (const PciDevice* gpu : gpus_of(facts)) {
    addresses.push_back(to_text(gpu->address));
    found = found || gpu->address == scope.gpu;
  }
  if (!found) {
    return bad_value({N_("There is no GPU at {address}."), {{"address", printable(*address)}}},
                     addresses);
  }
  return scope;
}

}  // namespace cleave
