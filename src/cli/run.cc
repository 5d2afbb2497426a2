#include "cli/run.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>

#include "base/text.h"
#include "cli/command.h"
#include "cli/help.h"
#include "cli/parse.h"
#include "cli/render/translate.h"
#include "host/program.h"
#include "host/signals_wait.h"

namespace cleave {
namespace {

constexpr const char* kInstalledLocales = "/usr/share/locale";

// The catalogues of a build tree lie beside its binary; an installed cleave's in the usual place.
std::string locale_directory() {
  if (const Result<std::string> program = own_program()) {
    std::string beside = join_path(directory_name(*program), "locale");
    struct stat found{};
    if (::stat(beside.c_str(), &found) == 0) return beside;
  }
  return kInstalledLocales;
}

void print(std::FILE* stream, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stream);
}

Json to_json(const Error& error) {
  Json json;
  json.set("schema", "cleave.error/1");
  Json detail;
  detail.set("code", error_code_name(error.code));
  detail.set("text", english(error));
  if (!error.path.empty()) detail.set("path", error.path);
  if (error.error_number != 0) detail.set("errno", error.error_number);
  if (!error.remedy.empty()) detail.set("remedy", english(error.remedy));
  json.set("error", std::move(detail));
  return json;
}

int report(const Error& error, ExitStatus status, bool json) {
  std::fflush(stdout);
  if (json) print(stdout, to_text(to_json(error), 2) + "\n");
  print(stderr, translate(error));
  return static_cast<int>(status);
}

// What is still in the buffer can fail to be written (a full disk): that is a failure, too.
int finish(int status) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  const Error error = system_error(errno, Message(N_("Could not write the output")));
  print(stderr, translate(error));
  return static_cast<int>(ExitStatus::Failed);
}

int run_command(const Invocation& invocation) {
  CommandContext context(invocation.arguments, invocation.root, invocation.json);
  const Result<ExitStatus> status = invocation.command->run(context);
  if (!status) return report(status.error(), exit_status_of(status.error()), invocation.json);
  return static_cast<int>(*status);
}

}  // namespace

int run_cleave(const std::vector<std::string>& words) {
  const std::string language = language_option(words);
  choose_language(language, locale_directory());
  if (!language.empty() && language != "en" && language != "ko") {
    Error error;
    error.code = ErrorCode::Malformed;
    error.message = Message(N_("There is no language “{language}”; en and ko are there."),
                            {{"language", printable(language)}});
    return report(error, ExitStatus::BadUsage, false);
  }
  const Result<Invocation> invocation = parse_command_line(words, all_commands());
  if (!invocation) return report(invocation.error(), ExitStatus::BadUsage, false);
  if (invocation->version) {
    print(stdout, "cleave " CLEAVE_VERSION "\n");
    return finish(0);
  }
  if (invocation->help) {
    print(stdout, help_text(invocation->help_topic, all_commands()));
    return finish(0);
  }
  const int status = finish(run_command(*invocation));
  SignalsKept::end_program();
  return status;
}

}  // namespace cleave
