// The same transactions on a real directory: modes, extended attributes, the journal's files.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "apply/transaction.h"
#include "base/format.h"
#include "host/file_host.h"

namespace cleave {
namespace {

class OnDisk : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = std::filesystem::temp_directory_path() / "cleave-apply-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    std::filesystem::create_directories(root_ / "etc");
    std::filesystem::create_directories(root_ / "var/lib");
    host_ = std::move(*open_file_host(root_));
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  std::filesystem::path root_;
  std::unique_ptr<HostWriter> host_;
};

Plan plan_of(Effect first, Effect second) {
  Plan plan;
  plan.changes.resize(2);
  plan.changes[0].effect = std::move(first);
  plan.changes[1].effect = std::move(second);
  return plan;
}

TEST_F(OnDisk, UndoPutsContentModeAndAttributesBack) {
  for (const char* name : {"written", "removed"}) {
    const std::filesystem::path path = root_ / "etc" / name;
    std::ofstream(path) << "before\n";
    ASSERT_EQ(::chmod(path.c_str(), 0604), 0);
    const int noted = ::setxattr(path.c_str(), "user.note", "kept", 4, 0);
    ASSERT_TRUE(noted == 0 || errno == ENOTSUP);
  }
  std::array<char, 8> note{};
  const std::string removed = root_ / "etc/removed";
  const auto notes = ::getxattr(removed.c_str(), "user.note", note.data(), note.size());

  Transactions transactions(*host_);
  const auto report = transactions.apply(
      plan_of(WriteFile{"/etc/written", "after\n", 0644, ""}, RemoveFile{"/etc/removed", ""}));
  ASSERT_TRUE(report) << english(report.error());
  EXPECT_EQ(*host_->read_file("/etc/written"), "after\n");
  EXPECT_FALSE(host_->exists("/etc/removed"));
  EXPECT_EQ(host_->status("/var/lib/cleave")->mode, 0755U);
  EXPECT_EQ(host_->status("/var/lib/cleave/transactions")->mode, 0700U);
  EXPECT_EQ(host_->status("/var/lib/cleave/transactions/1/journal")->mode, 0600U);

  const auto undone = transactions.undo(report->transaction);
  ASSERT_TRUE(undone) << english(undone.error());
  for (const char* path : {"/etc/written", "/etc/removed"}) {
    EXPECT_EQ(*host_->read_file(path), "before\n");
    EXPECT_EQ(host_->status(path)->mode, 0604U);
  }
  EXPECT_EQ(::getxattr(removed.c_str(), "user.note", note.data(), note.size()), notes);
}

// As many threads as the machine has processors are at it.
TEST_F(OnDisk, PartsOfAnyOrderAreEachAppliedOrTakenBack) {
  constexpr std::size_t kParts = 200;
  const auto fails = [](std::size_t part) { return part % 7 == 3; };
  const auto path_of = [](std::size_t part) { return format("/attribute-{}", part); };
  std::vector<Plan> parts;
  for (std::size_t part = 0; part < kParts; ++part) {
    const std::string path = path_of(part);
    std::ofstream(root_ / path.substr(1)) << "0";
    WriteAttribute write;
    write.path = path;
    write.value = "1";
    write.undo_path = path;
    write.undo_value = "0";
    WriteAttribute refused;
    refused.path = "/missing";
    parts.push_back(plan_of(write, refused));
    if (!fails(part)) parts.back().changes.pop_back();
  }

  Transactions transactions(*host_);
  const auto reports = transactions.apply_parts(Message("many"), parts, PartOrder::Any);
  ASSERT_TRUE(reports) << english(reports.error());
  ASSERT_EQ(reports->size(), kParts);
  for (std::size_t part = 0; part < kParts; ++part) {
    EXPECT_EQ(reports->at(part).why.has_value(), fails(part)) << part;
    EXPECT_EQ(*host_->read_file(path_of(part)), fails(part) ? "0" : "1") << part;
  }
  const auto records = transactions.list();
  ASSERT_TRUE(records) << english(records.error());
  ASSERT_EQ(records->size(), 1U);
  ASSERT_TRUE(transactions.undo(records->front().number));
  for (std::size_t part = 0; part < kParts; ++part) {
    EXPECT_EQ(*host_->read_file(path_of(part)), "0") << part;
  }
}

TEST_F(OnDisk, ASecondHolderOfTheLockIsRefused) {
  ASSERT_TRUE(host_->create_directories("/var/lib/cleave", 0700));
  const auto held = host_->lock("/var/lib/cleave/lock");
  ASSERT_TRUE(held);
  const auto report = Transactions(*host_).apply(
      plan_of(WriteFile{"/etc/a", "", 0644, ""}, WriteFile{"/etc/b", "", 0644, ""}));
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::Busy);
}

}  // namespace
}  // namespace cleave
