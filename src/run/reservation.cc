#include "run/reservation.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/format.h"
#include "base/text.h"

namespace cleave {
namespace {

constexpr std::size_t kLongestName = 64;
constexpr std::size_t kLargestRecord = 4096;
// The gate is held for the time of a few system calls.
constexpr int kGateTries = 200;
constexpr int kGatePauseMilliseconds = 10;

std::string path_of(const std::string& directory, const std::string& device) {
  return directory + "/" + device;
}

std::string read_record(const OwnedFd& file) {
  std::array<char, kLargestRecord> bytes{};
  const ssize_t count = ::pread(file.get(), bytes.data(), bytes.size(), 0);
  return {bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0))};
}

std::optional<Reservation> record_in(const OwnedFd& file) {
  const Result<Json> json = parse_json(read_record(file));
  if (!json) return std::nullopt;
  Result<Reservation> reservation = reservation_from_json(*json);
  return reservation ? std::optional(std::move(*reservation)) : std::nullopt;
}

// Asks and takes nothing, so that who only looks stands in nobody's way (fcntl(2), F_OFD_GETLK).
bool is_locked(const OwnedFd& file) {
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return ::fcntl(file.get(), F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

// For as long as this file is open in any process: the lock is the open file's, not a process's.
bool lock_file(const OwnedFd& file) {
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return ::fcntl(file.get(), F_OFD_SETLK, &lock) == 0;
}

Result<void> write_record(const OwnedFd& file, const Reservation& reservation,
                          const std::string& path) {
  const std::string text = to_text(to_json(reservation)) + "\n";
  const auto size = static_cast<ssize_t>(text.size());
  if (::ftruncate(file.get(), 0) == 0 &&
      ::pwrite(file.get(), text.data(), text.size(), 0) == size) {
    return {};
  }
  return system_error(errno, {N_("Could not write {path}"), {{"path", path}}}, path);
}

// A new file of ours under that name, its lock in hand before anybody can find it.
Result<OwnedFd> replace(const std::string& directory, const Reservation& reservation) {
  const std::string path = path_of(directory, reservation.device);
  const std::string fresh = path_of(directory, "." + reservation.device);
  ::unlink(fresh.c_str());  // of one that was killed here
  OwnedFd file(::open(fresh.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!file.is_open() || !lock_file(file)) {
    return system_error(errno, {N_("Could not write {path}"), {{"path", fresh}}}, fresh);
  }
  Result<void> written = write_record(file, reservation, fresh);
  if (written && ::rename(fresh.c_str(), path.c_str()) != 0) {
    written = system_error(errno, {N_("Could not write {path}"), {{"path", path}}}, path);
  }
  if (!written) {
    ::unlink(fresh.c_str());
    return std::move(written).error();
  }
  return file;
}

// One at a time looks who has a device and takes it.
Result<OwnedFd> pass_gate(const std::string& directory) {
  const std::string path = path_of(directory, ".gate");
  OwnedFd gate(::open(path.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  for (int i = 0; gate.is_open() && i < kGateTries; ++i) {
    if (::flock(gate.get(), LOCK_EX | LOCK_NB) == 0) return gate;
    if (errno != EWOULDBLOCK) break;
    ::poll(nullptr, 0, kGatePauseMilliseconds);
  }
  return system_error(errno, {N_("Could not lock {path}"), {{"path", path}}}, path);
}

}  // namespace

Json to_json(const Reservation& reservation) {
  return Json::object({{"schema", "cleave.reservation/1"},
                       {"device", reservation.device},
                       {"vm", reservation.vm},
                       {"user", reservation.user},
                       {"process_id", reservation.process.process_id},
                       {"start_time", std::to_string(reservation.process.start_time)},
                       {"since", reservation.since}});
}

Result<Reservation> reservation_from_json(const Json& json) {
  const auto number = [&json](const char* key) {
    const Json* member = json.find(key);
    return member == nullptr ? std::nullopt : member->as_integer();
  };
  const auto user = number("user");
  const auto process = number("process_id");
  const auto since = number("since");
  const auto start = parse_unsigned<std::uint64_t>(json.text_of("start_time"));
  Reservation reservation;
  reservation.device = std::string(json.text_of("device"));
  reservation.vm = std::string(json.text_of("vm"));
  const bool good = is_reservable(reservation.device) && user && process && since && start &&
                    *user >= 0 && *user <= UINT32_MAX && *process > 0 && *process <= UINT32_MAX;
  if (!good) return error_of(ErrorCode::Malformed, {N_("This is no reservation of a device.")});
  reservation.user = static_cast<std::uint32_t>(*user);
  reservation.process = {.process_id = static_cast<std::uint32_t>(*process), .start_time = *start};
  reservation.since = *since;
  return reservation;
}

bool is_reservable(const std::string& device) {
  const auto good = [](char letter) {
    return (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'z') ||
           (letter >= 'A' && letter <= 'Z') || letter == ':' || letter == '.' || letter == '-';
  };
  return !device.empty() && device.size() <= kLongestName && device.front() != '.' &&
         std::ranges::all_of(device, good);
}

Result<void> make_reservation_directory(const std::string& directory, std::uint32_t group) {
  // After a start of the machine nobody has made /run/cleave yet.
  const std::string above = directory.substr(0, directory.rfind('/'));
  if (::mkdir(above.c_str(), 0700) == 0) (void)::chmod(above.c_str(), 0755);
  const bool made = ::mkdir(directory.c_str(), 0700) == 0;
  if (!made && errno == EEXIST) return {};
  // Not before the group is right: what is made in between would be another's.
  if (made && ::chown(directory.c_str(), 0, group) == 0 && ::chmod(directory.c_str(), 0775) == 0) {
    return {};
  }
  return system_error(errno, {N_("Could not make {path}"), {{"path", directory}}}, directory);
}

Result<std::optional<OwnedFd>> reserve(const std::string& directory,
                                       const Reservation& reservation) {
  const std::string& device = reservation.device;
  if (!is_reservable(device)) {
    return error_of(ErrorCode::Malformed,
                    {N_("“{device}” can be no device's name"), {{"device", printable(device)}}});
  }
  if (::access(directory.c_str(), W_OK | X_OK) != 0) return std::optional<OwnedFd>();
  const OwnedFd gate = TRY(pass_gate(directory));
  const std::string path = path_of(directory, device);
  const OwnedFd there(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (there.is_open() && is_locked(there)) return reservation_taken(device, record_in(there));
  return std::optional(TRY(replace(directory, reservation)));
}

Error reservation_taken(const std::string& device, const std::optional<Reservation>& by) {
  if (!by || by->vm.empty()) {
    return error_of(ErrorCode::Busy,
                    {N_("{device} belongs to another VM at the moment."), {{"device", device}}});
  }
  return error_of(
      ErrorCode::Busy,
      {N_("{device} belongs to the VM {vm} at the moment (process {process})."),
       {{"device", device}, {"vm", printable(by->vm)}, {"process", by->process.process_id}}},
      {N_("End that VM first: cleave vm stop {vm}"), {{"vm", printable(by->vm)}}});
}

std::optional<Reservation> reserved_by(const std::string& directory, const std::string& device) {
  if (!is_reservable(device)) return std::nullopt;
  const std::string path = path_of(directory, device);
  const OwnedFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.is_open() || !is_locked(file)) return std::nullopt;
  return record_in(file).value_or(
      Reservation{.device = device, .vm = "", .user = 0, .process = {}, .since = 0});
}

}  // namespace cleave
