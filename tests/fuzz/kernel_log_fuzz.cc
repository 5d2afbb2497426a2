// A kernel log: lines in order, texts within bounds, and a summary whose lines are there.
#include "analysis/log_summary.h"
#include "facts/kernel_log.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using cleave::fuzz::require;
  const std::string_view log = cleave::fuzz::text_of(data, size);
  cleave::KernelLogReader reader(log);
  std::size_t count = 0;
  while (const auto line = reader.next()) {
    require(line->number == ++count);
    require(line->text.size() <= 8192);
    require(line->text.find('\n') == std::string_view::npos);
  }
  const cleave::KernelLogSummary summary = cleave::summarise_kernel_log(log);
  require(summary.iommu.evidence.line <= count && summary.gvt_g.evidence.line <= count);
  require(summary.iommu.value.has_value() == (summary.iommu.evidence.line != 0));
  for (const cleave::GpuDriverFact& fact : summary.gpu_drivers) require(!fact.driver.empty());
  return 0;
}
