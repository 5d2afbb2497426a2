#include "run/disk_trouble.h"

#include <algorithm>

#include "base/text.h"

namespace cleave {
namespace {

bool flag_of(const Json& json, std::string_view key) {
  const Json* member = json.find(key);
  return member != nullptr && member->as_bool() != nullptr && *member->as_bool();
}

}  // namespace

bool note_event(const QmpEvent& event, const DiskNames& disks, VmState& state) {
  if (event.name == "RESUME" && state.disk_trouble) {
    state.disk_trouble.reset();
    return true;
  }
  // werror=enospc is QEMU's own default: a full disk stops the guest, other errors are told to it
  // (BlockdevOnError, qapi/block-core.json).
  if (event.name != "BLOCK_IO_ERROR" || event.data.text_of("action") != "stop") return false;
  const std::string device(event.data.text_of("device"));
  const auto named = std::ranges::find(disks, device, &std::pair<std::string, std::string>::first);
  DiskTrouble trouble{.disk = printable(named != disks.end() ? named->second : device),
                      .reason = printable(event.data.text_of("reason")),
                      .is_full = flag_of(event.data, "nospace")};
  // Every request that was under way fails for itself: one is enough.
  if (state.disk_trouble == trouble) return false;
  state.disk_trouble = std::move(trouble);
  return true;
}

}  // namespace cleave
