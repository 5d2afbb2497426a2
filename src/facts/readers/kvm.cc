#include "facts/readers/readers.h"

namespace cleave {

KvmFacts read_kvm(const HostReader& host) {
  // Documentation/admin-guide/devices.txt: misc device 232 is KVM.
  constexpr std::uint32_t kMiscMajor = 10;
  constexpr std::uint32_t kKvmMinor = 232;
  const std::string path = "/dev/kvm";
  KvmFacts kvm;
  const auto status = host.status(path);
  if (!status) {
    kvm.node = fact_from_error<bool>(status.error(), path);
    kvm.accessible = kvm.node;
    return kvm;
  }
  const bool is_kvm = status->kind == FileKind::CharacterDevice &&
                      status->device_major == kMiscMajor && status->device_minor == kKvmMinor;
  kvm.node = Fact<bool>(is_kvm, path);
  kvm.rights.path = path;
  kvm.rights.mode = status->mode;
  kvm.rights.user = status->user;
  kvm.rights.group = status->group;
  const auto allowed = host.may_access(path, Access::ReadWrite);
  kvm.accessible =
      allowed ? Fact<bool>(*allowed, path) : fact_from_error<bool>(allowed.error(), path);
  kvm.rights.usable = kvm.accessible.value_or(false);
  return kvm;
}

}  // namespace cleave
