// Mediated devices of any driver but GVT-g: the kernel's samples, NVIDIA's older drivers.
#include "ways/mediated_device.h"
#include "ways/ways.h"

namespace cleave {
namespace {

class MdevWay final : public MediatedDeviceWay {
 public:
  [[nodiscard]] const char* id() const override { return "mdev"; }
  // What the driver needs nobody but its vendor can tell, so there is no verdict.
  [[nodiscard]] bool applies_to(const PciDevice& /*gpu*/) const override { return false; }
  [[nodiscard]] std::span<const Mode> modes() const override { return {}; }
};

}  // namespace

const Way& mdev_way() {
  static const MdevWay way;
  return way;
}

}  // namespace cleave
