#include "ways/preparing.h"

#include <utility>

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

HostLine login_limit() {
  return {.file = HostFile::Limits,
          .line = "@kvm - memlock unlimited",
          .reason = {N_("The guest's memory is locked while a device works on it; the usual limit "
                        "of 8 MB is too small for that.")},
          .cost = {N_("Everybody in the group kvm can keep any amount of memory from being swapped "
                      "out.")}};
}

// Programs of a desktop are started by the user's own systemd, which does not look at limits.conf
// (pam_limits is not in its PAM stack, /etc/pam.d/systemd-user).
HostLine desktop_limit() {
  return {.file = HostFile::UserManager,
          .line = "LimitMEMLOCK=infinity",
          .reason = {N_("A desktop's programs do not get the limits of a login.")},
          .cost = {}};
}

bool has_group(const Facts& facts) { return facts.user.group(kGroup) != nullptr; }

}  // namespace

bool fails(std::string_view rule, const Subject& subject) {
  const Rule* row = find_rule(rule);
  return row != nullptr && row->check(subject).kind == OutcomeKind::Fail;
}

HostLine module_at_boot(std::string name, Message reason) {
  return {.file = HostFile::ModulesLoad,
          .line = std::move(name),
          .reason = std::move(reason),
          .cost = {}};
}

Preparation vfio_rights(const Facts& facts) {
  Preparation rights;
  if (!has_group(facts)) {
    rights.remarks.push_back(
        {N_("This system has no group {group}: its devices stay with root, and “cleave vgpu create "
            "--for USER” gives one away."),
         {{"group", kGroup}}});
    return rights;
  }
  rights.lines = {node_rights(), login_limit(), desktop_limit()};
  return rights;
}

std::optional<Message> igfx_off_remark(const Facts& facts) {
  const KernelCommandLine* line = facts.kernel.command_line.value();
  if (line == nullptr) return std::nullopt;
  for (const KernelArgument& argument : line->arguments) {
    if (argument.name != "intel_iommu" || !argument.value) continue;
    for (const std::string_view item : split(*argument.value, ',')) {
      if (item != "igfx_off") continue;
      return Message(N_("{argument} stays as it is: igfx_off leaves the integrated GPU out of the "
                        "IOMMU, which GVT-g does not need."),
                     {{"argument", "intel_iommu=" + *argument.value}});
    }
  }
  return std::nullopt;
}

}  // namespace cleave
