#include "analysis/guest_drivers.h"

#include <gtest/gtest.h>

namespace cleave {
namespace {

// As QEMU 7.2 answers for a vGPU behind a bridge, a card of QEMU's own and a network card.
constexpr const char* kQueryPci = R"([{"bus": 0, "devices": [
  {"bus": 0, "slot": 1, "function": 0, "class_info": {"class": 768, "desc": "VGA controller"},
   "id": {"vendor": 4660, "device": 4369}, "qdev_id": "", "regions": []},
  {"bus": 0, "slot": 3, "function": 0, "class_info": {"class": 512}, "id": {"vendor": 32902, "device": 4307}},
  {"bus": 0, "slot": 4, "function": 0, "class_info": {"class": 1540}, "id": {"vendor": 6966, "device": 12},
   "pci_bridge": {"bus": {"number": 1}, "devices": [
     {"bus": 1, "slot": 2, "function": 0, "class_info": {"class": 768},
      "id": {"vendor": 32902, "device": 39745}}]}},
  {"bus": 0, "slot": 5, "function": 0, "class_info": {"class": 896}, "id": {"vendor": 6900, "device": 4176}}]}])";

const GuestCard kVgpu = {
    .bus = 1, .slot = 2, .function = 0, .vendor_id = 0x8086, .device_id = 0x9b41};

std::string table_line(const std::string& head, const std::string& driver) {
  std::string line = head + "\t1f";
  for (int i = 0; i < 14; ++i) line += "\t               0";
  return line + "\t" + driver + "\n";
}

TEST(GuestDrivers, OfQemusAnswerTheHandedOverCardsCount) {
  const Json answer = *parse_json(kQueryPci);
  EXPECT_EQ(graphics_cards(answer, false), std::vector<GuestCard>{kVgpu});
  const auto virtio = graphics_cards(answer, true);
  ASSERT_EQ(virtio.size(), 1U);
  EXPECT_EQ(virtio.front().slot, 5U);
  for (const char* strange : {"null", "[1]", R"([{"devices": [{"class_info": 3, "id": []}]}])",
                              R"([{"devices": {"a": 1}}])"}) {
    EXPECT_TRUE(graphics_cards(*parse_json(strange), false).empty()) << strange;
  }
}

TEST(GuestDrivers, ALinuxGuestsTableNamesTheDriver) {
  const std::string table =
      table_line("0008", "ignored") + table_line("0110\t80869b41", "i915") + "garbage\n";
  const auto devices = devices_in_linux(table, {kVgpu});
  ASSERT_EQ(devices.size(), 1U);
  EXPECT_EQ(devices.front().place, "01:02.0");
  EXPECT_EQ(devices.front().driver, "i915");
}

TEST(GuestDrivers, ADeviceWithoutADriverAndOneThatIsNotThereAreDifferent) {
  const auto without = devices_in_linux(table_line("0110\t80869b41", ""), {kVgpu});
  ASSERT_EQ(without.size(), 1U);
  EXPECT_EQ(without.front().driver, "");
  EXPECT_TRUE(devices_in_linux(table_line("0010\t80869b41", "i915"), {kVgpu}).empty());
}

TEST(GuestDrivers, WhatAGuestSendsIsBoundedAndFitToBeShown) {
  std::string table;
  for (int i = 0; i < 5000; ++i) {
    table += table_line("0110\t80869b41", std::string(10'000, '\x1b'));
  }
  const auto devices = devices_in_linux(table, {kVgpu});
  EXPECT_EQ(devices.size(), kMostGuestCards);
  EXPECT_EQ(devices.front().driver.find('\x1b'), std::string::npos);
  EXPECT_LE(devices.front().driver.size(), 1000U);
}

TEST(GuestDrivers, AWindowsGuestsListNamesDriverAndVersion) {
  const Json list = *parse_json(R"([
    {"driver-name": "Intel(R) UHD Graphics", "driver-version": "25.20.100.6471", "driver-date": 1,
     "id": {"type": "pci", "vendor-id": 32902, "device-id": 39745}},
    {"driver-name": "Red Hat VirtIO", "id": {"type": "pci", "vendor-id": 6900, "device-id": 4161}},
    {"driver-name": "strange"}, 7])");
  const auto devices = devices_in_windows(list, {kVgpu});
  ASSERT_TRUE(devices);
  ASSERT_EQ(devices->size(), 1U);
  EXPECT_EQ(devices->front().version, "25.20.100.6471");
  EXPECT_FALSE(devices_in_windows(*parse_json("{}"), {kVgpu}));
}

TEST(GuestDrivers, InterruptsThatOnlyAGuestsDriverAsksForAreFound) {
  const std::string table =
      "           CPU0       CPU1\n"
      "  16:          3          0  IR-IO-APIC   16-fasteoi   vfio-intx(0000:00:02.1)\n"
      "  35:         40          1  IR-PCI-MSI 32784-edge      vfio-msi[0](0000:00:02.1)\n"
      "  36:          7          0  IR-PCI-MSI 1-edge      vfio-msix[0](0000:03:00.0)\n";
  const auto ours = guest_interrupts(table, {"0000:00:02.1"});
  ASSERT_EQ(ours.size(), 1U);
  EXPECT_EQ(ours.front(), (GuestInterrupt{.name = "vfio-msi[0](0000:00:02.1)", .count = 41}));
  EXPECT_TRUE(guest_interrupts(table, {}).empty());
}

TEST(GuestDrivers, QemusViewOfVirtioGpuTellsWhatTheDriverAskedFor) {
  const Json status = *parse_json(R"({
    "status": {"statuses": ["VIRTIO_CONFIG_S_DRIVER_OK: Driver setup and ready"]},
    "host-features": {"dev-features": ["VIRTIO_GPU_F_VIRGL: Virgl 3D mode supported"]},
    "guest-features": {"dev-features": []}})");
  EXPECT_EQ(virtio_gpu_seen(status),
            (VirtioGpuSeen{.driver_ready = true, .offers_virgl = true, .takes_virgl = false}));
  EXPECT_EQ(virtio_gpu_seen(*parse_json("[]")), VirtioGpuSeen());
}

}  // namespace
}  // namespace cleave
