// GRUB whose menu is written by grub-mkconfig from /etc/default/grub: with drop-ins beside it
// (Debian, Ubuntu and their kin) or without (Arch, openSUSE).
//
// The words go into GRUB_CMDLINE_LINUX_DEFAULT, which recovery entries do not get (10_linux of
// GRUB). The menu is generated beside the real one and put in its place at once: grub-mkconfig
// itself copies with cat, and a power cut in between would leave half a menu.
#include <array>

#include "base/format.h"
#include "base/text.h"
#include "facts/grub_defaults.h"
#include "plan/boot/loader.h"
#include "plan/boot/loaders.h"
#include "plan/boot/trial.h"
#include "plan/own_part.h"

namespace cleave {
namespace {

constexpr const char* kVariable = "GRUB_CMDLINE_LINUX_DEFAULT";
constexpr const char* kSettings = "/etc/default/grub";
constexpr const char* kDropIns = "/etc/default/grub.d/";
// Behind those of distributions (50-cloudimg-settings.cfg); the second only where a file behind
// the first one would take the words away again.
constexpr std::array<const char*, 2> kNames = {"90-cleave.cfg", "zz-cleave.cfg"};

Error conflict(Message message, std::string path, Message remedy) {
  Error error;
  error.code = ErrorCode::Conflict;
  error.message = std::move(message);
  error.path = std::move(path);
  error.remedy = std::move(remedy);
  return error;
}

std::string lines_for(const std::vector<std::string>& words) {
  return format("{}=\"${} {}\"\n", kVariable, kVariable, join(words, " "));
}

// What a shell makes of the files, in the order in which grub-mkconfig reads them.
struct Reading {
  GrubDefaults result;
  std::string unsure;  // the file that only a shell could tell; empty: none
};

Reading read_all(const std::map<std::string, std::string, std::less<>>& texts) {
  Reading reading;
  const auto read = [&reading](const std::string& path, const std::string& text) {
    reading.result = parse_grub_defaults(text, std::move(reading.result));
    const auto variable = reading.result.variables.find(kVariable);
    const bool unknown = variable != reading.result.variables.end() && !variable->second.value;
    if (unknown && reading.unsure.empty()) reading.unsure = path;
  };
  if (const auto settings = texts.find(kSettings); settings != texts.end()) {
    read(settings->first, settings->second);
  }
  for (const auto& [path, text] : texts) {
    if (path.starts_with(kDropIns)) read(path, text);
  }
  return reading;
}

std::string command_line_of(const GrubDefaults& defaults) {
  return defaults.value_of("GRUB_CMDLINE_LINUX").value_or("") + " " +
         defaults.value_of(kVariable).value_or("");
}

Error not_understood(const std::string& path) {
  return conflict(
      {N_("{path} sets {variable} in a way that only a shell could follow; it was not "
          "touched."),
       {{"path", path}, {"variable", kVariable}}},
      path,
      {N_("Set {variable} to a plain text in quotes there, then run the command again."),
       {{"variable", kVariable}}});
}

std::vector<Change> with_generator(const ArgumentsRequest& request,
                                   const std::vector<std::string>& words, Change write) {
  GenerateFile generate;
  generate.path = request.facts.boot.grub_config.source();
  generate.fresh = generate.path + ".cleave-new";
  const bool second = generate.path.starts_with("/boot/grub2/");
  generate.argv = {second ? "grub2-mkconfig" : "grub-mkconfig", "-o", generate.fresh};
  generate.check_argv = {second ? "grub2-script-check" : "grub-script-check", generate.fresh};
  generate.words = words;
  GenerateFile again = generate;
  again.only_undo = true;
  const auto change = [&](GenerateFile effect) {
    return Change{.id = "boot.menu",
                  .summary = {N_("Write GRUB's menu anew: {path}"), {{"path", effect.path}}},
                  .reason = {N_("GRUB reads its menu, and not the settings it is made from.")},
                  .effect = std::move(effect),
                  .needs_root = true,
                  .needs_reboot = true,
                  .permanent = true};
  };
  return {change(std::move(again)), std::move(write), change(std::move(generate))};
}

Change write_change(WriteFile effect, const std::vector<std::string>& words) {
  return {
      .id = "boot.arguments",
      .summary = {N_("Give the kernel {words} from the next start on"),
                  {{"words", join(words, " ")}}},
      .reason = {N_("Recovery entries stay as they are: they do not get what is in {variable}."),
                 {{"variable", kVariable}}},
      .effect = std::move(effect),
      .needs_root = true,
      .needs_reboot = true,
      .permanent = true};
}

// The words of cleave's own drop-in or block, of a set-up before.
std::vector<std::string> words_of(std::string_view text) {
  const GrubDefaults own = parse_grub_defaults(text);
  const std::string value = own.value_of(kVariable).value_or("");
  const auto found = words(value);
  return {found.begin(), found.end()};
}

std::string text_at(const ArgumentsRequest& request, const std::string& path) {
  const auto found = request.texts.find(path);
  return found == request.texts.end() ? std::string() : found->second;
}

// Whether the files, read with `text` at `path`, give the kernel all words.
bool gives(const ArgumentsRequest& request, const std::string& path, const std::string& text,
           const std::vector<std::string>& words) {
  auto texts = request.texts;
  texts[path] = text;
  const Reading after = read_all(texts);
  return after.unsure.empty() && words_to_add(command_line_of(after.result), words).empty();
}

WriteFile drop_in_file(const ArgumentsRequest& request, const std::string& path,
                       const std::vector<std::string>& words) {
  const auto before = request.texts.find(path);
  std::vector<std::string> all =
      before == request.texts.end() ? std::vector<std::string>() : words_of(before->second);
  all.insert(all.end(), words.begin(), words.end());
  WriteFile file;
  file.path = path;
  file.content = with_block("", lines_for(all));
  file.expected_before = before == request.texts.end() ? kAbsentFile : content_hash(before->second);
  file.own = WriteFile::Own::Block;
  return file;
}

Result<std::vector<std::string>> missing_words(const ArgumentsRequest& request) {
  TRY(check_words(request.words));
  const Reading before = read_all(request.texts);
  if (!before.unsure.empty()) return not_understood(before.unsure);
  return words_to_add(command_line_of(before.result), request.words);
}

Error taken_away(const ArgumentsRequest& request) {
  return conflict({N_("Whatever is added to {variable}, another file takes away again.")},
                  kSettings,
                  {N_("Look at the files that grub-mkconfig reads: {files}"),
                   {{"files", join(request.loader.files, ", ")}}});
}

Result<std::vector<Change>> add_as_drop_in(const ArgumentsRequest& request) {
  const std::vector<std::string> words = TRY(missing_words(request));
  if (words.empty()) return std::vector<Change>();
  for (const char* name : kNames) {
    WriteFile file = drop_in_file(request, std::string(kDropIns) + name, words);
    if (!gives(request, file.path, file.content, request.words)) continue;
    return with_generator(request, words, write_change(std::move(file), words));
  }
  return taken_away(request);
}

Result<std::vector<Change>> add_as_block(const ArgumentsRequest& request) {
  const std::vector<std::string> words = TRY(missing_words(request));
  if (words.empty()) return std::vector<Change>();
  const std::string before = text_at(request, kSettings);
  std::vector<std::string> all;
  if (const auto block = block_of(before)) all = words_of(*block);
  all.insert(all.end(), words.begin(), words.end());
  WriteFile file;
  file.path = kSettings;
  file.content = with_block(before, lines_for(all));
  file.expected_before = request.texts.contains(kSettings) ? content_hash(before) : kAbsentFile;
  file.own = WriteFile::Own::Block;
  if (!gives(request, file.path, file.content, request.words)) return taken_away(request);
  return with_generator(request, words, write_change(std::move(file), words));
}

}  // namespace

Loader grub_drop_in_loader() {
  return {.writer = BootWriter::GrubDropIn,
          .add_arguments = add_as_drop_in,
          .try_arguments = try_with_grub};
}

Loader grub_settings_loader() {
  return {.writer = BootWriter::GrubSettings,
          .add_arguments = add_as_block,
          .try_arguments = try_with_grub};
}

}  // namespace cleave
