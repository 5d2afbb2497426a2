#include "plan/own_part.h"

#include <algorithm>

namespace cleave {
namespace {

struct Block {
  std::size_t begin = 0;  // of its first line
  std::size_t first = 0;  // of the first line inside
  std::size_t last = 0;   // behind the last line inside
  std::size_t end = 0;    // behind the block
};

// Where the line that starts at `from` ends, newline included.
std::size_t line_end(std::string_view text, std::size_t from) {
  const std::size_t newline = text.find('\n', from);
  return newline == std::string_view::npos ? text.size() : newline + 1;
}

std::string_view line_at(std::string_view text, std::size_t from) {
  std::string_view line = text.substr(from, line_end(text, from) - from);
  if (line.ends_with('\n')) line.remove_suffix(1);
  return line;
}

// The last block of the text.
std::optional<Block> find_block(std::string_view text) {
  std::optional<Block> found;
  std::optional<Block> open;
  for (std::size_t at = 0; at < text.size(); at = line_end(text, at)) {
    const std::string_view line = line_at(text, at);
    if (line.starts_with(kBlockBegin)) {
      open = Block{.begin = at, .first = line_end(text, at), .last = 0, .end = 0};
    } else if (line == kBlockEnd && open) {
      open->last = at;
      open->end = line_end(text, at);
      found = open;
      open.reset();
    }
  }
  return found;
}

// Says in the block's first line that the newline before it is cleave's, too.
constexpr std::string_view kNewlineAdded = " (with the newline before it)";

bool is_between(char byte) {
  return byte == ' ' || byte == '\t' || byte == '"' || byte == '\'' || byte == '\n' ||
         byte == '\r' || byte == '=';
}

bool is_in_comment(std::string_view text, std::size_t at) {
  const std::size_t newline = at == 0 ? std::string_view::npos : text.rfind('\n', at - 1);
  const std::size_t line = newline == std::string_view::npos ? 0 : newline + 1;
  const std::size_t first = text.find_first_not_of(" \t", line);
  return first <= at && text[first] == '#';
}

// The first place from `from` on where `word` stands alone and not in a comment; npos: nowhere.
std::size_t find_word(std::string_view text, std::string_view word, std::size_t from) {
  while (true) {
    const std::size_t at = text.find(word, from);
    if (at == std::string_view::npos) return at;
    const std::size_t end = at + word.size();
    const bool starts = at == 0 || is_between(text[at - 1]);
    const bool ends = end == text.size() || (is_between(text[end]) && text[end] != '=');
    if (starts && ends && !is_in_comment(text, at)) return at;
    from = at + 1;
  }
}

bool is_blank(char byte) { return byte == ' ' || byte == '\t'; }

void cut_word(std::string& text, std::size_t at, std::size_t size) {
  if (at > 0 && is_blank(text[at - 1])) {
    text.erase(at - 1, size + 1);
  } else {
    const bool blank_behind = at + size < text.size() && is_blank(text[at + size]);
    text.erase(at, size + (blank_behind ? 1 : 0));
  }
}

// The first line of the block; what is behind the last variable is filled with "#".
constexpr std::string_view kGrubBlock = "# GRUB Environment Block\n";

std::string_view filled_part(std::string_view block) {
  std::size_t end = block.size();
  if (block.ends_with("#\n")) --end;  // written by another tool than GRUB's
  while (end != 0 && block[end - 1] == '#') --end;
  return block.substr(0, end);
}

std::optional<std::string> padded(std::string text, std::size_t length) {
  if (text.size() > length) return std::nullopt;
  text.resize(length, '#');
  return text;
}

}  // namespace

std::string with_block(std::string_view text, std::string_view lines) {
  std::string changed(text);
  if (const auto block = find_block(text)) {
    return changed.replace(block->first, block->last - block->first, lines);
  }
  const bool needs_newline = !text.empty() && !text.ends_with('\n');
  if (needs_newline) changed += '\n';
  changed += kBlockBegin;
  if (needs_newline) changed += kNewlineAdded;
  changed += '\n';
  changed += lines;
  changed += kBlockEnd;
  changed += '\n';
  return changed;
}

std::optional<std::string> block_of(std::string_view text) {
  const auto block = find_block(text);
  if (!block) return std::nullopt;
  return std::string(text.substr(block->first, block->last - block->first));
}

std::optional<std::string> without_block(std::string_view text) {
  const auto block = find_block(text);
  if (!block) return std::nullopt;
  const bool newline_added =
      block->begin > 0 && line_at(text, block->begin).ends_with(kNewlineAdded);
  std::string changed(text.substr(0, block->begin - (newline_added ? 1 : 0)));
  changed += text.substr(block->end);
  return changed;
}

std::optional<std::string> without_words(std::string_view text,
                                         const std::vector<std::string>& words) {
  std::string changed(text);
  bool any = false;
  for (const std::string& word : words) {
    if (word.empty()) continue;
    std::size_t at = find_word(changed, word, 0);
    while (at != std::string_view::npos) {
      cut_word(changed, at, word.size());
      any = true;
      at = find_word(changed, word, at);
    }
  }
  if (!any) return std::nullopt;
  return changed;
}

std::optional<std::string> without_grub_variables(std::string_view block,
                                                  const std::vector<std::string>& names) {
  if (!block.starts_with(kGrubBlock) || !filled_part(block).ends_with('\n')) return std::nullopt;
  std::string kept;
  for (std::string_view rest = filled_part(block); !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size() - 1);
    const std::string_view line = rest.substr(0, end + 1);
    const std::string_view name = line.substr(0, line.find('='));
    if (std::ranges::find(names, name) == names.end()) kept += line;
    rest.remove_prefix(line.size());
  }
  return padded(std::move(kept), block.size());
}

std::optional<std::string> with_grub_variable(std::string_view block, std::string_view name,
                                              std::string_view value) {
  const auto without = without_grub_variables(block, {std::string(name)});
  if (!without) return std::nullopt;
  std::string text(filled_part(*without));
  text += std::string(name) + "=" + std::string(value) + "\n";
  return padded(std::move(text), block.size());
}

}  // namespace cleave
