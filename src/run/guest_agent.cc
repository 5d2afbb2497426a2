#include "run/guest_agent.h"

#include <cerrno>

#include "base/text.h"
#include "run/local_socket.h"

namespace cleave {
namespace {

using Clock = std::chrono::steady_clock;

// Makes the agent forget half a command of an earlier client (qga/qapi-schema.json,
// guest-sync-delimited).
constexpr char kDelimiter = '\xff';
// Any number will do that an answer to an earlier client does not have.
std::uint64_t new_number() {
  return static_cast<std::uint64_t>(Clock::now().time_since_epoch().count()) & 0x7fffffffU;
}

Error silence() { return system_error(ETIMEDOUT, {N_("The guest's agent did not answer")}); }

Error gone(int error_number) {
  return system_error(error_number, {N_("The channel of the guest's agent is gone")});
}

Error garbage() {
  return error_of(ErrorCode::Malformed, {N_("The guest's agent sent something that is no answer")});
}

Error refusal(const std::string& command, const Json& error) {
  return error_of(ErrorCode::Io,
                  {N_("The guest's agent refused {command}: {text}"),
                   {{"command", command}, {"text", printable(error.text_of("desc"))}}});
}

std::string request_text(const std::string& command, Json arguments) {
  Json request = Json::object({{"execute", command}});
  if (const auto* members = arguments.as_object(); members != nullptr && !members->empty()) {
    request.set("arguments", std::move(arguments));
  }
  return to_text(request) + "\n";
}

}  // namespace

void GuestAgentAnswers::add(std::string_view bytes) {
  if (const auto last = bytes.rfind(kDelimiter); last != std::string_view::npos) {
    bytes.remove_prefix(last + 1);
    buffer_.clear();
    synchronised_ = true;
    overflow_ = false;
  }
  if (overflow_ || !synchronised_) return;
  buffer_.append(bytes);
  overflow_ = buffer_.size() > kLongestAnswer && buffer_.find('\n') == std::string::npos;
  // Whole answers that nobody asked for are bounded, too.
  if (buffer_.size() > 2 * kLongestAnswer) overflow_ = true;
  if (overflow_) buffer_.clear();
}

Result<std::optional<Json>> GuestAgentAnswers::take() {
  if (overflow_) return garbage();
  const std::size_t end = buffer_.find('\n');
  if (end == std::string::npos) return std::optional<Json>();
  const std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 1);
  Result<Json> answer = parse_json(line);
  if (!answer || answer->as_object() == nullptr) return garbage();
  return std::optional<Json>(std::move(*answer));
}

Result<GuestAgent> GuestAgent::connect(const std::string& socket_path,
                                       std::chrono::milliseconds limit) {
  return synchronise(TRY(connect_local_socket(socket_path)), limit);
}

Result<GuestAgent> GuestAgent::synchronise(OwnedFd socket, std::chrono::milliseconds limit) {
  GuestAgent agent(TimedSocket(std::move(socket), silence, gone));
  const auto end = Clock::now() + limit;
  const std::uint64_t number = new_number();
  TRY(agent.socket_.send_all(
      kDelimiter + request_text("guest-sync-delimited", Json::object({{"id", number}})), end));
  // Answers to an earlier client's number may stand before ours, but not for ever.
  while (Clock::now() < end) {
    const std::optional<Json> answer = TRY(agent.receive(end));
    if (!answer) break;
    const Json* returned = answer->find("return");
    if (returned != nullptr && returned->as_unsigned() == number) return agent;
  }
  return silence();
}

Result<Json> GuestAgent::execute(const std::string& command, Json arguments,
                                 std::chrono::milliseconds limit) {
  const auto end = Clock::now() + limit;
  TRY(socket_.send_all(request_text(command, std::move(arguments)), end));
  const std::optional<Json> answer = TRY(receive(end));
  if (!answer) return silence();
  if (const Json* error = answer->find("error")) return refusal(command, *error);
  const Json* returned = answer->find("return");
  if (returned == nullptr) return garbage();
  return *returned;
}

Result<void> GuestAgent::tell(const std::string& command, Json arguments,
                              std::chrono::milliseconds limit) {
  const auto end = Clock::now() + limit;
  TRY(socket_.send_all(request_text(command, std::move(arguments)), end));
  const Result<std::optional<Json>> answer = receive(end);
  if (!answer || !*answer) return {};  // silent, or gone: it does what it was told
  if (const Json* error = (*answer)->find("error")) return refusal(command, *error);
  return {};
}

Result<std::optional<Json>> GuestAgent::receive(Clock::time_point end) {
  while (true) {
    std::optional<Json> answer = TRY(answers_.take());
    if (answer) return answer;
    // Asked also while bytes keep coming: a guest can send for ever.
    if (Clock::now() >= end) return std::optional<Json>();
    const std::optional<std::string> bytes = TRY(socket_.receive_some(end));
    if (!bytes) return std::optional<Json>();
    answers_.add(*bytes);
  }
}

}  // namespace cleave
