#include "run/qmp.h"

#include <algorithm>
#include <cerrno>
#include <thread>

#include "run/local_socket.h"

namespace cleave {
namespace {

using Clock = std::chrono::steady_clock;

// QEMU's largest answers (query-qmp-schema) have some 200 KiB; a peer that sends more than this
// without an end of line is not QEMU.
constexpr size_t kMaximumMessage = size_t{2} << 20U;
// Events that nobody fetched; the oldest are dropped, so that a guest cannot fill our memory.
constexpr size_t kMaximumEvents = 64;
// QEMU listens long before it answers, so this delays nothing.
constexpr auto kRetryPause = std::chrono::milliseconds(1);
constexpr auto kGiveUpPause = std::chrono::milliseconds(20);
constexpr auto kGivePatience = std::chrono::seconds(5);

Error silence() { return system_error(ETIMEDOUT, Message(N_("QEMU's monitor did not answer"))); }

Error gone(int error_number) {
  return system_error(error_number, Message(N_("QEMU's monitor is gone")));
}

Error garbage() {
  return error_of(ErrorCode::Malformed, {N_("QEMU's monitor sent something that is no answer")});
}

// A year is for ever, and does not overflow the clock.
Clock::time_point end_of(std::chrono::milliseconds limit) {
  return Clock::now() + std::min<std::chrono::milliseconds>(limit, std::chrono::years(1));
}

Error refusal(const std::string& command, const Json& error) {
  const std::string error_class(error.text_of("class"));
  ErrorCode code = ErrorCode::Io;
  if (error_class == "CommandNotFound") code = ErrorCode::Unsupported;
  if (error_class == "DeviceNotFound") code = ErrorCode::NotFound;
  return error_of(
      code, {N_("QEMU refused {command}: {text} ({class})"),
             {{"command", command}, {"text", error.text_of("desc")}, {"class", error_class}}});
}

}  // namespace

Result<QmpClient> QmpClient::connect(const std::string& socket_path,
                                     std::chrono::milliseconds limit,
                                     const std::function<bool()>& give_up) {
  const auto end = end_of(limit);
  while (true) {
    Result<OwnedFd> socket = connect_local_socket(socket_path);
    if (socket) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
      return negotiate(std::move(*socket), left);
    }
    // Not there yet, or made and not yet listening. EAGAIN: its queue is full.
    const int error_number = socket.error().error_number;
    const bool may_come =
        error_number == ENOENT || error_number == ECONNREFUSED || error_number == EAGAIN;
    if (!may_come || Clock::now() >= end || (give_up && give_up())) {
      return std::move(socket).error();
    }
    std::this_thread::sleep_for(kRetryPause);
  }
}

Result<QmpClient> QmpClient::negotiate(OwnedFd socket, std::chrono::milliseconds limit,
                                       const std::function<bool()>& give_up) {
  const auto end = end_of(limit);
  QmpClient client(TimedSocket(std::move(socket), silence, gone));
  const Json greeting = TRY(client.first_message(end, give_up));
  if (greeting.find("QMP") == nullptr) return garbage();
  const std::string command = "qmp_capabilities";
  TRY(client.socket_.send_all(
      to_text(Json::object({{"execute", command}, {"id", client.next_id_++}})) + "\n", end));
  while (true) {
    const Json message = TRY(client.first_message(end, give_up));
    if (const Json* error = message.find("error")) return refusal(command, *error);
    if (message.find("return") != nullptr) return client;
    if (message.find("event") == nullptr) return garbage();
    client.keep_event(message);
  }
}

// As read_message(), in steps between which `give_up` is asked; silence is an error.
Result<Json> QmpClient::first_message(Clock::time_point end, const std::function<bool()>& give_up) {
  while (true) {
    const auto step = give_up ? std::min(end, Clock::now() + kGiveUpPause) : end;
    std::optional<Json> message = TRY(read_message(step));
    if (message) return std::move(*message);
    if (give_up && give_up()) {
      return error_of(ErrorCode::Interrupted, {N_("QEMU's monitor is not waited for any more")});
    }
    if (Clock::now() >= end) return silence();
  }
}

Result<Json> QmpClient::execute(const std::string& command, Json arguments,
                                std::chrono::milliseconds limit) {
  return converse(command, std::move(arguments), std::nullopt, limit);
}

Result<void> QmpClient::give_file(const std::string& name, int file) {
  TRY(converse("getfd", Json::object({{"fdname", name}}), file, kGivePatience));
  return {};
}

Result<Json> QmpClient::converse(const std::string& command, Json arguments,
                                 std::optional<int> file, std::chrono::milliseconds limit) {
  const auto end = end_of(limit);
  const std::uint64_t id = next_id_++;
  Json request = Json::object();
  request.set("execute", command);
  if (const auto* members = arguments.as_object(); members != nullptr && !members->empty()) {
    request.set("arguments", std::move(arguments));
  }
  request.set("id", id);
  TRY(socket_.send_all(to_text(request) + "\n", end, file));
  while (true) {
    const std::optional<Json> message = TRY(read_message(end));
    if (!message) return silence();
    if (message->find("event") != nullptr) {
      keep_event(*message);
      continue;
    }
    const Json* result = message->find("return");
    const Json* error = message->find("error");
    if (result == nullptr && error == nullptr) return garbage();
    // The late answer to an earlier command that was given up. An answer without an id is QEMU's
    // word that it could not even read the request.
    const Json* answered = message->find("id");
    if (answered != nullptr && answered->as_unsigned() != id) continue;
    if (error != nullptr) return refusal(command, *error);
    return *result;
  }
}

Result<std::optional<QmpEvent>> QmpClient::next_event(std::chrono::milliseconds limit) {
  const auto end = end_of(limit);
  while (events_.empty()) {
    const std::optional<Json> message = TRY(read_message(end));
    if (!message) return std::optional<QmpEvent>();
    if (message->find("event") != nullptr) {
      keep_event(*message);
    } else if (message->find("return") == nullptr && message->find("error") == nullptr) {
      return garbage();
    }
  }
  std::optional<QmpEvent> event(std::move(events_.front()));
  events_.erase(events_.begin());
  return event;
}

void QmpClient::keep_event(const Json& message) {
  QmpEvent event;
  event.name = message.text_of("event");
  if (const Json* data = message.find("data")) event.data = *data;
  if (events_.size() == kMaximumEvents) events_.erase(events_.begin());
  events_.push_back(std::move(event));
}

Result<std::optional<Json>> QmpClient::read_message(Clock::time_point end) {
  while (true) {
    const size_t line_end = buffer_.find('\n', searched_);
    if (line_end != std::string::npos) {
      const std::string line = buffer_.substr(0, line_end);
      buffer_.erase(0, line_end + 1);
      searched_ = 0;
      Result<Json> message = parse_json(line);
      if (!message || message->as_object() == nullptr) return garbage();
      return std::optional<Json>(std::move(*message));
    }
    searched_ = buffer_.size();
    if (buffer_.size() > kMaximumMessage) return garbage();
    const std::optional<std::string> bytes = TRY(socket_.receive_some(end));
    if (!bytes) return std::optional<Json>();
    buffer_.append(*bytes);
  }
}

}  // namespace cleave
