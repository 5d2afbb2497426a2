// Rules on what stands around the GPU: the firmware's lock on virtualisation, the session, the
// boot before, firmware files.
#include <gtest/gtest.h>

#include "analysis/gpu_firmware.h"
#include "analysis/previous_boot.h"
#include "unit/analysis/rule_cases.h"

namespace cleave::testing {
namespace {

using Change = std::function<void(Facts&)>;

Change cpu(const char* vendor, bool vmx, bool svm, bool hypervisor = false) {
  return [=](Facts& f) {
    CpuFacts seen;
    seen.vendor = vendor;
    seen.vmx = vmx;
    seen.svm = svm;
    seen.hypervisor = hypervisor;
    f.cpu = known(seen, "/proc/cpuinfo");
    f.kvm.node = {Absent{}, "/dev/kvm"};
  };
}

Change joined(std::vector<Change> changes) {
  return [changes = std::move(changes)](Facts& f) {
    for (const Change& change : changes) change(f);
  };
}

Change register_is(std::uint32_t index, std::uint64_t value) {
  return [=](Facts& f) {
    std::string bytes(8, '\0');
    for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(value >> (8 * i));
    f.virtualisation_switch = known(*parse_virtualisation_switch(index, bytes), "/dev/cpu/0/msr");
  };
}

Change log_says(const char* line) {
  return [line](Facts& f) {
    f.kernel_log =
        known(std::string("[    0.000000] Linux version 6.8.0-60-generic (b@x)\n[    1.000000] ") +
                  line + "\n",
              "/dev/kmsg");
  };
}

Change release(const char* text) {
  return [text](Facts& f) { f.kernel.release = known<std::string>(text, "osrelease"); };
}

const Change kNoMsr = [](Facts& f) { f.virtualisation_switch = {Absent{}, "/dev/cpu/0/msr"}; };
const Change kClosedMsr = [](Facts& f) { f.virtualisation_switch = kClosed; };

std::vector<Case> cpu_cases() {
  const Change intel_without = cpu("GenuineIntel", false, false);
  return {
      {"cpu.firmware_lock", kPass, "the flag of a new kernel",
       joined({cpu("GenuineIntel", true, false), kNoMsr})},
      {"cpu.firmware_lock", kUnknown, "the flag of an old kernel",
       joined({cpu("GenuineIntel", true, false), kNoMsr, release("5.4.0-42-generic")})},
      {"cpu.firmware_lock", kUnknown, "AMD's flag before 6.12",
       joined({cpu("AuthenticAMD", false, true), kNoMsr})},
      {"cpu.firmware_lock", kPass, "AMD's flag in 6.12",
       joined({cpu("AuthenticAMD", false, true), kNoMsr, release("6.12.10")})},
      {"cpu.firmware_lock", kFail, "locked without VMX",
       joined({intel_without, register_is(kIntelFeatureControl, 0x1)})},
      {"cpu.firmware_lock", kFail, "locked with VMX inside SMX only",
       joined({intel_without, register_is(kIntelFeatureControl, 0x3)})},
      {"cpu.firmware_lock", kPass, "locked with VMX",
       joined({cpu("GenuineIntel", true, false), register_is(kIntelFeatureControl, 0x5)})},
      {"cpu.firmware_lock", kPass, "not locked",
       joined({intel_without, register_is(kIntelFeatureControl, 0x0)})},
      {"cpu.firmware_lock", kUnknown, "locked, perhaps by a kernel without KVM",
       joined({intel_without, register_is(kIntelFeatureControl, 0x1),
               [](Facts& f) { f.kernel.config = known(KernelConfig{{"KVM_INTEL", "n"}}, "c"); }})},
      {"cpu.firmware_lock", kFail, "SVMDIS",
       joined({cpu("AuthenticAMD", false, true), register_is(kAmdVmControl, 0x18)})},
      {"cpu.firmware_lock", kPass, "SVM only locked",
       joined({cpu("AuthenticAMD", false, true), register_is(kAmdVmControl, 0x8)})},
      {"cpu.firmware_lock", kFail, "the kernel says so",
       joined(
           {intel_without, kClosedMsr, log_says("x86/cpu: VMX (outside TXT) disabled by BIOS")})},
      {"cpu.firmware_lock", kUnknown, "closed", joined({intel_without, kClosedMsr})},
      {"cpu.firmware_lock", kUnknown, "no module msr", joined({intel_without, kNoMsr})},
      {"cpu.firmware_lock", kUnknown, "no cpuinfo", [](Facts& f) { f.cpu = kClosed; }},
      {"cpu.firmware_lock", kNone, "a VM", cpu("GenuineIntel", false, false, true)},
      {"cpu.firmware_lock", kNone, "another vendor", cpu("CentaurHauls", false, false)},
      {"cpu.firmware_lock", kNone, "hidden by an argument",
       joined({intel_without, kNoMsr, [](Facts& f) { set_command_line(f, "clearcpuid=133"); }})},
      {"cpu.nested", kNone, "no VM", [](Facts&) {}},
      {"cpu.nested", kFail, "a VM without", cpu("GenuineIntel", false, false, true)},
      {"cpu.nested", kPass, "a VM with", cpu("AuthenticAMD", false, true, true)},
      {"cpu.nested", kUnknown, "closed", [](Facts& f) { f.cpu = kClosed; }},
      {"cpu.hidden_by_argument", kPass, "not given", [](Facts&) {}},
      {"cpu.hidden_by_argument", kFail, "by name",
       [](Facts& f) { set_command_line(f, "quiet clearcpuid=umip,vmx"); }},
      {"cpu.hidden_by_argument", kFail, "by number",
       [](Facts& f) { set_command_line(f, "clearcpuid=194"); }},
      {"cpu.hidden_by_argument", kPass, "another feature",
       [](Facts& f) { set_command_line(f, "clearcpuid=514"); }},
      {"cpu.hidden_by_argument", kUnknown, "closed",
       [](Facts& f) { f.kernel.command_line = kClosed; }},
      {"kvm.nested", kPass, "Y",
       [](Facts& f) { set_parameter(f, "kvm_intel", "nested", known<std::string>("Y", "p")); }},
      {"kvm.nested", kFail, "0 of AMD",
       [](Facts& f) {
         CpuFacts amd;
         amd.svm = true;
         f.cpu = known(amd, "/proc/cpuinfo");
         set_parameter(f, "kvm_amd", "nested", known<std::string>("0", "p"));
       }},
      {"kvm.nested", kUnknown, "closed",
       [](Facts& f) { set_parameter(f, "kvm_intel", "nested", kClosed); }},
      {"kvm.nested", kNone, "no such parameter", [](Facts&) {}},
  };
}

LoginSession session(const char* id, const char* type, const char* klass, bool remote,
                     std::uint32_t user) {
  LoginSession made;
  made.id = id;
  made.type = type;
  made.klass = klass;
  made.remote = remote;
  made.seat = remote ? "" : "seat0";
  made.state = "active";
  made.user = user;
  return made;
}

Change logged_in(std::vector<LoginSession> sessions, std::uint32_t user,
                 const char* own = nullptr) {
  return [=](Facts& f) {
    f.session.sessions = known(sessions, "/run/systemd/sessions");
    f.user.ids = known(ProcessIds{.user = user, .groups = {user}}, "/proc/self/status");
    f.session.own = {Absent{}, "/proc/self/cgroup"};
    if (own != nullptr) f.session.own = known<std::string>(own, "/proc/self/cgroup");
  };
}

std::vector<Case> session_cases() {
  const LoginSession wayland = session("2", "wayland", "user", false, 1000);
  const LoginSession ssh = session("5", "tty", "user", true, 1000);
  const LoginSession greeter = session("c1", "wayland", "greeter", false, 120);
  return {
      {"display.session", kPass, "Wayland", logged_in({wayland}, 1000)},
      {"display.session", kPass, "root in somebody's desktop", logged_in({wayland}, 0)},
      {"display.session", kPass, "X11",
       logged_in({session("3", "x11", "user", false, 1000)}, 1000, "3")},
      {"display.session", kFail, "SSH beside the own desktop",
       logged_in({wayland, ssh}, 1000, "5")},
      {"display.session", kFail, "a console",
       logged_in({session("1", "tty", "user", false, 1000)}, 1000, "1")},
      {"display.session", kFail, "only the login screen", logged_in({greeter}, 1000)},
      {"display.session", kFail, "somebody else's desktop", logged_in({wayland}, 1001)},
      {"display.session", kFail, "nobody", logged_in({}, 0)},
      {"display.session", kFail, "a remote desktop",
       logged_in({session("9", "x11", "user", true, 1000)}, 1000, "9")},
      {"display.session", kUnknown, "closed", [](Facts& f) { f.session.sessions = kClosed; }},
      {"display.session", kNone, "no logind",
       [](Facts& f) { f.session.sessions = {Absent{}, "/run/systemd/sessions"}; }},
  };
}

Change before(const std::string& text) {
  return [text](Facts& f) { f.previous_boot_log = known(text, "journalctl -k -b -1"); };
}

constexpr const char* kInUse =
    "[  100.000000] intel_vgpu_mdev 6f0d3c1e-0000-4000-8000-000000000001: Adding to iommu group "
    "14\n";
constexpr const char* kReleased =
    "[  200.000000] intel_vgpu_mdev 6f0d3c1e-0000-4000-8000-000000000001: Removing from iommu "
    "group "
    "14\n";
constexpr const char* kPageWrite = "[  300.000000] gvt: guest page write error, gpa 1f2a3000\n";
constexpr const char* kShutdown =
    "[  400.000000] systemd-shutdown[1]: Syncing filesystems and block devices.\n";
constexpr const char* kOrdinary = "[  390.000000] usb 1-1: USB disconnect, device number 4\n";

std::vector<Case> previous_boot_cases() {
  const std::string in_use = kInUse;
  const auto hang = [](const char* line) {
    return before(std::string("[  300.000000] ") + line + "\n" + kOrdinary);
  };
  return {
      {"log.previous_boot_hang", kPass, "an orderly end", before(in_use + kOrdinary + kShutdown)},
      {"log.previous_boot_hang", kPass, "a hang that was survived",
       before(std::string(kPageWrite) + kShutdown)},
      {"log.previous_boot_hang", kFail, "page tables", before(in_use + kPageWrite)},
      {"log.previous_boot_hang", kFail, "type 9",
       hang("gvt: vgpu 1: shadow page 00000000a1b2c3d4 guest entry 0x1f2a3083 type 9.")},
      {"log.previous_boot_hang", kFail, "the GPU",
       hang("i915 0000:00:02.0: [drm] GPU HANG: ecode 9:1:85dffffb, in Xorg [998]")},
      {"log.previous_boot_hang", kFail, "a soft lockup",
       hang("watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [qemu-system-x86:2042]")},
      {"log.previous_boot_hang", kFail, "a hard lockup",
       hang("watchdog: Watchdog detected hard LOCKUP on cpu 3")},
      {"log.previous_boot_hang", kFail, "a panic",
       hang("Kernel panic - not syncing: Fatal exception in interrupt")},
      {"log.previous_boot_hang", kPass, "a hang of long ago",
       before("[  300.000000] i915 0000:00:02.0: [drm] GPU HANG: ecode 9:1:85dffffb\n"
              "[ 9000.000000] usb 1-1: USB disconnect, device number 4\n")},
      {"log.previous_boot_hang", kPass, "a power cut", before(kOrdinary)},
      {"log.previous_boot_hang", kUnknown, "closed",
       [](Facts& f) { f.previous_boot_log = kClosed; }},
      {"log.previous_boot_hang", kNone, "a journal that does not last",
       [](Facts& f) { f.previous_boot_log = {Absent{}, "journalctl -k -b -1"}; }},
      {"log.previous_boot_unclean", kPass, "an orderly end", before(in_use + kShutdown)},
      {"log.previous_boot_unclean", kPass, "journald's last word",
       before(in_use + kOrdinary + "[  401.000000] systemd-journald[243]: Journal stopped\n")},
      {"log.previous_boot_unclean", kFail, "in use, then nothing", before(in_use + kOrdinary)},
      {"log.previous_boot_unclean", kFail, "journald of the initramfs is no end",
       before("[    2.000000] systemd-journald[99]: Journal stopped\n" + in_use + kOrdinary)},
      {"log.previous_boot_unclean", kNone, "given back before",
       before(in_use + kReleased + kOrdinary)},
      {"log.previous_boot_unclean", kNone, "no vGPU", before(kOrdinary)},
      {"log.previous_boot_unclean", kNone, "a hang has its own rule", before(in_use + kPageWrite)},
      {"log.previous_boot_unclean", kUnknown, "asleep",
       before(in_use + "[  395.000000] PM: suspend entry (deep)\n")},
      {"log.previous_boot_unclean", kFail, "awake again",
       before(in_use +
              "[  395.000000] PM: suspend entry (deep)\n[  396.000000] PM: suspend exit\n" +
              kOrdinary)},
      {"log.previous_boot_unclean", kUnknown, "closed",
       [](Facts& f) { f.previous_boot_log = kClosed; }},
  };
}

Change files(std::vector<const char*> names) {
  return [names](Facts& f) {
    FirmwareFiles found;
    for (const std::string_view name : names) {
      add_firmware_file(found, "/lib/firmware", name.substr(0, name.find('/')),
                        name.substr(name.find('/') + 1));
    }
    f.gpu_firmware = known(found, "/lib/firmware");
  };
}

Change gpu(std::uint16_t device, const char* driver) {
  return [=](Facts& f) {
    gpu_of(f).device_id = device;
    gpu_of(f).driver = known<std::string>(driver, "driver");
  };
}

constexpr std::uint16_t kTigerLakeId = 0x9A49;
constexpr std::uint16_t kPantherLakeId = 0xB080;

std::vector<Case> firmware_cases() {
  const Change zstd_off = [](Facts& f) {
    f.kernel.config = known(KernelConfig{{"FW_LOADER", "y"}, {"FW_LOADER_COMPRESS", "n"}}, "c");
  };
  return {
      {"sr_iov.firmware_file", kPass, "packed",
       joined({gpu(kTigerLakeId, "xe"), files({"i915/tgl_guc_70.bin.zst"})})},
      {"sr_iov.firmware_file", kFail, "xe wants this one",
       joined({gpu(kTigerLakeId, "xe"), files({"i915/tgl_guc_70.1.1.bin"})})},
      {"sr_iov.firmware_file", kPass, "i915 takes others, too",
       joined({gpu(kTigerLakeId, "i915"), files({"i915/tgl_guc_70.1.1.bin"})})},
      {"sr_iov.firmware_file", kFail, "none", joined({gpu(kPantherLakeId, "xe"), files({})})},
      {"sr_iov.firmware_file", kPass, "xe's own",
       joined({gpu(kPantherLakeId, "xe"), files({"xe/ptl_guc_70.bin"})})},
      {"sr_iov.firmware_file", kFail, "the kernel cannot unpack it",
       joined({gpu(kTigerLakeId, "xe"), files({"i915/tgl_guc_70.bin.zst"}), zstd_off})},
      {"sr_iov.firmware_file", kPass, "plain for a kernel that cannot unpack",
       joined({gpu(kTigerLakeId, "xe"), files({"i915/tgl_guc_70.bin"}), zstd_off})},
      {"sr_iov.firmware_file", kPass, "the kernel has loaded it",
       joined({gpu(kTigerLakeId, "xe"), files({}),
               log_says("i915 0000:00:02.0: [drm] GT0: GuC firmware i915/tgl_guc_70.bin version "
                        "70.36.0")})},
      {"sr_iov.firmware_file", kUnknown, "closed",
       joined({gpu(kTigerLakeId, "xe"), [](Facts& f) { f.gpu_firmware = kClosed; }})},
      {"sr_iov.firmware_file", kUnknown, "nowhere",
       joined({gpu(kTigerLakeId, "xe"),
               [](Facts& f) { f.gpu_firmware = {Absent{}, "/lib/firmware"}; }})},
      {"sr_iov.firmware_file", kUnknown, "in a container",
       joined({gpu(kTigerLakeId, "xe"), files({}),
               [](Facts& f) { f.platform.container = known(true, "/.dockerenv"); }})},
      {"sr_iov.firmware_file", kNone, "Comet Lake", files({})},
      {"gpu.firmware_files", kPass, "the display's", files({"i915/kbl_dmc_ver1_04.bin.xz"})},
      {"gpu.firmware_files", kFail, "none", files({})},
      {"gpu.firmware_files", kFail, "no GuC where it is on by default",
       joined({gpu(0x46A6, "i915"), files({"i915/adlp_dmc.bin"})})},
      {"gpu.firmware_files", kPass, "all three",
       joined({gpu(0x46A6, "i915"),
               files({"i915/adlp_dmc_ver2_16.bin", "i915/adlp_guc_70.bin", "i915/tgl_huc.bin"})})},
      {"gpu.firmware_files", kUnknown, "closed", [](Facts& f) { f.gpu_firmware = kClosed; }},
      {"gpu.firmware_files", kNone, "Broadwell has none", gpu(0x1616, "i915")},
      {"gpu.firmware_files", kNone, "vfio-pci", gpu(0x9B41, "vfio-pci")},
  };
}

}  // namespace

std::vector<Case> surroundings_cases() {
  std::vector<Case> cases = cpu_cases();
  for (const auto& more : {session_cases(), previous_boot_cases(), firmware_cases()}) {
    cases.insert(cases.end(), more.begin(), more.end());
  }
  return cases;
}

namespace {

Outcome outcome_of_rule(const Facts& facts, std::string_view id) {
  for (Finding& finding : run_rules(facts)) {
    if (id == finding.rule->id) return std::move(finding.outcome);
  }
  return Outcome::not_applicable();
}

std::string group_named_by(std::uint32_t group, std::uint32_t mode) {
  Facts facts = laptop();
  facts.kvm.accessible = known(false, "/dev/kvm");
  facts.kvm.rights = {.path = "/dev/kvm", .mode = mode, .user = 0, .group = group, .usable = false};
  facts.user.groups =
      known(std::vector<UserGroup>{{"root", 0, {}}, {"kvm", 104, {"mina"}}, {"qemu", 107, {}}},
            "/etc/group");
  const Outcome outcome = outcome_of_rule(facts, "kvm.accessible");
  return fill_fields("{group}", outcome.arguments);
}

TEST(NodeAccess, TheRemedyNamesTheGroupOfTheNode) {
  EXPECT_EQ(group_named_by(104, 0660), "kvm");
  EXPECT_EQ(group_named_by(107, 0660), "qemu");
  EXPECT_EQ(group_named_by(0, 0660), "kvm") << "nobody is to join root";
  EXPECT_EQ(group_named_by(107, 0600), "kvm") << "the group opens nothing";
  EXPECT_EQ(group_named_by(999, 0660), "kvm") << "a group without a name";
}

TEST(NodeAccess, WhoIsListedHasToLogInAgain) {
  Facts facts = laptop();
  facts.kvm.accessible = known(false, "/dev/kvm");
  facts.kvm.rights = {.path = "/dev/kvm", .mode = 0660, .user = 0, .group = 104, .usable = false};
  facts.user.groups = known(std::vector<UserGroup>{{"kvm", 104, {"mina"}}}, "/etc/group");
  facts.user.name = known<std::string>("mina", "/run/systemd/users/1000");
  facts.user.ids = known(ProcessIds{.user = 1000, .groups = {1000}}, "/proc/self/status");
  const auto evidence_of = [&facts] {
    return outcome_of_rule(facts, "kvm.accessible").evidence.back().text;
  };
  EXPECT_EQ(evidence_of(),
            "mode 0660, group kvm; /etc/group lists you, but you logged in before that");
  facts.user.ids = known(ProcessIds{.user = 1000, .groups = {104, 1000}}, "/proc/self/status");
  EXPECT_EQ(evidence_of(), "mode 0660, group kvm");
}

TEST(PreviousBoot, OddLogsAreNoHang) {
  for (const std::string& log : std::vector<std::string>{
           "", "\n\n", std::string(100'000, 'x'), std::string("\0\xff[ 1.0] \n", 10),
           "GPU HANG: without a time is no line of a log\n"}) {
    const PreviousBootEnd end = read_previous_boot_end(log);
    EXPECT_FALSE(end.hang);
    EXPECT_FALSE(end.vgpu);
  }
}

TEST(PreviousBoot, ManyHangsAreLinear) {
  std::string log;
  for (int i = 0; i < 20'000; ++i) log += kPageWrite;
  EXPECT_TRUE(read_previous_boot_end(log).hang);
}

TEST(GpuFirmware, UnknownPlatformsWantNothing) {
  EXPECT_TRUE(guc_firmware("Haswell", IntelDriver::I915).empty());
  EXPECT_TRUE(default_firmware("", IntelDriver::Xe).empty());
  EXPECT_TRUE(guc_firmware("Comet Lake", IntelDriver::Xe).empty()) << "xe does not drive it";
  EXPECT_EQ(guc_firmware("Alder Lake-N", IntelDriver::Xe).front().name, "i915/tgl_guc_70.bin");
}

}  // namespace
}  // namespace cleave::testing
