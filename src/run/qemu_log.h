// What QEMU and its companions print: read, so that a full pipe does not stop them, and kept short.
#pragma once

#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace cleave {

class QemuLog {
 public:
  // Begins the file anew; the end of the pipe that the processes get.
  Result<OwnedFd> open(const std::string& runtime_directory);
  [[nodiscard]] int descriptor() const { return reader_.get(); }  // -1 at the end
  // Takes what is there; closes at the end.
  void drain();
  // The end of it, as last_words() of vm_state.h cuts it.
  [[nodiscard]] std::string words() const;

 private:
  void keep(std::string_view bytes);
  void write(std::string_view bytes);

  OwnedFd file_;
  OwnedFd reader_;
  std::string tail_;
};

}  // namespace cleave
