// The readers one by one, where machines are odd.
#include "facts/readers/readers.h"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "facts/readers/decompress.h"
#include "facts/readers/read_facts.h"
#include "host/file_host.h"
#include "host/memory_host.h"
#include "support/acpi_bytes.h"
#include "support/machine.h"

namespace cleave {
namespace {

constexpr const char* kGpu = "/sys/devices/pci0000:00/0000:00:02.0";

std::string gzip(std::string_view text) {
  std::string packed(text.size() + 4096, '\0');
  size_t used = 0;
  archive* writer = ::archive_write_new();
  ::archive_write_add_filter_gzip(writer);
  ::archive_write_set_format_raw(writer);
  EXPECT_EQ(::archive_write_open_memory(writer, packed.data(), packed.size(), &used), ARCHIVE_OK);
  archive_entry* entry = ::archive_entry_new();
  ::archive_entry_set_filetype(entry, AE_IFREG);
  EXPECT_EQ(::archive_write_header(writer, entry), ARCHIVE_OK);
  EXPECT_EQ(::archive_write_data(writer, text.data(), text.size()),
            static_cast<la_ssize_t>(text.size()));
  ::archive_entry_free(entry);
  ::archive_write_close(writer);
  ::archive_write_free(writer);
  packed.resize(used);
  return packed;
}

TEST(Readers, AnEmptyMachineIsUnknownAndNotGood) {
  const MemoryHost nothing;
  const Facts facts = read_facts(nothing);
  EXPECT_FALSE(facts.cpu.is_known());
  EXPECT_TRUE(facts.kvm.node.is_absent());
  // Without /sys nobody can say that there are no devices, no IOMMU, no parents.
  EXPECT_NE(facts.pci_devices.unreadable(), nullptr);
  EXPECT_NE(facts.mdev_parents.unreadable(), nullptr);
  EXPECT_NE(facts.mediated_devices.unreadable(), nullptr);
  EXPECT_NE(facts.iommu.units.unreadable(), nullptr);
  EXPECT_NE(facts.iommu.groups.unreadable(), nullptr);
  EXPECT_NE(facts.iommu.dmar_table.unreadable(), nullptr);
  EXPECT_NE(facts.kernel.config.unreadable(), nullptr);
  EXPECT_NE(facts.kernel.module_files.unreadable(), nullptr);
  EXPECT_TRUE(facts.kernel.module_list.is_absent());
  EXPECT_FALSE(facts.is_root);
}

// A file that may not be read never gives the same facts as one that is missing.
TEST(Readers, EverySourceKeepsDeniedAndMissingApart) {
  for (const char* path :
       {"/proc/cpuinfo", "/dev/kvm", "/proc/self/limits", "/proc/meminfo", "/proc/cmdline",
        "/proc/version", "/proc/modules", "/etc/os-release", "/sys/class/dmi/id/product_name",
        "/dev/dri", "/sys/bus/pci/devices", "/sys/class/mdev_bus", "/sys/bus/mdev/devices",
        "/sys/class/iommu", "/sys/kernel/iommu_groups", "/proc/sys/kernel/osrelease"}) {
    MemoryHost denied = testing::load_machine("comet-lake-ready");
    denied.forget(path);
    denied.add_unreadable(path, EACCES);
    const Facts facts = read_facts(denied);
    const bool found =
        facts.cpu.unreadable() != nullptr || facts.kvm.node.unreadable() != nullptr ||
        facts.memory_lock.unreadable() != nullptr || facts.memory_bytes.unreadable() != nullptr ||
        facts.kernel.command_line.unreadable() != nullptr ||
        facts.kernel.version.unreadable() != nullptr ||
        facts.kernel.release.unreadable() != nullptr ||
        facts.kernel.module_list.unreadable() != nullptr ||
        facts.distribution.unreadable() != nullptr || facts.product.unreadable() != nullptr ||
        facts.render_nodes.unreadable() != nullptr || facts.pci_devices.unreadable() != nullptr ||
        facts.mdev_parents.unreadable() != nullptr ||
        facts.mediated_devices.unreadable() != nullptr ||
        facts.iommu.units.unreadable() != nullptr || facts.iommu.groups.unreadable() != nullptr;
    EXPECT_TRUE(found) << path;
  }
}

TEST(Readers, KvmIsTheNodeWithItsNumbersOnly) {
  MemoryHost host;
  host.add_file("/dev/kvm", "");
  EXPECT_EQ(read_kvm(host).node, Fact<bool>(false, "/dev/kvm"));
  host.forget("/dev/kvm");
  host.add_device("/dev/kvm", 0660, 10, 231);
  EXPECT_EQ(read_kvm(host).node, Fact<bool>(false, "/dev/kvm"));
}

TEST(Readers, ACpuinfoWithoutFlagsIsNotUnderstood) {
  MemoryHost host;
  host.add_file("/proc/cpuinfo", "processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd\n");
  EXPECT_NE(read_cpu(host).unreadable(), nullptr);
}

TEST(Readers, OnlyTheFirstProcessorIsLookedAt) {
  MemoryHost host;
  host.add_file("/proc/cpuinfo",
                "processor\t: 0\nflags\t\t: fpu\n\nprocessor\t: 1\nflags\t\t: vmx\n");
  EXPECT_FALSE(read_cpu(host).value()->vmx);
  EXPECT_EQ(read_cpu(host).value()->threads, 2U);
}

TEST(Readers, MemoryLockMayBeUnlimited) {
  MemoryHost host;
  host.add_file("/proc/self/limits",
                "Limit  Soft Limit  Hard Limit  Units\n"
                "Max locked memory         65536                unlimited            bytes     \n");
  const auto limit = read_memory_lock_limit(host);
  ASSERT_TRUE(limit.is_known());
  EXPECT_EQ(limit.value()->soft, 65536U);
  EXPECT_FALSE(limit.value()->hard);
  host.add_file("/proc/self/limits", "Max locked memory  many  unlimited  bytes\n");
  EXPECT_NE(read_memory_lock_limit(host).unreadable(), nullptr);
  host.add_file("/proc/self/limits", "");
  EXPECT_NE(read_memory_lock_limit(host).unreadable(), nullptr);
}

TEST(Readers, ADeviceThatGoesAwayIsLeftOut) {
  MemoryHost host = testing::load_machine("comet-lake-ready");
  const auto before = read_pci_devices(host).value()->size();
  host.forget(std::string(kGpu) + "/vendor");
  host.add_unreadable(std::string(kGpu) + "/vendor", ENODEV);
  EXPECT_EQ(read_pci_devices(host).value()->size(), before - 1);
  host.add_link("/sys/class/mdev_bus/0000:00:09.0", "../../devices/pci0000:00/0000:00:09.0");
  EXPECT_EQ(read_mdev_parents(host).value()->size(), 1U);
  host.add_link("/sys/bus/mdev/devices/1f3a9c5e-7b42-4d0f-8a61-c2e9d4b70f18", "../../../gone");
  EXPECT_TRUE(read_mediated_devices(host).value()->empty());
}

TEST(Readers, ADeviceThatCannotBeKnownMakesTheListUnknown) {
  MemoryHost host = testing::load_machine("comet-lake-ready");
  host.forget(std::string(kGpu) + "/class");
  host.add_unreadable(std::string(kGpu) + "/class", EIO);
  const auto devices = read_pci_devices(host);
  ASSERT_NE(devices.unreadable(), nullptr);
  EXPECT_EQ(devices.unreadable()->path, "/sys/bus/pci/devices/0000:00:02.0/class");
  host.add_file(std::string(kGpu) + "/class", "rubbish\n");
  EXPECT_NE(read_pci_devices(host).unreadable(), nullptr);
}

TEST(Readers, AParentMayHaveNoTypes) {
  MemoryHost host = testing::load_machine("comet-lake-ready");
  const std::string types = std::string(kGpu) + "/mdev_supported_types";
  host.forget(types);
  EXPECT_TRUE(read_mdev_parents(host).value()->front().type_list.is_absent());
  host.add_unreadable(types, EACCES);
  EXPECT_NE(read_mdev_parents(host).value()->front().type_list.unreadable(), nullptr);
}

TEST(Readers, AnInstanceCountThatIsNoNumberIsUnreadable) {
  MemoryHost host = testing::load_machine("comet-lake-ready");
  host.add_file(std::string(kGpu) + "/mdev_supported_types/i915-GVTg_V5_4/available_instances",
                "-1\n");
  const auto parents = read_mdev_parents(host);
  EXPECT_NE(parents.value()->front().types[0].available_instances.unreadable(), nullptr);
  EXPECT_EQ(parents.value()->front().types[1].available_instances.value_or(9), 2U);
}

TEST(Readers, OneParentIsReadWithoutTheOthersIfItIsThere) {
  const MemoryHost host = testing::load_machine("mtty-mdpy-mbochs");
  const auto parents = read_mdev_parents(host, "mdpy");
  ASSERT_EQ(parents.value_or({}).size(), 1U);
  EXPECT_EQ(parents.value()->front().name, "mdpy");
  EXPECT_EQ(read_mdev_parents(host, "mdpy-2").value_or({}).size(), 3U);
}

TEST(Readers, ADeviceOpenedThroughIommufdHasUsersToo) {
  MemoryHost host = testing::load_machine("comet-lake-one-v5-4-used");
  const std::string device =
      "/sys/devices/pci0000:00/0000:00:02.0/1f3a9c5e-7b42-4d0f-8a61-c2e9d4b70f18";
  host.forget("/proc/4242/fd/31");
  EXPECT_TRUE(read_vgpu_facts(host).mediated_devices.value()->front().users.empty());
  host.add_directory(device + "/vfio-dev/vfio3");
  host.add_link("/proc/4242/fd/33", "/dev/vfio/devices/vfio3");
  EXPECT_EQ(read_vgpu_facts(host).mediated_devices.value()->front().users.size(), 1U);
}

TEST(Readers, AProcessThatEndsDoesNotMakeTheListIncomplete) {
  MemoryHost host = testing::load_machine("comet-lake-one-v5-4-used");
  host.add_unreadable("/proc/6000/fd", ENOENT);
  EXPECT_TRUE(read_vgpu_facts(host).mediated_devices.value()->front().users_complete);
  host.add_unreadable("/proc/6001/fd", EACCES);
  EXPECT_FALSE(read_vgpu_facts(host).mediated_devices.value()->front().users_complete);
}

// The second GPU and its sound function are vfio-pci's, in one group that QEMU has open.
TEST(Readers, DevicesOfVfioPciHaveTheUsersOfTheirGroup) {
  MemoryHost host = testing::load_machine("comet-lake-one-v5-4-used");
  for (const char* name : {"0000:05:00.0", "0000:05:00.1"}) {
    const std::string path = std::string("/sys/bus/pci/devices/") + name;
    host.add_file(path + "/vendor", "0x10de\n");
    host.add_file(path + "/device", "0x1f95\n");
    host.add_file(path + "/class", "0x030000\n");
    host.add_link(path + "/driver", "../../../bus/pci/drivers/vfio-pci");
    host.add_link(path + "/iommu_group", "../../../kernel/iommu_groups/16");
  }
  host.add_file("/proc/stat", "cpu  1 2 3\nbtime 1700000000\nprocesses 9\n");
  host.add_file(
      "/proc/4242/stat",
      "4242 (qemu (a) b) S 1 4242 4242 0 -1 4194560 9 0 0 0 7 3 0 0 20 0 4 0 12345 88 9\n");
  host.add_link("/proc/4242/fd/35", "/dev/vfio/16");
  host.add_link("/proc/4242/fd/36", "/dev/vfio/16");
  const Facts facts = read_vgpu_facts(host);
  for (const PciDevice& device : *facts.pci_devices.value()) {
    if (device.address.bus != 5) {
      EXPECT_TRUE(device.users.empty()) << to_text(device.address);
      continue;
    }
    ASSERT_EQ(device.users.size(), 1U) << to_text(device.address);
    EXPECT_EQ(device.users[0],
              (DeviceUser{.process_id = 4242, .command = "qemu-system-x86", .since = 1700000123}));
    EXPECT_TRUE(device.users_complete);
  }
  EXPECT_EQ(facts.mediated_devices.value()->front().users[0].since, 1700000123U);
}

TEST(Readers, AUserWhoseStartIsNotKnownIsAUser) {
  MemoryHost host = testing::load_machine("comet-lake-one-v5-4-used");
  host.add_file("/proc/stat", "btime 1700000000\n");
  host.add_file("/proc/4242/stat", "4242 (qemu) S 1\n");
  const auto users = read_vgpu_facts(host).mediated_devices.value()->front().users;
  ASSERT_EQ(users.size(), 1U);
  EXPECT_EQ(users[0].since, std::nullopt);
}

TEST(Readers, KernelConfigurationIsFoundInEachPlace) {
  for (const char* path :
       {"/boot/config-6.1", "/lib/modules/6.1/config", "/usr/lib/modules/6.1/config"}) {
    MemoryHost host;
    host.add_file(path, "CONFIG_KVM=y\n");
    EXPECT_EQ(read_kernel_config(host, "6.1").source(), path);
  }
  MemoryHost host;
  host.add_file("/proc/config.gz", gzip("CONFIG_KVM=m\n"));
  host.add_unreadable("/boot/config-6.1", EACCES);  // the next source is good enough
  const auto config = read_kernel_config(host, "6.1");
  ASSERT_TRUE(config.is_known());
  EXPECT_EQ(config.source(), "/proc/config.gz");
  EXPECT_EQ(config.value()->at("KVM"), "m");
}

TEST(Readers, ADamagedKernelConfigurationIsUnreadable) {
  MemoryHost host;
  const std::string packed = gzip(std::string(10'000, 'x'));
  host.add_file("/proc/config.gz", packed.substr(0, packed.size() / 2));
  EXPECT_NE(read_kernel_config(host, "6.1").unreadable(), nullptr);
}

TEST(Decompress, RefusesBombsAndRubbish) {
  const std::string bomb = gzip(std::string(8 << 20, '\0'));
  EXPECT_LT(bomb.size(), 10'000U);
  EXPECT_FALSE(decompress(bomb, 1 << 20));
  EXPECT_TRUE(decompress(bomb, 8 << 20));
  EXPECT_FALSE(decompress("", 100));
  EXPECT_EQ(*decompress(gzip("hello"), 5), "hello");
}

// Trees that people put together by hand have no more than that.
TEST(Readers, AGpuOfWhichOnlyTheIdsAreThereIsAGpu) {
  MemoryHost host;
  for (const auto& [name, value] :
       {std::pair("vendor", "0x8086"), {"device", "0x9b41"}, {"class", "0x030000"}}) {
    host.add_file(std::string("/sys/bus/pci/devices/0000:00:02.0/") + name, value);
  }
  const auto devices = read_pci_devices(host);
  ASSERT_TRUE(devices.is_known());
  ASSERT_EQ(devices.value()->size(), 1U);
  EXPECT_TRUE(devices.value()->front().is_gpu());
  EXPECT_TRUE(devices.value()->front().regions.empty());
}

TEST(Readers, NamesComeFromPciIds) {
  MemoryHost host = testing::load_machine("comet-lake-ready");
  // 9b41 is some vendor's device before and after Intel's part of the list, too.
  host.add_file("/usr/share/hwdata/pci.ids",
                "# comment\n1002  Other\n\t9b41  Wrong\n8086  Intel Corporation\n"
                "\t9b21  CometLake-U GT1\n# inside\n\t9b41  CometLake-U GT2 [UHD Graphics]\n"
                "\t\t144d c812  Subsystem\n9999  Third\n\t9b41  Wrong too\n");
  const auto devices = read_pci_devices(host);
  for (const PciDevice& device : *devices.value()) {
    if (!device.is_gpu()) {
      EXPECT_FALSE(device.vendor_name);
      continue;
    }
    EXPECT_EQ(device.vendor_name, "Intel Corporation");
    EXPECT_EQ(device.device_name, "CometLake-U GT2 [UHD Graphics]");
  }
}

TEST(Readers, ADeviceThatPciIdsDoesNotKnowHasNoName) {
  MemoryHost host = testing::load_machine("comet-lake-ready");
  host.add_file("/usr/share/misc/pci.ids",
                "8086  Intel Corporation\n\t0001  X\n9999  Third\n\t9b41  No\n");
  const auto devices = read_pci_devices(host);
  for (const PciDevice& device : *devices.value()) {
    EXPECT_EQ(device.vendor_name.has_value(), device.is_gpu());
    EXPECT_FALSE(device.device_name);
  }
}

TEST(Readers, DistributionFallsBackAndIsUnquoted) {
  MemoryHost host;
  host.add_file("/usr/lib/os-release", "ID=x\nPRETTY_NAME=\"A \\\"B\\\" 1\"\n");
  EXPECT_EQ(read_distribution(host).value_or(""), "A \"B\" 1");
  host.add_file("/etc/os-release", "PRETTY_NAME='C 2'\n");
  EXPECT_EQ(read_distribution(host).value_or(""), "C 2");
  host.add_file("/etc/os-release", "NAME=Z\n");
  EXPECT_TRUE(read_distribution(host).is_absent());
}

TEST(Readers, TheLiveMachineIsReadWithoutTrouble) {
  const auto host = live_host();
  const Facts facts = read_facts(*host);
  EXPECT_TRUE(facts.is_live);
  EXPECT_TRUE(facts.kernel.release.is_known());
  EXPECT_TRUE(facts.memory_bytes.is_known());
  EXPECT_TRUE(facts.memory_lock.is_known());
}

// --- IOMMUs

std::string small_dmar() {
  return testing::dmar(testing::drhd(0, 0xFED90000, testing::scope(1, 0, testing::step(2, 0))) +
                       testing::drhd(1, 0xFED91000));
}

TEST(IommuReader, WhatTheTableSays) {
  MemoryHost host;
  host.add_file("/sys/firmware/acpi/tables/DMAR", small_dmar(), 0400);
  host.add_directory("/sys/class/iommu");
  const IommuFacts iommu = read_iommu(host);
  ASSERT_TRUE(iommu.dmar.is_known());
  EXPECT_EQ(iommu.dmar.value()->structures.size(), 2U);
  EXPECT_EQ(iommu.dmar.source(), "/sys/firmware/acpi/tables/DMAR");
  EXPECT_TRUE(iommu.ivrs.is_absent());
}

// As for everybody but root: the table can be seen and not read. (A directory is the one thing of
// that kind that a machine in memory has.)
TEST(IommuReader, ATableThatMayNotBeReadIsThereAllTheSame) {
  MemoryHost host;
  host.add_directory("/sys/firmware/acpi/tables/DMAR");
  host.add_unreadable("/sys/firmware/acpi/tables/IVRS", EACCES);
  const IommuFacts iommu = read_iommu(host);
  EXPECT_TRUE(iommu.dmar_table.is_known());
  ASSERT_NE(iommu.dmar.unreadable(), nullptr);
  EXPECT_EQ(iommu.dmar.unreadable()->path, "/sys/firmware/acpi/tables/DMAR");
  ASSERT_NE(iommu.ivrs.unreadable(), nullptr);
  EXPECT_EQ(iommu.ivrs.unreadable()->why, "Permission denied");
}

TEST(IommuReader, ADamagedTableIsUnreadableAndNotAbsent) {
  MemoryHost host;
  host.add_file("/sys/firmware/acpi/tables/DMAR", "DMAR");
  host.add_file("/sys/firmware/acpi/tables/IVRS", std::string(kLargestIommuTable + 1, 'x'));
  const IommuFacts iommu = read_iommu(host);
  EXPECT_TRUE(iommu.dmar_table.is_known());
  ASSERT_NE(iommu.dmar.unreadable(), nullptr);
  EXPECT_NE(iommu.dmar.unreadable()->why.find("at least 36 bytes"), std::string::npos);
  EXPECT_NE(iommu.ivrs.unreadable(), nullptr);
}

TEST(IommuReader, TheRegistersOfEachUnit) {
  MemoryHost host;
  host.add_file("/sys/class/iommu/dmar0/intel-iommu/cap", "1c0000c40660462\n");
  host.add_file("/sys/class/iommu/dmar0/intel-iommu/ecap", "broken\n");
  host.add_file("/sys/class/iommu/dmar0/intel-iommu/address", "fed90000\n");
  host.add_file("/sys/class/iommu/ivhd0/amd-iommu/cap", "190b640f\n");
  host.add_file("/sys/class/iommu/ivhd0/amd-iommu/features", "246577efa2254afa:0\n");
  const IommuFacts iommu = read_iommu(host);
  ASSERT_EQ(iommu.registers.size(), 2U);
  const IommuUnit& intel = iommu.registers[0];
  EXPECT_EQ(intel.name, "dmar0");
  ASSERT_TRUE(intel.capabilities.is_known());
  EXPECT_EQ(intel.capabilities.value()->max_guest_address_bits, 39);
  EXPECT_NE(intel.extended_capabilities.unreadable(), nullptr);
  EXPECT_EQ(intel.register_base_address.value_or(0), 0xFED90000U);
  EXPECT_TRUE(intel.amd_features.is_absent());
  const IommuUnit& amd = iommu.registers[1];
  EXPECT_TRUE(amd.capabilities.is_absent());
  ASSERT_TRUE(amd.amd_features.is_known());
  EXPECT_TRUE(amd.amd_features.value()->guest_virtual_apic);
  EXPECT_EQ(amd.amd_capability.value_or({}).type, 3);
}

TEST(PciReader, TheBridgesAboveADevice) {
  MemoryHost host;
  const std::string behind = "/sys/devices/pci0000:00/0000:00:1c.0/0000:03:00.0";
  for (const auto& [name, value] :
       {std::pair("vendor", "0x8086"), {"device", "0x2723"}, {"class", "0x028000"}}) {
    host.add_file(behind + "/" + name, value);
    host.add_file(std::string("/sys/bus/pci/devices/0000:05:00.0/") + name, value);
  }
  host.add_link("/sys/bus/pci/devices/0000:03:00.0",
                "../../../devices/pci0000:00/0000:00:1c.0/0000:03:00.0");
  const auto devices = read_pci_devices(host);
  ASSERT_TRUE(devices.is_known());
  ASSERT_EQ(devices.value()->size(), 2U);
  EXPECT_EQ((*devices.value())[0].path,
            (std::vector<PciAddress>{{.domain = 0, .bus = 0, .device = 0x1C, .function = 0},
                                     {.domain = 0, .bus = 3, .device = 0, .function = 0}}));
  EXPECT_EQ((*devices.value())[1].path.size(), 1U) << "sysfs does not tell";
}

}  // namespace
}  // namespace cleave
