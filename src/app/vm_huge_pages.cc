#include "app/vm_huge_pages.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "vm/check.h"

namespace cleave {
namespace {

// As /proc/meminfo counts them (admin-guide/mm/hugetlbpage.rst): pages of the usual size, which
// QEMU's memory-backend-memfd takes.
struct HugePages {
  std::uint64_t total = 0;
  std::uint64_t free = 0;
  std::uint64_t reserved = 0;  // promised to others, but still counted as free
  std::uint64_t surplus = 0;   // made on demand
  std::uint64_t page_bytes = 0;
};

std::optional<std::uint64_t> number_in(std::string_view meminfo, std::string_view name) {
  for (const std::string_view line : lines(meminfo)) {
    const auto fields = words(line);
    if (fields.size() >= 2 && fields[0] == name) return parse_unsigned<std::uint64_t>(fields[1]);
  }
  return std::nullopt;
}

std::optional<HugePages> read_huge_pages(const HostReader& host) {
  const Result<std::string> text = host.read_file("/proc/meminfo");
  if (!text) return std::nullopt;
  const auto total = number_in(*text, "HugePages_Total:");
  const auto free = number_in(*text, "HugePages_Free:");
  const auto reserved = number_in(*text, "HugePages_Rsvd:");
  const auto surplus = number_in(*text, "HugePages_Surp:");
  const auto kibibytes = number_in(*text, "Hugepagesize:");
  if (!total || !free || !reserved || !surplus || !kibibytes || *kibibytes == 0) {
    return std::nullopt;
  }
  return HugePages{.total = *total,
                   .free = *free,
                   .reserved = *reserved,
                   .surplus = *surplus,
                   .page_bytes = *kibibytes << 10U};
}

std::uint64_t left_of(std::uint64_t all, std::uint64_t taken) { return all - std::min(all, taken); }

// How many more may be made on demand.
std::uint64_t on_demand(const HostReader& host, const HugePages& pages) {
  const Result<std::string> text = host.read_file("/proc/sys/vm/nr_overcommit_hugepages");
  const auto most = text ? parse_unsigned<std::uint64_t>(trim(*text)) : std::nullopt;
  return left_of(most.value_or(0), pages.surplus);
}

}  // namespace

std::vector<VmProblem> check_huge_pages(const HostReader& host, const Vm& vm) {
  if (!vm.huge_pages) return {};
  const std::optional<HugePages> pages = read_huge_pages(host);
  if (!pages) return {};
  const std::uint64_t needed = (vm.memory_bytes + pages->page_bytes - 1) / pages->page_bytes;
  const std::uint64_t there = left_of(pages->free, pages->reserved) + on_demand(host, *pages);
  if (there >= needed) return {};
  return {
      {.id = "memory.huge_pages",
       .code = ErrorCode::Unsupported,
       .message = {N_("The guest's memory needs {needed} huge pages of {size}, and {free} of "
                      "the host's are free"),
                   {{"needed", needed}, {"size", size_text(pages->page_bytes)}, {"free", there}}},
       .remedy = {N_("Reserve more: sudo sysctl vm.nr_hugepages={total}. The sooner after the "
                     "machine's start, the surer it gets them."),
                  {{"total", pages->total + needed - there}}}}};
}

}  // namespace cleave
