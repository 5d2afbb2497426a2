#include "install/cloud_init.h"

#include <algorithm>

#include "base/format.h"
#include "base/json.h"
#include "base/text.h"
#include "install/answer_file.h"

namespace cleave {
namespace {

constexpr std::size_t kLongestUser = 32;  // useradd(8)
constexpr std::size_t kLongestKey = 16384;

bool is_letter_or_digit(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
         (letter >= '0' && letter <= '9');
}

Json texts(const std::vector<std::string>& all) {
  Json json = Json::array();
  for (const std::string& text : all) json.push_back(text);
  return json;
}

Json user_json(const CloudAnswers& answers) {
  Json user = Json::object({{"name", answers.user},
                            {"shell", "/bin/bash"},
                            {"sudo", "ALL=(ALL:ALL) ALL"},
                            {"lock_passwd", false},
                            {"passwd", answers.password_hash}});
  if (!answers.ssh_keys.empty()) user.set("ssh_authorized_keys", texts(answers.ssh_keys));
  return user;
}

Json commands_json() {
  return Json::array({
      texts({"systemctl", "--no-block", "start", "qemu-guest-agent.service"}),
      // All is done at the first start. Without its disc a later cloud-init might take the machine
      // for another one and make it anew (docs.cloud-init.io, "How to disable cloud-init").
      texts({"touch", "/etc/cloud/cloud-init.disabled"}),
  });
}

// Debian's locale-gen makes those that this file names, whatever cloud-init passes it
// (locale-gen(8); cloudinit/distros/debian.py, regenerate_locale), and then a locale that is not
// there is refused. Ubuntu's and Arch's read the file, too; elsewhere nobody does. Empty: this
// locale is there without being made, or is in no such file.
std::string locale_to_generate(std::string_view locale) {
  const std::size_t dot = locale.find('.');
  if (dot == std::string_view::npos || locale.starts_with("C.")) return {};
  const std::string_view rest = locale.substr(dot + 1);
  const std::string codeset = lower_case(rest.substr(0, rest.find('@')));
  if (codeset != "utf-8" && codeset != "utf8") return {};
  const std::size_t at = rest.find('@');
  const std::string_view modifier = at == std::string_view::npos ? "" : rest.substr(at);
  return format("{}.UTF-8{} UTF-8\n", locale.substr(0, dot), modifier);
}

Json locale_file(std::string content) {
  return Json::object(
      {{"path", "/etc/locale.gen"}, {"append", true}, {"content", std::move(content)}});
}

}  // namespace

std::optional<Message> linux_user_problem(std::string_view name) {
  const bool plain = !name.empty() && name.size() <= kLongestUser &&
                     ((name.front() >= 'a' && name.front() <= 'z') || name.front() == '_') &&
                     std::ranges::all_of(name, [](char letter) {
                       return (letter >= 'a' && letter <= 'z') ||
                              (letter >= '0' && letter <= '9') || letter == '_' || letter == '-';
                     });
  if (plain && name != "root") return std::nullopt;
  return Message(N_("“{name}” cannot be the name of a user of Linux: a small letter or “_”, then "
                    "small letters, digits, “_” and “-”, at most {limit}, and not root"),
                 {{"name", printable(name)}, {"limit", kLongestUser}});
}

std::string linux_host_name(std::string_view vm_name) {
  std::string name = lower_case(vm_name);
  std::ranges::replace_if(name, [](char letter) { return !is_letter_or_digit(letter); }, '-');
  while (name.ends_with('-')) name.pop_back();
  return name;
}

bool is_ssh_public_key(std::string_view line) {
  const std::vector<std::string_view> parts = words(line);
  if (line.size() > kLongestKey || parts.size() < 2) return false;
  const std::string_view kind = parts[0];
  const bool known = kind.starts_with("ssh-") || kind.starts_with("ecdsa-sha2-") ||
                     kind.starts_with("sk-ssh-") || kind.starts_with("sk-ecdsa-sha2-");
  return known && parts[1].starts_with("AAAA") && std::ranges::all_of(parts[1], [](char letter) {
           return is_letter_or_digit(letter) || letter == '+' || letter == '/' || letter == '=';
         });
}

std::string cloud_user_data(const CloudAnswers& answers) {
  Json data = Json::object({{"hostname", answers.host_name}});
  if (!answers.locale.empty()) data.set("locale", answers.locale);
  std::string generated = locale_to_generate(answers.locale);
  if (!generated.empty()) {
    data.set("write_files", Json::array({locale_file(std::move(generated))}));
  }
  if (!answers.time_zone.empty()) data.set("timezone", answers.time_zone);
  if (!answers.keyboard.empty()) {
    Json keyboard = Json::object({{"layout", answers.keyboard}});
    if (!answers.keyboard_variant.empty()) keyboard.set("variant", answers.keyboard_variant);
    data.set("keyboard", std::move(keyboard));
  }
  data.set("users", Json::array({user_json(answers)}));
  data.set("ssh_pwauth", false);
  data.set("package_update", true);
  data.set("packages", texts({"qemu-guest-agent"}));
  data.set("runcmd", commands_json());
  // Written by cloud-init itself, when all else is done; to the serial port, where cleave looks.
  data.set("final_message", format("{}\n", kInstalledMark));
  data.set("output", Json::object({{"all", "| tee -a /var/log/cloud-init-output.log /dev/ttyS0"}}));
  data.set("power_state",
           Json::object({{"mode", "poweroff"}, {"delay", "now"}, {"condition", true}}));
  return "#cloud-config\n" + to_text(data, 2) + "\n";
}

std::string cloud_meta_data(const CloudAnswers& answers) {
  return to_text(Json::object(
                     {{"instance-id", answers.instance_id}, {"local-hostname", answers.host_name}}),
                 2) +
         "\n";
}

std::string cloud_network_config() {
  // Network configuration, version 2: every wired card by DHCP, whatever its name becomes.
  return to_text(
             Json::object(
                 {{"version", 2},
                  {"ethernets",
                   Json::object({{"cards", Json::object({{"match", Json::object({{"name", "e*"}})},
                                                         {"dhcp4", true},
                                                         {"dhcp6", true}})}})}}),
             2) +
         "\n";
}

}  // namespace cleave
