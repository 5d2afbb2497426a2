// What one start leaves for the next about a trial: read as it was written, or refused.
#include "app/trial.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using cleave::fuzz::require;
  const auto json = cleave::parse_json(cleave::fuzz::text_of(data, size));
  if (!json) return 0;
  if (const auto trial = cleave::trial_from_json(*json)) {
    const cleave::Json written = cleave::to_json(*trial);
    const auto again = cleave::trial_from_json(written);
    require(again.has_value() && cleave::to_json(*again) == written);
  }
  if (const auto report = cleave::trial_report_from_json(*json)) {
    const cleave::Json written = cleave::to_json(*report);
    const auto again = cleave::trial_report_from_json(written);
    require(again.has_value() && cleave::to_json(*again) == written);
  }
  return 0;
}
