#include "app/vgpu.h"

#include <gtest/gtest.h>

#include <cctype>
#include <set>

#include "unit/app/vgpu_laptop.h"

namespace cleave {
namespace {

using testing::add_serial;
using testing::kGpu;
using testing::kLarge;
using testing::kOtherUuid;
using testing::kSmall;
using testing::kUuid;
using testing::laptop;

CreateRequest request_of(std::optional<std::string> parent, std::optional<std::string> type,
                         std::optional<std::string> uuid = kUuid) {
  return {.parent = std::move(parent),
          .type = std::move(type),
          .uuid = std::move(uuid),
          .owner = std::nullopt};
}

Result<PreparedCreate> prepare(const MemoryHost& host, const CreateRequest& request) {
  const VgpuView view = TRY(view_vgpus(host, VgpuDetail::None, request.parent));
  return prepare_create(view, request);
}

Result<ApplyReport> create(MemoryHost& host, const CreateRequest& request) {
  const PreparedCreate prepared = TRY(prepare(host, request));
  Transactions transactions(host);
  return create_vgpu(transactions, prepared);
}

Result<std::uint32_t> remove(MemoryHost& host, const std::string& uuid,
                             const std::string& state = kStateDirectory) {
  Transactions transactions(host, state);
  const VgpuView view = TRY(view_vgpus(host));
  const PreparedRemove prepared = TRY(prepare_remove(host, view, transactions, uuid));
  return remove_vgpu(transactions, prepared);
}

std::string device_path(const std::string& uuid) { return "/sys/bus/mdev/devices/" + uuid; }

TEST(CreateVgpu, ChoosesTheOnlyGpuAndItsBestType) {
  MemoryHost host = laptop();
  add_serial(host);
  const auto prepared = prepare(host, request_of({}, {}, {}));
  ASSERT_TRUE(prepared) << english(prepared.error());
  EXPECT_EQ(prepared->request.parent, "0000:00:02.0");
  EXPECT_EQ(prepared->request.type_id, "i915-GVTg_V5_4");
  EXPECT_TRUE(parse_uuid(prepared->request.uuid));
  EXPECT_EQ(prepared->sysfs_path, device_path(prepared->request.uuid));

  Transactions transactions(host);
  const auto report = create_vgpu(transactions, *prepared);
  ASSERT_TRUE(report) << english(report.error());
  EXPECT_TRUE(host.exists(prepared->sysfs_path));
  EXPECT_EQ(host.effects(), 7)
      << "three directories, a journal written three times, and the one write";
}

TEST(CreateVgpu, AShortAddressNamesTheParent) {
  MemoryHost host = laptop();
  add_serial(host);
  EXPECT_EQ(prepare(host, request_of("00:02.0", {}))->request.parent, "0000:00:02.0");
  EXPECT_EQ(prepare(host, request_of("mtty", {}))->request.type_id, "mtty-1");
}

TEST(CreateVgpu, WithoutAGpuTheChoiceIsThePersons) {
  MemoryHost host;
  host.add_directory("/sys/class");
  host.add_directory("/sys/bus");
  EXPECT_EQ(prepare(host, request_of({}, {})).error().code, ErrorCode::Unsupported);
  add_serial(host);
  const auto refused = prepare(host, request_of({}, {}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Malformed);
  EXPECT_TRUE(english(refused.error()).contains("mtty"));
}

TEST(CreateVgpu, RefusalsExplainThemselves) {
  MemoryHost host = laptop();
  const auto parent = prepare(host, request_of("0000:01:00.0", {}));
  EXPECT_EQ(parent.error().code, ErrorCode::NotFound);
  EXPECT_TRUE(english(parent.error().remedy).contains("0000:00:02.0"));

  const auto type = prepare(host, request_of({}, "i915-GVTg_V5_5"));
  EXPECT_EQ(type.error().code, ErrorCode::NotFound);
  EXPECT_TRUE(english(type.error().remedy).contains("i915-GVTg_V5_"));

  EXPECT_EQ(prepare(host, request_of({}, {}, "not-a-uuid")).error().code, ErrorCode::Malformed);

  ASSERT_TRUE(create(host, request_of({}, "i915-GVTg_V5_8")));
  const auto taken = prepare(host, request_of({}, "i915-GVTg_V5_4"));
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, ErrorCode::Conflict);
  EXPECT_TRUE(english(taken.error()).contains(kUuid));
}

TEST(CreateVgpu, TheVeryVgpuThatIsThereIsNoError) {
  MemoryHost host = laptop();
  ASSERT_TRUE(create(host, request_of({}, "i915-GVTg_V5_8")));
  // In capitals: sysfs has it in small letters.
  std::string capitals = kUuid;
  for (char& letter : capitals) letter = static_cast<char>(std::toupper(letter));
  const auto again = create(host, request_of({}, "i915-GVTg_V5_8", capitals));
  ASSERT_TRUE(again) << english(again.error());
  EXPECT_EQ(again->transaction, 0U);
}

TEST(CreateVgpu, NoInstanceLeftIsSaid) {
  MemoryHost host = laptop();
  host.add_file(kSmall.type_path() + "/available_instances", "0\n");
  host.add_file(kLarge.type_path() + "/available_instances", "0\n");
  for (const auto& type :
       {std::optional<std::string>(), std::optional<std::string>(kLarge.type_id)}) {
    const auto refused = prepare(host, request_of({}, type));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::Busy) << english(refused.error());
    EXPECT_FALSE(refused.error().context.empty()) << "the reason";
    EXPECT_EQ(host.effects(), 0);
  }
}

// The driver says no although there was room when the plan was made.
TEST(CreateVgpu, ARaceIsToldInASentence) {
  const std::pair<int, std::string_view> cases[] = {{ENOSPC, "no room left"},
                                                    {EUSERS, "no room left"},
                                                    {EEXIST, "already a device"},
                                                    {EBUSY, "busy"},
                                                    {EAGAIN, "busy"},
                                                    {ENODEV, "does not offer"},
                                                    {EINVAL, "does not accept"}};
  for (const auto& [error_number, words] : cases) {
    MemoryHost host = laptop();
    host.on_write(kLarge.type_path() + "/create",
                  [code = error_number](MemoryHost&, std::string_view) { return code; });
    const auto start = host.snapshot("/sys");
    const auto report = create(host, request_of({}, {}));
    ASSERT_FALSE(report);
    EXPECT_TRUE(english(report.error()).contains(words)) << english(report.error());
    EXPECT_EQ(report.error().code, ErrorCode::Conflict);
    EXPECT_EQ(report.error().error_number, error_number);
    EXPECT_EQ(host.snapshot("/sys"), start);
  }
}

TEST(CreateVgpu, AnotherErrorStaysWhatItIs) {
  MemoryHost host = laptop();
  host.on_write(kLarge.type_path() + "/create", [](MemoryHost&, std::string_view) { return EIO; });
  EXPECT_EQ(create(host, request_of({}, {})).error().code, ErrorCode::Io);
}

TEST(CreateVgpu, ADeviceThatAppearsMeanwhileIsNotTakenForOurs) {
  MemoryHost host = laptop();
  const auto prepared = prepare(host, request_of({}, {}));
  ASSERT_EQ(kSmall.create(host, kUuid), 0);
  Transactions transactions(host);
  const auto report = create_vgpu(transactions, *prepared);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::Conflict);
  EXPECT_TRUE(host.exists(device_path(kUuid))) << "it is somebody else's";
}

TEST(CreateVgpu, NeedsRoot) {
  MemoryHost host = laptop();
  host.set_user_id(1000);
  const auto report = create(host, request_of({}, {}));
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::Denied);
  EXPECT_EQ(host.effects(), 0);
}

CreateRequest for_mina() {
  CreateRequest request = request_of({}, {});
  request.owner =
      Owner{.uid = 1000, .gid = 1001, .name = "mina", .home = "/home/mina", .groups = {1001}};
  return request;
}

TEST(CreateVgpu, ForAUserGivesNodeAndRemove) {
  MemoryHost host = laptop();
  const auto start = host.snapshot("/sys");
  const auto report = create(host, for_mina());
  ASSERT_TRUE(report) << english(report.error());
  EXPECT_EQ(host.status("/dev/vfio/0")->user, 1000U);
  EXPECT_EQ(host.status("/dev/vfio/0")->group, 1001U);
  EXPECT_EQ(host.status(device_path(kUuid) + "/remove")->user, 1000U);

  const auto removed = remove(host, kUuid);
  ASSERT_TRUE(removed) << english(removed.error());
  EXPECT_EQ(*removed, report->transaction) << "the transaction that made it is undone";
  EXPECT_EQ(host.snapshot("/sys"), start);
}

TEST(RemoveVgpu, ByTheUserWhomItWasGivenTo) {
  MemoryHost host = laptop();
  const auto start = host.snapshot("/sys");
  ASSERT_TRUE(create(host, for_mina()));
  // What mina may not read, and where her own records are.
  host.add_unreadable("/var/lib/cleave/transactions", EACCES);
  host.set_user_id(1000);
  host.add_directory("/home/mina");
  const auto removed = remove(host, kUuid, "/home/mina/.local/state/cleave");
  ASSERT_TRUE(removed) << english(removed.error());
  EXPECT_EQ(host.snapshot("/sys"), start);
}

TEST(RemoveVgpu, ByAnotherUserNeedsRoot) {
  MemoryHost host = laptop();
  ASSERT_TRUE(create(host, for_mina()));
  host.set_user_id(1002);
  // MemoryHost asks the mode only.
  const std::string remove_attribute = kGpu + "/" + kUuid + "/remove";
  host.add_file(remove_attribute, "", 0);
  const auto removed = remove(host, kUuid, "/home/other/.local/state/cleave");
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code, ErrorCode::Denied);
  EXPECT_TRUE(host.exists(device_path(kUuid)));
}

TEST(RemoveVgpu, OfOneThatCleaveDidNotMake) {
  MemoryHost host = laptop();
  const auto start = host.snapshot("/sys");
  ASSERT_EQ(kSmall.create(host, kOtherUuid), 0);
  const auto removed = remove(host, kOtherUuid);
  ASSERT_TRUE(removed) << english(removed.error());
  EXPECT_EQ(host.snapshot("/sys"), start);
}

TEST(RemoveVgpu, OfOneInUseNamesTheProcess) {
  MemoryHost host = laptop();
  ASSERT_TRUE(create(host, request_of({}, {})));
  host.add_file("/proc/4711/comm", "qemu-system-x86\n");
  host.add_link("/proc/4711/fd/23", "/dev/vfio/0");
  const auto refused = remove(host, kUuid);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Busy);
  EXPECT_TRUE(english(refused.error()).contains("4711 (qemu-system-x86)"));
  EXPECT_TRUE(host.exists(device_path(kUuid)));
}

TEST(RemoveVgpu, OfNoneThatIsThere) {
  MemoryHost host = laptop();
  EXPECT_EQ(remove(host, kUuid).error().code, ErrorCode::NotFound);
  EXPECT_EQ(remove(host, "../../x").error().code, ErrorCode::NotFound);
}

// Made by a transaction that did other things, too: those stay.
TEST(RemoveVgpu, LeavesTheRestOfABiggerTransaction) {
  MemoryHost host = laptop();
  auto prepared = prepare(host, request_of({}, {}));
  ASSERT_TRUE(prepared);
  Change file;
  file.effect = WriteFile{"/var/lib/other", "kept\n", 0644, ""};
  prepared->plan.changes.insert(prepared->plan.changes.begin(), file);
  Transactions transactions(host);
  ASSERT_TRUE(create_vgpu(transactions, *prepared));
  ASSERT_TRUE(remove(host, kUuid));
  EXPECT_FALSE(host.exists(device_path(kUuid)));
  EXPECT_EQ(*host.read_file("/var/lib/other"), "kept\n");
}

TEST(TransactionOf, IsTheOneThatMadeTheDeviceThatIsThereNow) {
  MemoryHost host = laptop();
  const auto first = create(host, request_of({}, {}));
  ASSERT_TRUE(remove(host, kUuid));
  const auto second = create(host, request_of({}, {}));
  const auto records = Transactions(host).list();
  ASSERT_NE(first->transaction, second->transaction);
  ASSERT_NE(transaction_of(*records, kUuid), nullptr);
  EXPECT_EQ(transaction_of(*records, kUuid)->number, second->transaction);
  EXPECT_EQ(transaction_of(*records, kOtherUuid), nullptr);
}

TEST(ViewVgpus, WhatCannotBeReadIsNotNothing) {
  MemoryHost host = laptop();
  host.forget("/sys/class/mdev_bus");
  host.add_unreadable("/sys/class/mdev_bus", EACCES);
  const auto view = view_vgpus(host);
  ASSERT_FALSE(view);
  EXPECT_EQ(view.error().code, ErrorCode::Denied);
}

TEST(RandomUuid, IsOfVersionFourAndNeverTheSame) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const auto uuid = random_uuid();
    ASSERT_TRUE(uuid);
    EXPECT_EQ(parse_uuid(*uuid), *uuid);
    EXPECT_EQ((*uuid)[14], '4');
    EXPECT_TRUE(std::string_view("89ab").contains((*uuid)[19]));
    seen.insert(*uuid);
  }
  EXPECT_EQ(seen.size(), 1000U);
}

}  // namespace
}  // namespace cleave
