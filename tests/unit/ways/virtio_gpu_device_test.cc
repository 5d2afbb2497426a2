// Which device a VM on virtio-gpu gets, over QEMU, virglrenderer, kernels, guests and wishes.
#include "ways/virtio_gpu_device.h"

#include <gtest/gtest.h>

#include <map>
#include <tuple>

namespace cleave {
namespace {

using Mode = VirtioGpuMode;

// As each version answers: hw/display/virtio-gpu*.c; venus since 9.2, native contexts since 11.0.
QemuAbilities qemu_of(std::uint32_t major, std::uint32_t minor) {
  QemuAbilities qemu;
  qemu.version = {.major = major, .minor = minor, .micro = 0};
  qemu.opengl = true;
  qemu.displays = {"egl-headless", "gtk", "none", "sdl"};
  QemuProperties drawing = {{"blob", "off"}};
  if (major >= 8) drawing["hostmem"] = "0";
  if (qemu.version >= Version{.major = 9, .minor = 2}) drawing["venus"] = "off";
  if (major >= 11) drawing["drm_native_context"] = "off";
  for (const char* device : {"virtio-vga-gl", "virtio-gpu-gl-pci"}) qemu.devices[device] = drawing;
  for (const char* device : {"virtio-vga", "virtio-gpu-pci"}) {
    qemu.devices[device] = {{"blob", "off"}};
  }
  return qemu;
}

VirtioGpuHost host_of(const QemuAbilities& qemu, const std::string& virglrenderer,
                      const std::string& release) {
  return {.qemu = {qemu, "/usr/bin/qemu-system-x86_64"},
          .virglrenderer = {virglrenderer, "/var/lib/dpkg/status"},
          .render_server = {"/usr/libexec/virgl_render_server", "/usr/libexec"},
          .kernel_release = {release, "/proc/sys/kernel/osrelease"},
          .driver = {"i915", "/sys"}};
}

// A machine that has everything.
VirtioGpuHost good_host() { return host_of(qemu_of(11, 1), "1.3.0-1", "7.2.0-1-amd64"); }

VirtioGpuRequest request_of(std::optional<Mode> wish = std::nullopt) {
  return {.wish = wish,
          .guest = Guest::Linux,
          .shown = true,
          .display = "gtk",
          .accelerator = "kvm",
          .memory_bytes = std::uint64_t{4} << 30U};
}

std::string device_for(const VirtioGpuRequest& request, const VirtioGpuHost& host) {
  const auto chosen = choose_virtio_gpu_device(request, host);
  if (!chosen) return "refused";
  EXPECT_FALSE(chosen->reason.empty());
  EXPECT_EQ(chosen->device.needs_opengl, chosen->mode != Mode::Plain);
  return chosen->device.devices.at(0);
}

TEST(VirtioGpuDevice, IsTheBestOfWhichEverythingIsKnownToBeThere) {
  for (const auto& [major, minor] : {std::pair(7U, 2U), {8U, 2U}, {10U, 0U}, {11U, 1U}}) {
    for (const std::string virglrenderer : {"0.8.1", "0.8.2", "0.10.4-1", "1.0.0", "1.3.0"}) {
      for (const std::string release : {"6.1.0", "6.12.9", "6.13.0", "7.2.0"}) {
        const VirtioGpuHost host = host_of(qemu_of(major, minor), virglrenderer, release);
        const bool old_library = virglrenderer.starts_with("0.");
        const bool venus = major >= 10 && !old_library && release != "6.1.0" && release != "6.12.9";
        std::string expected =
            venus ? "virtio-vga-gl,hostmem=4G,blob=true,venus=true" : "virtio-vga-gl";
        if (virglrenderer == "0.8.1") expected = "virtio-vga";
        const std::string about = std::to_string(major) + " " + virglrenderer + " " + release;
        EXPECT_EQ(device_for(request_of(), host), expected) << about;
        EXPECT_EQ(device_for(request_of(Mode::Venus), host), venus ? expected : "refused") << about;
        const bool native = major >= 11 && virglrenderer == "1.3.0" && venus;
        EXPECT_EQ(device_for(request_of(Mode::NativeContext), host),
                  native ? "virtio-vga-gl,hostmem=4G,blob=true,drm_native_context=true" : "refused")
            << about;
        EXPECT_EQ(device_for(request_of(Mode::Virgl), host),
                  virglrenderer == "0.8.1" ? "refused" : "virtio-vga-gl")
            << about;
        EXPECT_EQ(device_for(request_of(Mode::Plain), host), "virtio-vga") << about;
      }
    }
  }
}

TEST(VirtioGpuDevice, AWindowsGuestHasAPictureAndNoMore) {
  VirtioGpuRequest request = request_of();
  request.guest = Guest::Windows;
  EXPECT_EQ(device_for(request, good_host()), "virtio-vga");
  for (const Mode mode : {Mode::Virgl, Mode::Venus, Mode::NativeContext}) {
    request.wish = mode;
    const auto refused = choose_virtio_gpu_device(request, good_host());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::Unsupported);
    EXPECT_NE(english(refused.error().message).find("guest: Windows"), std::string::npos);
    EXPECT_NE(english(refused.error().remedy).find("mode = \"2d\""), std::string::npos);
  }
  request = request_of();
  request.guest = std::nullopt;
  EXPECT_EQ(device_for(request, good_host()), device_for(request_of(), good_host()));
}

TEST(VirtioGpuDevice, WithoutADisplayThatDrawsThereIsNoOpenGl) {
  VirtioGpuRequest request = request_of();
  request.display = "none";
  request.shown = false;
  EXPECT_EQ(device_for(request, good_host()), "virtio-gpu-pci");
  request.wish = Mode::Virgl;
  EXPECT_EQ(device_for(request, good_host()), "refused");
  // A QEMU that was built without it.
  VirtioGpuHost host = good_host();
  QemuAbilities plain = qemu_of(11, 1);
  plain.opengl = false;
  host.qemu = {plain, "/opt/qemu"};
  EXPECT_EQ(device_for(request_of(), host), "virtio-vga");
}

TEST(VirtioGpuDevice, BesideAnEmulatedCardItHasNoVga) {
  VirtioGpuRequest request = request_of(Mode::Virgl);
  request.shown = false;
  EXPECT_EQ(device_for(request, good_host()), "virtio-gpu-gl-pci");
}

TEST(VirtioGpuDevice, AMissingDeviceIsSaid) {
  QemuAbilities qemu = qemu_of(8, 2);
  qemu.devices.erase("virtio-vga-gl");
  VirtioGpuHost host = host_of(qemu, "1.0.0", "6.13.0");
  const auto plain = choose_virtio_gpu_device(request_of(), host);
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->device.devices.at(0), "virtio-vga");
  EXPECT_NE(english(plain->reason).find("QEMU 8.2.0: no virtio-vga-gl"), std::string::npos)
      << english(plain->reason);
  qemu.devices.clear();
  host.qemu = {qemu, "/opt/qemu"};
  const auto nothing = choose_virtio_gpu_device(request_of(), host);
  ASSERT_FALSE(nothing);
  EXPECT_NE(english(nothing.error().remedy).find("qemu-system-gui"), std::string::npos);
}

TEST(VirtioGpuDevice, WhatIsNotKnownGivesOpenGlAndIsSaid) {
  const Unreadable unread{.path = "/x", .why = "Permission denied"};
  const std::map<std::string, VirtioGpuHost> unknown = [&] {
    std::map<std::string, VirtioGpuHost> hosts;
    hosts["QEMU: ?"] = good_host();
    hosts["QEMU: ?"].qemu = unread;
    hosts["virglrenderer >= 1.0.0: ?"] = good_host();
    hosts["virglrenderer >= 1.0.0: ?"].virglrenderer = unread;
    hosts["virgl_render_server: ?"] = good_host();
    hosts["virgl_render_server: ?"].render_server = unread;
    hosts["Linux >= 6.13: ?"] = good_host();
    hosts["Linux >= 6.13: ?"].kernel_release = unread;
    return hosts;
  }();
  for (const auto& [text, host] : unknown) {
    const auto chosen = choose_virtio_gpu_device(request_of(), host);
    ASSERT_TRUE(chosen) << text;
    EXPECT_EQ(chosen->device.devices.at(0), "virtio-vga-gl") << text;
    EXPECT_NE(english(chosen->reason).find(text), std::string::npos) << english(chosen->reason);
    // A wish is tried, and the doubt told.
    const auto wished = choose_virtio_gpu_device(request_of(Mode::Venus), host);
    ASSERT_TRUE(wished) << text;
    EXPECT_NE(english(wished->reason).find(text), std::string::npos) << english(wished->reason);
  }
}

TEST(VirtioGpuDevice, EmulatedMachinesGetNoVulkanUnasked) {
  VirtioGpuRequest request = request_of();
  request.accelerator = "tcg";
  EXPECT_EQ(device_for(request, good_host()), "virtio-vga-gl");
}

TEST(VirtioGpuDevice, NativeContextsDependOnTheHostsDriver) {
  const auto refusal = [](const std::string& driver, const std::string& virglrenderer) {
    VirtioGpuHost host = good_host();
    host.driver = {driver, "/sys"};
    host.virglrenderer = {virglrenderer, "/var/lib/dpkg/status"};
    const auto chosen = choose_virtio_gpu_device(request_of(Mode::NativeContext), host);
    return chosen ? std::string() : english(chosen.error().message);
  };
  EXPECT_EQ(refusal("i915", "1.3.0"), "");
  EXPECT_EQ(refusal("amdgpu", "1.2.0"), "");
  EXPECT_NE(refusal("amdgpu", "1.1.1").find("virglrenderer 1.1.1 < 1.2.0"), std::string::npos);
  EXPECT_NE(refusal("i915", "1.2.0").find("virglrenderer 1.2.0 < 1.3.0"), std::string::npos);
  EXPECT_NE(refusal("xe", "1.3.0").find("driver: xe"), std::string::npos);
  // Whether the library has them cannot be seen: never unasked, and never without saying so.
  const auto wished = choose_virtio_gpu_device(request_of(Mode::NativeContext), good_host());
  ASSERT_TRUE(wished);
  EXPECT_NE(english(wished->reason).find("drm-renderers=i915"), std::string::npos);
  EXPECT_EQ(choose_virtio_gpu_device(request_of(), good_host())->mode, Mode::Venus);
}

TEST(VirtioGpuDevice, OnlyVenusHasQemuStartAProgram) {
  for (const Mode mode : {Mode::Plain, Mode::Virgl, Mode::Venus, Mode::NativeContext}) {
    const auto chosen = choose_virtio_gpu_device(request_of(mode), good_host());
    ASSERT_TRUE(chosen);
    EXPECT_EQ(chosen->starts_programs, mode == Mode::Venus);
  }
}

TEST(VirtioGpuDevice, TheWindowIsAPowerOfTwoUpTo8G) {
  for (const auto& [mebibytes, window] : std::map<std::uint64_t, std::string>{
           {64, "1G"}, {1024, "1G"}, {1025, "2G"}, {6144, "8G"}, {65536, "8G"}}) {
    VirtioGpuRequest request = request_of(Mode::Venus);
    request.memory_bytes = mebibytes << 20U;
    EXPECT_EQ(device_for(request, good_host()),
              "virtio-vga-gl,hostmem=" + window + ",blob=true,venus=true");
  }
}

TEST(VirtioGpuMode, HasTheNamesOfDefinitions) {
  for (const Mode mode : {Mode::Plain, Mode::Virgl, Mode::Venus, Mode::NativeContext}) {
    EXPECT_EQ(parse_virtio_gpu_mode(virtio_gpu_mode_name(mode)), mode);
  }
  EXPECT_FALSE(parse_virtio_gpu_mode("opengl"));
  EXPECT_FALSE(parse_virtio_gpu_mode(""));
}

}  // namespace
}  // namespace cleave
