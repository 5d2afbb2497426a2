#include "app/demo.h"

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "app/installation.h"
#include "base/format.h"
#include "host/program.h"
#include "lab/laptop.h"

namespace cleave {
namespace {

using namespace std::chrono_literals;

// Under two layers of emulation a frame can take a second.
constexpr auto kGuestLimit = 120s;
constexpr auto kStopLimit = 15s;
// A display that is refreshed every 30 ms may still show what was before the guest's first frame.
constexpr int kPictureTries = 40;
constexpr auto kBetweenTries = 250ms;
constexpr std::chrono::seconds kLaptopLimit{400};

// KVM where the processor really can and the owner may; else translation, which works everywhere.
const char* accelerator_for(const Facts& facts) {
  const CpuFacts* cpu = facts.cpu.value();
  const bool capable = cpu != nullptr && (cpu->vmx || cpu->svm);
  const bool accessible = facts.kvm.accessible.value_or(false);
  return capable && accessible ? "kvm" : "tcg";
}

// The render node of this GPU, by its path, so that a machine with two GPUs takes the right one.
std::string render_node_for(const HostReader& host, const PciDevice& gpu) {
  std::string by_path = format("/dev/dri/by-path/pci-{}-render", to_text(gpu.address));
  if (host.exists(by_path)) return by_path;
  // Without udev there are no links; the device's own directory names its node.
  const Result<std::vector<std::string>> names =
      host.list_directory(join_path(gpu.sysfs_path, "drm"));
  if (!names) return {};
  for (const std::string& name : *names) {
    if (name.starts_with("renderD")) return join_path("/dev/dri", name);
  }
  return {};
}

// JSON strings are TOML basic strings.
std::string quoted(const std::string& text) { return to_text(Json(text)); }

std::string demo_definition(const HostReader& host, const Facts& facts, const GpuDiagnosis& gpu,
                            const std::string& kernel) {
  std::string text;
  text += format("name = \"{}\"\naccelerator = \"{}\"\n", kDemoName, accelerator_for(facts));
  // The lighter of QEMU's processors where it is emulated.
  if (std::string_view(accelerator_for(facts)) == "tcg") text += "cpu = \"qemu64\"\n";
  text += format("cpus = 1\nmemory = \"128M\"\nkernel = {}\nserial = true\n", quoted(kernel));
  text += format("[gpu]\nway = \"gvt-g\"\nparent = {}\n", quoted(gpu.parent->name));
  if (gpu.capacity.best_type) text += format("type = {}\n", quoted(*gpu.capacity.best_type));
  const std::string render_node = render_node_for(host, *gpu.gpu);
  text += "[display]\ntype = \"egl-headless\"\n";
  if (!render_node.empty()) text += format("render_node = {}\n", quoted(render_node));
  return text;
}

constexpr std::size_t kGuestFileLimit = std::size_t{8} << 20U;  // it has 34 KB

// The demo guest's file, where QEMU may read it: under root it runs as another user, who does not
// get into a tree that was built in root's home.
Result<std::string> readable_guest_file(HostWriter& host, const VmEnvironment& environment) {
  std::string file = TRY(demo_guest_file());
  if (!environment.is_root) return file;
  const std::string guest = TRY(host.read_file(file, kGuestFileLimit));
  std::string copy = join_path(environment.system_runtime_base, "demo-guest.elf");
  TRY(host.create_directories(environment.system_runtime_base, 0755));
  TRY(host.replace_file(copy, guest, 0644));
  return copy;
}

Result<Vm> demo_vm(const HostReader& host, const Facts& facts, const GpuDiagnosis& gpu,
                   const std::string& kernel) {
  const std::string text = demo_definition(host, facts, gpu, kernel);
  CheckedDefinition checked = TRY(read_definition(text, kDemoName, "/"));
  if (!checked.vm) {
    return error_of(ErrorCode::Internal, checked.problems.front().message);
  }
  return std::move(*checked.vm);
}

// A VM that must not outlive this function unless it was ended in order.
class RunningDemo {
 public:
  RunningDemo(const HostReader& host, const VmEnvironment& environment)
      : host_(host), environment_(environment) {}
  RunningDemo(const RunningDemo&) = delete;
  RunningDemo& operator=(const RunningDemo&) = delete;
  ~RunningDemo() {
    // What fails here is found and cleared away by the next call.
    if (running_) (void)kill_vm(host_, environment_, kDemoName);
  }
  Result<void> stop() {
    TRY(stop_vm(host_, environment_, kDemoName, kStopLimit));
    running_ = false;
    return {};
  }

 private:
  const HostReader& host_;
  const VmEnvironment& environment_;
  bool running_ = true;
};

Result<void> end_leftover(const HostReader& host, const VmEnvironment& environment,
                          const DemoRequest& request) {
  const VmReport before = TRY(vm_status(environment, kDemoName, false));
  const VmStatus status = before.seen.status;
  if (status != VmStatus::Running && status != VmStatus::Unsupervised &&
      status != VmStatus::Starting) {
    return {};
  }
  request.on_step({N_("End the demo that an earlier call left running")});
  const Result<StopReport> ended = kill_vm(host, environment, kDemoName);
  // It may have ended by itself meanwhile.
  if (!ended && ended.error().code != ErrorCode::NotFound) return ended.error();
  return {};
}

// The guest's picture, once it has the size that the guest draws.
Result<void> save_picture(const HostReader& host, const VmEnvironment& environment,
                          const DemoRequest& request, const GuestReport& guest) {
  for (int tries_left = kPictureTries; tries_left > 0; --tries_left) {
    const ScreenshotReport saved =
        TRY(save_screenshot(host, environment, kDemoName, request.picture));
    if (saved.width == guest.width && saved.height == guest.height) return {};
    std::this_thread::sleep_for(kBetweenTries);
  }
  return error_of(ErrorCode::Io,
                  Message(N_("QEMU's display never showed the guest's {width} x {height} pixels"),
                          {{"width", guest.width}, {"height", guest.height}}));
}

// The demo is about the ways whose vGPUs cleave makes itself.
constexpr std::string_view kDemoWay = "gvt-g";

const WayVerdict* demo_way(const GpuDiagnosis& gpu) {
  const auto found = std::ranges::find(gpu.ways, kDemoWay, &WayVerdict::way);
  return found == gpu.ways.end() ? nullptr : &*found;
}

}  // namespace

const GpuDiagnosis* demo_gpu(const Diagnosis& diagnosis) {
  for (const GpuDiagnosis& gpu : diagnosis.gpus) {
    const WayVerdict* way = demo_way(gpu);
    if (way != nullptr && way->verdict == Verdict::Ready && gpu.parent != nullptr) return &gpu;
  }
  return nullptr;
}

WhyNot why_no_demo_here(const Diagnosis& diagnosis) {
  const WayVerdict* best = nullptr;
  for (const GpuDiagnosis& gpu : diagnosis.gpus) {
    const WayVerdict* way = demo_way(gpu);
    if (way != nullptr && (best == nullptr || way->verdict < best->verdict)) best = way;
  }
  if (best != nullptr && !best->deciding.empty()) {
    const Finding& finding = *best->deciding.front();
    return {finding.rule->id, Message(finding.rule->title, finding.outcome.arguments)};
  }
  if (best == nullptr) return {"", {N_("there is no GPU in this machine")}};
  return {"", {N_("its GPU cannot be shared")}};
}

Result<DemoReport> run_demo(HostWriter& host, const Diagnosis& diagnosis,
                            const DemoRequest& request) {
  const GpuDiagnosis* gpu = demo_gpu(diagnosis);
  if (gpu == nullptr) return error_of(ErrorCode::Unsupported, why_no_demo_here(diagnosis).reason);
  const VmEnvironment environment = TRY(this_vm_environment());
  TRY(end_leftover(host, environment, request));

  StartRequest start;
  const std::string kernel = TRY(readable_guest_file(host, environment));
  start.vm = TRY(demo_vm(host, *diagnosis.facts, *gpu, kernel));
  start.definition = kDemoName;
  start.show_plan = [&request](const Plan& plan) {
    if (!plan.empty()) request.on_step(plan.purpose);
  };
  start.before_launch = [&request] { request.on_step({N_("Start QEMU with the vGPU")}); };
  const StartedVm started = TRY(start_vm(host, environment, start));
  RunningDemo demo(host, environment);

  request.on_step({N_("Wait until the guest has drawn")});
  DemoReport report;
  report.guest = TRY(wait_for_guest_report(
      started.serial_socket,
      [](const GuestReport& guest) { return guest.frames >= 2 && guest.frames_per_second > 0; },
      kGuestLimit, request.cancel));
  request.on_step({N_("Save the guest's picture")});
  TRY(save_picture(host, environment, request, report.guest));
  request.on_step({N_("Stop the VM and give the vGPU back")});
  TRY(demo.stop());

  report.way = kDemoWay;
  report.parent = gpu->parent->name;
  report.vgpu_type = start.vm.gpu->type_id;
  report.vgpu_uuid = start.vm.gpu->uuid;
  report.picture = request.picture;
  return report;
}

Result<int> run_demo_in_laptop(const LaptopDemoRequest& request) {
  LaptopOptions options;
  options.source_directory = TRY(lab_source_directory());
  options.cache_directory = TRY(lab_cache_directory());
  options.cancel_descriptor = request.cancel;
  Laptop laptop = TRY(Laptop::start(options, request.on_step));
  request.on_booted();

  LaptopCommand command;
  command.argv = {TRY(own_program())};
  command.argv.insert(command.argv.end(), request.arguments.begin(), request.arguments.end());
  for (const char* name : {"LANG", "LC_ALL", "LC_MESSAGES", "LANGUAGE", "NO_COLOR"}) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody calls setenv by now
    if (const char* value = std::getenv(name)) command.environment.emplace_back(name, value);
  }
  command.limit = kLaptopLimit;
  command.fetch = {{.laptop_path = kLaptopPicture, .host_path = request.picture}};
  command.on_output = request.on_output;
  command.on_error_output = request.on_error_output;
  const LaptopCommandEnd end = TRY(laptop.run(command));
  return end.exit_status;
}

}  // namespace cleave
