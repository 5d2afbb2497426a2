#include "ways/suspend.h"

#include <gtest/gtest.h>

#include <string>

namespace cleave {
namespace {

struct Row {
  const char* written;
  const char* way;
  const char* release;
  OnSuspend action;
  const char* reason;  // its beginning
};

constexpr const char* kOld = "5.4.0-42-generic";
constexpr const char* kNew = "6.1.0-56-amd64";
constexpr const char* kNothing = "It has nothing of the host";
constexpr const char* kKept = "Linux keeps its vGPU";
constexpr const char* kCrash = "Before Linux 5.11";
constexpr const char* kLost = "The device that it has of the host loses";
constexpr const char* kSaid = "Its definition says so";
constexpr const char* kUnknown = "Whether this kernel keeps a vGPU";

constexpr Row kTable[] = {
    // Nobody said anything: what the GPU bears.
    {"", "", kNew, OnSuspend::Keep, kNothing},
    {"", "none", kOld, OnSuspend::Keep, kNothing},
    {"", "virtio-gpu", kOld, OnSuspend::Keep, kNothing},
    {"", "gvt-g", "5.10.0-30-amd64", OnSuspend::Stop, kCrash},
    {"", "gvt-g", "5.11.0", OnSuspend::Pause, kKept},
    {"", "gvt-g", kNew, OnSuspend::Pause, kKept},
    {"", "mdev", kOld, OnSuspend::Stop, kCrash},
    {"", "mdev", kNew, OnSuspend::Pause, kKept},
    {"", "gvt-g", "", OnSuspend::Stop, kUnknown},
    {"", "gvt-g", "linux", OnSuspend::Stop, kUnknown},
    {"", "sr-iov", kNew, OnSuspend::Stop, kLost},
    {"", "passthrough", kNew, OnSuspend::Stop, kLost},
    // What the owner said holds,
    {"keep", "sr-iov", kNew, OnSuspend::Keep, kSaid},
    {"pause", "", kNew, OnSuspend::Pause, kSaid},
    {"stop", "gvt-g", kOld, OnSuspend::Stop, kSaid},
    {"stop", "virtio-gpu", kNew, OnSuspend::Stop, kSaid},
    {"refuse", "", kNew, OnSuspend::Refuse, kSaid},
    {"refuse", "gvt-g", kOld, OnSuspend::Refuse, kSaid},
    // except where the host could crash of it.
    {"keep", "gvt-g", kOld, OnSuspend::Refuse, kCrash},
    {"pause", "mdev", kOld, OnSuspend::Refuse, kCrash},
    {"keep", "gvt-g", "", OnSuspend::Refuse, kUnknown},
    {"keep", "virtio-gpu", kOld, OnSuspend::Keep, kSaid},
    // A word that is none, from a file that may be anybody's.
    {"perhaps", "gvt-g", kNew, OnSuspend::Pause, kKept},
};

TEST(SuspendPolicy, ByChoiceGpuAndKernel) {
  for (const Row& row : kTable) {
    const SuspendPolicy policy = suspend_policy(row.written, row.way, row.release);
    const std::string which = std::string(row.written) + ", " + row.way + ", " + row.release;
    EXPECT_EQ(policy.action, row.action) << which;
    EXPECT_TRUE(english(policy.reason).starts_with(row.reason))
        << which << ": " << english(policy.reason);
  }
}

TEST(SuspendPolicy, ItsNames) {
  for (const char* name : {"keep", "pause", "stop", "refuse"}) {
    EXPECT_STREQ(on_suspend_name(*on_suspend_of(name)), name);
  }
  EXPECT_FALSE(on_suspend_of("Keep"));
}

}  // namespace
}  // namespace cleave
