#include "app/installation.h"

#include <unistd.h>

#include <cerrno>

#include "host/program.h"

namespace cleave {
namespace {

constexpr const char* kBuiltGuest = "lab/guest/cleave-demo-guest.elf";
constexpr const char* kInstalledGuest = "/usr/lib/cleave/cleave-demo-guest.elf";

constexpr std::uint32_t kOthersMayWrite = 0022;  // S_IWGRP | S_IWOTH

// A directory that others may write to lets them put another file in this one's place.
bool only_root_writes(const HostReader& host, const std::string& path) {
  const auto status = host.status(path);
  if (!status || status->user != 0 || (status->mode & kOthersMayWrite) != 0) return false;
  return path == "/" || only_root_writes(host, std::string(directory_name(path)));
}

}  // namespace

Result<std::string> program_for_root(HostWriter& host, const std::string& program,
                                     const std::string& state_directory) {
  const std::string real = TRY(host.real_path(program));
  if (only_root_writes(host, real)) return real;
  const std::string directory = join_path(state_directory, "program");
  const std::string copy = join_path(directory, base_name(real));
  TRY(host.create_directories(directory, 0755));
  TRY(host.copy_file(real, copy));
  TRY(host.change_owner(copy, 0, 0));
  return copy;
}

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
