// Whether a guest really uses the GPU that its VM has: what was seen of it from outside and what
// its agent says, judged sign by sign. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/guest_drivers.h"
#include "analysis/rule.h"
#include "base/message.h"
#include "facts/fact.h"

namespace cleave {

// Who can have drawn what QEMU shows.
enum class PictureBy : std::uint8_t {
  GuestDriver,  // a vGPU's picture, which is there only once the guest's driver made it
  Firmware,     // a vGPU's, before which the firmware draws in the same place (ramfb)
  QemuItself,   // virtio-gpu's
  AnotherCard,  // an emulated one: a device that is handed over has a connector of its own
};

struct PicturesSeen {
  std::uint32_t count = 0;
  std::uint32_t width = 0;         // of the last one
  std::uint32_t height = 0;        // of the last one
  std::uint32_t lit_permille = 0;  // of the last one's pixels: how many are not black
  bool changed = false;            // two that followed each other were not alike
};

// Everything that was looked at. What does not apply to a way is absent.
struct GuestObservation {
  std::string way;  // "gvt-g"
  bool is_windows = false;
  PictureBy picture_by = PictureBy::AnotherCard;
  Fact<std::vector<DeviceInGuest>> devices;      // what the agent says of this GPU
  Fact<std::vector<GuestInterrupt>> interrupts;  // of the devices of the host that the VM has
  Fact<VirtioGpuSeen> virtio_gpu;
  // A vGPU's driver has handed over a plane as a DMABUF, which the guest's driver has set up.
  Fact<bool> plane_handed_over;
  Fact<PicturesSeen> pictures;
  Fact<std::string> kernel_log;  // since the VM's start
  bool kernel_log_reaches_back = false;
  Fact<std::string> qemu_log;
};

enum class Answer : std::uint8_t { Yes, No, Unknown };
const char* answer_name(Answer answer);  // "yes", "no", "unknown"

struct Sign {
  const char* id = "";  // "driver", "display", "frames", "virgl", "kernel-log", "qemu-log"
  Answer answer = Answer::Unknown;
  Message sentence;
  Message remedy{};  // of what is not known: what opens it
  std::vector<Evidence> evidence{};
};

struct GuestProof {
  // Yes: the guest was seen to draw, or its driver runs and the kernel's log is free of complaints.
  Answer answer = Answer::Unknown;
  std::vector<Sign> signs;
  std::vector<Finding> findings;  // failed rules that explain a no
};

GuestProof judge_guest(const GuestObservation& seen);

// True once looking on cannot change the answer: a yes, or a no that a log tells.
bool is_settled(const GuestProof& proof);

// The part of a kernel's log that is about one VM.
struct LogPart {
  std::string text;
  bool reaches_back = false;  // the log begins before `since`
};
// Lines from `since` (microseconds after boot) on, without those that name another vGPU of GVT-g
// than `vgpu_id` ("gvt: vgpu 2: …"); an empty `vgpu_id` keeps them all. A line without a time
// belongs to the one before it.
LogPart log_since(std::string_view log, std::uint64_t since, std::string_view vgpu_id);

}  // namespace cleave
