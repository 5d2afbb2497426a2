#include "analysis/previous_boot.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <vector>

#include "base/text.h"
#include "facts/kernel_log.h"

namespace cleave {
namespace {

constexpr std::size_t kMostRemembered = 1'000;  // hangs, and vGPUs in use
// A hang that is older than this when the log ends was survived.
constexpr std::uint64_t kShortlyBefore = 600'000'000;  // microseconds

// Texts: drivers/gpu/drm/i915/i915_gpu_error.c and gt/intel_reset.c, gvt/gtt.c, xe_devcoredump.c
// and xe_guc_submit.c, amdgpu_job.c, kernel/watchdog.c, kernel/rcu/tree_stall.h,
// kernel/hung_task.c, kernel/panic.c, arch/x86/mm/fault.c, arch/x86/kernel/traps.c.
constexpr std::array<std::string_view, 16> kHangs = {"GPU HANG:",
                                                     "for hang on",
                                                     "guest page write error",
                                                     "Timedout job:",
                                                     "Engine reset: engine_class=",
                                                     "*ERROR* ring ",
                                                     "fallen off the bus",
                                                     "soft lockup - CPU#",
                                                     "hard LOCKUP on cpu",
                                                     "detected stalls on CPUs/tasks",
                                                     "self-detected stall on CPU",
                                                     " blocked for more than ",
                                                     "Kernel panic - not syncing",
                                                     "BUG: unable to handle",
                                                     "general protection fault",
                                                     "GPU is lost"};
// A shadow page's own line: "shadow page … guest entry … type 9" (gvt/gtt.c).
constexpr std::string_view kShadowPage = "shadow page ";
constexpr std::string_view kShadowType = " type 9";

// kernel/reboot.c, kernel/kexec_core.c; systemd's src/shutdown/shutdown.c, which writes to the
// kernel's log.
constexpr std::array<std::string_view, 7> kOrderly = {
    "systemd-shutdown[",  "(systemd-shutdow",      "reboot: Restarting system",
    "reboot: Power down", "reboot: System halted", "reboot: machine restart",
    "Starting new kernel"};
// journald's last word. Early in a boot it says so, too, when it changes from the initramfs.
constexpr std::string_view kJournalStopped = "Journal stopped";
// kernel/power/suspend.c and hibernate.c.
constexpr std::array<std::string_view, 2> kToSleep = {"PM: suspend entry",
                                                      "PM: hibernation: hibernation entry"};
constexpr std::array<std::string_view, 2> kAwake = {"PM: suspend exit",
                                                    "PM: hibernation: hibernation exit"};

template <std::size_t count>
bool holds_one_of(std::string_view text, const std::array<std::string_view, count>& words) {
  return std::ranges::any_of(
      words, [text](std::string_view word) { return text.find(word) != std::string_view::npos; });
}

bool is_hang(std::string_view text) {
  if (text.starts_with(kShadowPage) || text.find(kShadowPage) != std::string_view::npos) {
    return text.find(kShadowType) != std::string_view::npos;
  }
  // A ring's error is a hang only if it ran out of time (amdgpu_job.c, amdgpu_job_timedout).
  if (text.find("*ERROR* ring ") != std::string_view::npos) {
    return text.find("timeout") != std::string_view::npos;
  }
  return holds_one_of(text, kHangs);
}

bool is_uuid(std::string_view word) {
  constexpr std::size_t kLength = 36;
  if (word.size() != kLength) return false;
  for (std::size_t i = 0; i < kLength; ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const char letter = word[i];
    const bool hexadecimal = (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'f');
    if (dash ? letter != '-' : !hexadecimal) return false;
  }
  return true;
}

// The device that a line is about, if it is a vGPU: a mediated device ("intel_vgpu_mdev UUID: …")
// or a virtual function of an integrated GPU ("vfio-pci 0000:00:02.1: …").
std::string vgpu_of(std::string_view text) {
  for (const std::string_view word : words(text.substr(0, text.find(": ")))) {
    if (is_uuid(word)) return std::string(word);
    if (word.starts_with("0000:00:02.") && word != "0000:00:02.0" &&
        text.starts_with("vfio-pci ")) {
      return std::string(word);
    }
  }
  return {};
}

class End {
 public:
  void add(const KernelLogLine& line) {
    const std::string_view text = line.text;
    if (line.microseconds) now_ = *line.microseconds;
    last_ = text;
    if (text.find(kJournalStopped) != std::string_view::npos) {
      stopped_ = true;
      return;
    }
    stopped_ = false;
    if (holds_one_of(text, kOrderly)) orderly_ = std::string(text);
    if (holds_one_of(text, kToSleep)) asleep_ = std::string(text);
    if (holds_one_of(text, kAwake)) asleep_.reset();
    if (is_hang(text)) {
      // What was going on after it was no orderly end yet.
      orderly_.reset();
      if (hangs_.size() >= kMostRemembered) hangs_.erase(hangs_.begin());
      hangs_.push_back({.time = now_, .text = std::string(text)});
    }
    follow_vgpu(text);
  }

  [[nodiscard]] PreviousBootEnd result() const {
    PreviousBootEnd end;
    if (orderly_) end.orderly = printable(*orderly_);
    if (stopped_) end.orderly = printable(last_);
    if (asleep_) end.asleep = printable(*asleep_);
    for (const Hang& hang : hangs_) {
      // A clock that goes backwards tells nothing.
      if (now_ >= hang.time && now_ - hang.time > kShortlyBefore) continue;
      end.hang = printable(hang.text);
      break;
    }
    if (!in_use_.empty()) end.vgpu = printable(vgpu_line_);
    end.last = printable(last_);
    return end;
  }

 private:
  struct Hang {
    std::uint64_t time = 0;
    std::string text;
  };

  void follow_vgpu(std::string_view text) {
    const std::string device = vgpu_of(text);
    if (device.empty()) {
      // GVT-g's own words about a vGPU that works ("gvt: guest page write error…").
      if (text.find("guest page write error") == std::string_view::npos) return;
      in_use_.insert("gvt");
      vgpu_line_ = text;
      return;
    }
    if (text.find("Removing from iommu group") != std::string_view::npos) {
      in_use_.erase(device);
      in_use_.erase("gvt");
    } else if (in_use_.size() < kMostRemembered) {
      in_use_.insert(device);
      vgpu_line_ = text;
    }
  }

  std::uint64_t now_ = 0;
  bool stopped_ = false;
  std::string last_;
  std::optional<std::string> orderly_;
  std::optional<std::string> asleep_;
  std::vector<Hang> hangs_;
  std::set<std::string> in_use_;
  std::string vgpu_line_;
};

}  // namespace

PreviousBootEnd read_previous_boot_end(std::string_view log) {
  End end;
  KernelLogReader reader(log);
  while (const auto line = reader.next()) {
    if (!line->prefixed || line->text.empty()) continue;
    if (line->text.starts_with("Linux version ")) end = End();
    end.add(*line);
  }
  return end.result();
}

}  // namespace cleave
