// [[network]] and [[share]]
#include <algorithm>
#include <array>

#include "base/text.h"
#include "vm/check.h"
#include "vm/runtime_files.h"

namespace cleave {
namespace {

constexpr std::size_t kMaximumNetworks = 8;
constexpr std::size_t kMaximumForwards = 64;
constexpr std::size_t kLongestInterface = 15;  // IFNAMSIZ without its NUL (linux/if.h)
constexpr std::size_t kLongestTag = 31;  // of a 9p mount, 36 of virtiofs (QEMU, linux/virtio_fs.h)

std::string usual_model(const Vm& vm) {
  if (vm.guest == "linux") return "virtio";
  return vm.machine == "pc" ? "e1000" : "e1000e";
}

// Six pairs of hexadecimal digits; an address of one station (IEEE 802: the lowest bit of the first
// octet is 0).
bool is_station_address(std::string_view text) {
  const auto octets = split(text, ':');
  if (octets.size() != 6) return false;
  const auto is_hexadecimal = [](char letter) {
    return (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'f');
  };
  for (const std::string_view octet : octets) {
    if (octet.size() != 2 || !std::ranges::all_of(octet, is_hexadecimal)) return false;
  }
  return std::string_view("02468ace").find(octets.front()[1]) != std::string_view::npos;
}

// "tcp:2222:22", "tcp:0.0.0.0:2222:22". Without an address only the host itself can reach it.
std::optional<Vm::Network::Forward> forward_of(std::string_view text) {
  auto parts = split(text, ':');
  if (parts.size() != 3 && parts.size() != 4) return std::nullopt;
  Vm::Network::Forward forward;
  forward.protocol = parts.front();
  forward.address = parts.size() == 4 ? std::string(parts[1]) : "127.0.0.1";
  const auto host = parse_unsigned<std::uint16_t>(parts[parts.size() - 2]);
  const auto guest = parse_unsigned<std::uint16_t>(parts.back());
  const bool good_protocol = forward.protocol == "tcp" || forward.protocol == "udp";
  const bool good_address = !forward.address.empty() && forward.address.size() <= 15 &&
                            std::ranges::all_of(forward.address, [](char letter) {
                              return (letter >= '0' && letter <= '9') || letter == '.';
                            });
  if (!good_protocol || !good_address || !host || !guest || *host == 0 || *guest == 0) {
    return std::nullopt;
  }
  forward.host_port = *host;
  forward.guest_port = *guest;
  return forward;
}

void check_forwards(DefinitionChecks& checks, const NetworkDefinition& written,
                    Vm::Network& network) {
  if (written.forward.is_written() && network.type != "user") {
    checks.problem(written.forward.position, "network.forward",
                   {N_("{key} is only for the type user; a guest on a {type} has an address of its "
                       "own."),
                    {{"type", network.type}}});
    return;
  }
  if (written.forward.value.size() > kMaximumForwards) {
    checks.problem(written.forward.position, "network.forward",
                   {N_("{key} has more than {limit} items."), {{"limit", kMaximumForwards}}});
    return;
  }
  for (const std::string& text : written.forward.value) {
    if (auto forward = forward_of(text)) {
      network.forwards.push_back(std::move(*forward));
      continue;
    }
    checks.problem(written.forward.position, "network.forward",
                   {N_("{key} has \"{value}\"; an item is PROTOCOL:PORT:GUESTPORT, such as "
                       "\"tcp:2222:22\", or has an address of the host in front of its port."),
                    {{"value", shown_value(text)}}});
  }
}

void check_bridge(DefinitionChecks& checks, const NetworkDefinition& written,
                  Vm::Network& network) {
  network.bridge = checks.plain_text(written.bridge, "network.bridge", "._-", kLongestInterface);
  if (network.type == "bridge" && !written.bridge.is_written()) {
    checks.problem(written.position, "network.bridge", N_("{key} is missing."));
  }
  if (network.type != "bridge" && written.bridge.is_written()) {
    checks.problem(written.bridge.position, "network.bridge",
                   N_("{key} is only for the type bridge."));
  }
}

void check_network(DefinitionChecks& checks, const NetworkDefinition& written,
                   std::uint32_t number) {
  Vm& vm = checks.vm();
  Vm::Network network;
  network.type = checks.choice(written.type, "network.type", "user");
  network.model = checks.choice(written.model, "network.model", usual_model(vm));
  network.mac = network_address(vm.name, number);
  if (written.mac.is_written()) {
    network.mac = lower_case(written.mac.value);
    if (!is_station_address(network.mac)) {
      checks.problem(written.mac.position, "network.mac",
                     {N_("{key} is \"{value}\"; it must be the address of one card, such as "
                         "\"{example}\"."),
                      {{"value", shown_value(written.mac.value)},
                       {"example", network_address(vm.name, number)}}});
    }
  }
  check_bridge(checks, written, network);
  check_forwards(checks, written, network);
  if (network.type == "none") {
    if (checks.definition().networks.size() > 1) {
      checks.problem(written.position, "network.type",
                     N_("{key} is \"none\", but there are other networks."));
    }
    return;
  }
  vm.networks.push_back(std::move(network));
}

void check_share(DefinitionChecks& checks, const ShareDefinition& written) {
  Vm& vm = checks.vm();
  Vm::Share share;
  share.path = checks.path(written.path, "share.path");
  if (!written.path.is_written()) {
    checks.problem(written.position, "share.path", N_("{key} is missing."));
    return;
  }
  share.type = checks.choice(written.type, "share.type", "virtiofs");
  share.read_only = written.read_only.value;
  share.tag = checks.plain_text(written.tag, "share.tag", "._-", kLongestTag);
  if (!written.tag.is_written()) {
    share.tag = share.path.substr(share.path.rfind('/') + 1);
    if (share.tag.empty() || share.tag.size() > kLongestTag ||
        !has_only_letters_digits_or(share.tag, "._-")) {
      checks.problem(written.position, "share.tag",
                     N_("The directory's name cannot serve as {key}; write one."));
    }
  }
  if (std::ranges::find(vm.shares, share.tag, &Vm::Share::tag) != vm.shares.end()) {
    checks.problem(
        written.position, "share.tag",
        {N_("{key} is \"{value}\", which another share has already."), {{"value", share.tag}}});
  }
  vm.shares.push_back(std::move(share));
}

}  // namespace

void check_networks(DefinitionChecks& checks) {
  const std::vector<NetworkDefinition>& written = checks.definition().networks;
  if (written.empty()) {
    check_network(checks, {}, 0);
    return;
  }
  if (written.size() > kMaximumNetworks) {
    checks.problem(written[kMaximumNetworks].position, "network",
                   {N_("There are more than {limit} networks."), {{"limit", kMaximumNetworks}}});
    return;
  }
  for (std::uint32_t i = 0; i < written.size(); ++i) check_network(checks, written[i], i);
}

void check_shares(DefinitionChecks& checks) {
  const std::vector<ShareDefinition>& written = checks.definition().shares;
  if (written.size() > kMaximumShares) {
    checks.problem(written[kMaximumShares].position, "share",
                   {N_("There are more than {limit} shares."), {{"limit", kMaximumShares}}});
    return;
  }
  for (const ShareDefinition& share : written) check_share(checks, share);
}

}  // namespace cleave
