// The virtual laptop: a real kernel with real drivers inside QEMU, whose root is this machine's own
// root, read-only, under a writable layer in memory.
//
// docs/decisions/0003-laptop-agent.md and lab/README.md tell how it is made; lab/kernel/ holds its
// GPU.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/message.h"
#include "base/result.h"

namespace cleave {

struct LaptopOptions {
  std::string source_directory;  // cleave's own sources or installed data: holds lab/kernel
  std::string cache_directory;   // kernel packages and built modules: lab_cache_directory()
  // The program that the laptop starts as `PROGRAM lab-agent`; empty: this process's own.
  std::string agent_program;
  // Empty: a laptop that ends with its owner. Otherwise it stays up until `shut_down` and others
  // can attach to it by this name (letters, digits, "-", "_", at most 32).
  std::string name;
  std::uint32_t memory_mb = 2048;
  std::uint32_t cpus = 2;
  std::vector<std::string> kernel_arguments;  // beside those that the laptop needs
  // MODULE.NAME=VALUE, put on the kernel's command line: "i915.enable_gvt=0". They count for every
  // module that the laptop loads.
  std::vector<std::string> module_parameters;
  // Further hardware, each as QEMU's -device takes it: "nvme,serial=1,bus=port1". Buses that they
  // name (pcie-root-port) come before them.
  std::vector<std::string> devices;
  bool sample_drivers = true;  // mtty, mdpy, mbochs
  std::chrono::seconds boot_limit{180};
  int cancel_descriptor = -1;  // readable: what is being done ends with Interrupted
};

// A file that comes back from the laptop; at most 64 MiB.
struct FetchedFile {
  std::string laptop_path;
  std::string host_path;
};

struct TerminalSize {
  std::uint16_t rows = 24;
  std::uint16_t columns = 80;
  bool operator==(const TerminalSize&) const = default;
};

// A terminal for the command: what is read from `input` is typed there.
struct LaptopTerminal {
  int input = 0;
  std::function<TerminalSize()> size;  // asked again whenever a signal comes (SIGWINCH)
};

struct LaptopCommand {
  std::vector<std::string> argv;
  std::vector<std::pair<std::string, std::string>> environment;
  std::string working_directory = "/";
  std::vector<FetchedFile> fetch;
  std::chrono::seconds limit{300};  // then the laptop is ended
  // With a terminal all output comes through on_output.
  std::optional<LaptopTerminal> terminal;
  // Called with pieces of the command's output as they come.
  std::function<void(std::string_view)> on_output;
  std::function<void(std::string_view)> on_error_output;
};

struct LaptopCommandEnd {
  int exit_status = 0;                     // 128 + signal where a signal ended it
  std::vector<std::string> missing_files;  // of `fetch`, those that were not there
};

// Told as things happen; a step's time is the caller's to measure.
using LaptopProgress = std::function<void(const Message& step)>;

struct LaptopHardware;  // lab/qemu_arguments.h
struct PreparedLaptop;  // its kernel and modules, in the cache

class Laptop {
 public:
  // Fetches what is missing (kernel packages through apt), builds the modules where the cache does
  // not hold them, boots, and returns once commands can be run. Conflict if the name is taken.
  static Result<Laptop> start(const LaptopOptions& options, const LaptopProgress& progress = {});
  // A laptop that is up. NotFound if there is none of that name, Busy if another process uses it.
  static Result<Laptop> attach(const std::string& name, int cancel_descriptor = -1);
  Laptop(Laptop&&) noexcept;
  Laptop& operator=(Laptop&&) noexcept;
  Laptop(const Laptop&) = delete;
  Laptop& operator=(const Laptop&) = delete;
  ~Laptop();  // ends a laptop without a name; nothing of it is left behind

  // Error if the laptop hangs or dies; it carries the last lines of the console. NotFound or Denied
  // if the laptop could not start the command.
  Result<LaptopCommandEnd> run(const LaptopCommand& command);
  // Powers off, and pulls the plug if that takes more than ten seconds.
  Result<void> shut_down();
  [[nodiscard]] std::string console_tail(std::size_t line_count = 20) const;
  [[nodiscard]] std::uint32_t process_id() const;

 private:
  struct State;
  static Result<Laptop> boot(const LaptopOptions& options, const PreparedLaptop& prepared,
                             LaptopHardware hardware);
  explicit Laptop(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct LaptopEntry {
  std::string name;
  std::uint32_t process_id = 0;
  std::uint32_t memory_mb = 0;
  std::string kernel;     // its version
  std::string directory;  // sockets and the console's log
};

// The laptops with a name that are up, by name. What is left of dead ones is removed on the way.
Result<std::vector<LaptopEntry>> list_laptops();

// $CLEAVE_LAB_CACHE, or cleave/lab below $XDG_CACHE_HOME or ~/.cache.
Result<std::string> lab_cache_directory();

// Where lab/kernel lies: $CLEAVE_DATA, a directory above the running program (a build tree), or
// share/cleave beside its bin.
Result<std::string> lab_source_directory();

}  // namespace cleave
