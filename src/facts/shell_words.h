// The words of a shell script, with their quotes taken off and their variables put in, as far as
// the text alone tells (POSIX shell, 2.2 and 2.6). What only a running shell could tell makes a
// word unknown. Linear in the text's length.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace cleave {

class ShellWords {
 public:
  static constexpr std::size_t kLongestValue = std::size_t{1} << 16U;  // bytes of a known word

  ShellWords(const ShellWords&) = delete;
  ShellWords& operator=(const ShellWords&) = delete;

 protected:
  struct Word {
    std::string text;
    bool known = true;
    bool quoted = false;
  };
  struct Variable {
    bool known = false;                // false: only a shell on that machine could tell
    std::optional<std::string> value;  // empty: not set
  };

  explicit ShellWords(std::string_view text) : text_(text) {}
  virtual ~ShellWords() = default;

  [[nodiscard]] virtual Variable variable(std::string_view name) const = 0;
  virtual void open_quote() = 0;  // a quote is not closed; sets stopped_

  // The word that begins here; empty where none does.
  Word word();

  // Blanks, newlines and the letters of operators.
  static bool ends_word(char letter);
  // Length of the variable's name at the start of `text`; 0 if there is none.
  static std::size_t name_length(std::string_view text);

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

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  bool stopped_ = false;

 private:
  void add(Word& word, char letter) const;
  void escaped(Word& word);
  void plain(Word& word);
  void single_quotes(Word& word);
  void double_quotes(Word& word);
  void backquotes(Word& word);
  void dollar(Word& word, bool in_quotes);
  void braces(Word& word, bool in_quotes);
  Word alternative(bool in_quotes);
  void choose(Word& word, std::string_view name, bool colon, char kind, const Word& other);
  void put_in(Word& word, std::string_view name);
  static void append(Word& word, const Word& more);
  void substitution(Word& word, char open, char close);

  int nested_ = 0;
};

}  // namespace cleave
