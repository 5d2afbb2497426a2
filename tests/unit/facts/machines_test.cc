// read_facts over the captured machines.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "facts/readers/read_facts.h"
#include "support/machine.h"

namespace cleave {
namespace {

using testing::load_machine;

Facts facts_of(std::string_view name) { return read_facts(load_machine(name)); }

const PciDevice* gpu_of(const Facts& facts) {
  const auto* devices = facts.pci_devices.value();
  if (devices == nullptr) return nullptr;
  const auto gpu = std::ranges::find_if(*devices, &PciDevice::is_gpu);
  return gpu == devices->end() ? nullptr : &*gpu;
}

std::vector<std::string> type_ids(const MdevParent& parent) {
  std::vector<std::string> ids;
  for (const MdevType& type : parent.types) ids.push_back(type.id);
  return ids;
}

TEST(Machines, CometLakeReady) {
  const Facts facts = facts_of("comet-lake-ready");
  ASSERT_TRUE(facts.cpu.is_known());
  EXPECT_EQ(facts.cpu.value()->vendor, "GenuineIntel");
  EXPECT_EQ(facts.cpu.value()->model, "Intel(R) Core(TM) i5-10210U CPU @ 1.60GHz");
  EXPECT_TRUE(facts.cpu.value()->vmx);
  EXPECT_FALSE(facts.cpu.value()->svm);
  EXPECT_FALSE(facts.cpu.value()->hypervisor);
  EXPECT_EQ(facts.cpu.value()->threads, 8U);
  EXPECT_EQ(facts.kvm.node, Fact<bool>(true, "/dev/kvm"));
  EXPECT_EQ(facts.kvm.accessible, Fact<bool>(true, "/dev/kvm"));
  EXPECT_EQ(facts.product.value_or(""), "SAMSUNG ELECTRONICS CO., LTD. 930QCG");
  EXPECT_EQ(facts.distribution.value_or(""), "Ubuntu 24.04.2 LTS");
  EXPECT_EQ(facts.memory_bytes.value_or(0), 16196120ULL * 1024);
  ASSERT_TRUE(facts.memory_lock.is_known());
  EXPECT_EQ(facts.memory_lock.value()->soft, 8388608U);
  EXPECT_EQ(facts.render_nodes.value_or({}), std::vector<std::string>{"/dev/dri/renderD128"});
  EXPECT_TRUE(facts.is_root);
  EXPECT_FALSE(facts.is_live);

  EXPECT_EQ(facts.kernel.release.value_or(""), "6.8.0-60-generic");
  EXPECT_EQ(facts.kernel.command_line.value()->last_value("i915.enable_gvt"), "1");
  ASSERT_TRUE(facts.kernel.config.is_known());
  EXPECT_EQ(facts.kernel.config.source(), "/boot/config-6.8.0-60-generic");
  EXPECT_EQ(facts.kernel.config.value()->at("DRM_I915_GVT_KVMGT"), "m");
  EXPECT_TRUE(facts.kernel.module("kvmgt").loaded);
  EXPECT_FALSE(facts.kernel.module("kvmgt").built_in);
  EXPECT_EQ(facts.kernel.module("i915").parameters.at("enable_gvt"),
            Fact<std::string>("Y", "/sys/module/i915/parameters/enable_gvt"));

  const PciDevice* gpu = gpu_of(facts);
  ASSERT_NE(gpu, nullptr);
  EXPECT_EQ(to_text(gpu->address), "0000:00:02.0");
  EXPECT_EQ(gpu->vendor_id, 0x8086);
  EXPECT_EQ(gpu->device_id, 0x9b41);
  EXPECT_EQ(gpu->subsystem_vendor_id, 0x144d);
  EXPECT_EQ(gpu->driver.value_or(""), "i915");
  EXPECT_TRUE(gpu->iommu_group.is_absent());
  EXPECT_TRUE(gpu->sriov_total_vfs.is_absent());
  ASSERT_GE(gpu->regions.size(), 3U);
  EXPECT_EQ(gpu->regions[2].size(), 256ULL << 20U);
  EXPECT_EQ(gpu->regions[1].size(), 0U);

  ASSERT_TRUE(facts.mdev_parents.is_known());
  ASSERT_EQ(facts.mdev_parents.value()->size(), 1U);
  const MdevParent& parent = facts.mdev_parents.value()->front();
  EXPECT_EQ(parent.name, "0000:00:02.0");
  EXPECT_EQ(parent.sysfs_path, "/sys/devices/pci0000:00/0000:00:02.0");
  EXPECT_EQ(parent.pci, gpu->address);
  EXPECT_EQ(type_ids(parent), (std::vector<std::string>{"i915-GVTg_V5_4", "i915-GVTg_V5_8"}));
  EXPECT_EQ(parent.types[0].available_instances.value_or(9), 1U);
  EXPECT_EQ(parent.types[1].available_instances.value_or(9), 2U);
  EXPECT_EQ(parse_gvt_description(parent.types[0].description.value_or(""))->width, 1920U);
  EXPECT_TRUE(facts.mediated_devices.is_known());
  EXPECT_TRUE(facts.mediated_devices.value()->empty());
  EXPECT_EQ(facts.iommu.units.value_or({}), std::vector<std::string>{"dmar1"});
  EXPECT_EQ(facts.iommu.groups.value_or(0), 4U);
  EXPECT_TRUE(facts.iommu.dmar_table.is_known());
  EXPECT_TRUE(facts.iommu.ivrs_table.is_absent());
}

TEST(Machines, CometLakePlainHasTheModulesOnDiskOnly) {
  const Facts facts = facts_of("comet-lake-plain");
  EXPECT_TRUE(facts.mdev_parents.is_absent());
  EXPECT_TRUE(facts.mediated_devices.is_absent());
  EXPECT_TRUE(facts.kernel.module_list.is_known());
  EXPECT_TRUE(facts.kernel.module_files.is_known());
  EXPECT_FALSE(facts.kernel.module("kvmgt").loaded);
  EXPECT_TRUE(facts.kernel.module("kvmgt").on_disk);
  EXPECT_TRUE(facts.kernel.module("vfio-pci").on_disk);
  EXPECT_FALSE(facts.kernel.module("vfio_mdev").on_disk);
  EXPECT_EQ(facts.kernel.module("i915").parameters.at("enable_gvt").value_or(""), "N");
}

TEST(Machines, OneDeviceIsUsedByQemu) {
  const Facts facts = facts_of("comet-lake-one-v5-4-used");
  ASSERT_TRUE(facts.mediated_devices.is_known());
  ASSERT_EQ(facts.mediated_devices.value()->size(), 1U);
  const MediatedDevice& device = facts.mediated_devices.value()->front();
  EXPECT_EQ(device.uuid, "1f3a9c5e-7b42-4d0f-8a61-c2e9d4b70f18");
  EXPECT_EQ(device.parent, "0000:00:02.0");
  EXPECT_EQ(device.type_id, "i915-GVTg_V5_4");
  EXPECT_EQ(device.iommu_group.value_or(0), 10U);
  ASSERT_EQ(device.users.size(), 1U);
  EXPECT_EQ(device.users[0].process_id, 4242U);
  EXPECT_EQ(device.users[0].command, "qemu-system-x86");
  EXPECT_TRUE(device.users_complete);
  for (const MdevType& type : facts.mdev_parents.value()->front().types) {
    EXPECT_EQ(type.available_instances.value_or(9), 0U) << type.id;
  }
}

TEST(Machines, WhatANormalUserMayNotReadIsNotAbsent) {
  const Facts facts = facts_of("unreadable");
  EXPECT_FALSE(facts.is_root);
  EXPECT_EQ(facts.kvm.accessible, Fact<bool>(false, "/dev/kvm"));
  ASSERT_NE(facts.iommu.dmar_table.unreadable(), nullptr);
  EXPECT_EQ(*facts.iommu.dmar_table.unreadable(),
            (Unreadable{.path = "/sys/firmware/acpi/tables/DMAR", .why = "Permission denied"}));
  ASSERT_NE(facts.kernel.config.unreadable(), nullptr);
  EXPECT_EQ(facts.kernel.config.unreadable()->path, "/boot/config-6.8.0-60-generic");
  const auto& enable_gvt = facts.kernel.module("i915").parameters.at("enable_gvt");
  ASSERT_NE(enable_gvt.unreadable(), nullptr);
  EXPECT_EQ(enable_gvt.source(), "/sys/module/i915/parameters/enable_gvt");
  const MdevParent& parent = facts.mdev_parents.value()->front();
  EXPECT_NE(parent.types[1].available_instances.unreadable(), nullptr);
  const MediatedDevice& device = facts.mediated_devices.value()->front();
  EXPECT_TRUE(device.users.empty());
  EXPECT_FALSE(device.users_complete);
}

TEST(Machines, ConfigurationNowhereIsAbsent) {
  const Facts facts = facts_of("no-config");
  EXPECT_TRUE(facts.kernel.config.is_absent());
  EXPECT_TRUE(facts.kernel.module_files.is_absent());
  EXPECT_TRUE(facts.kernel.module("i915").built_in);
  EXPECT_FALSE(facts.kernel.module("i915").loaded);
  EXPECT_TRUE(facts.kernel.module("kvm").loaded);
}

TEST(Machines, ParentsNeedNotBePciDevices) {
  const Facts facts = facts_of("mtty-mdpy-mbochs");
  ASSERT_TRUE(facts.mdev_parents.is_known());
  std::vector<std::string> names;
  for (const MdevParent& parent : *facts.mdev_parents.value()) {
    names.push_back(parent.name);
    EXPECT_FALSE(parent.pci);
    EXPECT_TRUE(parent.driver.is_absent());
    EXPECT_TRUE(parent.type_list.is_known());
    EXPECT_TRUE(facts.kernel.module(parent.name).loaded) << parent.name;
  }
  EXPECT_EQ(names, (std::vector<std::string>{"mbochs", "mdpy", "mtty"}));
  EXPECT_TRUE(facts.mdev_parents.value()->back().types[0].description.is_absent());
  const MediatedDevice& device = facts.mediated_devices.value()->front();
  EXPECT_EQ(device.parent, "mtty");
  EXPECT_EQ(device.type_id, "mtty-1");
  EXPECT_TRUE(facts.kvm.node.is_absent());
}

TEST(Machines, DomainsMayBeLong) {
  const Facts facts = facts_of("long-domain");
  const PciDevice* gpu = gpu_of(facts);
  ASSERT_NE(gpu, nullptr);
  EXPECT_EQ(to_text(gpu->address), "10000:00:02.0");
  EXPECT_EQ(facts.mdev_parents.value()->front().pci, gpu->address);
  EXPECT_EQ(facts.iommu.groups.value_or(9), 0U);
}

TEST(Machines, CloudMachineHasNoGpuAndNoVmx) {
  const Facts facts = facts_of("no-gpu-vm");
  EXPECT_EQ(gpu_of(facts), nullptr);
  EXPECT_TRUE(facts.pci_devices.is_known());
  EXPECT_FALSE(facts.cpu.value()->vmx);
  EXPECT_TRUE(facts.cpu.value()->hypervisor);
  EXPECT_EQ(facts.kvm.node.value_or(false), true);
  EXPECT_TRUE(facts.iommu.dmar_table.is_absent());
  EXPECT_TRUE(facts.render_nodes.is_absent());
}

TEST(Machines, OtherMakersAndGenerations) {
  const Facts amd = facts_of("amd-only");
  EXPECT_TRUE(amd.cpu.value()->svm);
  EXPECT_TRUE(amd.iommu.ivrs_table.is_known());
  EXPECT_TRUE(amd.kernel.module("amdgpu").loaded);
  EXPECT_EQ(gpu_of(amd)->iommu_group.value_or(0), 22U);
  EXPECT_EQ(gpu_of(facts_of("nvidia-only"))->vendor_id, 0x10de);
  EXPECT_EQ(gpu_of(facts_of("tiger-lake"))->sriov_total_vfs.value_or(0), 7U);
  EXPECT_EQ(facts_of("kabylake-guc").kernel.command_line.value()->last_value("i915.enable_guc"),
            "3");
  EXPECT_EQ(facts_of("broadwell").mdev_parents.value()->front().types[0].id, "i915-GVTg_V4_4");
  EXPECT_EQ(gpu_of(facts_of("gemini-lake-unsupported"))->device_id, 0x3185);
}

}  // namespace
}  // namespace cleave
