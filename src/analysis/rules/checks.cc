#include "analysis/rules/checks.h"

#include <algorithm>

#include "base/text.h"

namespace cleave {

Evidence device_evidence(const PciDevice& gpu) {
  return {gpu.sysfs_path, format("{:04x}:{:04x}", gpu.vendor_id, gpu.device_id)};
}

const MdevParent* parent_of(const Subject& subject) {
  const std::vector<MdevParent>* parents = subject.facts.mdev_parents.value();
  if (parents == nullptr || subject.gpu == nullptr) return nullptr;
  const auto found = std::ranges::find(*parents, subject.gpu->address, &MdevParent::pci);
  return found == parents->end() ? nullptr : &*found;
}

std::optional<Evidence> types_offered(const Subject& subject) {
  const MdevParent* parent = parent_of(subject);
  if (parent == nullptr) return std::nullopt;
  std::vector<std::string> ids;
  for (const MdevType& type : parent->types) {
    if (type.id.find("GVTg_V") != std::string::npos) ids.push_back(type.id);
  }
  if (ids.empty()) return std::nullopt;
  return Evidence{parent->sysfs_path + "/mdev_supported_types", join(ids, " ")};
}

const IntelGpu* intel_gpu(const PciDevice& gpu) {
  return gpu.vendor_id == kIntelVendorId ? find_intel_gpu(gpu.device_id) : nullptr;
}

bool may_have_gvt_g(const Subject& subject) {
  if (subject.gpu == nullptr || subject.gpu->vendor_id != kIntelVendorId) return false;
  const IntelGpu* known = intel_gpu(*subject.gpu);
  return known == nullptr || known->gvt_g || types_offered(subject).has_value();
}

ParameterState module_parameter(const Facts& facts, std::string_view module,
                                std::string_view parameter) {
  const std::string argument = format("{}.{}", module, parameter);
  const auto& parameters = facts.kernel.module(module).parameters;
  const auto live = parameters.find(parameter);
  ParameterState state;
  if (live != parameters.end()) {
    if (const std::string* value = live->second.value()) {
      state.value = *value;
      state.evidence = {live->second.source(), *value};
      return state;
    }
    if (const auto unread = missing(live->second)) {
      state.certain = false;
      state.evidence = *unread;
    }
  }
  const KernelCommandLine* line = facts.kernel.command_line.value();
  if (line == nullptr) {
    const Fact<KernelCommandLine>& unseen = facts.kernel.command_line;
    if (state.certain) {
      state.evidence = missing(unseen).value_or(Evidence{unseen.source(), "absent"});
    }
    state.certain = false;
    return state;
  }
  state.value = line->last_value(argument);
  // Where the live value is closed, its own evidence tells more than a silent command line.
  if (state.value) {
    state.evidence = {facts.kernel.command_line.source(), format("{}={}", argument, *state.value)};
  } else if (state.certain) {
    state.evidence = {facts.kernel.command_line.source(), format("{} is not given", argument)};
  }
  return state;
}

std::optional<Evidence> argument_igfx_off(const Facts& facts) {
  const KernelCommandLine* line = facts.kernel.command_line.value();
  if (line == nullptr) return std::nullopt;
  for (const KernelArgument& argument : line->arguments) {
    if (argument.name != "intel_iommu" || !argument.value) continue;
    for (const std::string_view option : split(*argument.value, ',')) {
      if (option == "igfx_off") {
        return Evidence{facts.kernel.command_line.source(), "intel_iommu=" + *argument.value};
      }
    }
  }
  return std::nullopt;
}

bool is_kernel_true(std::string_view value) {
  if (value.empty()) return true;
  const std::string word = lower_case(value);
  return word.starts_with('y') || word.starts_with('t') || word.starts_with('1') || word == "on";
}

std::optional<KernelVersion> parse_kernel_version(std::string_view release) {
  const auto parts = split(release, '.');
  if (parts.size() < 2) return std::nullopt;
  const std::string_view minor_text = parts[1].substr(0, parts[1].find_first_not_of("0123456789"));
  const auto major = parse_unsigned<std::uint32_t>(parts[0]);
  const auto minor = parse_unsigned<std::uint32_t>(minor_text);
  if (!major || !minor) return std::nullopt;
  return KernelVersion{*major, *minor};
}

}  // namespace cleave
