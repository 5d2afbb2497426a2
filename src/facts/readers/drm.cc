// /sys/class/drm: cards, their render nodes, and the outputs that have a display
// (drivers/gpu/drm/drm_sysfs.c: status is "connected", "disconnected" or "unknown").
#include "base/text.h"
#include "facts/readers/readers.h"

namespace cleave {
namespace {

const std::string kClass = "/sys/class/drm";
// Cards, each with a look at all names. The kernel had numbers for 64 until 6.12
// (drivers/gpu/drm/drm_drv.c, drm_minor_alloc).
constexpr std::size_t kMaximumCards = 256;

bool is_card(std::string_view name) {
  return name.starts_with("card") && parse_unsigned<unsigned>(name.substr(4)).has_value();
}

// The render node of the same device stands beside the card.
std::string render_node_of(const HostReader& host, const std::string& card) {
  const auto names = host.list_directory(card + "/device/drm");
  if (!names) return {};
  for (const std::string& name : *names) {
    if (name.starts_with("renderD")) return name;
  }
  return {};
}

}  // namespace

Fact<std::vector<DrmCard>> read_drm_cards(const HostReader& host) {
  using Cards = std::vector<DrmCard>;
  const auto names = read_names_fact(host, kClass, "/sys/class");
  if (names.unreadable() != nullptr) return *names.unreadable();
  if (names.is_absent()) return {Absent{}, kClass};
  Cards cards;
  for (const std::string& name : *names.value()) {
    if (!is_card(name) || cards.size() >= kMaximumCards) continue;
    const std::string path = join_path(kClass, name);
    DrmCard card;
    card.name = name;
    const auto device = host.real_path(path + "/device");
    if (device) card.pci = parse_pci_address(base_name(*device));
    card.render_node = render_node_of(host, path);
    // "card0-eDP-1" is an output of card0.
    for (const std::string& other : *names.value()) {
      if (!other.starts_with(name + "-")) continue;
      const auto status = read_text_fact(host, join_path(join_path(kClass, other), "status"));
      if (status.unreadable() != nullptr) return *status.unreadable();
      if (status.value_or("") == "connected") {
        card.connected.push_back(other.substr(name.size() + 1));
      }
    }
    cards.push_back(std::move(card));
  }
  return {std::move(cards), kClass};
}

}  // namespace cleave
