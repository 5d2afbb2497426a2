#include "analysis/explain/acpi_table_notes.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/format.h"
#include "base/text.h"
#include "facts/dmar_devices.h"

namespace cleave {
namespace {

using Notes = std::vector<Annotation>;

std::string hexadecimal(std::uint64_t number) { return format("0x{:x}", number); }

std::string size_text(std::uint64_t bytes) {
  constexpr std::uint64_t kKib = 1024;
  constexpr std::uint64_t kMib = kKib * kKib;
  if (bytes >= kMib && bytes % kMib == 0) return format("{} MiB", bytes / kMib);
  if (bytes >= kKib) return format("{} KiB", bytes / kKib);
  return format("{} B", bytes);
}

void append(Notes& notes, Notes more) {
  notes.insert(notes.end(), std::make_move_iterator(more.begin()),
               std::make_move_iterator(more.end()));
}

// --- DMAR

// "00:02.0"; further hops of a path follow: "00:1c.0/00.0".
std::string scope_text(const DeviceScope& scope) {
  std::string text = format("{:02x}:", scope.start_bus);
  for (std::size_t i = 0; i < scope.path.size(); ++i) {
    text +=
        format("{}{:02x}.{:x}", i == 0 ? "" : "/", scope.path[i].device, scope.path[i].function);
  }
  return text;
}

std::string scopes_text(const DmarStructure& structure) {
  std::vector<std::string> texts;
  for (const DeviceScope& scope : structure.device_scopes) texts.push_back(scope_text(scope));
  return join(texts, ", ");
}

// Intel's integrated GPU is always there (include/drm/intel/i915_drm.h reads its stolen memory).
constexpr std::array<PciAddress, 1> kIntelGpu = {
    PciAddress{.domain = 0, .bus = 0, .device = 2, .function = 0}};

bool names_gpu(const DeviceScope& scope, std::uint16_t segment) {
  return scope.type == DeviceScope::kPciEndpoint && covers(scope, segment, kIntelGpu);
}

// Where Intel puts its USB controllers: 0d.0 in the processor since Tiger Lake, 14.0 in the
// chipset since Panther Point, 1a.0 and 1d.0 before (data sheets of the 7 to 500 series).
bool names_usb(const DeviceScope& scope) {
  constexpr std::array<std::uint8_t, 4> kDevices = {0x0D, 0x14, 0x1A, 0x1D};
  return scope.type == DeviceScope::kPciEndpoint && scope.start_bus == 0 &&
         scope.path.size() == 1 && scope.path[0].function == 0 &&
         std::ranges::find(kDevices, scope.path[0].device) != kDevices.end();
}

Annotation note_on_flags(const DmarTable& table) {
  if ((table.flags & DmarTable::kInterruptRemapping) != 0) {
    return acpi_note("acpi.interrupt_remapping", Severity::Good,
                     N_("The firmware declares interrupt remapping: a device in a VM cannot fake "
                        "interrupts of others."),
                     "", {{"flags", hexadecimal(table.flags)}});
  }
  return acpi_note(
      "acpi.no_interrupt_remapping", Severity::Warning,
      N_("The firmware does not declare interrupt remapping. VFIO then refuses to hand a whole "
         "device to a VM, because the device could fake interrupts of others. GVT-g is not "
         "concerned."),
      N_("Look for a firmware update first. The module option "
         "vfio_iommu_type1.allow_unsafe_interrupts=1 lifts the refusal, and the protection."),
      {{"flags", hexadecimal(table.flags)}});
}

Notes notes_on_header(const DmarTable& table) {
  Notes notes;
  notes.push_back(
      acpi_note("acpi.host_address_width", Severity::Note,
                N_("Devices can address {bits} bits of memory. A guest that is given a whole "
                   "device must not use more."),
                N_("If QEMU reports that mapping memory failed with -22, add "
                   "host-phys-bits-limit={bits} to -cpu host."),
                {{"bits", table.address_bits()}}));
  notes.push_back(note_on_flags(table));
  if ((table.flags & DmarTable::kX2apicOptOut) != 0) {
    notes.push_back(acpi_note(
        "acpi.x2apic_opt_out", Severity::Harmless,
        N_("The firmware asks systems not to use x2APIC. Linux obeys and says so in its log; "
           "sharing a GPU does not need it."),
        "", {{"flags", hexadecimal(table.flags)}}));
  }
  if ((table.flags & DmarTable::kDmaControlOptIn) != 0) {
    notes.push_back(acpi_note(
        "acpi.dma_control_opt_in", Severity::Note,
        N_("The firmware asks for protection against DMA of plugged-in devices. Linux may switch "
           "the IOMMU on because of this where the command line does not ask for it."),
        "", {{"flags", hexadecimal(table.flags)}}));
  }
  return notes;
}

Notes notes_on_drhd(const DmarStructure& structure, const Drhd& drhd) {
  Notes notes;
  const std::vector<Field> arguments = {{"offset", hexadecimal(structure.offset)},
                                        {"address", hexadecimal(drhd.register_base_address)},
                                        {"segment", drhd.segment},
                                        {"devices", scopes_text(structure)}};
  if (drhd.register_base_address == 0) {
    notes.push_back(acpi_note("acpi.drhd_address_zero", Severity::Problem,
                              N_("The IOMMU described at offset {offset} has no address. Linux "
                                 "cannot use it and says that the BIOS is broken."),
                              N_("Look for a firmware update."), arguments));
  }
  const bool only_gpu = !structure.device_scopes.empty() &&
                        std::ranges::all_of(structure.device_scopes, [&](const auto& scope) {
                          return names_gpu(scope, drhd.segment);
                        });
  if (drhd.include_all()) {
    notes.push_back(acpi_note("acpi.drhd_include_pci_all", Severity::Note,
                              N_("The IOMMU at {address} serves every device of PCI segment "
                                 "{segment} that no other one names."),
                              "", arguments));
  } else if (only_gpu) {
    notes.push_back(acpi_note(
        "acpi.drhd_gpu_only", Severity::Note,
        N_("The IOMMU at {address} serves Intel's integrated GPU (00:02.0) and nothing else. A "
           "kernel that switches the IOMMU off for graphics ignores all of it: the GPU then has "
           "no IOMMU group and cannot be handed to a VM as a whole. GVT-g is not concerned."),
        N_("See whether the kernel log says “Disabling IOMMU for graphics on this chipset”, and "
           "the kernel's command line intel_iommu=igfx_off."),
        arguments));
  }
  return notes;
}

Annotation note_on_rmrr(const DmarStructure& structure, const Rmrr& rmrr) {
  const auto& scopes = structure.device_scopes;
  const bool gpu = std::ranges::any_of(
      scopes, [&](const auto& scope) { return names_gpu(scope, rmrr.segment); });
  const bool usb = !scopes.empty() && std::ranges::all_of(scopes, names_usb);
  const std::vector<Field> arguments = {
      {"offset", hexadecimal(structure.offset)},
      {"first", hexadecimal(rmrr.base_address)},
      {"last", hexadecimal(rmrr.end_address)},
      {"size", size_text(rmrr.end_address - rmrr.base_address + 1)},
      {"devices", scopes_text(structure)}};
  if (gpu) {
    return acpi_note("acpi.rmrr_gpu", Severity::Harmless,
                     N_("{size} of memory from {first} on belong to Intel's integrated GPU (its "
                        "“stolen” memory), which may always reach them. Linux makes an exception "
                        "for GPUs: this does not keep it from being handed to a VM."),
                     "", arguments);
  }
  if (usb) {
    return acpi_note("acpi.rmrr_usb", Severity::Harmless,
                     N_("The firmware keeps {size} of memory from {first} on for {devices}, in all "
                        "likelihood USB controllers, so that a keyboard works before the system "
                        "runs. Linux makes an exception for USB."),
                     "", arguments);
  }
  return acpi_note(
      "acpi.rmrr_device", Severity::Warning,
      N_("The firmware keeps {size} of memory from {first} on for these devices: {devices}. Linux "
         "refuses to hand a device with such memory to a VM, unless it is a GPU or a USB "
         "controller (“ineligible for IOMMU domain attach due to platform RMRR requirement”)."),
      N_("This matters only if you want to hand over one of these devices: look in the firmware's "
         "setup for what uses it."),
      arguments);
}

Notes notes_on_absent(const DmarTable& table) {
  std::set<std::string_view> names;
  for (const DmarStructure& structure : table.structures) {
    names.insert(dmar_type_name(structure.type));
  }
  Notes notes;
  // Where the rest of the table is unknown, nobody can say what it has not.
  if (table.problems.has(AcpiProblemKind::TableTruncated) ||
      table.problems.has(AcpiProblemKind::LengthTooSmall)) {
    return notes;
  }
  if (!names.contains("DRHD")) {
    notes.push_back(acpi_note("acpi.no_drhd", Severity::Problem,
                              N_("The table describes no IOMMU at all, so Linux finds none."),
                              N_("Switch VT-d on in the firmware's setup, and look for a firmware "
                                 "update."),
                              {}));
  }
  if (!names.contains("ATSR")) {
    notes.push_back(acpi_note("acpi.no_atsr", Severity::Harmless,
                              N_("There is no ATSR structure: no root port passes on address "
                                 "translations for devices. That is normal for laptops."),
                              "", {}));
  }
  if (!names.contains("SATC")) {
    notes.push_back(acpi_note("acpi.no_satc", Severity::Harmless,
                              N_("There is no SATC structure: no device of the processor must "
                                 "translate addresses itself. That is normal before Meteor Lake."),
                              "", {}));
  }
  return notes;
}

// --- IVRS

std::string requester_text(std::uint16_t id) {
  return format("{:02x}:{:02x}.{:x}", id >> 8U, (id >> 3U) & 0x1FU, id & 0x7U);
}

// Linux looks for the I/O APIC of the southbridge at 00:14.0 (IOAPIC_SB_DEVID in
// drivers/iommu/amd/amd_iommu_types.h) and does not remap interrupts without it.
constexpr std::uint16_t kSouthbridge = 0x00A0;

bool names_southbridge(const Ivhd& ivhd) {
  return std::ranges::any_of(ivhd.entries, [](const IvhdEntry& entry) {
    const auto* special = std::get_if<IvhdSpecial>(&entry.more);
    return special != nullptr && special->variety == IvhdSpecial::kIoApic &&
           special->source_device_id == kSouthbridge;
  });
}

Notes notes_on_ivhds(const IvrsTable& table) {
  Notes notes;
  std::set<std::pair<std::uint16_t, std::uint16_t>> seen;  // segment, device
  bool southbridge = false;
  bool repeated = false;
  for (const IvrsBlock& block : table.blocks) {
    const auto* ivhd = std::get_if<Ivhd>(&block.body);
    if (ivhd == nullptr) continue;
    southbridge = southbridge || names_southbridge(*ivhd);
    if (!seen.emplace(ivhd->pci_segment_group, ivhd->device_id).second) {
      repeated = true;
      continue;
    }
    notes.push_back(acpi_note("acpi.ivhd", Severity::Good,
                              N_("The firmware describes an AMD IOMMU: PCI device {device} with "
                                 "its registers at {address}."),
                              "",
                              {{"offset", hexadecimal(block.offset)},
                               {"segment", ivhd->pci_segment_group},
                               {"device", requester_text(ivhd->device_id)},
                               {"address", hexadecimal(ivhd->iommu_base_address)}}));
  }
  if (repeated) {
    notes.push_back(acpi_note("acpi.ivhd_repeated", Severity::Harmless,
                              N_("The same IOMMU is described more than once, for older and newer "
                                 "systems. Linux uses the newest description."),
                              "", {}));
  }
  if (table.problems.has(AcpiProblemKind::TableTruncated) ||
      table.problems.has(AcpiProblemKind::LengthTooSmall)) {
    return notes;
  }
  if (seen.empty()) {
    notes.push_back(acpi_note("acpi.no_ivhd", Severity::Problem,
                              N_("The table describes no IOMMU at all, so Linux finds none."),
                              N_("Switch the IOMMU on in the firmware's setup (often under “AMD "
                                 "CBS”), and look for a firmware update."),
                              {}));
  } else if (!southbridge) {
    notes.push_back(acpi_note(
        "acpi.no_southbridge_ioapic", Severity::Warning,
        N_("The table does not name the I/O APIC of the southbridge (00:14.0). Linux then does "
           "not remap interrupts, and VFIO refuses to hand a whole device to a VM."),
        N_("Look for a firmware update. The kernel parameter ivrs_ioapic can supply what is "
           "missing."),
        {}));
  }
  return notes;
}

Notes notes_on_ivmds(const IvrsTable& table) {
  Notes notes;
  for (const IvrsBlock& block : table.blocks) {
    const auto* ivmd = std::get_if<Ivmd>(&block.body);
    if (ivmd == nullptr) continue;
    constexpr std::uint8_t kAllDevices = 0x20;
    constexpr std::uint8_t kRange = 0x22;
    std::string devices = requester_text(ivmd->device_id);
    if (block.type == kRange) devices += " – " + requester_text(ivmd->auxiliary_data);
    if (block.type == kAllDevices) devices = "*";
    notes.push_back(acpi_note("acpi.ivmd", Severity::Note,
                              N_("The firmware keeps {size} of memory from {first} on for these "
                                 "devices: {devices}."),
                              "",
                              {{"offset", hexadecimal(block.offset)},
                               {"first", hexadecimal(ivmd->start_address)},
                               {"size", size_text(ivmd->memory_block_length)},
                               {"devices", devices}}));
  }
  return notes;
}

}  // namespace

Annotation acpi_note(const char* id, Severity severity, const char* meaning, const char* action,
                     std::vector<Field> arguments) {
  Annotation annotation;
  annotation.id = id;
  annotation.severity = severity;
  annotation.meaning = Message(meaning, arguments);
  if (*action != '\0') annotation.action = Message(action, arguments);
  annotation.arguments = std::move(arguments);
  return annotation;
}

std::vector<Annotation> notes_on(const DmarTable& table) {
  Notes notes = notes_on(table.header, table.problems);
  append(notes, notes_on_header(table));
  for (const DmarStructure& structure : table.structures) {
    if (const auto* drhd = std::get_if<Drhd>(&structure.body)) {
      append(notes, notes_on_drhd(structure, *drhd));
    } else if (const auto* rmrr = std::get_if<Rmrr>(&structure.body)) {
      notes.push_back(note_on_rmrr(structure, *rmrr));
    }
  }
  append(notes, notes_on_absent(table));
  return notes;
}

std::vector<Annotation> notes_on(const IvrsTable& table) {
  Notes notes = notes_on(table.header, table.problems);
  append(notes, notes_on_ivhds(table));
  if ((table.ivinfo & IvrsTable::kDmaRemapSupported) != 0) {
    notes.push_back(acpi_note("acpi.ivrs_dma_remap", Severity::Note,
                              N_("The firmware asks for protection against DMA of plugged-in "
                                 "devices."),
                              "", {{"ivinfo", hexadecimal(table.ivinfo)}}));
  }
  append(notes, notes_on_ivmds(table));
  return notes;
}

}  // namespace cleave
