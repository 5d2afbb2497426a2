// What ways have in common that make no vGPUs of their own.
#include "ways/way.h"

#include "base/format.h"

namespace cleave {
namespace {

Error cannot_make(const char* way) {
  Error error;
  error.code = ErrorCode::Unsupported;
  error.message =
      Message(N_("cleave tells whether {way} can be had, but does not set it up"), {{"way", way}});
  error.remedy = Message(N_("`cleave doctor --way {way}` tells what is missing."), {{"way", way}});
  return error;
}

}  // namespace

Result<Preparation> Way::prepare(const Facts& /*facts*/, const PciDevice& /*gpu*/,
                                 const Mode& /*mode*/) const {
  return Preparation();
}

Result<Plan> Way::attach(const Facts& /*facts*/, const VgpuRequest& /*request*/) const {
  return cannot_make(id());
}

Result<Plan> Way::detach(const Facts& /*facts*/, const std::string& /*uuid*/) const {
  return cannot_make(id());
}

GuestDevice Way::guest_device(const Attachment& /*attachment*/) const { return {}; }

std::string way_name(const WayVerdict& way) {
  if (way.modes.size() < 2 || way.mode == nullptr) return way.way;
  return format("{} ({})", way.way, way.mode->id);
}

const char* guest_name(Guest guest) { return guest == Guest::Windows ? "windows" : "linux"; }

}  // namespace cleave
