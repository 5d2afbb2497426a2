#include "app/vm_iommufd.h"

#include "app/qemu.h"
#include "base/format.h"
#include "base/text.h"
#include "facts/readers/readers.h"
#include "ways/vfio_device.h"

namespace cleave {
namespace {

Result<void> check_iommu(const HostReader& host, const VmEnvironment& environment) {
  const ActingAs owner = TRY(ActingAs::begin(credentials_of(environment.owner)));
  const Result<bool> usable = host.may_access(kIommufdNode, Access::ReadWrite);
  if (usable && *usable) return {};
  Error error = error_of(
      ErrorCode::Denied,
      {N_("The user {user}, as whom QEMU runs, may not open {path}"),
       {{"user", environment.owner.name}, {"path", kIommufdNode}}},
      {N_("“cleave setup” gives the group kvm the right to it; {user} has to be in that group."),
       {{"user", environment.owner.name}}});
  error.path = kIommufdNode;
  return error;
}

}  // namespace

Result<bool> opens_devices(const HostReader& host, const VmEnvironment& environment, const Vm& vm) {
  const Fact<bool> groups = read_vfio_groups(host);
  if (groups.value_or(true)) return false;
  const bool iommufd = TRY(uses_iommufd(groups, abilities_of_named(host, vm.qemu)));
  if (iommufd) TRY(check_iommu(host, environment));
  return iommufd;
}

std::string vfio_node(const HostReader& host, const std::string& sysfs_path,
                      const Fact<std::uint32_t>& group, bool iommufd) {
  if (!iommufd) {
    const std::uint32_t* number = group.value();
    return number == nullptr ? std::string() : format("/dev/vfio/{}", *number);
  }
  const auto names = host.list_directory(join_path(sysfs_path, "vfio-dev"));
  return names && names->size() == 1 ? join_path(kVfioDeviceNodes, names->front()) : std::string();
}

}  // namespace cleave
