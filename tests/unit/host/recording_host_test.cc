// What was asked of a machine is answered alike by the record; what was not asked is unknown.
#include "host/recording_host.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace cleave {
namespace {

MemoryHost machine() {
  MemoryHost host;
  host.add_file("/sys/devices/pci0/0000:00:02.0/vendor", "0x8086\n");
  host.add_link("/sys/bus/pci/devices/0000:00:02.0", "../../../devices/pci0/0000:00:02.0");
  host.add_link("/sys/dangling", "nowhere");
  host.add_link("/sys/circle", "circle");
  host.add_unreadable("/sys/secret", EACCES);
  host.add_device("/dev/kvm", 0660, 10, 232);
  host.add_directory("/sys/empty");
  return host;
}

// The same code and errno, or the same value.
template <typename T>
void expect_same(const Result<T>& first, const Result<T>& again, std::string_view path) {
  ASSERT_EQ(first.has_value(), again.has_value()) << path;
  if (first) {
    EXPECT_EQ(*first, *again) << path;
  } else {
    EXPECT_EQ(first.error().error_number, again.error().error_number) << path;
    EXPECT_EQ(first.error().code, again.error().code) << path;
  }
}

TEST(RecordingHost, EveryAnswerIsGivenAgain) {
  const MemoryHost host = machine();
  const RecordingHost recorder(host);
  for (const char* path :
       {"/sys/bus/pci/devices/0000:00:02.0/vendor", "/sys/bus/pci/devices/0000:00:02.0/none",
        "/sys/bus/pci/devices", "/sys/dangling", "/sys/circle", "/sys/secret", "/sys/secret/below",
        "/dev/kvm", "/sys/empty", "/no/such/place", "/", "/sys/../dev//kvm"}) {
    const auto content = recorder.read_file(path);
    const auto names = recorder.list_directory(path);
    const auto target = recorder.read_link(path);
    const auto real = recorder.real_path(path);
    const auto writable = recorder.may_access(path, Access::ReadWrite);
    const auto status = recorder.status(path);
    const MemoryHost& again = recorder.recorded();
    expect_same(content, again.read_file(path), path);
    expect_same(names, again.list_directory(path), path);
    expect_same(target, again.read_link(path), path);
    expect_same(real, again.real_path(path), path);
    expect_same(writable, again.may_access(path, Access::ReadWrite), path);
    ASSERT_EQ(status.has_value(), again.status(path).has_value()) << path;
    if (status) {
      EXPECT_EQ(status->kind, again.status(path)->kind) << path;
      EXPECT_EQ(status->mode, again.status(path)->mode) << path;
      EXPECT_EQ(status->device_minor, again.status(path)->device_minor) << path;
    }
  }
}

void expect_not_captured(const auto& result) {
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().code, ErrorCode::NotFound);
  EXPECT_EQ(english(result.error().message), "not captured");
}

TEST(RecordingHost, WhatWasNotAskedIsNeitherThereNorAbsent) {
  const MemoryHost host = machine();
  const RecordingHost recorder(host);
  (void)recorder.status("/sys/devices/pci0/0000:00:02.0/vendor");
  (void)recorder.list_directory("/sys/bus/pci/devices");
  const MemoryHost& again = recorder.recorded();
  expect_not_captured(again.read_file("/sys/devices/pci0/0000:00:02.0/vendor"));
  expect_not_captured(again.read_file("/sys/devices/pci0/0000:00:02.0/device"));
  expect_not_captured(again.list_directory("/sys/devices/pci0"));
  expect_not_captured(again.status("/etc"));
  expect_not_captured(again.status("/sys/bus/pci/devices/0000:00:02.0"));
  expect_not_captured(again.may_access("/sys/bus", Access::Read));
  // The listing tells.
  EXPECT_EQ(again.status("/sys/bus/pci/devices/0000:00:1f.3").error().code, ErrorCode::NotFound);
}

TEST(RecordingHost, WhatDoesNotFitIsCut) {
  MemoryHost host;
  host.add_file("/large", std::string(11, 'x'));
  host.add_file("/first", std::string(10, 'x'));
  host.add_file("/second", std::string(10, 'x'));
  const RecordingHost recorder(host, {.file = 10, .total = 15, .nodes = 100});
  for (const char* path : {"/large", "/first", "/second"}) {
    EXPECT_TRUE(recorder.read_file(path)) << path;
  }
  EXPECT_TRUE(recorder.recorded().read_file("/first"));
  for (const char* path : {"/large", "/second"}) {
    const auto again = recorder.recorded().read_file(path);
    ASSERT_FALSE(again) << path;
    EXPECT_EQ(english(again.error().message), "cut: too large");
  }
  EXPECT_EQ(recorder.cut(), (std::vector<std::string>{"/large", "/second"}));
}

TEST(RecordingHost, ManyNamesAreCut) {
  MemoryHost host;
  for (int i = 0; i < 20; ++i) host.add_file("/many/" + std::to_string(i), "");
  const RecordingHost recorder(host, {.nodes = 10});
  EXPECT_EQ(recorder.list_directory("/many")->size(), 20U);
  EXPECT_FALSE(recorder.recorded().list_directory("/many"));
  EXPECT_EQ(recorder.cut(), std::vector<std::string>{"/many"});
}

TEST(RecordingHost, AnErrorIsBetteredByALaterAnswer) {
  MemoryHost host;
  host.add_file("/large", std::string(20, 'x'));
  const RecordingHost recorder(host);
  EXPECT_FALSE(recorder.read_file("/large", 10));
  EXPECT_EQ(recorder.recorded().read_file("/large").error().error_number, EFBIG);
  EXPECT_TRUE(recorder.read_file("/large"));
  EXPECT_TRUE(recorder.recorded().read_file("/large"));
  EXPECT_FALSE(recorder.recorded().read_file("/large", 10));
}

}  // namespace
}  // namespace cleave
