// Networks of a command line: -nic, and the devices that take a -netdev.
#include "base/text.h"
#include "imports/qemu_reader.h"

namespace cleave {
namespace {

bool is_model(std::string_view model) {
  return is_word_of(" virtio virtio-net-pci virtio-net e1000e e1000 rtl8139 ", model);
}
std::string model_of(std::string_view model) {
  return model.starts_with("virtio") ? "virtio" : std::string(model);
}

// "tcp:127.0.0.1:2222-:22"
std::optional<Vm::Network::Forward> forward_of(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto here = split(text.substr(0, dash), ':');
  const auto guest = split(text.substr(dash + 1), ':');
  if (here.size() != 3 || guest.size() != 2 || !guest[0].empty()) return std::nullopt;
  const auto host_port = parse_unsigned<std::uint16_t>(here[2]);
  const auto guest_port = parse_unsigned<std::uint16_t>(guest[1]);
  const bool good = here[0].empty() || here[0] == "tcp" || here[0] == "udp";
  if (!host_port || !guest_port || !good || *host_port == 0 || *guest_port == 0) {
    return std::nullopt;
  }
  return Vm::Network::Forward{.protocol = here[0].empty() ? "tcp" : std::string(here[0]),
                              .address = here[1].empty() ? "0.0.0.0" : std::string(here[1]),
                              .host_port = *host_port,
                              .guest_port = *guest_port};
}

void network(QemuReader& reader, const QemuArgument& argument, const QemuOptions& backend,
             std::string_view type, Vm::Network network) {
  network.type = "user";
  if (type == "bridge" || type == "tap") {
    network.bridge = value_of(backend, "br");
    if (!network.bridge.empty()) network.type = "bridge";
  }
  if (network.type == "user" && type != "user") {
    reader.lose(argument,
                {N_("A network of the type {type}: here it is behind the host's address (user)."),
                 {{"type", printable(type)}}});
  }
  for (const auto& [key, value] : backend) {
    if (key == "hostfwd") {
      auto forward = forward_of(value);
      if (forward && network.type == "user") network.forwards.push_back(std::move(*forward));
      if (!forward) reader.lose(argument, {N_("hostfwd={value}"), {{"value", printable(value)}}});
    } else if (network.type == "user" && !is_word_of(" type id model mac br script downscript "
                                                     "ifname fd vhost hostfwd ",
                                                     key)) {
      reader.lose(argument, {N_("Of the network: {key}={value}"),
                             {{"key", printable(key)}, {"value", printable(value)}}});
    }
  }
  reader.vm.networks.push_back(std::move(network));
}

}  // namespace

bool read_network_device(QemuReader& reader, QemuArgument& argument, const QemuOptions& options) {
  const std::string_view driver = value_of(options, "driver");
  if (!is_model(driver)) return false;
  QemuArgument* netdev = reader.backend("netdev", value_of(options, "netdev"));
  if (netdev == nullptr) return true;
  const QemuOptions backend = split_options(netdev->value, "type");
  Vm::Network card;
  card.model = model_of(driver);
  card.mac = lower_case(value_of(options, "mac"));
  network(reader, *netdev, backend, value_of(backend, "type"), std::move(card));
  netdev->take();
  argument.take();
  return true;
}

void read_nic(QemuReader& reader, QemuArgument& argument) {
  const QemuOptions options = split_options(argument.value, "type");
  const std::string_view type = value_of(options, "type");
  argument.take();
  if (type == "none") return;
  Vm::Network card;
  const std::string_view model = value_of(options, "model");
  card.model = is_model(model) ? model_of(model) : reader.vm.machine == "pc" ? "e1000" : "e1000e";
  card.mac = lower_case(value_of(options, "mac"));
  network(reader, argument, options, type, std::move(card));
}

}  // namespace cleave
