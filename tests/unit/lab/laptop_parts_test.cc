#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>

#include "base/text.h"
#include "lab/cache.h"
#include "lab/initramfs.h"
#include "lab/kernel_supply.h"
#include "lab/module_tree.h"
#include "lab/qemu_arguments.h"
#include "lab/registry.h"

namespace cleave {
namespace {

class LabDirectory : public testing::Test {
 protected:
  LabDirectory() : directory_(testing::TempDir() + "lab_test_XXXXXX") {
    EXPECT_NE(::mkdtemp(directory_.data()), nullptr);
  }
  ~LabDirectory() override { remove_tree(directory_); }
  std::string directory_;
};

TEST(ModuleOrder, DependenciesComeFirstAndOnce) {
  const Result<ModuleTable> table = parse_module_dependencies(
      "updates/kvmgt.ko: kernel/drivers/vfio/mdev/mdev.ko updates/i915.ko kernel/vfio.ko\n"
      "updates/i915.ko: kernel/drm.ko\n"
      "kernel/drm.ko:\n"
      "kernel/vfio.ko:\n"
      "kernel/drivers/vfio/mdev/mdev.ko: kernel/vfio.ko\n"
      "kernel/drivers/vfio/pci/vfio-pci.ko.xz: kernel/vfio.ko\n");
  ASSERT_TRUE(table);
  const auto order = load_order(*table, {"kvmgt", "vfio-pci", "vfio_pci", "drm"});
  ASSERT_TRUE(order);
  EXPECT_EQ(*order,
            (std::vector<std::string>{"kernel/vfio.ko", "kernel/drivers/vfio/mdev/mdev.ko",
                                      "kernel/drm.ko", "updates/i915.ko", "updates/kvmgt.ko",
                                      "kernel/drivers/vfio/pci/vfio-pci.ko.xz"}));
  const auto missing = load_order(*table, {"nouveau"});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::NotFound);
}

TEST(ModuleOrder, CirclesAndGarbageAreRefused) {
  const auto circle = parse_module_dependencies("a.ko: b.ko\nb.ko: a.ko\n");
  ASSERT_TRUE(circle);
  EXPECT_FALSE(load_order(*circle, {"a"}));
  EXPECT_FALSE(parse_module_dependencies("no colon here\n"));
  EXPECT_TRUE(parse_module_dependencies("")->empty());
}

TEST(KernelSupply, TheConcretePackageIsFound) {
  const char* depends =
      "linux-headers-6.1.0-56-amd64\n  Depends: linux-headers-6.1.0-56-common\n"
      "  Depends: linux-kbuild-6.1\n |Depends: linux-other-1\n  Depends: "
      "linux-compiler-gcc-12-x86\n";
  EXPECT_EQ(dependency_with_prefix(depends, "linux-headers-"), "linux-headers-6.1.0-56-common");
  EXPECT_EQ(dependency_with_prefix(depends, "linux-kbuild-"), "linux-kbuild-6.1");
  EXPECT_EQ(dependency_with_prefix(depends, "linux-compiler-"), "");
  EXPECT_EQ(dependency_with_prefix("", "linux-"), "");
  EXPECT_EQ(kernel_series("6.1.0-56-amd64"), "6.1");
  EXPECT_EQ(kernel_series("6"), "");
}

TEST(CommandLine, CallersArgumentsComeLast) {
  EXPECT_EQ(
      *laptop_command_line({}, {}),
      "console=ttyS0 quiet panic=-1 intel_iommu=on iommu=pt no_timer_check i915.enable_gvt=1");
  EXPECT_EQ(*laptop_command_line({"intel_iommu=off"}, {"i915.enable_gvt=0", "kvmgt.busy=Y"}),
            "console=ttyS0 quiet panic=-1 intel_iommu=on iommu=pt no_timer_check intel_iommu=off "
            "i915.enable_gvt=0 kvmgt.busy=Y");
}

TEST(CommandLine, WhatWouldBecomeAnotherArgumentIsRefused) {
  for (const char* bad : {"", "a b", "a\nb", "a\"b", "a'b", "a\\b", "\x7f"}) {
    EXPECT_FALSE(laptop_command_line({bad}, {})) << bad;
  }
  for (const char* bad : {"i915", "i915.x", "i915=1", ".x=1", "a.=1", "a.b=c d", "a-b.c=1"}) {
    EXPECT_FALSE(laptop_command_line({}, {bad})) << bad;
  }
  EXPECT_FALSE(laptop_command_line({std::string(3000, 'x')}, {}));
}

TEST(QemuArguments, CommasInPathsAreEscaped) {
  LaptopHardware hardware;
  hardware.agent_socket = "/run/a,b/agent";
  hardware.console_log = "/run/a,b/console.log";
  const std::string all = join(qemu_arguments(hardware), " ");
  EXPECT_NE(all.find("path=/run/a,,b/agent,server=on"), std::string::npos);
  EXPECT_NE(all.find("path=/run/a,,b/console.log,append=on"), std::string::npos);
  EXPECT_NE(all.find("readonly=on"), std::string::npos);
}

TEST(InitScript, LoadsInOrderAndQuotes) {
  InitScript script;
  script.agent_program = "/opt/it's here/cleave";
  script.kernel_version = "6.1.0-1-amd64";
  script.module_tree = "/cache/lib/modules/6.1.0-1-amd64";
  script.boot_modules = {"virtio_pci", "overlay"};
  script.later_modules = {"vfio", "i915"};
  script.kept_directories = {"/tmp/build"};
  const std::string text = init_script(script);
  const std::size_t overlay = text.find("load overlay\n");
  const std::size_t mounted = text.find("mount -t overlay");
  const std::size_t i915 = text.find("load i915\n");
  EXPECT_LT(text.find("load virtio_pci\n"), overlay);
  EXPECT_LT(overlay, mounted);
  EXPECT_LT(mounted, i915);
  EXPECT_NE(i915, std::string::npos);
  EXPECT_NE(text.find(R"(/new '/opt/it'\''s here/cleave' lab-agent)"), std::string::npos) << text;
  EXPECT_NE(text.find("mount -o bind '/host/tmp/build' '/new/tmp/build'"), std::string::npos);
  EXPECT_EQ(text.find("/new/boot/config"), std::string::npos);
}

// cpio and sh know the answers.
TEST_F(LabDirectory, TheArchiveIsWhatCpioReads) {
  using Kind = ArchiveEntry::Kind;
  const Result<std::string> archive = cpio_archive({
      {.kind = Kind::Directory, .path = "bin", .content = {}, .mode = 0755},
      {.kind = Kind::Symlink, .path = "bin/sh", .content = "busybox", .mode = 0777},
      {.path = "init", .content = "#!/bin/sh\n", .mode = 0755},
      {.path = "empty", .content = {}},
  });
  ASSERT_TRUE(archive) << english(archive.error());
  EXPECT_EQ(archive->substr(0, 6), "070701");
  ASSERT_TRUE(write_whole_file(directory_ + "/archive", *archive));
  const auto listed = tool_output({"/bin/busybox", "cpio", "-t", "-F", directory_ + "/archive"});
  if (!listed) GTEST_SKIP() << "skipped: no busybox";
  EXPECT_EQ(*listed, "bin\nbin/sh\ninit\nempty\n");
}

TEST_F(LabDirectory, ADirectoryIsThereWholeOrNotAtAll) {
  const std::string path = directory_ + "/kernel/one";
  const auto fill_and_fail = [](const std::string& partial) -> Result<void> {
    TRY(write_whole_file(partial + "/half", "x"));
    return system_error(EIO, Message("failed"));
  };
  EXPECT_FALSE(make_directory_once(path, fill_and_fail));
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_FALSE(std::filesystem::exists(path + ".partial"));
  // What a killed run left is not taken for the beginning of this one.
  ASSERT_TRUE(make_directories(path + ".partial/old"));
  ASSERT_TRUE(make_directory_once(
      path, [](const std::string& partial) { return write_whole_file(partial + "/all", "x"); }));
  EXPECT_TRUE(std::filesystem::exists(path + "/all"));
  EXPECT_FALSE(std::filesystem::exists(path + "/old"));
}

TEST_F(LabDirectory, AFailingToolShowsTheEndOfItsLog) {
  const Result<void> run =
      run_tool({.argv = {"/bin/sh", "-c", "echo first; echo the reason >&2; exit 1"},
                .working_directory = directory_,
                .log_path = directory_ + "/log"});
  ASSERT_FALSE(run);
  EXPECT_NE(english(run.error()).find("the reason"), std::string::npos);
  const Result<void> hangs = run_tool({.argv = {"sleep", "100"},
                                       .working_directory = directory_,
                                       .log_path = directory_ + "/log",
                                       .limit = std::chrono::seconds(1)});
  EXPECT_FALSE(hangs);
}

TEST_F(LabDirectory, ALockIsHeldByOne) {
  Result<OwnedFd> first = try_lock(directory_ + "/lock");
  ASSERT_TRUE(first);
  const Result<OwnedFd> second = try_lock(directory_ + "/lock");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::Busy);
  first->reset();
  EXPECT_TRUE(try_lock(directory_ + "/lock"));
}

TEST_F(LabDirectory, TailsAreShortAndPrintable) {
  ASSERT_TRUE(write_whole_file(directory_ + "/log", "one\n\n two\x1b[31m\r\nthree\n"));
  EXPECT_EQ(file_tail(directory_ + "/log", 2), "two\xef\xbf\xbd[31m\nthree");
  EXPECT_EQ(file_tail(directory_ + "/none", 2), "");
}

TEST_F(LabDirectory, RecordsComeBackAndGarbageDoesNot) {
  LaptopRecord record;
  record.name = "one";
  record.memory_mb = 2048;
  record.kernel = "6.1.0-1-amd64";
  record.laptop = ProcessIdentity{.process_id = 12, .start_time = 34};
  const Result<LaptopRecord> parsed = parse_laptop_record(to_text(record));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->laptop, record.laptop);
  EXPECT_FALSE(parsed->owner);
  for (const char* bad : {"", "{}", R"({"name":"../x","laptop":null,"owner":null,"memory_mb":1})",
                          R"({"name":"x","laptop":{},"owner":null,"memory_mb":1})"}) {
    EXPECT_FALSE(parse_laptop_record(bad)) << bad;
  }
}

TEST_F(LabDirectory, NamesAreClaimedOnceAndLeftoversGo) {
  const Result<LaptopRegistry> registry = LaptopRegistry::open_at(directory_ + "/lab");
  ASSERT_TRUE(registry) << english(registry.error());
  const Result<LaptopRecord> first = registry->claim("one");
  ASSERT_TRUE(first) << english(first.error());
  const Result<LaptopRecord> again = registry->claim("one");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::Conflict);
  EXPECT_FALSE(registry->claim("a/b"));
  EXPECT_FALSE(registry->find("one")) << "it is not up yet";
  // Its owner dies: the process number of nobody.
  LaptopRecord dead = *first;
  dead.owner = ProcessIdentity{.process_id = 0x7ffffff0, .start_time = 1};
  ASSERT_TRUE(registry->save(dead));
  EXPECT_TRUE(registry->list()->empty());
  EXPECT_FALSE(std::filesystem::exists(first->directory));
  EXPECT_TRUE(registry->claim("one"));
}

TEST_F(LabDirectory, AnOwnerlessLaptopIsEnded) {
  const Result<LaptopRegistry> registry = LaptopRegistry::open_at(directory_ + "/lab");
  ASSERT_TRUE(registry);
  Result<LaptopRecord> record = registry->claim("orphan");
  ASSERT_TRUE(record);
  ProcessSpec spec;
  spec.argv = {"sleep", "1000"};
  Result<Process> stand_in = Process::start(spec);
  ASSERT_TRUE(stand_in);
  record->laptop = identify_process(static_cast<std::uint32_t>(stand_in->id()));
  record->owner = ProcessIdentity{.process_id = 0x7ffffff0, .start_time = 1};
  ASSERT_TRUE(registry->save(*record));
  EXPECT_TRUE(registry->list()->empty());
  const auto end = stand_in->wait(std::chrono::seconds(10));
  ASSERT_TRUE(end && end->has_value());
  EXPECT_EQ((*end)->signal, SIGKILL);
}

TEST_F(LabDirectory, SomebodyElsesDirectoryIsRefused) {
  ASSERT_TRUE(make_directories(directory_ + "/lab"));
  ASSERT_EQ(::chmod((directory_ + "/lab").c_str(), 0755), 0);
  const Result<LaptopRegistry> registry = LaptopRegistry::open_at(directory_ + "/lab");
  ASSERT_FALSE(registry);
  EXPECT_EQ(registry.error().code, ErrorCode::Denied);
}

}  // namespace
}  // namespace cleave
