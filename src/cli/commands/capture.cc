// cleave capture: keeps what decides about this machine's GPU in a file, for --from and for
// reports of bugs.
#include "app/capture.h"

#include <chrono>
#include <map>

#include "app/capture_list.h"
#include "app/qemu.h"
#include "base/format.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/render/translate.h"

namespace cleave {
namespace {

Json replaced_json(const Capture& capture) {
  Json replaced = Json::object();
  for (const auto& [kind, count] : capture.replaced) replaced.set(kind, count);
  return replaced;
}

Json left_out_json(const Capture& capture) {
  Json left_out = Json::array();
  for (const LeftOut& left : capture.left_out) {
    left_out.push_back(Json::object({{"path", left.path}, {"why", left.why}}));
  }
  return left_out;
}

Json contents_json(const std::vector<BundleFile>& files) {
  Json contents = Json::array();
  for (const BundleFile& file : files) {
    contents.push_back(Json::object({{"name", file.name}, {"size", file.content.size()}}));
  }
  return contents;
}

Json report_json(const Capture& capture, const std::string& file) {
  Json cut = Json::array();
  for (const std::string& path : capture.cut) cut.push_back(path);
  return Json::object({{"schema", "cleave.capture-report/1"},
                       {"file", file},
                       {"root", capture.is_root},
                       {"replaced", replaced_json(capture)},
                       {"left_out", left_out_json(capture)},
                       {"cut", std::move(cut)}});
}

// "/proc/cpuinfo", "/etc/{modules,os-release}".
std::string places_of(const CaptureRow& row) {
  const std::string names = replace_all(row.names, " ", ",");
  if (names.empty()) return row.place;
  const bool several = names.find(',') != std::string::npos;
  return join_path(row.place, several ? "{" + names + "}" : names);
}

// The reasons of the table, each with its places.
std::string list_of_places() {
  std::vector<std::string> order;
  std::map<std::string, std::vector<std::string>> places;
  for (const CaptureRow& row : capture_rows()) {
    std::vector<std::string>& of_reason = places[row.why];
    if (of_reason.empty()) order.emplace_back(row.why);
    of_reason.push_back(places_of(row));
  }
  std::string text;
  for (const std::string& why : order) {
    text += translate(Message(why.c_str())) + "\n";
    text += wrap("    " + join(places[why], " "), terminal_width(), 4) + "\n";
  }
  return text;
}

void say_what_was_replaced(const CommandContext& context, const Capture& capture) {
  std::vector<std::string> kinds;
  for (const auto& [kind, count] : capture.replaced) kinds.push_back(format("{} {}", count, kind));
  if (kinds.empty()) {
    context.say({N_("Nothing private was found in it.")});
    return;
  }
  context.say({N_("Private values were replaced, each by the same stand-in everywhere: {kinds}."),
               {{"kinds", join(kinds, ", ")}}});
}

void say_what_is_missing(const CommandContext& context, const Capture& capture,
                         const std::string& file) {
  if (!capture.cut.empty()) {
    context.say({N_("Too large and therefore cut: {paths}"), {{"paths", join(capture.cut, ", ")}}});
  }
  if (capture.left_out.empty()) return;
  const std::size_t count = capture.left_out.size();
  const std::string& first = capture.left_out.front().path;
  if (capture.is_root) {
    context.say({N_("Places that even root may not read: {count}, the first is {path}."),
                 {{"count", count}, {"path", first}}});
    return;
  }
  context.say({N_("Places that only root may read: {count}, the first is {path}. With them: sudo "
                  "cleave capture {file}"),
               {{"count", count}, {"path", first}, {"file", file}}});
}

Result<ExitStatus> show(CommandContext& context, const Capture& capture, const std::string& file) {
  const std::vector<BundleFile> files = bundle_files(capture);
  std::size_t bytes = 0;
  for (const BundleFile& each : files) bytes += each.content.size();
  Json report = report_json(capture, file);
  report.set("dry_run", true);
  report.set("contents", contents_json(files));
  context.print_json(report);
  context.say_text(list_of_places());
  context.say({N_("These would be {count} files of {bytes} bytes, not yet compressed; “cleave "
                  "capture {file} --dry-run --json” lists them all. Nothing was written."),
               {{"count", files.size()}, {"bytes", bytes}, {"file", file}}});
  say_what_was_replaced(context, capture);
  say_what_is_missing(context, capture, file);
  return ExitStatus::Done;
}

Result<ExitStatus> run_capture(CommandContext& context) {
  const std::string file = context.arguments().get("FILE").value_or("");
  const HostWriter* host = TRY(context.host());
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(host->now().time_since_epoch());
  const Capture capture = capture_machine(
      *host, CLEAVE_VERSION, static_cast<std::uint64_t>(now.count()), fact_places(*host));
  if (context.arguments().has("--dry-run")) return show(context, capture, file);
  const WrittenCapture written =
      TRY(write_capture(capture, file, context.arguments().has("--force")));
  Json report = report_json(capture, file);
  report.set("dry_run", false);
  report.set("files", written.files);
  report.set("bytes", written.bytes);
  context.print_json(report);
  context.say({N_("This machine is captured in {file}: {count} files, {bytes} bytes on disk."),
               {{"file", file}, {"count", written.files}, {"bytes", written.bytes}}});
  say_what_was_replaced(context, capture);
  say_what_is_missing(context, capture, file);
  context.say(
      {N_("To look at it, here or elsewhere: cleave doctor --from {file}"), {{"file", file}}});
  return ExitStatus::Done;
}

}  // namespace

const Command kCaptureCommand = {
    .name = "capture",
    .summary = N_("Keeps what decides about this machine's GPU in a file, private data left out"),
    .options = {{.name = "--force",
                 .value = nullptr,
                 .help = N_("replace the file, or the captured directory, if it is there")},
                {.name = "--dry-run",
                 .value = nullptr,
                 .help = N_("show what would be captured and why, and write nothing")}},
    .positionals = {{.name = "FILE",
                     .help = N_("the file to write, NAME.tar.zst, or a directory with “/” behind "
                                "its name")}},
    .run = run_capture,
};

}  // namespace cleave
