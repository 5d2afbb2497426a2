// The seed of a Linux cloud image: what cloud-init's data source NoCloud reads from a disc with the
// label "cidata" (docs.cloud-init.io, "NoCloud"). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/message.h"

namespace cleave {

inline constexpr const char* kSeedLabel = "cidata";
inline constexpr const char* kUserData = "user-data";
inline constexpr const char* kMetaData = "meta-data";
inline constexpr const char* kNetworkConfig = "network-config";

struct CloudAnswers {
  std::string host_name;
  std::string instance_id;  // another one makes cloud-init start anew
  std::string user;
  std::string password_hash;          // crypt(5)
  std::vector<std::string> ssh_keys;  // lines of *.pub
  std::string locale;                 // "ko_KR.UTF-8"; empty: the image's own
  std::string keyboard;               // a layout of XKB; empty: the image's own
  std::string keyboard_variant;
  std::string time_zone;  // IANA's name; empty: the image's own
};

// Empty: it may be the name of a user. Else what is wrong with it.
std::optional<Message> linux_user_problem(std::string_view name);
// A host's name (hostname(7)), made of the VM's.
std::string linux_host_name(std::string_view vm_name);
// A line of a *.pub file that OpenSSH writes: "ssh-ed25519 AAAA… mina@host".
bool is_ssh_public_key(std::string_view line);

// Each a YAML text; JSON is YAML, too, and leaves nothing to be escaped by hand.
std::string cloud_user_data(const CloudAnswers& answers);
std::string cloud_meta_data(const CloudAnswers& answers);
std::string cloud_network_config();

}  // namespace cleave
