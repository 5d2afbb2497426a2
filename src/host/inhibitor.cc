#include "host/inhibitor.h"

#include <fcntl.h>
#include <systemd/sd-bus.h>

#include <cerrno>
#include <memory>

#include "base/text.h"
#include "host/systemd_library.h"

namespace cleave {
namespace {

constexpr std::uint64_t kPatience = 5'000'000;  // microseconds
// A closed lid passes over an inhibitor of "sleep" alone (LidSwitchIgnoreInhibited= in
// logind.conf(5)); not everybody who may keep the machine awake may keep the lid from acting.
constexpr const char* kWithLid = "sleep:handle-lid-switch";
constexpr const char* kWithoutLid = "sleep";

// libsystemd's functions that are used, by their own names.
struct Library {
  decltype(&::sd_bus_open_system) open_system = nullptr;
  decltype(&::sd_bus_set_method_call_timeout) set_method_call_timeout = nullptr;
  decltype(&::sd_bus_call_method) call_method = nullptr;
  decltype(&::sd_bus_message_read) message_read = nullptr;
  decltype(&::sd_bus_message_unref) message_unref = nullptr;
  decltype(&::sd_bus_error_free) error_free = nullptr;
  decltype(&::sd_bus_flush_close_unref) flush_close_unref = nullptr;
  std::string problem;  // empty: all are there
};

Library load_library() {
  Library loaded;
  void* library = open_systemd_library(loaded.problem);
  if (library == nullptr) return loaded;
  load_function(library, "sd_bus_open_system", loaded.open_system, loaded.problem);
  load_function(library, "sd_bus_set_method_call_timeout", loaded.set_method_call_timeout,
                loaded.problem);
  load_function(library, "sd_bus_call_method", loaded.call_method, loaded.problem);
  load_function(library, "sd_bus_message_read", loaded.message_read, loaded.problem);
  load_function(library, "sd_bus_message_unref", loaded.message_unref, loaded.problem);
  load_function(library, "sd_bus_error_free", loaded.error_free, loaded.problem);
  load_function(library, "sd_bus_flush_close_unref", loaded.flush_close_unref, loaded.problem);
  return loaded;
}

Error refused(int error_number, const std::string& reason) {
  return system_error(
      error_number, {N_("logind does not promise to stay awake: {reason}"), {{"reason", reason}}});
}

Result<OwnedFd> inhibit(const Library& systemd, sd_bus* bus, const char* what, const char* why) {
  sd_bus_error error = SD_BUS_ERROR_NULL;
  sd_bus_message* reply = nullptr;
  const int called = systemd.call_method(bus, "org.freedesktop.login1", "/org/freedesktop/login1",
                                         "org.freedesktop.login1.Manager", "Inhibit", &error,
                                         &reply, "ssss", what, "cleave", why, "block");
  const std::string text = printable(error.message == nullptr ? "" : error.message);
  systemd.error_free(&error);
  if (called < 0) return refused(-called, text.empty() ? errno_text(-called) : text);
  int descriptor = -1;
  const int read = systemd.message_read(reply, "h", &descriptor);
  // The descriptor in the message is closed with it.
  OwnedFd held(read < 0 ? -1 : ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
  const int copied = errno;
  systemd.message_unref(reply);
  if (read < 0) return refused(-read, errno_text(-read));
  if (!held.is_open()) return refused(copied, errno_text(copied));
  return held;
}

}  // namespace

Result<OwnedFd> inhibit_sleep(const std::string& why) {
  const Library systemd = load_library();
  if (!systemd.problem.empty()) return refused(ENOSYS, systemd.problem);
  sd_bus* bus = nullptr;
  const int opened = systemd.open_system(&bus);
  if (opened < 0) return refused(-opened, errno_text(-opened));
  const std::unique_ptr<sd_bus, decltype(systemd.flush_close_unref)> closes(
      bus, systemd.flush_close_unref);
  systemd.set_method_call_timeout(bus, kPatience);
  Result<OwnedFd> held = inhibit(systemd, bus, kWithLid, why.c_str());
  if (held) return held;
  return inhibit(systemd, bus, kWithoutLid, why.c_str());
}

}  // namespace cleave
