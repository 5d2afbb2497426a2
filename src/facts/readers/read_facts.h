// Reads everything that the diagnosis needs; starts no process, changes nothing.
#pragma once

#include "facts/facts.h"
#include "host/host.h"

namespace cleave {

Facts read_facts(const HostReader& host);

}  // namespace cleave
