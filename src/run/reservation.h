// Who has a device: a file per device whose lock is held by the VM's supervisor and, after
// it, by QEMU; by QEMU alone where the VM ran already. The kernel lets go of it when both have
// ended, however they ended, so that there are no stale ones; what is written in the file tells
// people who it is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/fd.h"
#include "base/json.h"
#include "base/result.h"
#include "run/process.h"

namespace cleave {

inline constexpr const char* kReservationDirectory = "/run/cleave/.reservations";

struct Reservation {
  std::string device;       // "0000:01:00.1", or the UUID of a vGPU: the file's name
  std::string vm;           // the VM's name
  std::uint32_t user = 0;   // whose VM it is
  ProcessIdentity process;  // its supervisor
  std::int64_t since = 0;   // seconds since 1970

  bool operator==(const Reservation&) const = default;
};

Json to_json(const Reservation& reservation);
// Malformed if a member is missing or of the wrong kind: the file may be anybody's.
Result<Reservation> reservation_from_json(const Json& json);

// A name that may be a file's here: letters, digits, ":", ".", "-"; at most 64.
bool is_reservable(const std::string& device);

// Makes the directory, for root and the members of `group` (those who may open devices of VFIO).
// Done by root before it hands a device to somebody's VM.
Result<void> make_reservation_directory(const std::string& directory, std::uint32_t group);

// The lock in the hand, which a child inherits. Busy, with the holder's VM, if another has it.
// Empty if there is no such directory, or not for this user: then nobody keeps reservations here,
// and the kernel alone refuses the second user of a device.
Result<std::optional<OwnedFd>> reserve(const std::string& directory,
                                       const Reservation& reservation);

// That another VM has it, and which (Busy).
Error reservation_taken(const std::string& device, const std::optional<Reservation>& by);

// Who has it now; empty if nobody.
std::optional<Reservation> reserved_by(const std::string& directory, const std::string& device);

}  // namespace cleave
