// A VM's daily life with the real QEMU and qemu-img.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <thread>

#include "app/qemu_img.h"
#include "app/vm.h"
#include "app/vm_autostart.h"
#include "app/vm_clone.h"
#include "app/vm_control.h"
#include "app/vm_delete.h"
#include "app/vm_disks.h"
#include "app/vm_files.h"
#include "app/vm_media.h"
#include "base/format.h"
#include "host/file_host.h"
#include "host/memory_host.h"
#include "vm/key_names.h"

namespace cleave {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20U;

class VmLifeTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::access("/usr/bin/qemu-system-x86_64", X_OK) != 0 ||
        ::access("/usr/bin/qemu-img", X_OK) != 0) {
      GTEST_SKIP() << "skipped: no QEMU";
    }
    base_ = testing::TempDir() + "cleave-life-XXXXXX";
    ASSERT_NE(::mkdtemp(base_.data()), nullptr);
    const bool is_root = ::geteuid() == 0;
    environment_.owner = {.uid = is_root ? 65534U : ::geteuid(),
                          .gid = is_root ? 65534U : ::getegid(),
                          .name = "mina",
                          .home = base_,
                          .groups = {}};
    environment_.is_root = is_root;
    environment_.home = base_;
    environment_.runtime_home = base_;
    environment_.system_runtime_base = base_ + "/cleave";
    environment_.user_runtime_base = base_ + "/none";
    std::filesystem::create_directories(base_ + "/.config/cleave/vms");
    std::filesystem::create_directories(base_ + "/images");
    own(base_);
    own(base_ + "/images");
    ASSERT_EQ(::chmod(base_.c_str(), 0755), 0);
    host_ = live_host();
  }
  void TearDown() override {
    if (base_.empty()) return;
    (void)kill_vm(*host_, environment_, "demo");
    // The supervisor may still be writing down how it ended.
    std::error_code error;
    for (int i = 0; i < 500 && std::filesystem::exists(base_); ++i) {
      std::filesystem::remove_all(base_, error);
      std::this_thread::sleep_for(milliseconds(10));
    }
  }
  void own(const std::string& path) const {
    ASSERT_EQ(::chown(path.c_str(), environment_.owner.uid, environment_.owner.gid), 0) << path;
  }
  [[nodiscard]] std::string image(const std::string& name) const {
    return base_ + "/images/" + name;
  }
  void make_image(const std::string& name, const std::string& format = "qcow2") {
    const auto made = run_qemu_img(
        environment_, {.arguments = {"create", "-q", "-f", format, image(name), "8M"}});
    ASSERT_TRUE(made.has_value()) << english(made.error());
  }
  std::string define(const std::string& name, const std::string& more) {
    std::string file = base_ + "/.config/cleave/vms/" + name + ".toml";
    std::ofstream(file) << "accelerator = \"tcg\"\nmemory = \"64M\"\n"
                        << more << "[display]\ntype = \"none\"\n";
    return file;
  }
  void start() {
    const Result<Vm> vm = load_good_vm(*host_, environment_, "demo");
    ASSERT_TRUE(vm.has_value()) << english(vm.error());
    const auto started =
        start_vm(*host_, environment_, {.vm = *vm, .definition = base_ + "/demo.toml"});
    ASSERT_TRUE(started.has_value()) << english(started.error());
  }
  static std::string disk(const std::string& file) { return "[[disk]]\nfile = \"" + file + "\"\n"; }
  static std::string text_of(const std::string& file) {
    std::stringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
  }
  std::string base_;
  VmEnvironment environment_;
  std::unique_ptr<HostWriter> host_;
};

TEST_F(VmLifeTest, PausesGoesOnAndIsReset) {
  define("demo", "balloon = true\nserial = true\npointer = \"mouse\"\n");
  start();
  const auto control = [&](ControlAction action) {
    auto report = control_vm(*host_, environment_, "demo", action);
    EXPECT_TRUE(report.has_value()) << english(report.error());
    return *report;
  };
  EXPECT_FALSE(control(ControlAction::Resume).changed);
  const ControlReport paused = control(ControlAction::Pause);
  EXPECT_TRUE(paused.changed);
  EXPECT_EQ(paused.after, "paused");
  EXPECT_FALSE(control(ControlAction::Pause).changed);
  EXPECT_EQ(vm_status(environment_, "demo", true)->guest_status, "paused");
  EXPECT_EQ(send_keys(*host_, environment_, "demo", {"a"}).error().code, ErrorCode::Conflict);
  EXPECT_TRUE(control(ControlAction::Resume).changed);
  EXPECT_EQ(control(ControlAction::Reset).after, "running");

  const auto sent = send_keys(*host_, environment_, "demo", {"ctrl-alt-delete", "A", "ret"});
  ASSERT_TRUE(sent.has_value()) << english(sent.error());
  EXPECT_EQ(send_keys(*host_, environment_, "demo", {"a", "foo"}).error().code,
            ErrorCode::Malformed);

  const auto answer = monitor_command(*host_, environment_, "demo", "info status");
  ASSERT_TRUE(answer.has_value()) << english(answer.error());
  EXPECT_NE(answer->find("running"), std::string::npos);
  const auto socket = connect_console(*host_, environment_, "demo");
  EXPECT_TRUE(socket.has_value()) << english(socket.error());

  EXPECT_EQ(set_balloon(*host_, environment_, "demo", "1G").error().code, ErrorCode::Malformed);
  EXPECT_EQ(set_balloon(*host_, environment_, "demo", "lots").error().code, ErrorCode::Malformed);
  const auto balloon = set_balloon(*host_, environment_, "demo", "32M");
  ASSERT_TRUE(balloon.has_value()) << english(balloon.error());
  EXPECT_EQ(balloon->actual, 64 * kMebibyte) << "firmware has no driver for it";
  const auto no_usb = attach_usb(*host_, environment_, "demo", *parse_usb_name("1234:5678"), false);
  EXPECT_EQ(no_usb.error().code, ErrorCode::Unsupported);

  EXPECT_EQ(keep_stopped(environment_, "demo").error().code, ErrorCode::Conflict);
  EXPECT_EQ(clone_vm(*host_, environment_, {.name = "demo", .new_name = "two"}).error().code,
            ErrorCode::Conflict);
  EXPECT_EQ(prepare_delete(*host_, environment_, "demo", false).error().code, ErrorCode::Conflict);
}

TEST_F(VmLifeTest, AStopOfAPausedGuestThatHasNoAgentStillEnds) {
  define("demo", "guest_agent = true\nballoon = false\n");
  start();
  EXPECT_EQ(set_balloon(*host_, environment_, "demo", "32M").error().code, ErrorCode::Unsupported);
  EXPECT_EQ(connect_console(*host_, environment_, "demo").error().code, ErrorCode::Unsupported);
  ASSERT_TRUE(control_vm(*host_, environment_, "demo", ControlAction::Pause).has_value());
  const auto stopped = stop_vm(*host_, environment_, "demo", milliseconds(400));
  ASSERT_TRUE(stopped.has_value()) << english(stopped.error());
  EXPECT_EQ(stopped->means, StopMeans::Quit);
}

TEST_F(VmLifeTest, DiscsComeAndGo) {
  define("demo", "[[disk]]\ninterface = \"cdrom\"\n");
  start();
  std::ofstream(image("one.iso")) << std::string(4096, 'x');
  const auto request = [&](const std::string& file, const std::string& which = "") {
    return MediumRequest{.name = "demo", .disk = which, .file = file};
  };
  EXPECT_FALSE(eject_medium(*host_, environment_, request(""))->changed);
  const auto inserted = insert_medium(*host_, environment_, request(image("one.iso")));
  ASSERT_TRUE(inserted.has_value()) << english(inserted.error());
  EXPECT_EQ(inserted->disk, "disk0");
  EXPECT_TRUE(inserted->changed);
  EXPECT_FALSE(insert_medium(*host_, environment_, request(image("one.iso"), "0"))->changed);
  EXPECT_EQ(insert_medium(*host_, environment_, request(image("none.iso"))).error().code,
            ErrorCode::NotFound);
  EXPECT_EQ(insert_medium(*host_, environment_, request(base_)).error().code, ErrorCode::Malformed);
  EXPECT_EQ(insert_medium(*host_, environment_, request(image("one.iso"), "disk7")).error().code,
            ErrorCode::NotFound);
  if (::geteuid() == 0) {
    std::ofstream(image("secret.iso")) << "x";
    ASSERT_EQ(::chmod(image("secret.iso").c_str(), 0600), 0);
    const auto refused = insert_medium(*host_, environment_, request(image("secret.iso")));
    ASSERT_FALSE(refused.has_value());
    EXPECT_NE(english(refused.error()).find("mina"), std::string::npos);
  }
  const auto ejected = eject_medium(*host_, environment_, request(""));
  ASSERT_TRUE(ejected.has_value()) << english(ejected.error());
  EXPECT_EQ(ejected->before, image("one.iso"));
}

TEST_F(VmLifeTest, SnapshotsOfDisksAreOfAllOrNone) {
  make_image("a.qcow2");
  make_image("b.qcow2");
  define("demo", disk(image("a.qcow2")) + disk(image("b.qcow2")));
  ASSERT_TRUE(create_snapshot(*host_, environment_, "demo", "one").has_value());
  EXPECT_EQ(create_snapshot(*host_, environment_, "demo", "one").error().code, ErrorCode::Conflict);
  for (const char* name : {"", "1", "-x", "a b"}) {
    EXPECT_EQ(create_snapshot(*host_, environment_, "demo", name).error().code,
              ErrorCode::Malformed)
        << name;
  }
  auto listed = list_snapshots(*host_, environment_, "demo");
  ASSERT_TRUE(listed.has_value()) << english(listed.error());
  ASSERT_EQ(listed->size(), 1U);
  EXPECT_TRUE(listed->front().complete);
  EXPECT_FALSE(listed->front().with_memory);
  const auto restored = restore_snapshot(*host_, environment_, "demo", "one");
  ASSERT_TRUE(restored.has_value()) << english(restored.error());
  EXPECT_EQ(list_snapshots(*host_, environment_, "demo")->size(), 1U) << "nothing of it is left";
  // One disk of two alone: no way back.
  ASSERT_TRUE(run_qemu_img(environment_, {.arguments = {"snapshot", "-c", "half", "--image-opts",
                                                        image_options(image("a.qcow2"), "qcow2")}})
                  .has_value());
  EXPECT_EQ(restore_snapshot(*host_, environment_, "demo", "half").error().code,
            ErrorCode::Conflict);
  EXPECT_EQ(restore_snapshot(*host_, environment_, "demo", "none").error().code,
            ErrorCode::NotFound);
  EXPECT_TRUE(delete_snapshot(*host_, environment_, "demo", "half").has_value());
  EXPECT_TRUE(delete_snapshot(*host_, environment_, "demo", "one").has_value());
  EXPECT_TRUE(list_snapshots(*host_, environment_, "demo")->empty());

  make_image("c.raw", "raw");
  define("demo", disk(image("a.qcow2")) + disk(image("c.raw")));
  const auto refused = create_snapshot(*host_, environment_, "demo", "two");
  EXPECT_EQ(refused.error().code, ErrorCode::Unsupported);
  EXPECT_NE(english(refused.error()).find("c.raw"), std::string::npos);
}

TEST_F(VmLifeTest, ASnapshotOfARunningVmHasItsMemory) {
  make_image("a.qcow2");
  define("demo", disk(image("a.qcow2")));
  ASSERT_TRUE(create_snapshot(*host_, environment_, "demo", "cold").has_value());
  start();
  const auto made = create_snapshot(*host_, environment_, "demo", "warm");
  ASSERT_TRUE(made.has_value()) << english(made.error());
  EXPECT_TRUE(made->running);
  const auto listed = list_snapshots(*host_, environment_, "demo");
  ASSERT_TRUE(listed.has_value()) << english(listed.error());
  ASSERT_EQ(listed->size(), 2U);
  EXPECT_TRUE(listed->back().with_memory);
  EXPECT_EQ(restore_snapshot(*host_, environment_, "demo", "cold").error().code,
            ErrorCode::Conflict);
  const auto restored = restore_snapshot(*host_, environment_, "demo", "warm");
  ASSERT_TRUE(restored.has_value()) << english(restored.error());
  EXPECT_EQ(vm_status(environment_, "demo", true)->guest_status, "running");
  EXPECT_TRUE(delete_snapshot(*host_, environment_, "demo", "warm").has_value());
  EXPECT_EQ(list_snapshots(*host_, environment_, "demo")->size(), 1U);

  const auto larger = resize_disk(*host_, environment_, "demo", "16M", "");
  ASSERT_TRUE(larger.has_value()) << english(larger.error());
  EXPECT_TRUE(larger->running);
  EXPECT_EQ(larger->before, 8 * kMebibyte);
}

TEST_F(VmLifeTest, DisksOnlyGrow) {
  make_image("a.qcow2");
  make_image("c.raw", "raw");
  define("demo", disk(image("a.qcow2")) + disk(image("c.raw")));
  EXPECT_EQ(resize_disk(*host_, environment_, "demo", "16M", "").error().code,
            ErrorCode::Malformed);
  const auto larger = resize_disk(*host_, environment_, "demo", "16M", "disk0");
  ASSERT_TRUE(larger.has_value()) << english(larger.error());
  EXPECT_EQ(image_info(environment_, image("a.qcow2"), "qcow2")->virtual_size, 16 * kMebibyte);
  EXPECT_EQ(resize_disk(*host_, environment_, "demo", "8M", "0").error().code,
            ErrorCode::Unsupported);
  EXPECT_EQ(resize_disk(*host_, environment_, "demo", "16M", "0")->before, 16 * kMebibyte);
  ASSERT_TRUE(resize_disk(*host_, environment_, "demo", "24M", "1").has_value());
  EXPECT_EQ(std::filesystem::file_size(image("c.raw")), 24 * kMebibyte);
  EXPECT_EQ(resize_disk(*host_, environment_, "demo", "1", "0").error().code, ErrorCode::Malformed);
}

TEST_F(VmLifeTest, ACopyIsWholeAndItsOwn) {
  make_image("demo.qcow2");
  make_image("data.raw", "raw");
  define("demo", "# mine\n" + disk(image("demo.qcow2")) + disk(image("data.raw")) +
                     "[[network]]\nmac = \"52:54:00:12:34:56\"\n");
  double shown = -1;
  const auto copied =
      clone_vm(*host_, environment_,
               {.name = "demo", .new_name = "two", .progress = [&](const std::string&, double p) {
                  shown = p;
                }});
  ASSERT_TRUE(copied.has_value()) << english(copied.error());
  EXPECT_EQ(shown, 100);
  const Result<Vm> two = load_good_vm(*host_, environment_, "two");
  ASSERT_TRUE(two.has_value()) << english(two.error());
  EXPECT_EQ(two->disks[0].file, image("two.qcow2"));
  EXPECT_EQ(two->disks[1].file, image("two-data.raw"));
  EXPECT_EQ(two->networks[0].mac, network_address("two", 0));
  EXPECT_NE(text_of(copied->definition).find("# mine"), std::string::npos);
  EXPECT_EQ(image_info(environment_, image("two.qcow2"), "qcow2")->virtual_size, 8 * kMebibyte);
  EXPECT_EQ(clone_vm(*host_, environment_, {.name = "demo", .new_name = "two"}).error().code,
            ErrorCode::Conflict);
  EXPECT_EQ(clone_vm(*host_, environment_, {.name = "demo", .new_name = "../x"}).error().code,
            ErrorCode::Malformed);
}

// As on a new mainboard: the firmware's settings are there, what a TPM kept is not.
TEST_F(VmLifeTest, ACopyHasTheFirmwaresVariablesButATpmOfItsOwn) {
  make_image("demo.qcow2");
  define("demo", disk(image("demo.qcow2")) + "[firmware]\ntype = \"uefi\"\ntpm = true\n");
  environment_.by_sudo = environment_.is_root;  // not root's own place in /var/lib
  environment_.data_home = base_ + "/data";
  own(base_ + "/.config/cleave/vms");
  const std::string own_files = data_directory(environment_, "demo");
  ASSERT_TRUE(make_data_directory(*host_, environment_, "demo").has_value());
  std::filesystem::create_directories(own_files + "/tpm");
  std::ofstream(own_files + "/tpm/tpm2-00.permall") << "secret";
  std::ofstream(own_files + "/nvram.fd") << "variables";
  own(own_files + "/nvram.fd");
  const auto copied = clone_vm(*host_, environment_, {.name = "demo", .new_name = "two"});
  if (!copied && copied.error().code == ErrorCode::NotFound) {
    GTEST_SKIP() << "skipped: " << english(copied.error());  // no firmware of UEFI is installed
  }
  ASSERT_TRUE(copied.has_value()) << english(copied.error());
  const std::string new_files = data_directory(environment_, "two");
  EXPECT_EQ(text_of(new_files + "/nvram.fd"), "variables");
  EXPECT_FALSE(std::filesystem::exists(new_files + "/tpm"));
  EXPECT_TRUE(std::ranges::any_of(copied->notes, [](const Message& note) {
    return english(note).find("BitLocker") != std::string::npos;
  }));
}

TEST_F(VmLifeTest, ACopyThatFailsLeavesNothing) {
  make_image("demo.qcow2");
  std::ofstream(image("broken.qcow2")) << "this is no image";
  own(image("broken.qcow2"));
  define("demo", disk(image("demo.qcow2")) + disk(image("broken.qcow2")));
  const auto failed = clone_vm(*host_, environment_, {.name = "demo", .new_name = "two"});
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(base_ + "/images"), {}), 2);
  EXPECT_FALSE(std::filesystem::exists(base_ + "/.config/cleave/vms/two.toml"));
}

TEST_F(VmLifeTest, WhatALinkedCopyNeedsIsNotDeleted) {
  make_image("demo.qcow2");
  define("demo", disk(image("demo.qcow2")));
  const auto copied =
      clone_vm(*host_, environment_, {.name = "demo", .new_name = "two", .linked = true});
  ASSERT_TRUE(copied.has_value()) << english(copied.error());
  EXPECT_EQ(image_info(environment_, image("two.qcow2"), "qcow2")->backing_file,
            image("demo.qcow2"));
  const auto kept = prepare_delete(*host_, environment_, "demo", true);
  ASSERT_TRUE(kept.has_value()) << english(kept.error());
  EXPECT_TRUE(kept->images.empty());
  ASSERT_EQ(kept->kept.size(), 1U);
  EXPECT_EQ(english(kept->kept.front().why), "another VM needs it");

  {
    auto two = prepare_delete(*host_, environment_, "two", true);
    ASSERT_TRUE(two.has_value()) << english(two.error());
    ASSERT_EQ(two->images, std::vector<std::string>{image("two.qcow2")});
    const auto gone = delete_vm(*host_, environment_, *two);
    ASSERT_TRUE(gone.has_value()) << english(gone.error());
  }
  EXPECT_FALSE(std::filesystem::exists(image("two.qcow2")));
  EXPECT_EQ(find_definition(*host_, environment_, "two").error().code, ErrorCode::NotFound);
  EXPECT_TRUE(std::filesystem::exists(image("demo.qcow2")));
}

TEST_F(VmLifeTest, WithoutDisksTheImagesStay) {
  make_image("demo.qcow2");
  define("demo", disk(image("demo.qcow2")));
  const auto prepared = prepare_delete(*host_, environment_, "demo", false);
  ASSERT_TRUE(prepared.has_value()) << english(prepared.error());
  ASSERT_TRUE(delete_vm(*host_, environment_, *prepared).has_value());
  EXPECT_TRUE(std::filesystem::exists(image("demo.qcow2")));
  EXPECT_EQ(find_definition(*host_, environment_, "demo").error().code, ErrorCode::NotFound);
}

TEST_F(VmLifeTest, AUsbDeviceThatIsNotThereIsNotAttached) {
  define("demo", "pointer = \"tablet\"\n");
  start();
  const UsbName name = *parse_usb_name("ffff:ffff");
  EXPECT_EQ(attach_usb(*host_, environment_, "demo", name, false).error().code,
            ErrorCode::NotFound);
  const auto detached = detach_usb(*host_, environment_, "demo", name);
  ASSERT_TRUE(detached.has_value()) << english(detached.error());
  EXPECT_FALSE(detached->changed);
}

TEST_F(VmLifeTest, EveryKeyIsOneOfQemus) {
  define("demo", "");
  start();
  QmpClient monitor = *connect_monitor(*host_, environment_, "demo");
  const auto schema = monitor.execute("query-qmp-schema", Json::object(), seconds(30));
  ASSERT_TRUE(schema.has_value()) << english(schema.error());
  std::vector<std::string> known;
  for (const Json& type : *schema->as_array()) {
    const Json* values = type.find("values");
    if (type.text_of("meta-type") != "enum" || values == nullptr) continue;
    std::vector<std::string> names;
    for (const Json& value : *values->as_array()) names.push_back(*value.as_string());
    if (std::ranges::find(names, "kp_enter") != names.end()) known = names;
  }
  ASSERT_FALSE(known.empty());
  for (const std::string& code : key_codes()) {
    EXPECT_NE(std::ranges::find(known, code), known.end()) << code;
  }
}

TEST(UsbNames, AreIdsOrPorts) {
  EXPECT_EQ(parse_usb_name("046D:c52b")->vendor, "046d");
  EXPECT_EQ(parse_usb_name("1-2.3")->port, "2.3");
  EXPECT_EQ(parse_usb_name("1-2.3")->device_id(), "usb-host-port-1-2-3");
  for (const char* text : {"", "046d", "046d:", "046d:c52", "usb1", "1-2:1.0", "0x46:c52b"}) {
    EXPECT_FALSE(parse_usb_name(text).has_value()) << text;
  }
}

TEST(QemuImg, ProgressIsRead) {
  EXPECT_EQ(progress_in("    (0.00/100%)\r    (12.50/100%)\r"), 12.5);
  EXPECT_FALSE(progress_in("").has_value());
  EXPECT_FALSE(progress_in("(x/100%)").has_value());
  EXPECT_FALSE(progress_in("/100%)").has_value());
  EXPECT_FALSE(progress_in("(900/100%)").has_value());
}

TEST(QemuImg, WhatItTellsIsNotBelievedBlindly) {
  EXPECT_FALSE(image_info_from_json(Json::array()).has_value());
  EXPECT_FALSE(image_info_from_json(*parse_json("{\"virtual-size\":-1}")).has_value());
  EXPECT_FALSE(
      image_info_from_json(*parse_json("{\"virtual-size\":1,\"snapshots\":{}}")).has_value());
  EXPECT_EQ(
      image_info_from_json(*parse_json("{\"virtual-size\":1,\"snapshots\":[7]}"))->snapshots.size(),
      1U);
}

// --- Starting by itself -----------------------------------------------------------------------

class AutostartTest : public testing::Test {
 protected:
  void SetUp() override {
    environment_.owner = {
        .uid = 1000, .gid = 1000, .name = "mina", .home = "/home/mina", .groups = {}};
    environment_.home = "/home/mina";
    host_.add_file("/home/mina/.config/cleave/vms/demo.toml", "[display]\ntype = \"none\"\n");
  }
  Result<PreparedAutostart> prepare(Autostart when, const std::string& name = "demo") {
    return prepare_autostart(host_, environment_, name, when, "/usr/bin/cleave");
  }
  MemoryHost host_;
  VmEnvironment environment_;
};

TEST_F(AutostartTest, AUsersUnitsComeAndGo) {
  const auto prepared = prepare(Autostart::Login);
  ASSERT_TRUE(prepared.has_value()) << english(prepared.error());
  EXPECT_FALSE(prepared->of_system);
  ASSERT_EQ(prepared->plan.changes.size(), 2U);
  ASSERT_TRUE(write_user_units(host_, *prepared).has_value());
  const std::string unit = "/home/mina/.config/systemd/user/cleave-vm-demo.service";
  const std::string text = *host_.read_file(unit);
  EXPECT_NE(text.find("ExecStart=\"/usr/bin/cleave\" vm start --foreground demo\n"),
            std::string::npos);
  // Called, too, when the VM has ended by itself.
  EXPECT_NE(text.find("ExecStop=-\"/usr/bin/cleave\" vm stop demo\n"), std::string::npos);
  EXPECT_TRUE(
      host_.exists("/home/mina/.config/systemd/user/default.target.d/50-cleave-vm-demo.conf"));
  EXPECT_TRUE(prepare(Autostart::Login)->plan.empty()) << "it is so already";
  ASSERT_TRUE(write_user_units(host_, *prepare(Autostart::No)).has_value());
  EXPECT_FALSE(host_.exists(unit));
  EXPECT_TRUE(prepare(Autostart::No)->plan.empty());
}

TEST_F(AutostartTest, AtBootAUserMustLinger) {
  EXPECT_EQ(prepare(Autostart::Boot).error().code, ErrorCode::Unsupported);
  host_.add_file("/var/lib/systemd/linger/mina", "");
  EXPECT_TRUE(prepare(Autostart::Boot).has_value());
}

TEST_F(AutostartTest, TheSystemsVmsAreRoots) {
  host_.add_file("/etc/cleave/vms/server.toml", "[display]\ntype = \"none\"\n");
  EXPECT_EQ(prepare(Autostart::Boot, "server").error().code, ErrorCode::Denied);
  environment_.is_root = true;
  EXPECT_EQ(prepare(Autostart::Login, "server").error().code, ErrorCode::Unsupported);
  const auto prepared = prepare(Autostart::Boot, "server");
  ASSERT_TRUE(prepared.has_value()) << english(prepared.error());
  EXPECT_TRUE(prepared->of_system);
  EXPECT_EQ(prepare(Autostart::No, "nobody").error().code, ErrorCode::NotFound);
}

}  // namespace
}  // namespace cleave
