#include "facts/qemu_firmware.h"

#include <algorithm>

#include "base/json.h"

namespace cleave {
namespace {

Error malformed(std::string_view file, const char* what) {
  Error error =
      error_of(ErrorCode::Malformed, {N_("{file} is no description of firmware for QEMU: {what}"),
                                      {{"file", file}, {"what", what}}});
  error.path = file;
  return error;
}

Error another_kind(std::string_view file) {
  Error error = error_of(ErrorCode::Unsupported,
                         {N_("{file} describes firmware of another kind"), {{"file", file}}});
  error.path = file;
  return error;
}

std::vector<std::string> texts_of(const Json* list) {
  std::vector<std::string> texts;
  if (list == nullptr || list->as_array() == nullptr) return texts;
  for (const Json& item : *list->as_array()) {
    if (const std::string* text = item.as_string()) texts.push_back(*text);
  }
  return texts;
}

bool has(const std::vector<std::string>& list, std::string_view wanted) {
  return std::ranges::find(list, wanted) != list.end();
}

// Patterns end in a star as a rule; nothing else of glob(7) is used by any distribution.
bool fits_pattern(std::string_view pattern, std::string_view name) {
  if (!pattern.ends_with('*')) return pattern == name;
  return name.starts_with(pattern.substr(0, pattern.size() - 1));
}

bool read_file(const Json* part, std::string& name, std::string& format) {
  if (part == nullptr) return false;
  name = part->text_of("filename");
  format = part->text_of("format");
  return name.starts_with('/') && (format == "raw" || format == "qcow2");
}

}  // namespace

bool QemuFirmware::has_feature(std::string_view feature) const { return has(features, feature); }

bool QemuFirmware::fits_machine(std::string_view machine) const {
  // The names without a version are links to the newest with one (hw/i386/pc_q35.c, pc_piix.c).
  const std::string_view versioned = machine == "q35" ? "pc-q35-" : "pc-i440fx-";
  return std::ranges::any_of(machines, [&](const std::string& pattern) {
    return pattern == "*" || pattern.starts_with(versioned) || fits_pattern(pattern, machine);
  });
}

Result<QemuFirmware> parse_qemu_firmware(std::string_view text, std::string_view file) {
  if (text.size() > kQemuFirmwareLimit) return malformed(file, "too large");
  const Result<Json> parsed = parse_json(text);
  if (!parsed) return malformed(file, "no JSON");
  if (parsed->as_object() == nullptr) return malformed(file, "no object");
  const Json* mapping = parsed->find("mapping");
  const Json* targets = parsed->find("targets");
  if (mapping == nullptr || targets == nullptr || targets->as_array() == nullptr) {
    return malformed(file, "no mapping or no targets");
  }
  QemuFirmware firmware;
  firmware.file = file;
  firmware.description = parsed->text_of("description");
  firmware.features = texts_of(parsed->find("features"));
  for (const Json& target : *targets->as_array()) {
    if (target.text_of("architecture") != "x86_64") continue;
    std::ranges::move(texts_of(target.find("machines")), std::back_inserter(firmware.machines));
  }
  // "split" is the mode of those without one: program and variables in two files.
  const std::string_view mode = mapping->text_of("mode");
  const bool wanted = has(texts_of(parsed->find("interface-types")), "uefi") &&
                      !firmware.machines.empty() && mapping->text_of("device") == "flash" &&
                      (mode.empty() || mode == "split");
  if (!wanted) return another_kind(file);
  if (!read_file(mapping->find("executable"), firmware.code, firmware.code_format) ||
      !read_file(mapping->find("nvram-template"), firmware.nvram, firmware.nvram_format)) {
    return malformed(file, "no files");
  }
  return firmware;
}

const QemuFirmware* choose_qemu_firmware(const std::vector<QemuFirmware>& all,
                                         std::string_view machine, bool secure_boot) {
  const auto found = std::ranges::find_if(all, [&](const QemuFirmware& firmware) {
    if (!firmware.fits_machine(machine)) return false;
    return secure_boot
               ? firmware.has_feature("secure-boot") && firmware.has_feature("enrolled-keys")
               : !firmware.has_feature("requires-smm") && !firmware.has_feature("enrolled-keys");
  });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace cleave
