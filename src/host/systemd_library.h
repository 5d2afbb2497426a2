// libsystemd, opened where it is needed: cleave runs without it, too. For host/ alone.
#pragma once

#include <dlfcn.h>

#include <string>

#include "base/format.h"

namespace cleave {

inline constexpr const char* kSystemdLibrary = "libsystemd.so.0";

// Null if it is not here, which `problem` then says. It stays open: nothing of it is let go of.
inline void* open_systemd_library(std::string& problem) {
  void* library = ::dlopen(kSystemdLibrary, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) problem = format("{} is not here", kSystemdLibrary);
  return library;
}

// The function of that name; `problem` says if this version has none.
template <typename Function>
void load_function(void* library, const char* name, Function& function, std::string& problem) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  if (function == nullptr) problem = format("{} has no {}", kSystemdLibrary, name);
}

}  // namespace cleave
