// On which GPU QEMU draws, over machines with several.
#include "ways/render_node.h"

#include <gtest/gtest.h>

namespace cleave {
namespace {

struct Gpu {
  std::string address;  // empty: no PCI device
  std::string driver;
  std::string render_node;
  bool boot = false;
  std::vector<std::string> connected{};
};

RenderNodeHost host_of(const std::vector<Gpu>& gpus, bool with_udev = true) {
  RenderNodeHost host;
  std::vector<DrmCard> cards;
  std::vector<PciDevice> devices;
  for (const Gpu& gpu : gpus) {
    DrmCard card;
    card.name = "card" + std::to_string(cards.size());
    card.pci = parse_pci_address(gpu.address);
    card.render_node = gpu.render_node;
    card.connected = gpu.connected;
    cards.push_back(card);
    if (!card.pci) continue;
    PciDevice device;
    device.address = *card.pci;
    device.driver = {gpu.driver, "/sys"};
    device.boot_display = {gpu.boot, "/sys"};
    devices.push_back(device);
    if (with_udev) host.by_path.push_back("pci-" + gpu.address + "-render");
  }
  host.cards = {cards, "/sys/class/drm"};
  host.devices = {devices, "/sys/bus/pci/devices"};
  return host;
}

std::string path_for(const RenderNodeHost& host, const std::string& parent = "") {
  const auto chosen = choose_render_node(host, parent);
  if (!chosen) return error_code_name(chosen.error().code);
  if (!*chosen) return "left to QEMU";
  EXPECT_FALSE((*chosen)->reason.empty());
  return (*chosen)->path;
}

const Gpu kIntel = {.address = "0000:00:02.0", .driver = "i915", .render_node = "renderD129"};
const Gpu kAmd = {.address = "0000:03:00.0", .driver = "amdgpu", .render_node = "renderD128"};
const Gpu kNvidia = {.address = "0000:01:00.0", .driver = "nvidia", .render_node = "renderD128"};
const Gpu kVgem = {.address = "", .driver = "", .render_node = "renderD130"};

Gpu with_screen(Gpu gpu) {
  gpu.boot = true;
  return gpu;
}

Gpu with_monitor(Gpu gpu) {
  gpu.connected = {"DP-1"};
  return gpu;
}

constexpr const char* kIntelPath = "/dev/dri/by-path/pci-0000:00:02.0-render";
constexpr const char* kAmdPath = "/dev/dri/by-path/pci-0000:03:00.0-render";
constexpr const char* kNvidiaPath = "/dev/dri/by-path/pci-0000:01:00.0-render";

TEST(RenderNode, OfTheOnlyGpu) {
  EXPECT_EQ(path_for(host_of({kIntel})), kIntelPath);
  EXPECT_EQ(path_for(host_of({kNvidia})), kNvidiaPath);
  EXPECT_EQ(path_for(host_of({kIntel}, false)), "/dev/dri/renderD129") << "without udev's links";
}

TEST(RenderNode, OfTheGpuThatDrivesTheScreen) {
  EXPECT_EQ(path_for(host_of({kIntel, with_screen(kAmd)})), kAmdPath);
  EXPECT_EQ(path_for(host_of({with_screen(kIntel), kAmd})), kIntelPath);
  EXPECT_EQ(path_for(host_of({kIntel, with_monitor(kAmd)})), kAmdPath);
  EXPECT_EQ(path_for(host_of({with_screen(kIntel), with_monitor(kAmd)})), kIntelPath)
      << "the firmware's screen decides";
  EXPECT_EQ(path_for(host_of({kAmd, kIntel})), kIntelPath) << "else the first on the bus";
}

TEST(RenderNode, NvidiasOwnDriverIsTheLastResort) {
  EXPECT_EQ(path_for(host_of({kIntel, with_screen(kNvidia)})), kIntelPath);
  EXPECT_EQ(path_for(host_of({kNvidia, kVgem})), kNvidiaPath);
  Gpu nouveau = with_screen(kNvidia);
  nouveau.driver = "nouveau";
  EXPECT_EQ(path_for(host_of({kIntel, nouveau})), kNvidiaPath) << "Mesa's driver is like others";
}

TEST(RenderNode, TheProcessorDrawsOnlyWhereNothingElseCan) {
  EXPECT_EQ(path_for(host_of({kVgem})), "/dev/dri/renderD130");
  EXPECT_EQ(path_for(host_of({kVgem, kIntel})), kIntelPath);
  const auto chosen = choose_render_node(host_of({kVgem}), "");
  EXPECT_FALSE((*chosen)->gpu);
  EXPECT_TRUE((*chosen)->driver.is_absent());
}

TEST(RenderNode, OfTheGpuThatIsNamed) {
  const RenderNodeHost hybrid = host_of({with_screen(kIntel), kNvidia, kVgem});
  EXPECT_EQ(path_for(hybrid, "0000:01:00.0"), kNvidiaPath);
  EXPECT_EQ(path_for(hybrid, "01:00.0"), kNvidiaPath);
  EXPECT_EQ(path_for(hybrid, "0000:00:02.0"), kIntelPath);
  EXPECT_EQ(path_for(hybrid, "0000:04:00.0"), "not-found");
  EXPECT_EQ(path_for(hybrid, "intel"), "malformed");
  const auto refused = choose_render_node(hybrid, "0000:04:00.0");
  EXPECT_NE(english(refused.error().remedy).find("0000:00:02.0, 0000:01:00.0"), std::string::npos)
      << english(refused.error().remedy);
  const auto usual = choose_render_node(hybrid, "0000:00:02.0");
  const auto other = choose_render_node(hybrid, "0000:01:00.0");
  EXPECT_TRUE((*usual)->is_usual);
  EXPECT_FALSE((*other)->is_usual);
}

TEST(RenderNode, NothingIsSaid) {
  Gpu without = kIntel;
  without.render_node.clear();
  EXPECT_EQ(path_for(host_of({})), "not-found");
  EXPECT_EQ(path_for(host_of({without})), "not-found");
  EXPECT_EQ(path_for(host_of({without, kVgem}), "0000:00:02.0"), "not-found");
  RenderNodeHost absent;
  absent.cards = {Absent{}, "/sys/class/drm"};
  EXPECT_EQ(path_for(absent), "not-found");
}

TEST(RenderNode, WhatCannotBeReadIsNotDecided) {
  RenderNodeHost host;
  host.cards = Unreadable{.path = "/sys/class/drm", .why = "Permission denied"};
  EXPECT_EQ(path_for(host), "left to QEMU");
  EXPECT_EQ(path_for(host, "0000:00:02.0"), "io");
}

}  // namespace
}  // namespace cleave
