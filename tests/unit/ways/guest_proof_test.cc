#include "ways/guest_proof.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

namespace cleave {
namespace {

constexpr const char* kFailsafe = "[   50.000000] Now vgpu 1 will enter failsafe mode.\n";

// A vGPU whose guest draws, on a host whose logs say nothing.
GuestObservation drawing() {
  GuestObservation seen;
  seen.way = "gvt-g";
  seen.picture_by = PictureBy::GuestDriver;
  seen.devices = Unreadable{.path = "agent.sock", .why = "No such file or directory"};
  seen.pictures = Fact<PicturesSeen>(
      {.count = 4, .width = 1920, .height = 1200, .lit_permille = 900, .changed = true}, "screen");
  seen.kernel_log = Fact<std::string>("", "/dev/kmsg");
  seen.kernel_log_reaches_back = true;
  seen.qemu_log = Fact<std::string>("", "qemu.log");
  return seen;
}

const Sign& sign_of(const GuestProof& proof, std::string_view id) {
  const auto found = std::ranges::find(proof.signs, id, &Sign::id);
  if (found == proof.signs.end()) throw std::runtime_error(std::string(id));
  return *found;
}

Fact<std::vector<DeviceInGuest>> with_driver(std::string driver) {
  return {{{.place = "00:02.0",
            .vendor_id = 0x8086,
            .device_id = 0x9b41,
            .driver = std::move(driver),
            .version = {}}},
          "agent.sock"};
}

TEST(GuestProof, AGuestThatDrawsOnItsVgpuUsesIt) {
  const GuestProof proof = judge_guest(drawing());
  EXPECT_EQ(proof.answer, Answer::Yes);
  EXPECT_EQ(sign_of(proof, "frames").answer, Answer::Yes);
  const Sign& driver = sign_of(proof, "driver");
  EXPECT_EQ(driver.answer, Answer::Unknown)
      << "a guest without an agent is no guest without a driver";
  EXPECT_FALSE(driver.remedy.empty());
  EXPECT_TRUE(is_settled(proof));
}

TEST(GuestProof, AStillOrBlackPictureProvesNothing) {
  GuestObservation seen = drawing();
  seen.pictures = Fact<PicturesSeen>(
      {.count = 4, .width = 640, .height = 480, .lit_permille = 7, .changed = false}, "screen");
  const GuestProof proof = judge_guest(seen);
  EXPECT_EQ(proof.answer, Answer::Unknown);
  EXPECT_EQ(sign_of(proof, "display").answer, Answer::Unknown);
  EXPECT_EQ(sign_of(proof, "frames").answer, Answer::Unknown);
  EXPECT_FALSE(is_settled(proof));
}

TEST(GuestProof, WhatTheFirmwareMayHaveDrawnCountsOnlyOnceThePlaneIsHandedOver) {
  GuestObservation seen = drawing();
  seen.picture_by = PictureBy::Firmware;
  EXPECT_EQ(judge_guest(seen).answer, Answer::Unknown);
  seen.plane_handed_over = Fact<bool>(false, "screendump");
  EXPECT_EQ(judge_guest(seen).answer, Answer::Unknown);
  seen.plane_handed_over = Fact<bool>(true, "screendump");
  EXPECT_EQ(judge_guest(seen).answer, Answer::Yes);
}

TEST(GuestProof, FailsafeModeIsANoWithItsRule) {
  GuestObservation seen = drawing();
  seen.kernel_log = Fact<std::string>(kFailsafe, "/dev/kmsg");
  const GuestProof proof = judge_guest(seen);
  EXPECT_EQ(proof.answer, Answer::No);
  ASSERT_EQ(proof.findings.size(), 1U);
  EXPECT_STREQ(proof.findings.front().rule->id, "log.gvt_g_guest_rejected");
  EXPECT_EQ(sign_of(proof, "kernel-log").evidence.front().text,
            "Now vgpu 1 will enter failsafe mode.");
  EXPECT_TRUE(is_settled(proof));
}

TEST(GuestProof, ADriverAloneCountsOnlyBesideALogThatCanBeRead) {
  GuestObservation seen = drawing();
  seen.pictures = Unreadable{.path = "screen", .why = "no surface"};
  seen.devices = with_driver("i915");
  EXPECT_EQ(judge_guest(seen).answer, Answer::Yes);
  seen.kernel_log = Unreadable{.path = "/dev/kmsg", .why = "Operation not permitted"};
  const GuestProof closed = judge_guest(seen);
  EXPECT_EQ(closed.answer, Answer::Unknown);
  EXPECT_FALSE(sign_of(closed, "kernel-log").remedy.empty());
  seen.kernel_log = Fact<std::string>("", "/dev/kmsg");
  seen.kernel_log_reaches_back = false;
  EXPECT_EQ(judge_guest(seen).answer, Answer::Unknown);
}

TEST(GuestProof, ADeviceWithoutADriverIsANo) {
  for (const char* driver : {"", "vfio-pci", "Microsoft Basic Display Adapter"}) {
    GuestObservation seen = drawing();
    seen.devices = with_driver(driver);
    EXPECT_EQ(judge_guest(seen).answer, Answer::No) << driver;
  }
}

TEST(GuestProof, OfWindowsADriverThatIsInstalledIsNoProof) {
  GuestObservation seen = drawing();
  seen.is_windows = true;
  seen.devices = with_driver("Intel(R) UHD Graphics");
  EXPECT_EQ(sign_of(judge_guest(seen), "driver").answer, Answer::Unknown);
}

TEST(GuestProof, OfADeviceWithItsOwnConnectorInterruptsTellAndTheEmulatedPictureDoesNot) {
  GuestObservation seen = drawing();
  seen.way = "sr-iov";
  seen.picture_by = PictureBy::AnotherCard;
  EXPECT_EQ(judge_guest(seen).answer, Answer::Unknown);
  seen.interrupts = Fact<std::vector<GuestInterrupt>>(
      {{.name = "vfio-msi[0](0000:00:02.1)", .count = 41}}, "/proc/interrupts");
  EXPECT_EQ(judge_guest(seen).answer, Answer::Yes);
}

TEST(GuestProof, OnVirtioGpuTheDriverMustAskForTheHostsGpu) {
  GuestObservation seen = drawing();
  seen.way = "virtio-gpu";
  seen.picture_by = PictureBy::QemuItself;
  seen.virtio_gpu = Unreadable{.path = "x-query-virtio-status", .why = "no such command"};
  EXPECT_EQ(judge_guest(seen).answer, Answer::Unknown) << "its firmware changes the picture, too";
  EXPECT_EQ(sign_of(judge_guest(seen), "frames").answer, Answer::Unknown);
  const auto answer = [&](VirtioGpuSeen card) {
    seen.virtio_gpu = Fact<VirtioGpuSeen>(card, "x-query-virtio-status");
    return judge_guest(seen).answer;
  };
  EXPECT_EQ(answer({.driver_ready = true, .offers_virgl = true, .takes_virgl = true}), Answer::Yes);
  EXPECT_EQ(answer({.driver_ready = true, .offers_virgl = true, .takes_virgl = false}), Answer::No);
  EXPECT_EQ(answer({.driver_ready = true, .offers_virgl = false, .takes_virgl = false}),
            Answer::No);
  EXPECT_EQ(answer({.driver_ready = false, .offers_virgl = true, .takes_virgl = false}),
            Answer::No);
}

TEST(GuestProof, AComplaintOfQemuIsANo) {
  GuestObservation seen = drawing();
  seen.qemu_log =
      Fact<std::string>("qemu: vfio-display-dmabuf: opengl not available\n", "qemu.log");
  EXPECT_EQ(judge_guest(seen).answer, Answer::No);
}

TEST(GuestProof, EverySignHasASentence) {
  for (const Sign& sign : judge_guest({}).signs) {
    EXPECT_FALSE(sign.sentence.empty()) << sign.id;
    EXPECT_NE(sign.answer, Answer::Yes) << sign.id << ": nothing was looked at";
  }
}

TEST(LogSince, LeavesOutWhatWasBeforeAndWhatIsAboutAnotherVgpu) {
  const std::string log =
      "[   10.000000] Now vgpu 1 will enter failsafe mode.\n"
      "[   20.000000] gvt: vgpu 1: unknown command\n"
      "[   21.000000] gvt: vgpu 2: unknown command\n"
      "[   22.000000] usb 1-1: new device\n"
      "  of the same record\n";
  const LogPart part = log_since(log, 15'000'000, "1");
  EXPECT_TRUE(part.reaches_back);
  EXPECT_EQ(part.text,
            "[   20.000000] gvt: vgpu 1: unknown command\n"
            "[   22.000000] usb 1-1: new device\n"
            "  of the same record\n");
  EXPECT_FALSE(log_since(log, 5'000'000, "").reaches_back);
  EXPECT_EQ(log_since("no log at all", 0, "").text, "");
}

}  // namespace
}  // namespace cleave
