#include "run/reservation.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace cleave {
namespace {

constexpr const char* kDevice = "0000:01:00.1";

Reservation mine() {
  return {.device = kDevice,
          .vm = "games",
          .user = ::getuid(),
          .process = {.process_id = 4321, .start_time = 99},
          .since = 1'790'000'000};
}

class Reservations : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "reservations-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string directory_;
};

TEST_F(Reservations, OneHasItAndOthersAreToldWho) {
  const auto held = reserve(directory_, mine());
  ASSERT_TRUE(held && held->has_value());
  const auto second = reserve(directory_, mine());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::Busy);
  EXPECT_NE(english(second.error()).find("games"), std::string::npos);
  EXPECT_EQ(reserved_by(directory_, kDevice), mine());
  EXPECT_EQ(reserved_by(directory_, "0000:01:00.2"), std::nullopt);
}

TEST_F(Reservations, ItIsFreeOnceTheHolderIsGone) {
  {
    const auto held = reserve(directory_, mine());
    ASSERT_TRUE(held && held->has_value());
  }
  EXPECT_EQ(reserved_by(directory_, kDevice), std::nullopt);
  EXPECT_TRUE(reserve(directory_, mine())->has_value());
}

TEST_F(Reservations, AChildThatInheritedItKeepsItAfterItsParent) {
  auto held = reserve(directory_, mine());
  ASSERT_TRUE(held && held->has_value());
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    char byte = 0;
    ::close(ends[1]);
    ::_exit(::read(ends[0], &byte, 1) == 0 ? 0 : 1);
  }
  ::close(ends[0]);
  held->reset();
  EXPECT_EQ(reserved_by(directory_, kDevice), mine());
  ::close(ends[1]);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(reserved_by(directory_, kDevice), std::nullopt);
}

TEST_F(Reservations, WhoOnlyLooksIsInNobodysWay) {
  {
    const auto held = reserve(directory_, mine());
  }
  const int looking = ::open((directory_ + "/" + kDevice).c_str(), O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(reserved_by(directory_, kDevice), std::nullopt);
  EXPECT_TRUE(reserve(directory_, mine()));
  ::close(looking);
}

TEST_F(Reservations, ADamagedRecordIsStillAReservation) {
  const auto held = reserve(directory_, mine());
  ASSERT_TRUE(held && held->has_value());
  std::ofstream(directory_ + "/" + kDevice) << "{\"device\": 7";
  const auto by = reserved_by(directory_, kDevice);
  ASSERT_TRUE(by);
  EXPECT_EQ(by->vm, "");
  EXPECT_EQ(reserve(directory_, mine()).error().code, ErrorCode::Busy);
}

TEST_F(Reservations, WithoutTheDirectoryNobodyKeepsAny) {
  const auto none = reserve(directory_ + "/none", mine());
  ASSERT_TRUE(none);
  EXPECT_FALSE(none->has_value());
}

TEST_F(Reservations, NamesThatAreNoDevicesAreRefused) {
  for (const char* name : {"", ".gate", "../lock", "a/b", "a b"}) {
    Reservation wrong = mine();
    wrong.device = name;
    EXPECT_EQ(reserve(directory_, wrong).error().code, ErrorCode::Malformed) << name;
    EXPECT_EQ(reserved_by(directory_, name), std::nullopt) << name;
  }
}

TEST_F(Reservations, TheDirectoryIsMadeAfterAStartOfTheMachineToo) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root makes it";
  const std::string nested = directory_ + "/cleave/.reservations";
  const mode_t mask = ::umask(0077);
  const Result<void> made = make_reservation_directory(nested, 0);
  ::umask(mask);
  ASSERT_TRUE(made) << english(made.error());
  EXPECT_TRUE(make_reservation_directory(nested, 0));
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(directory_ + "/cleave").permissions(), perms{0755});
  EXPECT_EQ(std::filesystem::status(nested).permissions(), perms{0775});
  EXPECT_TRUE(reserve(nested, mine()));
}

TEST(Reservation, SurvivesTheFileAndRefusesNonsense) {
  const auto again = reservation_from_json(to_json(mine()));
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, mine());
  for (const char* text : {"{}", "[]", "7", R"({"device":"x","vm":"v","user":-1})"}) {
    EXPECT_FALSE(reservation_from_json(*parse_json(text))) << text;
  }
}

}  // namespace
}  // namespace cleave
