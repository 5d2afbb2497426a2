#include "app/vm_bridges.h"

#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "app/vm.h"
#include "base/format.h"
#include "base/text.h"
#include "run/bridge.h"
#include "vm/command_line.h"

namespace cleave {
namespace {

// Debian and its kin; Fedora, openSUSE and Arch have the first or the second.
constexpr std::array kHelperPlaces = {"/usr/lib/qemu/qemu-bridge-helper",
                                      "/usr/libexec/qemu-bridge-helper",
                                      "/usr/local/libexec/qemu-bridge-helper"};
constexpr const char* kRules = "/etc/qemu/bridge.conf";
constexpr const char* kTapDevice = "/dev/net/tun";
constexpr std::size_t kRulesLimit = std::size_t{1} << 20U;

std::optional<std::string> helper_of(const HostReader& host) {
  const auto found = std::ranges::find_if(
      kHelperPlaces, [&host](const char* place) { return host.exists(place); });
  if (found == kHelperPlaces.end()) return std::nullopt;
  return std::string(*found);
}

// As the helper decides: one line that allows is needed, and none that denies may be there. Empty:
// another file is included, or the file may only be read by the helper.
std::optional<bool> is_allowed(const HostReader& host, const std::string& bridge) {
  const Result<std::string> rules = host.read_file(kRules, kRulesLimit);
  if (!rules && rules.error().code == ErrorCode::NotFound) return false;
  if (!rules) return std::nullopt;
  bool allowed = false;
  bool includes = false;
  for (const std::string_view line : lines(*rules)) {
    const auto fields = words(line.substr(0, line.find('#')));
    if (fields.size() < 2) continue;
    if (fields[0] == "include") includes = true;
    if (fields[1] != "all" && fields[1] != bridge) continue;
    if (fields[0] == "deny") return false;
    if (fields[0] == "allow") allowed = true;
  }
  return includes ? std::nullopt : std::optional<bool>(allowed);
}

// Empty: nobody here can tell, of another machine's files.
std::optional<bool> has_rights(const HostReader& host, const std::string& helper) {
  const Result<FileStatus> status = host.status(helper);
  if (status && (status->mode & S_ISUID) != 0) return true;
  if (!status || !host.is_live()) return std::nullopt;
  // Some distributions give it capabilities instead (capabilities(7), “File capabilities”).
  return ::getxattr(helper.c_str(), "security.capability", nullptr, 0) > 0;
}

VmProblem problem(const char* id, ErrorCode code, Message message, Message remedy) {
  return {.id = id, .code = code, .message = std::move(message), .remedy = std::move(remedy)};
}

void check_bridge(const HostReader& host, const std::string& bridge,
                  std::vector<VmProblem>& problems) {
  const std::string device = format("/sys/class/net/{}", bridge);
  if (!host.exists(device + "/bridge")) {
    problems.push_back(problem(
        "network.bridge_missing", ErrorCode::NotFound,
        host.exists(device)
            ? Message(N_("{bridge} is a network device, but no bridge"), {{"bridge", bridge}})
            : Message(N_("The bridge {bridge} is not there"), {{"bridge", bridge}}),
        {N_("Make the bridge first, or name another one: “ip link show type bridge” lists "
            "them.")}));
    return;
  }
  if (is_allowed(host, bridge) != false) return;
  problems.push_back(
      problem("network.bridge_denied", ErrorCode::Denied,
              {N_("No VM may have a card on the bridge {bridge}: {path} does not allow it"),
               {{"bridge", bridge}, {"path", kRules}}},
              {N_("Let users have cards on it: as root, write the line “allow {bridge}” into "
                  "/etc/qemu/bridge.conf."),
               {{"bridge", bridge}}}));
}

// What the helper lacks where a user's VM is started without root.
void check_rights(const HostReader& host, const std::string& helper,
                  std::vector<VmProblem>& problems) {
  if (has_rights(host, helper) == false) {
    problems.push_back(problem(
        "network.helper_rights", ErrorCode::Denied,
        {N_("{helper} may not make network cards: it is no program of root's for everybody"),
         {{"helper", helper}}},
        {N_("As root: chmod u+s {helper}. Debian and Ubuntu leave that to whoever wants it "
            "(dpkg-statoverride keeps it)."),
         {{"helper", helper}}}));
  }
  const Result<bool> usable = host.may_access(kTapDevice, Access::ReadWrite);
  if (!usable || *usable) return;
  problems.push_back(problem("network.tap_denied", ErrorCode::Denied,
                             {N_("Users may not open {path}"), {{"path", kTapDevice}}},
                             {N_("As root: chmod 666 {path}. udev does so at every start on most "
                                 "systems; alone it gives no right to the network."),
                              {{"path", kTapDevice}}}));
}

}  // namespace

std::vector<VmProblem> check_bridges(const HostReader& host, const Vm& vm, bool by_root) {
  std::vector<VmProblem> problems;
  std::set<std::string> bridges;
  for (const Vm::Network& network : vm.networks) {
    if (network.type == "bridge") bridges.insert(network.bridge);
  }
  if (bridges.empty()) return problems;
  const std::optional<std::string> helper = helper_of(host);
  if (!helper) {
    problems.push_back(problem("network.helper_missing", ErrorCode::NotFound,
                               {N_("QEMU's qemu-bridge-helper, which puts a VM on a bridge, is "
                                   "not here")},
                               {N_("Install it: package qemu-system-common on Debian and Ubuntu, "
                                   "qemu-common on Fedora.")}));
  } else if (!by_root) {
    check_rights(host, *helper, problems);
  }
  for (const std::string& bridge : bridges) check_bridge(host, bridge, problems);
  return problems;
}

Result<std::vector<GivenFile>> open_bridges(const HostReader& host, const Vm& vm) {
  std::vector<GivenFile> given;
  const std::string helper = helper_of(host).value_or(kHelperPlaces.front());
  for (const Vm::Network& network : vm.networks) {
    if (network.type != "bridge") continue;
    const int number = kFirstTapDescriptor + static_cast<int>(given.size());
    given.push_back({.number = number, .file = TRY(tap_on_bridge(helper, network.bridge))});
  }
  return given;
}

}  // namespace cleave
