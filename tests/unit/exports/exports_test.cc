// Every definition in every format; ten of them are compared. A way there and back loses nothing
// but what is listed here.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/format.h"
#include "base/text.h"
#include "exports/export_format.h"
#include "facts/proxmox_config.h"
#include "imports/imported.h"
#include "support/golden.h"
#include "unit/vm/examples.h"
#include "vm/definition_text.h"

namespace cleave {
namespace {

const std::set<std::string> kCompared = {
    "win10",      "windows11", "linux-ten-lines", "full",         "mdev-dmabuf", "sr-iov",
    "virtio-gpu", "topology",  "disk-interfaces", "port-forwards"};

ExportHost example_host(const Vm& vm) {
  ExportHost host;
  host.resources = testing::example_resources(vm, "/run/user/1000/cleave/" + vm.name);
  if (vm.firmware.uefi) host.nvram_template = "/usr/share/OVMF/OVMF_VARS_4M.fd";
  if (vm.gpu && (vm.gpu->way == "gvt-g" || vm.gpu->way == "mdev")) {
    host.vgpu.parent = vm.gpu->parent.empty() ? "0000:00:02.0" : vm.gpu->parent;
    host.vgpu.type_id = vm.gpu->type_id.empty() ? "i915-GVTg_V5_4" : vm.gpu->type_id;
  }
  host.pci_ids = {{.address = "0000:00:02.1", .vendor = 0x8086, .device = 0xa7a0}};
  // The examples give a whole device as if it were a vGPU; here it has to be one.
  if (vm.gpu && vm.gpu->way == "passthrough") {
    host.resources.gpu_devices = {"vfio-pci,host=" + vm.gpu->device};
    if (!vm.gpu->rom.empty()) host.resources.gpu_devices[0] += ",romfile=" + vm.gpu->rom;
  }
  host.resources.usb_devices.clear();
  for (const Vm::Device& device : vm.devices) {
    if (device.usb_ids) {
      host.resources.usb_devices.push_back(
          format("usb-host,bus=usb.0,vendorid={:#06x},productid={:#06x}", device.usb_ids->vendor,
                 device.usb_ids->product));
    } else if (!device.usb_port.empty()) {
      host.resources.usb_devices.push_back(format("usb-host,bus=usb.0,hostbus={},hostport={}",
                                                  device.usb_port.substr(0, 1),
                                                  device.usb_port.substr(2)));
    }
  }
  if (!vm.firmware.code.empty()) host.resources.firmware.code = vm.firmware.code;
  if (!vm.firmware.nvram.empty()) host.resources.firmware.nvram = vm.firmware.nvram;
  return host;
}

std::string text_of(const Exported& exported) {
  std::string text;
  for (const ExportedFile& file : exported.files) {
    text += format("==> {}\n{}", file.name, file.content);
  }
  for (const Message& message : exported.not_carried) {
    text += format("not carried: {}\n", english(message));
  }
  return text;
}

std::string content_of(const ExportFormat& format, const Vm& vm) {
  return format.write(vm, example_host(vm)).files.front().content;
}

TEST(Exports, AreAsTheFilesHaveThem) {
  for (const ExportFormat& format : all_export_formats()) {
    for (const std::string& name : testing::example_names()) {
      const auto vm = testing::example(name, "/home/user/vms");
      ASSERT_TRUE(vm) << name;
      const Exported exported = format.write(*vm, example_host(*vm));
      ASSERT_FALSE(exported.files.empty()) << name;
      for (const ExportedFile& file : exported.files) {
        EXPECT_TRUE(file.content.ends_with('\n')) << file.name;
        EXPECT_EQ(file.name.find('/'), std::string::npos) << file.name;
      }
      for (const Message& message : exported.not_carried) {
        EXPECT_EQ(english(message).find('{'), std::string::npos) << english(message);
      }
      if (kCompared.count(name) == 0) continue;
      testing::expect_golden(cleave::format("exports/{}.{}", name, format.id), text_of(exported));
    }
  }
}

TEST(Exports, AreFoundByTheirName) {
  for (const ExportFormat& format : all_export_formats()) {
    EXPECT_EQ(find_export_format(format.id), &format);
  }
  EXPECT_EQ(find_export_format("vmware"), nullptr);
}

// What doctor and explain read of a configuration of Proxmox VE is the same device.
TEST(Exports, ProxmoxIsReadAsTheSameDevices) {
  for (const std::string& name : testing::example_names()) {
    const auto vm = testing::example(name, "/home/user/vms");
    ASSERT_TRUE(vm) << name;
    const GuestSettings settings =
        parse_proxmox_config(content_of(*find_export_format("proxmox"), *vm));
    EXPECT_EQ(settings.memory_bytes, vm->memory_bytes) << name;
    EXPECT_EQ(settings.machine, vm->machine) << name;
    EXPECT_EQ(settings.firmware == GuestFirmware::Ovmf, vm->firmware.uefi) << name;
    const bool passes = vm->gpu && vm->gpu->way != "virtio-gpu";
    const auto further = std::ranges::count_if(
        vm->devices, [](const Vm::Device& device) { return !device.pci.empty(); });
    EXPECT_EQ(settings.devices.size(), static_cast<std::size_t>(further) + (passes ? 1U : 0U))
        << name;
    if (passes && (vm->gpu->way == "gvt-g" || vm->gpu->way == "mdev")) {
      EXPECT_TRUE(settings.devices[0].is_mediated()) << name;
    }
  }
}

// Lines that only one of two texts has, "-" for the first.
std::vector<std::string> difference(const std::string& before, const std::string& after) {
  std::vector<std::string> found;
  std::multiset<std::string> rest;
  for (const std::string_view line : lines(after)) rest.emplace(line);
  for (const std::string_view line : lines(before)) {
    const auto same = rest.find(std::string(line));
    if (same == rest.end()) {
      found.push_back(cleave::format("-{}", line));
    } else {
      rest.erase(same);
    }
  }
  for (const std::string& line : rest) found.push_back("+" + line);
  return found;
}

// The definitions of which a way through that format changes something, and what.
std::map<std::string, std::vector<std::string>> lost_through(const char* id, ImportFormat back) {
  std::map<std::string, std::vector<std::string>> lost;
  for (const std::string& name : testing::example_names()) {
    const auto vm = testing::example(name, "/home/user/vms");
    if (!vm) continue;
    const std::string content = content_of(*find_export_format(id), *vm);
    const Result<ImportedVm> imported = import_vm(back, content, "", "fallback");
    if (!imported) {
      lost[name] = {english(imported.error()), content};
      continue;
    }
    std::vector<std::string> changes = difference(definition_text(*vm, WrittenKeys::All),
                                                  definition_text(imported->vm, WrittenKeys::All));
    for (const LostPart& part : imported->not_carried) {
      changes.push_back(cleave::format("{}: {}", part.line, english(part.message)));
    }
    if (!changes.empty()) lost[name] = std::move(changes);
  }
  return lost;
}

std::string told(const std::map<std::string, std::vector<std::string>>& lost) {
  std::string text;
  for (const auto& [name, changes] : lost) {
    text += name + "\n";
    for (const std::string& change : changes) text += "  " + change + "\n";
  }
  return text;
}

TEST(RoundTrip, ThroughLibvirtLosesWhatIsListed) {
  testing::expect_golden("exports/lost-through-libvirt.txt",
                         told(lost_through("libvirt", ImportFormat::Libvirt)));
}

TEST(RoundTrip, ThroughAScriptLosesWhatIsListed) {
  testing::expect_golden("exports/lost-through-script.txt",
                         told(lost_through("script", ImportFormat::Qemu)));
}

}  // namespace
}  // namespace cleave
