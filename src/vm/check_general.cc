// The keys without a table, [topology], and the arguments that stand last.
#include <algorithm>

#include "base/text.h"
#include "vm/check.h"

namespace cleave {
namespace {

constexpr std::size_t kLongestCpu = 1024;
constexpr std::int64_t kMaximumCpus = 255;  // more need x2APIC and an IOMMU in the guest
constexpr std::int64_t kDefaultCpus = 2;
constexpr const char* kDefaultMemory = "2G";
constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20U;
constexpr std::uint64_t kMinimumMemory = 16 * kMebibyte;
constexpr std::uint64_t kMaximumMemory = std::uint64_t{16} << 40U;
constexpr std::size_t kMaximumArguments = 256;
constexpr std::size_t kLongestArgument = 4096;
// COMMAND_LINE_SIZE of x86 (arch/x86/include/asm/setup.h), with its NUL.
constexpr std::size_t kLongestKernelArguments = 2047;
// More than a kernel can be built for (CONFIG_NR_CPUS, arch/x86/Kconfig).
constexpr std::uint32_t kMaximumHostCpus = 8192;

std::string file_stem(std::string_view file) {
  file = file.substr(file.rfind('/') + 1);  // npos + 1 is 0
  if (file.ends_with(".toml")) file.remove_suffix(5);
  return std::string(file);
}

void check_name(DefinitionChecks& checks) {
  const VmDefinition& definition = checks.definition();
  Vm& vm = checks.vm();
  vm.name = definition.name.is_written() ? definition.name.value : file_stem(definition.file);
  if (is_vm_name(vm.name)) return;
  checks.problem(definition.name.position, "name",
                 {N_("{key} is \"{value}\"; it must start with a letter or digit, go on with "
                     "letters, digits, \".\", \"_\" or \"-\", and have at most {limit} of them, "
                     "because it names a directory."),
                  {{"value", shown_value(vm.name)}, {"limit", 63}}});
}

// "windows11" → guest "windows", version "11".
void check_guest(DefinitionChecks& checks) {
  Vm& vm = checks.vm();
  vm.guest = checks.choice(checks.definition().guest, "guest", "");
  constexpr std::string_view kWindows = "windows";
  if (vm.guest.size() > kWindows.size() && vm.guest.starts_with(kWindows)) {
    vm.guest_version = vm.guest.substr(kWindows.size());
    vm.guest = kWindows;
  }
}

void check_cpu_model(DefinitionChecks& checks) {
  const Written<std::string>& written = checks.definition().cpu;
  Vm& vm = checks.vm();
  // "max" runs guests that need newer instructions (x86-64-v2); qemu64 is lighter to emulate.
  vm.cpu = vm.accelerator == "kvm" ? "host" : "max";
  if (written.is_written()) vm.cpu = written.value;
  // Features may follow the model: "host,hv_time=on".
  if (vm.cpu.empty() || vm.cpu.size() > kLongestCpu ||
      !has_only_letters_digits_or(vm.cpu.substr(0, 1), "") ||
      !has_only_letters_digits_or(vm.cpu, ",=+-._")) {
    checks.problem(written.position, "cpu",
                   {N_("{key} is \"{value}\"; it must be the name of a CPU model of QEMU, such as "
                       "\"host\" or \"host,hv_time=on\"."),
                    {{"value", shown_value(vm.cpu)}}});
  } else if (vm.accelerator == "tcg" && split(vm.cpu, ',').front() == "host") {
    checks.problem(written.position, "cpu",
                   N_("{key} is \"host\", but without KVM there is no such model. Leave {key} out "
                      "or write \"max\"."),
                   "max");
  }
}

// "2" or "4-5,7".
std::optional<std::vector<std::uint32_t>> host_cpus(std::string_view text) {
  std::vector<std::uint32_t> numbers;
  for (const std::string_view piece : split(text, ',')) {
    const std::size_t dash = piece.find('-');
    const auto first = parse_unsigned<std::uint32_t>(piece.substr(0, dash));
    const auto last = dash == std::string_view::npos
                          ? first
                          : parse_unsigned<std::uint32_t>(piece.substr(dash + 1));
    if (!first || !last || *first > *last || *last >= kMaximumHostCpus) return std::nullopt;
    for (std::uint32_t number = *first; number <= *last; ++number) numbers.push_back(number);
  }
  return numbers;
}

void check_pin(DefinitionChecks& checks) {
  const Written<std::vector<std::string>>& written = checks.definition().topology.pin;
  Vm& vm = checks.vm();
  if (written.value.size() > vm.cpus) {
    checks.problem(written.position, "topology.pin",
                   {N_("{key} has {count} items, but the guest has {cpus} processors."),
                    {{"count", written.value.size()}, {"cpus", vm.cpus}}});
    return;
  }
  for (const std::string& text : written.value) {
    auto cpus = host_cpus(text);
    if (!cpus) {
      checks.problem(written.position, "topology.pin",
                     {N_("{key} has \"{value}\"; each item names processors of the host, such as "
                         "\"2\" or \"4-5\"."),
                      {{"value", shown_value(text)}}});
      return;
    }
    vm.pin.push_back(std::move(*cpus));
  }
}

void check_topology(DefinitionChecks& checks) {
  const TopologyDefinition& written = checks.definition().topology;
  Vm& vm = checks.vm();
  check_pin(checks);
  if (!written.sockets.is_written() && !written.cores.is_written() &&
      !written.threads.is_written()) {
    // Windows for desktops uses two sockets at most, and QEMU 6.1 and older gave each CPU its own.
    vm.topology = {.sockets = 1, .cores = vm.cpus, .threads = 1};
    return;
  }
  const std::int64_t sockets =
      checks.number(written.sockets, "topology.sockets", 1, 1, kMaximumCpus);
  const std::int64_t threads =
      checks.number(written.threads, "topology.threads", 1, 1, kMaximumCpus);
  const std::int64_t left = std::max<std::int64_t>(vm.cpus / (sockets * threads), 1);
  const std::int64_t cores = checks.number(written.cores, "topology.cores", left, 1, kMaximumCpus);
  if (sockets * cores * threads != vm.cpus) {
    const Position position = written.cores.is_written()     ? written.cores.position
                              : written.threads.is_written() ? written.threads.position
                                                             : written.sockets.position;
    checks.problem(position, "topology.cores",
                   {N_("{sockets} sockets with {cores} cores of {threads} threads are {product} "
                       "processors, but cpus is {cpus}."),
                    {{"sockets", sockets},
                     {"cores", cores},
                     {"threads", threads},
                     {"product", sockets * cores * threads},
                     {"cpus", vm.cpus}}});
    return;
  }
  vm.topology = {.sockets = static_cast<std::uint32_t>(sockets),
                 .cores = static_cast<std::uint32_t>(cores),
                 .threads = static_cast<std::uint32_t>(threads)};
}

void check_processor(DefinitionChecks& checks) {
  const VmDefinition& definition = checks.definition();
  Vm& vm = checks.vm();
  vm.machine = checks.choice(definition.machine, "machine", "q35");
  vm.accelerator = checks.choice(definition.accelerator, "accelerator", "kvm");
  check_cpu_model(checks);
  vm.cpus = static_cast<std::uint32_t>(
      checks.number(definition.cpus, "cpus", kDefaultCpus, 1, kMaximumCpus));
  check_topology(checks);
  vm.hyperv = definition.hyperv.value.value_or(vm.guest == "windows" && vm.accelerator == "kvm");
  if (vm.hyperv && vm.accelerator != "kvm") {
    checks.problem(definition.hyperv.position, "hyperv",
                   N_("{key} is true, but only KVM has Hyper-V's interfaces."));
  }
}

void check_memory(DefinitionChecks& checks) {
  const Written<std::string>& written = checks.definition().memory;
  Vm& vm = checks.vm();
  const std::string text = written.is_written() ? written.value : kDefaultMemory;
  const auto bytes = size_in_bytes(text);
  if (!bytes) {
    checks.problem(written.position, "memory",
                   {N_("{key} is \"{value}\"; it must be a whole number and a unit, K, M, G or T, "
                       "such as \"4G\"."),
                    {{"value", shown_value(text)}}});
    return;
  }
  if (*bytes < kMinimumMemory || *bytes > kMaximumMemory || *bytes % kMebibyte != 0) {
    checks.problem(written.position, "memory",
                   {N_("{key} is \"{value}\"; it must be from {least} to {most}, in whole MiB."),
                    {{"value", shown_value(text)},
                     {"least", size_text(kMinimumMemory)},
                     {"most", size_text(kMaximumMemory)}}});
    return;
  }
  vm.memory_bytes = *bytes;
  vm.memory_text = size_text(*bytes);
  vm.huge_pages = checks.definition().huge_pages.value;
}

void check_kernel(DefinitionChecks& checks) {
  const VmDefinition& definition = checks.definition();
  Vm& vm = checks.vm();
  vm.kernel = checks.path(definition.kernel, "kernel");
  vm.initrd = checks.path(definition.initrd, "initrd");
  vm.kernel_arguments = definition.kernel_arguments.value;
  if (definition.kernel.is_written()) {
    if (vm.kernel_arguments.size() > kLongestKernelArguments ||
        std::ranges::any_of(vm.kernel_arguments, is_control_character)) {
      checks.problem(definition.kernel_arguments.position, "kernel_arguments",
                     {N_("{key} is longer than {limit} bytes or has control characters in it."),
                      {{"limit", kLongestKernelArguments}}});
    }
    return;
  }
  for (const auto& [written, key] : {std::pair{&definition.initrd, "initrd"},
                                     std::pair{&definition.kernel_arguments, "kernel_arguments"}}) {
    if (written->is_written()) {
      checks.problem(written->position, key, N_("{key} means nothing without kernel."));
    }
  }
}

void check_programs(DefinitionChecks& checks) {
  const VmDefinition& definition = checks.definition();
  Vm& vm = checks.vm();
  vm.on_suspend = checks.choice(definition.on_suspend, "on_suspend", "");
  vm.autostart = checks.choice(definition.autostart, "autostart", "no");
  vm.serial = definition.serial.value;
  vm.clock = checks.choice(definition.clock, "clock", vm.guest == "windows" ? "localtime" : "utc");
  vm.guest_agent = definition.guest_agent.value.value_or(!vm.guest.empty());
  vm.clipboard = definition.clipboard.value;
  vm.qemu = "qemu-system-x86_64";
  if (!definition.qemu.is_written()) return;
  vm.qemu = checks.path(definition.qemu, "qemu");
  // A bare name is looked up in PATH, as a shell does.
  if (definition.qemu.value.find('/') == std::string::npos) vm.qemu = definition.qemu.value;
}

}  // namespace

void check_general(DefinitionChecks& checks) {
  check_name(checks);
  check_guest(checks);
  check_processor(checks);
  check_memory(checks);
  check_kernel(checks);
  check_programs(checks);
}

void check_extra_arguments(DefinitionChecks& checks) {
  const Written<std::vector<std::string>>& written = checks.definition().extra_arguments;
  if (written.value.size() > kMaximumArguments) {
    checks.problem(written.position, "extra_arguments",
                   {N_("{key} has more than {limit} items."), {{"limit", kMaximumArguments}}});
  }
  for (const std::string& argument : written.value) {
    if (argument.find('\0') != std::string::npos || argument.size() > kLongestArgument) {
      checks.problem(written.position, "extra_arguments",
                     {N_("{key}: \"{value}\" is longer than {limit} bytes or has a NUL in it."),
                      {{"value", shown_value(argument)}, {"limit", kLongestArgument}}});
    }
    if (argument == "-daemonize" || argument == "--daemonize") {
      checks.problem(
          written.position, "extra_arguments",
          {N_("{key}: {value} would hide QEMU from cleave; cleave itself keeps it running."),
           {{"value", argument}}});
    }
  }
  checks.vm().extra_arguments = written.value;
}

}  // namespace cleave
