#include "run/companions.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "base/fd.h"
#include "base/text.h"

namespace cleave {
namespace {

// Between SIGTERM and SIGKILL: swtpm writes its state, virtiofsd has nothing to do.
constexpr auto kEndPatience = std::chrono::seconds(5);

Result<std::string> all_local_sockets() {
  const OwnedFd file(::open("/proc/net/unix", O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return system_error(errno, Message(N_("Could not read /proc/net/unix")));
  std::string text;
  std::array<char, 16384> bytes{};
  while (true) {
    const ssize_t count = ::read(file.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    text.append(bytes.data(), static_cast<std::size_t>(count));
  }
}

// A socket is there from bind(2) on, but only after listen(2) can QEMU connect, and it tries only
// once. Trying it here would be taken for the one client that these programs serve.
bool listens(const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0) return false;
  const Result<std::string> sockets = all_local_sockets();
  if (!sockets) return true;
  for (const std::string_view line : lines(*sockets)) {
    const auto fields = words(line);
    // "Num RefCount Protocol Flags Type St Inode Path"; flags 0x10000: it accepts connections
    // (__SO_ACCEPTCON, net/unix/af_unix.c, unix_seq_show).
    if (fields.size() >= 8 && fields[3] == "00010000" && line.ends_with(" " + path)) return true;
  }
  return false;
}

LostCompanion lost(const std::string& name, const ProcessEnd& end) {
  return {.name = name, .exit_status = end.exit_status, .signal = end.signal};
}

}  // namespace

Json to_json(const std::vector<CompanionSpec>& companions) {
  Json all = Json::array();
  for (const CompanionSpec& companion : companions) {
    Json argv = Json::array();
    for (const std::string& argument : companion.argv) argv.push_back(argument);
    all.push_back(Json::object(
        {{"name", companion.name}, {"argv", std::move(argv)}, {"socket", companion.socket}}));
  }
  return all;
}

std::vector<CompanionSpec> companions_from_json(const Json& json) {
  std::vector<CompanionSpec> companions;
  if (json.as_array() == nullptr) return companions;
  for (const Json& each : *json.as_array()) {
    CompanionSpec companion{.name = std::string(each.text_of("name")),
                            .argv = {},
                            .socket = std::string(each.text_of("socket"))};
    const Json* argv = each.find("argv");
    if (argv != nullptr && argv->as_array() != nullptr) {
      for (const Json& argument : *argv->as_array()) {
        if (argument.as_string() != nullptr) companion.argv.push_back(*argument.as_string());
      }
    }
    companions.push_back(std::move(companion));
  }
  return companions;
}

Result<void> Companions::start(const CompanionSpec& spec, int output, const Record& record) {
  // A socket that an earlier run left would be taken for this one's.
  ::unlink(spec.socket.c_str());
  ProcessSpec process;
  process.argv = spec.argv;
  process.descriptors = {{1, output}, {2, output}};
  process.new_session = true;
  process.record = [&](const ProcessIdentity& identity) {
    return record({.name = spec.name, .process = identity});
  };
  running_.push_back({.spec = spec, .process = TRY(Process::start(process))});
  return {};
}

Result<bool> Companions::all_listen() {
  for (const LostCompanion& ended : take_ended()) {
    if (ended.signal != 0) {
      return error_of(ErrorCode::Io,
                      {N_("{name}, which the VM needs beside QEMU, was killed by signal {signal}"),
                       {{"name", ended.name}, {"signal", ended.signal}}});
    }
    return error_of(
        ErrorCode::Io,
        {N_("{name}, which the VM needs beside QEMU, did not start (exit status {status})"),
         {{"name", ended.name}, {"status", ended.exit_status}}});
  }
  return std::ranges::all_of(
      running_, [](const Running& companion) { return listens(companion.spec.socket); });
}

void Companions::add_to(std::vector<pollfd>& waiting) const {
  for (const Running& companion : running_) {
    waiting.push_back({.fd = companion.process.descriptor(), .events = POLLIN, .revents = 0});
  }
}

std::vector<LostCompanion> Companions::take_ended() {
  std::vector<LostCompanion> ended;
  for (auto companion = running_.begin(); companion != running_.end();) {
    const auto end = companion->process.wait(std::chrono::milliseconds(0));
    if (!end || !end->has_value()) {
      ++companion;
      continue;
    }
    ended.push_back(lost(companion->spec.name, **end));
    companion = running_.erase(companion);
  }
  return ended;
}

void Companions::end() {
  for (Running& companion : running_) {
    (void)companion.process.send_signal(SIGTERM);
    (void)companion.process.send_signal(SIGCONT);
  }
  for (Running& companion : running_) {
    const auto end = companion.process.wait(kEndPatience);
    if (end && end->has_value()) continue;
    (void)companion.process.send_signal(SIGKILL);
    (void)companion.process.wait(kEndPatience);
  }
  running_.clear();
}

}  // namespace cleave
