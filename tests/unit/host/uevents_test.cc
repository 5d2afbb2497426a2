#include "host/uevents.h"

#include <gtest/gtest.h>

namespace cleave {
namespace {

using namespace std::string_literals;

TEST(Uevent, ReadsWhatTheKernelSends) {
  const auto event = parse_uevent(
      "add@/devices/pci0000:00/0000:00:02.0/1f3a\0ACTION=add\0SUBSYSTEM=mdev\0SEQNUM=9\0"s);
  ASSERT_TRUE(event);
  EXPECT_EQ(*event, (Uevent{.action = "add",
                            .device_path = "/devices/pci0000:00/0000:00:02.0/1f3a",
                            .subsystem = "mdev"}));
  EXPECT_TRUE(concerns_vms(*event));
}

TEST(Uevent, OtherMessagesAreNone) {
  for (const std::string& message : {""s, "\0"s, "libudev\0\xfe\xed"s, "@/devices\0"s}) {
    EXPECT_FALSE(parse_uevent(message)) << message;
  }
}

TEST(Uevent, OtherSubsystemsDoNotConcernVms) {
  EXPECT_FALSE(concerns_vms({.action = "add", .device_path = "/devices/x", .subsystem = "block"}));
  EXPECT_TRUE(concerns_vms({.action = "add", .device_path = "/devices/x", .subsystem = "usb"}));
  EXPECT_FALSE(concerns_vms(*parse_uevent("change@/devices/x")));
}

TEST(Uevent, ListeningNeedsNoRightsAndEndsInTime) {
  auto events = Uevents::listen();
  if (!events) GTEST_SKIP() << english(events.error());  // a sandbox without netlink
  EXPECT_TRUE(events->wait(std::chrono::milliseconds(1)).has_value());
}

}  // namespace
}  // namespace cleave
