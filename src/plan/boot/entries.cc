// Loader entries (Boot Loader Specification, type 1): written by hand for systemd-boot, or by
// kernel-install, which makes those of new kernels from /etc/kernel/cmdline; and Fedora's, which
// GRUB reads and grubby changes in the same way. The entries that are there are edited, too: no
// tool has to run, and an undo puts back every byte.
#include "plan/boot/edits.h"
#include "plan/boot/loaders.h"
#include "plan/boot/trial.h"

namespace cleave {
namespace {

constexpr const char* kCommandLine = "/etc/kernel/cmdline";

// For kernels to come. Without that file kernel-install takes what the running kernel was given
// (90-loaderentry.install), so the words arrive there by themselves.
Result<std::optional<Change>> add_for_new_kernels(const ArgumentsRequest& request) {
  const Fact<std::string>& line = request.facts.boot.kernel_command_line;
  if (!line.is_known() || line.source() != kCommandLine) return std::optional<Change>();
  return add_to_file(request, kCommandLine, *line.value(), is_command_line);
}

Result<std::vector<Change>> add_by_hand(const ArgumentsRequest& request) {
  TRY(check_words(request.words));
  return add_to_entries(request);
}

Result<std::vector<Change>> add_with_new_kernels(const ArgumentsRequest& request) {
  TRY(check_words(request.words));
  std::vector<Change> changes = TRY(add_to_entries(request));
  std::optional<Change> line = TRY(add_for_new_kernels(request));
  if (line) changes.push_back(std::move(*line));
  return changes;
}

}  // namespace

Loader loader_entries_loader() {
  return {.writer = BootWriter::LoaderEntries,
          .add_arguments = add_by_hand,
          .try_arguments = try_with_systemd_boot};
}
Loader grub_entries_loader() {
  return {.writer = BootWriter::GrubEntries,
          .add_arguments = add_by_hand,
          .try_arguments = try_with_grub};
}
Loader kernel_install_loader() {
  return {.writer = BootWriter::KernelInstall,
          .add_arguments = add_with_new_kernels,
          .try_arguments = try_with_systemd_boot};
}
Loader grubby_loader() {
  return {.writer = BootWriter::Grubby,
          .add_arguments = add_with_new_kernels,
          .try_arguments = try_with_grub};
}

}  // namespace cleave
