// What real QEMU programs answered, from 4.2 to 11.1, as cleave understands it. Each line was
// compared with what the programs themselves print (-version, -device NAME,help, -display help).
#include <gtest/gtest.h>

#include <algorithm>

#include "base/text.h"
#include "support/recorded_qemu.h"

namespace cleave {
namespace {

bool has(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

std::string package_of(const std::string& version) {
  return testing::recorded_qemu(version).package;
}

// Those of which it is true, by number.
std::string versions_with(bool (*is_true)(const QemuAbilities&)) {
  std::vector<std::string> found;
  for (const std::string& version : testing::recorded_qemu_versions()) {
    if (is_true(testing::recorded_qemu(version))) found.push_back(version);
  }
  std::ranges::sort(found, {}, [](const std::string& name) { return parse_package_version(name); });
  return join(found, " ");
}

constexpr const char* kAll = "4.2 5.2 6.2 7.2 8.2 9.2 10.0 10.1 11.1";

TEST(RecordedQemu, SaysWhichItIs) {
  for (const std::string& version : testing::recorded_qemu_versions()) {
    const std::string told = to_text(testing::recorded_qemu(version).version);
    EXPECT_TRUE(told.starts_with(version + ".")) << version << ": " << told;
  }
  EXPECT_EQ(package_of("5.2"), "Debian 1:5.2+dfsg-11+deb11u3");
  EXPECT_EQ(package_of("8.2"), "Debian 1:8.2.2+ds-0ubuntu1");  // Ubuntu builds Debian's package
}

TEST(RecordedQemu, AllHaveWhatEveryVmNeeds) {
  EXPECT_EQ(versions_with([](const QemuAbilities& qemu) {
              return qemu.has_kvm() && has(qemu.accelerators, "tcg") && qemu.sandbox &&
                     qemu.spice && qemu.opengl && has(qemu.machines, "q35") &&
                     has(qemu.machines, "pc") && has(qemu.machines, "none");
            }),
            kAll);
}

// Ubuntu 20.04 and 22.04 and Debian 11 know no “-audiodev help”, the first no “-display help”.
TEST(RecordedQemu, TellsDisplaysAndSoundInWhateverWayItCan) {
  EXPECT_EQ(versions_with([](const QemuAbilities& qemu) {
              return has(qemu.displays, "none") && has(qemu.displays, "gtk") &&
                     has(qemu.displays, "egl-headless") && !has(qemu.displays, "vnc");
            }),
            kAll);
  EXPECT_EQ(versions_with([](const QemuAbilities& qemu) { return has(qemu.displays, "dbus"); }),
            "7.2 8.2 9.2 10.0 10.1 11.1");
  EXPECT_EQ(versions_with([](const QemuAbilities& qemu) {
              return has(qemu.audio_drivers, "none") && has(qemu.audio_drivers, "pa") &&
                     has(qemu.audio_drivers, "spice");
            }),
            kAll);
  EXPECT_EQ(
      versions_with([](const QemuAbilities& qemu) { return has(qemu.audio_drivers, "pipewire"); }),
      "8.2 9.2 10.0 10.1 11.1");
}

TEST(RecordedQemu, ShowsVgpus) {
  EXPECT_EQ(versions_with([](const QemuAbilities& qemu) { return qemu.has_vgpu_display(); }), kAll);
  EXPECT_EQ(versions_with([](const QemuAbilities& qemu) { return qemu.has_boot_display(); }), kAll);
  EXPECT_EQ(versions_with([](const QemuAbilities& qemu) {
              return qemu.property("vfio-pci", "ramfb") != nullptr;
            }),
            "");  // the device that can be unplugged never has it
}

TEST(RecordedQemu, KnowsIntelGpus) {
  EXPECT_EQ(versions_with([](const QemuAbilities& qemu) {
              return qemu.property("vfio-pci", "x-igd-opregion") != nullptr;
            }),
            kAll);
  // 4.2 tells no defaults at all, which is no “on”.
  EXPECT_EQ(versions_with([](const QemuAbilities& qemu) { return qemu.gives_opregion(); }),
            "10.1 11.1");
  EXPECT_EQ(versions_with([](const QemuAbilities& qemu) {
              return qemu.property("vfio-pci", "x-igd-legacy-mode") != nullptr &&
                     qemu.property("vfio-pci", "x-igd-lpc") != nullptr;
            }),
            "10.0 10.1 11.1");
  EXPECT_EQ(versions_with([](const QemuAbilities& qemu) { return qemu.has_iommufd(); }),
            "9.2 10.0 10.1 11.1");
}

// 8.2 only tells it to who has loaded its OpenGL first (app/qemu_probe.cc).
TEST(RecordedQemu, DrawsForGuests) {
  EXPECT_EQ(versions_with([](const QemuAbilities& qemu) { return qemu.has_virgl(); }),
            "6.2 7.2 8.2 9.2 10.0 10.1 11.1");
  EXPECT_EQ(versions_with([](const QemuAbilities& qemu) { return qemu.has_venus(); }),
            "9.2 10.0 10.1 11.1");
  EXPECT_EQ(versions_with([](const QemuAbilities& qemu) { return qemu.has_native_context(); }),
            "11.1");
  EXPECT_EQ(versions_with([](const QemuAbilities& qemu) {
              return qemu.property("virtio-vga", "blob") != nullptr;
            }),
            "6.2 7.2 8.2 9.2 10.0 10.1 11.1");
  EXPECT_EQ(versions_with([](const QemuAbilities& qemu) {
              return qemu.has_device("virtio-gpu-rutabaga-pci");
            }),
            "");  // no distribution here builds it
}

TEST(RecordedQemu, OnceForgotToBootFromNvme) {
  EXPECT_EQ(versions_with([](const QemuAbilities& qemu) {
              return qemu.property("nvme", "bootindex") != nullptr;
            }),
            "4.2 6.2 7.2 8.2 9.2 10.0 10.1 11.1");
}

TEST(RecordedQemu, MachinesComeAndGo) {
  EXPECT_EQ(
      versions_with([](const QemuAbilities& qemu) { return has(qemu.machines, "pc-i440fx-2.3"); }),
      "4.2 5.2 6.2 7.2 8.2");
  EXPECT_EQ(
      versions_with([](const QemuAbilities& qemu) { return has(qemu.machines, "pc-q35-8.2"); }),
      "8.2 9.2 10.0 10.1 11.1");
}

// What is kept of the answers is read back the same.
TEST(RecordedQemu, CanBeKept) {
  QemuIdentity identity;
  identity.path = "/usr/bin/qemu-system-x86_64";
  for (const std::string& version : testing::recorded_qemu_versions()) {
    const QemuAbilities abilities = testing::recorded_qemu(version);
    const auto read = parse_qemu_file(qemu_file(identity, abilities), identity);
    ASSERT_TRUE(read) << version;
    EXPECT_EQ(*read, abilities) << version;
  }
}

TEST(QemuHelp, OfOldProgramsIsOnlyReadWhereItIsMeant) {
  EXPECT_EQ(displays_in_long_help("-display gtk[,gl=on|off]|\n  -display sdl\n-display none\n"
                                  "-display vnc=<display>\n-vnc <display>\n-display \n"),
            (std::vector<std::string>{"gtk", "none"}));
  EXPECT_EQ(audio_drivers_in_examples("-audiodev id=pa,driver=pa,out.x=1\n"
                                      "see driver=oss\n-audiodev id=none\n-audiodev driver=\n"
                                      "-audiodev id=a,driver=none\n-audiodev id=b,driver=none\n"),
            (std::vector<std::string>{"none", "pa"}));
  EXPECT_TRUE(displays_in_long_help("").empty());
  EXPECT_TRUE(audio_drivers_in_examples("\n\n").empty());
}

}  // namespace
}  // namespace cleave
