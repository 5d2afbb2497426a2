#include "app/vm_install.h"

#include <algorithm>

#include "app/vm_files.h"
#include "base/format.h"
#include "base/text.h"
#include "install/answer_file.h"
#include "install/serial_text.h"

namespace cleave {
namespace {

constexpr const char* kStateSchema = "cleave.vm-install-state/1";
constexpr std::size_t kStateLimit = std::size_t{64} << 10U;
constexpr std::size_t kMostDiscs = 8;
// The mark is the guest's last word but for what its system says while it shuts down.
constexpr std::uint64_t kSerialTail = std::uint64_t{256} << 10U;
constexpr std::size_t kLongestLine = 200;

std::string directory_of(const VmEnvironment& environment, const std::string& vm_name) {
  return join_path(data_directory(environment, vm_name), "installation");
}

std::string state_file(const std::string& directory) { return join_path(directory, "state.json"); }

std::string serial_file(const std::string& directory) { return join_path(directory, "serial.log"); }

Result<ActingAs> as_owner(const VmEnvironment& environment) {
  return ActingAs::begin(credentials_of(environment.owner));
}

Result<InstallState> state_from(const Json& json, const std::string& directory) {
  InstallState state;
  state.directory = directory;
  const std::string_view kind = json.text_of("kind");
  const Json* discs = json.find("discs");
  const bool good = json.text_of("schema") == kStateSchema && discs != nullptr &&
                    discs->as_array() != nullptr && discs->as_array()->size() <= kMostDiscs &&
                    (kind == "windows" || kind == "cloud-image");
  if (!good) {
    Error error = error_of(ErrorCode::Malformed,
                           {N_("What is written of the installation is not "
                               "what cleave writes")},
                           {N_("Remove the file, and begin the installation again.")});
    error.path = state_file(directory);
    return error;
  }
  state.kind = kind == "windows" ? InstallKind::Windows : InstallKind::CloudImage;
  for (const Json& disc : *discs->as_array()) {
    if (disc.as_string() != nullptr) state.discs.push_back(*disc.as_string());
  }
  return state;
}

Result<void> write_state(HostWriter& host, const InstallState& state) {
  Json discs = Json::array();
  for (const std::string& disc : state.discs) discs.push_back(disc);
  const Json json = Json::object({{"schema", kStateSchema},
                                  {"kind", install_kind_name(state.kind)},
                                  {"discs", std::move(discs)}});
  return host.replace_file(state_file(state.directory), to_text(json, 2) + "\n", 0600);
}

std::string serial_tail(const HostReader& host, const VmEnvironment& environment,
                        const InstallState& state) {
  const Result<ActingAs> owner = as_owner(environment);
  const std::string file = serial_file(state.directory);
  const Result<FileStatus> status = host.status(file);
  if (!owner || !status) return {};
  const std::uint64_t from = status->size > kSerialTail ? status->size - kSerialTail : 0;
  return host.read_at(file, from, kSerialTail).value_or({});
}

// What a person can look at while it goes on, without OpenGL and without a session's bus.
std::string installation_display(const VmEnvironment& environment, const std::string& display) {
  const bool window = display == "gtk" || display == "sdl";
  if (window) return environment.has_display ? display : "none";
  return display == "vnc" || display == "spice" ? display : "none";
}

// How the guest sees the installation's discs. Kernels of cloud images need not have a driver for
// SATA (Debian's linux-image-cloud-amd64 has none, and no USB), and images with one load it only
// after cloud-init has looked for its seed, which may be on any kind of disk. What the system's own
// disk needs is there in time. QEMU has no read-only disk on SATA and IDE (hw/ide/core.c), but
// there the drive is on the same controller.
std::string disc_interface(const Vm& vm, InstallKind kind) {
  const bool is_cloud_image = kind == InstallKind::CloudImage && !vm.disks.empty();
  const std::string own = is_cloud_image ? vm.disks.front().interface : "";
  return own == "virtio" || own == "scsi" || own == "nvme" ? own : "cdrom";
}

}  // namespace

const char* install_kind_name(InstallKind kind) {
  return kind == InstallKind::Windows ? "windows" : "cloud-image";
}

Vm installation_vm(const VmEnvironment& environment, const Vm& vm, const InstallState& state) {
  Vm installed = vm;
  // The GPU's share comes when the system is there: until its driver runs, it shows nothing that
  // the emulated card does not show sooner.
  installed.gpu.reset();
  installed.devices.clear();
  installed.sound.reset();
  installed.shares.clear();
  installed.looking_glass_bytes = 0;
  installed.fullscreen = false;
  installed.display = installation_display(environment, vm.display);
  installed.render_node.clear();
  std::erase_if(installed.disks, [](const Vm::Disk& disk) { return disk.interface == "cdrom"; });
  const std::string interface = disc_interface(installed, state.kind);
  std::uint32_t last = 0;
  for (const Vm::Disk& disk : installed.disks) last = std::max(last, disk.boot_index);
  // Behind the disk: once something is installed there, it is started and not setup again.
  for (const std::string& disc : state.discs) {
    Vm::Disk drive;
    drive.file = disc;
    drive.interface = interface;
    drive.read_only = true;
    drive.boot_index = ++last;
    installed.disks.push_back(std::move(drive));
  }
  installed.serial = false;
  installed.extra_arguments.insert(
      installed.extra_arguments.end(),
      {"-chardev",
       format("file,id=installation,path={}", qemu_option_value(serial_file(state.directory))),
       "-device", "isa-serial,chardev=installation"});
  return installed;
}

Result<std::optional<InstallState>> installation_of(const HostReader& host,
                                                    const VmEnvironment& environment,
                                                    const std::string& vm_name) {
  const std::string directory = directory_of(environment, vm_name);
  const ActingAs owner = TRY(as_owner(environment));
  const Result<std::string> text = host.read_file(state_file(directory), kStateLimit);
  if (!text && text.error().code == ErrorCode::NotFound) return std::optional<InstallState>();
  if (!text) return text.error();
  const Json json = TRY(parse_json(*text));
  return std::optional<InstallState>(TRY(state_from(json, directory)));
}

Result<void> begin_installation(HostWriter& host, const VmEnvironment& environment,
                                const Installation& installation, const std::string& cloud_image) {
  TRY(make_data_directory(host, environment, installation.vm.name));
  if (installation.kind == InstallKind::CloudImage) {
    TRY(copy_image(host, environment, cloud_image, *installation.new_image));
  } else if (installation.new_image) {
    TRY(create_image(host, environment, *installation.new_image));
  }
  const ActingAs owner = TRY(as_owner(environment));
  TRY(host.create_directories(installation.directory, 0700));
  TRY(write_disc(installation.disc, installation.disc_label, installation.files));
  return write_state(host, {.kind = installation.kind,
                            .directory = installation.directory,
                            .discs = installation.discs});
}

bool is_installed(const HostReader& host, const VmEnvironment& environment,
                  const InstallState& state) {
  const std::string tail = serial_tail(host, environment, state);
  return std::ranges::any_of(
      lines(tail), [](std::string_view line) { return trim(line).ends_with(kInstalledMark); });
}

std::vector<std::string> guest_complaints(const HostReader& host, const VmEnvironment& environment,
                                          const InstallState& state) {
  if (state.kind != InstallKind::CloudImage) return {};
  std::vector<std::string> complaints;
  for (const std::string& each : cloud_init_complaints(serial_tail(host, environment, state))) {
    complaints.push_back(printable(std::string_view(each).substr(0, kLongestLine)));
  }
  return complaints;
}

std::string last_guest_line(const HostReader& host, const VmEnvironment& environment,
                            const InstallState& state) {
  const std::string last = last_readable_line(serial_tail(host, environment, state));
  return printable(std::string_view(last).substr(0, kLongestLine));
}

std::string installation_picture(const InstallState& state) {
  return join_path(state.directory, "screen.png");
}

Result<void> press_key(const HostReader& host, const VmEnvironment& environment,
                       const std::string& vm_name) {
  QmpClient monitor = TRY(connect_monitor(host, environment, vm_name));
  const Json key = Json::object({{"type", "qcode"}, {"data", "spc"}});
  (void)TRY(monitor.execute("send-key", Json::object({{"keys", Json::array({key})}})));
  return {};
}

Result<void> end_installation(HostWriter& host, const VmEnvironment& environment,
                              const InstallState& state) {
  const ActingAs owner = TRY(as_owner(environment));
  // The disc has the password in it: it goes first, and the state last, so that a crash between
  // them leaves something that is taken up again.
  for (const std::string& file :
       {state.discs.empty() ? std::string() : state.discs.back(), serial_file(state.directory),
        installation_picture(state), state_file(state.directory)}) {
    if (!file.starts_with(state.directory + "/")) continue;
    const Result<void> removed = host.remove_file(file);
    if (!removed && removed.error().code != ErrorCode::NotFound) return removed.error();
  }
  (void)host.remove_directory(state.directory);
  return {};
}

}  // namespace cleave
