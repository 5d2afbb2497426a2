// QEMU's programs and answers: the texts, and the reader where machines are odd.
#include "facts/qemu.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "base/text.h"
#include "facts/packages.h"
#include "facts/readers/read_facts.h"
#include "facts/readers/readers.h"
#include "support/machine.h"

namespace cleave {
namespace {

constexpr const char* kProgram = "/usr/bin/qemu-system-x86_64";
constexpr const char* kModule = "/usr/lib/x86_64-linux-gnu/qemu/ui-gtk.so";

Json json_of(std::string_view text) {
  auto json = parse_json(text);
  EXPECT_TRUE(json) << text;
  return json ? *json : Json();
}

QemuAbilities some_abilities() {
  QemuAbilities abilities;
  abilities.version = {.major = 10, .minor = 0, .micro = 13};
  abilities.package = "Debian 1:10.0.13";
  abilities.machines = {"pc", "q35"};
  abilities.devices["vfio-pci"] = {{"display", "off"}, {"x-igd-opregion", "false"}};
  abilities.devices["vfio-pci-nohotplug"] = {{"ramfb", "false"}};
  abilities.devices["virtio-vga-gl"] = {{"blob", "false"}, {"venus", "false"}};
  abilities.devices["ramfb"] = {};
  abilities.displays = {"egl-headless", "gtk", "none"};
  abilities.opengl = true;
  abilities.accelerators = {"kvm", "tcg"};
  abilities.audio_drivers = {"none", "pa"};
  abilities.sandbox = true;
  return abilities;
}

QemuIdentity some_identity() {
  return {.path = kProgram, .inode = 7, .size = 100, .modified = 1'700'000'000, .modules = "ab"};
}

QemuIdentity identity_at(std::string path) {
  QemuIdentity identity;
  identity.path = std::move(path);
  return identity;
}

TEST(QemuVersion, OfPackages) {
  EXPECT_EQ(parse_package_version("1:7.2+dfsg-7"), (Version{7, 2, 0}));
  EXPECT_EQ(parse_package_version("0.10.4-1"), (Version{0, 10, 4}));
  EXPECT_EQ(parse_package_version("1.0.0-1ubuntu2"), (Version{1, 0, 0}));
  EXPECT_EQ(parse_package_version("26"), (Version{26, 0, 0}));
  EXPECT_EQ(parse_package_version("1."), (Version{1, 0, 0}));
  EXPECT_EQ(parse_package_version("git"), std::nullopt);
  EXPECT_EQ(parse_package_version(""), std::nullopt);
  EXPECT_EQ(parse_package_version("99999999999.1"), std::nullopt);
}

TEST(QemuReplies, AreUnderstood) {
  std::string package;
  const auto version = version_in_reply(
      json_of(R"({"qemu":{"major":7,"minor":2,"micro":22},"package":"Debian 1:7.2"})"), package);
  ASSERT_TRUE(version);
  EXPECT_EQ(to_text(*version), "7.2.22");
  EXPECT_EQ(package, "Debian 1:7.2");
  const QemuProperties properties = properties_in_reply(
      json_of(R"([{"name":"display","default-value":"off"},{"name":"x-vga","default-value":true},
                  {"name":"xres","default-value":5},{"name":"host"},{"name":"other"}])"),
      {"display", "x-vga", "xres", "host", "ramfb"});
  EXPECT_EQ(properties,
            (QemuProperties{{"display", "off"}, {"host", ""}, {"x-vga", "true"}, {"xres", "5"}}));
  EXPECT_EQ(machines_in_reply(json_of(R"([{"name":"pc-q35-7.2","alias":"q35"},{"name":"none"}])")),
            (std::vector<std::string>{"none", "pc-q35-7.2", "q35"}));
  EXPECT_EQ(accelerators_in_reply(
                json_of(R"([{"name":"tcg-accel"},{"name":"kvm-accel"},{"name":"accel"}])")),
            (std::vector<std::string>{"kvm", "tcg"}));
  EXPECT_TRUE(has_command_line_option(json_of(R"([{"option":"sandbox"}])"), "sandbox"));
  const QemuSchema schema = schema_in_reply(json_of(
      R"([{"name":"query-display-options","ret-type":"1"},{"name":"query-spice"},
          {"name":"1","members":[{"name":"gl","type":"3"},{"name":"type","type":"2"}]},
          {"name":"2","values":["none","egl-headless"]}])"));
  EXPECT_TRUE(schema.opengl);
  EXPECT_TRUE(schema.spice);
}

TEST(QemuReplies, NonsenseGivesNothing) {
  for (const char* text : {"null", "[]", "{}", "3", R"("x")", R"([{"name":3},null,[],"x"])"}) {
    const Json reply = json_of(text);
    std::string package;
    EXPECT_FALSE(version_in_reply(reply, package)) << text;
    EXPECT_TRUE(properties_in_reply(reply, {"display"}).empty());
    EXPECT_TRUE(machines_in_reply(reply).empty());
    EXPECT_TRUE(accelerators_in_reply(reply).empty());
    EXPECT_FALSE(has_command_line_option(reply, "sandbox"));
    EXPECT_FALSE(schema_in_reply(reply).opengl);
  }
}

TEST(QemuReplies, ASchemaThatLeadsNowhereHasNoOpenGl) {
  for (const char* text : {R"([{"name":"query-display-options","ret-type":"nowhere"}])",
                           R"([{"name":"query-display-options","ret-type":"1"},{"name":"1",
                               "members":[{"name":"type","type":"1"}]}])"}) {
    EXPECT_FALSE(schema_in_reply(json_of(text)).opengl);
  }
}

TEST(QemuReplies, HelpIsOneWordALine) {
  EXPECT_EQ(
      words_in_help("Available display backend types:\nnone\ngtk\r\nspice-app\n\nSome display "
                    "backends support suboptions\n   -display backend,option=value\nesc\x1b\n"),
      (std::vector<std::string>{"gtk", "none", "spice-app"}));
  EXPECT_TRUE(words_in_help("").empty());
}

TEST(QemuAbilities, WhatEachBrings) {
  QemuAbilities abilities = some_abilities();
  EXPECT_TRUE(abilities.has_kvm() && abilities.has_virgl() && abilities.has_venus());
  EXPECT_TRUE(abilities.has_vgpu_display() && abilities.has_boot_display());
  EXPECT_FALSE(abilities.has_native_context());
  EXPECT_EQ(abilities.opengl_displays(), (std::vector<std::string>{"egl-headless", "gtk"}));
  abilities.opengl = false;
  EXPECT_FALSE(abilities.has_virgl() || abilities.has_venus() || abilities.has_vgpu_display());
}

TEST(QemuFile, IsReadAsItWasWritten) {
  const std::string text = qemu_file(some_identity(), some_abilities());
  const auto read = parse_qemu_file(text, some_identity());
  ASSERT_TRUE(read) << english(read.error());
  EXPECT_EQ(*read, some_abilities());
}

TEST(QemuFile, IsForExactlyOneProgram) {
  const std::string text = qemu_file(some_identity(), some_abilities());
  for (int member = 0; member < 5; ++member) {
    QemuIdentity other = some_identity();
    if (member == 0) other.path = "/usr/bin/kvm";
    if (member == 1) other.inode = 8;
    if (member == 2) other.size = 101;
    if (member == 3) other.modified = 1;
    if (member == 4) other.modules = "";
    EXPECT_EQ(parse_qemu_file(text, other).error().code, ErrorCode::Conflict) << member;
  }
  EXPECT_NE(qemu_file_name(identity_at("/a/b/qemu")), qemu_file_name(identity_at("/a-b/qemu")));
  EXPECT_EQ(qemu_file_name(identity_at(kProgram)), "qemu-system-x86_64-35fbf3952134b61f.json");
  EXPECT_LT(qemu_file_name(identity_at("/" + std::string(5000, 'x'))).size(), 100U);
  EXPECT_EQ(qemu_file_name(identity_at("/x/\x1b\xff y")).find('\x1b'), std::string::npos);
}

TEST(QemuFile, BrokenOnesAreRefusedAndCutOnesToo) {
  const std::string text = qemu_file(some_identity(), some_abilities());
  for (std::size_t length = 0; length + 2 < text.size(); ++length) {
    EXPECT_FALSE(parse_qemu_file(text.substr(0, length), some_identity())) << length;
  }
  const std::vector<std::pair<const char*, const char*>> changes = {
      {"abilities/1", "abilities/2"},
      {"\"10.0.13\"", "\"10.0\""},
      {"\"10.0.13\"", "10"},
      {"\"opengl\": true", "\"opengl\": 1"},
      {"\"kvm\"", "\"k v m\""},
      {"\"kvm\"", "7"},
      {"\"display\": \"off\"", "\"display\": null"},
      {"\"ramfb\": {}", "\"ramfb\": []"},
      {"\"sandbox\"", "\"sandbag\""},
      {"\"q35\"", "\"\xff\xfe\""},
      {"\"machines\": [", "\"machines\": 3, \"x\": ["}};
  for (const auto& [from, to] : changes) {
    const std::string changed = replace_all(text, from, to);
    EXPECT_NE(changed, text) << from;
    EXPECT_FALSE(parse_qemu_file(changed, some_identity())) << to;
  }
  EXPECT_FALSE(parse_qemu_file(std::string(kQemuFileLimit + 1, ' '), some_identity()));
  EXPECT_FALSE(parse_qemu_file(std::string("\x7f"
                                           "ELF\0\0",
                                           6),
                               some_identity()));
}

TEST(Packages, OfDpkgWithWhatIsInstalledOnly) {
  const std::string status =
      "Package: libgl1-mesa-dri\nStatus: deinstall ok config-files\nVersion: 1\n\n"
      "Package: libgl1-mesa-dri\nStatus: install ok installed\nMaintainer: Mina <m@example.org>\n"
      "Version: 25.0.7-2\nDescription: x\n Package: libvirglrenderer1\n\n"
      "Package: libvirglrenderer1-dev\nStatus: install ok installed\nVersion: 9\n";
  EXPECT_EQ(dpkg_version(status, "libgl1-mesa-dri"), "25.0.7-2");
  EXPECT_EQ(dpkg_version(status, "libvirglrenderer1"), "");
  EXPECT_EQ(dpkg_version("", "libvirglrenderer1"), "");
  EXPECT_EQ(dpkg_version("Package: libvirglrenderer1", "libvirglrenderer1"), "");
  const std::string excerpt = dpkg_excerpt(status);
  EXPECT_EQ(excerpt.find("Mina"), std::string::npos);
  EXPECT_EQ(dpkg_version(excerpt, "libgl1-mesa-dri"), "25.0.7-2");
  EXPECT_EQ(dpkg_excerpt(excerpt), excerpt);
}

TEST(Packages, OfAChangelog) {
  EXPECT_EQ(changelog_version("mesa (1:25.0.7-2) unstable; urgency=medium\n\n (no)\n"),
            "1:25.0.7-2");
  for (const char* text : {"", "mesa", "mesa )(", "mesa (", "\n (1.0)", "mesa ) (1)"}) {
    EXPECT_EQ(changelog_version(text), "") << text;
  }
}

TEST(Packages, OfPacman) {
  EXPECT_EQ(pacman_version("mesa-1:25.2.6-1", "mesa"), "1:25.2.6-1");
  EXPECT_EQ(pacman_version("mesa-utils-9.0.0-4", "mesa"), std::nullopt);
  EXPECT_EQ(pacman_version("mesa", "mesa"), std::nullopt);
}

class QemuReader : public ::testing::Test {
 protected:
  QemuReader() {
    set_program(kProgram, {});
    host_.add_file(kModule, "module");
    host_.add_file("/var/lib/dpkg/info/libvirglrenderer1:amd64.list", "/.\n");
    host_.add_file("/var/lib/dpkg/status",
                   "Package: libvirglrenderer1\nStatus: install ok installed\nVersion: 1.1.0-2\n");
  }

  void set_program(std::string_view path, const FileStatus& like) {
    MemoryNode node;
    node.status = like;
    node.status.kind = FileKind::Regular;
    node.status.mode = 0755;
    host_.set_node(path, std::move(node));
  }
  QemuFacts read() { return read_qemu(host_, {"/home/mina/answers", kSystemQemuAnswers}); }
  QemuProgram program() {
    const auto programs = read().programs.value_or({});
    EXPECT_EQ(programs.size(), 1U);
    return programs.empty() ? QemuProgram() : programs.front();
  }
  std::string why_unknown() {
    const QemuProgram one = program();
    const Unreadable* unknown = one.abilities.unreadable();
    return unknown == nullptr ? "" : unknown->why;
  }
  std::string keep(const std::string& directory) {
    const QemuIdentity identity = program().identity;
    const std::string file = join_path(directory, qemu_file_name(identity));
    host_.add_file(file, qemu_file(identity, some_abilities()));
    return file;
  }

  MemoryHost host_;
};

TEST_F(QemuReader, NotAskedIsUnknown) {
  EXPECT_EQ(why_unknown(), "not asked yet");
  EXPECT_EQ(read().virglrenderer, Fact<std::string>("1.1.0-2", "/var/lib/dpkg/status"));
  EXPECT_TRUE(read().mesa.is_absent());
}

TEST_F(QemuReader, WhatWasKeptIsKnownUntilTheProgramOrAModuleChanges) {
  keep(kSystemQemuAnswers);
  EXPECT_EQ(program().abilities, Fact<QemuAbilities>(some_abilities(), kProgram));
  host_.add_file(kModule, "another module");
  EXPECT_EQ(why_unknown(), "The program has changed since it was asked.");
  keep(kSystemQemuAnswers);
  set_program(kProgram, {.size = 5});
  EXPECT_EQ(why_unknown(), "The program has changed since it was asked.");
  keep(kSystemQemuAnswers);
  set_program(kProgram, {.size = 5, .modified = 1});
  EXPECT_EQ(why_unknown(), "The program has changed since it was asked.");
}

TEST_F(QemuReader, TheFirstDirectoryWithGoodAnswersDecides) {
  const std::string system = keep(kSystemQemuAnswers);
  const std::string own = keep("/home/mina/answers");
  EXPECT_EQ(program().kept_in, own);
  host_.add_file(own, "{");
  EXPECT_EQ(program().kept_in, system);
  EXPECT_TRUE(program().abilities.is_known());
  host_.add_file(system, "{");
  EXPECT_EQ(program().kept_in, own);
  EXPECT_FALSE(program().abilities.is_known());
}

TEST_F(QemuReader, AnswersOfOthersAreNotTrusted) {
  const std::string file = keep(kSystemQemuAnswers);
  MemoryNode node = host_.nodes().find(file)->second;
  node.status.user = 1000;
  host_.set_node(file, node);
  EXPECT_EQ(why_unknown(), "kept by another user");
  host_.set_user_id(1000);
  EXPECT_TRUE(program().abilities.is_known());
  node.status.mode = 0666;
  host_.set_node(file, node);
  EXPECT_EQ(why_unknown(), "kept where others may write");
  host_.add_unreadable(file, EACCES);
  EXPECT_EQ(why_unknown(), errno_text(EACCES));
  host_.forget(file);
  host_.add_link(file, "/etc/passwd");
  EXPECT_EQ(why_unknown(), "kept where others may write");  // a link has mode 0777
}

TEST_F(QemuReader, HugeAndBinaryFilesAreUnknown) {
  const std::string file = keep(kSystemQemuAnswers);
  host_.add_file(file, std::string(kQemuFileLimit + 1, ' '));
  EXPECT_EQ(why_unknown(), errno_text(EFBIG));
  host_.add_file(file, std::string("\0\xff\x01", 3));
  EXPECT_NE(why_unknown(), "");
}

TEST_F(QemuReader, FindsEveryProgramOnce) {
  host_.add_link("/usr/bin/kvm", "qemu-system-x86_64");
  host_.add_link("/usr/local/bin/qemu-system-x86_64", "/opt/qemu-11/bin/qemu-system-x86_64");
  set_program("/opt/qemu-11/bin/qemu-system-x86_64", {.inode = 2});
  set_program("/opt/other/bin/qemu-kvm", {.inode = 3});
  set_program("/usr/libexec/qemu-kvm", {.inode = 4});
  host_.add_file("/opt/tool/bin/qemu-system-x86_64", "not executable", 0644);
  std::vector<std::string> paths;
  for (const QemuProgram& one : read().programs.value_or({})) paths.push_back(one.path);
  EXPECT_EQ(paths, (std::vector<std::string>{"/usr/local/bin/qemu-system-x86_64", kProgram,
                                             "/usr/libexec/qemu-kvm", "/opt/other/bin/qemu-kvm"}));
}

TEST_F(QemuReader, WhatCleaveBuiltOnceItIsComplete) {
  const std::string place = "/home/mina/builds";
  for (const char* name : {"/7.2.22", "/8.2.0", "/.9.0.0.partial"}) {
    set_program(place + name + "/bin/qemu-system-x86_64", {});
  }
  host_.add_file(place + "/7.2.22/build.json", "{}");
  host_.add_file(place + "/.9.0.0.partial/build.json", "{}");
  std::vector<std::string> paths;
  const QemuFacts facts = read_qemu(host_, {}, {place, "/none"});
  for (const QemuProgram& one : *facts.programs.value()) {
    paths.push_back(one.path);
  }
  EXPECT_EQ(paths, (std::vector<std::string>{kProgram, place + "/7.2.22/bin/qemu-system-x86_64"}));
}

TEST_F(QemuReader, UnreadableIsNotAbsent) {
  const MemoryHost nothing;
  EXPECT_TRUE(read_qemu(nothing, {}).programs.is_absent());
  EXPECT_NE(read_qemu(nothing, {}).programs.source(), "");
  MemoryHost denied;
  denied.add_unreadable("/usr/bin", EACCES);
  EXPECT_NE(read_qemu(denied, {}).programs.unreadable(), nullptr);
  MemoryHost capture;
  capture.become_capture();
  EXPECT_NE(read_qemu(capture, {}).programs.unreadable(), nullptr);
}

TEST_F(QemuReader, ListsOfPackages) {
  host_.add_unreadable("/var/lib/dpkg/status", EACCES);
  EXPECT_NE(read().virglrenderer.unreadable(), nullptr);
  host_.forget("/var/lib/dpkg");
  EXPECT_NE(read().virglrenderer.unreadable(), nullptr);
  host_.add_directory("/var/lib/pacman/local/virglrenderer-1.2.0-1");
  EXPECT_EQ(read().virglrenderer.value_or(""), "1.2.0-1");
  EXPECT_TRUE(read().mesa.is_absent());
  host_.add_unreadable("/var/lib/dpkg", EACCES);
  EXPECT_NE(read().virglrenderer.unreadable(), nullptr);
}

// A changelog is small, dpkg's status has megabytes.
TEST_F(QemuReader, AChangelogIsRead) {
  const std::string path = "/usr/share/doc/libvirglrenderer1/changelog.Debian.gz";
  const unsigned char packed[] = {
      0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x2b, 0xcb, 0x2c,
      0x4a, 0xcf, 0x29, 0x4a, 0xcd, 0x4b, 0x49, 0x2d, 0x4a, 0x2d, 0x52, 0xd0, 0x30,
      0xd0, 0x33, 0x34, 0xd0, 0x33, 0xd1, 0x35, 0xd4, 0x54, 0x28, 0xcd, 0x2b, 0x2e,
      0x49, 0x4c, 0xca, 0x49, 0xb5, 0x56, 0x28, 0x2d, 0x4a, 0x4f, 0xcd, 0x4b, 0xae,
      0xb4, 0xcd, 0x4d, 0x4d, 0xc9, 0x2c, 0xcd, 0xe5, 0xe2, 0x52, 0x50, 0xd0, 0x52,
      0xa8, 0xe0, 0x02, 0x00, 0xe5, 0x3b, 0x83, 0x19, 0x39, 0x00, 0x00, 0x00,
  };
  host_.add_file(path, std::string(reinterpret_cast<const char*>(packed), sizeof(packed)));
  EXPECT_EQ(read().virglrenderer, Fact<std::string>("0.10.4-1", path));
  host_.add_file(path, "damaged");
  EXPECT_EQ(read().virglrenderer.value_or(""), "1.1.0-2");
  host_.forget("/var/lib/dpkg/info/libvirglrenderer1:amd64.list");
  EXPECT_TRUE(read().virglrenderer.is_absent());
}

// The parts that machines are made of hold what the reader accepts.
TEST(QemuMachines, TheirAnswersAreKnown) {
  for (const auto& [name, version] :
       std::vector<std::pair<const char*, Version>>{{"with-qemu-7.2", {7, 2, 22}},
                                                    {"with-qemu-8.2", {8, 2, 2}},
                                                    {"with-qemu-9.2", {9, 2, 1}},
                                                    {"with-qemu-10.0", {10, 0, 13}},
                                                    {"with-qemu-10.1", {10, 1, 2}},
                                                    {"with-qemu-11", {11, 0, 0}}}) {
    const QemuFacts qemu = read_facts(testing::load_machine(name)).qemu;
    ASSERT_TRUE(qemu.programs.is_known()) << name;
    const QemuProgram program = qemu.programs.value()->front();
    ASSERT_TRUE(program.abilities.is_known()) << name << program.abilities.unreadable()->why;
    EXPECT_EQ(program.abilities.value()->version, version);
    EXPECT_TRUE(program.abilities.value()->has_vgpu_display()) << name;
    EXPECT_TRUE(qemu.virglrenderer.is_known()) << name;
    EXPECT_EQ(program.abilities.value()->has_venus(), version >= (Version{9, 2, 0})) << name;
    EXPECT_EQ(program.abilities.value()->has_native_context(), version.major == 11) << name;
  }
}

}  // namespace
}  // namespace cleave
