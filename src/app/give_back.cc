#include "app/give_back.h"

#include <algorithm>
#include <ranges>
#include <utility>

#include "app/installation.h"
#include "app/units.h"
#include "app/vgpu_choice.h"
#include "base/format.h"
#include "base/text.h"
#include "facts/readers/read_facts.h"
#include "host/program.h"
#include "run/reservation.h"
#include "ways/vfio_device.h"

namespace cleave {
namespace {

constexpr const char* kUnit = "cleave-give-back.service";
constexpr std::chrono::seconds kSystemdLimit(30);

// Started by systemd when a VM's scope is empty, and over a moment later.
std::string give_back_unit(const std::string& program) {
  return format(
      "# Written by cleave for this start of the machine.\n"
      "[Unit]\n"
      "Description=Give devices back to the host whose VM has ended\n"
      "\n"
      "[Service]\n"
      "Type=oneshot\n"
      "ExecStart={} vm give-back\n"
      "TimeoutStartSec=2min\n",
      program);
}

// StartTransientUnit(name, mode, properties, auxiliary units) of org.freedesktop.systemd1(5);
// OnSuccess= is started when the scope's last process has ended (systemd.unit(5)).
std::vector<std::string> scope_call(const std::string& scope, const std::string& vm,
                                    const std::vector<std::uint32_t>& processes) {
  std::vector<std::string> argv = {"busctl",
                                   "call",
                                   "org.freedesktop.systemd1",
                                   "/org/freedesktop/systemd1",
                                   "org.freedesktop.systemd1.Manager",
                                   "StartTransientUnit",
                                   "ssa(sv)a(sa(sv))",
                                   scope,
                                   "replace",
                                   "4",
                                   "Description",
                                   "s",
                                   "The virtual machine " + vm,
                                   "CollectMode",
                                   "s",
                                   "inactive-or-failed",
                                   "OnSuccess",
                                   "as",
                                   "1",
                                   kUnit,
                                   "PIDs",
                                   "au",
                                   std::to_string(processes.size())};
  for (const std::uint32_t process : processes) argv.push_back(std::to_string(process));
  argv.emplace_back("0");
  return argv;
}

std::vector<std::string> bound_devices(const Plan& plan) {
  std::vector<std::string> addresses;
  for (const Change& change : plan.changes) {
    if (const auto* bind = std::get_if<BindDriver>(&change.effect)) {
      addresses.emplace_back(base_name(bind->device));
    }
    if (const auto* release = std::get_if<ReleaseUsb>(&change.effect)) {
      addresses.emplace_back(base_name(release->device));
    }
    // Of a device that vfio-pci had before only its node changed hands.
    const auto* owner = std::get_if<ChangeOwner>(&change.effect);
    if (owner != nullptr && !owner->named_by.empty()) {
      addresses.emplace_back(base_name(directory_name(owner->named_by)));
    }
  }
  return addresses;
}

bool is_in_use(const Facts& facts, const std::string& address) {
  if (reserved_by(kReservationDirectory, address)) return true;
  const auto parsed = parse_pci_address(address);
  const PciDevice* device = parsed ? find_pci_device(facts, *parsed) : nullptr;
  return device != nullptr && !device->users.empty();
}

// The physical function whose number of functions a plan changed.
std::string parent_of(const Plan& plan) {
  for (const Change& change : plan.changes) {
    const auto* write = std::get_if<WriteAttribute>(&change.effect);
    if (write != nullptr && base_name(write->path) == "sriov_numvfs") {
      return std::string(base_name(directory_name(write->path)));
    }
  }
  return {};
}

bool may_go_back(const Facts& facts, const Plan& plan) {
  if (plan.kind == kVmDevicesPlan) {
    return std::ranges::none_of(
        bound_devices(plan), [&](const std::string& address) { return is_in_use(facts, address); });
  }
  const auto address = parse_pci_address(parent_of(plan));
  const PciDevice* parent = address ? find_pci_device(facts, *address) : nullptr;
  if (parent == nullptr) return true;
  // One that a VM has not got is with no driver; another program may have taken one.
  return std::ranges::none_of(virtual_functions_of(facts, *parent), [&](const PciDevice* function) {
    return function->driver.is_known() || is_in_use(facts, to_text(function->address));
  });
}

}  // namespace

Result<std::vector<TransactionRecord>> give_back_devices(HostWriter& host,
                                                         Transactions& transactions) {
  std::vector<TransactionRecord> given;
  // Functions after what VMs had of them.
  for (const char* kind : {kVmDevicesPlan, kVmFunctionsPlan}) {
    std::vector<TransactionRecord> records = TRY(transactions.list());
    std::erase_if(records, [&](const TransactionRecord& record) {
      return record.state != TransactionRecord::State::Applied || record.plan.kind != kind;
    });
    if (records.empty()) continue;
    const Facts facts = read_vgpu_facts(host);
    for (TransactionRecord& record : records | std::views::reverse) {
      if (!may_go_back(facts, record.plan)) continue;
      TRY(transactions.undo(record.number));
      given.push_back(std::move(record));
    }
  }
  return given;
}

Result<bool> give_back_at_the_end(HostWriter& host, const std::string& vm,
                                  const std::vector<std::uint32_t>& processes) {
  if (!host.is_live() || !is_started_by_systemd(host)) return false;
  const std::string own = TRY(own_program());
  const std::string safe = TRY(program_for_root(host, own, kStateDirectory));
  const std::string program = TRY(unit_program(safe));
  TRY(host.create_directories("/run/systemd/system", 0755));
  TRY(host.replace_file(join_path("/run/systemd/system", kUnit), give_back_unit(program)));
  // One scope a start: a VM that starts again may meet its old one.
  const std::string scope = format("cleave-vm-{}.scope", processes.front());
  const CommandOutput called =
      TRY(host.run_command(scope_call(scope, vm, processes), kSystemdLimit));
  if (called.exit_status == 0) return true;
  return error_of(ErrorCode::Io, {N_("systemd did not take the VM into a scope of its own: {why}"),
                                  {{"why", printable(trim(called.output))}}});
}

}  // namespace cleave
