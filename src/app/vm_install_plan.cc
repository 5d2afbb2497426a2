// What an installation will do: the host's settings, the answers, the discs, the disk.
#include <algorithm>
#include <iterator>

#include "app/password.h"
#include "app/vm_files.h"
#include "app/vm_install.h"
#include "base/format.h"
#include "base/text.h"
#include "install/answer_file.h"
#include "install/cloud_init.h"
#include "install/host_settings.h"
#include "install/virtio_drivers.h"
#include "install/windows_zones.h"

namespace cleave {
namespace {

constexpr std::uint64_t kDefaultDisk = std::uint64_t{64} << 30U;   // Windows 11 wants 64 GB
constexpr std::size_t kSetupDriverBytes = std::size_t{64} << 20U;  // those of virtio-win: 2 MiB
constexpr std::size_t kMostKeys = 32;
constexpr const char* kHidden = "********";
constexpr const char* kWindowsLabel = "CLEAVE";

// The first of the files that has the setting.
std::string first_setting(const HostReader& host, const std::vector<const char*>& files,
                          std::string_view name) {
  for (const char* file : files) {
    const Result<std::string> text = host.read_file(file);
    std::string value = text ? setting_in(*text, name) : std::string();
    if (!value.empty()) return value;
  }
  return {};
}

HostSettings read_host_settings(const HostReader& host) {
  HostSettings settings;
  settings.locale = first_setting(host, {"/etc/locale.conf", "/etc/default/locale"}, "LANG");
  settings.keyboard =
      first_setting(host, {"/etc/default/keyboard", "/etc/vconsole.conf"}, "XKBLAYOUT");
  settings.keyboard_variant =
      first_setting(host, {"/etc/default/keyboard", "/etc/vconsole.conf"}, "XKBVARIANT");
  if (settings.keyboard.empty()) {
    settings.keyboard = first_setting(host, {"/etc/vconsole.conf"}, "KEYMAP");
  }
  const Result<std::string> link = host.read_link("/etc/localtime");
  if (link) settings.time_zone = zone_of_link(*link);
  if (settings.time_zone.empty()) {
    const Result<std::string> name = host.read_file("/etc/timezone");
    if (name) settings.time_zone = setting_in("zone=" + *name, "zone");
  }
  return settings;
}

class Planner {
 public:
  Planner(const HostReader& host, const VmEnvironment& environment, const LoadedVm& loaded,
          const InstallWish& wish)
      : host_(host), environment_(environment), loaded_(loaded), wish_(wish) {}

  Result<Installation> plan() {
    const Vm& vm = *loaded_.checked.vm;
    plan_.definition = loaded_.file;
    plan_.kind = wish_.cloud_image.empty() ? InstallKind::Windows : InstallKind::CloudImage;
    plan_.directory = join_path(data_directory(environment_, vm.name), "installation");
    plan_.disc = join_path(plan_.directory, "answers.iso");
    TRY(check_guest(vm));
    TRY(choose_disk(vm));
    settings_ = read_host_settings(host_);
    if (!wish_.keyboard.empty()) {
      settings_.keyboard = wish_.keyboard;
      settings_.keyboard_variant.clear();
    }
    if (!wish_.time_zone.empty()) settings_.time_zone = wish_.time_zone;
    plan_.user = wish_.user.empty() ? usual_user() : wish_.user;
    if (plan_.kind == InstallKind::Windows) {
      TRY(plan_windows(vm));
    } else {
      TRY(plan_cloud_image(vm));
    }
    plan_.discs.push_back(plan_.disc);
    plan_.vm = installation_vm(
        environment_, vm, {.kind = plan_.kind, .directory = plan_.directory, .discs = plan_.discs});
    TRY(check_places());
    return std::move(plan_);
  }

 private:
  std::string usual_user() const {
    return environment_.owner.name == "nobody" ? "user" : environment_.owner.name;
  }

  Result<void> check_guest(const Vm& vm) const {
    if (!vm.kernel.empty()) {
      return error_of(ErrorCode::Unsupported,
                      {N_("The VM {name} starts a kernel of its own, so that nothing on a disk is "
                          "started"),
                       {{"name", vm.name}}},
                      {N_("Take the key kernel out of its definition.")});
    }
    const bool windows = plan_.kind == InstallKind::Windows;
    const bool fits = windows ? vm.guest == "windows" : vm.guest != "windows";
    if (fits) return {};
    return error_of(
        ErrorCode::Unsupported,
        windows ? Message(N_("The definition of {name} does not say that its guest is Windows"),
                          {{"name", vm.name}})
                : Message(N_("The definition of {name} says that its guest is Windows"),
                          {{"name", vm.name}}),
        windows ? Message(N_("Write guest = \"windows10\" or \"windows11\" into it."))
                : Message(N_("Write guest = \"linux\" into it.")));
  }

  // The first disk that is no CD: what Windows' setup counts as disk 0.
  Result<void> choose_disk(const Vm& vm) {
    const auto found = std::ranges::find_if(
        vm.disks, [](const Vm::Disk& disk) { return disk.interface != "cdrom"; });
    if (found == vm.disks.end()) {
      return error_of(ErrorCode::NotFound,
                      {N_("The VM {name} has no disk to install to"), {{"name", vm.name}}},
                      {N_("Write a [[disk]] with a file into its definition; the file is made.")});
    }
    plan_.disk = *found;
    const NewImage image{
        .file = found->file, .format = found->format, .bytes = wish_.bytes.value_or(kDefaultDisk)};
    const Result<std::string> sectors =
        first_sectors(host_, environment_, found->file, found->format);
    if (!sectors && sectors.error().code == ErrorCode::NotFound) {
      plan_.new_image = image;
      plan_.is_blank = true;
    } else if (!sectors) {
      return sectors.error();
    } else if (disk_start(*sectors) == DiskStart::Blank) {
      plan_.is_blank = true;
    } else if (!wish_.overwrite) {
      Error error =
          error_of(ErrorCode::Conflict,
                   {N_("The disk {path} is not blank, and installing to it would destroy "
                       "what is on it"),
                    {{"path", found->file}}},
                   {N_("Take another disk; or, if nothing on it is needed, --overwrite.")});
      error.path = found->file;
      return error;
    }
    if (plan_.kind != InstallKind::CloudImage) return {};
    if (found->file.starts_with("/dev/")) {
      return error_of(ErrorCode::Unsupported, {N_("A cloud image is copied to a file, and {path} "
                                                  "is a device"),
                                               {{"path", found->file}}});
    }
    // It is made anew in any case; without a wish it keeps the size of the cloud image.
    plan_.new_image = image;
    plan_.new_image->bytes = wish_.bytes.value_or(0);
    return {};
  }

  Result<void> check_readable(const std::string& file) const {
    const ActingAs owner = TRY(ActingAs::begin(credentials_of(environment_.owner)));
    const Result<std::string> start = host_.read_at(file, 0, 1);
    if (!start) return start.error();
    return {};
  }

  // ide and sata have as many places as their controllers (vm/check_disks.cc).
  Result<void> check_places() const {
    const std::size_t places = plan_.vm.machine == "pc" ? 4 : 6;
    const auto used = std::ranges::count_if(plan_.vm.disks, [](const Vm::Disk& disk) {
      return disk.interface == "cdrom" || disk.interface == "sata" || disk.interface == "ide";
    });
    if (static_cast<std::size_t>(used) <= places) return {};
    return error_of(
        ErrorCode::Unsupported,
        {N_("Machine {machine} has {limit} places for disks and CD drives, and the installation "
            "needs {count}"),
         {{"machine", plan_.vm.machine}, {"limit", places}, {"count", used}}},
        {N_("Take disks out of the definition until it is installed.")});
  }

  // --- Windows ------------------------------------------------------------------------------

  Result<void> check_windows_wish(const Vm& vm) const {
    if (auto problem = windows_user_problem(plan_.user)) {
      return error_of(ErrorCode::Malformed, *problem, {N_("Choose one with --user.")});
    }
    if (auto problem = windows_password_problem(wish_.password)) {
      return error_of(ErrorCode::Malformed, *problem);
    }
    if (!wish_.product_key.empty() && !is_product_key(wish_.product_key)) {
      return error_of(ErrorCode::Malformed,
                      {N_("A product key has five groups of five capital letters and digits, with "
                          "hyphens between")});
    }
    if (!wish_.language.empty() && !is_windows_language(wish_.language)) {
      return error_of(ErrorCode::Malformed,
                      {N_("“{language}” is no language of Windows; one is written as ko-KR or "
                          "en-US"),
                       {{"language", printable(wish_.language)}}});
    }
    const bool needs_virtio = plan_.disk.interface == "virtio" || plan_.disk.interface == "scsi" ||
                              std::ranges::any_of(vm.networks, [](const Vm::Network& card) {
                                return card.model == "virtio";
                              });
    if (needs_virtio && wish_.virtio_iso.empty()) {
      return error_of(
          ErrorCode::Malformed,
          {N_("Windows has no driver for the VM's virtio disk or network card")},
          {N_("Give it the drivers: --virtio-iso virtio-win.iso (from "
              "fedorapeople.org/groups/virt/virtio-win); or write interface = \"sata\" and model = "
              "\"e1000e\" into the definition.")});
    }
    return check_readable(wish_.iso);
  }

  std::string language() {
    if (!wish_.language.empty()) return wish_.language;
    std::string language = windows_language(settings_.locale);
    if (language.empty()) {
      plan_.remarks.emplace_back(
          N_("The host's language is not known; Windows is installed in en-US. Another: "
             "--language."));
      return "en-US";
    }
    plan_.remarks.push_back({N_("Windows' disc must have the language {language}, the host's; "
                                "another: --language."),
                             {{"language", language}}});
    return language;
  }

  std::string zone() {
    std::string zone = windows_zone(settings_.time_zone);
    if (zone.empty()) {
      plan_.remarks.push_back(
          {N_("No time zone of Windows is known for “{zone}”; Windows chooses one."),
           {{"zone", settings_.time_zone}}});
    }
    return zone;
  }

  std::string keyboard() {
    std::string keyboard = windows_keyboard(settings_.keyboard, settings_.keyboard_variant);
    if (keyboard.empty()) {
      plan_.remarks.push_back(
          {N_("No keyboard of Windows is known for “{layout}”; the language's own is taken."),
           {{"layout", settings_.keyboard}}});
    }
    return keyboard;
  }

  Result<void> add_setup_drivers(const Vm& vm) {
    if (wish_.virtio_iso.empty()) return {};
    std::vector<std::string> missing;
    for (const std::string& version : virtio_versions(vm.guest_version)) {
      const ActingAs owner = TRY(ActingAs::begin(credentials_of(environment_.owner)));
      const DiscChoice choice = [&version](std::string_view path) {
        return setup_driver_place(path, version);
      };
      std::vector<DiscFile> files = TRY(files_of_disc(wish_.virtio_iso, choice, kSetupDriverBytes));
      std::vector<std::string> names;
      for (const DiscFile& file : files) names.push_back(file.name);
      missing = missing_setup_drivers(names);
      if (!missing.empty()) continue;
      std::ranges::move(files, std::back_inserter(plan_.files));
      return {};
    }
    Error error =
        error_of(ErrorCode::NotFound,
                 {N_("The disc {path} has no drivers {drivers} for Windows {version}"),
                  {{"path", wish_.virtio_iso},
                   {"drivers", join(missing, ", ")},
                   {"version", vm.guest_version.empty() ? "10" : vm.guest_version}}},
                 {N_("Take virtio-win.iso from fedorapeople.org/groups/virt/virtio-win.")});
    error.path = wish_.virtio_iso;
    return error;
  }

  Result<void> add_driver(const Vm& vm) {
    if (wish_.driver.empty()) return {};
    const ActingAs owner = TRY(ActingAs::begin(credentials_of(environment_.owner)));
    std::vector<DiscFile> files = TRY(files_of_folder(wish_.driver, kDriverFolder));
    bool has_inf = false;
    for (const DiscFile& file : files) {
      if (!lower_case(file.name).ends_with(".inf")) continue;
      has_inf = true;
      const Result<std::string> bytes = host_.read_file(file.source, kInfLimit);
      const std::optional<InfFile> inf = bytes ? parse_inf(*bytes) : std::nullopt;
      if (!inf || !inf->is_display || !inf->is_intel) continue;
      plan_.drivers.push_back({.file = file.source,
                               .version = inf->version,
                               .judgement = judge_gvt_g_driver(inf->version)});
    }
    if (!has_inf) {
      Error error =
          error_of(ErrorCode::NotFound,
                   {N_("There is no driver (no .inf) below {path}"), {{"path", wish_.driver}}},
                   {N_("Unpack the driver's package into a folder first.")});
      error.path = wish_.driver;
      return error;
    }
    if (plan_.drivers.empty() && vm.gpu && vm.gpu->way == "gvt-g") {
      plan_.remarks.push_back({N_("No graphics driver of Intel's is below {path}; its version "
                                  "cannot be judged."),
                               {{"path", wish_.driver}}});
    }
    std::ranges::move(files, std::back_inserter(plan_.files));
    return {};
  }

  Result<void> plan_windows(const Vm& vm) {
    TRY(check_windows_wish(vm));
    plan_.disc_label = kWindowsLabel;
    const bool windows11 = vm.guest_version == "11";
    WindowsAnswers answers{.uefi = vm.firmware.uefi,
                           .language = language(),
                           .keyboard = keyboard(),
                           .time_zone = zone(),
                           .computer_name = windows_computer_name(vm.name),
                           .user = plan_.user,
                           .password = wish_.password,
                           .product_key = wish_.product_key,
                           .edition = wish_.edition.empty()
                                          ? (windows11 ? "Windows 11 Pro" : "Windows 10 Pro")
                                          : wish_.edition};
    plan_.files.push_back({kAnswerFile, windows_answer_file(answers), {}});
    const std::string script = windows_finish_script(!wish_.driver.empty());
    plan_.files.push_back({kFinishScript, script, {}});
    answers.password = kHidden;
    if (!answers.product_key.empty()) answers.product_key = kHidden;
    plan_.shown = {{kAnswerFile, windows_answer_file(answers), {}}, {kFinishScript, script, {}}};
    plan_.discs.push_back(wish_.iso);
    if (!wish_.virtio_iso.empty()) plan_.discs.push_back(wish_.virtio_iso);
    TRY(add_setup_drivers(vm));
    return add_driver(vm);
  }

  // --- A cloud image --------------------------------------------------------------------------

  // Only *.pub: what is beside them is secret.
  Result<std::vector<std::string>> ssh_keys() {
    const ActingAs owner = TRY(ActingAs::begin(credentials_of(environment_.owner)));
    std::vector<std::string> keys;
    const std::string directory = join_path(environment_.home, ".ssh");
    for (const std::string& name : host_.list_directory(directory).value_or({})) {
      if (!name.ends_with(".pub")) continue;
      const std::string text = host_.read_file(join_path(directory, name)).value_or({});
      for (const std::string_view line : lines(text)) {
        if (is_ssh_public_key(line) && keys.size() < kMostKeys) keys.emplace_back(trim(line));
      }
    }
    return keys;
  }

  Result<void> plan_cloud_image(const Vm& vm) {
    if (auto problem = linux_user_problem(plan_.user)) {
      return error_of(ErrorCode::Malformed, *problem, {N_("Choose one with --user.")});
    }
    TRY(check_readable(wish_.cloud_image));
    plan_.disc_label = kSeedLabel;
    CloudAnswers answers{.host_name = linux_host_name(vm.name),
                         .instance_id = "cleave-" + vm.name,
                         .user = plan_.user,
                         .password_hash = TRY(hash_password(wish_.password)),
                         .ssh_keys = TRY(ssh_keys()),
                         .locale = settings_.locale,
                         .keyboard = settings_.keyboard,
                         .keyboard_variant = settings_.keyboard_variant,
                         .time_zone = settings_.time_zone};
    plan_.files = {{kUserData, cloud_user_data(answers), {}},
                   {kMetaData, cloud_meta_data(answers), {}},
                   {kNetworkConfig, cloud_network_config(), {}}};
    answers.password_hash = kHidden;
    plan_.shown = {{kUserData, cloud_user_data(answers), {}},
                   {kMetaData, cloud_meta_data(answers), {}},
                   {kNetworkConfig, cloud_network_config(), {}}};
    return {};
  }

  const HostReader& host_;
  const VmEnvironment& environment_;
  const LoadedVm& loaded_;
  const InstallWish& wish_;
  HostSettings settings_;
  Installation plan_;
};

}  // namespace

Result<Installation> plan_installation(const HostReader& host, const VmEnvironment& environment,
                                       const LoadedVm& loaded, const InstallWish& wish) {
  return Planner(host, environment, loaded, wish).plan();
}

}  // namespace cleave
