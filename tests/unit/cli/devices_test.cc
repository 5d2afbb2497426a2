// The list of devices on captured machines, as text and as JSON.
#include "app/devices.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>
#include <initializer_list>
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

struct UsbThing {
  const char* port;
  const char* ids;
  const char* name;
  const char* interface_class;
  const char* driver;
};

// As it is below its controller; the bus's directory links there.
void add_usb(MemoryHost& host, const UsbThing& thing) {
  const std::string port = thing.port;
  const std::string ids = thing.ids;
  const std::string path = "/sys/bus/usb/devices/" + port;
  const bool is_hub = std::string(thing.interface_class) == "09";
  host.add_file(path + "/busnum", "1\n");
  host.add_file(path + "/devnum", "7\n");
  host.add_file(path + "/idVendor", ids.substr(0, 4) + "\n");
  host.add_file(path + "/idProduct", ids.substr(5) + "\n");
  host.add_file(path + "/bDeviceClass", is_hub ? "09\n" : "00\n");
  host.add_file(path + "/product", std::string(thing.name) + "\n");
  const std::string interface = path + "/" + port + ":1.0";
  host.add_file(interface + "/bInterfaceClass", std::string(thing.interface_class) + "\n");
  host.add_link(interface + "/driver", std::string("/sys/bus/usb/drivers/") + thing.driver);
}

std::string below_port(const std::string& port) {
  return "/sys/devices/pci0000:00/0000:00:14.0/usb1/" + port + "/" + port + ":1.0/";
}

// A desk: its only keyboard, two receivers of the same ids, the network's dongle, and a phone that
// a program talks to.
MemoryHost desk() {
  MemoryHost host = testing::load_machine("comet-lake-one-v5-4-used");
  for (const UsbThing& thing : std::initializer_list<UsbThing>{
           {"1-1", "05e3:0608", "USB2.0 Hub", "09", "hub"},
           {"1-1.1", "04d9:0169", "USB Keyboard", "03", "usbhid"},
           {"1-1.2", "046d:c52b", "USB Receiver", "03", "usbhid"},
           {"1-1.3", "046d:c52b", "USB Receiver", "03", "usbhid"},
           {"1-2", "0bda:8153", "USB 10/100/1000 LAN", "ff", "r8152"},
           {"1-3", "18d1:4ee7", "Pixel with a name that is longer than a terminal is wide, or so",
            "ff", "usbfs"}}) {
    add_usb(host, thing);
  }
  host.add_file("/proc/self/mountinfo", "1 0 0:1 / / rw - tmpfs tmpfs rw\n");
  host.add_file("/proc/swaps", "Filename Type Size Used Priority\n");
  host.add_directory("/sys/class/block");
  host.add_directory("/sys/class/sound");
  host.add_file(below_port("1-2") + "net/eth0/operstate", "up\n");
  host.add_link(below_port("1-2") + "net/eth0/device", "../..");
  host.add_link("/sys/class/net/eth0", below_port("1-2") + "net/eth0");
  host.add_file("/proc/net/route",
                "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
                "eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n");
  const std::string keyboard = below_port("1-1.1") + "input/input3";
  host.add_file(keyboard + "/name", "USB Keyboard\n");
  host.add_file(keyboard + "/capabilities/ev", "120013\n");
  host.add_file(keyboard + "/capabilities/key",
                "1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe\n");
  host.add_link("/sys/class/input/input3", keyboard);
  return host;
}

TEST_F(DevicesList, DevicesOfUsbHaveAListOfTheirOwn) {
  const MemoryHost host = desk();
  const DeviceList list = list_of(host);
  for (const std::string language : {"en", "ko"}) {
    choose_language(language, locales());
    const std::string text = usb_devices_text(list.usb, {}, false);
    testing::expect_golden("devices/usb-desk." + language + ".txt", text);
    for (const std::string_view line : lines(text)) EXPECT_LE(display_width(line), 80U) << line;
    EXPECT_NE(devices_text(list, {}).find(text), std::string::npos);
  }
  choose_language("en", locales());
  testing::expect_golden("devices/usb-desk.json", to_text(usb_devices_json(list.usb), 2) + "\n");
}

TEST(Devices, DevicesOfUsbAreFoundByPortAndByIds) {
  const MemoryHost host = desk();
  const DeviceList list = list_of(host);
  EXPECT_EQ(find_usb_devices(list, "1-2").size(), 1U);
  EXPECT_EQ(find_usb_devices(list, "046D:C52B").size(), 2U);
  EXPECT_TRUE(find_usb_devices(list, "1-1").empty()) << "a hub stays with the host";
  EXPECT_TRUE(find_usb_devices(list, "1-9").empty());
}

TEST(Devices, WhatCouldNotBeReadOfUsbIsSaid) {
  MemoryHost host = testing::load_machine("comet-lake-ready");
  host.add_unreadable("/sys/bus/usb/devices", EACCES);
  const DeviceList list = list_of(host);
  EXPECT_NE(devices_text(list, {}).find("Which USB devices there are could not be read"),
            std::string::npos);
  EXPECT_TRUE(devices_json(list).find("usb_devices")->is_null());
}

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
