#include "app/vm_proof.h"

#include <unistd.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <span>
#include <string_view>
#include <thread>

#include "app/qemu.h"
#include "app/vm.h"
#include "app/vm_pci.h"
#include "base/format.h"
#include "base/text.h"
#include "facts/readers/read_facts.h"
#include "facts/readers/readers.h"
#include "lab/agent_protocol.h"
#include "ways/ways.h"

namespace cleave {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kBetweenLooks = std::chrono::milliseconds(300);
// An agent that is there answers at once; one that is not is not waited for at each look.
constexpr auto kAgentLimit = std::chrono::seconds(2);
constexpr auto kBetweenAgentTries = std::chrono::seconds(5);
constexpr auto kMonitorLimit = std::chrono::seconds(5);
constexpr std::size_t kMaximumLog = std::size_t{4} << 20U;
constexpr std::size_t kMostJournalLines = 5'000;
// 32 devices of 300 bytes each and more; as Base64 still within GuestAgentAnswers::kLongestAnswer.
constexpr std::uint32_t kMostGuestBytes = 32 * 1024;
// Ahead of the VM's start: its time is known by the second, and the kernel's log has a clock of its
// own, which NTP does not correct.
constexpr auto kLogSlack = std::chrono::seconds(2);

template <typename T>
Fact<T> unreadable(const Error& error, std::string_view path) {
  return Unreadable{.path = std::string(path), .why = why(error)};
}

template <typename T>
Fact<T> fact_of(Result<T> result, const std::string& source) {
  if (!result) return unreadable<T>(result.error(), source);
  return {std::move(*result), source};
}

// Of the QEMU that runs: who draws what it shows.
PictureBy picture_by(const HostReader& host, const std::string& way, std::uint32_t process) {
  if (way == virtio_gpu_way().id()) return PictureBy::QemuItself;
  const Result<std::string> words = host.read_file(format("/proc/{}/cmdline", process));
  if (!words) return PictureBy::AnotherCard;
  for (const std::string_view word : split(*words, '\0')) {
    const bool is_shown = word.starts_with("vfio-pci") &&
                          word.find(",sysfsdev=") != std::string_view::npos &&
                          word.find(",display=on") != std::string_view::npos;
    if (!is_shown) continue;
    return word.find(",ramfb=on") == std::string_view::npos ? PictureBy::GuestDriver
                                                            : PictureBy::Firmware;
  }
  return PictureBy::AnotherCard;
}

// One VM that runs, looked at again and again.
class GuestWatch {
 public:
  GuestWatch(const HostReader& host, const VmEnvironment& environment, const VmReport& report,
             const Vm& vm, std::string way)
      : host_(host), environment_(environment), report_(report) {
    seen_.way = std::move(way);
    seen_.is_windows = vm.guest == "windows";
    has_agent_ = vm.guest_agent;
    seen_.picture_by = picture_by(host, seen_.way,
                                  report.seen.state.qemu ? report.seen.state.qemu->process_id : 0);
  }

  GuestProof look() {
    look_at_logs();
    look_at_pictures();
    ask_qemu();
    ask_guest();
    look_at_interrupts();
    return judge_guest(seen_);
  }

 private:
  [[nodiscard]] const VmState& state() const { return report_.seen.state; }
  [[nodiscard]] std::string inside(const char* name) const {
    return join_path(report_.runtime_directory, name);
  }

  void look_at_logs();
  void look_at_pictures();
  void ask_qemu();
  void ask_guest();
  void look_at_interrupts();
  [[nodiscard]] std::uint64_t start_in_kernel_time() const;
  [[nodiscard]] Fact<bool> plane_handed_over(QmpClient& monitor) const;

  const HostReader& host_;
  const VmEnvironment& environment_;
  const VmReport& report_;
  GuestObservation seen_;
  bool has_agent_ = false;
  std::vector<GuestCard> cards_;
  PictureComparison pictures_;
  Clock::time_point next_agent_try_;
};

// The kernel's log counts as CLOCK_MONOTONIC does, which stands still while the host sleeps: after
// a suspend this is earlier than the VM's start, and more is looked at rather than less.
std::uint64_t GuestWatch::start_in_kernel_time() const {
  const auto lasted =
      std::chrono::system_clock::now() -
      std::chrono::system_clock::time_point(std::chrono::seconds(state().started_at));
  const auto start = Clock::now().time_since_epoch() - lasted - kLogSlack;
  return static_cast<std::uint64_t>(std::max<std::int64_t>(
      0, std::chrono::duration_cast<std::chrono::microseconds>(start).count()));
}

void GuestWatch::look_at_logs() {
  Fact<std::string> log = read_kernel_log(host_);
  // A copy from the end of the boot tells nothing of a VM that was started later.
  if (log.source() == "/var/log/dmesg") {
    log = fact_of(host_.kernel_journal(0, kMostJournalLines), "journalctl -k");
  }
  if (const std::string* text = log.value()) {
    std::string vgpu_id;
    if (state().vgpu) {
      const Result<std::string> id =
          host_.read_file(join_path(state().vgpu->sysfs_path, "intel_vgpu/vgpu_id"));
      if (id) vgpu_id = std::string(trim(*id));
    }
    LogPart part = log_since(*text, start_in_kernel_time(), vgpu_id);
    seen_.kernel_log_reaches_back = part.reaches_back;
    seen_.kernel_log = Fact<std::string>(std::move(part.text), log.source());
  } else {
    seen_.kernel_log = std::move(log);
  }
  const Result<ActingAs> owner = ActingAs::begin(credentials_of(environment_.owner));
  seen_.qemu_log = owner ? fact_of(host_.read_file(inside(kLogFile), kMaximumLog), inside(kLogFile))
                         : unreadable<std::string>(owner.error(), inside(kLogFile));
}

void GuestWatch::look_at_pictures() {
  if (seen_.picture_by == PictureBy::AnotherCard) return;
  const Result<Picture> picture = take_picture(host_, environment_, report_.name);
  if (picture) {
    pictures_.add(*picture);
    seen_.pictures = Fact<PicturesSeen>(pictures_.seen(), "screen");
  } else if (!seen_.pictures.is_known()) {
    seen_.pictures = unreadable<PicturesSeen>(picture.error(), "screen");
  }
}

// A console that shows a DMABUF has no surface to be dumped (qemu_console_surface of ui/console.c):
// the refusal is what tells it.
Fact<bool> GuestWatch::plane_handed_over(QmpClient& monitor) const {
  const std::string source = "screendump";
  const std::string file = inside(kScreenFile);
  const Result<Json> dumped =
      monitor.execute("screendump", Json::object({{"filename", file}}), std::chrono::seconds(30));
  ::unlink(file.c_str());
  if (dumped) return {false, source};
  if (english(dumped.error().message).find("no surface") != std::string::npos) {
    return {true, source};
  }
  return unreadable<bool>(dumped.error(), source);
}

void GuestWatch::ask_qemu() {
  const bool is_virtio = seen_.picture_by == PictureBy::QemuItself;
  Result<QmpClient> monitor = connect_monitor(host_, environment_, report_.name);
  const Result<ActingAs> owner = ActingAs::begin(credentials_of(environment_.owner));
  if (!monitor || !owner) {
    const Error& problem = !monitor ? monitor.error() : owner.error();
    if (is_virtio) seen_.virtio_gpu = unreadable<VirtioGpuSeen>(problem, "QMP");
    return;
  }
  if (cards_.empty()) {
    const Result<Json> buses = monitor->execute("query-pci", Json::object(), kMonitorLimit);
    if (buses) cards_ = graphics_cards(*buses, is_virtio);
  }
  if (seen_.picture_by == PictureBy::Firmware || seen_.picture_by == PictureBy::GuestDriver) {
    seen_.plane_handed_over = plane_handed_over(*monitor);
  }
  if (!is_virtio) return;
  const std::string source = "x-query-virtio-status";
  const Result<Json> devices = monitor->execute("x-query-virtio", Json::object(), kMonitorLimit);
  if (!devices) {
    seen_.virtio_gpu = unreadable<VirtioGpuSeen>(devices.error(), source);
    return;
  }
  seen_.virtio_gpu = Unreadable{.path = source, .why = "no virtio-gpu"};
  if (devices->as_array() == nullptr) return;
  for (const Json& device : *devices->as_array()) {
    if (!device.text_of("name").starts_with("virtio-gpu")) continue;
    const Result<Json> status = monitor->execute(
        source, Json::object({{"path", std::string(device.text_of("path"))}}), kMonitorLimit);
    seen_.virtio_gpu = status ? Fact<VirtioGpuSeen>(virtio_gpu_seen(*status), source)
                              : unreadable<VirtioGpuSeen>(status.error(), source);
    return;
  }
}

void GuestWatch::ask_guest() {
  const std::string socket = inside(kAgentSocket);
  if (!has_agent_) {
    seen_.devices = Unreadable{.path = socket, .why = "guest_agent = false"};
    return;
  }
  if (Clock::now() < next_agent_try_) return;
  next_agent_try_ = Clock::now() + kBetweenAgentTries;
  if (cards_.empty()) {
    seen_.devices = Unreadable{.path = "query-pci", .why = "no graphics card of the host's"};
    return;
  }
  const auto ask = [&]() -> Result<std::vector<DeviceInGuest>> {
    const ActingAs owner = TRY(ActingAs::begin(credentials_of(environment_.owner)));
    GuestAgent agent = TRY(GuestAgent::connect(socket, kAgentLimit));
    return ask_guest_devices(agent, seen_.is_windows, cards_);
  };
  seen_.devices = fact_of(ask(), socket);
}

void GuestWatch::look_at_interrupts() {
  if (state().devices.empty()) return;
  const std::string path = "/proc/interrupts";
  const Result<std::string> text = host_.read_file(path);
  if (!text) {
    seen_.interrupts = unreadable<std::vector<GuestInterrupt>>(text.error(), path);
    return;
  }
  seen_.interrupts =
      Fact<std::vector<GuestInterrupt>>(guest_interrupts(*text, state().devices), path);
}

// The GPU that the VM has a share of, by its address.
std::optional<PciAddress> gpu_of(const Facts& facts, const VmState& state) {
  if (state.vgpu) {
    const auto* devices = facts.mediated_devices.value();
    if (devices == nullptr) return std::nullopt;
    const auto found = std::ranges::find(*devices, state.vgpu->uuid, &MediatedDevice::uuid);
    return found == devices->end() ? std::nullopt : parse_pci_address(found->parent);
  }
  const auto* devices = facts.pci_devices.value();
  if (devices == nullptr || state.devices.empty()) return std::nullopt;
  const auto address = parse_pci_address(state.devices.front());
  const auto found = std::ranges::find_if(
      *devices, [&](const PciDevice& each) { return each.address == address; });
  if (found == devices->end()) return std::nullopt;
  return found->physical_function ? found->physical_function : found->address;
}

// Failed rules about the settings of this very VM; and of virtio-gpu what its way lacks.
std::vector<Finding> explanations(const HostReader& host, const VmState& state,
                                  const std::string& way) {
  const Facts facts = read_facts(host, fact_places(host));
  const Diagnosis diagnosis = diagnose(facts, {.way = way, .gpu = gpu_of(facts, state)});
  const std::string process = format("/proc/{}/", state.qemu ? state.qemu->process_id : 0);
  std::vector<Finding> found;
  for (const Finding& finding : diagnosis.findings) {
    if (finding.outcome.kind != OutcomeKind::Fail) continue;
    const std::string_view id = finding.rule->id;
    const bool about_vm =
        id.starts_with("guest.") &&
        std::ranges::any_of(finding.outcome.evidence, [&](const Evidence& evidence) {
          return evidence.source.starts_with(process);
        });
    const bool about_way = way == virtio_gpu_way().id() && id.starts_with("virtio_gpu.");
    if (about_vm || about_way) found.push_back(finding);
  }
  return found;
}

Result<std::string> way_of(const Vm& vm) {
  if (vm.gpu) return vm.gpu->way;
  if (hands_over_pci(vm)) return std::string(passthrough_way().id());
  return error_of(ErrorCode::Unsupported,
                  {N_("The VM {name} has no GPU of the host"), {{"name", vm.name}}},
                  {N_("A table [gpu] in its definition gives it one.")});
}

// Read where the guest allows it: some systems let their agent open no files.
Result<std::string> read_in_guest(GuestAgent& agent, const std::string& path) {
  const Json handle = TRY(
      agent.execute("guest-file-open", Json::object({{"path", path}, {"mode", "r"}}), kAgentLimit));
  const Result<Json> read =
      agent.execute("guest-file-read",
                    Json::object({{"handle", handle}, {"count", kMostGuestBytes}}), kAgentLimit);
  (void)agent.execute("guest-file-close", Json::object({{"handle", handle}}), kAgentLimit);
  if (!read) return read.error();
  auto bytes = from_base64(read->text_of("buf-b64"));
  if (!bytes) {
    return error_of(ErrorCode::Malformed,
                    {N_("The guest's agent sent something that is no answer")});
  }
  return std::move(*bytes);
}

}  // namespace

Result<std::vector<DeviceInGuest>> ask_guest_devices(GuestAgent& agent, bool is_windows,
                                                     const std::vector<GuestCard>& cards) {
  if (is_windows) {
    const Json answer = TRY(agent.execute("guest-get-devices", Json::object(), kAgentLimit));
    return devices_in_windows(answer, cards);
  }
  const std::string table = TRY(read_in_guest(agent, "/proc/bus/pci/devices"));
  return devices_in_linux(table, cards);
}

void PictureComparison::add(const Picture& picture) {
  const std::string_view bytes(reinterpret_cast<const char*>(picture.pixels.data()),
                               picture.pixels.size());
  const std::size_t hash = std::hash<std::string_view>()(bytes) ^ picture.width;
  seen_.changed = seen_.changed || (seen_.count > 0 && hash != last_);
  last_ = hash;
  ++seen_.count;
  seen_.width = picture.width;
  seen_.height = picture.height;
  // Dark grey is no black: a night theme is a picture, too.
  constexpr std::uint8_t kBlack = 8;
  std::uint64_t lit = 0;
  for (std::size_t at = 0; at + 2 < picture.pixels.size(); at += 3) {
    const auto pixel = std::span(picture.pixels).subspan(at, 3);
    if (std::ranges::any_of(pixel, [](std::uint8_t value) { return value > kBlack; })) ++lit;
  }
  const std::uint64_t all = picture.pixels.size() / 3;
  seen_.lit_permille = all == 0 ? 0 : static_cast<std::uint32_t>(lit * 1000 / all);
}

Result<VmProof> prove_vm(const HostReader& host, const VmEnvironment& environment,
                         const ProofRequest& request) {
  const auto end = Clock::now() + request.limit;
  const VmReport report = TRY(vm_status(environment, request.name, false));
  const bool runs =
      report.seen.status == VmStatus::Running || report.seen.status == VmStatus::Unsupervised;
  if (!runs) return not_running(host, environment, request.name);
  const Vm vm = TRY(load_good_vm(host, environment, report.seen.state.definition));
  VmProof result{.name = report.name, .way = TRY(way_of(vm)), .proof = {}};
  GuestWatch watch(host, environment, report, vm, result.way);
  while (true) {
    result.proof = watch.look();
    if (is_settled(result.proof) || Clock::now() + kBetweenLooks >= end) break;
    std::this_thread::sleep_for(kBetweenLooks);
  }
  if (result.proof.answer != Answer::Yes) {
    std::ranges::move(explanations(host, report.seen.state, result.way),
                      std::back_inserter(result.proof.findings));
  }
  return result;
}

Json to_json(const VmProof& proof) {
  Json signs = Json::array();
  for (const Sign& sign : proof.proof.signs) {
    Json evidence = Json::array();
    for (const Evidence& each : sign.evidence) {
      evidence.push_back(Json::object({{"source", each.source}, {"text", each.text}}));
    }
    signs.push_back(Json::object({{"id", sign.id},
                                  {"answer", answer_name(sign.answer)},
                                  {"text", english(sign.sentence)},
                                  {"remedy", english(sign.remedy)},
                                  {"evidence", std::move(evidence)}}));
  }
  Json findings = Json::array();
  for (const Finding& finding : proof.proof.findings) {
    Json evidence = Json::array();
    for (const Evidence& each : finding.outcome.evidence) {
      evidence.push_back(Json::object({{"source", each.source}, {"text", each.text}}));
    }
    findings.push_back(
        Json::object({{"id", finding.rule->id},
                      {"why", english({finding.rule->why, finding.outcome.arguments})},
                      {"remedy", english({finding.rule->remedy, finding.outcome.arguments})},
                      {"evidence", std::move(evidence)}}));
  }
  return Json::object({{"schema", "cleave.vm-prove/1"},
                       {"name", proof.name},
                       {"way", proof.way},
                       {"answer", answer_name(proof.proof.answer)},
                       {"signs", std::move(signs)},
                       {"findings", std::move(findings)}});
}

}  // namespace cleave
