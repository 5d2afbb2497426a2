#include "ways/preparing.h"

#include <algorithm>
#include <array>
#include <utility>

#include "analysis/rules/checks.h"
#include "base/text.h"

namespace cleave {
namespace {

// The group that may open /dev/kvm on all distributions (50-udev-default.rules of systemd).
constexpr const char* kGroup = "kvm";

HostLine node_rights() {
  // vfio_group_devnode in drivers/vfio/group.c: the groups' nodes; /dev/vfio/vfio itself is open to
  // everybody and of another subsystem.
  return {.file = HostFile::Udev,
          .line = R"(SUBSYSTEM=="vfio", GROUP="kvm", MODE="0660")",
          .reason = {N_("QEMU runs as you and not as root, and has to open the device in "
                        "/dev/vfio.")},
          .cost = {N_("Everybody in the group kvm can use devices that are made for virtual "
                      "machines.")}};
}

// Nodes of devices (drivers/vfio/vfio_main.c), and the one that maps memory for all of them
// (drivers/iommu/iommufd/main.c), which gives nobody anything by itself.
HostLine device_node_rights() {
  return {.file = HostFile::Udev,
          .line = R"(SUBSYSTEM=="vfio-dev", GROUP="kvm", MODE="0660")",
          .reason = {N_("This kernel has no groups of VFIO; QEMU opens the device itself, in "
                        "/dev/vfio/devices.")},
          .cost = {N_("Everybody in the group kvm can use devices that are made for virtual "
                      "machines.")}};
}
HostLine iommu_rights() {
  return {.file = HostFile::Udev,
          .line = R"(SUBSYSTEM=="misc", KERNEL=="iommu", GROUP="kvm", MODE="0660")",
          .reason = {N_("With it QEMU maps the guest's memory for the device; alone it opens "
                        "nothing.")},
          .cost = {}};
}

// No VM has more than the machine; what cannot be read is no bound. In whole GiB, since what the
// kernel keeps for itself differs a little from one to the next.
std::optional<std::uint64_t> memory_of(const Facts& facts) {
  constexpr std::uint64_t kGibibyte = std::uint64_t{1} << 30U;
  const std::uint64_t* bytes = facts.memory_bytes.value();
  if (bytes == nullptr) return std::nullopt;
  return (*bytes + kGibibyte - 1) / kGibibyte * kGibibyte;
}

HostLine login_limit(const Facts& facts) {
  // limits.conf(5) counts in KiB.
  const auto bytes = memory_of(facts);
  return {.file = HostFile::Limits,
          .line = "@kvm - memlock " + (bytes ? std::to_string(*bytes >> 10U) : "unlimited"),
          .reason = {N_("The guest's memory is locked while a device works on it; the usual limit "
                        "of 8 MB is too small for that.")},
          .cost = {
              N_("Everybody in the group kvm can keep as much memory from being swapped out as the "
                 "machine has.")}};
}

// Programs of a desktop are started by the user's own systemd, which does not look at limits.conf
// (pam_limits is not in its PAM stack, /etc/pam.d/systemd-user).
HostLine desktop_limit(const Facts& facts) {
  const auto bytes = memory_of(facts);
  return {.file = HostFile::UserManager,
          .line = "LimitMEMLOCK=" + (bytes ? std::to_string(*bytes) : "infinity"),
          .reason = {N_("A desktop's programs do not get the limits of a login.")},
          .cost = {}};
}

// Needs that a person has to meet before anything else: without them what cleave writes is of no
// use, or takes the host's screen away (xe without its firmware, a module that is refused). The
// arguments of vfio_ids are a person's, and cleave takes nothing off the command line.
constexpr std::array<std::string_view, 13> kFirst = {"gvt_g.kernel_span",
                                                     "gvt_g.kernel_config",
                                                     "gvt_g.vfio_ids",
                                                     "sr_iov.kernel",
                                                     "sr_iov.in_tree_driver",
                                                     "sr_iov.dkms_module",
                                                     "sr_iov.firmware_file",
                                                     "host.signed_modules",
                                                     "passthrough.module_vfio_pci",
                                                     "virtio_gpu.kernel_blobs",
                                                     "virtio_gpu.venus",
                                                     "virtio_gpu.render_server",
                                                     "virtio_gpu.native_context"};

bool comes_first(const Rule& rule) {
  switch (rule.fixer) {
    case Fixer::Firmware:
    case Fixer::Vendor:
    case Fixer::Nobody:
      return true;
    case Fixer::Cleave:
    case Fixer::User:
      break;
  }
  return std::ranges::find(kFirst, std::string_view(rule.id)) != kFirst.end();
}

bool has_group(const Facts& facts) { return facts.user.group(kGroup) != nullptr; }

}  // namespace

bool fails(std::string_view rule, const Subject& subject) {
  const Rule* row = find_rule(rule);
  return row != nullptr && row->check(subject).kind == OutcomeKind::Fail;
}

std::optional<Error> what_comes_first(const std::vector<const Finding*>& deciding) {
  std::optional<Error> error;
  for (const Finding* finding : deciding) {
    const Rule& rule = *finding->rule;
    if (finding->outcome.kind != OutcomeKind::Fail || !comes_first(rule)) continue;
    const Message why = {rule.why, finding->outcome.arguments};
    if (error) {
      error->context.push_back(why);
    } else {
      error = refusal(why, {rule.remedy, finding->outcome.arguments});
    }
  }
  return error;
}

std::vector<Message> left_to_people(const Finding& finding) {
  const Rule& rule = *finding.rule;
  if (finding.outcome.kind != OutcomeKind::Fail || rule.fixer != Fixer::User) return {};
  return {{rule.why, finding.outcome.arguments}, {rule.remedy, finding.outcome.arguments}};
}

Error refusal(Message why, Message remedy) {
  Error error;
  error.code = ErrorCode::Unsupported;
  error.message = std::move(why);
  error.remedy = std::move(remedy);
  return error;
}

HostLine module_at_boot(std::string name, Message reason) {
  return {.file = HostFile::ModulesLoad,
          .line = std::move(name),
          .reason = std::move(reason),
          .cost = {}};
}

std::string given_value(const Facts& facts, std::string_view name) {
  const KernelCommandLine* line = facts.kernel.command_line.value();
  return line == nullptr ? "" : line->last_value(name).value_or("");
}

std::string list_with(std::string_view list, std::string_view item, std::string_view contrary) {
  std::vector<std::string> kept;
  bool there = false;
  bool contradicts = false;
  for (const std::string_view one : split(list, ',')) {
    const std::string word = lower_case(one);
    there = there || word == item;
    contradicts = contradicts || word == contrary;
    if (!one.empty() && word != item && word != contrary) kept.emplace_back(one);
  }
  // Unchanged to the byte, so that it is recognised as what is there already.
  if (there && !contradicts) return std::string(list);
  kept.emplace_back(item);
  return join(kept, ",");
}

Preparation vfio_rights(const Facts& facts, const char* without_group) {
  Preparation rights;
  rights.sees_to_suspends = true;
  if (!has_group(facts)) {
    rights.remarks.push_back({without_group, {{"group", kGroup}}});
    return rights;
  }
  const bool groups = facts.platform.vfio_groups.value_or(true);
  rights.lines = groups ? std::vector<HostLine>{node_rights()}
                        : std::vector<HostLine>{device_node_rights(), iommu_rights()};
  rights.lines.push_back(login_limit(facts));
  rights.lines.push_back(desktop_limit(facts));
  return rights;
}

std::optional<Message> igfx_off_remark(const Facts& facts) {
  const auto told = argument_igfx_off(facts);
  if (!told) return std::nullopt;
  return Message(N_("{argument} stays as it is: igfx_off leaves the integrated GPU out of the "
                    "IOMMU, which GVT-g does not need."),
                 {{"argument", told->text}});
}

}  // namespace cleave
