#include "imports/shell_script.h"

#include <algorithm>
#include <map>

#include "base/text.h"
#include "facts/qemu_command_line.h"
#include "facts/qemu_options.h"
#include "facts/shell_words.h"

namespace cleave {
namespace {

constexpr std::size_t kMostVariables = 1024;

class Script : private ShellWords {
 public:
  explicit Script(std::string_view text) : ShellWords(text) {}

  std::optional<std::vector<QemuWord>> run() {
    while (!stopped_ && at_ < text_.size() && command_.empty()) command();
    if (command_.empty()) return std::nullopt;
    return std::move(command_);
  }

 private:
  [[nodiscard]] Variable variable(std::string_view name) const override {
    const auto found = variables_.find(name);
    // One that the script does not set may come from anywhere.
    if (found == variables_.end()) return {};
    return {.known = found->second.has_value(), .value = found->second};
  }
  void open_quote() override { stopped_ = true; }

  void skip_blanks() {
    while (at_ < text_.size()) {
      if (peek() == ' ' || peek() == '\t' || peek() == '\r') {
        advance();
      } else if (peek() == '\\' && (peek(1) == '\n' || (peek(1) == '\r' && peek(2) == '\n'))) {
        skip_to(at_ + (peek(1) == '\n' ? 2 : 3));
      } else {
        return;
      }
    }
  }

  void skip_comment() { skip_to(std::min(text_.find('\n', at_), text_.size())); }

  void command() {
    skip_blanks();
    if (at_ >= text_.size()) return;
    if (peek() == '#') return skip_comment();
    if (ends_word(peek())) return advance();
    if (assignment()) return;
    const std::size_t line = line_;
    const Word first = word();
    if (stopped_) return;
    // What stands before the program in its command: words of the shell, and other programs that
    // start it.
    constexpr std::string_view kBefore =
        " exec sudo then do else ! time nohup env nice ionice chrt "
        "taskset setsid systemd-run & -- ";
    if (first.known && is_qemu_program(first.text)) return arguments(first, line);
    if (first.known && is_word_of(kBefore, first.text)) return;
    rest_of_command();
  }

  // "NAME=value"; what follows on the line is a command of its own right.
  bool assignment() {
    const std::size_t length = name_length(text_.substr(at_));
    const bool adds = length != 0 && peek(length) == '+' && peek(length + 1) == '=';
    if (length == 0 || (peek(length) != '=' && !adds)) return false;
    const std::string name(text_.substr(at_, length));
    skip_to(at_ + length + (adds ? 2 : 1));
    if (peek() == '(') {  // an array of bash, which no POSIX shell has
      variables_[name] = std::nullopt;
      rest_of_command();
      return true;
    }
    const Word value = word();
    if (variables_.size() >= kMostVariables) return true;
    std::optional<std::string>& variable = variables_[name];
    if (!value.known || (adds && !variable)) {
      variable.reset();
    } else if (adds) {
      *variable += value.text;
      if (variable->size() > kLongestValue) variable.reset();
    } else {
      variable = value.text;
    }
    return true;
  }

  [[nodiscard]] bool at_end() const {
    return at_ >= text_.size() || std::string_view("\n;&|)").find(peek()) != std::string_view::npos;
  }

  void rest_of_command() {
    while (!stopped_ && !at_end()) {
      skip_blanks();
      if (at_end()) return;
      if (ends_word(peek())) {
        advance();
      } else {
        (void)word();
      }
    }
  }

  void arguments(const Word& program, std::size_t line) {
    command_.push_back({.text = program.text, .line = line, .known = true});
    while (!stopped_) {
      skip_blanks();
      if (at_end()) return;
      if (peek() == '#') return;
      if (peek() == '<' || peek() == '>') {  // where its output goes
        advance();
        skip_blanks();
        if (!at_end()) (void)word();
        continue;
      }
      if (ends_word(peek())) {
        advance();
        continue;
      }
      const std::size_t at = line_;
      add(word(), at);
      if (command_.size() > kMostQemuArguments) return;
    }
  }

  void add(const Word& word, std::size_t line) {
    if (!word.known) {
      command_.push_back({.text = {}, .line = line, .known = false});
      return;
    }
    // A variable without quotes falls into words at its blanks (POSIX shell, 2.6.5).
    if (word.quoted || word.text.find_first_of(" \t\n") == std::string::npos) {
      if (word.quoted || !word.text.empty()) {
        command_.push_back({.text = word.text, .line = line, .known = true});
      }
      return;
    }
    for (const std::string_view piece : words(replace_all(word.text, "\n", " "))) {
      command_.push_back({.text = std::string(piece), .line = line, .known = true});
    }
  }

  std::map<std::string, std::optional<std::string>, std::less<>> variables_;
  std::vector<QemuWord> command_;
};

}  // namespace

std::optional<std::vector<QemuWord>> qemu_command_of(std::string_view script) {
  return Script(script).run();
}

}  // namespace cleave
