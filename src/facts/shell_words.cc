#include "facts/shell_words.h"

namespace cleave {
namespace {

constexpr int kDeepest = 16;  // ${A:-${B:-…}} in each other

bool is_name_start(char letter) {
  return (letter >= 'A' && letter <= 'Z') || (letter >= 'a' && letter <= 'z') || letter == '_';
}
bool is_name(char letter) { return is_name_start(letter) || (letter >= '0' && letter <= '9'); }

}  // namespace

bool ShellWords::ends_word(char letter) {
  return std::string_view(" \t\n;&|()<>").find(letter) != std::string_view::npos;
}

std::size_t ShellWords::name_length(std::string_view text) {
  if (text.empty() || !is_name_start(text[0])) return 0;
  std::size_t length = 1;
  while (length < text.size() && is_name(text[length])) ++length;
  return length;
}

// A word with its quotes taken off and its variables put in (POSIX shell, 2.2 and 2.6).
ShellWords::Word ShellWords::word() {
  Word found;
  if (peek() == '~') found.known = false;
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
  return found;
}

void ShellWords::add(Word& word, char letter) const {
  if (letter == '\0' || word.text.size() > kLongestValue) word.known = false;
  if (word.known) word.text += letter;
}

void ShellWords::escaped(Word& word) {
  if (at_ >= text_.size()) return;
  if (peek() != '\n') add(word, peek());
  word.quoted = true;
  advance();
}

void ShellWords::plain(Word& word) {
  const char letter = peek();
  if (letter == '$') return dollar(word, false);
  if (letter == '`') return backquotes(word);
  // ":~" names a home directory in an assignment.
  if (letter == '~' && word.text.ends_with(':')) word.known = false;
  add(word, letter);
  advance();
}

void ShellWords::single_quotes(Word& word) {
  word.quoted = true;
  const std::size_t end = text_.find('\'', at_ + 1);
  if (end == std::string_view::npos) return open_quote();
  for (std::size_t i = at_ + 1; i < end; ++i) add(word, text_[i]);
  skip_to(end + 1);
}

void ShellWords::double_quotes(Word& word) {
  word.quoted = true;
  const std::size_t line = line_;
  advance();
  while (!stopped_ && at_ < text_.size() && peek() != '"') {
    if (peek() == '$') {
      dollar(word, true);
    } else if (peek() == '`') {
      backquotes(word);
    } else {
      if (peek() == '\\' && std::string_view("$`\"\\\n").find(peek(1)) != std::string_view::npos &&
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

void ShellWords::backquotes(Word& word) {
  word.known = false;
  advance();
  while (at_ < text_.size() && peek() != '`') {
    if (peek() == '\\' && at_ + 1 < text_.size()) advance();
    advance();
  }
  if (at_ >= text_.size()) return open_quote();
  advance();
}

void ShellWords::dollar(Word& word, bool in_quotes) {
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
void ShellWords::braces(Word& word, bool in_quotes) {
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
ShellWords::Word ShellWords::alternative(bool in_quotes) {
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

void ShellWords::choose(Word& word, std::string_view name, bool colon, char kind,
                        const Word& other) {
  const Variable found = variable(name);
  if (!found.known) {
    word.known = false;
    return;
  }
  const bool counts = found.value && !(colon && found.value->empty());
  if (counts && kind == '-') return append(word, {.text = *found.value});
  if (counts == (kind == '+')) append(word, other);
}

void ShellWords::put_in(Word& word, std::string_view name) {
  const Variable found = variable(name);
  append(word, {.text = found.value.value_or(""), .known = found.known});
}

void ShellWords::append(Word& word, const Word& more) {
  word.known = word.known && more.known && word.text.size() <= kLongestValue;
  if (word.known) word.text += more.text;
}

// $(…), $((…)) and other forms of ${…}: passed over with the quotes in it.
void ShellWords::substitution(Word& word, char open, char close) {
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

}  // namespace cleave
