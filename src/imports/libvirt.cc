// A domain of libvirt (docs/formatdomain.rst). What is looked at is marked; the rest is told.
#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "base/format.h"
#include "base/text.h"
#include "exports/remembered.h"
#include "facts/mdev.h"
#include "facts/pci.h"
#include "imports/importing.h"
#include "imports/libvirt_devices.h"
#include "imports/xml_tree.h"

namespace cleave {
namespace {

constexpr std::size_t kMostCpus = 255;

bool is_word_in(std::string_view word, std::span<const std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

// Units of scaled integers; without one kibibytes (formatdomain.rst, "Memory Allocation").
std::uint64_t mebibytes_of(const XmlElement& element) {
  struct Unit {
    std::string_view name;
    std::uint64_t bytes;
  };
  constexpr std::array kUnits = {Unit{"b", 1},
                                 Unit{"bytes", 1},
                                 Unit{"KB", 1000},
                                 Unit{"k", 1ULL << 10U},
                                 Unit{"KiB", 1ULL << 10U},
                                 Unit{"MB", 1'000'000},
                                 Unit{"M", 1ULL << 20U},
                                 Unit{"MiB", 1ULL << 20U},
                                 Unit{"GB", 1'000'000'000},
                                 Unit{"G", 1ULL << 30U},
                                 Unit{"GiB", 1ULL << 30U},
                                 Unit{"T", 1ULL << 40U},
                                 Unit{"TiB", 1ULL << 40U}};
  const auto number = parse_unsigned<std::uint64_t>(element.text);
  const std::string& written = element.attribute("unit");
  const auto unit =
      std::ranges::find(kUnits, written.empty() ? "KiB" : std::string_view(written), &Unit::name);
  if (!number || unit == kUnits.end() || *number > (1ULL << 50U) / unit->bytes) return 0;
  return *number * unit->bytes >> 20U;
}

class DomainImport {
 public:
  explicit DomainImport(const XmlElement& domain) : domain_(domain), draft_(empty_draft()) {}

  Draft run() {
    draft_.windows_are_spice = true;
    vm().name = domain_.child("name").text;
    vm().accelerator = domain_.attribute("type") == "kvm" ? "kvm" : "tcg";
    memory();
    processors();
    operating_system();
    features();
    cpu();
    clock();
    read_libvirt_devices(domain_.child("devices"), draft_);
    qemu_parts();
    guess_guest();
    apply_remembered(remembered(), draft_);
    others();
    return std::move(draft_);
  }

 private:
  Vm& vm() { return draft_.vm; }
  void lose(const XmlElement& element, Message message) {
    draft_.lose(element.line, std::move(message));
  }
  void lose(const XmlElement& element) {
    lose(element, {N_("<{element}> has no counterpart here."), {{"element", element.name}}});
  }

  void memory() {
    const std::uint64_t size = mebibytes_of(domain_.child("memory"));
    vm().memory_text = format("{}M", size);
    const XmlElement& backing = domain_.child("memoryBacking");
    vm().huge_pages = backing.has("hugepages");
    for (const XmlElement& element : backing.children) {
      constexpr std::array<std::string_view, 3> kKnown = {"hugepages", "source", "access"};
      if (!is_word_in(element.name, kKnown)) lose(element);
    }
  }

  void processors() {
    const auto cpus = parse_unsigned<std::uint32_t>(domain_.child("vcpu").text);
    vm().cpus = std::clamp<std::uint32_t>(cpus.value_or(1), 1, kMostCpus);
    for (const XmlElement& element : domain_.child("cputune").children) {
      if (element.name == "vcpupin") {
        pin(element);
      } else {
        lose(element);
      }
    }
    for (const auto& cpus_of_one : vm().pin) {
      if (!cpus_of_one.empty()) continue;
      lose(domain_.child("cputune"),
           {N_("Processors of the guest that are not pinned between others "
               "that are")});
      vm().pin.clear();
      break;
    }
  }

  void pin(const XmlElement& element) {
    const auto number = parse_unsigned<std::uint32_t>(element.attribute("vcpu"));
    if (!number || *number >= vm().cpus) return lose(element);
    if (vm().pin.size() <= *number) vm().pin.resize(*number + 1);
    std::vector<std::uint32_t>& cpus = vm().pin[*number];
    for (const std::string_view part : split(element.attribute("cpuset"), ',')) {
      const std::size_t dash = part.find('-');
      const auto first = parse_unsigned<std::uint32_t>(part.substr(0, dash));
      const auto last = dash == std::string_view::npos
                            ? first
                            : parse_unsigned<std::uint32_t>(part.substr(dash + 1));
      constexpr std::uint32_t kMostHostCpus = 8192;
      if (!first || !last || *last >= kMostHostCpus || *first > *last) return lose(element);
      for (std::uint32_t cpu = *first; cpu <= *last; ++cpu) cpus.push_back(cpu);
    }
  }

  void operating_system() {
    const XmlElement& os = domain_.child("os");
    const std::string& machine = os.child("type").attribute("machine");
    const bool q35 = machine.find("q35") != std::string::npos;
    vm().machine = q35 ? "q35" : "pc";
    if (!machine.empty() && machine != vm().machine) {
      lose(os.child("type"), {N_("The machine {machine}: here it is {other}, in the version of the "
                                 "QEMU that runs it."),
                              {{"machine", machine}, {"other", vm().machine}}});
    }
    vm().kernel = os.child("kernel").text;
    vm().initrd = os.child("initrd").text;
    vm().kernel_arguments = os.child("cmdline").text;
    firmware(os);
    for (const XmlElement& element : os.children) {
      constexpr std::array<std::string_view, 8> kKnown = {"type",   "kernel",   "initrd", "cmdline",
                                                          "loader", "firmware", "nvram",  "boot"};
      if (!is_word_in(element.name, kKnown)) lose(element);
    }
  }

  void firmware(const XmlElement& os) {
    const XmlElement& loader = os.child("loader");
    Vm::Firmware& firmware = vm().firmware;
    firmware.uefi = os.attribute("firmware") == "efi" || loader.attribute("type") == "pflash";
    if (!firmware.uefi) return;
    firmware.secure_boot = loader.attribute("secure") == "yes";
    for (const XmlElement* feature : os.child("firmware").all("feature")) {
      if (feature->attribute("name") == "secure-boot") {
        firmware.secure_boot = feature->attribute("enabled") == "yes";
      }
    }
    if (os.attribute("firmware") != "efi") firmware.code = loader.text;
    const std::string& nvram = os.child("nvram").text;
    // Where cleave itself keeps it, nobody needs to be told.
    const std::string own = "/" + vm().name + "/nvram.fd";
    if (!nvram.ends_with(own)) firmware.nvram = nvram;
  }

  void features() {
    const XmlElement& features = domain_.child("features");
    for (const XmlElement& element : features.children) {
      constexpr std::array<std::string_view, 5> kKnown = {"acpi", "apic", "hyperv", "smm", "pae"};
      const bool is_default_port = element.name == "vmport" && element.attribute("state") == "off";
      if (!is_word_in(element.name, kKnown) && !is_default_port) lose(element);
    }
    constexpr std::array<std::string_view, 10> kOwn = {
        "relaxed", "vapic",  "spinlocks",   "vpindex",  "runtime",
        "synic",   "stimer", "frequencies", "tlbflush", "ipi"};
    for (const XmlElement& element : features.child("hyperv").children) {
      const bool on = element.attribute("state") == "on";
      vm().hyperv = vm().hyperv || on;
      if (on && !is_word_in(element.name, kOwn)) {
        lose(element, {N_("Hyper-V's interface {name}: cleave chooses them itself."),
                       {{"name", element.name}}});
      }
    }
    if (vm().accelerator != "kvm") vm().hyperv = false;
  }

  void cpu() {
    const XmlElement& cpu = domain_.child("cpu");
    const std::string& mode = cpu.attribute("mode");
    const std::string& model = cpu.child("model").text;
    vm().cpu = model.empty() ? "qemu64" : model;
    if (mode == "host-passthrough" || mode == "host-model") vm().cpu = "host";
    if (mode == "maximum") vm().cpu = "max";
    if (mode == "host-model") {
      lose(cpu, {N_("The processor is the host's model, from which libvirt leaves out what cannot "
                    "move to other machines; here it is the host's own.")});
    }
    if (vm().accelerator == "tcg" && vm().cpu == "host") vm().cpu = "max";
    for (const XmlElement& element : cpu.children) {
      const std::string& policy = element.attribute("policy");
      if (element.name == "feature") {
        const bool off = policy == "disable" || policy == "forbid";
        vm().cpu += format(",{}={}", element.attribute("name"), off ? "off" : "on");
      } else if (element.name == "topology") {
        topology(element);
      } else if (element.name != "model") {
        lose(element);
      }
    }
    if (vm().topology.sockets == 0)
      vm().topology = {.sockets = 1, .cores = vm().cpus, .threads = 1};
  }

  void topology(const XmlElement& element) {
    const auto number = [&element](const char* key) {
      return parse_unsigned<std::uint32_t>(element.attribute(key)).value_or(1);
    };
    const std::uint64_t product = std::uint64_t{number("sockets")} * number("dies") *
                                  number("clusters") * number("cores") * number("threads");
    if (number("dies") * number("clusters") != 1 || product != vm().cpus) return lose(element);
    vm().topology = {
        .sockets = number("sockets"), .cores = number("cores"), .threads = number("threads")};
  }

  void clock() {
    const XmlElement& clock = domain_.child("clock");
    vm().clock = clock.attribute("offset") == "localtime" ? "localtime" : "utc";
    if (clock.has("timer") && clock.attribute("offset") == "timezone") lose(clock);
  }

  void guess_guest() {
    for (const XmlElement& info : domain_.child("metadata").children) {
      for (const XmlElement& system : info.children) {
        const std::string& id = system.attribute("id");
        if (id.find("microsoft.com/win/10") != std::string::npos) set_guest("windows", "10");
        if (id.find("microsoft.com/win/11") != std::string::npos) set_guest("windows", "11");
        if (vm().guest.empty() && id.find("microsoft.com/win") != std::string::npos) {
          set_guest("windows", "");
        }
        if (vm().guest.empty() && !id.empty()) set_guest("linux", "");
      }
    }
    if (vm().guest.empty() && vm().hyperv) set_guest("windows", "");
  }
  void set_guest(const char* guest, const char* version) {
    vm().guest = guest;
    vm().guest_version = version;
  }

  [[nodiscard]] std::string remembered() const {
    for (const XmlElement& info : domain_.child("metadata").children) {
      if (info.name == "cleave:definition" && info.attribute("xmlns:cleave") == kRememberedSpace) {
        return info.text;
      }
    }
    return {};
  }

  void qemu_parts() {
    std::vector<QemuWord> words;
    for (const XmlElement* argument : domain_.child("qemu:commandline").all("qemu:arg")) {
      words.push_back({.text = argument->attribute("value"), .line = argument->line});
    }
    const std::vector<std::string> own = take_own_arguments(remembered(), words);
    read_extra_words(words, draft_);
    vm().extra_arguments.insert(vm().extra_arguments.end(), own.begin(), own.end());
    for (const XmlElement* device : domain_.child("qemu:override").all("qemu:device")) {
      read_override(*device);
    }
    for (const XmlElement* variable : domain_.child("qemu:commandline").all("qemu:env")) {
      lose(*variable,
           {N_("The environment variable {name}"), {{"name", variable->attribute("name")}}});
    }
  }

  void read_override(const XmlElement& device) {
    for (const XmlElement* property : device.child("qemu:frontend").all("qemu:property")) {
      const std::string& name = property->attribute("name");
      const std::string& value = property->attribute("value");
      const bool truth = value == "true" || value == "on" || value == "1";
      Vm::Gpu* gpu = vm().gpu ? &*vm().gpu : nullptr;
      if (gpu != nullptr && name == "x-igd-opregion") {
        gpu->opregion = truth;
      } else if (gpu != nullptr && name == "x-vga") {
        gpu->primary = truth;
      } else if (gpu != nullptr && name == "venus") {
        gpu->mode = truth ? "venus" : gpu->mode;
      } else if (gpu != nullptr && (name == "xres" || name == "yres")) {
        (name == "xres" ? gpu->width : gpu->height) =
            parse_unsigned<std::uint32_t>(value).value_or(0);
      } else if (gpu == nullptr || (name != "blob" && name != "hostmem")) {
        lose(*property,
             {N_("The property {name}={value} of {device}"),
              {{"name", name}, {"value", value}, {"device", device.attribute("alias")}}});
      }
    }
    if (vm().gpu && (vm().gpu->width == 0) != (vm().gpu->height == 0)) {
      vm().gpu->width = vm().gpu->height = 0;
    }
  }

  // What stands beside all that was read above.
  void others() {
    constexpr std::array<std::string_view, 16> kRead = {"name",
                                                        "metadata",
                                                        "memory",
                                                        "currentMemory",
                                                        "memoryBacking",
                                                        "vcpu",
                                                        "iothreads",
                                                        "cputune",
                                                        "os",
                                                        "features",
                                                        "cpu",
                                                        "clock",
                                                        "devices",
                                                        "qemu:commandline",
                                                        "qemu:override",
                                                        "resource"};
    // libvirt writes these into every domain; they say what cleave does, too.
    constexpr std::array<std::string_view, 5> kUsual = {"on_poweroff", "on_reboot", "on_crash",
                                                        "pm", "seclabel"};
    for (const XmlElement& element : domain_.children) {
      if (is_word_in(element.name, kRead) || is_word_in(element.name, kUsual)) continue;
      if (element.name == "uuid") {
        lose(element, {N_("The UUID of the machine, which the guest sees: here it has none.")});
      } else {
        lose(element);
      }
    }
  }

  const XmlElement& domain_;
  Draft draft_;
};

}  // namespace

Result<Draft> draft_from_libvirt(std::string_view text) {
  const std::optional<XmlElement> root = parse_xml(text);
  if (!root) {
    return error_of(ErrorCode::Malformed, {N_("This is no XML, or it is too large or too deep.")});
  }
  const XmlElement& domain = root->name == "domstatus" ? root->child("domain") : *root;
  if (domain.name != "domain") {
    return error_of(ErrorCode::Malformed,
                    {N_("This XML describes no domain of libvirt but a <{element}>."),
                     {{"element", printable(root->name)}}},
                    {N_("`virsh dumpxml --inactive NAME` prints a domain.")});
  }
  return DomainImport(domain).run();
}

}  // namespace cleave
