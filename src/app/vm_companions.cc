#include "app/vm_companions.h"

#include <algorithm>
#include <array>
#include <optional>

#include "app/vm.h"
#include "app/vm_files.h"
#include "base/format.h"
#include "base/text.h"
#include "run/program_output.h"

namespace cleave {
namespace {

constexpr std::array kSwtpmPlaces = {"/usr/bin/swtpm", "/usr/local/bin/swtpm"};
// Of the virtiofsd in Rust: Debian, Fedora and openSUSE; Arch; by hand.
constexpr std::array kVirtiofsdPlaces = {"/usr/libexec/virtiofsd", "/usr/lib/virtiofsd",
                                         "/usr/bin/virtiofsd"};
// Of the one in C, which came with QEMU 5.0 to 7.2 and refuses to run as a user.
constexpr const char* kOldVirtiofsd = "/usr/lib/qemu/virtiofsd";
constexpr auto kHelpPatience = std::chrono::seconds(10);

void add(std::vector<VmProblem>& problems, const char* id, ErrorCode code, Message message,
         Message remedy = {}) {
  problems.push_back(
      {.id = id, .code = code, .message = std::move(message), .remedy = std::move(remedy)});
}

template <typename Places>
std::optional<std::string> first_of(const HostReader& host, const Places& places) {
  const auto found =
      std::ranges::find_if(places, [&host](const char* place) { return host.exists(place); });
  if (found == places.end()) return std::nullopt;
  return std::string(*found);
}

std::string tpm_directory(const VmEnvironment& environment, const Vm& vm) {
  return join_path(data_directory(environment, vm.name), "tpm");
}

Message other_share_type() {
  return N_("Or write type = \"9p\" under [[share]]: slower, but QEMU does it by itself.");
}

void check_tpm(const HostReader& host, const VmEnvironment& environment, const Vm& vm,
               std::vector<VmProblem>& problems) {
  if (!vm.firmware.tpm) return;
  if (!first_of(host, kSwtpmPlaces)) {
    add(problems, "tpm.missing", ErrorCode::NotFound,
        {N_("The guest's TPM needs the program swtpm, which is not here")},
        {N_("Install the package swtpm, or leave tpm out of the definition.")});
  }
  // swtpm parts its options at commas and knows no way to write one.
  for (const std::string& path :
       {tpm_directory(environment, vm), runtime_directory(environment, vm.name)}) {
    if (path.find(',') == std::string::npos) continue;
    add(problems, "tpm.path", ErrorCode::Unsupported,
        {N_("swtpm cannot use {path}: there is a comma in it"), {{"path", path}}});
  }
}

// Which options a program knows, by its own help.
bool knows_read_only(const std::string& program) {
  ProcessSpec spec;
  spec.argv = {program, "--help"};
  spec.environment = {{"PATH", "/usr/bin:/bin"}, {"LC_ALL", "C"}};
  spec.inherit_environment = false;
  spec.die_with_parent = true;
  const auto help = output_of(std::move(spec), kHelpPatience);
  return help && help->text.find("--readonly") != std::string::npos;
}

void check_virtiofsd(const HostReader& host, const Vm& vm, std::vector<VmProblem>& problems) {
  const auto program = first_of(host, kVirtiofsdPlaces);
  if (!program && host.exists(kOldVirtiofsd)) {
    add(problems, "share.virtiofsd_old", ErrorCode::Unsupported,
        {N_("The virtiofsd that came with this QEMU ({path}) only runs as root, and cleave starts "
            "nothing for a VM as root"),
         {{"path", kOldVirtiofsd}}},
        {N_("Write type = \"9p\" under [[share]], or install the newer virtiofsd.")});
    return;
  }
  if (!program) {
    add(problems, "share.virtiofsd_missing", ErrorCode::NotFound,
        {N_("A share of type virtiofs needs the program virtiofsd, which is not here")},
        {N_("Install the package virtiofsd, or write type = \"9p\" under [[share]].")});
    return;
  }
  const bool read_only = std::ranges::any_of(vm.shares, [](const Vm::Share& share) {
    return share.type == "virtiofs" && share.read_only;
  });
  if (!read_only || !host.is_live() || knows_read_only(*program)) return;
  add(problems, "share.read_only", ErrorCode::Unsupported,
      {N_("{program} cannot keep the guest from writing; virtiofsd 1.13 and newer can"),
       {{"program", *program}}},
      other_share_type());
}

bool has_virtiofs(const Vm& vm) {
  return std::ranges::find(vm.shares, "virtiofs", &Vm::Share::type) != vm.shares.end();
}

// The TPM keeps what the guest has sealed with it: nobody else may read it.
Result<void> make_tpm_directory(HostWriter& host, const VmEnvironment& environment, const Vm& vm) {
  TRY(make_data_directory(host, environment, vm.name));
  const ActingAs owner = TRY(ActingAs::begin(credentials_of(environment.owner)));
  return host.create_directories(tpm_directory(environment, vm), 0700);
}

CompanionSpec swtpm(const std::string& program, const std::string& state,
                    const std::string& socket) {
  return {.name = "swtpm",
          .argv = {program, "socket", "--tpm2", "--tpmstate", format("dir={},mode=0600", state),
                   "--ctrl", format("type=unixio,path={},mode=0600", socket), "--terminate"},
          .socket = socket};
}

CompanionSpec virtiofsd(const std::string& program, const Vm::Share& share, const char* sandbox,
                        const std::string& socket) {
  CompanionSpec companion{.name = "virtiofsd",
                          .argv = {program, "--socket-path=" + socket, "--shared-dir=" + share.path,
                                   format("--sandbox={}", sandbox)},
                          .socket = socket};
  if (share.read_only) companion.argv.emplace_back("--readonly");
  return companion;
}

}  // namespace

const char* virtiofsd_sandbox(const HostReader& host) {
  const auto says = [&host](const char* path, std::string_view text) {
    const Result<std::string> content = host.read_file(path, 64);
    return content && trim(*content) == text;
  };
  // Debian's switch, and the kernel's own (namespaces(7)).
  if (says("/proc/sys/kernel/unprivileged_userns_clone", "0") ||
      says("/proc/sys/user/max_user_namespaces", "0")) {
    return "none";
  }
  // Ubuntu's: only programs with a profile of AppArmor that lets them (apparmor 4.0 brings one).
  const bool only_with_profile =
      says("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1");
  return only_with_profile && !host.exists("/etc/apparmor.d/virtiofsd") ? "none" : "namespace";
}

std::vector<VmProblem> check_companions(const HostReader& host, const VmEnvironment& environment,
                                        const Vm& vm) {
  std::vector<VmProblem> problems;
  check_tpm(host, environment, vm, problems);
  if (has_virtiofs(vm)) check_virtiofsd(host, vm, problems);
  return problems;
}

Result<std::vector<CompanionSpec>> prepare_companions(HostWriter& host,
                                                      const VmEnvironment& environment,
                                                      const Vm& vm) {
  const std::string directory = runtime_directory(environment, vm.name);
  std::vector<CompanionSpec> companions;
  if (vm.firmware.tpm) {
    TRY(make_tpm_directory(host, environment, vm));
    companions.push_back(swtpm(first_of(host, kSwtpmPlaces).value_or("swtpm"),
                               tpm_directory(environment, vm), join_path(directory, kTpmSocket)));
  }
  const std::string program = first_of(host, kVirtiofsdPlaces).value_or("virtiofsd");
  for (std::size_t i = 0; i < vm.shares.size(); ++i) {
    if (vm.shares[i].type != "virtiofs") continue;
    companions.push_back(virtiofsd(program, vm.shares[i], virtiofsd_sandbox(host),
                                   join_path(directory, share_socket(i))));
  }
  return companions;
}

}  // namespace cleave
