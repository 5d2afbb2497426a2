#include "facts/grub_defaults.h"

#include <algorithm>
#include <array>

#include "base/order.h"
#include "facts/shell_words.h"

namespace cleave {
namespace {

constexpr std::size_t kLongestText = std::size_t{1} << 20U;
constexpr std::size_t kMostVariables = 4096;
constexpr std::size_t kMostProblems = 1000;

bool is_one_of(std::string_view word, const auto& words) {
  return std::ranges::find(words, word) != std::end(words);
}

// Words that begin and end compound commands (POSIX shell, 2.9.4).
constexpr std::array<std::string_view, 8> kOpening = {"if",   "for",    "while", "until",
                                                      "case", "select", "{",     "[["};
constexpr std::array<std::string_view, 5> kClosing = {"fi", "done", "esac", "}", "]]"};
constexpr std::array<std::string_view, 7> kBetween = {"then", "else", "elif",    "do",
                                                      "!",    "time", "function"};
// Commands that can set any variable.
constexpr std::array<std::string_view, 11> kSetsAnything = {".",       "source",  "eval", "read",
                                                            "declare", "typeset", "let",  "printf",
                                                            "mapfile", "alias",   "set"};

class Shell : private ShellWords {
 public:
  Shell(std::string_view text, GrubDefaults before)
      : ShellWords(text.substr(0, kLongestText)), result_(std::move(before)) {
    if (text.size() > kLongestText) too_much_ = true;
  }

  GrubDefaults run() {
    while (!stopped_ && at_ < text_.size()) command();
    if (too_much_ && !stopped_) {
      problem(GrubProblem::Kind::TooMuch, "");
      forget_all();
    }
    sort_keeping_order(result_.problems, &GrubProblem::line);
    return std::move(result_);
  }

 private:
  // Nobody but these files sets GRUB_…; anything else may come from the environment.
  [[nodiscard]] Variable variable(std::string_view name) const override {
    const auto found = result_.variables.find(name);
    if (found == result_.variables.end()) {
      return {.known = name.starts_with("GRUB_") && !anything_, .value = {}};
    }
    return {.known = found->second.value.has_value(), .value = found->second.value};
  }

  void open_quote() override {
    problem(GrubProblem::Kind::OpenQuote, "");
    stopped_ = true;
  }

  struct Assignment {
    std::string name;
    Word value;
    bool append = false;
    std::size_t line = 0;
  };

  void problem(GrubProblem::Kind kind, std::string_view name) {
    if (result_.problems.size() >= kMostProblems) return;
    result_.problems.push_back({.kind = kind, .line = line_, .name = std::string(name)});
  }

  // Whatever is set so far may have been changed by what stands here.
  void forget_all() {
    for (auto& [name, variable] : result_.variables) {
      variable.value.reset();
      variable.line = line_;
    }
    anything_ = true;
  }

  void skip_blanks() {
    for (;;) {
      if (peek() == ' ' || peek() == '\t') {
        advance();
      } else if (peek() == '\\' && peek(1) == '\n') {
        skip_to(at_ + 2);
      } else {
        return;
      }
      if (at_ >= text_.size()) return;
    }
  }

  // One simple command or one piece of punctuation.
  void command() {
    skip_blanks();
    if (at_ >= text_.size()) return;
    const char letter = peek();
    if (letter == '#') return skip_comment();
    if (ends_word(letter)) return punctuation();
    std::vector<Assignment> assignments;
    while (assignment_follows()) {
      assignments.push_back(assignment());
      if (stopped_) return;
      skip_blanks();
    }
    if (at_ >= text_.size() || ends_word(peek()) || peek() == '#') return commit(assignments);
    command_word(assignments);
  }

  void skip_comment() { skip_to(std::min(text_.find('\n', at_), text_.size())); }

  void punctuation() {
    const char letter = peek();
    if (letter == '\n' || (letter == ';' && peek(1) != ';')) conditional_ = false;
    if (letter == '&' || letter == '|') conditional_ = true;
    if (letter == '(') ++depth_;
    if (letter == ')' && depth_ > 0) --depth_;
    if (letter == '<' && peek(1) == '<') {
      // What follows may be text for a command, and is read as commands here.
      lost_ = true;
    }
    advance();
  }

  [[nodiscard]] bool assignment_follows() const {
    const std::size_t length = name_length(text_.substr(std::min(at_, text_.size())));
    if (length == 0) return false;
    return peek(length) == '=' || (peek(length) == '+' && peek(length + 1) == '=') ||
           peek(length) == '[';
  }

  Assignment assignment() {
    Assignment found;
    found.line = line_;
    const std::size_t length = name_length(text_.substr(at_));
    found.name = text_.substr(at_, length);
    at_ += length;
    if (peek() == '[') {  // an element of an array
      found.value.known = false;
      while (at_ < text_.size() && peek() != '=' && !ends_word(peek())) advance();
    }
    found.append = peek() == '+';
    if (found.append) advance();
    if (peek() == '=') advance();
    if (peek() == '(') {  // an array
      found.value.known = false;
      skip_to(std::min(text_.find(')', at_), text_.size() - 1) + 1);
      return found;
    }
    const bool known = found.value.known;
    found.value = word();
    found.value.known = found.value.known && known;
    return found;
  }

  void commit(const std::vector<Assignment>& assignments) {
    // A pipe or & behind it makes it happen in a shell of its own; a redirection may fail.
    const bool aside = peek() == '&' || peek() == '|' || peek() == '<' || peek() == '>';
    const bool sure = depth_ == 0 && !conditional_ && !lost_ && (!aside || peek() == peek(1));
    for (const Assignment& assignment : assignments) set(assignment, sure);
  }

  void set(const Assignment& assignment, bool sure) {
    if (result_.variables.size() >= kMostVariables &&
        !result_.variables.contains(assignment.name)) {
      too_much_ = true;
      return;
    }
    GrubVariable& variable = result_.variables[assignment.name];
    const bool fresh = variable.line == 0 && !anything_;
    variable.line = assignment.line;
    std::optional<std::string> value;
    if (assignment.value.known && sure) value = assignment.value.text;
    if (assignment.append) {
      variable.append_line = assignment.line;
      problem(GrubProblem::Kind::Append, assignment.name);
      if (!fresh && !variable.value) value.reset();
      if (value) value = variable.value.value_or("") + *value;
    }
    if (value && value->size() > kLongestValue) value.reset();
    if (!value) problem(GrubProblem::Kind::Unknown, assignment.name);
    variable.value = std::move(value);
  }

  void command_word(const std::vector<Assignment>& assignments) {
    const std::size_t line = line_;
    const Word name = word();
    if (stopped_) return;
    if (!name.quoted && assignments.empty() && keyword(name.text)) return;
    if (name.text == "export" || name.text == "readonly") return export_words(assignments);
    for (const Assignment& assignment : assignments) {
      problem(GrubProblem::Kind::Temporary, assignment.name);
    }
    if (!name.known) forget_all();
    problem_at(line, GrubProblem::Kind::Command, name.text);
    if (name.text == "unset") return unset_words();
    if (is_one_of(name.text, kSetsAnything)) forget_all();
    const bool leaves = name.text == "exit" || name.text == "return";
    skip_words();
    if (!leaves) return;
    if (depth_ == 0 && !conditional_) {
      stopped_ = true;
    } else {
      lost_ = true;  // perhaps nothing below is read
      forget_all();
    }
  }

  void problem_at(std::size_t line, GrubProblem::Kind kind, std::string_view name) {
    const std::size_t now = line_;
    line_ = line;
    problem(kind, name);
    line_ = now;
  }

  // Keywords count how deep in compound commands the text is.
  bool keyword(std::string_view word) {
    if (is_one_of(word, kOpening)) {
      ++depth_;
      problem(GrubProblem::Kind::Command, word);
      if (word != "{") skip_words();
      return true;
    }
    if (is_one_of(word, kClosing)) {
      if (depth_ > 0) --depth_;
      return true;
    }
    return is_one_of(word, kBetween);
  }

  void export_words(const std::vector<Assignment>& assignments) {
    for (const Assignment& assignment : assignments) set(assignment, false);
    skip_blanks();
    while (!stopped_ && at_ < text_.size() && !ends_word(peek()) && peek() != '#') {
      if (assignment_follows()) {
        commit({assignment()});
      } else {
        (void)word();
      }
      skip_blanks();
    }
  }

  void unset_words() {
    skip_blanks();
    while (!stopped_ && at_ < text_.size() && !ends_word(peek()) && peek() != '#') {
      const Word name = word();
      if (depth_ == 0 && !conditional_ && name.known) {
        result_.variables.erase(name.text);
      } else if (const auto found = result_.variables.find(name.text);
                 found != result_.variables.end()) {
        found->second.value.reset();
      }
      skip_blanks();
    }
  }

  void skip_words() {
    skip_blanks();
    while (!stopped_ && at_ < text_.size() && !ends_word(peek()) && peek() != '#') {
      (void)word();
      skip_blanks();
    }
  }

  std::size_t depth_ = 0;
  bool conditional_ = false;
  bool lost_ = false;
  bool anything_ = false;  // a command may have set any variable
  bool too_much_ = false;
  GrubDefaults result_;
};

}  // namespace

std::optional<std::string> GrubDefaults::value_of(std::string_view name) const {
  const auto found = variables.find(name);
  return found == variables.end() ? std::nullopt : found->second.value;
}

GrubDefaults parse_grub_defaults(std::string_view text, GrubDefaults before) {
  return Shell(text, std::move(before)).run();
}

}  // namespace cleave
