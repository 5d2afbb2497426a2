// rEFInd with refind_linux.conf beside the kernel: its first row is what starts; the rows behind it
// ("minimal options") stay as they are, to go back to.
#include <algorithm>

#include "base/text.h"
#include "facts/refind_config.h"
#include "plan/boot/edits.h"
#include "plan/boot/loaders.h"

namespace cleave {
namespace {

Error no_row(const std::string& path) {
  Error error;
  error.code = ErrorCode::Conflict;
  error.message = {N_("{path} has no line for the kernel's arguments; it was not touched."),
                   {{"path", path}}};
  error.path = path;
  return error;
}

// "title" "arguments" → the place before the last quote; npos where the row is not so.
std::size_t end_of_arguments(std::string_view row) {
  std::size_t quotes = 0;
  for (std::size_t at = 0; at < row.size(); ++at) {
    if (row[at] != '"') continue;
    // Two quotes inside quotes are one (ReadTokenLine of rEFInd's refind/config.c).
    if (quotes % 2 == 1 && at + 1 < row.size() && row[at + 1] == '"') {
      ++at;
      continue;
    }
    if (++quotes == 4) return at;
  }
  return std::string_view::npos;
}

Result<std::vector<Change>> add_to_first_row(const ArgumentsRequest& request) {
  TRY(check_words(request.words));
  const std::string path = request.facts.boot.refind_linux.source();
  const std::string* before = text_of(request, path);
  if (before == nullptr) return no_row(path.empty() ? "refind_linux.conf" : path);
  for (std::size_t at = 0; at < before->size();) {
    const std::size_t end = std::min(before->find('\n', at), before->size());
    const std::string row = before->substr(at, end - at);
    const std::vector<BootEntry> entries = parse_refind_linux(row);
    if (entries.size() == 1 && !entries.front().recovery) {
      const std::vector<std::string> missing =
          words_to_add(entries.front().arguments, request.words);
      std::vector<Change> changes;
      if (missing.empty()) return changes;
      const std::size_t place = end_of_arguments(row);
      if (place == std::string::npos) return no_row(path);
      std::string after = *before;
      after.insert(at + place, " " + join(missing, " "));
      changes.push_back(write_words(path, *before, std::move(after), missing));
      return changes;
    }
    at = end + 1;
  }
  return no_row(path);
}

}  // namespace

Loader refind_loader() { return {.writer = BootWriter::Refind, .add_arguments = add_to_first_row}; }

}  // namespace cleave
