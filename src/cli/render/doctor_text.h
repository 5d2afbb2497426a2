// A diagnosis for people: verdicts first, then what decides them, then advice.
#pragma once

#include <string>

#include "ways/way.h"

namespace cleave {

struct DoctorStyle {
  std::size_t width = 80;  // columns
  bool colour = false;
};

std::string doctor_text(const Diagnosis& diagnosis, const DoctorStyle& style);

}  // namespace cleave
