#include "ways/guest_proof.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "analysis/guest_use.h"
#include "analysis/seen_messages.h"
#include "base/format.h"
#include "base/text.h"
#include "facts/kernel_log.h"

namespace cleave {
namespace {

// What a kernel says of a VM whose guest does not get on with its GPU. Messages of the boot and of
// the host's own screen are no matter here.
constexpr std::array kLogRules = {"log.gvt_g_guest_rejected", "log.gvt_g_page_tables",
                                  "log.memory_lock_exceeded", "log.vfio_errors", "log.gpu_hang"};

// Drivers that hold a device without using it.
constexpr std::array<std::string_view, 3> kHolders = {"vfio-pci", "pci-stub", "pciback"};
// Windows' driver for whatever has no other: it draws by the processor.
constexpr std::string_view kWindowsBasic = "Microsoft Basic Display";

// A picture with less than this is black, or a placeholder: a line of QEMU's own in 640 x 480
// ("Display output is not active.") has 0.7 %.
constexpr std::uint32_t kLitPermille = 20;

template <typename T>
std::vector<Evidence> why_unknown(const Fact<T>& fact) {
  if (const Unreadable* unreadable = fact.unreadable()) {
    return {{unreadable->path, unreadable->why}};
  }
  return {};
}

Sign sign(const char* id, Answer answer, Message sentence, std::vector<Evidence> evidence = {}) {
  return {
      .id = id, .answer = answer, .sentence = std::move(sentence), .evidence = std::move(evidence)};
}

std::string text_of(const DeviceInGuest& device) {
  std::string text = device.place.empty() ? "" : device.place + " ";
  text += format("{:04x}:{:04x}", device.vendor_id, device.device_id);
  if (!device.driver.empty()) text += " " + device.driver;
  if (!device.version.empty()) text += " " + device.version;
  return text;
}

bool uses_it(const DeviceInGuest& device) {
  return !device.driver.empty() && std::ranges::find(kHolders, device.driver) == kHolders.end() &&
         !device.driver.starts_with(kWindowsBasic);
}

Sign driver_that_the_agent_tells(const GuestObservation& seen,
                                 const std::vector<DeviceInGuest>& devices) {
  std::vector<Evidence> evidence;
  for (const DeviceInGuest& device : devices) {
    evidence.push_back({seen.devices.source(), text_of(device)});
  }
  if (devices.empty()) evidence.push_back({seen.devices.source(), "does not list it"});
  const auto used = std::ranges::find_if(devices, uses_it);
  if (used == devices.end()) {
    return sign("driver", Answer::No, {N_("No driver in the guest uses the GPU.")},
                std::move(evidence));
  }
  // Windows lists a driver that gave up (code 43), too.
  if (seen.is_windows) {
    return sign("driver", Answer::Unknown,
                {N_("Windows has the driver “{driver}” for the GPU; whether it works, its agent "
                    "does not tell."),
                 {{"driver", used->driver}}},
                std::move(evidence));
  }
  return sign("driver", Answer::Yes,
              {N_("The guest's driver {driver} has the GPU."), {{"driver", used->driver}}},
              std::move(evidence));
}

Sign driver_of_virtio_gpu(const Fact<VirtioGpuSeen>& fact, const VirtioGpuSeen& seen) {
  if (!seen.driver_ready) {
    return sign("driver", Answer::No, {N_("No driver in the guest has started its graphics card.")},
                {{fact.source(), "no VIRTIO_CONFIG_S_DRIVER_OK"}});
  }
  return sign("driver", Answer::Yes, {N_("A driver in the guest has started its graphics card.")},
              {{fact.source(), "VIRTIO_CONFIG_S_DRIVER_OK"}});
}

Sign driver_sign(const GuestObservation& seen) {
  if (const VirtioGpuSeen* card = seen.virtio_gpu.value()) {
    return driver_of_virtio_gpu(seen.virtio_gpu, *card);
  }
  const auto* interrupts = seen.interrupts.value();
  if (interrupts != nullptr && !interrupts->empty()) {
    const GuestInterrupt& first = interrupts->front();
    return sign("driver", Answer::Yes,
                {N_("A driver in the guest has set up the GPU's interrupts.")},
                {{seen.interrupts.source(), format("{}: {}", first.name, first.count)}});
  }
  if (const auto* devices = seen.devices.value()) {
    return driver_that_the_agent_tells(seen, *devices);
  }
  std::vector<Evidence> evidence = why_unknown(seen.devices);
  std::ranges::move(why_unknown(seen.virtio_gpu), std::back_inserter(evidence));
  Sign unknown = sign("driver", Answer::Unknown, {N_("The guest does not tell of its drivers.")},
                      std::move(evidence));
  unknown.remedy = {
      N_("Install QEMU's guest agent in the guest (package qemu-guest-agent; for "
         "Windows on the disc of the virtio drivers), with guest_agent = true in "
         "the definition.")};
  return unknown;
}

Sign virgl_sign(const Fact<VirtioGpuSeen>& fact) {
  const VirtioGpuSeen* card = fact.value();
  if (card == nullptr) {
    return sign("virgl", Answer::Unknown,
                {N_("QEMU does not tell whether the guest draws with the host's GPU.")},
                why_unknown(fact));
  }
  if (!card->offers_virgl) {
    return sign("virgl", Answer::No,
                {N_("QEMU offers no drawing with the host's GPU to this guest.")},
                {{fact.source(), "no VIRTIO_GPU_F_VIRGL among the host's features"}});
  }
  if (!card->takes_virgl) {
    return sign("virgl", Answer::No,
                {N_("The guest's driver does not ask to draw with the host's GPU.")},
                {{fact.source(), "no VIRTIO_GPU_F_VIRGL among the guest's features"}});
  }
  return sign("virgl", Answer::Yes, {N_("The guest's driver draws with the host's GPU.")},
              {{fact.source(), "VIRTIO_GPU_F_VIRGL"}});
}

Sign display_sign(const GuestObservation& seen) {
  const bool* handed_over = seen.plane_handed_over.value();
  if (handed_over != nullptr && *handed_over) {
    return sign("display", Answer::Yes, {N_("The guest's driver has switched on its screen.")},
                {{seen.plane_handed_over.source(), "a DMABUF is shown"}});
  }
  const PicturesSeen* pictures = seen.pictures.value();
  if (seen.picture_by == PictureBy::AnotherCard) {
    return sign("display", Answer::Unknown,
                {N_("The GPU's screen is not among those that QEMU shows.")});
  }
  if (pictures == nullptr) {
    return sign("display", Answer::Unknown, {N_("No picture of the guest's screen can be had.")},
                why_unknown(seen.pictures));
  }
  const std::vector<Field> size = {{"width", pictures->width}, {"height", pictures->height}};
  if (pictures->lit_permille < kLitPermille) {
    return sign(
        "display", Answer::Unknown,
        {N_("The guest's screen is black, or nearly so: {width} x {height} pixels."), size});
  }
  return sign("display", Answer::Yes,
              {N_("The guest's screen shows something: {width} x {height} pixels."), size});
}

Sign frames_sign(const GuestObservation& seen) {
  const PicturesSeen* pictures = seen.pictures.value();
  if (seen.picture_by == PictureBy::AnotherCard) {
    return sign("frames", Answer::Unknown,
                {N_("What QEMU shows is another graphics card's picture: it proves nothing.")});
  }
  if (pictures == nullptr) {
    return sign("frames", Answer::Unknown, {N_("No picture of the guest's screen can be had.")},
                why_unknown(seen.pictures));
  }
  std::vector<Evidence> evidence = {
      {seen.pictures.source(), format("{} pictures", pictures->count)}};
  if (!pictures->changed) {
    return sign("frames", Answer::Unknown,
                {N_("The picture stood still, as a desktop does that nobody touches.")},
                std::move(evidence));
  }
  const bool* handed_over = seen.plane_handed_over.value();
  const VirtioGpuSeen* card = seen.virtio_gpu.value();
  const bool by_firmware =
      (seen.picture_by == PictureBy::Firmware && (handed_over == nullptr || !*handed_over)) ||
      (seen.picture_by == PictureBy::QemuItself && (card == nullptr || !card->driver_ready));
  if (by_firmware) {
    return sign("frames", Answer::Unknown,
                {N_("The picture changes, but the guest's firmware may have drawn it.")},
                std::move(evidence));
  }
  return sign("frames", Answer::Yes, {N_("The picture changes: the guest draws.")},
              std::move(evidence));
}

Sign kernel_log_sign(const GuestObservation& seen, std::vector<Finding>& findings) {
  const std::string* log = seen.kernel_log.value();
  if (log == nullptr) {
    Sign unknown = sign("kernel-log", Answer::Unknown, {N_("The kernel's log cannot be read.")},
                        why_unknown(seen.kernel_log));
    unknown.remedy = {
        N_("Ask again with sudo, or as a member of the group adm or "
           "systemd-journal.")};
    return unknown;
  }
  Facts facts;
  facts.kernel_log = seen.kernel_log;
  SeenMessages messages = find_messages(*log);
  messages.whole = seen.kernel_log_reaches_back;
  const Subject subject{.facts = facts, .log = &messages};
  std::vector<Evidence> evidence;
  for (const char* id : kLogRules) {
    const Rule* rule = find_rule(id);
    if (rule == nullptr) continue;
    Outcome outcome = rule->check(subject);
    if (outcome.kind != OutcomeKind::Fail) continue;
    std::ranges::copy(outcome.evidence, std::back_inserter(evidence));
    findings.push_back({.rule = rule, .gpu = {}, .outcome = std::move(outcome)});
  }
  if (!evidence.empty()) {
    return sign("kernel-log", Answer::No, {N_("The kernel has complained since the VM's start.")},
                std::move(evidence));
  }
  if (!seen.kernel_log_reaches_back) {
    return sign("kernel-log", Answer::Unknown,
                {N_("The kernel's log does not reach back to the VM's start.")},
                {{seen.kernel_log.source(), "begins later"}});
  }
  return sign("kernel-log", Answer::Yes,
              {N_("The kernel has not complained since the VM's start.")},
              {{seen.kernel_log.source(), "no known message"}});
}

Sign qemu_log_sign(const Fact<std::string>& log) {
  if (!log.is_known()) {
    return sign("qemu-log", Answer::Unknown, {N_("QEMU's log cannot be read.")}, why_unknown(log));
  }
  VirtualMachine machine;
  machine.said = log;
  if (const auto said = last_said(machine, {})) {
    return sign("qemu-log", Answer::No, {N_("QEMU has complained.")}, {{log.source(), *said}});
  }
  return sign("qemu-log", Answer::Yes, {N_("QEMU has not complained.")},
              {{log.source(), "no known message"}});
}

const Sign* find_sign(const std::vector<Sign>& signs, std::string_view id) {
  const auto found = std::ranges::find(signs, id, &Sign::id);
  return found == signs.end() ? nullptr : &*found;
}

bool says_yes(const std::vector<Sign>& signs, std::string_view id) {
  const Sign* found = find_sign(signs, id);
  return found != nullptr && found->answer == Answer::Yes;
}

Answer answer_of(const GuestObservation& seen, const std::vector<Sign>& signs) {
  if (std::ranges::find(signs, Answer::No, &Sign::answer) != signs.end()) return Answer::No;
  if (find_sign(signs, "virgl") != nullptr) {
    return says_yes(signs, "driver") && says_yes(signs, "virgl") ? Answer::Yes : Answer::Unknown;
  }
  if (says_yes(signs, "frames")) return Answer::Yes;
  // A driver may be there and a plane stand while GVT-g ignores the guest: only the log tells.
  const bool* handed_over = seen.plane_handed_over.value();
  const bool has_driver = says_yes(signs, "driver") || (handed_over != nullptr && *handed_over);
  return has_driver && says_yes(signs, "kernel-log") ? Answer::Yes : Answer::Unknown;
}

// The number behind "vgpu " where a line names one: "gvt: vgpu 2: …", "Now vgpu 2 will enter …".
std::string_view vgpu_named_by(std::string_view line) {
  constexpr std::string_view kWord = "vgpu";
  for (std::size_t at = line.find(kWord); at != std::string_view::npos;
       at = line.find(kWord, at + 1)) {
    std::string_view rest = line.substr(at + kWord.size());
    if (rest.starts_with(' ')) rest.remove_prefix(1);
    const std::size_t end = std::min(rest.find_first_not_of("0123456789"), rest.size());
    if (end > 0) return rest.substr(0, end);
  }
  return {};
}

}  // namespace

const char* answer_name(Answer answer) {
  switch (answer) {
    case Answer::Yes:
      return "yes";
    case Answer::No:
      return "no";
    case Answer::Unknown:
      return "unknown";
  }
  return "unknown";
}

GuestProof judge_guest(const GuestObservation& seen) {
  GuestProof proof;
  proof.signs.push_back(driver_sign(seen));
  if (seen.picture_by == PictureBy::QemuItself) proof.signs.push_back(virgl_sign(seen.virtio_gpu));
  proof.signs.push_back(display_sign(seen));
  proof.signs.push_back(frames_sign(seen));
  proof.signs.push_back(kernel_log_sign(seen, proof.findings));
  proof.signs.push_back(qemu_log_sign(seen.qemu_log));
  proof.answer = answer_of(seen, proof.signs);
  return proof;
}

bool is_settled(const GuestProof& proof) {
  const auto refuted = [&](std::string_view id) {
    const Sign* found = find_sign(proof.signs, id);
    return found != nullptr && found->answer == Answer::No;
  };
  return proof.answer == Answer::Yes || refuted("kernel-log") || refuted("qemu-log");
}

LogPart log_since(std::string_view log, std::uint64_t since, std::string_view vgpu_id) {
  LogPart part;
  bool wanted = false;
  for (const std::string_view whole : lines(log)) {
    KernelLogReader reader(whole);
    const auto line = reader.next();
    if (!line) continue;
    if (line->microseconds) {
      wanted = *line->microseconds >= since;
      if (!wanted) part.reaches_back = true;
    }
    const std::string_view named = vgpu_named_by(line->text);
    const bool of_another = !vgpu_id.empty() && !named.empty() && named != vgpu_id;
    if (wanted && !of_another) part.text.append(whole).append("\n");
  }
  return part;
}

}  // namespace cleave
