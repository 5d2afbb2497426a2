// What all ways have in common, and those in particular that make no vGPUs of their own.
#include "ways/way.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/format.h"
#include "ways/preparing.h"

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

Error does_not_apply(const Mode& mode) {
  Error error;
  error.code = ErrorCode::Unsupported;
  error.message = Message(N_("{mode} is not for such a GPU."), {{"mode", mode.id}});
  return error;
}

// The reason goes below a line that says what could not be done.
Error under_headline(Error error, const WayVerdict& way, const PciDevice& gpu) {
  error.context.insert(error.context.begin(), std::move(error.message));
  error.message = Message(N_("this host cannot be made ready for {way} on {gpu}"),
                          {{"way", way_name(way)}, {"gpu", to_text(gpu.address)}});
  return error;
}

}  // namespace

Result<Preparation> Way::prepare(const Facts& facts, const PciDevice& gpu, const Mode& mode) const {
  const std::vector<Finding> findings = run_rules(facts);
  WayVerdict way = judge(*this, gpu, findings);
  const auto judged = std::ranges::find(way.modes, &mode, &ModeVerdict::mode);
  way.mode = &mode;
  if (judged == way.modes.end()) return under_headline(does_not_apply(mode), way, gpu);
  if (auto blocked = what_comes_first(judged->deciding)) {
    return under_headline(*std::move(blocked), way, gpu);
  }
  Result<Preparation> wanted = wants(facts, gpu, mode);
  if (!wanted) return under_headline(std::move(wanted).error(), way, gpu);
  for (const Finding* finding : judged->deciding) {
    if (settles(finding->rule->id, *wanted)) continue;
    std::ranges::move(left_to_people(*finding), std::back_inserter(wanted->remarks));
  }
  return wanted;
}

Result<Preparation> Way::wants(const Facts& /*facts*/, const PciDevice& /*gpu*/,
                               const Mode& /*mode*/) const {
  return Preparation();
}

bool Way::settles(std::string_view /*rule*/, const Preparation& /*wanted*/) const { return false; }

Result<Plan> Way::attach(const Facts& /*facts*/, const VgpuRequest& /*request*/) const {
  return cannot_make(id());
}

Result<Plan> Way::detach(const Facts& /*facts*/, const std::string& /*uuid*/) const {
  return cannot_make(id());
}

Result<std::vector<const PciDevice*>> Way::gives(const Facts& /*facts*/,
                                                 const PciDevice& /*device*/) const {
  return cannot_make(id());
}

GuestDevice Way::guest_device(const Attachment& /*attachment*/) const { return {}; }

std::string way_name(const WayVerdict& way) {
  if (way.modes.size() < 2 || way.mode == nullptr) return way.way;
  return format("{} ({})", way.way, way.mode->id);
}

const char* guest_name(Guest guest) { return guest == Guest::Windows ? "windows" : "linux"; }

}  // namespace cleave
