// What is told at the login to a desktop, as a unit.
#include "cli/render/desktop_notice.h"

#include <gtest/gtest.h>

namespace cleave {
namespace {

TEST(DesktopNotice, WhatMeansSomethingToSystemdIsQuoted) {
  const std::string unit = desktop_notice_unit("50 % of \"$HOME\\\"\n<b> & 두 줄");
  EXPECT_TRUE(unit.contains(R"(cleave "50 %% of \"$$HOME\\\"\n&lt;b&gt; &amp; 두 줄" 0 0 0)"))
      << unit;
}

TEST(DesktopNotice, TheDesktopWantsIt) {
  EXPECT_TRUE(
      desktop_notice_wanted("cleave-notice.service").contains("Wants=cleave-notice.service\n"));
}

}  // namespace
}  // namespace cleave
