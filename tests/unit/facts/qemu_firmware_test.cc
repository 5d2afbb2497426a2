#include "facts/qemu_firmware.h"

#include <gtest/gtest.h>

#include "base/format.h"

namespace cleave {
namespace {

std::string description(const std::string& machine, const std::string& features,
                        const std::string& device = "flash") {
  return format(R"({{"interface-types":["bios","uefi"],"mapping":{{"device":"{}",)"
                R"("executable":{{"filename":"/fw/CODE.fd","format":"raw"}},)"
                R"("nvram-template":{{"filename":"/fw/VARS.fd","format":"raw"}}}},)"
                R"("targets":[{{"architecture":"aarch64","machines":["virt-*"]}},)"
                R"({{"architecture":"x86_64","machines":["{}"]}}],"features":[{}]}})",
                device, machine, features);
}

QemuFirmware firmware(const std::string& machine, const std::string& features) {
  auto parsed = parse_qemu_firmware(description(machine, features), "/fw/a.json");
  EXPECT_TRUE(parsed);
  return parsed ? std::move(*parsed) : QemuFirmware();
}

TEST(QemuFirmware, TellsWhereItsFilesAre) {
  const QemuFirmware found = firmware("pc-q35-*", R"("acpi-s3")");
  EXPECT_EQ(found.code, "/fw/CODE.fd");
  EXPECT_EQ(found.nvram, "/fw/VARS.fd");
  EXPECT_TRUE(found.fits_machine("q35"));
  EXPECT_FALSE(found.fits_machine("pc"));
  EXPECT_TRUE(firmware("pc-i440fx-*", "").fits_machine("pc"));
}

TEST(QemuFirmware, OfAnotherKindIsNoMistake) {
  const auto memory = parse_qemu_firmware(description("pc-q35-*", "", "memory"), "/fw/a.json");
  EXPECT_EQ(memory.error().code, ErrorCode::Unsupported);
  EXPECT_EQ(parse_qemu_firmware("{}", "/fw/a.json").error().code, ErrorCode::Malformed);
  EXPECT_EQ(parse_qemu_firmware("[", "/fw/a.json").error().code, ErrorCode::Malformed);
}

TEST(QemuFirmware, IsChosenByMachineAndSecureBoot) {
  const std::vector<QemuFirmware> all = {
      firmware("pc-q35-*", R"("secure-boot","enrolled-keys","requires-smm")"),
      firmware("pc-q35-*", R"("secure-boot","requires-smm")"), firmware("pc-q35-*", R"("acpi-s3")"),
      firmware("pc-i440fx-*", "")};
  EXPECT_EQ(choose_qemu_firmware(all, "q35", true), all.data());
  EXPECT_EQ(choose_qemu_firmware(all, "q35", false), &all[2]);
  EXPECT_EQ(choose_qemu_firmware(all, "pc", false), &all[3]);
  EXPECT_EQ(choose_qemu_firmware(all, "pc", true), nullptr);
  EXPECT_EQ(choose_qemu_firmware({}, "q35", false), nullptr);
}

}  // namespace
}  // namespace cleave
