// What all ways have in common whose vGPUs are mediated devices: creating and removing through
// sysfs (Documentation/ABI/testing/sysfs-bus-vfio-mdev) and the refusals. GVT-g is one of them.
#pragma once

#include "ways/way.h"

namespace cleave {

class MediatedDeviceWay : public Way {
 public:
  [[nodiscard]] Result<Plan> attach(const Facts& facts, const VgpuRequest& request) const override;
  [[nodiscard]] Result<Plan> detach(const Facts& facts, const std::string& uuid) const override;
  [[nodiscard]] GuestDevice guest_device(const Attachment& attachment) const override;

 protected:
  // Why this parent is not registered, with what to do; called when nothing of that name is there.
  [[nodiscard]] virtual Error parent_missing(const Facts& facts, const std::string& name) const;
};

}  // namespace cleave
