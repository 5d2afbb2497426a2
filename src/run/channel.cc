#include "run/channel.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace cleave {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMaximumLine = size_t{1} << 20U;

Error gone(int error_number = ECONNRESET) {
  return system_error(error_number, Message(N_("The process on the other side has ended")));
}

// Room for the header and the descriptors of one message (cmsg(3)).
using Control = std::array<char, CMSG_SPACE(sizeof(int) * JsonChannel::kMaximumDescriptors)>;

// One sendmsg(2); the descriptors go with the first byte.
ssize_t send_some(int socket, std::string_view bytes, const std::vector<int>& descriptors) {
  iovec data{.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
  alignas(cmsghdr) Control control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    const std::size_t size = descriptors.size() * sizeof(int);
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(size);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(header), descriptors.data(), size);
  }
  return ::sendmsg(socket, &message, MSG_NOSIGNAL);
}

// One recvmsg(2); descriptors that come are added to `received`.
ssize_t receive_some(int socket, char* bytes, std::size_t size, std::vector<OwnedFd>& received) {
  iovec data{.iov_base = bytes, .iov_len = size};
  alignas(cmsghdr) Control control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t count = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  if (count <= 0) return count;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    std::vector<int> descriptors((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    std::memcpy(descriptors.data(), CMSG_DATA(header), descriptors.size() * sizeof(int));
    for (const int descriptor : descriptors) received.emplace_back(descriptor);
  }
  return count;
}

}  // namespace

Result<std::pair<JsonChannel, JsonChannel>> JsonChannel::make() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return gone(errno);
  return std::pair(JsonChannel(OwnedFd(ends[0])), JsonChannel(OwnedFd(ends[1])));
}

Result<void> JsonChannel::send(const Json& value, const std::vector<int>& descriptors) {
  if (descriptors.size() > kMaximumDescriptors) return gone(EMSGSIZE);
  const std::string text = to_text(value) + "\n";
  std::string_view bytes = text;
  std::vector<int> going = descriptors;
  while (!bytes.empty()) {
    const ssize_t sent = send_some(socket_.get(), bytes, going);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return gone(errno == EPIPE ? ECONNRESET : errno);
    going.clear();
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return {};
}

Result<std::optional<Json>> JsonChannel::receive(std::chrono::milliseconds limit) {
  const auto end = Clock::now() + std::min<std::chrono::milliseconds>(limit, std::chrono::years(1));
  while (true) {
    if (const size_t line_end = buffer_.find('\n'); line_end != std::string::npos) {
      Json value = TRY(parse_json(std::string_view(buffer_).substr(0, line_end)));
      buffer_.erase(0, line_end + 1);
      return std::optional<Json>(std::move(value));
    }
    if (buffer_.size() > kMaximumLine) return gone(EMSGSIZE);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    pollfd waiting{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    const int count =
        ::poll(&waiting, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, 1'000'000)));
    if (count == 0 && left <= 0) return std::optional<Json>();
    if (count <= 0) continue;
    std::array<char, 16384> bytes{};
    const ssize_t received = receive_some(socket_.get(), bytes.data(), bytes.size(), received_);
    if (received == 0) return gone();
    if (received < 0 && errno != EINTR) return gone(errno);
    if (received > 0) buffer_.append(bytes.data(), static_cast<size_t>(received));
  }
}

Json to_json(const Message& message) {
  Json fields = Json::array();
  for (const Field& field : message.fields) {
    fields.push_back(Json::array({field.name, field.value}));
  }
  return Json::object({{"text", message.text}, {"fields", std::move(fields)}});
}

Message message_from_json(const Json& json) {
  Message message;
  message.text = json.text_of("text");
  const Json* fields = json.find("fields");
  const Json::Array* pairs = fields != nullptr ? fields->as_array() : nullptr;
  if (pairs == nullptr) return message;
  for (const Json& entry : *pairs) {
    const Json::Array* pair = entry.as_array();
    if (pair == nullptr || pair->size() != 2) continue;
    const std::string* name = (*pair)[0].as_string();
    const std::string* value = (*pair)[1].as_string();
    if (name != nullptr && value != nullptr) message.fields.emplace_back(*name, *value);
  }
  return message;
}

Json to_json(const Error& error) {
  Json context = Json::array();
  for (const Message& doing : error.context) context.push_back(to_json(doing));
  return Json::object({{"code", static_cast<unsigned>(error.code)},
                       {"message", to_json(error.message)},
                       {"context", std::move(context)},
                       {"path", error.path},
                       {"errno", error.error_number},
                       {"remedy", to_json(error.remedy)}});
}

Error error_from_json(const Json& json) {
  Error error;
  const auto number = [&json](std::string_view key) {
    const Json* member = json.find(key);
    return member != nullptr ? member->as_integer().value_or(0) : 0;
  };
  const auto last = static_cast<std::int64_t>(ErrorCode::Internal);
  error.code = static_cast<ErrorCode>(std::clamp<std::int64_t>(number("code"), 0, last));
  if (const Json* message = json.find("message")) error.message = message_from_json(*message);
  if (const Json* remedy = json.find("remedy")) error.remedy = message_from_json(*remedy);
  error.path = json.text_of("path");
  error.error_number = static_cast<int>(std::clamp<std::int64_t>(number("errno"), 0, 4095));
  const Json* context = json.find("context");
  if (context != nullptr && context->as_array() != nullptr) {
    for (const Json& doing : *context->as_array()) {
      error.context.push_back(message_from_json(doing));
    }
  }
  return error;
}

}  // namespace cleave
