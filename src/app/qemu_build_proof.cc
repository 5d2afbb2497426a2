#include "app/qemu_build_proof.h"

#include <optional>

#include "app/installation.h"
#include "app/qemu.h"
#include "app/qemu_build_source.h"
#include "base/format.h"
#include "base/text.h"
#include "lab/cache.h"

namespace cleave {
namespace {

// The guest draws within two seconds under emulation, where the machine is not busy.
constexpr std::chrono::seconds kGuestLimit{120};
constexpr std::uint64_t kFramesWanted = 10;
constexpr std::size_t kGuestFileLimit = std::size_t{8} << 20U;  // it has 34 KB

// Where the builder can read it: cleave may have been built in a home that is closed to him.
Result<std::string> readable_guest(const std::string& scratch, const BuildTools& tools) {
  const std::string file = TRY(demo_guest_file());
  const std::string guest = TRY(read_whole_file(file, kGuestFileLimit));
  std::string copy = join_path(scratch, "demo-guest.elf");
  const ActingAs acting = TRY(as_builder(tools));
  TRY(make_directories(scratch));
  TRY(write_whole_file(copy, guest));
  return copy;
}

// Emulated, so that it is the same with and without KVM; the picture is drawn on QEMU's own card.
std::vector<std::string> boot_arguments(const std::string& program, const std::string& guest) {
  return {program,
          "-nodefaults",
          "-no-user-config",
          "-machine",
          "q35,accel=tcg",
          "-cpu",
          "qemu64",
          "-m",
          "128",
          "-vga",
          "std",
          "-display",
          "none",
          "-kernel",
          guest,
          "-chardev",
          "stdio,id=serial,signal=off",
          "-serial",
          "chardev:serial",
          "-no-reboot"};
}

Result<GuestReport> boot_demo_guest(const std::string& program, const std::string& scratch,
                                    BuildTools& tools) {
  const std::string guest = TRY(readable_guest(scratch, tools));
  std::optional<GuestReport> seen;
  TRY(tools
          .run({.argv = boot_arguments(program, guest),
                .directory = scratch,
                .on_line =
                    [&seen](std::string_view line) {
                      const auto report = parse_guest_report(line);
                      if (report) seen = report;
                      return report && (report->frames >= kFramesWanted || !report->error.empty());
                    },
                .limit = kGuestLimit})
          .context({N_("Booting the demo guest on the QEMU that was built")}));
  if (seen && seen->error.empty() && seen->frames >= kFramesWanted) return *seen;
  return error_of(ErrorCode::Conflict,
                  {N_("The demo guest did not draw on the QEMU that was built: {why}"),
                   {{"why", seen ? seen->error : std::string("QEMU ended")}}});
}

}  // namespace

Result<BuildProof> prove_build(HostWriter& host, const std::string& program,
                               const ChosenOptions& options, const Version& version,
                               const std::string& scratch, BuildTools& tools) {
  TRY(learn_qemu_abilities(host, program));
  const Fact<QemuAbilities> fact = qemu_abilities(host, program);
  const QemuAbilities* abilities = fact.value();
  if (abilities == nullptr) {
    const Unreadable* why = fact.unreadable();
    return error_of(ErrorCode::Conflict,
                    {N_("The QEMU that was built does not say what it can do: {why}"),
                     {{"why", why == nullptr ? std::string("no answer") : why->why}}});
  }
  if (abilities->version != version) {
    return error_of(ErrorCode::Conflict,
                    {N_("The QEMU that was built says that it is {found}; its source is {wanted}."),
                     {{"found", to_text(abilities->version)}, {"wanted", to_text(version)}}});
  }
  const std::vector<std::string> missing = options_not_shown(options, *abilities);
  if (!missing.empty()) {
    return error_of(
        ErrorCode::Conflict,
        {N_("The QEMU that was built lacks what it was built with: {options}"),
         {{"options", join(missing, ", ")}}},
        {N_("The log of its configure tells why: {path}"), {{"path", tools.log_path()}}});
  }
  BuildProof proof;
  proof.abilities = *abilities;
  proof.guest = TRY(boot_demo_guest(program, scratch, tools));
  return proof;
}

}  // namespace cleave
