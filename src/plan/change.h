// A change: one reversible step on the host, as data. Nothing here touches the host; apply/ does.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/message.h"
#include "base/result.h"

namespace cleave {

// Writes `value` into an attribute of sysfs. Undone by writing `undo_value` into `undo_path`.
// Already done when `done_path` exists (or, if that is empty, when the attribute reads `value`).
struct WriteAttribute {
  std::string path;
  std::string value;
  std::string undo_path;  // empty: cannot be undone alone (its undo belongs to another change)
  std::string undo_value;
  std::string done_path;
  // The thing that is made or unmade, to be sure at undo time that it is still ours:
  // `undo_guard_path` must still be a link or file whose resolved path ends in `undo_guard`.
  std::string undo_guard_path;
  std::string undo_guard;

  bool operator==(const WriteAttribute&) const = default;
};

// Replaces or creates a file, with its missing parent directories. Undone by putting back what was
// there (kept by the transaction).
struct WriteFile {
  std::string path;
  std::string content;
  std::uint32_t mode = 0644;  // of a new file
  // What the plan was made from: content_hash() of the file as it was read, kAbsentFile if there
  // was none, empty if the plan does not depend on it. A file that differs is not touched.
  std::string expected_before;
  // What of `content` is cleave's own. Where somebody changes the file afterwards, an undo takes
  // out only that (plan/own_part.h); of a whole file of cleave's nothing is taken out then.
  enum class Own : std::uint8_t { File, Block, Words, GrubVariables };
  Own own = Own::File;
  // With Own::Words those that were added; with Own::GrubVariables, of GRUB's environment block,
  // their names.
  std::vector<std::string> words = {};

  bool operator==(const WriteFile&) const = default;
};

// Runs a generator of configuration (grub-mkconfig) into a file beside the real one, looks whether
// the result is what was wanted, and only then puts it in the place of the real one, at once: a
// power cut leaves the old or the new file, never half a one. Undone by putting the old file back,
// byte for byte; if it was generated anew in the meantime, by generating it once more.
struct GenerateFile {
  std::vector<std::string> argv;        // writes `fresh`
  std::string fresh;                    // "/boot/grub/grub.cfg.cleave-new"
  std::string path;                     // "/boot/grub/grub.cfg"
  std::vector<std::string> check_argv;  // must succeed once `fresh` is there; empty: none
  // These words must stand in every normal entry of the menu, and in no recovery entry
  // (plan/boot/generated_menu.h).
  std::vector<std::string> words;
  // True: nothing happens when the plan is applied. Stands before the files that the generator
  // reads, so that an undo, which goes backwards, comes here once they are back.
  bool only_undo = false;
  std::uint32_t limit_seconds = 300;

  bool operator==(const GenerateFile&) const = default;
};

// Removes a plain file. Undone by putting it back.
struct RemoveFile {
  std::string path;
  std::string expected_before;  // as in WriteFile

  bool operator==(const RemoveFile&) const = default;
};

// Runs a command that has an inverse. No shell.
struct RunCommand {
  std::vector<std::string> argv;       // empty: only something to do when the plan is undone
  std::vector<std::string> undo_argv;  // empty: nothing to undo
  std::uint32_t limit_seconds = 300;

  bool operator==(const RunCommand&) const = default;
};

// Gives a file, device node or attribute to a user. Undone by giving it back to its owner before.
struct ChangeOwner {
  std::string path;
  // A link that names the thing: the last part of its target belongs after `path`. A vGPU's node
  // in /dev/vfio is known only once the vGPU exists, by its link iommu_group. Or a directory whose
  // only entry names it: vfio-dev. Empty: `path` is it.
  std::string named_by;
  std::uint32_t user = 0;
  std::uint32_t group = 0;
  // How long to wait for the thing to appear: udev makes nodes a moment after their devices.
  std::uint32_t wait_milliseconds = 0;  // at most kMaximumWaitMilliseconds

  bool operator==(const ChangeOwner&) const = default;
};
inline constexpr std::uint32_t kMaximumWaitMilliseconds = 1000;

// Takes a PCI device from its driver and gives it to another one, by its address alone: a twin with
// the same ids stays where it is (driver_override, Documentation/ABI/testing/sysfs-bus-pci). Undone
// exactly as found: the override that was there, and the driver that had it, if any.
struct BindDriver {
  std::string device;  // "/sys/bus/pci/devices/0000:01:00.0"
  std::string driver;  // "vfio-pci"; its module is loaded
  // Which device the plan means: with hot plug another one may have its address by now.
  std::uint16_t vendor_id = 0;
  std::uint16_t device_id = 0;

  bool operator==(const BindDriver&) const = default;
};

// Takes a USB device from the drivers of its interfaces, so that QEMU can have it. Undone: every
// interface has the driver that it had, or none again. (QEMU gives a device back to drivers itself
// where it ends in order, but a QEMU that is killed cannot.)
struct ReleaseUsb {
  std::string device;  // "/sys/bus/usb/devices/1-2.3"
  // Which device the plan means: another one may be in the port by now.
  std::uint16_t vendor_id = 0;
  std::uint16_t product_id = 0;

  bool operator==(const ReleaseUsb&) const = default;
};

using Effect = std::variant<WriteAttribute, WriteFile, GenerateFile, RemoveFile, RunCommand,
                            ChangeOwner, BindDriver, ReleaseUsb>;

struct Change {
  std::string id;   // what it is for, in JSON: "vgpu.create", "modules.load"
  Message summary;  // one line: what is done
  Message reason;   // why
  Effect effect;
  bool needs_root = true;
  bool needs_reboot = false;
  bool permanent = false;  // survives a reboot; sysfs writes do not

  bool operator==(const Change&) const = default;
};

inline constexpr const char* kAbsentFile = "absent";

// Tells one content of a file from another ("fnv1a64:LENGTH:HEX"). Against accidents: whoever can
// forge a collision can write the file anyway.
std::string content_hash(std::string_view content);

// Changes for the journal, and back: change_from_json(to_json(x)) == x. Bounded; the error is
// Malformed.
Json to_json(const Change& change);
Result<Change> change_from_json(const Json& json);

}  // namespace cleave
