// What the readers of a command line's devices share: each takes the arguments that it turns into a
// part of the VM.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "imports/qemu_arguments.h"

namespace cleave {

class QemuReader {
 public:
  QemuReader(QemuArguments& all, Draft& draft) : vm(draft.vm), draft_(draft) {
    for (QemuArgument& argument : all.all) {
      if (argument.taken || !argument.known) continue;
      const std::string id(value_of(split_options(argument.value, ""), "id"));
      if (!id.empty()) backends_.try_emplace({argument.option, id}, &argument);
    }
  }

  void lose(const QemuArgument& argument, Message message) {
    draft_.lose(argument.line, std::move(message));
  }
  // The -drive, -netdev, -object, … of that id; null if there is none, or a device has it.
  QemuArgument* backend(const char* option, std::string_view id) {
    const auto found = backends_.find({option, std::string(id)});
    return found == backends_.end() || found->second->taken ? nullptr : found->second;
  }

  Vm& vm;

 private:
  Draft& draft_;
  std::map<std::pair<std::string, std::string>, QemuArgument*> backends_;
};

inline bool is_on(const QemuOptions& options, std::string_view key) {
  return parse_switch(value_of(options, key)).value_or(false);
}

// qemu_disks.cc. Of a device: false if it is another kind of device.
void read_drive(QemuReader& reader, QemuArgument& argument);
void read_old_drive(QemuReader& reader, QemuArgument& argument);
bool read_disk_device(QemuReader& reader, QemuArgument& argument, const QemuOptions& options);

// qemu_networks.cc
void read_nic(QemuReader& reader, QemuArgument& argument);
bool read_network_device(QemuReader& reader, QemuArgument& argument, const QemuOptions& options);

}  // namespace cleave
