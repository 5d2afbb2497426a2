#include <cstdio>

#include "cli/command.h"
#include "cli/render/translate.h"
#include "host/file_host.h"

namespace cleave {
namespace {

void print_line(std::FILE* stream, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stream);
  std::fputc('\n', stream);
}

}  // namespace

CommandContext::CommandContext(Arguments arguments, std::string root, bool json)
    : arguments_(std::move(arguments)), root_(std::move(root)), json_(json) {}

Result<HostWriter*> CommandContext::host() {
  if (host_ == nullptr) host_ = TRY(open_file_host(root_));
  return host_.get();
}

void CommandContext::say(const Message& message) const { say_text(translate(message)); }

void CommandContext::say_text(std::string_view text) const {
  if (!json_) print_line(stdout, text);
}

void CommandContext::print_json(const Json& json) const {
  if (json_) print_line(stdout, to_text(json, 2));
}

void CommandContext::warn(const Message& message) const {
  std::fflush(stdout);
  print_line(stderr, "cleave: " + translate(message));
}

ExitStatus exit_status_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::Denied:
      return ExitStatus::NeedsRoot;
    default:
      return ExitStatus::Failed;
  }
}

}  // namespace cleave
