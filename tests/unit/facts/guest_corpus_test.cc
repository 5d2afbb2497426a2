// Real command lines and definitions: what a plain search finds in them is what is understood.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "base/text.h"
#include "facts/libvirt_domain.h"
#include "facts/mdevctl_definition.h"
#include "facts/proxmox_config.h"
#include "facts/qemu_command_line.h"
#include "support/golden.h"

namespace cleave {
namespace {

namespace fs = std::filesystem;

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

std::vector<fs::path> files_below(const std::string& folder) {
  std::vector<fs::path> files;
  const std::string corpus = testing::corpus_directory();
  if (corpus.empty()) return files;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(corpus) / folder)) {
    if (entry.is_regular_file() && entry.path().extension() != ".tsv")
      files.push_back(entry.path());
  }
  return files;
}

std::size_t count(const std::string& text, const char* pattern) {
  const std::regex expression(pattern);
  return static_cast<std::size_t>(
      std::distance(std::sregex_iterator(text.begin(), text.end(), expression), {}));
}

std::string without_comments(std::string text) {
  for (std::size_t at = text.find("<!--"); at != std::string::npos; at = text.find("<!--", at)) {
    const std::size_t end = text.find("-->", at);
    text.erase(at, end == std::string::npos ? end : end + 3 - at);
  }
  return text;
}

TEST(GuestCorpus, CommandLinesHaveTheDevicesThatGrepFinds) {
  if (testing::corpus_directory().empty()) GTEST_SKIP() << "skipped: no corpus";
  std::size_t whole = 0;
  for (const fs::path& path : files_below("qemu-cmdline")) {
    SCOPED_TRACE(path);
    const std::string text = content_of(path);
    const auto arguments = split_command_line(text);
    const GuestSettings settings = parse_qemu_command_line(arguments);
    const std::size_t found =
        count(text, R"(-device\s+'?(vfio-pci(-nohotplug)?,|\{"driver":"vfio-pci(-nohotplug)?"))");
    // A mail breaks a command line where it likes, and tells more than one.
    const bool is_exact = path.extension() == ".args" || path.extension() == ".cmd";
    if (is_exact) {
      EXPECT_EQ(settings.devices.size(), found);
      EXPECT_EQ(settings.is_windows(), count(text, "hv[_-](relaxed|time|vapic)") > 0);
      EXPECT_EQ(settings.firmware == GuestFirmware::Ovmf, count(text, "pflash0|if=pflash") > 0);
      EXPECT_TRUE(settings.unknown.empty());
      // Proxmox VE's own tests name devices with numbers beyond 1f, which there are none of.
      for (const HostDevice& device : settings.devices) {
        EXPECT_TRUE(path.extension() == ".cmd" || !device.is_unknown());
      }
      ++whole;
    } else {
      EXPECT_LE(settings.devices.size(), found);
    }
    const GuestSettings again =
        parse_qemu_command_line(reduced_command_line(arguments, settings.name));
    if (is_exact) {
      EXPECT_EQ(again, settings);
    }
  }
  EXPECT_GE(whole, 20U);
}

TEST(GuestCorpus, DomainsHaveTheDevicesThatGrepFinds) {
  if (testing::corpus_directory().empty()) GTEST_SKIP() << "skipped: no corpus";
  std::size_t domains = 0;
  for (const fs::path& path : files_below("libvirt")) {
    SCOPED_TRACE(path);
    const std::string text = without_comments(content_of(path));
    const auto domain = parse_libvirt_domain(text);
    // An excerpt, a page about domains and a template with places to fill in are none.
    const bool is_other = count(text, "@@|```") > 0;
    const bool is_one = count(text, "<domain [^>]*type=") == 1 && trim(text).ends_with("</domain>");
    EXPECT_EQ(domain.has_value(), is_one && !is_other);
    if (!domain) continue;
    ++domains;
    EXPECT_EQ(domain->settings.devices.size(),
              count(text, R"(<hostdev [^>]*type=['"]pci['"])") +
                  count(text, R"(<hostdev [^>]*type=['"]mdev['"][^>]*model=['"]vfio-pci['"])"));
    EXPECT_EQ(domain->settings.windows_sign.starts_with("http://microsoft"),
              count(text, "id=['\"]http://microsoft.com/win") > 0);
    EXPECT_EQ(domain->settings.cpu.kvm == false, count(text, "<hidden state=['\"]on") > 0);
    const auto again = parse_libvirt_domain(reduced_libvirt_domain(text, domain->settings.name));
    ASSERT_TRUE(again);
    EXPECT_EQ(again->settings, domain->settings);
  }
  EXPECT_GE(domains, 80U);
}

TEST(GuestCorpus, ProxmoxHasTheLinesThatGrepFinds) {
  if (testing::corpus_directory().empty()) GTEST_SKIP() << "skipped: no corpus";
  for (const fs::path& path : files_below("proxmox-conf")) {
    SCOPED_TRACE(path);
    const std::string text = content_of(path);
    const GuestSettings settings = parse_proxmox_config(text);
    EXPECT_EQ(settings.devices.size(), count(text, R"(hostpci\d+: )"));
    EXPECT_EQ(settings.is_windows(), count(text, "ostype: w") > 0);
    EXPECT_EQ(settings.firmware == GuestFirmware::Ovmf, count(text, "bios: ovmf") > 0);
    EXPECT_EQ(parse_proxmox_config(reduced_proxmox_config(text, settings.name)), settings);
  }
}

TEST(GuestCorpus, DefinitionsHaveTheTypeThatGrepFinds) {
  if (testing::corpus_directory().empty()) GTEST_SKIP() << "skipped: no corpus";
  std::size_t understood = 0;
  for (const fs::path& path : files_below("mdev")) {
    SCOPED_TRACE(path);
    const std::string text = content_of(path);
    const MdevDefinition definition =
        parse_mdevctl_definition("0000:00:02.0", "2aee154e-7d0d-11e8-88b8-6f45320c7162", text);
    if (!definition.problem.empty()) continue;
    ++understood;
    EXPECT_EQ(count(text, ("\"mdev_type\":\\s*\"" + definition.type + "\"").c_str()), 1U);
    EXPECT_EQ(definition.starts_by_itself, count(text, R"("start":\s*"auto")") == 1);
  }
  EXPECT_GE(understood, 15U);
}

TEST(GuestCorpus, QuickemusFilesAreNoCommandLines) {
  if (testing::corpus_directory().empty()) GTEST_SKIP() << "skipped: no corpus";
  for (const fs::path& path : files_below("quickemu")) {
    EXPECT_TRUE(split_command_line(content_of(path)).empty()) << path;
  }
}

}  // namespace
}  // namespace cleave
