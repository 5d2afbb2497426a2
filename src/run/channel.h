// JSON values, one a line, between two of cleave's own processes; errors travel whole.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/json.h"
#include "base/result.h"

namespace cleave {

class JsonChannel {
 public:
  JsonChannel() = default;
  explicit JsonChannel(OwnedFd socket) : socket_(std::move(socket)) {}
  // Two ends that are connected with each other.
  static Result<std::pair<JsonChannel, JsonChannel>> make();

  // With it go open files (SCM_RIGHTS, unix(7)), at most kMaximumDescriptors; they stay open here.
  static constexpr std::size_t kMaximumDescriptors = 64;
  Result<void> send(const Json& value, const std::vector<int>& descriptors = {});
  // Empty when the limit has passed; an error (ECONNRESET) when the other side is gone.
  Result<std::optional<Json>> receive(std::chrono::milliseconds limit);
  // The open files that came with what was received.
  [[nodiscard]] std::vector<OwnedFd> take_descriptors() { return std::exchange(received_, {}); }
  [[nodiscard]] int descriptor() const { return socket_.get(); }
  [[nodiscard]] bool is_open() const { return socket_.is_open(); }
  void replace_descriptor(OwnedFd socket) { socket_ = std::move(socket); }
  void close() { socket_.reset(); }

 private:
  OwnedFd socket_;
  std::string buffer_;  // at most 1 MiB
  std::vector<OwnedFd> received_;
};

Json to_json(const Message& message);
Message message_from_json(const Json& json);
Json to_json(const Error& error);
Error error_from_json(const Json& json);

}  // namespace cleave
