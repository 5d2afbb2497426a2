// cleave kernel-check: what the hooks of package managers start. It warns and never fails.
#include "app/kernel_check.h"

#include <string>

#include "app/owner.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/login_message.h"
#include "cli/input.h"
#include "cli/render/translate.h"

namespace cleave {
namespace {

constexpr std::size_t kMostInput = std::size_t{1} << 20U;

// pacman's paths, "usr/lib/modules/6.18.4-arch1-1/vmlinuz", as releases.
std::vector<std::string> releases_of(std::string_view paths) {
  std::vector<std::string> releases;
  for (const std::string_view path : lines(paths)) {
    releases.emplace_back(base_name(directory_name(path)));
  }
  return releases;
}

std::string text_of(const KernelCheck& check) {
  std::string text = translate({N_("cleave: with Linux {release} the GPU will not be shared as it "
                                   "is now:"),
                                {{"release", check.release}}}) +
                     "\n";
  for (const Message& warning : check.warnings) text += "  " + translate(warning) + "\n";
  return text;
}

Result<ExitStatus> run(CommandContext& context) {
  HostWriter* host = TRY(context.host());
  const Transactions transactions(*host, TRY(state_directory(*host)));
  const std::string wanted = context.arguments().get("RELEASE").value_or("");
  std::vector<std::string> releases = {wanted};
  if (wanted == "-") {
    const std::string paths = TRY(read_input("-", kMostInput, std::chrono::seconds(10)));
    releases = releases_of(paths);
  }
  Json all = Json::array();
  std::string text;
  for (const std::string& release : releases) {
    const KernelCheck check = TRY(check_kernel(*host, transactions, release));
    if (!check.warnings.empty()) text += text_of(check);
    Json warnings = Json::array();
    for (const Message& warning : check.warnings) warnings.push_back(english(warning));
    all.push_back(Json::object({{"release", release}, {"warnings", std::move(warnings)}}));
  }
  context.print_json(Json::object({{"schema", "cleave.kernel-check/1"}, {"kernels", all}}));
  if (text.empty()) return ExitStatus::Done;
  context.say_text(trim(text));
  // For who was not there when the kernel came. It is told already; this may fail.
  (void)tell_at_login(*host, "cleave-kernel", text);
  return ExitStatus::NotReady;
}

}  // namespace

const Command kKernelCheckCommand = {
    .name = "kernel-check",
    .summary = N_("Tell whether an installed kernel can share the GPU as it is set up"),
    .options = {},
    .positionals = {{"RELEASE", N_("the kernel's release; “-”: read paths of kernels from standard "
                                   "input")}},
    .run = run,
    .hidden = true,
};

}  // namespace cleave
