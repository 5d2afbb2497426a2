#include "host/inhibitor.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace cleave {
namespace {

// Holding one for real: tests/lab/suspend_test.py.
TEST(Inhibitor, WithoutABusThereIsAReason) {
  ASSERT_EQ(::setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/none/there", 1), 0);
  const auto held = inhibit_sleep("The virtual machine demo runs.");
  ASSERT_FALSE(held);
  EXPECT_FALSE(english(held.error()).empty());
}

}  // namespace
}  // namespace cleave
