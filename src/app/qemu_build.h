// The use case of `cleave qemu build`: from a source to a QEMU that VMs can be given, step by step,
// each remembered, so that an interrupted build goes on.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "app/qemu_build_needs.h"
#include "app/qemu_builds.h"
#include "base/message.h"
#include "base/result.h"
#include "host/host.h"
#include "qemu_build/options.h"
#include "qemu_build/progress.h"
#include "qemu_build/state.h"

namespace cleave {

struct QemuBuildRequest {
  std::string source;   // as typed
  std::string version;  // as typed
  std::vector<std::string> with;
  std::vector<std::string> without;
  std::string prefix;  // as typed; "": a directory of its own
  std::string name;    // "": the version, and the refresh
  std::string sha256;
  std::string keyring;  // as typed; whose keys may have signed the tarball
  std::uint32_t refresh_ms = 0;
  std::uint32_t jobs = 0;  // 0: as ninja thinks fit
  bool fresh = false;      // forget what an earlier run left
  bool keep_work = false;
  int cancel = -1;
  std::function<void(const Message& step)> on_step;
  // While compiling; the seconds that are left where they can be told.
  std::function<void(const NinjaProgress&, std::optional<std::uint64_t> left)> on_progress;
};

enum class BuildOutcome : std::uint8_t { Built, AlreadyThere, MissingPackages };

struct QemuBuildReport {
  BuildOutcome outcome = BuildOutcome::Built;
  QemuBuild build;                   // not with MissingPackages
  MissingNeeds missing;              // with MissingPackages
  std::vector<BuildStep> continued;  // steps that an earlier run had done
  bool verified = true;              // false: nobody vouched for the archive that was fetched
  std::string log;
};

// Malformed for a request that cannot be meant, before anything is looked for or made.
Result<void> check_build_request(const HostReader& host, const QemuBuildRequest& request);

// Errors: Malformed for a request that cannot be meant, Conflict for a name that another build has,
// Busy while another cleave builds the same, Interrupted, and what the steps meet.
Result<QemuBuildReport> build_qemu(HostWriter& host, const QemuBuildRequest& request);

// What `cleave qemu build` would find missing for these options.
MissingNeeds needs_missing_here(const HostReader& host, const ChosenOptions& options);

}  // namespace cleave
