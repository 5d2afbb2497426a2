// The virtual laptop: a real kernel with real drivers inside QEMU, whose root is this machine's own
// root, read-only, under a writable layer in memory.
//
// docs/decisions and lab/README.md tell how it is made; lab/kernel/ holds its GPU.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/message.h"
#include "base/result.h"

namespace cleave {

struct LaptopOptions {
  std::string source_directory;  // cleave's own sources or installed data: holds lab/kernel
  std::string cache_directory;  // kernel packages, built modules, initramfs: $XDG_CACHE_HOME/cleave
  std::uint32_t memory_mb = 2048;
  std::uint32_t cpus = 2;
  std::vector<std::string> kernel_arguments;  // beside those that the laptop needs
  // MODULE.NAME=VALUE for the laptop's own modules: "i915.enable_gvt=0", "i915.aperture_mb=512".
  std::vector<std::string> module_parameters;
  bool sample_drivers = true;  // mtty, mdpy, mbochs
  std::chrono::seconds boot_limit{180};
};

// A file that comes back from the laptop.
struct FetchedFile {
  std::string laptop_path;
  std::string host_path;
};

struct LaptopCommand {
  std::vector<std::string> argv;
  std::vector<std::pair<std::string, std::string>> environment;
  std::string working_directory = "/";
  std::vector<FetchedFile> fetch;
  std::chrono::seconds limit{300};  // then the laptop is ended
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

class Laptop {
 public:
  // Fetches what is missing (kernel packages through apt), builds the modules and the initramfs
  // where the cache does not hold them, boots, and returns once commands can be run.
  static Result<Laptop> start(const LaptopOptions& options, const LaptopProgress& progress = {});
  Laptop(Laptop&&) noexcept;
  Laptop& operator=(Laptop&&) noexcept;
  ~Laptop();  // ends the machine; nothing of it is left behind

  // Error if the laptop hangs or dies; it carries the last lines of the console.
  Result<LaptopCommandEnd> run(const LaptopCommand& command);
  [[nodiscard]] std::string console_tail(std::size_t line_count = 20) const;
  [[nodiscard]] std::uint32_t process_id() const;

 private:
  struct State;
  explicit Laptop(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace cleave
