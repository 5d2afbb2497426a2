#include "install/cloud_init.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "support/golden.h"

namespace cleave {
namespace {

CloudAnswers example() {
  return {.host_name = "debian",
          .instance_id = "cleave-debian",
          .user = "mina",
          .password_hash = "$6$salt$hash",
          .ssh_keys = {"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA mina@host"},
          .locale = "ko_KR.UTF-8",
          .keyboard = "us",
          .keyboard_variant = "",
          .time_zone = "Asia/Seoul"};
}

TEST(CloudInit, UserData) {
  testing::expect_golden("vm/user-data.yaml", cloud_user_data(example()));
}

TEST(CloudInit, LeavesOutWhatIsNotKnown) {
  const std::string text = cloud_user_data({.host_name = "a",
                                            .instance_id = "b",
                                            .user = "c",
                                            .password_hash = "d",
                                            .ssh_keys = {},
                                            .locale = "",
                                            .keyboard = "",
                                            .keyboard_variant = "",
                                            .time_zone = ""});
  for (const char* key : {"locale", "timezone", "keyboard", "ssh_authorized_keys"}) {
    EXPECT_EQ(text.find(key), std::string::npos) << key;
  }
}

TEST(CloudInit, HasDebianMakeTheLocale) {
  const auto made = [](const char* locale) {
    CloudAnswers answers = example();
    answers.locale = locale;
    const std::string text = cloud_user_data(answers);
    const auto json = parse_json(text.substr(text.find('\n') + 1));
    const Json* files = json ? json->find("write_files") : nullptr;
    if (files == nullptr) return std::string();
    return std::string(files->as_array()->front().text_of("content"));
  };
  EXPECT_EQ(made("ko_KR.UTF-8"), "ko_KR.UTF-8 UTF-8\n");
  EXPECT_EQ(made("de_DE.utf8"), "de_DE.UTF-8 UTF-8\n");
  EXPECT_EQ(made("ca_ES.UTF-8@valencia"), "ca_ES.UTF-8@valencia UTF-8\n");
  for (const char* there : {"C.UTF-8", "C", "POSIX", "ko_KR", "de_DE.ISO-8859-1"}) {
    EXPECT_EQ(made(there), "") << there;
  }
}

TEST(CloudInit, CannotBeBrokenOutOf) {
  CloudAnswers answers = example();
  answers.ssh_keys = {"ssh-ed25519 AAAA \"\n- evil: true"};
  const std::string text = cloud_user_data(answers);
  const auto json = parse_json(text.substr(text.find('\n') + 1));
  ASSERT_TRUE(json);
  EXPECT_EQ(json->find("evil"), nullptr);
}

TEST(CloudInit, OtherFilesAreJson) {
  EXPECT_TRUE(parse_json(cloud_meta_data(example())));
  EXPECT_TRUE(parse_json(cloud_network_config()));
}

TEST(LinuxUser, IsWhatUseraddTakes) {
  for (const char* good : {"mina", "_x", "a-1"}) EXPECT_FALSE(linux_user_problem(good)) << good;
  for (const char* bad :
       {"", "root", "Mina", "1a", "a b", "a:b", "-a", "abcdefghijklmnopqrstuvwxyzabcdefg"}) {
    EXPECT_TRUE(linux_user_problem(bad)) << bad;
  }
}

TEST(LinuxHostName, HasLettersDigitsAndHyphens) {
  EXPECT_EQ(linux_host_name("My_Debian.12"), "my-debian-12");
  EXPECT_EQ(linux_host_name("a._"), "a");
}

TEST(SshKey, IsOneThatOpensshWrites) {
  EXPECT_TRUE(is_ssh_public_key("ssh-ed25519 AAAAC3Nza mina@host"));
  EXPECT_TRUE(is_ssh_public_key("sk-ssh-ed25519@openssh.com AAAAGnNr= key"));
  EXPECT_FALSE(is_ssh_public_key("-----BEGIN OPENSSH PRIVATE KEY-----"));
  EXPECT_FALSE(is_ssh_public_key("ssh-ed25519 <x>"));
  EXPECT_FALSE(is_ssh_public_key(""));
}

}  // namespace
}  // namespace cleave
