// What rules ask of the machine's QEMU programs: any of them that can is enough, and the evidence
// names it, since a VM's definition may name its program.
#pragma once

#include "analysis/rule.h"

namespace cleave {

// Pass if `can` holds for a program, with those; fail if all are known and none can; unknown if
// some are not known and no other can; not applicable without a program (qemu.present tells).
// `say` gives the evidence's text.
struct QemuQuestion {
  bool (*can)(const QemuAbilities&, const Subject&);
  std::string (*say)(const QemuAbilities&, const Subject&);
};
Outcome ask_programs(const Subject& subject, const QemuQuestion& question);

// "QEMU 7.2.22".
std::string qemu_name(const QemuAbilities& abilities);

// Other parts that decide beside QEMU: the worst of them counts, all evidence is kept.
Outcome worst_of(const std::vector<Outcome>& outcomes);

// The package's version is at least that; unknown where it is not told or not understood.
Outcome at_least(const Fact<std::string>& package, const char* name, const Version& wanted);

// The kernel that is running is at least that.
Outcome kernel_at_least(const Fact<std::string>& release, std::uint32_t major, std::uint32_t minor);

}  // namespace cleave
