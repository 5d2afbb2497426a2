// Systems whose tool carries /etc/kernel/cmdline into everything that the loader reads: Proxmox
// (proxmox-boot-tool refresh) and openSUSE's sdbootutil.
#include "plan/boot/edits.h"
#include "plan/boot/loaders.h"
#include "plan/boot/trial.h"

namespace cleave {
namespace {

Result<std::vector<Change>> add_with(const ArgumentsRequest& request,
                                     std::vector<std::string> command, Message summary) {
  TRY(check_words(request.words));
  const Fact<std::string>& line = request.facts.boot.kernel_command_line;
  std::vector<Change> changes;
  std::optional<Change> change =
      TRY(add_to_file(request, "/etc/kernel/cmdline", line.value_or(""), is_command_line));
  if (change) changes.push_back(std::move(*change));
  return with_tool(std::move(changes), std::move(command), std::move(summary));
}

Result<std::vector<Change>> add_proxmox(const ArgumentsRequest& request) {
  return add_with(request, {"proxmox-boot-tool", "refresh"},
                  {N_("Have proxmox-boot-tool write the boot entries anew")});
}

Result<std::vector<Change>> add_sdbootutil(const ArgumentsRequest& request) {
  return add_with(request, {"sdbootutil", "update-all-entries"},
                  {N_("Have sdbootutil write the boot entries anew")});
}

}  // namespace

Loader proxmox_loader() {
  return {.writer = BootWriter::ProxmoxBootTool, .add_arguments = add_proxmox};
}
Loader sdbootutil_loader() {
  return {.writer = BootWriter::Sdbootutil,
          .add_arguments = add_sdbootutil,
          .try_arguments = try_with_own_loader};
}

}  // namespace cleave
