// Result<T>: a value or an Error, never an exception across a module.
//
// An Error carries a closed code (which decides the exit status), the sentence of what failed, the
// sentences of what was being done around it (outermost last), and, where the system answered, the
// path and errno. It is printed once, at the top, by cli/render; library code never prints.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/message.h"

namespace cleave {

enum class ErrorCode : std::uint8_t {
  NotFound,
  Denied,
  Malformed,
  Unsupported,
  Conflict,
  Busy,
  Interrupted,
  Io,
  Internal,
};

struct Error {
  ErrorCode code = ErrorCode::Internal;
  Message message;               // what failed
  std::vector<Message> context;  // what was being done, innermost first
  std::string path;              // the file or attribute concerned, if one was
  int error_number = 0;          // errno as the system answered, 0 if it was not asked
  Message remedy;                // what to do next; empty where nobody can say
};

// The name used in JSON output: "not-found", "denied", …
const char* error_code_name(ErrorCode code);

// What errno `error_number` means for the caller: ENOENT → NotFound, EACCES → Denied, …
ErrorCode error_code_from_errno(int error_number);

// An error made from errno: the code follows from it, the path is kept beside the message.
Error system_error(int error_number, Message message, std::string path = {});

// An error that did not come from a system call.
Error error_of(ErrorCode code, Message message, Message remedy = {});

// "No such file or directory", thread-safe, in English.
std::string errno_text(int error_number);

// One line of English with the whole chain, for logs and tests.
std::string english(const Error& error);

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}
  Result(Error error) : state_(std::unexpected(std::move(error))) {}

  [[nodiscard]] bool has_value() const { return state_.has_value(); }
  explicit operator bool() const { return state_.has_value(); }

  [[nodiscard]] T& value() & { return *state_; }
  [[nodiscard]] const T& value() const& { return *state_; }
  [[nodiscard]] T&& value() && { return *std::move(state_); }
  [[nodiscard]] T value_or(T fallback) && {
    return std::move(state_).value_or(std::move(fallback));
  }

  T& operator*() & { return *state_; }
  const T& operator*() const& { return *state_; }
  T&& operator*() && { return *std::move(state_); }
  T* operator->() { return &*state_; }
  const T* operator->() const { return &*state_; }

  [[nodiscard]] Error& error() & { return state_.error(); }
  [[nodiscard]] const Error& error() const& { return state_.error(); }
  [[nodiscard]] Error&& error() && { return std::move(state_).error(); }

  // Adds what was being done when the error happened.
  Result context(Message doing) && {
    if (!state_) state_.error().context.push_back(std::move(doing));
    return std::move(*this);
  }

 private:
  std::expected<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  [[nodiscard]] bool has_value() const { return !error_.has_value(); }
  explicit operator bool() const { return !error_.has_value(); }
  void value() const {}

  [[nodiscard]] Error& error() & { return *error_; }
  [[nodiscard]] const Error& error() const& { return *error_; }
  [[nodiscard]] Error&& error() && { return *std::move(error_); }

  Result context(Message doing) && {
    if (error_) error_->context.push_back(std::move(doing));
    return std::move(*this);
  }

 private:
  std::optional<Error> error_;
};

}  // namespace cleave

// `auto text = TRY(host.read_file(path));` hands an error on to the caller.
#define TRY(...)                                                         \
  __extension__({                                                        \
    auto cleave_try_result = (__VA_ARGS__);                              \
    if (!cleave_try_result) return std::move(cleave_try_result).error(); \
    std::move(cleave_try_result).value();                                \
  })
