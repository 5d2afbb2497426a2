// The use case of `cleave qemu list`: asks each QEMU program once, and keeps what it answered where
// the doctor finds it, which starts no process.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "facts/qemu.h"
#include "facts/readers/read_facts.h"
#include "host/host.h"

namespace cleave {

// Where who runs cleave on `host` keeps QEMU's answers: /var/cache/cleave/qemu for root and on
// captured machines, else below $XDG_CACHE_HOME or ~/.cache.
Result<std::string> qemu_answers_directory(const HostReader& host);

// That directory first, then root's. Root looks into nobody else's.
FactPlaces fact_places(const HostReader& host);

// A program that a definition names: looked up in PATH, then among the builds of cleave, or a path.
// NotFound: there is none.
Result<std::string> find_qemu_program(const HostReader& host, const std::string& name);

// The program of the build that a definition names; empty for what is in PATH, and for paths.
std::optional<std::string> program_of_build(const HostReader& host, const std::string& name);

// What that program can do: what is kept, else, on a live host, what it answers now.
Fact<QemuAbilities> qemu_abilities(const HostReader& host, const std::string& path);

// The same of the program that a definition names; unreadable if there is none.
Fact<QemuAbilities> abilities_of_named(const HostReader& host, const std::string& name);

// Asks it and keeps the answers, unless they are known already.
Result<void> learn_qemu_abilities(HostWriter& host, const std::string& path);

struct QemuProblem {
  std::string path;  // of the program
  Error error;
};

struct QemuListing {
  QemuFacts qemu;
  std::vector<QemuProblem> problems;  // what could not be asked, or not be kept
};

struct QemuRequest {
  bool refresh = false;  // ask those, too, whose answers are kept
  std::function<void(const std::string& path)> asking = {};  // before each that is asked
};

// Asks those that are not known yet, never as root, and keeps the answers. On a captured machine
// nothing is asked. Conflict, among the problems: a program that others than root and the caller
// could have put there is not started.
Result<QemuListing> list_qemu(HostWriter& host, const QemuRequest& request);

}  // namespace cleave
