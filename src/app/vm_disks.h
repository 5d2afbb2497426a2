// A VM's disks over time: their size and their snapshots, while it runs and while it does not.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/vm_place.h"
#include "base/result.h"
#include "host/host.h"
#include "vm/vm.h"

namespace cleave {

// Those that the guest writes to, with their numbers; discs and disks to read are left out.
struct NumberedDisk {
  std::size_t number = 0;
  Vm::Disk disk;

  [[nodiscard]] std::string id() const;  // "disk0", as QEMU knows it
};
std::vector<NumberedDisk> written_disks(const Vm& vm);

struct ResizeReport {
  std::string disk;  // "disk0"
  std::string file;
  std::uint64_t before = 0;  // bytes
  std::uint64_t after = 0;
  bool running = false;
};
// Makes a disk larger. `disk`: "disk0" or "0"; empty: the only one. Unsupported: it would become
// smaller, or it is a device.
Result<ResizeReport> resize_disk(const HostReader& host, const VmEnvironment& environment,
                                 const std::string& name, const std::string& size,
                                 const std::string& disk);

struct VmSnapshot {
  std::string name;
  std::int64_t made_at = 0;          // seconds since 1970
  bool with_memory = false;          // made while the VM ran
  std::vector<std::string> disks{};  // that have it: "disk0"
  bool complete = true;              // all disks have it
};
// Of all disks together, in the order of their making.
Result<std::vector<VmSnapshot>> list_snapshots(const HostReader& host,
                                               const VmEnvironment& environment,
                                               const std::string& name);

struct SnapshotReport {
  bool running = false;  // the guest's memory is part of it
  std::size_t disks = 0;
};
// Of all disks or of none. Malformed: the snapshot's name cannot be; Unsupported: a disk has no
// snapshots (raw), or something of the running VM cannot be kept (a device of the host); Conflict:
// there is one of that name; NotFound: there is none.
Result<SnapshotReport> create_snapshot(const HostReader& host, const VmEnvironment& environment,
                                       const std::string& name, const std::string& snapshot);
Result<SnapshotReport> restore_snapshot(const HostReader& host, const VmEnvironment& environment,
                                        const std::string& name, const std::string& snapshot);
Result<SnapshotReport> delete_snapshot(const HostReader& host, const VmEnvironment& environment,
                                       const std::string& name, const std::string& snapshot);

}  // namespace cleave
