// The firmware files that Intel's drivers load into the GPU. The file with registers that GVT-g
// looks for (golden_hw_state) is not among them: nobody has it, and nothing needs it.
#include "analysis/gpu_firmware.h"

#include <algorithm>

#include "analysis/rules/checks.h"
#include "analysis/rules/families.h"
#include "analysis/seen_messages.h"
#include "base/text.h"

namespace cleave {
namespace {

std::optional<IntelDriver> bound_driver(const PciDevice& gpu) {
  const std::string driver = gpu.driver.value_or("");
  if (driver == "i915") return IntelDriver::I915;
  if (driver == "xe") return IntelDriver::Xe;
  return std::nullopt;
}

const FirmwareFile* find_file(const FirmwareFiles& files, std::string_view wanted) {
  const auto found = files.lower_bound(wanted);
  const bool fits = found != files.end() && found->first.starts_with(wanted) &&
                    (!wanted.ends_with(".bin") || found->first == wanted);
  return fits ? &found->second : nullptr;
}

// Known false: the kernel was built without what unpacks the file (drivers/base/firmware_loader;
// zstd and the option for xz came with 5.19, xz itself with 5.3).
bool can_unpack(const Facts& facts, Compression compression) {
  const KernelConfig* config = facts.kernel.config.value();
  if (config == nullptr || compression == Compression::None) return true;
  const auto is_on = [config](std::string_view symbol) {
    const auto found = config->find(symbol);
    return found != config->end() && found->second == "y";
  };
  // A configuration of which only a part is known has nothing of the loader at all.
  const bool told = std::ranges::any_of(
      *config, [](const auto& symbol) { return symbol.first.starts_with("FW_LOADER"); });
  if (!told) return true;
  if (compression == Compression::Zstd) return is_on("FW_LOADER_COMPRESS_ZSTD");
  const auto version = parse_kernel_version(facts.kernel.release.value_or(""));
  const bool older = version && *version < KernelVersion{5, 19};
  return is_on("FW_LOADER_COMPRESS_XZ") || (older && is_on("FW_LOADER_COMPRESS"));
}

// What stands for a file in texts: "i915/tgl_guc_*.bin" for any version.
std::string shown(std::string_view wanted) {
  return wanted.ends_with(".bin") ? std::string(wanted) : format("{}*.bin", wanted);
}

struct Search {
  std::vector<Evidence> found;
  std::vector<Evidence> lacking;
  std::vector<std::string> names;  // of what is lacking
};

Search search(const Facts& facts, const std::vector<WantedFirmware>& wanted) {
  Search result;
  const FirmwareFiles none;
  const FirmwareFiles* known = facts.gpu_firmware.value();
  for (const WantedFirmware& firmware : wanted) {
    const FirmwareFile* file = find_file(known != nullptr ? *known : none, firmware.name);
    const std::string name = shown(firmware.name);
    if (file == nullptr) {
      result.lacking.push_back({facts.gpu_firmware.source() + "/" + name, "absent"});
    } else if (!can_unpack(facts, file->compression)) {
      result.lacking.push_back({file->path, "the kernel cannot unpack it (CONFIG_FW_LOADER_…)"});
    } else {
      result.found.push_back({file->path, "there"});
      continue;
    }
    result.names.push_back(name);
  }
  return result;
}

// Set if the files cannot be judged: closed to this user, of a container, or nowhere at all, where
// they may be built into the kernel or its initramfs.
std::optional<Evidence> cannot_tell(const Facts& facts) {
  if (auto unread = missing(facts.gpu_firmware)) return unread;
  if (facts.gpu_firmware.is_absent()) return Evidence{facts.gpu_firmware.source(), "absent"};
  if (facts.platform.container.value_or(false)) {
    return Evidence{facts.platform.container.source(), "the host's files are not to be seen"};
  }
  return std::nullopt;
}

std::optional<Evidence> loaded(const Subject& subject, std::string_view message) {
  const SeenMessage* seen = subject.log != nullptr ? subject.log->first_of({message}) : nullptr;
  if (seen == nullptr) return std::nullopt;
  return Evidence{subject.facts.kernel_log.source(), seen->text};
}

// Which driver would make virtual functions: the bound one, else whichever has a file for it.
std::vector<WantedFirmware> guc_for_functions(const Subject& subject, const IntelGpu& known) {
  if (const auto driver = bound_driver(*subject.gpu)) return guc_firmware(known.platform, *driver);
  auto wanted = guc_firmware(known.platform, IntelDriver::Xe);
  return wanted.empty() ? guc_firmware(known.platform, IntelDriver::I915) : wanted;
}

Outcome check_guc(const Subject& subject) {
  const PciDevice& gpu = *subject.gpu;
  const IntelGpu* known = intel_gpu(gpu);
  if (known == nullptr || known->sriov == IntelSriov::None || gpu.is_virtual_function) {
    return Outcome::not_applicable();
  }
  const std::vector<WantedFirmware> wanted = guc_for_functions(subject, *known);
  if (wanted.empty()) return Outcome::not_applicable();
  const std::vector<Field> arguments = {{"file", shown(wanted.front().name)}};
  // What works has its firmware.
  if (gpu.sriov_num_vfs.value_or(0) > 0) {
    return Outcome::pass({{gpu.sriov_num_vfs.source(), std::to_string(*gpu.sriov_num_vfs.value())}},
                         arguments);
  }
  if (auto line = loaded(subject, "log.guc_loaded")) return Outcome::pass({*line}, arguments);
  if (auto unseen = cannot_tell(subject.facts)) return Outcome::unknown({*unseen}, arguments);
  Search result = search(subject.facts, wanted);
  return result.lacking.empty() ? Outcome::pass(std::move(result.found), arguments)
                                : Outcome::fail(std::move(result.lacking), arguments);
}

Outcome check_files(const Subject& subject) {
  const IntelGpu* known = intel_gpu(*subject.gpu);
  const auto driver = bound_driver(*subject.gpu);
  if (known == nullptr || !driver || subject.gpu->is_virtual_function) {
    return Outcome::not_applicable();
  }
  const std::vector<WantedFirmware> wanted = default_firmware(known->platform, *driver);
  if (wanted.empty()) return Outcome::not_applicable();
  std::vector<Field> arguments = {{"files", "-"}};
  if (auto unseen = cannot_tell(subject.facts)) return Outcome::unknown({*unseen}, arguments);
  Search result = search(subject.facts, wanted);
  if (result.lacking.empty()) return Outcome::pass(std::move(result.found), arguments);
  arguments.front() = {"files", join(result.names, ", ")};
  return Outcome::fail(std::move(result.lacking), arguments);
}

constexpr Rule kRules[] = {
    {.id = "sr_iov.firmware_file",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Fixable,
     .fixer = Fixer::User,
     .title = N_("The GuC's firmware file is there, without which there are no virtual functions"),
     .why = N_("The GuC inside the GPU shares its time among the virtual functions. The driver "
               "loads its program from {file}; without that there are none."),
     .remedy = N_("Install linux-firmware (Debian: firmware-intel-graphics, before Debian 13 "
                  "firmware-misc-nonfree), rebuild the initramfs and reboot."),
     .check = check_guc},
    {.id = "gpu.firmware_files",
     .scope = RuleScope::Gpu,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("The firmware files that the GPU's driver loads are there"),
     .why = N_("The driver looks for {files}. Without the display's (DMC) the machine does not "
               "save power at idle; without GuC and HuC newer GPUs decode video slower or do not "
               "start. GVT-g needs none of them."),
     .remedy = N_("Install linux-firmware (Debian: firmware-intel-graphics, before Debian 13 "
                  "firmware-misc-nonfree), rebuild the initramfs and reboot."),
     .check = check_files},
};

}  // namespace

std::span<const Rule> gpu_firmware_rules() { return kRules; }

}  // namespace cleave
