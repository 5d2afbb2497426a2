// What `cleave capture` keeps beside what the diagnosis reads: one table, each row with its reason.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/host.h"

namespace cleave {

struct CaptureRow {
  // A path; "*" stands for any part of one name, "{release}" for the running kernel's release.
  const char* place;
  // Names in that directory, separated by blanks; "" for the place itself, "*" as above.
  const char* names;
  const char* why;  // N_
};

std::span<const CaptureRow> capture_rows();

// Asks `host` for everything that the rows name: the content of files, the names in directories,
// the targets of links, the access to device nodes. What is not there or not readable is asked
// for, too. Of PCI configuration spaces only those that matter: see capture_list.cc.
void read_capture_rows(const HostReader& host);

// "a*c" matches "abc"; any number of stars. Linear in the name for each star.
bool matches(std::string_view name, std::string_view pattern);

}  // namespace cleave
