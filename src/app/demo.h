// The demonstration: a vGPU of the best type, a VM with the built-in guest on it, its picture as a
// PNG, and everything given back.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "app/guest_report.h"
#include "app/vm.h"
#include "base/message.h"
#include "base/result.h"
#include "host/host.h"
#include "ways/way.h"

namespace cleave {

inline constexpr const char* kDemoName = "cleave-demo";

struct DemoRequest {
  std::string picture;  // the PNG to write
  int cancel = -1;      // readable: everything is given back, Interrupted
  std::function<void(const Message& step)> on_step;
};

struct DemoReport {
  std::string way;
  std::string parent;
  std::string vgpu_type;
  std::string vgpu_uuid;
  std::string picture;
  GuestReport guest;
};

// The GPU that the demo would use here. Empty if this machine cannot share one now.
const GpuDiagnosis* demo_gpu(const Diagnosis& diagnosis);

// One sentence on why not: the first need of the likeliest way that is not met.
struct WhyNot {
  std::string rule_id;  // empty: there is no GPU at all
  Message reason;
};
WhyNot why_no_demo_here(const Diagnosis& diagnosis);

// Runs it on this machine. A demo that an earlier call left running is ended first.
Result<DemoReport> run_demo(HostWriter& host, const Diagnosis& diagnosis,
                            const DemoRequest& request);

// The same in the virtual laptop, by this very program; `arguments` are those of its command line
// there. Its output goes to `on_output` as it comes.
struct LaptopDemoRequest {
  std::string picture;  // here; in the laptop the command line names kLaptopPicture
  std::vector<std::string> arguments;
  int cancel = -1;
  std::function<void(const Message& step)> on_step;
  std::function<void()> on_booted;  // the last step has ended, the laptop's own output begins
  std::function<void(std::string_view)> on_output;
  std::function<void(std::string_view)> on_error_output;
};
inline constexpr const char* kLaptopPicture = "/run/cleave-demo.png";
// The exit status of the program in the laptop.
Result<int> run_demo_in_laptop(const LaptopDemoRequest& request);

}  // namespace cleave
