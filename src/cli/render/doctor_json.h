// A diagnosis as JSON, schema cleave.doctor/1: ids, arguments and evidence, the same in every
// language.
#pragma once

#include "base/json.h"
#include "ways/way.h"

namespace cleave {

Json doctor_json(const Diagnosis& diagnosis);

}  // namespace cleave
