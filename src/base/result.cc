#include "base/result.h"

#include <cerrno>
#include <cstring>

#include "base/format.h"

namespace cleave {

const char* error_code_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::NotFound:
      return "not-found";
    case ErrorCode::Denied:
      return "denied";
    case ErrorCode::Malformed:
      return "malformed";
    case ErrorCode::Unsupported:
      return "unsupported";
    case ErrorCode::Conflict:
      return "conflict";
    case ErrorCode::Busy:
      return "busy";
    case ErrorCode::Interrupted:
      return "interrupted";
    case ErrorCode::Io:
      return "io";
    case ErrorCode::Internal:
      return "internal";
  }
  return "internal";
}

ErrorCode error_code_from_errno(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
    case ENXIO:
    case ENODEV:
      return ErrorCode::NotFound;
    case EACCES:
    case EPERM:
      return ErrorCode::Denied;
    case EBUSY:
    case EAGAIN:
    case ETXTBSY:
      return ErrorCode::Busy;
    case EEXIST:
    case ENOTEMPTY:
      return ErrorCode::Conflict;
    case EINTR:
    case ECANCELED:
      return ErrorCode::Interrupted;
    case EINVAL:
    case ENAMETOOLONG:
    case ELOOP:
      return ErrorCode::Malformed;
    case ENOSYS:
    case EOPNOTSUPP:
      return ErrorCode::Unsupported;
    default:
      return ErrorCode::Io;
  }
}

Error error_of(ErrorCode code, Message message, Message remedy) {
  Error error;
  error.code = code;
  error.message = std::move(message);
  error.remedy = std::move(remedy);
  return error;
}

Error system_error(int error_number, Message message, std::string path) {
  Error error;
  error.code = error_code_from_errno(error_number);
  error.message = std::move(message);
  error.path = std::move(path);
  error.error_number = error_number;
  return error;
}

std::string errno_text(int error_number) {
  // strerrordesc_np is thread-safe and does not depend on the locale (glibc 2.32).
  const char* text = ::strerrordesc_np(error_number);
  return text != nullptr ? text : format("error {}", error_number);
}

std::string english(const Error& error) {
  std::string line;
  for (auto doing = error.context.rbegin(); doing != error.context.rend(); ++doing) {
    line += english(*doing) + ": ";
  }
  line += english(error.message);
  if (error.error_number != 0) line += format(" ({})", errno_text(error.error_number));
  if (!error.path.empty() && line.find(error.path) == std::string::npos) {
    line += format(" [{}]", error.path);
  }
  return line;
}

}  // namespace cleave
