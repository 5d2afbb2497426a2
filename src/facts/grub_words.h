// GRUB's language as words: quotes, escapes and variables, the way grub.cfg and loader entries have
// them. For facts/grub_config.cc. Pure, and bounded.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "facts/grub_config.h"

namespace cleave {

// A word of GRUB's language. A variable may become several words, or none.
struct GrubWord {
  std::string text;               // with "$name" for what is open
  std::vector<std::string> open;  // names of these
  bool quoted = false;            // no keyword
};

// GRUB's variables have no scope, conditions decide who sets them: what each may be.
class GrubVariables {
 public:
  explicit GrubVariables(const GrubEnvironment& environment) : environment_(environment) {}

  // `surely`: outside of every condition.
  void set(const std::string& name, const GrubWord& value, bool surely);
  // The value, where it can be told.
  [[nodiscard]] std::optional<std::string> value(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> possible(std::string_view name) const;

 private:
  struct Values {
    std::vector<std::string> seen;
    bool certain = false;  // set outside of every condition, after which nobody sets it again
  };

  const GrubEnvironment& environment_;
  std::map<std::string, Values, std::less<>> values_;
};

// Splits GRUB's language into words and ends of commands (grub-core/script/yylex.l).
class GrubLexer {
 public:
  enum class Kind : std::uint8_t { Word, EndOfCommand, EndOfText };

  GrubLexer(std::string_view text, const GrubVariables& variables)
      : text_(text), variables_(variables) {}

  Kind next(GrubWord& word);
  [[nodiscard]] bool broken() const { return broken_; }  // a quote was left open

 private:
  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  void skip_blanks();
  void piece(GrubWord& word);
  void single_quotes(GrubWord& word);
  void double_quotes(GrubWord& word);
  void variable(GrubWord& word);
  void stop();

  std::string_view text_;
  const GrubVariables& variables_;
  std::size_t at_ = 0;
  std::size_t expanded_ = 0;
  bool broken_ = false;
};

}  // namespace cleave
