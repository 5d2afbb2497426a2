// Changes that put lines into cleave's own drop-ins. Pure: texts in, changes out.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "plan/change.h"
#include "plan/preparation.h"

namespace cleave {

// "/etc/modules-load.d/cleave.conf"
const char* path_of(HostFile file);
// Of every kind, for who reads them before a plan is made.
std::vector<std::string> host_file_paths();

// `texts`: the content of those files that exist, by path. Lines that are there already are not
// added again; a file that has all of them is not in the result. One change per file.
std::vector<Change> host_file_changes(const std::vector<HostLine>& lines,
                                      const std::map<std::string, std::string, std::less<>>& texts);

}  // namespace cleave
