// The machine around its GPUs: the texts, and the readers where machines are odd.
#include "facts/platform.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "facts/readers/readers.h"
#include "host/memory_host.h"

namespace cleave {
namespace {

using namespace std::string_literals;

constexpr const char* kSecureBoot =
    "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
constexpr const char* kLoaderInfo =
    "/sys/firmware/efi/efivars/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";

ModprobeFacts parse(std::string_view text) {
  ModprobeFacts facts;
  parse_modprobe_file(text, "f", facts);
  return facts;
}

TEST(Lockdown, TheModeInBrackets) {
  EXPECT_EQ(parse_lockdown("[none] integrity confidentiality"), "none");
  EXPECT_EQ(parse_lockdown("none [integrity] confidentiality\n"), "integrity");
  for (const char* text : {"", "none", "[", "]none[", "none [integrity", "[]"}) {
    EXPECT_EQ(parse_lockdown(text), "") << text;
  }
}

TEST(ModprobeFile, OptionsAndBlacklists) {
  const ModprobeFacts facts = parse(
      "# options i915 enable_gvt=0\n"
      "options i915 enable_gvt=1 enable-guc=0 fastboot\n"
      "\toptions  vfio-pci\tids=8086:9b41\r\n"
      "blacklist nouveau-drm\ninstall kvm /bin/false\nsoftdep i915 pre: vfio\n");
  ASSERT_EQ(facts.options.size(), 2U);
  const auto& i915 = facts.options.at("i915");
  ASSERT_EQ(i915.size(), 3U);
  EXPECT_EQ(i915[0].parameter, "enable_gvt");
  EXPECT_EQ(i915[0].value, "1");
  EXPECT_EQ(i915[0].source, "f");
  EXPECT_EQ(i915[1].parameter, "enable_guc");
  EXPECT_EQ(i915[2].parameter, "fastboot");
  EXPECT_EQ(i915[2].value, "");
  EXPECT_EQ(facts.options.at("vfio_pci").front().value, "8086:9b41");
  EXPECT_EQ(facts.blacklisted.size(), 1U);
  EXPECT_TRUE(facts.blacklisted.contains("nouveau_drm"));
}

TEST(ModprobeFile, ABackslashJoinsLines) {
  EXPECT_EQ(parse("options i915 \\\n  enable_gvt=1\n").options.at("i915").front().value, "1");
  // Without a blank, as kmod does; and a file may end with one.
  EXPECT_EQ(parse("options i915 enable_\\\ngvt=1\\").options.at("i915").front().parameter,
            "enable_gvt");
  EXPECT_TRUE(parse("# a comment \\\nblacklist kvm\n").blacklisted.empty());
}

TEST(ModprobeFile, LinesThatSayNothing) {
  const ModprobeFacts facts = parse("options\noptions i915\nblacklist\n\\\n\\\n\\"s + "\0"s);
  EXPECT_TRUE(facts.options.empty());
  EXPECT_TRUE(facts.blacklisted.empty());
}

TEST(ModprobeFile, TheFirstFileThatBlacklistsIsNamed) {
  ModprobeFacts facts;
  parse_modprobe_file("blacklist kvm", "one", facts);
  parse_modprobe_file("blacklist kvm", "two", facts);
  EXPECT_EQ(facts.blacklisted.at("kvm"), "one");
}

MemoryHost uefi_machine() {
  MemoryHost host;
  host.add_directory("/sys/firmware/efi");
  return host;
}

TEST(PlatformReader, SecureBootOfUefi) {
  MemoryHost host = uefi_machine();
  EXPECT_EQ(read_platform(host).firmware.uefi, Fact<bool>(true, "/sys/firmware/efi"));
  // efivarfs is not mounted: nobody can say.
  EXPECT_NE(read_platform(host).firmware.secure_boot.unreadable(), nullptr);
  host.add_file(kSecureBoot, "\x16\0\0\0\x01"s);
  EXPECT_EQ(read_platform(host).firmware.secure_boot, Fact<bool>(true, kSecureBoot));
  host.add_file(kSecureBoot, "\x16\0\0\0\0"s);
  EXPECT_EQ(read_platform(host).firmware.secure_boot, Fact<bool>(false, kSecureBoot));
  for (const std::string& cut : {""s, "\x16\0\0\0"s}) {
    host.add_file(kSecureBoot, cut);
    EXPECT_NE(read_platform(host).firmware.secure_boot.unreadable(), nullptr);
  }
  host.forget(kSecureBoot);
  host.add_unreadable(kSecureBoot, EACCES);
  EXPECT_NE(read_platform(host).firmware.secure_boot.unreadable(), nullptr);
}

TEST(PlatformReader, WithoutUefiThereIsNoSecureBoot) {
  MemoryHost host;
  host.add_directory("/sys/firmware");
  EXPECT_EQ(read_platform(host).firmware.uefi, Fact<bool>(false, "/sys/firmware/efi"));
  EXPECT_TRUE(read_platform(host).firmware.secure_boot.is_absent());
  host.add_unreadable("/sys/firmware/efi", EACCES);
  EXPECT_NE(read_platform(host).firmware.secure_boot.unreadable(), nullptr);
}

TEST(PlatformReader, TheLoaderIsNamedInUtf16) {
  MemoryHost host = uefi_machine();
  host.forget("/sys/firmware/efi/efivars");
  EXPECT_NE(read_boot(host).loader.unreadable(), nullptr);
  host.add_directory("/sys/firmware/efi/efivars");
  EXPECT_NE(read_boot(host).loader.unreadable(), nullptr);
  host.add_file("/sys/firmware/efi/efivars/BootOrder-8be4df61-93ca-11d2-aa0d-00e098032b8c", "x");
  EXPECT_TRUE(read_boot(host).loader.is_absent());
  host.add_file(kLoaderInfo, "\x06\0\0\0G\0R\0U\0B\0\0\0X\0"s);
  EXPECT_EQ(read_boot(host).loader.value_or(""), "GRUB");
  host.add_file(kLoaderInfo, "\x06\0\0\0G\0R"s);
  EXPECT_EQ(read_boot(host).loader.value_or(""), "G");
  host.add_file(kLoaderInfo, "\x06\0"s);
  EXPECT_NE(read_boot(host).loader.unreadable(), nullptr);
}

TEST(PlatformReader, LockdownThatIsNotUnderstoodIsUnknown) {
  MemoryHost host;
  EXPECT_TRUE(read_platform(host).lockdown.is_absent());
  host.add_file("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
  EXPECT_EQ(read_platform(host).lockdown.value_or(""), "integrity");
  host.add_file("/sys/kernel/security/lockdown", "integrity\n");
  EXPECT_NE(read_platform(host).lockdown.unreadable(), nullptr);
}

TEST(PlatformReader, TheDistributionsIdMayBeQuoted) {
  for (const char* line : {"ID=fedora", "ID=\"fedora\"", "ID='fedora'"}) {
    MemoryHost host;
    host.add_file("/usr/lib/os-release", "NAME=X\nVERSION_ID=1\n"s + line + "\n");
    EXPECT_EQ(read_platform(host).distribution_id.value_or(""), "fedora") << line;
  }
  MemoryHost host;
  host.add_file("/etc/os-release", "ID=\"\n");
  EXPECT_EQ(read_platform(host).distribution_id.value_or(""), "\"");
}

TEST(PlatformReader, ContainersAndImages) {
  MemoryHost host;
  EXPECT_EQ(read_platform(host).container.value_or(true), false);
  EXPECT_EQ(read_platform(host).image_based, "");
  host.add_file("/run/.containerenv", "");
  host.add_file("/run/ostree-booted", "");
  EXPECT_EQ(read_platform(host).container.value_or(false), true);
  EXPECT_EQ(read_platform(host).image_based, "rpm-ostree");
  host.add_unreadable("/.dockerenv", EACCES);
  EXPECT_NE(read_platform(host).container.unreadable(), nullptr);
}

TEST(PlatformReader, KernelsAreThoseWithAListOfModules) {
  MemoryHost host;
  host.add_file("/lib/modules/6.8.0-60-generic/modules.dep", "");
  host.add_file("/lib/modules/6.8.0-59-generic/kernel/left", "");
  EXPECT_EQ(read_platform(host).kernels.value_or({}), std::vector<std::string>{"6.8.0-60-generic"});
}

TEST(PlatformReader, DkmsHasVersionsAndBuilds) {
  MemoryHost host;
  EXPECT_TRUE(read_platform(host).dkms.is_absent());
  const std::string place = "/var/lib/dkms/i915-sriov-dkms/2026.03.05.1";
  host.add_file("/var/lib/dkms/mok.pub", "");
  host.add_file("/var/lib/dkms/i915-sriov-dkms/note", "");
  host.add_link("/var/lib/dkms/i915-sriov-dkms/kernel-6.12.1-x86_64", "2026.03.05.1/6.12.1/x86_64");
  host.add_link(place + "/source", "/usr/src/i915-sriov-dkms-2026.03.05.1");
  host.add_file(place + "/build/make.log", "error");
  host.add_file(place + "/6.12.1/x86_64/module/i915.ko", "");
  host.add_directory(place + "/6.13.0");
  const auto dkms = read_platform(host).dkms;
  ASSERT_TRUE(dkms.is_known());
  ASSERT_EQ(dkms.value()->size(), 1U);
  EXPECT_EQ(dkms.value()->front().name, "i915-sriov-dkms");
  EXPECT_EQ(dkms.value()->front().version, "2026.03.05.1");
  EXPECT_EQ(dkms.value()->front().kernels, std::vector<std::string>{"6.12.1"});
}

TEST(PlatformReader, AClosedPartOfDkmsMakesItUnknown) {
  for (const char* path : {"", "/nvidia", "/nvidia/550", "/nvidia/550/6.12.1"}) {
    MemoryHost host;
    host.add_file("/var/lib/dkms/nvidia/550/6.12.1/x86_64/module/nvidia.ko", "");
    host.forget("/var/lib/dkms"s + path);
    host.add_unreadable("/var/lib/dkms"s + path, EACCES);
    EXPECT_NE(read_platform(host).dkms.unreadable(), nullptr) << path;
  }
}

TEST(PlatformReader, AnEarlierDirectoryHidesAFileOfTheSameName) {
  MemoryHost host;
  host.add_file("/etc/modprobe.d/gpu.conf", "options i915 enable_gvt=1\n");
  host.add_file("/usr/lib/modprobe.d/gpu.conf", "options i915 enable_gvt=0\n");
  host.add_file("/usr/lib/modprobe.d/other.conf", "blacklist nouveau\n");
  host.add_file("/usr/lib/modprobe.d/other.conf.bak", "blacklist kvm\n");
  // A link that leads nowhere hides, too.
  host.add_file("/usr/lib/modprobe.d/off.conf", "blacklist i915\n");
  host.add_link("/etc/modprobe.d/off.conf", "/nowhere");
  const auto modprobe = read_platform(host).modprobe;
  ASSERT_TRUE(modprobe.is_known());
  ASSERT_EQ(modprobe.value()->options.at("i915").size(), 1U);
  EXPECT_EQ(modprobe.value()->options.at("i915").front().value, "1");
  EXPECT_EQ(modprobe.value()->blacklisted.size(), 1U);
  EXPECT_TRUE(modprobe.value()->blacklisted.contains("nouveau"));
}

TEST(PlatformReader, AClosedModprobeFileMakesThemUnknown) {
  for (const char* path : {"/etc/modprobe.d", "/usr/lib/modprobe.d/gpu.conf"}) {
    MemoryHost host;
    host.add_file("/usr/lib/modprobe.d/other.conf", "blacklist nouveau\n");
    host.add_unreadable(path, EACCES);
    EXPECT_NE(read_platform(host).modprobe.unreadable(), nullptr) << path;
  }
}

TEST(PlatformReader, NodesAreCharacterDevices) {
  MemoryHost host;
  host.add_directory("/dev");
  EXPECT_TRUE(read_platform(host).vfio_nodes.is_absent());
  host.add_device("/dev/vfio/vfio", 0666, 10, 196);
  host.add_device("/dev/vfio/12", 0, 243, 0);
  host.add_directory("/dev/vfio/devices");
  const auto nodes = read_platform(host).vfio_nodes;
  ASSERT_TRUE(nodes.is_known());
  ASSERT_EQ(nodes.value()->size(), 2U);
  for (const NodeAccess& node : *nodes.value()) {
    EXPECT_EQ(node.usable, node.path == "/dev/vfio/vfio") << node.path;
  }
}

TEST(DrmReader, CardsHaveRenderNodesAndOutputs) {
  MemoryHost host;
  host.add_directory("/sys/class");
  EXPECT_TRUE(read_drm_cards(host).is_absent());
  const std::string gpu = "/sys/devices/pci0000:00/0000:00:02.0";
  host.add_directory(gpu + "/drm/renderD129");
  host.add_link(gpu + "/drm/card1/device", "../../../0000:00:02.0");
  host.add_file(gpu + "/drm/card1/card1-eDP-1/status", "connected\n");
  host.add_file(gpu + "/drm/card1/card1-DP-1/status", "disconnected\n");
  for (const char* name : {"card1", "card1/card1-eDP-1", "card1/card1-DP-1", "renderD129"}) {
    host.add_link("/sys/class/drm/"s + std::string(base_name(name)), gpu + "/drm/" + name);
  }
  // Firmware's framebuffer, which is no PCI device; and one that has just gone.
  host.add_directory("/sys/devices/platform/simple-framebuffer.0/drm/card0");
  host.add_link("/sys/class/drm/card0", "/sys/devices/platform/simple-framebuffer.0/drm/card0");
  host.add_link("/sys/class/drm/card7", "/sys/devices/gone");
  const auto cards = read_drm_cards(host);
  ASSERT_TRUE(cards.is_known());
  ASSERT_EQ(cards.value()->size(), 3U);
  const DrmCard& card = cards.value()->at(1);
  EXPECT_EQ(card.name, "card1");
  EXPECT_EQ(card.pci, (PciAddress{0, 0, 2, 0}));
  EXPECT_EQ(card.render_node, "renderD129");
  EXPECT_EQ(card.connected, std::vector<std::string>{"eDP-1"});
  EXPECT_EQ(cards.value()->at(0).pci, std::nullopt);
  EXPECT_EQ(cards.value()->at(2).render_node, "");

  host.add_unreadable(gpu + "/drm/card1/card1-eDP-1/status", EACCES);
  EXPECT_NE(read_drm_cards(host).unreadable(), nullptr);
}

TEST(Framebuffers, ByName) {
  EXPECT_EQ(parse_framebuffers("0 i915drmfb\n1 EFI VGA\n"),
            (std::vector<std::string>{"i915drmfb", "EFI VGA"}));
  EXPECT_TRUE(parse_framebuffers("").empty());
  EXPECT_TRUE(parse_framebuffers("no number\nx\n0").empty());
  EXPECT_EQ(parse_framebuffers("0 \xff\x01\n").at(0).find('\x01'), std::string::npos);
  std::string many;
  for (int i = 0; i < 10'000; ++i) many += std::to_string(i) + " fb\n";
  EXPECT_EQ(parse_framebuffers(many).size(), 32U);
}

}  // namespace
}  // namespace cleave
