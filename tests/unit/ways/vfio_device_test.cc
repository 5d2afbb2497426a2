#include "ways/vfio_device.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "ways/ways.h"

namespace cleave {
namespace {

PciDevice device(const char* address, std::uint32_t class_code, const char* driver,
                 std::optional<std::uint32_t> group) {
  PciDevice made;
  made.address = *parse_pci_address(address);
  made.sysfs_path = std::string("/sys/bus/pci/devices/") + address;
  made.vendor_id = 0x10DE;
  made.device_id = 0x1B80;
  made.class_code = class_code;
  if (*driver != '\0') made.driver = {std::string(driver), "driver"};
  if (group) {
    made.iommu_group = {*group, "iommu_group"};
  } else {
    made.iommu_group = {Absent{}, "iommu_group"};
  }
  return made;
}

constexpr std::uint32_t kVga = 0x030000;
constexpr std::uint32_t kSound = 0x040300;
constexpr std::uint32_t kBridge = 0x060400;
constexpr std::uint32_t kNvme = 0x010802;

Facts facts_of(std::vector<PciDevice> devices) {
  Facts facts;
  facts.pci_devices = {std::move(devices), "/sys/bus/pci/devices"};
  facts.kernel.modules["vfio_pci"].loaded = true;
  return facts;
}

const PciDevice& at(const Facts& facts, std::size_t index) {
  return (*facts.pci_devices.value())[index];
}

std::vector<std::string> bound(const Plan& plan) {
  std::vector<std::string> addresses;
  for (const Change& change : plan.changes) {
    if (const auto* bind = std::get_if<BindDriver>(&change.effect)) {
      addresses.push_back(bind->device.substr(bind->device.rfind('/') + 1));
    }
  }
  return addresses;
}

TEST(HandOver, ACardGoesWithItsSoundAndItsGroupButNoBridge) {
  const Facts facts = facts_of(
      {device("0000:00:01.0", kBridge, "pcieport", 1), device("0000:01:00.0", kVga, "nouveau", 1),
       device("0000:01:00.1", kSound, "snd_hda_intel", 1), device("0000:02:00.0", kNvme, "nvme", 1),
       device("0000:03:00.0", kNvme, "nvme", 2)});
  const auto given = passthrough_way().gives(facts, at(facts, 1));
  ASSERT_TRUE(given);
  ASSERT_EQ(given->size(), 2U);
  const HandedOver what = with_groups(facts, *given);
  ASSERT_EQ(what.others.size(), 1U);
  const auto plan = hand_over(facts, what);
  ASSERT_TRUE(plan) << english(plan.error());
  EXPECT_EQ(bound(*plan),
            (std::vector<std::string>{"0000:01:00.0", "0000:01:00.1", "0000:02:00.0"}));
}

TEST(HandOver, WhatVfioPciHasAlreadyNeedsNothing) {
  const Facts facts =
      facts_of({device("0000:01:00.0", kNvme, "vfio-pci", 1), device("0000:02:00.0", kNvme, "", 1),
                device("0000:03:00.0", kNvme, "pci-stub", 1)});
  const auto plan = hand_over(facts, with_groups(facts, {&at(facts, 0)}));
  ASSERT_TRUE(plan);
  EXPECT_TRUE(plan->empty());
}

TEST(HandOver, TheModuleIsLoadedWhereItIsMissing) {
  Facts facts = facts_of({device("0000:01:00.0", kNvme, "nvme", 1)});
  facts.kernel.modules.clear();
  const auto plan = hand_over(facts, with_groups(facts, {&at(facts, 0)}));
  ASSERT_TRUE(plan);
  EXPECT_TRUE(std::holds_alternative<RunCommand>(plan->changes.front().effect));
}

TEST(HandOver, RefusesWhatNoVmCanHave) {
  const auto refusal = [](PciDevice refused) {
    const Facts facts = facts_of({std::move(refused)});
    return hand_over(facts, with_groups(facts, {&at(facts, 0)}));
  };
  EXPECT_EQ(refusal(device("0000:00:01.0", kBridge, "pcieport", 1)).error().code,
            ErrorCode::Unsupported);
  EXPECT_EQ(refusal(device("0000:01:00.0", kNvme, "nvme", std::nullopt)).error().code,
            ErrorCode::Unsupported);
  PciDevice unread = device("0000:01:00.0", kNvme, "nvme", 1);
  unread.iommu_group = Unreadable{.path = "iommu_group", .why = "Permission denied"};
  EXPECT_EQ(refusal(unread).error().code, ErrorCode::Unsupported);
  PciDevice parent = device("0000:01:00.0", kNvme, "nvme", 1);
  parent.sriov_num_vfs = {2U, "sriov_numvfs"};
  EXPECT_EQ(refusal(parent).error().code, ErrorCode::Busy);
}

PciDevice physical_function(std::uint32_t now) {
  PciDevice parent = device("0000:03:00.0", kVga, "xe", 4);
  parent.sriov_total_vfs = {7U, "sriov_totalvfs"};
  parent.sriov_num_vfs = {now, "sriov_numvfs"};
  parent.sriov_layout = {{.offset = 1, .stride = 1, .device_id = 0x56C0}, "sriov_vf_device"};
  parent.sriov_drivers_autoprobe = {true, "sriov_drivers_autoprobe"};
  return parent;
}

TEST(Functions, AreMadeWithoutAHostsDriverAfterTheDriverWasToldOfThem) {
  const auto plan =
      make_functions(physical_function(0), 3, {{"sriov_admin/vf1/profile/exec_quantum_ms", "20"}});
  ASSERT_TRUE(plan) << english(plan.error());
  std::vector<std::string> written;
  for (const Change& change : plan->changes) {
    const auto& write = std::get<WriteAttribute>(change.effect);
    written.push_back(write.path.substr(write.path.find("03:00.0")) + "=" + write.value);
  }
  EXPECT_EQ(written, (std::vector<std::string>{"03:00.0/sriov_drivers_autoprobe=0",
                                               "03:00.0/sriov_admin/vf1/profile/exec_quantum_ms=20",
                                               "03:00.0/sriov_numvfs=3"}));
  EXPECT_EQ(std::get<WriteAttribute>(plan->changes.back().effect).undo_value, "0");
}

TEST(Functions, TheDriversOwnRulesAreKnownBefore) {
  EXPECT_TRUE(make_functions(physical_function(3), 3)->empty()) << "as many are there";
  EXPECT_EQ(make_functions(physical_function(2), 3).error().code, ErrorCode::Busy);
  EXPECT_EQ(make_functions(physical_function(0), 8).error().code, ErrorCode::Malformed);
  EXPECT_EQ(make_functions(physical_function(0), 0).error().code, ErrorCode::Malformed);
  PciDevice without = physical_function(0);
  without.driver = {Absent{}, "driver"};
  EXPECT_EQ(make_functions(without, 1).error().code, ErrorCode::Unsupported);
  without = physical_function(0);
  without.driver = {std::string("vfio-pci"), "driver"};
  EXPECT_EQ(make_functions(without, 1).error().code, ErrorCode::Unsupported);
  EXPECT_EQ(make_functions(device("0000:01:00.0", kNvme, "nvme", 1), 1).error().code,
            ErrorCode::Unsupported);
}

TEST(Functions, TheirAddressesFollowFromTheLayout) {
  const auto address = [](const char* parent, std::uint32_t offset, std::uint32_t stride,
                          std::uint32_t index) {
    return to_text(virtual_function_address(
        *parse_pci_address(parent), {.offset = offset, .stride = stride, .device_id = 0}, index));
  };
  EXPECT_EQ(address("0000:00:02.0", 1, 1, 6), "0000:00:02.7");
  EXPECT_EQ(address("0000:03:00.0", 0x80, 2, 1), "0000:03:10.2") << "as igb has them";
  EXPECT_EQ(address("10000:03:00.0", 0x100, 1, 0), "10000:04:00.0") << "on the bus above";
}

TEST(Functions, ThePhysicalFunctionIsNeverHandedOver) {
  const Facts facts = facts_of({physical_function(1)});
  EXPECT_EQ(sr_iov_way().gives(facts, at(facts, 0)).error().code, ErrorCode::Unsupported);
}

Attachment attachment(std::vector<const char*> functions, const char* machine, bool opregion = true,
                      const char* rom = "") {
  Attachment made;
  for (const char* function : functions) made.functions.push_back(*parse_pci_address(function));
  made.machine = machine;
  made.opregion = opregion;
  made.rom = rom;
  return made;
}

TEST(VfioGuestDevice, ACardStaysOneCardBehindAPort) {
  const auto guest = vfio_guest_device(attachment({"0000:01:00.0", "0000:01:00.1"}, "q35"));
  EXPECT_EQ(guest.devices,
            (std::vector<std::string>{
                "pcie-root-port,id=cleave-gpu,chassis=200",
                "vfio-pci,host=0000:01:00.0,bus=cleave-gpu,addr=0.0,multifunction=on",
                "vfio-pci,host=0000:01:00.1,bus=cleave-gpu,addr=0.1"}));
  EXPECT_FALSE(guest.replaces_screen);
}

TEST(VfioGuestDevice, IntegratedGraphicsAreWhereTheirDriversLookForThem) {
  const auto guest = vfio_guest_device(attachment({"0000:00:02.0"}, "q35", true, "/roms/a,b.rom"));
  EXPECT_EQ(guest.devices,
            (std::vector<std::string>{"vfio-pci,host=0000:00:02.0,addr=2.0,x-igd-opregion=on,"
                                      "romfile=/roms/a,,b.rom"}));
  EXPECT_TRUE(guest.replaces_screen);
  const auto old = vfio_guest_device(attachment({"0000:00:02.0"}, "pc", false));
  EXPECT_EQ(old.devices, (std::vector<std::string>{"vfio-pci,host=0000:00:02.0,addr=2.0"}));
  Attachment uefi = attachment({"0000:00:02.0"}, "pc", true);
  uefi.legacy_mode_off = true;
  EXPECT_EQ(vfio_guest_device(uefi).devices,
            (std::vector<std::string>{"vfio-pci,host=0000:00:02.0,addr=2.0,x-igd-opregion=on,"
                                      "x-igd-legacy-mode=off"}));
}

TEST(VfioGuestDevice, OnAnOldMachineThereAreNoPorts) {
  const auto guest = vfio_guest_device(attachment({"0000:01:00.0"}, "pc"));
  EXPECT_EQ(guest.devices, (std::vector<std::string>{"vfio-pci,host=0000:01:00.0"}));
}

TEST(GuestDevices, FurtherDevicesStandBehindPortsOfTheirOwn) {
  Attachment attachment;
  attachment.machine = "q35";
  attachment.functions = {*parse_pci_address("0000:03:00.0")};
  attachment.place = 2;
  EXPECT_EQ(vfio_guest_device(attachment).devices,
            (std::vector<std::string>{"pcie-root-port,id=cleave-device2,chassis=202",
                                      "vfio-pci,host=0000:03:00.0,bus=cleave-device2,addr=0.0"}));
}

TEST(GuestDevices, TheFirstScreenHasTheVgaRangesForItself) {
  Attachment attachment;
  attachment.machine = "pc";
  attachment.functions = {*parse_pci_address("0000:01:00.0"), *parse_pci_address("0000:01:00.1")};
  attachment.primary = true;
  const GuestDevice guest = vfio_guest_device(attachment);
  EXPECT_TRUE(guest.replaces_screen);
  EXPECT_EQ(guest.devices, (std::vector<std::string>{"vfio-pci,host=0000:01:00.0,x-vga=on",
                                                     "vfio-pci,host=0000:01:00.1"}));
}

TEST(GuestDevices, OnlyVgaControllersCanBeTheFirstScreen) {
  EXPECT_TRUE(may_be_primary(device("0000:01:00.0", kVga, "vfio-pci", 1), "q35"));
  EXPECT_FALSE(may_be_primary(device("0000:01:00.0", 0x030200, "vfio-pci", 1), "q35"));
  PciDevice integrated = device("0000:00:02.0", kVga, "vfio-pci", 1);
  integrated.vendor_id = 0x8086;
  EXPECT_FALSE(may_be_primary(integrated, "q35"));
  EXPECT_TRUE(may_be_primary(integrated, "pc"));
}

// --- kernels without groups of VFIO

QemuAbilities qemu_with(const char* property) {
  QemuAbilities qemu;
  qemu.version = {10, 0, 0};
  qemu.devices["vfio-pci"][property] = "";
  return qemu;
}

TEST(VfioDevice, IommufdIsForKernelsWithoutGroupsAlone) {
  const Fact<bool> none{false, "/sys/class/vfio"};
  const Fact<QemuAbilities> able{qemu_with("iommufd"), "qemu"};
  for (const Fact<bool>& groups :
       {Fact<bool>(true, "/sys/class/vfio"), Fact<bool>(Absent{}, "/sys/class/vfio")}) {
    const auto uses = uses_iommufd(groups, able);
    ASSERT_TRUE(uses);
    EXPECT_FALSE(*uses);
  }
  EXPECT_TRUE(*uses_iommufd(none, able));
  EXPECT_TRUE(*uses_iommufd(none, Unreadable{"qemu", "not asked"}));
  const auto refused = uses_iommufd(none, {qemu_with("display"), "qemu"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Unsupported);
  EXPECT_TRUE(english(refused.error()).contains("10.0"));
}

TEST(VfioDevice, EveryFunctionOfACardUsesTheOneObject) {
  Attachment attachment;
  attachment.functions = {{0, 1, 0, 0}, {0, 1, 0, 1}};
  attachment.machine = "q35";
  EXPECT_TRUE(vfio_guest_device(attachment).objects.empty());
  attachment.iommufd = true;
  const GuestDevice guest = vfio_guest_device(attachment);
  EXPECT_EQ(guest.objects, std::vector<std::string>{"iommufd,id=cleave-iommufd"});
  int using_it = 0;
  for (const std::string& device : guest.devices) {
    using_it += device.contains(",iommufd=cleave-iommufd") ? 1 : 0;
  }
  EXPECT_EQ(using_it, 2);
  EXPECT_EQ(node_owner("/sys/d", true).path, "/dev/vfio/devices");
  EXPECT_EQ(node_owner("/sys/d", true).named_by, "/sys/d/vfio-dev");
  EXPECT_EQ(node_owner("/sys/d", false).named_by, "/sys/d/iommu_group");
}

}  // namespace
}  // namespace cleave
