// What can be asked for when QEMU is built, and what configure is told.
#include "qemu_build/options.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace cleave {
namespace {

std::vector<std::string> words_for(const std::vector<std::string>& with,
                                   const std::vector<std::string>& without,
                                   bool without_firmware = false) {
  const auto chosen = choose_options(with, without);
  EXPECT_TRUE(chosen) << english(chosen.error());
  const auto words = configure_arguments({.options = *chosen,
                                          .version = {8, 2, 0},
                                          .prefix = "/opt/q",
                                          .without_firmware = without_firmware});
  EXPECT_TRUE(words);
  return *words;
}

bool contains(const std::vector<std::string>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

TEST(QemuBuildOptions, EveryRowIsWhole) {
  std::set<std::string> ids;
  for (const QemuBuildOption& option : qemu_build_options()) {
    EXPECT_TRUE(ids.insert(option.id).second) << option.id;
    EXPECT_STRNE(option.brings, "") << option.id;
    EXPECT_STRNE(option.costs, "") << option.id;
    if (!option.fixed) {
      EXPECT_STRNE(option.enable, "") << option.id;
      EXPECT_STRNE(option.disable, "") << option.id;
    }
    if (*option.only_with != '\0') {
      EXPECT_NE(find_build_option(option.only_with), nullptr) << option.id;
    }
    for (const BuildNeed& need : option.needs) {
      for (const char* package :
           {need.packages.debian, need.packages.fedora, need.packages.arch, need.packages.suse}) {
        EXPECT_STRNE(package, "") << option.id;
      }
    }
  }
  for (const char* wanted : {"targets", "prefix", "kvm", "gtk", "sdl", "opengl", "spice",
                             "usb-redirection", "audio-pulse", "vfio", "iscsi", "lto", "debug"}) {
    EXPECT_TRUE(ids.contains(wanted)) << wanted;
  }
}

TEST(QemuBuildOptions, WhatIsOnByItselfIsWhatASharedGpuNeeds) {
  const auto words = words_for({}, {});
  for (const char* word :
       {"--target-list=x86_64-softmmu", "--enable-kvm", "--enable-gtk", "--enable-opengl",
        "--enable-spice", "--enable-usb-redir", "--enable-slirp", "--enable-virglrenderer",
        "--enable-seccomp", "--disable-docs", "--disable-sdl", "--prefix=/opt/q"}) {
    EXPECT_TRUE(contains(words, word)) << word;
  }
  EXPECT_FALSE(contains(words, "--disable-install-blobs"));
}

TEST(QemuBuildOptions, FirmwareOfTheDistributionWhereTheSourceHasNone) {
  const auto words = words_for({}, {}, true);
  EXPECT_TRUE(contains(words, "--disable-install-blobs"));
  EXPECT_TRUE(std::ranges::any_of(words, [](const std::string& word) {
    return word.starts_with("--firmwarepath=/usr/share/qemu:");
  }));
}

TEST(QemuBuildOptions, WithAndWithoutChangeIt) {
  const auto words = words_for({"sdl,lto", "targets=x86_64-softmmu,aarch64-softmmu"}, {"gtk"});
  EXPECT_TRUE(contains(words, "--enable-sdl"));
  EXPECT_TRUE(contains(words, "--enable-lto"));
  EXPECT_TRUE(contains(words, "--disable-gtk"));
  EXPECT_TRUE(contains(words, "--target-list=x86_64-softmmu,aarch64-softmmu"));
}

TEST(QemuBuildOptions, WhatNeedsAnotherGoesWithIt) {
  EXPECT_TRUE(contains(words_for({}, {"opengl"}), "--disable-virglrenderer"));
  EXPECT_EQ(choose_options({"virgl"}, {"opengl"}).error().code, ErrorCode::Conflict);
}

TEST(QemuBuildOptions, WhatCannotBeMeantIsToldWithWhatCould) {
  const auto typo = choose_options({"gtkk"}, {});
  ASSERT_FALSE(typo);
  EXPECT_EQ(typo.error().code, ErrorCode::Malformed);
  EXPECT_NE(english(typo.error().remedy).find("“gtk”"), std::string::npos);
  EXPECT_FALSE(choose_options({"gtk"}, {"gtk"}));
  EXPECT_FALSE(choose_options({}, {"vfio"}));
  EXPECT_FALSE(choose_options({"targets=aarch64-softmmu"}, {}));
  EXPECT_FALSE(choose_options({"targets=x86_64-softmmu,--help"}, {}));
  EXPECT_FALSE(choose_options({}, {"targets=x86_64-softmmu"}));
}

TEST(QemuBuildOptions, OldSourcesAreNotToldWhatTheyDoNotKnow) {
  const auto plain = choose_options({}, {});
  const auto words =
      configure_arguments({.options = *plain, .version = {7, 2, 22}, .prefix = "/opt/q"});
  ASSERT_TRUE(words);
  EXPECT_FALSE(contains(*words, "--disable-pipewire"));
  EXPECT_TRUE(contains(words_for({}, {}), "--disable-pipewire"));
  const auto wanted = choose_options({"audio-pipewire"}, {});
  const auto refused =
      configure_arguments({.options = *wanted, .version = {7, 2, 22}, .prefix = "/opt/q"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Unsupported);
}

TEST(QemuBuildOptions, TheProofTellsWhatIsNotThere) {
  QemuAbilities abilities;
  abilities.displays = {"gtk", "none"};
  abilities.accelerators = {"kvm", "tcg"};
  const auto chosen = choose_options({}, {"virgl"});
  EXPECT_EQ(options_not_shown(*chosen, abilities),
            (std::vector<std::string>{"vfio", "sandbox", "opengl", "spice"}));
}

TEST(QemuBuildNeeds, PackagesAreThoseOfTheDistribution) {
  const auto needs = needs_of(*choose_options({}, {"virgl"}));
  const auto debian = packages_for(needs, DistributionFamily::Debian);
  EXPECT_TRUE(contains(debian, "libgtk-3-dev"));
  EXPECT_TRUE(std::ranges::is_sorted(debian));
  EXPECT_TRUE(contains(packages_for(needs, DistributionFamily::Fedora), "gtk3-devel"));
  EXPECT_TRUE(contains(packages_for(basic_needs({}), DistributionFamily::Debian), "libfdt-dev"));
  EXPECT_TRUE(
      contains(packages_for(basic_needs({.is_distribution = true}), DistributionFamily::Debian),
               "dpkg-dev"));
}

TEST(QemuBuildNeeds, FamiliesAreKnownByTheirKin) {
  EXPECT_EQ(distribution_family("debian", ""), DistributionFamily::Debian);
  EXPECT_EQ(distribution_family("linuxmint", "ubuntu debian"), DistributionFamily::Debian);
  EXPECT_EQ(distribution_family("opensuse-leap", "suse opensuse"), DistributionFamily::Suse);
  EXPECT_EQ(distribution_family("rocky", "rhel centos fedora"), DistributionFamily::Fedora);
  EXPECT_EQ(distribution_family("nixos", ""), DistributionFamily::Other);
}

}  // namespace
}  // namespace cleave
