// The list of devices on captured machines, as text and as JSON.
#include "app/devices.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "base/text.h"
#include "cli/commands/watch.h"
#include "cli/render/device_users.h"
#include "cli/render/devices_json.h"
#include "cli/render/devices_text.h"
#include "cli/render/translate.h"
#include "host/program.h"
#include "support/golden.h"
#include "support/machine.h"

namespace cleave {
namespace {

std::string locales() { return join_path(directory_name(own_program().value_or("")), "locale"); }

DeviceList list_of(const HostReader& host) {
  auto list = list_devices(host);
  EXPECT_TRUE(list.has_value()) << english(list.error());
  return list ? std::move(*list) : DeviceList();
}

class DevicesList : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { ::setenv("TZ", "UTC", 1); }
  void TearDown() override { choose_language("en", locales()); }
};

void expect_text(const std::string& machine, const std::string& language) {
  choose_language(language, locales());
  const MemoryHost host = testing::load_machine(machine);
  const std::string text = devices_text(list_of(host), {});
  testing::expect_golden("devices/" + machine + "." + language + ".txt", text);
  for (const std::string_view line : lines(text)) {
    EXPECT_LE(display_width(line), 80U) << line;
  }
  EXPECT_EQ(text.find('{'), std::string::npos) << "a field without a value";
}

TEST_P(DevicesList, TextIsAsExpected) { expect_text(GetParam(), "en"); }

TEST_P(DevicesList, KoreanTextIsAsExpected) { expect_text(GetParam(), "ko"); }

TEST_P(DevicesList, JsonIsAsExpected) {
  const MemoryHost host = testing::load_machine(GetParam());
  const std::string text = to_text(devices_json(list_of(host)), 2) + "\n";
  testing::expect_golden("devices/" + GetParam() + ".json", text);
}

INSTANTIATE_TEST_SUITE_P(Machines, DevicesList,
                         ::testing::Values("comet-lake-one-v5-4-used", "instinct-gim",
                                           "mtty-mdpy-mbochs"),
                         [](const auto& machine) { return replace_all(machine.param, "-", "_"); });

TEST(Devices, EachMachineHasAListAndOneDeviceInFull) {
  for (const std::string& name : testing::machine_names()) {
    const MemoryHost host = testing::load_machine(name);
    const auto list = list_devices(host);
    if (!list) continue;  // a machine whose devices cannot be read says so
    for (const ListedDevice& device : list->devices) {
      const std::string text = device_text(device, {});
      EXPECT_EQ(text.find('{'), std::string::npos) << name << ": " << text;
      EXPECT_EQ(find_device(*list, device.address), &device) << name;
    }
  }
}

TEST(Devices, UsersStandWithTheTimeOfTheirStartWhereItIsKnown) {
  ::setenv("TZ", "UTC", 1);
  EXPECT_EQ(users_text({{.process_id = 42, .command = "qemu", .since = 1700000123},
                        {.process_id = 43, .command = "qemu"}}),
            "42 (qemu) since 2023-11-14 22:15, 43 (qemu)");
  EXPECT_EQ(clock_text(1700000123), "22:15:23");
  EXPECT_EQ(users_text({}), "");
}

TEST(Devices, AChangeIsALineForEachThingThatChanged) {
  WatchedList before;
  before.states = {{"stays", "free"}, {"changes", "free"}, {"goes", "free"}};
  WatchedList now;
  now.states = {{"stays", "free"}, {"changes", "used by 42 (qemu)"}, {"comes", "free"}};
  EXPECT_EQ(change_lines(before, now, "20:45:01"),
            (std::vector<std::string>{"20:45:01 goes: gone", "20:45:01 changes: used by 42 (qemu)",
                                      "20:45:01 comes: free"}));
}

TEST(Devices, AVgpuAndTheTypesLeftAreStatesOfTheirOwn) {
  const MemoryHost host = testing::load_machine("comet-lake-one-v5-4-used");
  const DeviceStates states = device_states(list_of(host));
  const auto state_of = [&](const std::string& name) {
    for (const auto& [thing, state] : states) {
      if (thing == name) return state;
    }
    return std::string("not there");
  };
  EXPECT_EQ(state_of("1f3a9c5e-7b42-4d0f-8a61-c2e9d4b70f18"), "used by 4242 (qemu-system-x86)");
  EXPECT_EQ(state_of("0000:00:02.0 i915-GVTg_V5_4"), "0 free");
}

TEST(Devices, StatesAreColouredOnlyWhenAsked) {
  const MemoryHost host = testing::load_machine("comet-lake-ready");
  const DeviceList list = list_of(host);
  EXPECT_EQ(devices_text(list, {}).find('\x1b'), std::string::npos);
  EXPECT_NE(devices_text(list, {.colour = true}).find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace cleave
