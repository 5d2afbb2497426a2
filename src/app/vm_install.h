// The use case of `cleave vm install`: a guest's operating system without hands. Windows from its
// disc with an answer file, Linux from a cloud image with a seed for cloud-init.
//
// An installation is a start of the VM like any other, but without its share of the GPU, with an
// emulated card whose picture is there from the first second, with the discs, and with a serial
// port that the guest's last step writes to. What it needs stands in the VM's data directory,
// below installation/, so that it can be taken up again after Ctrl-C or a crash.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/disc_image.h"
#include "app/disk_image.h"
#include "app/vm.h"
#include "base/json.h"
#include "install/driver_package.h"

namespace cleave {

enum class InstallKind : std::uint8_t { Windows, CloudImage };
const char* install_kind_name(InstallKind kind);  // "windows", "cloud-image"

// What the person said; empty texts are taken from the host, or left out.
struct InstallWish {
  std::string iso;
  std::string virtio_iso;
  std::string cloud_image;
  std::string driver;  // a folder with an .inf
  std::string user;
  std::string password;
  std::string product_key;
  std::string edition;
  std::string language;                  // "ko-KR"
  std::string keyboard;                  // a layout of XKB
  std::string time_zone;                 // IANA's
  std::optional<std::uint64_t> bytes{};  // of a new disk
  bool overwrite = false;                // what is on the disk is lost
};

struct InstallDriver {
  std::string file;  // the .inf
  DriverVersion version;
  DriverJudgement judgement;
};

// All that is decided; nothing is changed yet.
struct Installation {
  InstallKind kind = InstallKind::Windows;
  Vm vm;                   // as it is started for the installation
  std::string definition;  // the file
  std::string directory;   // …/installation
  std::string disc;        // with the answers; made by begin_installation()
  std::string disc_label;
  std::vector<DiscFile> files;        // on it
  std::vector<DiscFile> shown;        // the texts among them, without the password
  std::vector<std::string> discs;     // all that the guest gets, this one last
  Vm::Disk disk;                      // what is installed to
  bool is_blank = false;              // nothing is on it that could be lost
  std::optional<NewImage> new_image;  // made first
  std::string user;
  std::vector<InstallDriver> drivers;
  std::vector<Message> remarks;  // what could not be taken from the host, and what to know
};

// Conflict: the disk is not blank, or an installation of this VM waits. Malformed, NotFound,
// Unsupported: with what is wrong of the wish. `dry`: no password is hashed.
Result<Installation> plan_installation(const HostReader& host, const VmEnvironment& environment,
                                       const LoadedVm& loaded, const InstallWish& wish);

// Makes the disk, the disc, and writes down what has begun.
Result<void> begin_installation(HostWriter& host, const VmEnvironment& environment,
                                const Installation& installation, const std::string& cloud_image);

// What has begun and is not over.
struct InstallState {
  InstallKind kind = InstallKind::Windows;
  std::string directory;
  std::vector<std::string> discs;
};
Result<std::optional<InstallState>> installation_of(const HostReader& host,
                                                    const VmEnvironment& environment,
                                                    const std::string& vm_name);
// The VM as the installation starts it.
Vm installation_vm(const VmEnvironment& environment, const Vm& vm, const InstallState& state);
// Whether the guest's last step has said that all is done.
bool is_installed(const HostReader& host, const VmEnvironment& environment,
                  const InstallState& state);
// The guest's last line on its serial port, printable; may be empty.
std::string last_guest_line(const HostReader& host, const VmEnvironment& environment,
                            const InstallState& state);
// What went wrong in the guest although it went on to the end: the words of a cloud image's
// cloud-init, printable.
std::vector<std::string> guest_complaints(const HostReader& host, const VmEnvironment& environment,
                                          const InstallState& state);

// Where the last picture of the guest's screen is kept.
std::string installation_picture(const InstallState& state);

// Windows' disc asks for a key before it starts; nobody is there to press one.
Result<void> press_key(const HostReader& host, const VmEnvironment& environment,
                       const std::string& vm_name);

// Removes the answers (a password is among them) and the state.
Result<void> end_installation(HostWriter& host, const VmEnvironment& environment,
                              const InstallState& state);

}  // namespace cleave
