#include "app/qemu.h"

#include <algorithm>
#include <cstdlib>

#include "app/owner.h"
#include "app/qemu_builds.h"
#include "app/qemu_probe.h"
#include "app/vm_place.h"
#include "base/text.h"
#include "facts/readers/readers.h"

namespace cleave {
namespace {

constexpr const char* kBelowCache = "cleave/qemu";

std::string variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing sets it
  return value == nullptr ? std::string() : std::string(value);
}

bool is_roots(const HostReader& host) { return host.user_id() == 0 || !host.is_live(); }

// As whom QEMU is asked: never as root, who it may be asked for.
Result<std::optional<Credentials>> credentials_for(const HostReader& host) {
  if (host.user_id() != 0) return std::optional<Credentials>();
  return std::optional(credentials_of(TRY(vm_owner(this_caller()))));
}

// Starting a program is trusting it.
Result<void> check_owner(const HostReader& host, const QemuProgram& program) {
  constexpr std::uint32_t kWritableByOthers = 0002;
  const FileStatus status = TRY(host.status(program.identity.path));
  // Under sudo it is asked as the person who called it, whose own builds are trusted so far.
  const auto lent = TRY(credentials_for(host));
  const bool own = lent && this_caller().sudo_uid && status.user == lent->user;
  const bool owned = status.user == 0 || status.user == host.user_id() || own;
  if (owned && (status.mode & kWritableByOthers) == 0) return {};
  return error_of(ErrorCode::Conflict,
                  {N_("{path} could have been put there by somebody else: it is not started."),
                   {{"path", program.path}}},
                  {N_("Let it belong to root, or to you, and be writable by nobody else.")});
}

Result<void> keep(HostWriter& host, const std::string& directory, const QemuProgram& program,
                  const QemuAbilities& abilities) {
  const bool for_all = host.user_id() == 0;
  TRY(host.create_directories(directory, for_all ? 0755 : 0700));
  return host.replace_file(join_path(directory, qemu_file_name(program.identity)),
                           qemu_file(program.identity, abilities), for_all ? 0644 : 0600);
}

bool is_program(const HostReader& host, const std::string& path) {
  const Result<std::string> real = host.real_path(path);
  if (!real) return false;
  const Result<FileStatus> status = host.status(*real);
  return status && status->kind == FileKind::Regular && (status->mode & 0111U) != 0;
}

// Empty if it is in no directory of PATH.
std::string program_in_path(const HostReader& host, const std::string& name) {
  const std::string path = variable("PATH");
  for (const std::string_view directory :
       split(path.empty() ? "/usr/local/bin:/usr/bin:/bin" : std::string_view(path), ':')) {
    std::string program = join_path(directory, name);
    if (!directory.empty() && is_program(host, program)) return program;
  }
  return {};
}

Result<QemuAbilities> ask_program(const HostReader& host, const QemuProgram& program) {
  TRY(check_owner(host, program));
  return ask_qemu(program.identity.path, TRY(credentials_for(host)));
}

}  // namespace

std::optional<std::string> program_of_build(const HostReader& host, const std::string& name) {
  if (name.find('/') != std::string::npos || !program_in_path(host, name).empty()) return {};
  const auto build = find_build(host, name);
  return build ? std::optional(build->program()) : std::nullopt;
}

Result<std::string> find_qemu_program(const HostReader& host, const std::string& name) {
  if (name.find('/') != std::string::npos) {
    if (is_program(host, name)) return name;
  } else {
    std::string program = program_in_path(host, name);
    if (!program.empty()) return program;
    if (auto built = program_of_build(host, name)) return *built;
  }
  return error_of(
      ErrorCode::NotFound, {N_("QEMU is not there: {program}"), {{"program", name}}},
      {N_("Install it (package qemu-system-x86 on Debian and Ubuntu), or name in the definition "
          "one "
          "that `cleave qemu list` shows: qemu = \"/path/to/qemu-system-x86_64\", or the name of a "
          "build.")});
}

Fact<QemuAbilities> qemu_abilities(const HostReader& host, const std::string& path) {
  const auto program = read_qemu_program(host, path, fact_places(host).qemu_answers);
  if (!program) return Unreadable{.path = path, .why = "no such program"};
  if (program->abilities.is_known() || !host.is_live()) return program->abilities;
  auto abilities = ask_program(host, *program);
  if (!abilities) return Unreadable{.path = path, .why = english(abilities.error().message)};
  return {std::move(*abilities), path};
}

Fact<QemuAbilities> abilities_of_named(const HostReader& host, const std::string& name) {
  const Result<std::string> program = find_qemu_program(host, name);
  if (!program) return Unreadable{.path = name, .why = "no such program"};
  return qemu_abilities(host, *program);
}

Result<void> learn_qemu_abilities(HostWriter& host, const std::string& path) {
  const auto program = read_qemu_program(host, path, fact_places(host).qemu_answers);
  if (!program || program->abilities.is_known() || !host.is_live()) return {};
  const QemuAbilities abilities = TRY(ask_program(host, *program));
  return keep(host, TRY(qemu_answers_directory(host)), *program, abilities);
}

Result<std::string> qemu_answers_directory(const HostReader& host) {
  if (is_roots(host)) return std::string(kSystemQemuAnswers);
  // Only absolute paths count (XDG Base Directory Specification 0.8).
  const std::string cache = variable("XDG_CACHE_HOME");
  if (cache.starts_with('/')) return join_path(cache, kBelowCache);
  std::string home = variable("HOME");
  // The user database is asked only where it must be: it may be far away.
  if (!home.starts_with('/')) home = TRY(vm_owner(this_caller())).home;
  return join_path(join_path(home, ".cache"), kBelowCache);
}

FactPlaces fact_places(const HostReader& host) {
  FactPlaces places;
  const auto own = qemu_answers_directory(host);
  if (own && *own != kSystemQemuAnswers) {
    places.qemu_answers.insert(places.qemu_answers.begin(), *own);
  }
  places.qemu_builds = build_directories(host);
  return places;
}

Result<QemuListing> list_qemu(HostWriter& host, const QemuRequest& request) {
  QemuListing listing;
  const FactPlaces places = fact_places(host);
  listing.qemu = read_qemu(host, places.qemu_answers, places.qemu_builds);
  const auto* known = listing.qemu.programs.value();
  if (known == nullptr || !host.is_live()) return listing;
  const auto credentials = TRY(credentials_for(host));
  const std::string directory = TRY(qemu_answers_directory(host));
  std::vector<QemuProgram> programs = *known;
  for (QemuProgram& program : programs) {
    if (program.abilities.is_known() && !request.refresh) continue;
    const auto refused = [&](Error error) {
      listing.problems.push_back({.path = program.path, .error = std::move(error)});
    };
    if (auto trusted = check_owner(host, program); !trusted) {
      refused(std::move(trusted).error());
      continue;
    }
    if (request.asking) request.asking(program.path);
    auto abilities = ask_qemu(program.identity.path, credentials);
    if (!abilities) {
      refused(std::move(abilities).error());
      continue;
    }
    if (auto kept = keep(host, directory, program, *abilities); !kept) {
      refused(std::move(kept).error());
    }
    program.abilities = {std::move(*abilities), program.path};
  }
  listing.qemu.programs = {std::move(programs), listing.qemu.programs.source()};
  return listing;
}

}  // namespace cleave
