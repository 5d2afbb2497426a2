#include "app/functions.h"

#include <algorithm>
#include <cerrno>
#include <ranges>
#include <utility>

#include "app/units.h"
#include "app/vgpu_choice.h"
#include "app/vm_reservations.h"
#include "base/format.h"
#include "base/text.h"
#include "facts/readers/read_facts.h"
#include "run/reservation.h"
#include "ways/vfio_device.h"

namespace cleave {
namespace {

constexpr std::uint16_t kNvidiaVendorId = 0x10DE;
constexpr const char* kRule = "/etc/udev/rules.d/91-cleave-functions.rules";

// A device can have functions once its driver is bound; "bind" tells that of a late one, "add" of
// the coldplug of one that the initramfs has bound. systemd starts what a device wants that it did
// not want before.
constexpr const char* kRuleText =
    "# Written by `cleave vgpu define`: asks for the unit that makes virtual functions.\n"
    R"(SUBSYSTEM=="pci", DRIVER=="?*", TEST=="sriov_numvfs", TEST=="/etc/cleave/functions/%k.json", )"
    R"(TAG+="systemd", ENV{SYSTEMD_WANTS}+="cleave-vgpus@%k.service")"
    "\n";

Result<std::vector<FunctionDefinition>> read_definitions(const HostReader& host,
                                                         std::vector<Error>& problems) {
  std::vector<FunctionDefinition> definitions;
  const auto names = host.list_directory(kFunctionDefinitions);
  if (!names && names.error().code == ErrorCode::NotFound) return definitions;
  if (!names) return names.error();
  for (const std::string& name : *names) {
    if (!name.ends_with(".json")) continue;
    const std::string text = TRY(host.read_file(join_path(kFunctionDefinitions, name)));
    auto definition = parse_function_definition(name, text);
    if (definition) {
      definitions.push_back(std::move(*definition));
    } else {
      problems.push_back(std::move(definition).error());
    }
  }
  return definitions;
}

const PciDevice* device_named(const FunctionsView& view, const std::string& name) {
  const auto address = parse_pci_address(name);
  return address ? find_pci_device(view.facts, *address) : nullptr;
}

Error no_such_device(const std::string& name) {
  return error_of(ErrorCode::NotFound,
                  {N_("There is no PCI device {device}."), {{"device", printable(name)}}},
                  {N_("“cleave devices” lists them.")});
}

// What the kernel means by refusing the number (sriov_numvfs_store, drivers/pci/iov.c).
std::optional<Message> refusal_of(int error_number, const FunctionDefinition& wanted) {
  const std::vector<Field> fields{{"device", to_text(wanted.device)}, {"count", wanted.count}};
  switch (error_number) {
    case ENODEV:
    case ENOENT:
      return Message(N_("The driver of {device} makes no virtual functions."), fields);
    case ERANGE:
      return Message(N_("{device} can have fewer than {count} virtual functions."), fields);
    case EBUSY:
      return Message(N_("{device} got another number of virtual functions a moment ago."), fields);
    case ENOSPC:
    case ENOMEM:
      return Message(N_("{device} has no room for {count} virtual functions: the firmware has left "
                        "too little address space, or the driver too little memory."),
                     fields);
    default:
      return std::nullopt;
  }
}

std::optional<Error> in_use(const PciDevice& function) {
  const std::string address = to_text(function.address);
  if (const auto by = reserved_by(kReservationDirectory, address)) {
    return reservation_taken(address, by);
  }
  if (function.users.empty()) return std::nullopt;
  return error_of(ErrorCode::Busy, {N_("{device} is in use by process {process} ({command})."),
                                    {{"device", address},
                                     {"process", function.users.front().process_id},
                                     {"command", printable(function.users.front().command)}}});
}

bool sets_number_of(const Change& change, const PciDevice& device) {
  const auto* write = std::get_if<WriteAttribute>(&change.effect);
  return write != nullptr && write->path == device.sysfs_path + "/sriov_numvfs";
}

std::optional<TransactionRecord> maker_of(std::vector<TransactionRecord> records,
                                          const PciDevice& device) {
  for (TransactionRecord& record : records | std::views::reverse) {
    const bool about = record.plan.kind == kFunctionsPlan || record.plan.kind == kVmFunctionsPlan;
    const bool stands = record.state == TransactionRecord::State::Applied;
    if (!about || !stands) continue;
    const bool made = std::ranges::any_of(
        record.plan.changes, [&](const Change& change) { return sets_number_of(change, device); });
    if (made) return std::move(record);
  }
  return std::nullopt;
}

Result<void> add_unit(const HostReader& host, const std::string& program, Plan& plan) {
  for (Change& change : TRY(vgpus_unit_changes(host, program))) {
    plan.changes.push_back(std::move(change));
  }
  const Result<std::string> before = host.read_file(kRule);
  if (before && *before == kRuleText) return {};
  Change change =
      own_file_change("functions.rule", {N_("Make them as soon as the device's driver is there")},
                      kRule, kRuleText, before ? content_hash(*before) : kAbsentFile);
  change.reason = {N_("However late the driver is loaded, udev tells systemd of it.")};
  plan.changes.push_back(std::move(change));
  return {};
}

}  // namespace

Result<FunctionsView> view_functions(const HostReader& host) {
  FunctionsView view;
  view.facts = read_vgpu_facts(host);
  name_users(host, view.facts);
  if (const Unreadable* why = view.facts.pci_devices.unreadable()) {
    Error error = error_of(ErrorCode::Denied, {N_("Could not read {path}: {why}"),
                                               {{"path", why->path}, {"why", why->why}}});
    error.path = why->path;
    return error;
  }
  // Of all modules only this one counts, which is there if its driver is.
  view.facts.kernel.modules["vfio_pci"].loaded = host.exists("/sys/bus/pci/drivers/vfio-pci");
  view.definitions = TRY(read_definitions(host, view.problems));
  return view;
}

bool has_functions(const FunctionsView& view, const std::string& name) {
  const auto address = parse_pci_address(name);
  if (!address) return false;
  const auto parents = view.facts.mdev_parents.value_or({});
  const bool is_parent =
      std::ranges::any_of(parents, [&](const MdevParent& parent) { return parent.pci == address; });
  const PciDevice* device = find_pci_device(view.facts, *address);
  const bool able = device != nullptr && device->sriov_total_vfs.value_or(0) > 0;
  return !is_parent && (able || definition_of(view, *address) != nullptr);
}

const FunctionDefinition* definition_of(const FunctionsView& view, const PciAddress& device) {
  const auto found = std::ranges::find(view.definitions, device, &FunctionDefinition::device);
  return found == view.definitions.end() ? nullptr : &*found;
}

Result<PreparedFunctions> prepare_functions(const FunctionsView& view,
                                            const FunctionDefinition& wanted) {
  const PciDevice* device = find_pci_device(view.facts, wanted.device);
  if (device == nullptr) return no_such_device(to_text(wanted.device));
  if (device->vendor_id == kNvidiaVendorId) {
    return error_of(ErrorCode::Unsupported,
                    {N_("NVIDIA's virtual functions are made by NVIDIA's own software.")},
                    {N_("sudo /usr/lib/nvidia/sriov-manage -e {device}"),
                     {{"device", to_text(device->address)}}});
  }
  PreparedFunctions prepared{.wanted = wanted, .plan = {}};
  prepared.plan = TRY(make_functions(*device, wanted.count, wanted.attributes));
  prepared.plan.kind = kFunctionsPlan;
  if (prepared.plan.empty()) return prepared;
  std::vector<PciDevice> functions;
  for (std::uint32_t index = 0; index < wanted.count; ++index) {
    functions.push_back(future_function(*device, index));
    functions.back().iommu_group = {0U, functions.back().sysfs_path};  // it will have one
  }
  HandedOver what;
  for (const PciDevice& function : functions) what.devices.push_back(&function);
  Plan binding = TRY(hand_over(view.facts, what));
  std::ranges::move(binding.changes, std::back_inserter(prepared.plan.changes));
  return prepared;
}

Result<ApplyReport> make_functions_of(Transactions& transactions,
                                      const PreparedFunctions& prepared) {
  Result<ApplyReport> report = transactions.apply(prepared.plan);
  if (report || !report.error().path.ends_with("/sriov_numvfs")) return report;
  Error error = std::move(report).error();
  if (auto sentence = refusal_of(error.error_number, prepared.wanted)) {
    error.code = ErrorCode::Conflict;
    error.message = *std::move(sentence);
    error.remedy = {N_("The kernel's log (dmesg) tells more.")};
  }
  return error;
}

Result<PreparedFunctionsRemoval> prepare_functions_removal(const FunctionsView& view,
                                                           const Transactions& transactions,
                                                           const std::string& device) {
  const PciDevice* found = device_named(view, device);
  if (found == nullptr) return no_such_device(device);
  const auto functions = virtual_functions_of(view.facts, *found);
  if (functions.empty()) {
    return error_of(ErrorCode::NotFound, {N_("{device} has no virtual functions."),
                                          {{"device", to_text(found->address)}}});
  }
  for (const PciDevice* function : functions) {
    if (auto busy = in_use(*function)) return *std::move(busy);
  }
  PreparedFunctionsRemoval prepared{.device = found->address, .made_by = {}, .plan = {}};
  prepared.plan = TRY(remove_functions(*found));
  prepared.made_by = maker_of(TRY(transactions.list()), *found);
  return prepared;
}

Result<std::uint32_t> remove_functions_of(Transactions& transactions,
                                          const PreparedFunctionsRemoval& prepared) {
  if (prepared.made_by) {
    TRY(transactions.undo(prepared.made_by->number));
    return prepared.made_by->number;
  }
  return TRY(transactions.apply(prepared.plan)).transaction;
}

Result<PreparedFunctions> prepare_functions_definition(const HostReader& host,
                                                       const FunctionsView& view,
                                                       const FunctionDefinition& wanted,
                                                       const std::string& program) {
  const PciDevice* device = find_pci_device(view.facts, wanted.device);
  if (device == nullptr) return no_such_device(to_text(wanted.device));
  const std::uint32_t total = device->sriov_total_vfs.value_or(0);
  if (wanted.count == 0 || wanted.count > total) {
    return error_of(
        ErrorCode::Malformed,
        {N_("{device} can have from 1 to {total} virtual functions, not {count}."),
         {{"device", to_text(device->address)}, {"total", total}, {"count", wanted.count}}});
  }
  PreparedFunctions prepared{.wanted = wanted, .plan = {}};
  Plan& plan = prepared.plan;
  plan.purpose = {N_("Define {count} virtual functions of {device}"),
                  {{"count", wanted.count}, {"device", to_text(device->address)}}};
  const std::string path = path_of(wanted);
  const std::string text = to_file_text(wanted);
  const Result<std::string> before = host.read_file(path);
  if (!before || *before != text) {
    Change change = own_file_change("functions.define", plan.purpose, path, text,
                                    before ? content_hash(*before) : kAbsentFile);
    change.reason = wanted.starts_by_itself
                        ? Message(N_("They are made at every start of the machine."))
                        : Message(N_("“cleave vgpu start” makes them."));
    plan.changes.push_back(std::move(change));
  }
  if (wanted.starts_by_itself) TRY(add_unit(host, program, plan));
  return prepared;
}

Result<Plan> prepare_functions_undefinition(const HostReader& host, const FunctionsView& view,
                                            const std::string& device) {
  const auto address = parse_pci_address(device);
  const FunctionDefinition* known = address ? definition_of(view, *address) : nullptr;
  if (known == nullptr) {
    return error_of(ErrorCode::NotFound, {N_("No virtual functions of {device} are defined."),
                                          {{"device", printable(device)}}});
  }
  const std::string path = path_of(*known);
  Change change;
  change.id = "functions.undefine";
  change.summary = {N_("Take the definition of {device}'s virtual functions away"),
                    {{"device", to_text(known->device)}}};
  change.reason = {N_("Those that there are stay until the next start.")};
  change.effect =
      RemoveFile{.path = path, .expected_before = content_hash(TRY(host.read_file(path)))};
  change.permanent = true;
  Plan plan;
  plan.purpose = change.summary;
  plan.changes.push_back(std::move(change));
  return plan;
}

}  // namespace cleave
