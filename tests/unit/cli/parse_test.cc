#include "cli/parse.h"

#include <gtest/gtest.h>

namespace cleave {
namespace {

Result<ExitStatus> nothing(CommandContext& /*context*/) { return ExitStatus::Done; }

const std::vector<Command>& commands() {
  static const std::vector<Command> kCommands = {
      {"doctor", "", {{"--from", "MACHINE", ""}}, {}, nothing},
      {"vgpu create", "", {{"--type", "TYPE", ""}, {"--dry-run", nullptr, ""}}, {}, nothing},
      {"qemu build", "", {{"--version", "VERSION", ""}}, {}, nothing},
      {"vm list", "", {}, {}, nothing},
      {"vm new",
       "",
       {{.name = "--os",
         .value = "GUEST",
         .help = "",
         .choices = [] { return std::vector<std::string>{"linux", "windows"}; }}},
       {},
       nothing},
      {"vm show", "", {}, {{"NAME", ""}}, nothing},
      {"vm screenshot", "", {}, {{"NAME", ""}, {"FILE", "", false}}, nothing},
      {"vm snapshot create", "", {}, {{"NAME", ""}, {"SNAPSHOT", ""}}, nothing},
      {"vm snapshot list", "", {}, {{"NAME", ""}}, nothing},
      {"lab run", "", {{"--get", "PATH", "", true}}, {{"COMMAND", "", true, true}}, nothing},
      {"lab-agent", "", {}, {}, nothing, true},
  };
  return kCommands;
}

Invocation parsed(const std::vector<std::string>& words) {
  const Result<Invocation> invocation = parse_command_line(words, commands());
  EXPECT_TRUE(invocation) << english(invocation.error());
  return invocation ? *invocation : Invocation();
}

Error refused(const std::vector<std::string>& words) {
  const Result<Invocation> invocation = parse_command_line(words, commands());
  EXPECT_FALSE(invocation);
  return invocation ? Error() : invocation.error();
}

TEST(Parse, FindsTheCommandAndItsOptions) {
  const Invocation invocation = parsed({"vgpu", "create", "--type", "i915-GVTg_V5_4", "--dry-run"});
  ASSERT_NE(invocation.command, nullptr);
  EXPECT_STREQ(invocation.command->name, "vgpu create");
  EXPECT_EQ(invocation.arguments.get("--type"), "i915-GVTg_V5_4");
  EXPECT_TRUE(invocation.arguments.has("--dry-run"));
}

TEST(Parse, AGroupCanHaveGroups) {
  const Invocation invocation = parsed({"vm", "snapshot", "create", "demo", "one"});
  ASSERT_NE(invocation.command, nullptr);
  EXPECT_STREQ(invocation.command->name, "vm snapshot create");
  EXPECT_EQ(invocation.arguments.get("SNAPSHOT"), "one");
  EXPECT_STREQ(parsed({"vm", "list"}).command->name, "vm list");
  EXPECT_EQ(parsed({"vm", "snapshot", "--help"}).help_topic, "vm snapshot");
  EXPECT_EQ(english(refused({"vm", "snapshot"}).message),
            "“cleave vm snapshot” needs one of: create, list.");
  EXPECT_EQ(english(refused({"vm", "snapshot", "creat"}).remedy), "Did you mean “create”?");
}

TEST(Parse, TakesCommonOptionsBeforeAndBehindTheCommand) {
  EXPECT_TRUE(parsed({"--json", "doctor"}).json);
  EXPECT_TRUE(parsed({"doctor", "--json"}).json);
  EXPECT_TRUE(parsed({"vgpu", "--json", "create"}).json);
  EXPECT_EQ(parsed({"doctor", "--root=/captured"}).root, "/captured");
}

TEST(Parse, AVersionThatTakesAValueIsNotThatOfCleave) {
  const Invocation invocation = parsed({"qemu", "build", "--version", "8.2.0"});
  EXPECT_FALSE(invocation.version);
  ASSERT_NE(invocation.command, nullptr);
  EXPECT_EQ(invocation.arguments.get("--version"), "8.2.0");
  EXPECT_TRUE(parsed({"--version"}).version);
}

TEST(Parse, AWordThatIsAlsoACommandIsStillAName) {
  EXPECT_EQ(parsed({"vm", "show", "list"}).arguments.get("NAME"), "list");
  EXPECT_EQ(parsed({"vm", "show", "doctor"}).arguments.get("NAME"), "doctor");
}

TEST(Parse, ACommandThatIsNamedOnlyBehindTheDashesIsNotMeant) {
  EXPECT_EQ(english(refused({"vm", "--", "show"}).message), english(refused({"vm"}).message));
  const Invocation invocation = parsed({"lab", "run", "--", "vm", "list"});
  EXPECT_STREQ(invocation.command->name, "lab run");
  EXPECT_EQ(parsed({"doctor", "--from", "vm"}).arguments.get("--from"), "vm");
}

TEST(Parse, EverythingBehindTheDashesBelongsToTheLastPositional) {
  const Invocation invocation =
      parsed({"lab", "run", "--get", "a", "--get", "b:c", "--", "ls", "-la", "--json", "vm"});
  EXPECT_FALSE(invocation.json);
  EXPECT_EQ(invocation.arguments.all("--get"), (std::vector<std::string>{"a", "b:c"}));
  EXPECT_EQ(invocation.arguments.all("COMMAND"),
            (std::vector<std::string>{"ls", "-la", "--json", "vm"}));
}

TEST(Parse, ANameMayStartWithADashBehindTheDashes) {
  EXPECT_EQ(parsed({"vm", "show", "--", "-x"}).arguments.get("NAME"), "-x");
}

TEST(Parse, GivesEachPositionalItsWord) {
  const Invocation invocation = parsed({"vm", "screenshot", "win10", "a.png"});
  EXPECT_EQ(invocation.arguments.all("NAME"), std::vector<std::string>{"win10"});
  EXPECT_EQ(invocation.arguments.all("FILE"), std::vector<std::string>{"a.png"});
  EXPECT_FALSE(parsed({"vm", "screenshot", "win10"}).arguments.has("FILE"));
}

TEST(Parse, NamesTheNearestCommandAndOption) {
  EXPECT_EQ(english(refused({"doctr"}).remedy), "Did you mean “doctor”?");
  EXPECT_EQ(english(refused({"vgpu", "craete"}).remedy), "Did you mean “create”?");
  EXPECT_EQ(english(refused({"doctor", "--form", "x"}).remedy), "Did you mean “--from”?");
}

TEST(Parse, NeverOffersAHiddenCommand) {
  EXPECT_EQ(english(refused({"lab-agnt"}).remedy).find("lab-agent"), std::string::npos);
}

TEST(Parse, RefusesWhatIsMissingOrTooMuch) {
  EXPECT_EQ(refused({}).code, ErrorCode::Malformed);
  EXPECT_EQ(english(refused({"vm", "show"}).message), "NAME is missing.");
  EXPECT_EQ(english(refused({"lab", "run"}).message), "COMMAND is missing.");
  EXPECT_EQ(english(refused({"vgpu", "create", "--type"}).message), "--type needs a value.");
  refused({"vm", "show", "a", "b"});
  refused({"vm", "list", "--", "b"});
  refused({"doctor", "--from", "a", "--from", "b"});
  refused({"vgpu"});
  refused({"lab", "run", "--limit", "0", "--", "ls"});
  refused({"lab", "run", "--limit", "soon", "--", "ls"});
}

TEST(Parse, TakesOneOfTheChoicesAlone) {
  EXPECT_EQ(parsed({"vm", "new", "--os", "linux"}).arguments.get("--os"), "linux");
  const Error error = refused({"vm", "new", "--os", "windwos"});
  EXPECT_EQ(english(error.message), "--os is “windwos”; it must be one of: linux, windows");
  EXPECT_EQ(english(error.remedy), "Did you mean “windows”?");
}

TEST(Parse, HelpNeedsNothingElse) {
  EXPECT_TRUE(parsed({"vm", "show", "--help"}).help);
  EXPECT_EQ(parsed({"vm", "show", "--help"}).help_topic, "vm show");
  EXPECT_EQ(parsed({"vm", "--help"}).help_topic, "vm");
  EXPECT_EQ(parsed({"--help"}).help_topic, "");
}

TEST(LanguageOption, IsFoundAnywhereButBehindTheDashes) {
  EXPECT_EQ(language_option({"doctor", "--lang", "ko"}), "ko");
  EXPECT_EQ(language_option({"--lang=ko", "doctor"}), "ko");
  EXPECT_EQ(language_option({"lab", "run", "--", "cleave", "--lang", "ko"}), "");
  EXPECT_EQ(language_option({"doctor", "--lang"}), "");
}

}  // namespace
}  // namespace cleave
