// What the rules about virtual machines share: one question asked of every VM that uses the GPU.
#pragma once

#include <string>

#include "analysis/guest_use.h"
#include "analysis/rule.h"

namespace cleave {

// The answer for one device of one VM.
struct GuestAnswer {
  OutcomeKind kind = OutcomeKind::NotApplicable;
  std::string text;    // what was seen: becomes evidence behind the VM's name
  std::string source;  // empty: where the VM's settings come from
};

// Fails where one VM does, then is unknown where one is; the evidence is that of those alone.
// Gives the field {vm}: their names.
Outcome ask_guests(const Subject& subject,
                   GuestAnswer (*ask)(const Subject& subject, const GuestUse& use));

GuestAnswer good(std::string text);
GuestAnswer bad(std::string text);
// Something is not given. Where not all settings could be read, nobody can say so.
GuestAnswer not_given(const GuestUse& use, std::string text);
GuestAnswer not_known(std::string text, std::string source = {});

// A vGPU of GVT-g: the only kind that Intel's GPUs have.
bool is_gvt_g(const Subject& subject, const GuestUse& use);
// The vGPU's picture is shown by QEMU.
bool is_shown(const GuestUse& use);

}  // namespace cleave
