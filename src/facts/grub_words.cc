#include "facts/grub_words.h"

#include <algorithm>

namespace cleave {
namespace {

constexpr std::size_t kMostVariables = 4096;
constexpr std::size_t kMostValues = 16;  // different ones of one variable
constexpr std::size_t kLongestWord = std::size_t{64} << 10U;
constexpr std::size_t kLongestValue = 4096;  // of a variable: no kernel takes a longer line on x86
constexpr std::size_t kMostExpanded = std::size_t{16} << 20U;  // bytes put in for variables

bool is_name_start(char letter) {
  return (letter >= 'A' && letter <= 'Z') || (letter >= 'a' && letter <= 'z') || letter == '_';
}
bool is_name(char letter) { return is_name_start(letter) || (letter >= '0' && letter <= '9'); }

bool is_blank(char letter) { return letter == ' ' || letter == '\t' || letter == '\r'; }
bool is_brace(char letter) { return letter == '{' || letter == '}'; }
bool ends_command(char letter) {
  return letter == '\n' || letter == ';' || letter == '|' || letter == '&' || letter == '<' ||
         letter == '>';
}

void add(GrubWord& word, char letter) {
  if (word.text.size() < kLongestWord) word.text += letter;
}

}  // namespace

void GrubVariables::set(const std::string& name, const GrubWord& value, bool surely) {
  if (values_.size() >= kMostVariables && !values_.contains(name)) return;
  Values& values = values_[name];
  if (surely) values.seen.clear();
  values.certain = surely && value.open.empty() && value.text.size() <= kLongestValue;
  if (value.text.size() > kLongestValue) return;
  const bool is_new = std::ranges::find(values.seen, value.text) == values.seen.end();
  if (value.open.empty() && is_new && values.seen.size() < kMostValues) {
    values.seen.push_back(value.text);
  }
  if (!value.open.empty()) values.certain = false;
}

std::optional<std::string> GrubVariables::value(std::string_view name) const {
  const auto remembered = environment_.find(name);
  const auto found = values_.find(name);
  if (found != values_.end() && found->second.certain) return found->second.seen.back();
  if (remembered != environment_.end()) return remembered->second;
  return std::nullopt;
}

std::vector<std::string> GrubVariables::possible(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::vector<std::string>() : found->second.seen;
}

GrubLexer::Kind GrubLexer::next(GrubWord& word) {
  skip_blanks();
  if (at_ >= text_.size()) return Kind::EndOfText;
  if (peek() == '#') at_ = std::min(text_.find('\n', at_), text_.size());
  if (at_ >= text_.size()) return Kind::EndOfText;
  if (ends_command(peek())) {
    ++at_;
    return Kind::EndOfCommand;
  }
  word = GrubWord();
  if (is_brace(peek())) {
    word.text = text_[at_++];
    return Kind::Word;
  }
  while (at_ < text_.size() && !is_blank(peek()) && !ends_command(peek()) && !is_brace(peek())) {
    piece(word);
  }
  return Kind::Word;
}

void GrubLexer::skip_blanks() {
  for (; at_ < text_.size(); ++at_) {
    if (peek() == '\\' && peek(1) == '\n') {
      ++at_;
    } else if (!is_blank(peek())) {
      return;
    }
  }
}

void GrubLexer::piece(GrubWord& word) {
  const char letter = peek();
  if (letter == '\'') return single_quotes(word);
  if (letter == '"') return double_quotes(word);
  if (letter == '$') return variable(word);
  if (letter == '\\' && at_ + 1 < text_.size()) {
    ++at_;
    if (peek() != '\n') add(word, peek());
  } else {
    add(word, letter);
  }
  ++at_;
}

void GrubLexer::single_quotes(GrubWord& word) {
  word.quoted = true;
  const std::size_t end = text_.find('\'', at_ + 1);
  if (end == std::string_view::npos) return stop();
  for (std::size_t i = at_ + 1; i < end; ++i) add(word, text_[i]);
  at_ = end + 1;
}

void GrubLexer::double_quotes(GrubWord& word) {
  word.quoted = true;
  for (++at_; at_ < text_.size() && peek() != '"';) {
    if (peek() == '$') {
      variable(word);
      continue;
    }
    const bool escaped = peek() == '\\' && at_ + 1 < text_.size() &&
                         std::string_view("$\"\\\n").find(peek(1)) != std::string_view::npos;
    if (escaped) ++at_;
    if (!escaped || peek() != '\n') add(word, peek());
    ++at_;
  }
  if (at_ >= text_.size()) return stop();
  ++at_;
}

void GrubLexer::variable(GrubWord& word) {
  ++at_;
  const bool braces = peek() == '{';
  const std::size_t start = at_ + (braces ? 1 : 0);
  std::size_t end = start;
  while (end < text_.size() && is_name(text_[end])) ++end;
  // "$1", "$?", "$#", "$*", "$@" are a function's own.
  if (end == start && end < text_.size() && std::string_view("?#*@").contains(text_[end])) ++end;
  const std::string name(text_.substr(start, end - start));
  if (name.empty() || (braces && (end >= text_.size() || text_[end] != '}'))) {
    return add(word, '$');
  }
  at_ = end + (braces ? 1 : 0);
  const auto value = expanded_ < kMostExpanded ? variables_.value(name) : std::nullopt;
  if (value) {
    expanded_ += value->size();
    for (const char letter : *value) add(word, letter);
    return;
  }
  if (word.open.size() < kMostValues) word.open.push_back(name);
  add(word, '$');
  for (const char letter : name) add(word, letter);
}

void GrubLexer::stop() {
  broken_ = true;
  at_ = text_.size();
}

}  // namespace cleave
