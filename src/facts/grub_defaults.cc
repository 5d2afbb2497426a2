#include "facts/grub_defaults.h"

#include <algorithm>
#include <array>

namespace cleave {
namespace {

constexpr std::size_t kLongestText = std::size_t{1} << 20U;
constexpr std::size_t kLongestValue = std::size_t{1} << 16U;
constexpr std::size_t kMostVariables = 4096;
constexpr std::size_t kMostProblems = 1000;
constexpr int kDeepest = 16;  // ${A:-${B:-…}} in each other

bool is_name_start(char letter) {
  return (letter >= 'A' && letter <= 'Z') || (letter >= 'a' && letter <= 'z') || letter == '_';
}
bool is_name(char letter) { return is_name_start(letter) || (letter >= '0' && letter <= '9'); }
bool ends_word(char letter) {
  return std::string_view(" \t\n;&|()<>").find(letter) != std::string_view::npos;
}

std::size_t name_length(std::string_view text) {
  if (text.empty() || !is_name_start(text[0])) return 0;
  std::size_t length = 1;
  while (length < text.size() && is_name(text[length])) ++length;
  return length;
}

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

// A word of the shell's language, expanded.
struct Word {
  std::string text;
  bool known = true;
  bool quoted = false;
};

class Shell {
 public:
  Shell(std::string_view text, GrubDefaults before)
      : text_(text.substr(0, kLongestText)), result_(std::move(before)) {
    if (text.size() > kLongestText) too_much_ = true;
  }

  GrubDefaults run() {
    while (!stopped_ && at_ < text_.size()) command();
    if (too_much_ && !stopped_) {
      problem(GrubProblem::Kind::TooMuch, "");
      forget_all();
    }
    std::ranges::stable_sort(result_.problems, {}, &GrubProblem::line);
    return std::move(result_);
  }

 private:
  struct Assignment {
    std::string name;
    Word value;
    bool append = false;
    std::size_t line = 0;
  };

  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  void advance() {
    if (text_[at_] == '\n') ++line_;
    ++at_;
  }
  void skip_to(std::size_t end) {
    while (at_ < end && at_ < text_.size()) advance();
  }

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

  // A word with its quotes taken off and its variables put in (POSIX shell, 2.2 and 2.6).
  Word word() {
    Word found;
    if (peek() == '~') found.known = false;
    const std::size_t start = at_;
    while (!stopped_ && at_ < text_.size() && !ends_word(peek())) {
      const char letter = peek();
      if (letter == '\'') {
        single_quotes(found);
      } else if (letter == '"') {
        double_quotes(found);
      } else if (letter == '\\') {
        advance();
        escaped(found);
      } else {
        plain(found);
      }
    }
    if (at_ == start && at_ < text_.size()) advance();
    return found;
  }

  void add(Word& word, char letter) const {
    if (letter == '\0' || word.text.size() > kLongestValue) word.known = false;
    if (word.known) word.text += letter;
  }

  void escaped(Word& word) {
    if (at_ >= text_.size()) return;
    if (peek() != '\n') add(word, peek());
    word.quoted = true;
    advance();
  }

  void plain(Word& word) {
    const char letter = peek();
    if (letter == '$') return dollar(word, false);
    if (letter == '`') return backquotes(word);
    // ":~" names a home directory in an assignment.
    if (letter == '~' && word.text.ends_with(':')) word.known = false;
    add(word, letter);
    advance();
  }

  void open_quote() {
    problem(GrubProblem::Kind::OpenQuote, "");
    stopped_ = true;
    // What came before on this very line may or may not have been read.
    lost_ = true;
  }

  void single_quotes(Word& word) {
    word.quoted = true;
    const std::size_t end = text_.find('\'', at_ + 1);
    if (end == std::string_view::npos) return open_quote();
    for (std::size_t i = at_ + 1; i < end; ++i) add(word, text_[i]);
    skip_to(end + 1);
  }

  void double_quotes(Word& word) {
    word.quoted = true;
    const std::size_t line = line_;
    advance();
    while (!stopped_ && at_ < text_.size() && peek() != '"') {
      if (peek() == '$') {
        dollar(word, true);
      } else if (peek() == '`') {
        backquotes(word);
      } else {
        if (peek() == '\\' &&
            std::string_view("$`\"\\\n").find(peek(1)) != std::string_view::npos &&
            at_ + 1 < text_.size()) {
          advance();
          if (peek() != '\n') add(word, peek());
        } else {
          add(word, peek());
        }
        advance();
      }
    }
    if (stopped_) return;
    if (at_ >= text_.size()) {
      line_ = line;
      return open_quote();
    }
    advance();
  }

  void backquotes(Word& word) {
    word.known = false;
    advance();
    while (at_ < text_.size() && peek() != '`') {
      if (peek() == '\\' && at_ + 1 < text_.size()) advance();
      advance();
    }
    if (at_ >= text_.size()) return open_quote();
    advance();
  }

  void dollar(Word& word, bool in_quotes) {
    advance();
    const char letter = peek();
    if (letter == '(') return substitution(word, '(', ')');
    if (letter == '{') return braces(word, in_quotes);
    if (const std::size_t length = name_length(text_.substr(std::min(at_, text_.size())))) {
      put_in(word, text_.substr(at_, length));
      at_ += length;
      return;
    }
    // A dollar before anything else stands for itself, but for the shell's own parameters, and
    // for $'…' and $"…", which not every shell knows.
    constexpr std::string_view kParameters = "0123456789@*#?-$!";
    const bool special = letter != '\0' && (kParameters.find(letter) != std::string_view::npos ||
                                            (!in_quotes && (letter == '\'' || letter == '"')));
    if (special) {
      word.known = false;
      if (letter != '\'' && letter != '"') advance();
      return;
    }
    add(word, '$');
  }

  // ${NAME}, and with -, :-, + or :+ and another word (POSIX shell, 2.6.2).
  void braces(Word& word, bool in_quotes) {
    const std::string_view inside = text_.substr(at_ + 1);
    const std::size_t length = name_length(inside);
    if (length == 0 || length >= inside.size() || nested_ == kDeepest) {
      return substitution(word, '{', '}');
    }
    const std::string name(inside.substr(0, length));
    const std::string_view rest = inside.substr(length);
    if (rest[0] == '}') {
      put_in(word, name);
      at_ += length + 2;
      return;
    }
    const bool colon = rest[0] == ':' && rest.size() > 1;
    const char kind = rest[colon ? 1 : 0];
    if (kind != '-' && kind != '+') return substitution(word, '{', '}');
    at_ += 1 + length + (colon ? 2 : 1);
    ++nested_;
    const Word other = alternative(in_quotes);
    --nested_;
    choose(word, name, colon, kind, other);
  }

  // Up to the closing brace.
  Word alternative(bool in_quotes) {
    Word found;
    while (!stopped_ && at_ < text_.size() && peek() != '}') {
      if (peek() == '$') {
        dollar(found, in_quotes);
      } else if (peek() == '`') {
        backquotes(found);
      } else if (peek() == '"' || peek() == '\'' || peek() == '\\') {
        // Quotes in here are read differently by different shells.
        found.known = false;
        advance();
      } else {
        add(found, peek());
        advance();
      }
    }
    if (stopped_) return found;
    if (at_ >= text_.size()) {
      open_quote();
    } else {
      advance();
    }
    return found;
  }

  void choose(Word& word, const std::string& name, bool colon, char kind, const Word& other) {
    const auto found = result_.variables.find(name);
    const bool is_set = found != result_.variables.end();
    if ((is_set && !found->second.value) || (!is_set && !surely_unset(name))) {
      word.known = false;
      return;
    }
    const bool counts = is_set && !(colon && found->second.value->empty());
    if (counts && kind == '-') return put_in(word, name);
    if (counts != (kind == '+')) return;
    word.known = word.known && other.known;
    if (word.known) word.text += other.text;
    if (word.text.size() > kLongestValue) word.known = false;
  }

  // Nobody but these files sets GRUB_…; anything else may come from the environment.
  [[nodiscard]] bool surely_unset(std::string_view name) const {
    return name.starts_with("GRUB_") && !anything_;
  }

  // $(…), $((…)) and other forms of ${…}: passed over with the quotes in it.
  void substitution(Word& word, char open, char close) {
    word.known = false;
    std::size_t nested = 0;
    char quote = '\0';
    while (at_ < text_.size()) {
      const char letter = peek();
      if (letter == '\\' && quote != '\'' && at_ + 1 < text_.size()) {
        advance();
      } else if (quote != '\0') {
        if (letter == quote) quote = '\0';
      } else if (letter == '\'' || letter == '"') {
        quote = letter;
      } else if (letter == open) {
        ++nested;
      } else if (letter == close && --nested == 0) {
        advance();
        return;
      }
      advance();
    }
    open_quote();
  }

  void put_in(Word& word, std::string_view name) {
    const auto found = result_.variables.find(name);
    if (found == result_.variables.end()) {
      if (!surely_unset(name)) word.known = false;
      return;
    }
    if (!found->second.value) word.known = false;
    if (!word.known) return;
    word.text += *found->second.value;
    if (word.text.size() > kLongestValue) word.known = false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  std::size_t depth_ = 0;
  int nested_ = 0;
  bool conditional_ = false;
  bool lost_ = false;
  bool anything_ = false;  // a command may have set any variable
  bool stopped_ = false;
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
