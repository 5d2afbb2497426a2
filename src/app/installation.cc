#include "app/installation.h"

#include <unistd.h>

#include <cerrno>

#include "host/host.h"
#include "host/program.h"

namespace cleave {
namespace {

constexpr const char* kBuiltGuest = "lab/guest/cleave-demo-guest.elf";
constexpr const char* kInstalledGuest = "/usr/lib/cleave/cleave-demo-guest.elf";

}  // namespace

Result<std::string> demo_guest_file() {
  const std::string program = TRY(own_program());
  const std::string built = join_path(directory_name(program), kBuiltGuest);
  for (const std::string& file : {built, std::string(kInstalledGuest)}) {
    if (::access(file.c_str(), R_OK) == 0) return file;
  }
  Error error = system_error(ENOENT, {N_("The demo guest is not there")}, built);
  error.remedy = {N_("Build cleave again; the demo guest is built with it.")};
  return error;
}

}  // namespace cleave
