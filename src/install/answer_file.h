// The answers that Windows' setup asks for: autounattend.xml and the script of the first logon.
// Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/message.h"

namespace cleave {

// The line that a guest writes to its serial port when all is installed.
inline constexpr const char* kInstalledMark = "cleave: installed";
// Names on the answers' disc.
inline constexpr const char* kAnswerFile = "autounattend.xml";
inline constexpr const char* kFinishScript = "cleave/finish.cmd";
inline constexpr const char* kDriverFolder = "cleave/driver";

struct WindowsAnswers {
  bool uefi = false;
  std::string language;       // "ko-KR": of setup, of what is installed, and of its formats
  std::string keyboard;       // "0412:00000412"; empty: the language's own
  std::string time_zone;      // Windows' name; empty: setup's own choice
  std::string computer_name;  // see windows_computer_name()
  std::string user;
  std::string password;
  std::string product_key;  // empty: none, so that it can be given later
  std::string edition;      // "Windows 11 Pro", as the disc's images are called
};

// Empty: it may be the name of an account. Else what is wrong with it.
std::optional<Message> windows_user_problem(std::string_view name);
// Of a local account: Windows takes 127 characters at most.
std::optional<Message> windows_password_problem(std::string_view password);
// Five groups of five letters and digits.
bool is_product_key(std::string_view key);
// A name of at most 15 letters, digits and hyphens (NetBIOS), made of the VM's.
std::string windows_computer_name(std::string_view vm_name);

std::string windows_answer_file(const WindowsAnswers& answers);
// What the first logon runs: guest tools, the driver where there is one, the mark, shutdown.
std::string windows_finish_script(bool has_driver);

}  // namespace cleave
