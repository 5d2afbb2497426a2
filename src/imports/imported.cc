#include "imports/imported.h"

#include <algorithm>

#include "base/text.h"
#include "imports/importing.h"
#include "vm/definition_text.h"

namespace cleave {
namespace {

constexpr std::size_t kLargest = std::size_t{1} << 20U;
constexpr std::size_t kLongestName = 63;

// The nearest name that a VM of cleave's can have.
std::string possible_name(std::string_view name) {
  std::string good;
  for (const char letter : name.substr(0, kLongestName)) {
    const std::string one(1, letter);
    const bool fits = is_vm_name(good + one);
    if (fits) {
      good += letter;
    } else if (!good.empty()) {
      good += '-';
    }
  }
  return good.empty() ? "imported" : good;
}

void name_it(Draft& draft, std::string_view name, std::string_view fallback_name) {
  const std::string own = draft.vm.name;
  if (!name.empty()) {
    draft.vm.name = name;
  } else if (!own.empty()) {
    draft.vm.name = possible_name(own);
    if (draft.vm.name != own) {
      draft.lose(0, {N_("The name “{name}”: here it is {other}."),
                     {{"name", printable(own)}, {"other", draft.vm.name}}});
    }
  } else {
    draft.vm.name = possible_name(fallback_name);
  }
  Vm& vm = draft.vm;
  if (vm.gpu && vm.gpu->uuid.empty()) vm.gpu->uuid = vgpu_uuid(vm.name);
  for (std::uint32_t i = 0; i < vm.networks.size(); ++i) {
    if (vm.networks[i].mac.empty()) vm.networks[i].mac = network_address(vm.name, i);
  }
}

// Where the text gave disks no order, or some: they follow those that have one.
void order_disks(Vm& vm) {
  std::uint32_t last = 0;
  for (const Vm::Disk& disk : vm.disks) last = std::max(last, disk.boot_index);
  for (Vm::Disk& disk : vm.disks) {
    if (disk.boot_index == 0) disk.boot_index = ++last;
  }
}

// A device of the host keeps all of the guest's memory where it is (vm/check_screen.cc).
void take_balloon_away(Draft& draft) {
  Vm& vm = draft.vm;
  if (!vm.balloon || !vm.gpu || vm.gpu->way == "virtio-gpu") return;
  vm.balloon = false;
  draft.lose(0,
             {N_("The memory balloon: with a device of the host the guest's memory stays where it "
                 "is.")});
}

}  // namespace

std::optional<ImportFormat> import_format_named(std::string_view name) {
  if (name == "libvirt") return ImportFormat::Libvirt;
  if (name == "qemu") return ImportFormat::Qemu;
  return std::nullopt;
}

std::optional<ImportFormat> import_format_of(std::string_view text) {
  if (trim(text).starts_with('<')) return ImportFormat::Libvirt;
  if (text.find("qemu") != std::string_view::npos || text.find("kvm") != std::string_view::npos) {
    return ImportFormat::Qemu;
  }
  return std::nullopt;
}

Result<ImportedVm> import_vm(ImportFormat format, std::string_view text, std::string_view name,
                             std::string_view fallback_name) {
  if (text.size() > kLargest) {
    return error_of(ErrorCode::Unsupported, {N_("The text is larger than 1 MiB")});
  }
  Draft draft =
      TRY(format == ImportFormat::Libvirt ? draft_from_libvirt(text) : draft_from_qemu(text));
  name_it(draft, name, fallback_name);
  order_disks(draft.vm);
  take_balloon_away(draft);
  ImportedVm imported;
  imported.text = definition_text(draft.vm);
  imported.not_carried = std::move(draft.not_carried);
  std::ranges::stable_sort(imported.not_carried, {}, &LostPart::line);
  CheckedDefinition checked = TRY(read_definition(imported.text, "imported.toml", "/"));
  if (checked.vm) {
    imported.vm = std::move(*checked.vm);
    return imported;
  }
  const DefinitionProblem& problem = checked.problems.front();
  return error_of(ErrorCode::Malformed,
                  {N_("What it describes can be no VM here: {problem}"),
                   {{"problem", replace_all(english(problem.message), "{key}", problem.key)}}},
                  {N_("Change that in the file, and import it again.")});
}

}  // namespace cleave
