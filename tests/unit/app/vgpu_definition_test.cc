// vGPUs that are defined: kept as mdevctl keeps them, made again, and taken away.
#include "app/vgpu_definition.h"

#include <gtest/gtest.h>

#include "app/units.h"
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

using namespace std::chrono_literals;

const std::string kPath = std::string("/etc/mdevctl.d/0000:00:02.0/") + kUuid;
const std::string kDevice = std::string("/sys/bus/mdev/devices/") + kUuid;

MemoryHost machine() {
  MemoryHost host = laptop();
  host.add_directory("/etc");
  return host;
}

DefineRequest request(std::optional<std::string> type = std::nullopt,
                      std::optional<bool> by_itself = std::nullopt) {
  return {.parent = std::nullopt, .type = std::move(type), .uuid = kUuid, .by_itself = by_itself};
}

Result<PreparedDefine> prepare(const MemoryHost& host, const DefineRequest& wish) {
  const VgpuView view = TRY(view_vgpus(host));
  return prepare_define(view, wish);
}

Result<MdevDefinition> define(MemoryHost& host, const DefineRequest& wish) {
  const PreparedDefine prepared = TRY(prepare(host, wish));
  Transactions transactions(host);
  (void)TRY(transactions.apply(prepared.plan));
  return prepared.definition;
}

Result<std::uint32_t> undefine(MemoryHost& host) {
  Transactions transactions(host);
  const VgpuView view = TRY(view_vgpus(host));
  const PreparedUndefine prepared = TRY(prepare_undefine(view, transactions, kUuid));
  return undefine_vgpu(transactions, prepared);
}

// All that are defined, in the order of their UUIDs.
Result<std::vector<PreparedStart>> prepare_all(const MemoryHost& host) {
  const VgpuView view = TRY(view_vgpus(host, VgpuDetail::None));
  std::vector<PreparedStart> prepared;
  for (const MdevDefinition& definition : TRY(vgpu_definitions(*view.facts))) {
    prepared.push_back(prepare_start(view, definition));
  }
  return prepared;
}

Result<std::vector<StartedVgpu>> start_all(MemoryHost& host,
                                           std::chrono::milliseconds patience = 0ms) {
  Transactions transactions(host);
  transactions.wait_for_others(patience);
  return start_vgpus(host, transactions, TRY(prepare_all(host)));
}

Result<StartedVgpu> start(MemoryHost& host, std::chrono::milliseconds patience = 0ms) {
  return TRY(start_all(host, patience)).front();
}

// Beside the definition of kUuid, one of kOtherUuid.
void define_other(MemoryHost& host, const std::string& type, const std::string& attributes = "") {
  host.add_file("/etc/mdevctl.d/0000:00:02.0/" + std::string(kOtherUuid),
                R"({"mdev_type":")" + type + R"(","start":"auto","attrs":[)" + attributes + "]}");
}

std::string text_of(const MemoryHost& host) { return host.read_file(kPath).value_or("missing"); }

TEST(DefineVgpu, IsKeptAsMdevctlKeepsIt) {
  MemoryHost host = machine();
  const auto defined = define(host, request({}, true));
  ASSERT_TRUE(defined) << english(defined.error());
  EXPECT_EQ(text_of(host),
            "{\n  \"mdev_type\": \"i915-GVTg_V5_4\",\n  \"start\": \"auto\",\n  \"attrs\": []\n}");
  EXPECT_EQ(host.status(kPath)->mode, 0644U);
  EXPECT_FALSE(host.exists(kDevice)) << "it is made later";
  const auto again = prepare(host, request());
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->plan.empty()) << "what was not said stays as it is";
}

TEST(DefineVgpu, OneThatIsThereAndItsStart) {
  MemoryHost host = machine();
  ASSERT_EQ(kSmall.create(host, kUuid), 0);
  EXPECT_EQ(define(host, request())->type, kSmall.type_id) << "that of the device";
  EXPECT_TRUE(text_of(host).contains("manual"));
  ASSERT_TRUE(define(host, request({}, true)));
  EXPECT_TRUE(text_of(host).contains("auto"));
  const auto other = prepare(host, request(kLarge.type_id));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::Conflict);
}

// GVT-g does not list a type while there is no room for it; tomorrow there is.
TEST(DefineVgpu, RoomThatIsTakenNowIsNoReasonAgainstIt) {
  MemoryHost host = machine();
  ASSERT_EQ(kSmall.create(host, kOtherUuid), 0);
  host.forget(kLarge.type_path());
  EXPECT_TRUE(define(host, request(kLarge.type_id)));
  const auto unknown = prepare(host, request("i915-GVTg_V5_5"));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::NotFound);
}

TEST(DefineVgpu, AParentThatIsNotRegisteredNowIsTakenAtItsWord) {
  MemoryHost host = machine();
  DefineRequest wish = request("nvidia-63");
  wish.parent = "0000:01:00.0";
  const auto prepared = prepare(host, wish);
  ASSERT_TRUE(prepared) << english(prepared.error());
  EXPECT_TRUE(prepared->unchecked);
  wish.type.reset();
  EXPECT_EQ(prepare(host, wish).error().code, ErrorCode::NotFound) << "of which type?";
  wish.parent = "../../etc";
  wish.type = "x";
  EXPECT_FALSE(prepare(host, wish)) << "a name of sysfs has no slash";
}

TEST(DefineVgpu, OneUuidIsDefinedOnOneParent) {
  MemoryHost host = machine();
  add_serial(host);
  ASSERT_TRUE(define(host, request()));
  DefineRequest wish = request("mtty-1");
  wish.parent = "mtty";
  const auto refused = prepare(host, wish);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Conflict);
  wish.uuid = "no-uuid";
  EXPECT_EQ(prepare(host, wish).error().code, ErrorCode::Malformed);
}

TEST(UndefineVgpu, LeavesNothingBehind) {
  MemoryHost host = machine();
  const auto before = host.snapshot("/etc");
  ASSERT_TRUE(define(host, request()));
  ASSERT_TRUE(undefine(host));
  EXPECT_EQ(host.snapshot("/etc"), before);
  EXPECT_EQ(undefine(host).error().code, ErrorCode::NotFound);
}

TEST(UndefineVgpu, TakesAwayWhatWasDefinedTwiceOrEditedByMdevctl) {
  MemoryHost host = machine();
  ASSERT_TRUE(define(host, request({}, false)));
  ASSERT_TRUE(define(host, request({}, true)));
  ASSERT_TRUE(undefine(host));
  EXPECT_FALSE(host.exists(kPath)) << "and not the first definition again";
  const std::string by_mdevctl = R"({"mdev_type":"i915-GVTg_V5_8","start":"auto","attrs":[]})";
  ASSERT_TRUE(define(host, request()));
  host.add_file(kPath, by_mdevctl);
  ASSERT_TRUE(undefine(host));
  EXPECT_FALSE(host.exists(kPath)) << "edited afterwards";
  host.add_file(kPath, by_mdevctl);
  ASSERT_TRUE(define(host, request({}, false)));
  ASSERT_TRUE(undefine(host));
  EXPECT_FALSE(host.exists(kPath)) << "there before";
}

TEST(StartVgpu, MakesItAsItIsDefinedAndOnce) {
  MemoryHost host = machine();
  ASSERT_TRUE(define(host, request(kSmall.type_id)));
  const auto first = start(host);
  ASSERT_TRUE(first) << english(first.error());
  EXPECT_EQ(first->state, VgpuStart::Started);
  EXPECT_TRUE(host.real_path(kDevice + "/mdev_type")->ends_with(kSmall.type_id));
  EXPECT_EQ(start(host)->state, VgpuStart::AlreadyThere);
}

TEST(StartVgpu, SetsAttributesInTheirOrder) {
  MemoryHost host = machine();
  host.add_file(
      kPath, R"({"mdev_type":"i915-GVTg_V5_8","start":"auto","attrs":[{"one":"1"},{"two":"2"}]})");
  std::string written;
  host.on_write(kSmall.type_path() + "/create", [&](MemoryHost& made, std::string_view uuid) {
    const int error = kSmall.create(made, uuid);
    for (const char* name : {"one", "two"}) {
      const std::string path = kGpu + "/" + kUuid + "/" + name;
      made.add_file(path, "0\n");
      made.on_write(path, [&written](MemoryHost&, std::string_view value) {
        written += value;
        return 0;
      });
    }
    return error;
  });
  const auto started = start(host);
  ASSERT_TRUE(started) << english(started.error());
  EXPECT_EQ(started->state, VgpuStart::Started);
  EXPECT_EQ(written, "12");
}

TEST(StartVgpu, AnAttributeThatIsRefusedTakesTheVgpuBack) {
  MemoryHost host = machine();
  host.add_file(kPath, R"({"mdev_type":"i915-GVTg_V5_8","start":"auto","attrs":[{"one":"1"}]})");
  const auto refused = start(host);
  ASSERT_TRUE(refused) << english(refused.error());
  EXPECT_EQ(refused->state, VgpuStart::Refused);
  EXPECT_FALSE(host.exists(kDevice));
}

TEST(StartVgpu, WhatStandsAgainstItIsItsOutcome) {
  MemoryHost host = machine();
  ASSERT_TRUE(define(host, request(kLarge.type_id)));
  host.add_file(kLarge.type_path() + "/available_instances", "0\n");
  const auto full = start(host);
  ASSERT_TRUE(full);
  EXPECT_EQ(full->state, VgpuStart::Refused);
  EXPECT_EQ(full->why->code, ErrorCode::Busy);
  host.add_file(kPath, "no JSON");
  EXPECT_EQ(start(host)->why->code, ErrorCode::Malformed);
}

TEST(StartVgpu, MdevctlMayBeFaster) {
  MemoryHost host = machine();
  ASSERT_TRUE(define(host, request(kSmall.type_id)));
  host.on_write(kSmall.type_path() + "/create", [](MemoryHost& made, std::string_view uuid) {
    EXPECT_EQ(kSmall.create(made, uuid), 0);
    return EEXIST;
  });
  const auto started = start(host);
  ASSERT_TRUE(started) << english(started.error());
  EXPECT_EQ(started->state, VgpuStart::AlreadyThere);
  EXPECT_TRUE(host.exists(kDevice)) << "it is not taken away";
}

TEST(StartVgpu, AllAtOnceOnlyWhereAllFit) {
  MemoryHost host = machine();
  ASSERT_TRUE(define(host, request(kSmall.type_id)));
  define_other(host, kSmall.type_id);
  const auto order = [&](const char* room) {
    host.add_file(kSmall.type_path() + "/available_instances", room);
    return start_order(*prepare_all(host));
  };
  EXPECT_EQ(order("2\n"), PartOrder::Any);
  EXPECT_EQ(order("1\n"), PartOrder::Given);
  EXPECT_EQ(order("many\n"), PartOrder::Given) << "the driver does not tell";
  define_other(host, kLarge.type_id);
  EXPECT_EQ(order("2\n"), PartOrder::Given) << "two types share the room";
}

TEST(StartVgpu, WaitsForAnotherCleave) {
  MemoryHost host = machine();
  ASSERT_TRUE(define(host, request(kSmall.type_id)));
  auto lock = host.lock("/var/lib/cleave/lock");
  ASSERT_TRUE(lock) << english(lock.error());
  EXPECT_EQ(start(host).error().code, ErrorCode::Busy) << "without patience";
  host.on_pause([&](MemoryHost&) { lock->reset(); });
  const auto started = start(host, 1s);
  ASSERT_TRUE(started);
  EXPECT_EQ(started->state, VgpuStart::Started);
}

TEST(StartVgpu, NeedsRootForAll) {
  MemoryHost host = machine();
  ASSERT_TRUE(define(host, request(kSmall.type_id)));
  host.set_user_id(1000);
  const auto refused = start(host);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Denied);
}

TEST(StartVgpus, AreOneTransaction) {
  MemoryHost host = machine();
  ASSERT_TRUE(define(host, request(kSmall.type_id)));
  define_other(host, kSmall.type_id);
  const auto started = start_all(host);
  ASSERT_TRUE(started) << english(started.error());
  ASSERT_EQ(started->size(), 2U);
  EXPECT_EQ((*started)[0].state, VgpuStart::Started);
  EXPECT_EQ((*started)[1].state, VgpuStart::Started);
  EXPECT_NE((*started)[0].transaction, 0U);
  EXPECT_EQ((*started)[0].transaction, (*started)[1].transaction);
}

// The plan is made before anything is: it finds room for each, but not for both.
TEST(StartVgpus, WhatHasNoRoomBesideTheOthersIsToldWhyAndTheOthersStay) {
  MemoryHost host = machine();
  host.add_file(kSmall.type_path() + "/available_instances", "1\n");
  ASSERT_TRUE(define(host, request(kSmall.type_id)));
  define_other(host, kSmall.type_id);
  const auto started = start_all(host);
  ASSERT_TRUE(started) << english(started.error());
  EXPECT_EQ((*started)[0].state, VgpuStart::Started);
  EXPECT_TRUE(host.exists(kDevice));
  EXPECT_EQ((*started)[1].state, VgpuStart::Refused);
  ASSERT_TRUE((*started)[1].why);
  EXPECT_EQ((*started)[1].why->code, ErrorCode::Busy) << english(*(*started)[1].why);
  EXPECT_EQ((*started)[1].transaction, 0U);
  EXPECT_TRUE(Transactions(host).recover()->empty());
}

TEST(StartVgpus, ARefusedAttributeTakesItsOwnVgpuBackAndNoOther) {
  MemoryHost host = machine();
  ASSERT_TRUE(define(host, request(kSmall.type_id)));
  define_other(host, kSmall.type_id, R"({"one":"1"})");
  const auto started = start_all(host);
  ASSERT_TRUE(started) << english(started.error());
  EXPECT_EQ((*started)[0].state, VgpuStart::Started);
  EXPECT_EQ((*started)[1].state, VgpuStart::Refused);
  EXPECT_TRUE(host.exists(kDevice));
  EXPECT_FALSE(host.exists("/sys/bus/mdev/devices/" + std::string(kOtherUuid)));
}

TEST(StartVgpus, AreStoppedOneByOne) {
  MemoryHost host = machine();
  ASSERT_TRUE(define(host, request(kSmall.type_id)));
  define_other(host, kSmall.type_id);
  ASSERT_TRUE(start_all(host));
  Transactions transactions(host);
  for (const char* uuid : {kUuid, kOtherUuid}) {
    const auto view = view_vgpus(host, VgpuDetail::Users);
    ASSERT_TRUE(view);
    const auto prepared = prepare_remove(host, *view, transactions, uuid);
    ASSERT_TRUE(prepared) << english(prepared.error());
    ASSERT_TRUE(prepared->made_by);
    EXPECT_EQ(prepared->made_by->done.size(), 1U) << "what is shown is what is done";
    ASSERT_TRUE(remove_vgpu(transactions, *prepared));
    EXPECT_FALSE(host.exists("/sys/bus/mdev/devices/" + std::string(uuid)));
    const bool other = host.exists("/sys/bus/mdev/devices/" + std::string(kOtherUuid));
    EXPECT_EQ(other, std::string_view(uuid) == kUuid);
  }
  const auto records = transactions.list();
  EXPECT_EQ(records->back().state, TransactionRecord::State::Undone);
}

// As after a signal or a power cut: what is made is taken back, or all of it stays.
TEST(StartVgpus, ACrashAtAnyEffectLeavesNoneOrAll) {
  const auto two = [] {
    MemoryHost host = machine();
    EXPECT_TRUE(define(host, request(kSmall.type_id)));
    define_other(host, kSmall.type_id);
    return host;
  };
  MemoryHost finished = two();
  const int before = finished.effects();
  ASSERT_TRUE(start_all(finished));
  for (int n = 1; n <= finished.effects() - before; ++n) {
    MemoryHost host = two();
    host.stop_at_effect(n);
    EXPECT_FALSE(start_all(host)) << "effect " << n;
    host.stop_at_effect(0);
    ASSERT_TRUE(Transactions(host).recover()) << "effect " << n;
    EXPECT_TRUE(host.list_directory("/sys/bus/mdev/devices")->empty()) << "effect " << n;
    const auto again = start_all(host);
    ASSERT_TRUE(again) << english(again.error());
    EXPECT_EQ((*again)[1].state, VgpuStart::Started);
  }
}

// A day of starting and stopping must not make the next command slower.
TEST(StartVgpus, AHundredRoundsLeaveTwoJournals) {
  MemoryHost host = machine();
  ASSERT_TRUE(define(host, request(kSmall.type_id)));
  Transactions transactions(host);
  std::uint32_t last = 0;
  for (int round = 0; round < 100; ++round) {
    const auto started = start(host);
    ASSERT_EQ(started->state, VgpuStart::Started);
    EXPECT_GT(started->transaction, last) << "no number is used twice";
    EXPECT_TRUE(last == 0 || transactions.undo(last)) << "forgotten is undone";
    last = started->transaction;
    const auto view = view_vgpus(host, VgpuDetail::Users);
    ASSERT_TRUE(remove_vgpu(transactions, *prepare_remove(host, *view, transactions, kUuid)));
  }
  EXPECT_LE(host.list_directory("/var/lib/cleave/transactions")->size(), 3U);
}

// Each start of the machine makes them anew; their journals must not pile up.
TEST(StartVgpu, AHundredStartsOfTheMachineLeaveTwoJournals) {
  MemoryHost host = machine();
  ASSERT_TRUE(define(host, request(kSmall.type_id)));
  for (int boot = 100; boot < 200; ++boot) {
    host.add_file("/proc/sys/kernel/random/boot_id",
                  std::to_string(boot) + "00000-0000-0000-0000-000000000000\n");
    host.forget(kDevice);
    host.forget(kGpu + "/" + kUuid);
    host.add_file(kSmall.type_path() + "/available_instances", "2\n");
    ASSERT_EQ(start(host)->state, VgpuStart::Started);
  }
  EXPECT_LE(host.list_directory("/var/lib/cleave/transactions")->size(), 3U)
      << "of the definition, the last start and the one before";
}

TEST(VgpusUnit, IsWrittenOnceAndFound) {
  MemoryHost host = machine();
  host.add_directory("/run/systemd/system");
  EXPECT_FALSE(vgpus_come_back(host));
  const auto changes = vgpus_unit_changes(host, "/opt/with blank/100%/cleave");
  ASSERT_TRUE(changes);
  ASSERT_EQ(changes->size(), 1U);
  const auto& file = std::get<WriteFile>(changes->front().effect);
  EXPECT_TRUE(
      file.content.contains("ExecStart=\"/opt/with blank/100%%/cleave\" vgpu start --parent %i\n"));
  host.add_file(file.path, file.content);
  EXPECT_TRUE(vgpus_unit_changes(host, "/opt/with blank/100%/cleave")->empty());
  EXPECT_TRUE(vgpus_come_back(host));
  EXPECT_EQ(vgpus_unit_changes(host, "/opt/\"").error().code, ErrorCode::Unsupported);
}

}  // namespace
}  // namespace cleave
