// Errors that did not come from a system call.
#pragma once

#include <utility>

#include "base/result.h"

namespace cleave {

inline Error error_of(ErrorCode code, Message message, Message remedy = {}) {
  Error error;
  error.code = code;
  error.message = std::move(message);
  error.remedy = std::move(remedy);
  return error;
}

}  // namespace cleave
