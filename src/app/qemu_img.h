// Runs qemu-img as the VM's user. Images and what it prints about them are untrusted: a format is
// always told and never guessed, output is bounded.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "app/vm_place.h"
#include "base/json.h"
#include "base/result.h"

namespace cleave {

using Progress = std::function<void(double percent)>;

struct QemuImgCall {
  std::vector<std::string> arguments;  // without the program's name
  std::chrono::milliseconds limit = std::chrono::minutes(2);
  Progress progress{};  // called as the percentage of `-p` grows
  // False: a signal that ends this program waits until it has ended by itself, since an image that
  // is changed in place must not stay half changed.
  bool interruptible = true;
};
// What it printed on standard output. NotFound: it is not installed; Interrupted: a signal came
// that ends this program, and qemu-img was ended; Io: it failed, with its own words; ETIMEDOUT.
Result<std::string> run_qemu_img(const VmEnvironment& environment, const QemuImgCall& call);

struct ImageSnapshot {
  std::string id;
  std::string name;
  std::int64_t made_at = 0;         // seconds since 1970
  std::uint64_t vm_state_size = 0;  // 0: of the disk alone
};

struct ImageInfo {
  std::uint64_t virtual_size = 0;
  std::string backing_file;  // as the image has it; empty: none
  std::vector<ImageSnapshot> snapshots;
};
// Of qemu-img's `info --output=json`, or of an `image` of QMP's query-block. Malformed.
Result<ImageInfo> image_info_from_json(const Json& json);

// `shared`: also while a VM writes to it.
Result<ImageInfo> image_info(const VmEnvironment& environment, const std::string& file,
                             const std::string& format, bool shared = false);

// The files that the image is made of, itself first: its backing file, and that one's, …
Result<std::vector<std::string>> image_chain(const VmEnvironment& environment,
                                             const std::string& file, const std::string& format);

// `file` for the commands that know no -f, "driver=qcow2,file.driver=file,file.filename=…".
std::string image_options(const std::string& file, const std::string& format);

// The last percentage in what `qemu-img -p` has printed: "    (12.34/100%)\r".
std::optional<double> progress_in(std::string_view printed);

}  // namespace cleave
