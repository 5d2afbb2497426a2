#include "vm/definition_edit.h"

#include <map>
#include <optional>
#include <utility>

#include "base/format.h"
#include "base/text.h"

namespace cleave {
namespace {

// What becomes of lines, by number from 1; empty: the line goes.
using Edits = std::map<std::uint32_t, std::optional<std::string>>;

Error no_line_of_its_own(const char* key, std::uint32_t line) {
  return error_of(
      ErrorCode::Unsupported,
      {N_("In line {line} of the definition the key {key} does not stand alone, so that "
          "it cannot be changed"),
       {{"line", line}, {"key", key}}},
      {N_("Write each key on a line of its own: {key} = …"), {{"key", key}}});
}

// `key = value` and nothing before it.
bool is_line_of(std::string_view line, std::string_view key) {
  line = trim(line);
  if (!line.starts_with(key)) return false;
  return trim(line.substr(key.size())).starts_with('=');
}

class Editor {
 public:
  explicit Editor(std::string_view text) : lines_(split(text, '\n')) {}

  Result<void> remove(const char* key, const Position& position) {
    if (position.line == 0) return {};
    TRY(check(key, position));
    removed_.emplace_back(trim(lines_[position.line - 1]));
    edits_[position.line] = std::nullopt;
    return {};
  }

  Result<void> replace(const char* key, const Position& position, std::string_view value) {
    TRY(check(key, position));
    const std::string_view line = lines_[position.line - 1];
    const std::string_view indent = line.substr(0, line.find_first_not_of(" \t"));
    edits_[position.line] =
        format("{}{} = {}", std::string(indent), std::string(key), toml_string(value));
    return {};
  }

  [[nodiscard]] CopiedDefinition result() const {
    CopiedDefinition copied{.text = {}, .removed = removed_};
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      const auto edit = edits_.find(static_cast<std::uint32_t>(i + 1));
      if (edit != edits_.end() && !edit->second) continue;
      copied.text += edit == edits_.end() ? std::string(lines_[i]) : *edit->second;
      if (i + 1 < lines_.size()) copied.text += '\n';
    }
    return copied;
  }

 private:
  [[nodiscard]] Result<void> check(const char* key, const Position& position) const {
    const bool is_there = position.line > 0 && position.line <= lines_.size();
    if (is_there && is_line_of(lines_[position.line - 1], key)) return {};
    return no_line_of_its_own(key, position.line);
  }

  std::vector<std::string_view> lines_;
  Edits edits_;
  std::vector<std::string> removed_;
};

}  // namespace

Result<CopiedDefinition> copy_definition(std::string_view text, const VmDefinition& definition,
                                         const std::string& new_name,
                                         const std::vector<MovedImage>& images) {
  Editor editor(text);
  if (definition.name.is_written()) TRY(editor.replace("name", definition.name.position, new_name));
  TRY(editor.remove("uuid", definition.gpu.uuid.position));
  TRY(editor.remove("nvram", definition.firmware.nvram.position));
  for (const NetworkDefinition& network : definition.networks) {
    TRY(editor.remove("mac", network.mac.position));
  }
  for (const MovedImage& image : images) {
    const DiskDefinition& disk = definition.disks[image.disk];
    TRY(editor.replace("file", disk.file.position, image.file));
    if (image.becomes_qcow2 && disk.format.is_written()) {
      TRY(editor.replace("format", disk.format.position, "qcow2"));
    }
  }
  return editor.result();
}

}  // namespace cleave
