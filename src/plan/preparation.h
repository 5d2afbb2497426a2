// What a way wants of the host at every boot from now on: kernel arguments, and lines in files that
// are cleave's own. Pure data; host_files.h makes changes of the lines, boot/ of the arguments.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/message.h"

namespace cleave {

// One argument on the kernel's command line.
struct KernelWord {
  std::string word;  // "i915.enable_gvt=1"
  Message reason;    // why it is needed
  Message cost;      // what the person loses by it; empty: nothing
};

// The files that lines can go into: drop-ins with cleave's name, which no other program writes.
enum class HostFile : std::uint8_t {
  ModulesLoad,  // modules-load.d(5): a module's name
  Modprobe,     // modprobe.d(5): "options kvm ignore_msrs=1"
  Udev,         // udev(7): a rule
  Limits,       // limits.conf(5): "@kvm - memlock 8388608"
  UserManager,  // a drop-in of user@.service, systemd.service(5): "LimitMEMLOCK=8G"
};

struct HostLine {
  HostFile file = HostFile::ModulesLoad;
  std::string line;  // without its newline
  Message reason;
  Message cost;
};

// A device that vfio-pci has from the start: no driver of the host may take it before.
struct EarlyDevice {
  std::string address;  // "0000:0b:00.0"; its twin elsewhere stays with the host
  // What is at that address now. Another device there, after a change of the hardware, is left
  // alone.
  std::uint16_t vendor_id = 0;
  std::uint16_t device_id = 0;

  bool operator==(const EarlyDevice&) const = default;
};

struct Preparation {
  std::vector<KernelWord> arguments;
  std::vector<HostLine> lines;
  // What is bound in the initramfs, and the tool that makes it (plan/early_binding.h); empty: none.
  std::vector<EarlyDevice> early_devices = {};
  std::string initramfs_tool = {};
  // vGPUs that are defined are to be there again after every start.
  bool vgpus_come_back = false;
  // Devices of the host are in VMs, which a suspend of the host has to spare.
  bool sees_to_suspends = false;
  // What is there and stays, explained; what cleave cannot do for this way and somebody else must.
  std::vector<Message> remarks;
};

// Adds what `more` wants and `all` has not yet: two ways may want the same.
void merge(Preparation& all, Preparation more);

std::vector<std::string> words_of(const std::vector<KernelWord>& arguments);

// The kernel arguments that have the effect of these lines at one boot, for a trial: systemd loads
// modules of modules_load= (systemd-modules-load.service(8)), and modprobe takes MODULE.PARAMETER=
// from the command line (modprobe(8)). Lines of other files have no such argument, and do no harm.
std::vector<std::string> trial_words(const std::vector<HostLine>& lines);

}  // namespace cleave
