#include "vm/definition_edit.h"

#include <gtest/gtest.h>

#include "vm/vm.h"

namespace cleave {
namespace {

Result<CopiedDefinition> copy(const std::string& text, const std::vector<MovedImage>& images) {
  const auto parsed = parse_definition(text, "/vms/old.toml");
  EXPECT_TRUE(parsed.has_value() && parsed->problems.empty()) << text;
  return copy_definition(text, parsed->definition, "new", images);
}

TEST(DefinitionEdit, OnlyWhatMustChangeChanges) {
  const auto copied = copy(
      "# my VM\nname = \"old\"\nmemory = \"4G\"\n\n[[disk]]\n  file = \"/vms/old.qcow2\"\n"
      "format = \"qcow2\"\n[[network]]\nmac = \"52:54:00:12:34:56\"\n[gpu]\nway = \"gvt-g\"\n"
      "uuid = \"5ab0c7a1-0000-5000-8000-000000000001\"\n",
      {{.disk = 0, .file = "/vms/new.qcow2", .becomes_qcow2 = false}});
  ASSERT_TRUE(copied.has_value()) << english(copied.error());
  EXPECT_EQ(copied->text,
            "# my VM\nname = \"new\"\nmemory = \"4G\"\n\n[[disk]]\n  file = \"/vms/new.qcow2\"\n"
            "format = \"qcow2\"\n[[network]]\n[gpu]\nway = \"gvt-g\"\n");
  EXPECT_EQ(copied->removed.size(), 2U);
}

TEST(DefinitionEdit, ARawDiskOfALinkedCopyBecomesQcow2) {
  const auto copied = copy("[[disk]]\nformat = \"raw\"\nfile = \"/vms/a\"\n",
                           {{.disk = 0, .file = "/vms/new-a.qcow2", .becomes_qcow2 = true}});
  ASSERT_TRUE(copied.has_value()) << english(copied.error());
  EXPECT_EQ(copied->text, "[[disk]]\nformat = \"qcow2\"\nfile = \"/vms/new-a.qcow2\"\n");
}

TEST(DefinitionEdit, AKeyAmongOthersIsRefused) {
  const auto refused = copy("disk = [{ file = \"/vms/old.qcow2\" }]\n",
                            {{.disk = 0, .file = "/vms/new.qcow2", .becomes_qcow2 = false}});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::Unsupported);
}

TEST(DefinitionEdit, AStringIsQuoted) {
  EXPECT_EQ(toml_string("/a \"b\"\\\x01"), "\"/a \\\"b\\\"\\\\\\u0001\"");
}

}  // namespace
}  // namespace cleave
