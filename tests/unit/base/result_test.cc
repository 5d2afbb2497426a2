#include "base/result.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

#include "base/fd.h"

namespace cleave {
namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return system_error(EINVAL, Message("{n} is odd", {{"n", number}}));
  return number / 2;
}
Result<int> quarter(int number) { return half(TRY(half(number))); }
Result<void> check(int number) {
  TRY(half(number));
  return {};
}

TEST(Result, TryHandsErrorsOn) {
  EXPECT_EQ(*quarter(8), 2);
  EXPECT_EQ(english(quarter(6).error()), "3 is odd (Invalid argument)");
  EXPECT_TRUE(check(2));
  EXPECT_FALSE(check(1));
}

TEST(Result, MovesValuesThatCannotBeCopied) {
  const auto make = []() -> Result<std::unique_ptr<int>> { return std::make_unique<int>(3); };
  const auto use = [&]() -> Result<int> {
    const std::unique_ptr<int> held = TRY(make());
    return *held;
  };
  EXPECT_EQ(*use(), 3);
}

TEST(Result, ContextIsToldFromTheOutside) {
  const auto result = half(1).context("reading the file").context("starting");
  EXPECT_EQ(english(result.error()), "starting: reading the file: 1 is odd (Invalid argument)");
  EXPECT_TRUE(half(2).context("not told").has_value());
}

TEST(Result, ErrnoDecidesTheCode) {
  EXPECT_EQ(error_code_from_errno(ENOENT), ErrorCode::NotFound);
  EXPECT_EQ(error_code_from_errno(ENODEV), ErrorCode::NotFound);
  EXPECT_EQ(error_code_from_errno(EACCES), ErrorCode::Denied);
  EXPECT_EQ(error_code_from_errno(EBUSY), ErrorCode::Busy);
  EXPECT_EQ(error_code_from_errno(EIO), ErrorCode::Io);
  EXPECT_EQ(error_code_from_errno(ENOSPC), ErrorCode::Io);
}

TEST(Result, AnErrorNamesItsPathOnce) {
  EXPECT_EQ(english(system_error(EACCES, Message("Could not read {p}", {{"p", "/x"}}), "/x")),
            "Could not read /x (Permission denied)");
  EXPECT_EQ(english(system_error(EACCES, "Could not read it", "/x")),
            "Could not read it (Permission denied) [/x]");
}

TEST(Result, AnUnknownErrnoStillHasWords) { EXPECT_EQ(errno_text(99999), "error 99999"); }

TEST(OwnedFd, ClosesWhenItsOwnerGoes) {
  int descriptor = -1;
  {
    OwnedFd first(::dup(0));
    descriptor = first.get();
    const OwnedFd second = std::move(first);
    EXPECT_TRUE(second.is_open());
  }
  EXPECT_EQ(::close(descriptor), -1);
  EXPECT_EQ(errno, EBADF);
}

}  // namespace
}  // namespace cleave
