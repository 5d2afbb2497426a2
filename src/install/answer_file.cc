// Names, passes and values of the settings: "Unattended Windows Setup Reference"
// (learn.microsoft.com, windows-hardware/customize/desktop/unattend).
#include "install/answer_file.h"

#include <algorithm>

#include "base/format.h"
#include "base/text.h"

namespace cleave {
namespace {

constexpr std::size_t kLongestUser = 20;  // a SAM account's name (USER_INFO_1, lmaccess.h)
constexpr std::size_t kLongestPassword = 127;
constexpr std::size_t kLongestComputer = 15;
// Letters of CD drives in a guest with few disks; C is the system's own.
constexpr const char* kDriveLetters = "D E F G H I J";

bool is_plain_character(char letter) {
  const auto code = static_cast<unsigned char>(letter);
  return code >= 0x20 && code != 0x7F;
}

// XML cannot have control characters at all, nor what is no UTF-8.
std::string escaped(std::string_view text) {
  std::string xml;
  for (const char letter : printable(text)) {
    if (!is_plain_character(letter)) continue;
    switch (letter) {
      case '&':
        xml += "&amp;";
        break;
      case '<':
        xml += "&lt;";
        break;
      case '>':
        xml += "&gt;";
        break;
      case '"':
        xml += "&quot;";
        break;
      default:
        xml += letter;
    }
  }
  return xml;
}

// Elements with their ends; indented by two for each level.
class Xml {
 public:
  void open(std::string_view element, std::string_view attributes = "") {
    line(format("<{}{}{}>", element, attributes.empty() ? "" : " ", attributes));
    open_.emplace_back(element);
  }
  void close(std::size_t count = 1) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::string element = open_.back();
      open_.pop_back();
      line(format("</{}>", element));
    }
  }
  void leaf(std::string_view element, std::string_view text) {
    line(format("<{0}>{1}</{0}>", element, escaped(text)));
  }
  void item(std::string_view element) { open(element, "wcm:action=\"add\""); }
  void component(std::string_view name) {
    open("component",
         format("name=\"{}\" processorArchitecture=\"amd64\" publicKeyToken=\"31bf3856ad364e35\" "
                "language=\"neutral\" versionScope=\"nonSxS\"",
                name));
  }
  [[nodiscard]] std::string text() const { return text_; }

 private:
  // CR LF, as Windows' own tools write it.
  void line(std::string_view content) {
    text_ += std::string(2 * open_.size(), ' ') + std::string(content) + "\r\n";
  }

  std::string text_ = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n";
  std::vector<std::string> open_;
};

void languages(const WindowsAnswers& answers, Xml& xml) {
  xml.leaf("InputLocale", answers.keyboard.empty() ? answers.language : answers.keyboard);
  xml.leaf("SystemLocale", answers.language);
  xml.leaf("UILanguage", answers.language);
  xml.leaf("UserLocale", answers.language);
}

struct Partition {
  const char* type;
  int megabytes;  // 0: all that is left
  const char* format;
  const char* label;
  bool active;
};

void partitions(const std::vector<Partition>& all, Xml& xml) {
  int number = 0;
  xml.open("CreatePartitions");
  for (const Partition& partition : all) {
    xml.item("CreatePartition");
    xml.leaf("Order", std::to_string(++number));
    xml.leaf("Type", partition.type);
    if (partition.megabytes > 0) xml.leaf("Size", std::to_string(partition.megabytes));
    if (partition.megabytes == 0) xml.leaf("Extend", "true");
    xml.close();
  }
  xml.close();
  number = 0;
  xml.open("ModifyPartitions");
  for (const Partition& partition : all) {
    xml.item("ModifyPartition");
    xml.leaf("Order", std::to_string(++number));
    xml.leaf("PartitionID", std::to_string(number));
    if (*partition.format != '\0') xml.leaf("Format", partition.format);
    if (*partition.label != '\0') xml.leaf("Label", partition.label);
    if (partition.active) xml.leaf("Active", "true");
    xml.close();
  }
  xml.close();
}

// "Configure UEFI/GPT-based hard drive partitions" and its like for BIOS: sizes are Microsoft's.
void disk(const WindowsAnswers& answers, Xml& xml) {
  xml.open("DiskConfiguration");
  xml.leaf("WillShowUI", "OnError");
  xml.item("Disk");
  xml.leaf("DiskID", "0");
  xml.leaf("WillWipeDisk", "true");
  if (answers.uefi) {
    partitions({{"EFI", 260, "FAT32", "System", false},
                {"MSR", 16, "", "", false},
                {"Primary", 0, "NTFS", "Windows", false}},
               xml);
  } else {
    partitions({{"Primary", 350, "NTFS", "System", true}, {"Primary", 0, "NTFS", "Windows", false}},
               xml);
  }
  xml.close(2);
}

void image(const WindowsAnswers& answers, Xml& xml) {
  xml.open("ImageInstall");
  xml.open("OSImage");
  xml.open("InstallFrom");
  xml.item("MetaData");
  xml.leaf("Key", "/IMAGE/NAME");
  xml.leaf("Value", answers.edition);
  xml.close(2);
  xml.open("InstallTo");
  xml.leaf("DiskID", "0");
  xml.leaf("PartitionID", answers.uefi ? "3" : "2");
  xml.close();
  xml.leaf("WillShowUI", "OnError");
  xml.close(2);
}

void windows_pe(const WindowsAnswers& answers, Xml& xml) {
  xml.open("settings", "pass=\"windowsPE\"");
  xml.component("Microsoft-Windows-International-Core-WinPE");
  xml.open("SetupUILanguage");
  xml.leaf("UILanguage", answers.language);
  xml.close();
  languages(answers, xml);
  xml.close();
  xml.component("Microsoft-Windows-Setup");
  disk(answers, xml);
  image(answers, xml);
  xml.open("UserData");
  xml.open("ProductKey");
  // An empty key is one that is not asked for; Windows then waits to be activated.
  xml.leaf("Key", answers.product_key);
  xml.leaf("WillShowUI", "OnError");
  xml.close();
  xml.leaf("AcceptEula", "true");
  xml.leaf("FullName", answers.user);
  xml.close(3);
}

void specialize(const WindowsAnswers& answers, Xml& xml) {
  xml.open("settings", "pass=\"specialize\"");
  xml.component("Microsoft-Windows-Shell-Setup");
  xml.leaf("ComputerName", answers.computer_name);
  if (!answers.time_zone.empty()) xml.leaf("TimeZone", answers.time_zone);
  xml.close(2);
}

void password(const WindowsAnswers& answers, Xml& xml) {
  xml.open("Password");
  xml.leaf("Value", answers.password);
  xml.leaf("PlainText", "true");
  xml.close();
}

void first_logon(const WindowsAnswers& answers, Xml& xml) {
  // Logged on by itself once, so that the commands run.
  xml.open("AutoLogon");
  password(answers, xml);
  xml.leaf("Enabled", "true");
  xml.leaf("LogonCount", "1");
  xml.leaf("Username", answers.user);
  xml.close();
  std::string script = replace_all(kFinishScript, "/", "\\");
  xml.open("FirstLogonCommands");
  xml.open("SynchronousCommand", "wcm:action=\"add\"");
  xml.leaf("Order", "1");
  xml.leaf("CommandLine", format("cmd.exe /c for %d in ({0}) do if exist %d:\\{1} call %d:\\{1}",
                                 kDriveLetters, script));
  xml.leaf("Description", "Guest tools and drivers");
  xml.leaf("RequiresUserInput", "false");
  xml.close(2);
}

void oobe_system(const WindowsAnswers& answers, Xml& xml) {
  xml.open("settings", "pass=\"oobeSystem\"");
  xml.component("Microsoft-Windows-International-Core");
  languages(answers, xml);
  xml.close();
  xml.component("Microsoft-Windows-Shell-Setup");
  first_logon(answers, xml);
  xml.open("OOBE");
  xml.leaf("HideEULAPage", "true");
  xml.leaf("HideOnlineAccountScreens", "true");
  xml.leaf("HideWirelessSetupInOOBE", "true");
  xml.leaf("ProtectYourPC", "3");  // no data to Microsoft beyond what it demands
  xml.close();
  xml.open("UserAccounts");
  xml.open("LocalAccounts");
  xml.item("LocalAccount");
  password(answers, xml);
  xml.leaf("DisplayName", answers.user);
  xml.leaf("Group", "Administrators");
  xml.leaf("Name", answers.user);
  xml.close(5);
}

}  // namespace

std::optional<Message> windows_user_problem(std::string_view name) {
  // LocalAccount | Name in the reference; a dot at the end is refused by Windows itself.
  constexpr std::string_view kForbidden = "\"/\\[]:|<>+=;,?*%@";
  const bool has_forbidden = std::ranges::any_of(name, [&](char letter) {
    return !is_plain_character(letter) || kForbidden.find(letter) != std::string_view::npos;
  });
  const std::string lower = lower_case(name);
  const bool taken = lower == "none" || lower == "administrator" || lower == "guest" ||
                     lower == "defaultaccount" || lower == "system";
  if (name.empty() || name.size() > kLongestUser || has_forbidden || taken || name.ends_with('.') ||
      trim(name) != name) {
    return Message(N_("“{name}” cannot be the name of a user of Windows: at most {limit} "
                      "characters, none of {forbidden}, and no name of Windows' own"),
                   {{"name", printable(name)}, {"limit", kLongestUser}, {"forbidden", kForbidden}});
  }
  return std::nullopt;
}

std::optional<Message> windows_password_problem(std::string_view password) {
  if (!password.empty() && password.size() <= kLongestPassword && printable(password) == password &&
      std::ranges::all_of(password, is_plain_character)) {
    return std::nullopt;
  }
  return Message(N_("The password must have 1 to {limit} characters, and no control characters"),
                 {{"limit", kLongestPassword}});
}

bool is_product_key(std::string_view key) {
  const std::vector<std::string_view> groups = split(key, '-');
  return groups.size() == 5 && std::ranges::all_of(groups, [](std::string_view group) {
           return group.size() == 5 && std::ranges::all_of(group, [](char letter) {
                    return (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9');
                  });
         });
}

std::string windows_computer_name(std::string_view vm_name) {
  std::string name;
  for (const char letter : vm_name) {
    const bool plain = (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'z') ||
                       (letter >= 'A' && letter <= 'Z') || letter == '-';
    if (name.size() < kLongestComputer) name += plain ? letter : '-';
  }
  while (name.ends_with('-')) name.pop_back();
  // Windows refuses a name of digits alone.
  if (std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; })) {
    name = ("VM-" + name).substr(0, kLongestComputer);
  }
  return name;
}

std::string windows_answer_file(const WindowsAnswers& answers) {
  Xml xml;
  xml.open("unattend",
           "xmlns=\"urn:schemas-microsoft-com:unattend\" "
           "xmlns:wcm=\"http://schemas.microsoft.com/WMIConfig/2002/State\"");
  windows_pe(answers, xml);
  specialize(answers, xml);
  oobe_system(answers, xml);
  xml.close();
  return xml.text();
}

std::string windows_finish_script(bool has_driver) {
  std::string script =
      "@echo off\n"
      "rem Made by cleave; Windows runs this once, at the first logon.\n";
  // The bundle of virtio-win has the drivers and QEMU's guest agent; older discs have only the
  // agent's own package.
  script += format(
      "for %%d in ({}) do if exist %%d:\\virtio-win-guest-tools.exe start /wait \"\" "
      "%%d:\\virtio-win-guest-tools.exe /install /quiet /norestart\n",
      kDriveLetters);
  script += format(
      "for %%d in ({}) do if exist %%d:\\guest-agent\\qemu-ga-x86_64.msi if not exist "
      "%%d:\\virtio-win-guest-tools.exe start /wait msiexec /i "
      "%%d:\\guest-agent\\qemu-ga-x86_64.msi /qn /norestart\n",
      kDriveLetters);
  if (has_driver) {
    script += "pnputil /add-driver \"%~dp0driver\\*.inf\" /subdirs /install\n";
  }
  script += format("echo {}> \\\\.\\COM1\n", kInstalledMark);
  script += "shutdown /s /t 10\n";
  return replace_all(script, "\n", "\r\n");
}

}  // namespace cleave
