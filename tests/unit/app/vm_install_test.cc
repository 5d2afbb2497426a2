#include "app/vm_install.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "app/password.h"
#include "host/file_host.h"

namespace cleave {
namespace {

// A directory of a user who is not root: images and discs are made and read as that user.
class Install : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/tmp/cleave-install-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    base_ = name;
    environment_.is_root = ::geteuid() == 0;
    environment_.owner = {.uid = environment_.is_root ? 65534U : ::geteuid(),
                          .gid = environment_.is_root ? 65534U : ::getegid(),
                          .name = "mina",
                          .home = base_,
                          .groups = {}};
    environment_.by_sudo = environment_.is_root;
    environment_.home = base_;
    environment_.data_home = base_ + "/data";
    ASSERT_EQ(::chown(base_.c_str(), environment_.owner.uid, environment_.owner.gid), 0);
  }
  void TearDown() override { std::filesystem::remove_all(base_); }

  std::string write(const std::string& name, const std::string& content) {
    const std::string path = base_ + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << content;
    return path;
  }

  // As virtio-win's: each driver for two versions of Windows.
  std::string virtio_disc() {
    std::vector<DiscFile> files;
    for (const char* driver : {"viostor", "vioscsi", "NetKVM"}) {
      for (const char* version : {"w10", "w11"}) {
        const std::string folder = std::string(driver) + "/" + version + "/amd64/";
        files.push_back({folder + driver + ".inf", std::string("inf of ") + version, {}});
        files.push_back({folder + driver + ".pdb", "not wanted", {}});
      }
    }
    const std::string path = base_ + "/virtio-win.iso";
    EXPECT_TRUE(write_disc(path, "virtio-win", files));
    EXPECT_EQ(::chown(path.c_str(), environment_.owner.uid, environment_.owner.gid), 0);
    return path;
  }

  LoadedVm load(const std::string& text) {
    const std::string file = write("vm.toml", text);
    auto loaded = load_vm(*host_, environment_, file);
    EXPECT_TRUE(loaded && loaded->checked.vm);
    return loaded ? *std::move(loaded) : LoadedVm{};
  }

  static const DiscFile* find(const std::vector<DiscFile>& files, std::string_view name) {
    const auto found = std::ranges::find(files, name, &DiscFile::name);
    return found == files.end() ? nullptr : &*found;
  }

  std::string base_;
  VmEnvironment environment_;
  std::unique_ptr<HostWriter> host_ = live_host();
};

TEST(Password, HasAllKindsAndIsAnotherEachTime) {
  const std::string first = *make_password();
  EXPECT_EQ(first.size(), 16U);
  EXPECT_NE(first, *make_password());
}

TEST(Password, IsHashedAsShadowHasIt) {
  const std::string hash = *hash_password("secret");
  EXPECT_TRUE(hash.starts_with("$6$")) << hash;
  EXPECT_EQ(hash.find("secret"), std::string::npos);
  EXPECT_NE(hash, *hash_password("secret"));
}

TEST_F(Install, ADiscGivesBackWhatWasWrittenOnIt) {
  const std::string path = base_ + "/disc.iso";
  const std::string long_name = "$WinPEDriver$/a folder/" + std::string(60, 'x') + ".inf";
  const std::string source = write("source", std::string(200000, 's'));
  ASSERT_TRUE(write_disc(path, "CIDATA",
                         {{"user-data", "one", {}}, {long_name, "two", {}}, {"big", {}, source}}));
  EXPECT_EQ(std::filesystem::status(path).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  const auto files = files_of_disc(
      path, [](std::string_view name) { return std::optional<std::string>(name); }, 1 << 20U);
  ASSERT_TRUE(files) << english(files.error());
  ASSERT_EQ(files->size(), 3U);
  EXPECT_EQ(find(*files, "user-data")->content, "one");
  EXPECT_EQ(find(*files, long_name)->content, "two");
  EXPECT_EQ(find(*files, "big")->content, std::string(200000, 's'));
  const auto all = [](std::string_view name) { return std::optional<std::string>(name); };
  EXPECT_EQ(files_of_disc(path, all, 1000).error().code, ErrorCode::Unsupported);
  EXPECT_EQ(files_of_disc(source, all, 1000).error().code, ErrorCode::Malformed);
}

TEST_F(Install, AnImageIsMadeOnceAndIsBlank) {
  const NewImage image{
      .file = base_ + "/new/disk.qcow2", .format = "qcow2", .bytes = std::uint64_t{1} << 30U};
  const auto made = create_image(*host_, environment_, image);
  ASSERT_TRUE(made) << english(made.error());
  EXPECT_EQ(look_at_disk(*host_, environment_, image.file, "qcow2"), DiskStart::Blank);
  EXPECT_EQ(create_image(*host_, environment_, image).error().code, ErrorCode::Conflict);
  EXPECT_EQ(first_sectors(*host_, environment_, base_ + "/none.qcow2", "qcow2").error().code,
            ErrorCode::NotFound);
}

TEST_F(Install, ACopiedImageStartsAsItsSource) {
  std::string mbr(1 << 20U, '\0');
  mbr[510] = '\x55';
  mbr[511] = '\xAA';
  mbr[446 + 4] = '\x07';
  const std::string source = write("cloud.img", mbr);
  const NewImage image{
      .file = base_ + "/disk.qcow2", .format = "qcow2", .bytes = std::uint64_t{1} << 30U};
  const auto copied = copy_image(*host_, environment_, source, image);
  ASSERT_TRUE(copied) << english(copied.error());
  EXPECT_EQ(look_at_disk(*host_, environment_, image.file, "qcow2"), DiskStart::Bios);
  const std::string header = "QFI\xFB" + std::string("\0\0\0\3\0\0\0\0\0\0\0\x70", 12);
  const std::string backed = write("backed.img", header + std::string(1024, '\0'));
  EXPECT_EQ(copy_image(*host_, environment_, backed, image).error().code, ErrorCode::Unsupported);
}

TEST(ImageSize, IsANumberWithAUnit) {
  EXPECT_EQ(image_size("64G"), std::uint64_t{64} << 30U);
  EXPECT_EQ(image_size("1M"), std::uint64_t{1} << 20U);
  for (const char* bad : {"", "64", "G", "1K", "65T", "-1G", "1.5G"}) {
    EXPECT_FALSE(image_size(bad)) << bad;
  }
}

TEST_F(Install, WindowsGetsItsAnswersItsDriversAndItsDiscs) {
  const std::string iso = write("win.iso", "a disc");
  write("intel/igdlh.inf",
        "[Version]\nClass=Display\nDriverVer=1/1/2019,25.20.100.6519\n[X]\n%a%=b,PCI\\VEN_8086\n");
  const LoadedVm loaded = load(
      "name = \"win\"\nguest = \"windows11\"\n[gpu]\nway = \"gvt-g\"\n"
      "[[disk]]\nfile = \"d.qcow2\"\ninterface = \"virtio\"\n");
  InstallWish wish;
  wish.iso = iso;
  wish.user = "mina";
  wish.password = "the secret";
  EXPECT_EQ(plan_installation(*host_, environment_, loaded, wish).error().code,
            ErrorCode::Malformed);  // no virtio drivers
  wish.virtio_iso = virtio_disc();
  wish.driver = base_ + "/intel";
  const auto plan = plan_installation(*host_, environment_, loaded, wish);
  ASSERT_TRUE(plan) << english(plan.error());
  ASSERT_NE(find(plan->files, "autounattend.xml"), nullptr);
  EXPECT_NE(find(plan->files, "autounattend.xml")->content.find("the secret"), std::string::npos);
  for (const DiscFile& shown : plan->shown) {
    EXPECT_EQ(shown.content.find("the secret"), std::string::npos) << shown.name;
  }
  EXPECT_EQ(find(plan->files, "$WinPEDriver$/NetKVM/NetKVM.inf")->content, "inf of w11");
  EXPECT_NE(find(plan->files, "cleave/driver/igdlh.inf"), nullptr);
  ASSERT_EQ(plan->drivers.size(), 1U);
  EXPECT_EQ(plan->drivers[0].judgement.health, DriverHealth::Breaks);
  ASSERT_TRUE(plan->new_image);
  EXPECT_FALSE(plan->vm.gpu);
  ASSERT_EQ(plan->vm.disks.size(), 4U);
  EXPECT_EQ(plan->vm.disks[1].file, iso);
  EXPECT_LT(plan->vm.disks[0].boot_index, plan->vm.disks[1].boot_index);

  const auto begun = begin_installation(*host_, environment_, *plan, "");
  ASSERT_TRUE(begun) << english(begun.error());
  const auto state = installation_of(*host_, environment_, "win");
  ASSERT_TRUE(state && *state);
  EXPECT_EQ((*state)->discs, plan->discs);
  EXPECT_FALSE(is_installed(*host_, environment_, **state));
  std::ofstream((*state)->directory + "/serial.log") << "noise\r\ncleave: installed\r\n";
  EXPECT_TRUE(is_installed(*host_, environment_, **state));
  ASSERT_TRUE(end_installation(*host_, environment_, **state));
  EXPECT_FALSE(std::filesystem::exists(plan->disc));
  EXPECT_FALSE(*installation_of(*host_, environment_, "win"));
  EXPECT_TRUE(std::filesystem::exists(iso));
}

TEST_F(Install, WhatIsOnADiskIsNotLostUnasked) {
  write("d.raw", std::string(40000, 'x'));
  const LoadedVm loaded = load("name = \"l\"\nguest = \"linux\"\n[[disk]]\nfile = \"d.raw\"\n");
  InstallWish wish;
  wish.cloud_image = write("cloud.img", std::string(1 << 20U, '\0'));
  wish.user = "mina";
  wish.password = "x";
  EXPECT_EQ(plan_installation(*host_, environment_, loaded, wish).error().code,
            ErrorCode::Conflict);
  wish.overwrite = true;
  const auto plan = plan_installation(*host_, environment_, loaded, wish);
  ASSERT_TRUE(plan) << english(plan.error());
  EXPECT_EQ(plan->disc_label, "cidata");
  EXPECT_EQ(plan->files.size(), 3U);
  // Kernels of cloud images need not have a driver for a CD drive.
  ASSERT_EQ(plan->vm.disks.size(), 2U);
  EXPECT_EQ(plan->vm.disks[1].interface, "virtio");
  EXPECT_TRUE(plan->vm.disks[1].read_only);
  Vm on_sata = *loaded.checked.vm;
  on_sata.disks.front().interface = "sata";
  const InstallState state{
      .kind = InstallKind::CloudImage, .directory = base_, .discs = {plan->disc}};
  EXPECT_EQ(installation_vm(environment_, on_sata, state).disks[1].interface, "cdrom");
  wish.iso = wish.cloud_image;
  wish.cloud_image.clear();
  EXPECT_EQ(plan_installation(*host_, environment_, loaded, wish).error().code,
            ErrorCode::Unsupported);  // the guest is Linux
}

}  // namespace
}  // namespace cleave
