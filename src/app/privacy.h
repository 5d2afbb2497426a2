// Takes out of a capture what tells one person's machine from another's of the same model, and
// nothing that a diagnosis needs. The same value gets the same replacement everywhere, so that
// files can still be compared with each other: first everything is learnt, then replaced.
//
// What is replaced, and with what:
//   UUIDs, machine ids           00000000-0000-0000-0000-000000000001, in the order of the
//   originals MAC addresses                fe:00:00:00:00:01 (locally administered: RFC 7042, 2.1)
//   IPv4, IPv6 addresses         198.18.0.1 (RFC 2544), 2001:db8::1 (RFC 3849)
//   user names, host names       user1, host1
//   disks, labels, serial numbers, Wi-Fi names   disk1, label1, serial1, wifi1
//   passwords, keys, network settings of the kernel's command line   removed
//   names of VMs, their disks and networks   see app/privacy_vms.h, which comes first
// Pure text functions; time is linear in the text, but for the number of names.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace cleave {

// What the text alone does not tell.
struct Identity {
  std::vector<std::string> users;
  std::vector<std::string> hosts;
};

enum class Secret : std::uint8_t {
  Uuid,
  MacAddress,
  Ipv4Address,
  Ipv6Address,
  User,
  Host,
  Disk,
  Label,
  Serial,
  Wifi,
  Credential,
};
inline constexpr std::size_t kSecretKinds = 11;
const char* secret_name(Secret secret);  // "uuid", "mac-address", … as in the manifest

// How much of a text is for people: machine-made lists hold no names, and a word of them that is
// somebody's name by chance must stay.
enum class TextKind : std::uint8_t { Technical, ForPeople, Binary };
TextKind text_kind_of(std::string_view path, std::string_view content);

class Scrubber {
 public:
  explicit Scrubber(const Identity& identity);

  // First round: everything that will be replaced, in any order.
  void learn(std::string_view text, TextKind kind);
  void learn_path(std::string_view path);
  // Between the rounds: gives out the replacements.
  void settle();

  // Second round. What becomes private only by what was replaced beside it gets its number now.
  // Doing it again changes nothing.
  [[nodiscard]] std::string scrub(std::string_view text, TextKind kind);
  [[nodiscard]] std::string scrub_path(std::string_view path);

  // How many different values of each kind are replaced.
  [[nodiscard]] std::array<std::size_t, kSecretKinds> counts() const;

 private:
  // Of each value that is replaced; the form of the replacement follows the place where it stands.
  using Numbers = std::map<std::string, std::uint64_t, std::less<>>;

  void note(Secret kind, std::string_view value);
  [[nodiscard]] std::uint64_t next_number(Secret kind);
  // Empty if the value stays as it is.
  [[nodiscard]] std::string replacement(Secret kind, std::string_view value);
  [[nodiscard]] std::string scrubbed_line(std::string_view line, TextKind kind);
  [[nodiscard]] std::string scrubbed_once(std::string_view text, TextKind kind);

  std::set<std::string, std::less<>> names_;  // lower case: users and hosts
  std::array<Numbers, kSecretKinds> numbers_;
  std::array<std::uint64_t, kSecretKinds> last_{};           // number that was given out
  std::array<std::set<std::uint64_t>, kSecretKinds> taken_;  // numbers that a text has already
};

// A PCI configuration space without the device's serial number (capability 0003h, PCI Express Base
// Specification 6.0, 7.9.3); of any size.
std::string scrub_pci_config(std::string bytes);

// /proc/modules without the kernel's addresses.
std::string scrub_module_list(std::string_view text);

// /proc/PID/mounts with the system's own file systems alone: others are named by people.
std::string scrub_mounts(std::string_view text);

// /proc/PID/stat up to the time of its start, without its name: behind that come addresses.
std::string scrub_process_stat(std::string_view text);

// /sys/block/dm-N/dm/uuid, "LVM-…": what kind of mapping it is, and no more.
std::string scrub_mapping(std::string_view text);

// An EFI variable of the Boot Loader Interface: four bytes of attributes, then UTF-16 with a zero
// at the end. Letters beyond ASCII become "?".
std::string text_of_variable(std::string_view bytes);
std::string with_text_of_variable(std::string_view bytes, std::string_view text);

}  // namespace cleave
