// What cleave makes of a definition on one laptop with each QEMU that answered once: the command
// line, or what `cleave vm check` says. tests/qemu_versions/start_test.py starts them for real.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "app/qemu.h"
#include "app/vm.h"
#include "base/format.h"
#include "base/text.h"
#include "facts/readers/readers.h"
#include "support/machine.h"
#include "support/recorded_qemu.h"
#include "unit/app/mina.h"

namespace cleave {
namespace {

constexpr const char* kQemu = "/usr/bin/qemu-system-x86_64";
constexpr const char* kGpu = "/sys/devices/pci0000:00/0000:00:02.0";

VmEnvironment environment_of_root_for_mina() {
  VmEnvironment environment = environment_of_mina("/home/user");
  environment.is_root = true;
  environment.home = "/home/user";
  return environment;
}

std::string firmware_description() {
  return R"({"interface-types":["uefi"],"mapping":{"device":"flash",
             "executable":{"filename":"/usr/share/OVMF/OVMF_CODE_4M.ms.fd","format":"raw"},
             "nvram-template":{"filename":"/usr/share/OVMF/OVMF_VARS_4M.ms.fd","format":"raw"}},
             "targets":[{"architecture":"x86_64","machines":["pc-q35-*"]}],
             "features":["secure-boot","enrolled-keys","requires-smm"]})";
}

std::string plain_firmware_description() {
  return R"({"interface-types":["uefi"],"mapping":{"device":"flash",
             "executable":{"filename":"/usr/share/OVMF/OVMF_CODE_4M.fd","format":"raw"},
             "nvram-template":{"filename":"/usr/share/OVMF/OVMF_VARS_4M.fd","format":"raw"}},
             "targets":[{"architecture":"x86_64","machines":["pc-i440fx-*","pc-q35-*"]}],
             "features":[]})";
}

// A laptop with GVT-g that has all that a definition may want: what is missing is QEMU's.
MemoryHost laptop(const QemuAbilities& qemu) {
  MemoryHost host = testing::load_machine("comet-lake-ready");
  host.add_file("/proc/sys/kernel/osrelease", "6.13.4-1\n");
  host.add_device("/dev/kvm", 0666, 10, 232);
  host.add_device("/dev/dri/renderD128", 0666, 226, 128);
  host.add_link("/dev/dri/by-path/pci-0000:00:02.0-render", "../renderD128");
  for (const char* program :
       {"/usr/bin/swtpm", "/usr/libexec/virtiofsd", "/usr/libexec/virgl_render_server"}) {
    host.add_file(program, "", 0755);
  }
  host.add_file("/var/lib/dpkg/status",
                "Package: libvirglrenderer1\nStatus: install ok installed\n"
                "Architecture: amd64\nMulti-Arch: same\nVersion: 1.3.0-1\n");
  host.add_file("/usr/share/qemu/firmware/40-secure.json", firmware_description());
  host.add_file("/usr/share/qemu/firmware/60-plain.json", plain_firmware_description());
  host.add_directory("/home/user/work");
  const auto program = read_qemu_program(host, kQemu, {});
  EXPECT_TRUE(program);
  host.add_file("/var/cache/cleave/qemu/" + qemu_file_name(program->identity),
                qemu_file(program->identity, qemu));
  return host;
}

// The definitions that want the laptop otherwise.
void change_for(const std::string& definition, MemoryHost& host) {
  if (definition == "gvt-g-without-groups") {
    host.add_directory("/sys/class/vfio-dev");
    host.add_device("/dev/iommu", 0666, 10, 126);
  }
  if (!definition.starts_with("igd-")) return;
  host.add_directory("/sys/bus/pci/drivers/vfio-pci");
  host.add_link(std::string(kGpu) + "/driver", "/sys/bus/pci/drivers/vfio-pci");
  host.add_link(std::string(kGpu) + "/iommu_group", "/sys/kernel/iommu_groups/1");
  host.add_link("/sys/kernel/iommu_groups/1/devices/0000:00:02.0", kGpu);
}

std::string problem_text(const char* id, const Message& message, const Message& remedy) {
  std::string text = format("problem: {}: {}\n", id, english(message));
  if (!remedy.empty()) text += "    " + english(remedy) + "\n";
  return text;
}

std::string outcome(const std::string& name, const Vm& vm, const std::string& version) {
  MemoryHost host = laptop(testing::recorded_qemu(version));
  change_for(name, host);
  for (const Vm::Disk& disk : vm.disks) host.add_file(disk.file, "", 0666);
  const VmEnvironment environment = environment_of_root_for_mina();
  const auto problems = check_machine(host, environment, vm, true);
  if (!problems) return problem_text("-", problems.error().message, problems.error().remedy);
  std::string text;
  for (const VmProblem& problem : *problems) {
    text += problem_text(problem.id.c_str(), problem.message, problem.remedy);
  }
  if (!text.empty()) return text;
  const auto line = command_line_of(host, environment, vm);
  if (!line) return problem_text("-", line.error().message, line.error().remedy);
  for (const ArgumentGroup& group : line->groups) {
    text += group.name + ": " + join(group.arguments, " | ") + "\n";
  }
  return text;
}

// By number: "5.2" before "10.0".
std::vector<std::string> versions() {
  std::vector<std::string> all = testing::recorded_qemu_versions();
  std::ranges::sort(all, {}, [](const std::string& name) { return parse_package_version(name); });
  return all;
}

class QemuVersions : public ::testing::TestWithParam<std::string> {};

// One section for all versions that come to the same.
TEST_P(QemuVersions, CommandLine) {
  const std::string file = "golden/qemu_versions/" + GetParam() + ".toml";
  const auto checked =
      read_definition(testing::read_test_file(file), GetParam() + ".toml", "/home/user/vms");
  ASSERT_TRUE(checked && checked->vm) << file;
  std::vector<std::pair<std::string, std::string>> sections;  // versions, text
  for (const std::string& version : versions()) {
    const std::string text = outcome(GetParam(), *checked->vm, version);
    // The version itself stands in many a problem.
    const std::string plain =
        replace_all(text, "QEMU " + to_text(testing::recorded_qemu(version).version), "QEMU …");
    if (!sections.empty() && sections.back().second == plain) {
      sections.back().first += " " + version;
    } else {
      sections.emplace_back(version, plain);
    }
  }
  std::string all;
  for (const auto& [which, text] : sections) all += format("== QEMU {}\n{}", which, text);
  testing::expect_golden("qemu_versions/" + GetParam() + ".txt", all);
}

INSTANTIATE_TEST_SUITE_P(Vm, QemuVersions,
                         ::testing::ValuesIn(testing::file_stems("golden/qemu_versions", ".toml")),
                         [](const auto& which) { return replace_all(which.param, "-", "_"); });

}  // namespace
}  // namespace cleave
