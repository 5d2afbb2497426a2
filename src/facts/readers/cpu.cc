// /proc/cpuinfo. Every processor of a machine that Linux runs on has the same features, so the
// first one's are taken.
#include <algorithm>

#include "base/text.h"
#include "facts/readers/readers.h"

namespace cleave {
namespace {

constexpr std::size_t kMaximumSize = std::size_t{16} << 20U;  // 2 KB a processor, 8,192 of them

bool has_flag(const std::vector<std::string_view>& flags, std::string_view flag) {
  return std::ranges::find(flags, flag) != flags.end();
}

// "model name\t: Intel(R) …" → what stands behind the colon.
std::string_view value_of(std::string_view line) {
  const size_t colon = line.find(':');
  return colon == std::string_view::npos ? std::string_view() : trim(line.substr(colon + 1));
}

std::uint32_t number_of(std::string_view line) {
  return parse_unsigned<std::uint32_t>(value_of(line)).value_or(0);
}

}  // namespace

Fact<CpuFacts> read_cpu(const HostReader& host) {
  const std::string path = "/proc/cpuinfo";
  const auto text = host.read_file(path, kMaximumSize);
  if (!text) return fact_from_error<CpuFacts>(text.error(), path);
  CpuFacts cpu;
  bool flags_seen = false;
  for (const std::string_view line : lines(*text)) {
    if (line.starts_with("processor")) ++cpu.threads;
    if (cpu.threads > 1) continue;
    if (line.starts_with("vendor_id")) cpu.vendor = value_of(line);
    if (line.starts_with("model name")) cpu.model = value_of(line);
    if (line.starts_with("cpu family")) cpu.family = number_of(line);
    if (line.starts_with("model\t")) cpu.model_number = number_of(line);
    // "39 bits physical, 48 bits virtual" (arch/x86/kernel/cpu/proc.c).
    if (line.starts_with("address sizes")) {
      const auto sizes = words(value_of(line));
      const auto bits = sizes.empty() ? std::nullopt : parse_unsigned<std::uint32_t>(sizes.front());
      cpu.physical_address_bits = bits.value_or(0);
    }
    if (line.starts_with("flags")) {
      const auto flags = words(value_of(line));
      flags_seen = !flags.empty();
      cpu.vmx = has_flag(flags, "vmx");
      cpu.svm = has_flag(flags, "svm");
      cpu.hypervisor = has_flag(flags, "hypervisor");
    }
  }
  // Without flags nobody can say that the processor has no VMX.
  if (!flags_seen) return Unreadable{.path = path, .why = "no flags of an x86 processor"};
  return {std::move(cpu), path};
}

Fact<VirtualisationSwitch> read_virtualisation_switch(const HostReader& host,
                                                      const Fact<CpuFacts>& cpu) {
  // Documentation: msr(4). Firmware sets all processors alike, so the first one's is taken.
  const std::string path = "/dev/cpu/0/msr";
  const CpuFacts* seen = cpu.value();
  if (seen == nullptr) return {Absent{}, path};
  const bool amd = seen->vendor == "AuthenticAMD" || seen->vendor == "HygonGenuine";
  if (!amd && seen->vendor != "GenuineIntel") return {Absent{}, path};
  // A VM's registers are what its hypervisor makes of them.
  if (seen->hypervisor) return {Absent{}, path};
  const std::uint32_t index = amd ? kAmdVmControl : kIntelFeatureControl;
  const auto bytes = host.read_at(path, index, 8);
  if (!bytes) return fact_from_error<VirtualisationSwitch>(bytes.error(), path);
  const auto found = parse_virtualisation_switch(index, *bytes);
  if (!found) return Unreadable{.path = path, .why = "not eight bytes"};
  return {*found, path};
}

}  // namespace cleave
