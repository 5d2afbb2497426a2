#include "app/vm_files.h"

#include <algorithm>
#include <map>

#include "app/qemu.h"
#include "base/format.h"
#include "base/text.h"
#include "facts/qemu_firmware.h"

namespace cleave {
namespace {

constexpr const char* kSystemData = "/var/lib/cleave/vms";
// A store of variables is 84 KiB to 4 MiB in all builds of edk2.
constexpr std::size_t kNvramLimit = std::size_t{16} << 20U;
constexpr std::size_t kMaximumDescriptions = 256;

// Of the same name the later one counts (QEMU's docs/interop/firmware.json).
std::vector<std::string> description_directories(const VmEnvironment& environment) {
  std::string config = environment.config_home;
  if (!config.starts_with('/')) config = join_path(environment.home, ".config");
  return {"/usr/share/qemu/firmware", "/etc/qemu/firmware", join_path(config, "qemu/firmware")};
}

std::vector<QemuFirmware> read_descriptions(const HostReader& host,
                                            const VmEnvironment& environment) {
  std::map<std::string, std::string> files;  // by name: in the order of preference
  for (const std::string& directory : description_directories(environment)) {
    for (const std::string& name : host.list_directory(directory).value_or({})) {
      if (name.ends_with(".json") && files.size() < kMaximumDescriptions) {
        files[name] = join_path(directory, name);
      }
    }
  }
  std::vector<QemuFirmware> found;
  for (const auto& [name, path] : files) {
    const Result<std::string> text = host.read_file(path, kQemuFirmwareLimit);
    if (!text) continue;
    Result<QemuFirmware> firmware = parse_qemu_firmware(*text, path);
    if (firmware) found.push_back(std::move(*firmware));
  }
  return found;
}

std::string nvram_of(const VmEnvironment& environment, const Vm& vm) {
  if (!vm.firmware.nvram.empty()) return vm.firmware.nvram;
  return join_path(data_directory(environment, vm.name), "nvram.fd");
}

Error no_firmware(const Vm& vm) {
  return error_of(
      ErrorCode::NotFound,
      vm.firmware.secure_boot
          ? Message(N_("No firmware with Secure Boot is here for machine {machine}"),
                    {{"machine", vm.machine}})
          : Message(N_("No UEFI firmware is here for machine {machine}"),
                    {{"machine", vm.machine}}),
      {N_("Install OVMF: package ovmf on Debian and Ubuntu, edk2-ovmf on Fedora and Arch, "
          "qemu-ovmf-x86_64 on openSUSE.")});
}

}  // namespace

std::string data_directory(const VmEnvironment& environment, const std::string& vm_name) {
  if (environment.is_root && !environment.by_sudo) return join_path(kSystemData, vm_name);
  std::string data = environment.data_home;
  if (!data.starts_with('/')) data = join_path(environment.home, ".local/share");
  return join_path(join_path(data, "cleave/vms"), vm_name);
}

Result<void> make_data_directory(HostWriter& host, const VmEnvironment& environment,
                                 const std::string& vm_name) {
  const std::string path = data_directory(environment, vm_name);
  if (environment.is_root && !environment.by_sudo) {
    TRY(host.create_directories(directory_name(path), 0755));
    TRY(host.create_directories(path, 0700));
    return host.change_owner(path, environment.owner.uid, environment.owner.gid);
  }
  const ActingAs owner = TRY(ActingAs::begin(credentials_of(environment.owner)));
  return host.create_directories(path, 0700);
}

Result<FirmwareChoice> choose_firmware(const HostReader& host, const VmEnvironment& environment,
                                       const Vm& vm) {
  FirmwareChoice choice;
  if (!vm.firmware.uefi) return choice;
  choice.files.nvram = nvram_of(environment, vm);
  const bool has_nvram = host.exists(choice.files.nvram);
  const std::vector<QemuFirmware> all = read_descriptions(host, environment);
  const QemuFirmware* firmware = choose_qemu_firmware(all, vm.machine, vm.firmware.secure_boot);
  if (!vm.firmware.code.empty()) {
    const auto named = std::ranges::find(all, vm.firmware.code, &QemuFirmware::code);
    firmware = named == all.end() ? nullptr : &*named;
    choice.files.code = vm.firmware.code;
    if (firmware == nullptr && !has_nvram) {
      return error_of(
          ErrorCode::NotFound,
          {N_("No variables are here for the firmware {code}"), {{"code", vm.firmware.code}}},
          {N_("Copy the template that came with it to {nvram}."), {{"nvram", choice.files.nvram}}});
    }
  }
  if (firmware == nullptr && choice.files.code.empty()) return no_firmware(vm);
  if (firmware != nullptr) {
    choice.files.code = firmware->code;
    choice.files.code_format = firmware->code_format;
    choice.files.nvram_format = firmware->nvram_format;
    if (!has_nvram) choice.nvram_template = firmware->nvram;
  }
  return choice;
}

Result<void> make_nvram(HostWriter& host, const VmEnvironment& environment, const Vm& vm,
                        const FirmwareChoice& choice) {
  if (choice.nvram_template.empty()) return {};
  if (vm.firmware.nvram.empty()) TRY(make_data_directory(host, environment, vm.name));
  const ActingAs owner = TRY(ActingAs::begin(credentials_of(environment.owner)));
  const std::string content = TRY(host.read_file(choice.nvram_template, kNvramLimit));
  return host.replace_file(choice.files.nvram, content, 0600);
}

std::string choose_audio_backend(const HostReader& host, const VmEnvironment& environment,
                                 const Vm& vm) {
  if (!vm.sound || !vm.sound->backend.empty()) return {};
  const Result<std::string> program = find_qemu_program(host, vm.qemu);
  if (!program) return "none";
  const Fact<QemuAbilities> abilities = qemu_abilities(host, *program);
  const QemuAbilities* qemu = abilities.value();
  const auto knows = [qemu](const char* driver) {
    return qemu != nullptr &&
           std::ranges::find(qemu->audio_drivers, driver) != qemu->audio_drivers.end();
  };
  if (vm.display == "spice" && knows("spice")) return "spice";
  const std::string session =
      environment.runtime_home.empty()
          ? format("{}/{}", environment.user_runtime_base, environment.owner.uid)
          : environment.runtime_home;
  if (knows("pipewire") && host.exists(join_path(session, "pipewire-0"))) {
    return "pipewire";
  }
  if (knows("pa") && host.exists(join_path(session, "pulse/native"))) return "pa";
  return "none";
}

}  // namespace cleave
