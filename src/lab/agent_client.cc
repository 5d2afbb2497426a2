#include "lab/agent_client.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

#include "base/format.h"
#include "base/text.h"
#include "lab/cache.h"

namespace cleave {
namespace {

using Clock = std::chrono::steady_clock;
using Kind = AgentReply::Kind;

constexpr std::chrono::seconds kGreetingPause{1};

Error laptop_gone() {
  return system_error(EPIPE, Message(N_("The virtual laptop ended while it was needed")));
}

Error out_of_time() {
  return system_error(ETIMEDOUT, Message(N_("The virtual laptop did not answer in time")));
}

Error interrupted() { return lab_error(ErrorCode::Interrupted, Message(N_("Interrupted"))); }

// For poll(2), whose limit is an int: whoever waits longer is woken in between.
int milliseconds_until(Clock::time_point end) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1'000'000));
}

// Tells the answers to this caller from those to one that went.
std::string new_session() {
  std::array<unsigned char, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    return format("{}-{}", ::getpid(), Clock::now().time_since_epoch().count());
  }
  std::string text;
  for (const unsigned char byte : bytes) text += format("{:02x}", byte);
  return text;
}

Clock::time_point end_of(std::chrono::milliseconds limit) {
  return Clock::now() + std::min<std::chrono::milliseconds>(limit, std::chrono::hours(24 * 365));
}

}  // namespace

Result<void> AgentClient::send(const AgentRequest& request, TimePoint end) {
  const std::string line = to_line(request);
  std::string_view rest = line;
  if (line.size() > kAgentLineLimit) {
    return system_error(E2BIG, Message(N_("The command for the laptop is too long")));
  }
  while (!rest.empty()) {
    const ssize_t count =
        ::send(socket_.get(), rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(count));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return laptop_gone();
    std::array<pollfd, 3> waiting = {pollfd{.fd = socket_.get(), .events = POLLOUT, .revents = 0},
                                     pollfd{.fd = watch_.laptop, .events = POLLIN, .revents = 0},
                                     pollfd{.fd = watch_.cancel, .events = POLLIN, .revents = 0}};
    const int ready = ::poll(waiting.data(), waiting.size(), milliseconds_until(end));
    if (ready == 0 && Clock::now() >= end) return out_of_time();
    if (ready > 0 && waiting[1].revents != 0) return laptop_gone();
    if (ready > 0 && waiting[2].revents != 0) return interrupted();
  }
  return {};
}

Result<std::optional<AgentReply>> AgentClient::next(TimePoint end, const LaptopTerminal* terminal) {
  const std::optional<std::string> line = TRY(lines_.next());
  if (line) return std::optional<AgentReply>(TRY(parse_agent_reply(*line)));
  const bool typing = terminal != nullptr && !input_ended_;
  std::array<pollfd, 4> waiting = {
      pollfd{.fd = socket_.get(), .events = POLLIN, .revents = 0},
      pollfd{.fd = watch_.laptop, .events = POLLIN, .revents = 0},
      pollfd{.fd = watch_.cancel, .events = POLLIN, .revents = 0},
      pollfd{.fd = typing ? terminal->input : -1, .events = POLLIN, .revents = 0}};
  const int ready = ::poll(waiting.data(), waiting.size(), milliseconds_until(end));
  if (ready < 0 && errno == EINTR) return std::optional<AgentReply>();
  if (ready < 0) return system_error(errno, Message(N_("Could not wait for the laptop")));
  if (ready == 0 && Clock::now() >= end) return out_of_time();
  // What the laptop said last comes before the news of its end.
  if (waiting[0].revents != 0) {
    std::array<char, 65536> buffer{};
    const ssize_t count = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count > 0) lines_.push({buffer.data(), static_cast<std::size_t>(count)});
    if (count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN)) return laptop_gone();
    return std::optional<AgentReply>();
  }
  if (waiting[1].revents != 0) return laptop_gone();
  if (waiting[2].revents != 0) return interrupted();
  if (waiting[3].revents != 0) TRY(type(*terminal, end));
  return std::optional<AgentReply>();
}

Result<void> AgentClient::type(const LaptopTerminal& terminal, TimePoint end) {
  std::string typed(4096, '\0');
  const ssize_t count = ::read(terminal.input, typed.data(), typed.size());
  if (count < 0 && errno == EINTR) return {};
  AgentRequest request;
  request.kind = AgentRequest::Kind::Input;
  if (count <= 0) {
    input_ended_ = true;
    request.data = "\x04";  // Ctrl-D: the end of input, as a terminal has it
  } else {
    request.data = typed.substr(0, static_cast<std::size_t>(count));
  }
  return send(request, end);
}

Result<AgentReply> AgentClient::greet(std::chrono::milliseconds limit) {
  const auto end = end_of(limit);
  const std::string session = new_session();
  AgentRequest hello;
  hello.kind = AgentRequest::Kind::Hello;
  hello.session = session;
  while (true) {
    TRY(send(hello, end));
    const auto pause = std::min(end, Clock::now() + kGreetingPause);
    while (Clock::now() < pause) {
      Result<std::optional<AgentReply>> reply = next(pause, nullptr);
      if (!reply && reply.error().error_number == ETIMEDOUT) break;
      // Half a line may be left of an answer to somebody else.
      if (!reply && reply.error().code == ErrorCode::Malformed) continue;
      if (!reply) return std::move(reply).error();
      if (reply->has_value() && (*reply)->kind == Kind::Hello && (*reply)->session == session) {
        return **std::move(reply);
      }
    }
    if (Clock::now() >= end) return out_of_time();
  }
}

Result<int> AgentClient::run(const LaptopCommand& command) {
  const auto end = end_of(command.limit);
  AgentRequest request;
  request.kind = AgentRequest::Kind::Run;
  request.id = next_id_++;
  request.argv = command.argv;
  request.environment = command.environment;
  request.working_directory = command.working_directory;
  const LaptopTerminal* terminal = command.terminal ? &*command.terminal : nullptr;
  request.terminal = terminal != nullptr;
  if (terminal != nullptr) size_ = terminal->size();
  request.rows = size_.rows;
  request.columns = size_.columns;
  TRY(send(request, end));
  while (true) {
    const std::optional<AgentReply> reply = TRY(next(end, terminal));
    if (!reply) {
      if (terminal == nullptr || terminal->size() == size_) continue;
      size_ = terminal->size();
      AgentRequest resize;
      resize.kind = AgentRequest::Kind::Resize;
      resize.rows = size_.rows;
      resize.columns = size_.columns;
      TRY(send(resize, end));
      continue;
    }
    if (reply->kind == Kind::Hello || reply->id != request.id) continue;
    if (reply->kind == Kind::Output && command.on_output) command.on_output(reply->data);
    if (reply->kind == Kind::ErrorOutput && command.on_error_output) {
      command.on_error_output(reply->data);
    }
    if (reply->kind == Kind::Ended) return reply->exit_status;
    if (reply->kind == Kind::Failed) {
      return system_error(reply->error_number, Message(N_("The laptop could not start {command}"),
                                                       {{"command", printable(request.argv[0])}}));
    }
  }
}

Result<std::string> AgentClient::fetch_content(const FetchedFile& file, TimePoint end) {
  AgentRequest request;
  request.kind = AgentRequest::Kind::Fetch;
  request.id = next_id_++;
  request.path = file.laptop_path;
  TRY(send(request, end));
  std::string content;
  while (true) {
    const std::optional<AgentReply> reply = TRY(next(end, nullptr));
    if (!reply || reply->kind == Kind::Hello || reply->id != request.id) continue;
    if (reply->kind == Kind::FileEnd) return content;
    if (reply->kind == Kind::Failed) {
      return system_error(reply->error_number,
                          Message(N_("Could not fetch {path} from the laptop"),
                                  {{"path", printable(file.laptop_path)}}),
                          file.laptop_path);
    }
    if (reply->kind != Kind::File) continue;
    if (content.size() + reply->data.size() > kAgentFileLimit) {
      return system_error(EFBIG, Message(N_("Could not fetch {path} from the laptop"),
                                         {{"path", printable(file.laptop_path)}}));
    }
    content += reply->data;
  }
}

Result<void> AgentClient::fetch(const FetchedFile& file, std::chrono::milliseconds limit) {
  const std::string content = TRY(fetch_content(file, end_of(limit)));
  struct stat found{};
  // A device or a pipe is written to; only a file is replaced.
  if (::stat(file.host_path.c_str(), &found) == 0 && !S_ISREG(found.st_mode)) {
    return write_whole_file(file.host_path, content);
  }
  const std::string partial = format("{}.{}.partial", file.host_path, ::getpid());
  Result<void> written = write_whole_file(partial, content);
  if (written && std::rename(partial.c_str(), file.host_path.c_str()) != 0) {
    written = system_error(errno, Message(N_("Could not write {path}"), {{"path", file.host_path}}),
                           file.host_path);
  }
  if (!written) ::unlink(partial.c_str());
  return written;
}

Result<void> AgentClient::request_power_off() {
  AgentRequest request;
  request.kind = AgentRequest::Kind::PowerOff;
  return send(request, end_of(std::chrono::seconds(5)));
}

}  // namespace cleave
