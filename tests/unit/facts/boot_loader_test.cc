// Which loader booted a machine, and whether its files still say what the kernel was given.
#include "facts/boot_loader.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <fstream>

#include "base/text.h"
#include "facts/readers/read_facts.h"
#include "support/golden.h"
#include "support/machine.h"

namespace cleave {
namespace {

struct Expected {
  const char* machine;
  const char* loader;
  const char* confidence;
  const char* writer;
  const char* file;  // the last one
  std::optional<bool> matches;
  const char* initramfs;
};

class BootedMachine : public ::testing::TestWithParam<Expected> {};

TEST_P(BootedMachine, IsRecognised) {
  const Expected& expected = GetParam();
  const Facts facts = read_facts(testing::load_machine(expected.machine));
  const BootLoader loader = find_boot_loader(facts);
  EXPECT_STREQ(loader_name(loader.kind), expected.loader);
  EXPECT_STREQ(confidence_name(loader.confidence), expected.confidence);
  EXPECT_STREQ(writer_name(loader.writer), expected.writer);
  EXPECT_EQ(loader.files.empty() ? "" : loader.files.back(), expected.file);
  EXPECT_EQ(loader.matches_running(), expected.matches);
  EXPECT_FALSE(loader.evidence.empty());
  EXPECT_EQ(find_initramfs_tool(facts).name, expected.initramfs);
}

INSTANTIATE_TEST_SUITE_P(
    Machines, BootedMachine,
    ::testing::Values(Expected{"boot-debian-grub", "grub", "known", "grub-drop-in",
                               "/etc/default/grub.d/90-gvt.cfg", true, "initramfs-tools"},
                      Expected{"boot-ubuntu-cloud", "grub", "known", "grub-drop-in",
                               "/etc/default/grub.d/50-cloudimg-settings.cfg", true,
                               "initramfs-tools"},
                      Expected{"boot-ubuntu-desktop", "grub", "known", "grub-drop-in",
                               "/etc/default/grub", false, "initramfs-tools"},
                      Expected{"boot-fedora-bls", "grub", "known", "grubby", "/etc/kernel/cmdline",
                               true, "dracut"},
                      Expected{"boot-closed", "grub", "known", "grubby", "/boot/loader/entries",
                               std::nullopt, "dracut"},
                      Expected{"boot-arch-systemd-boot", "systemd-boot", "known", "loader-entries",
                               "/boot/loader/entries", false, "mkinitcpio"},
                      Expected{"boot-kernel-install", "systemd-boot", "known", "kernel-install",
                               "/etc/kernel/cmdline", true, "initramfs-tools"},
                      Expected{"boot-pop-os", "systemd-boot", "known", "kernelstub",
                               "/etc/kernelstub/configuration", true, "initramfs-tools"},
                      Expected{"boot-proxmox", "systemd-boot", "known", "proxmox-boot-tool",
                               "/etc/kernel/cmdline", false, "initramfs-tools"},
                      Expected{"boot-opensuse", "grub", "known", "sdbootutil",
                               "/etc/kernel/cmdline", true, "dracut"},
                      Expected{"boot-opensuse-grub", "grub", "known", "grub-settings",
                               "/etc/default/grub", false, "dracut"},
                      Expected{"boot-nixos", "systemd-boot", "known", "nixos",
                               "/etc/nixos/configuration.nix", true, ""},
                      Expected{"boot-silverblue", "grub", "known", "rpm-ostree",
                               "/boot/loader/entries", true, "dracut"},
                      Expected{"boot-limine", "limine", "known", "limine-entry-tool",
                               "/etc/default/limine", true, "mkinitcpio"},
                      Expected{"boot-refind", "refind", "known", "refind",
                               "/boot/refind_linux.conf", true, "initramfs-tools"},
                      Expected{"boot-uki-secure-boot", "unified-image", "known", "unified-image",
                               "/etc/kernel/cmdline", true, "mkinitcpio"},
                      Expected{"container", "unknown", "unknown", "unknown", "", std::nullopt, ""}),
    [](const auto& machine) { return replace_all(machine.param.machine, "-", "_"); });

TEST(BootReader, WhatIsClosedIsNeverAbsent) {
  for (const char* path :
       {"/etc/default/grub", "/etc/default/grub.d", "/boot/grub/grub.cfg", "/boot/grub/grubenv",
        "/boot/loader/entries", "/boot/loader/loader.conf", "/boot/EFI/Linux",
        "/etc/kernel/cmdline", "/etc/kernelstub/configuration", "/boot/refind_linux.conf",
        "/boot/limine.conf", "/etc/default/limine", "/etc/limine-entry-tool.d",
        "/etc/kernel/proxmox-boot-uuids", "/etc/sysconfig/bootloader", "/run/ostree-booted",
        "/etc/NIXOS", "/proc/self/mounts", "/boot"}) {
    MemoryHost denied = testing::load_machine("boot-debian-grub");
    denied.forget(path);
    denied.add_unreadable(path, EACCES);
    const BootFacts boot = read_facts(denied).boot;
    bool found =
        boot.grub_settings.unreadable() != nullptr || boot.grub_config.unreadable() != nullptr ||
        boot.grub_environment.unreadable() != nullptr ||
        boot.grub_file_system.unreadable() != nullptr ||
        boot.kernel_command_line.unreadable() != nullptr ||
        boot.kernelstub.unreadable() != nullptr || boot.refind_linux.unreadable() != nullptr ||
        boot.limine_config.unreadable() != nullptr ||
        boot.limine_defaults.unreadable() != nullptr ||
        boot.proxmox_boot_tool.unreadable() != nullptr ||
        boot.sysconfig_type.unreadable() != nullptr || boot.ostree.unreadable() != nullptr ||
        boot.nixos.unreadable() != nullptr || boot.initramfs.images.unreadable() != nullptr;
    for (const LoaderPlace& place : boot.places) {
      found = found || place.config.unreadable() != nullptr ||
              place.entries.unreadable() != nullptr || place.unified_images.unreadable() != nullptr;
    }
    EXPECT_TRUE(found) << path;
  }
}

TEST(BootReader, OnePlaceThatIsSeenTwiceCountsOnce) {
  MemoryHost host = testing::load_machine("boot-kernel-install");
  const std::string name = "0f1e2d3c4b5a69788796a5b4c3d2e1f0-6.12.107+deb13-amd64+2-1.conf";
  const auto text = host.read_file("/boot/efi/loader/entries/" + name);
  ASSERT_TRUE(text);
  host.add_file("/efi/loader/entries/" + name, *text);
  EXPECT_EQ(read_facts(host).boot.places.size(), 1U);
}

TEST(BootReader, AFileOfAnotherKindIsUnreadable) {
  MemoryHost host = testing::load_machine("boot-kernel-install");
  host.add_file("/etc/kernel/cmdline", "title x\noptions ro\n");
  EXPECT_NE(read_facts(host).boot.kernel_command_line.unreadable(), nullptr);
}

// A recovery entry runs with other arguments than the settings say, and rightly so.
TEST(BootLoader, ARecoveryEntryIsNoDisagreement) {
  MemoryHost host = testing::load_machine("boot-debian-grub");
  host.add_file("/proc/cmdline",
                "BOOT_IMAGE=/boot/vmlinuz-6.12.107+deb13-amd64 root=/dev/x ro single\n");
  const BootLoader loader = find_boot_loader(read_facts(host));
  EXPECT_EQ(loader.matches_running(), true);
  EXPECT_FALSE(loader.settings);
  EXPECT_TRUE(loader.menu->entry.find("recovery") != std::string::npos);
}

// systemd-boot that starts an older GRUB leaves its name, and GRUB its mark.
TEST(BootLoader, TheMarkInTheCommandLineCountsMoreThanAName) {
  MemoryHost host = testing::load_machine("boot-arch-systemd-boot");
  host.add_file("/proc/cmdline", "BOOT_IMAGE=/boot/vmlinuz-linux root=/dev/x rw\n");
  const BootLoader loader = find_boot_loader(read_facts(host));
  EXPECT_EQ(loader.kind, LoaderKind::Grub);
  EXPECT_EQ(loader.confidence, BootConfidence::Likely);
  EXPECT_EQ(loader.writer, BootWriter::Unknown);
}

// As systemd-boot left it at the start; the file has lost its counter since.
TEST(BootLoader, AnEntryIsTheSameWhateverItsCounterOfTries) {
  Facts facts = read_facts(testing::load_machine("boot-kernel-install"));
  const std::string plain = *facts.boot.entry_selected.value();
  const std::string id = plain.substr(0, plain.rfind(".conf"));
  for (const char* counter : {"+3.conf", "+2-1.conf", ".conf"}) {
    facts.boot.entry_selected = {id + counter, facts.boot.entry_selected.source()};
    EXPECT_EQ(find_boot_loader(facts).writer, BootWriter::KernelInstall) << counter;
  }
}

TEST(BootLoader, GrubThatStartsAUnifiedImage) {
  MemoryHost host = testing::load_machine("boot-uki-secure-boot");
  host.add_file("/sys/firmware/efi/efivars/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f",
                std::string("\x06\0\0\0G\0R\0U\0B\0 \0002\0", 16));
  host.add_file("/etc/default/grub", "GRUB_CMDLINE_LINUX=other\n");
  const BootLoader loader = find_boot_loader(read_facts(host));
  EXPECT_EQ(loader.kind, LoaderKind::Grub);
  EXPECT_EQ(loader.writer, BootWriter::UnifiedImage);
  EXPECT_EQ(loader.matches_running(), true);
}

// Files of several loaders and nothing that names one: nobody can say.
TEST(BootLoader, SeveralCandidatesAreUnknown) {
  MemoryHost host = testing::load_machine("boot-refind");
  host.add_file("/boot/limine.conf", "/a\nprotocol: linux\npath: boot():/k\n");
  const BootLoader loader = find_boot_loader(read_facts(host));
  EXPECT_EQ(loader.kind, LoaderKind::Unknown);
  EXPECT_EQ(loader.evidence.size(), 2U);
  // Nor does a loader that is only installed win over the one that ran.
  MemoryHost both = testing::load_machine("boot-debian-grub");
  both.add_file("/boot/loader/loader.conf", "timeout 3\n");
  EXPECT_EQ(find_boot_loader(read_facts(both)).kind, LoaderKind::Grub);
}

TEST(BootLoader, VariablesThatNobodyCanLookUpProveNothing) {
  MemoryHost host = testing::load_machine("boot-debian-grub");
  host.forget("/boot/grub/grubenv");
  host.add_unreadable("/boot/grub/grubenv", EACCES);
  host.forget("/etc/default");
  host.add_file("/boot/grub/grub.cfg",
                "menuentry a {\nlinux /boot/vmlinuz-6.12.107+deb13-amd64 ro quiet $more\n}\n");
  EXPECT_EQ(find_boot_loader(read_facts(host)).matches_running(), std::nullopt);
}

CommandLineDifference compare(std::string_view wanted, std::string_view running,
                              bool generated = false) {
  return compare_command_lines(wanted, running, generated);
}

TEST(CompareCommandLines, WhatLoadersAddIsLeftAside) {
  EXPECT_TRUE(compare("root=UUID=a ro quiet", "BOOT_IMAGE=/k root=/dev/x ro quiet").equal());
  EXPECT_TRUE(compare("quiet", "initrd=\\a initrd=\\b quiet -- init words").equal());
  EXPECT_TRUE(compare("quiet", "ro rootflags=subvol=@ quiet vt.handoff=7", true).equal());
  EXPECT_FALSE(compare("quiet", "ro quiet").equal());
}

TEST(CompareCommandLines, NamesInAnyOrderValuesInTheirs) {
  EXPECT_TRUE(compare("a b=1 c-d=2", "c_d=2 b=1 a").equal());
  EXPECT_TRUE(compare("a a b", "b a").equal());
  const auto order = compare("console=tty0 console=ttyS0", "console=ttyS0 console=tty0");
  EXPECT_EQ(order.reordered, (std::vector<std::string>{"console"}));
  const auto value = compare("intel_iommu=on", "intel_iommu=off quiet");
  EXPECT_EQ(value.missing, (std::vector<std::string>{"intel_iommu=on"}));
  EXPECT_EQ(value.additional, (std::vector<std::string>{"intel_iommu=off", "quiet"}));
}

TEST(CompareCommandLinesCorpus, EveryRealLineEqualsItself) {
  const std::string corpus = testing::corpus_directory();
  if (corpus.empty()) GTEST_SKIP() << "skipped: no corpus";
  std::ifstream file(corpus + "/cmdline/proc-cmdlines.tsv");
  int checked = 0;
  for (std::string row; std::getline(file, row);) {
    const auto columns = split(row, '\t');
    if (columns.size() < 3 || columns[0] == "list") continue;
    EXPECT_TRUE(compare(columns[2], columns[2]).equal()) << row;
    EXPECT_EQ(compare(columns[2], std::string(columns[2]) + " cleave.probe=1").additional.size(),
              columns[2].find("-- ") == std::string_view::npos ? 1U : 0U)
        << row;
    ++checked;
  }
  EXPECT_GE(checked, 150);
}

}  // namespace
}  // namespace cleave
