// Text → the words of a QEMU command, and back.
#include <optional>

#include "base/text.h"
#include "facts/qemu_command_line.h"
#include "facts/qemu_options.h"

namespace cleave {
namespace {

class WordSplitter {
 public:
  explicit WordSplitter(std::string_view text) : text_(text) {}

  // Empty at the end of the command: an operator, a line's end, or the text's.
  std::optional<std::string> next() {
    skip_blanks();
    if (at_ >= text_.size() || ends_command(text_[at_])) return std::nullopt;
    std::string word;
    while (at_ < text_.size() && !is_blank(text_[at_]) && !ends_command(text_[at_])) add_to(word);
    return word;
  }
  // To the first word of the next command; false at the text's end.
  bool next_command() {
    while (at_ < text_.size() && !ends_command(text_[at_])) {
      std::string ignored;
      add_to(ignored);
    }
    while (at_ < text_.size() && ends_command(text_[at_])) ++at_;
    return at_ < text_.size();
  }

 private:
  static bool is_blank(char letter) { return letter == ' ' || letter == '\t' || letter == '\r'; }
  static bool ends_command(char letter) {
    return letter == '\n' || letter == ';' || letter == '|' || letter == '&';
  }
  [[nodiscard]] bool at_joined_line() const {
    const std::string_view rest = text_.substr(at_);
    return rest.starts_with("\\\n") || rest.starts_with("\\\r\n");
  }

  void skip_blanks() {
    while (at_ < text_.size()) {
      if (is_blank(text_[at_])) {
        ++at_;
      } else if (at_joined_line()) {
        at_ += text_[at_ + 1] == '\r' ? 3U : 2U;
      } else if (text_[at_] == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else {
        return;
      }
    }
  }

  void add_to(std::string& word) {
    const char letter = text_[at_];
    if (letter == '\'') return quoted(word, '\'');
    if (letter == '"') return quoted(word, '"');
    if (letter == '$' || letter == '`') return substitution(word);
    if (at_joined_line()) {
      at_ += text_[at_ + 1] == '\r' ? 3U : 2U;
      return;
    }
    if (letter == '\\' && at_ + 1 < text_.size()) ++at_;
    word += text_[at_++];
  }

  void quoted(std::string& word, char quote) {
    ++at_;
    while (at_ < text_.size() && text_[at_] != quote) {
      if (quote == '"' && (text_[at_] == '$' || text_[at_] == '`')) {
        substitution(word);
        continue;
      }
      if (quote == '"' && text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      word += text_[at_++];
    }
    if (at_ < text_.size()) ++at_;
  }

  // $NAME, ${…}, $(…), `…`: what comes out of it nobody knows.
  void substitution(std::string& word) {
    const char first = text_[at_++];
    if (word.empty() || word.back() != kUnknownPart) word += kUnknownPart;
    if (first == '`') {
      at_ = std::min(text_.find('`', at_), text_.size() - 1) + 1;
      return;
    }
    const char open = at_ < text_.size() ? text_[at_] : ' ';
    if (open == '(' || open == '{') {
      const std::size_t close = text_.find(open == '(' ? ')' : '}', at_);
      at_ = close == std::string_view::npos ? text_.size() : close + 1;
      return;
    }
    const auto is_name = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    };
    while (at_ < text_.size() && is_name(text_[at_])) ++at_;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// "LC_ALL=C" before the program.
bool is_assignment(std::string_view word) {
  const std::size_t sign = word.find('=');
  return sign != std::string_view::npos && sign != 0 && !word.starts_with('-') &&
         word.substr(0, sign).find('/') == std::string_view::npos;
}
}  // namespace

bool is_qemu_program(std::string_view program) {
  const std::string name = last_part(program);
  // NixOS runs ".qemu-system-x86_64-wrapped", Proxmox VE "kvm".
  return name.find("qemu-system-") != std::string::npos || name == "qemu-kvm" || name == "kvm" ||
         name == "qemu";
}

std::vector<std::string> split_arguments(std::string_view nul_separated) {
  std::vector<std::string> arguments;
  if (nul_separated.ends_with('\0')) nul_separated.remove_suffix(1);
  if (nul_separated.empty()) return arguments;
  for (const std::string_view word : split(nul_separated, '\0')) arguments.emplace_back(word);
  return arguments;
}

std::vector<std::string> split_shell_words(std::string_view text) {
  std::vector<std::string> arguments;
  WordSplitter splitter(text);
  while (auto word = splitter.next()) {
    if (arguments.size() > kMostQemuArguments + 1) break;
    arguments.push_back(std::move(*word));
  }
  return arguments;
}

std::vector<std::string> split_command_line(std::string_view text) {
  WordSplitter splitter(text);
  do {
    auto word = splitter.next();
    while (word && is_assignment(*word)) word = splitter.next();
    if (!word || !is_qemu_program(*word)) continue;
    std::vector<std::string> arguments = {std::move(*word)};
    while (auto more = splitter.next()) {
      if (arguments.size() > kMostQemuArguments + 1) break;
      arguments.push_back(std::move(*more));
    }
    return arguments;
  } while (splitter.next_command());
  return {};
}

std::string quoted_words(std::span<const std::string> words, std::string_view separator) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += separator;
    text += "'" + replace_all(word, "'", "'\\''") + "'";
  }
  return text;
}
}  // namespace cleave
