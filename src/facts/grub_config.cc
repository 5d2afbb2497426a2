#include "facts/grub_config.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <span>

#include "base/text.h"

namespace cleave {
namespace {

constexpr std::size_t kLongestText = std::size_t{4} << 20U;
constexpr std::size_t kLongestBlock = std::size_t{64} << 10U;  // GRUB's own has 1,024 bytes
constexpr std::size_t kMostEntries = 4096;
constexpr std::size_t kMostVariables = 4096;
constexpr std::size_t kMostValues = 16;  // different ones of one variable
constexpr std::size_t kLongestWord = std::size_t{64} << 10U;
constexpr std::size_t kMostWords = 4096;     // in one command
constexpr std::size_t kLongestValue = 4096;  // of a variable: no kernel takes a longer line on x86
constexpr std::size_t kLongestCommand = std::size_t{64} << 10U;
constexpr std::size_t kMostExpanded = std::size_t{16} << 20U;  // bytes put in for variables
constexpr std::size_t kMostKept = std::size_t{8} << 20U;       // bytes of all entries together
constexpr std::size_t kMostOpen = 16;                          // variables of one entry
constexpr std::size_t kMostPossible = 64;                      // words that they may stand for
constexpr std::size_t kMostBlockVariables = 1000;
constexpr std::string_view kSignature = "# GRUB Environment Block\n";

bool is_name_start(char letter) {
  return (letter >= 'A' && letter <= 'Z') || (letter >= 'a' && letter <= 'z') || letter == '_';
}
bool is_name(char letter) { return is_name_start(letter) || (letter >= '0' && letter <= '9'); }

// A word of GRUB's language. A variable may become several words, or none.
struct Word {
  std::string text;               // with "$name" for what is open
  std::vector<std::string> open;  // names of these
  bool quoted = false;            // no keyword
};

// What a variable may be: GRUB's variables have no scope, conditions decide who sets them.
struct Values {
  std::vector<std::string> seen;
  bool certain = false;  // set outside of every condition, after which nobody sets it again
};

class Variables {
 public:
  explicit Variables(const GrubEnvironment& environment) : environment_(environment) {}

  void set(const std::string& name, const Word& value, bool surely) {
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

  // The value, where it can be told.
  [[nodiscard]] std::optional<std::string> value(std::string_view name) const {
    const auto remembered = environment_.find(name);
    const auto found = values_.find(name);
    if (found != values_.end() && found->second.certain) return found->second.seen.back();
    if (remembered != environment_.end()) return remembered->second;
    return std::nullopt;
  }

  [[nodiscard]] std::vector<std::string> possible(std::string_view name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? std::vector<std::string>() : found->second.seen;
  }

 private:
  const GrubEnvironment& environment_;
  std::map<std::string, Values, std::less<>> values_;
};

// Splits GRUB's language into words and ends of commands (grub-core/script/yylex.l).
class Lexer {
 public:
  enum class Kind : std::uint8_t { Word, EndOfCommand, EndOfText };

  Lexer(std::string_view text, const Variables& variables) : text_(text), variables_(variables) {}

  Kind next(Word& word) {
    skip_blanks();
    if (at_ >= text_.size()) return Kind::EndOfText;
    if (peek() == '#') at_ = std::min(text_.find('\n', at_), text_.size());
    if (at_ >= text_.size()) return Kind::EndOfText;
    if (ends_command(peek())) {
      ++at_;
      return Kind::EndOfCommand;
    }
    word = Word();
    if (is_brace(peek())) {
      word.text = text_[at_++];
      return Kind::Word;
    }
    while (at_ < text_.size() && !is_blank(peek()) && !ends_command(peek()) && !is_brace(peek())) {
      piece(word);
    }
    return Kind::Word;
  }

  [[nodiscard]] bool broken() const { return broken_; }

 private:
  static bool is_blank(char letter) { return letter == ' ' || letter == '\t' || letter == '\r'; }
  static bool is_brace(char letter) { return letter == '{' || letter == '}'; }
  static bool ends_command(char letter) {
    return letter == '\n' || letter == ';' || letter == '|' || letter == '&' || letter == '<' ||
           letter == '>';
  }

  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  void skip_blanks() {
    for (; at_ < text_.size(); ++at_) {
      if (peek() == '\\' && peek(1) == '\n') {
        ++at_;
      } else if (!is_blank(peek())) {
        return;
      }
    }
  }

  static void add(Word& word, char letter) {
    if (word.text.size() < kLongestWord) word.text += letter;
  }

  void piece(Word& word) {
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

  void single_quotes(Word& word) {
    word.quoted = true;
    const std::size_t end = text_.find('\'', at_ + 1);
    if (end == std::string_view::npos) return stop();
    for (std::size_t i = at_ + 1; i < end; ++i) add(word, text_[i]);
    at_ = end + 1;
  }

  void double_quotes(Word& word) {
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

  void variable(Word& word) {
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

  void stop() {
    broken_ = true;
    at_ = text_.size();
  }

  std::string_view text_;
  const Variables& variables_;
  std::size_t at_ = 0;
  std::size_t expanded_ = 0;
  bool broken_ = false;
};

// As grub_create_loader_cmdline (grub-core/lib/cmdline.c) puts words together: one with a blank
// inside gets quotes. It also writes a backslash before quotes and backslashes; the kernel takes
// that as it stands.
void append_argument(std::string& arguments, const Word& word) {
  if (word.text.empty()) return;
  if (!arguments.empty()) arguments += ' ';
  const bool blank = word.text.find(' ') != std::string::npos && word.quoted;
  if (blank) arguments += '"';
  for (const char letter : word.text) {
    if (letter == '\\' || letter == '\'' || letter == '"') arguments += '\\';
    arguments += letter;
  }
  if (blank) arguments += '"';
}

bool is_linux(std::string_view command) {
  return command == "linux" || command == "linux16" || command == "linuxefi";
}
bool is_initrd(std::string_view command) {
  return command == "initrd" || command == "initrd16" || command == "initrdefi";
}

class Reader {
 public:
  Reader(std::string_view text, const GrubEnvironment& environment)
      : variables_(environment), lexer_(text.substr(0, kLongestText), variables_) {
    result_.complete = text.size() <= kLongestText;
    result_.generated = text.substr(0, 1024).contains("generated by grub");
  }

  GrubConfig run() {
    std::vector<Word> command;
    for (;;) {
      if (command.empty()) command_bytes_ = 0;
      Word word;
      const Lexer::Kind kind = lexer_.next(word);
      if (kind == Lexer::Kind::Word) {
        take(command, std::move(word));
        continue;
      }
      execute(command);
      command.clear();
      if (kind == Lexer::Kind::EndOfText) break;
    }
    if (lexer_.broken()) result_.complete = false;
    for (BootEntry& entry : result_.entries) add_possible(entry);
    return std::move(result_);
  }

 private:
  enum class Block : std::uint8_t { Condition, Function, Entry, Submenu, Group };

  // Braces open and close blocks wherever a command may begin or ends.
  void take(std::vector<Word>& command, Word word) {
    const bool brace = !word.quoted && word.open.empty();
    if (brace && word.text == "{") {
      open(command);
      command.clear();
    } else if (brace && word.text == "}") {
      execute(command);
      command.clear();
      close();
    } else if (command.size() < kMostWords &&
               command_bytes_ + word.text.size() <= kLongestCommand) {
      command_bytes_ += word.text.size();
      command.push_back(std::move(word));
    } else {
      result_.complete = false;
    }
  }

  void open(const std::vector<Word>& command) {
    const std::string_view name = command.empty() ? "" : std::string_view(command.front().text);
    Block block = Block::Group;
    if (name == "function") block = Block::Function;
    if (name == "menuentry") block = Block::Entry;
    if (name == "submenu") block = Block::Submenu;
    if (block == Block::Entry) begin_entry(command);
    push(block);
  }

  void push(Block block) {
    // Deeper than this nobody writes; what is lost is only whether a value is certain.
    constexpr std::size_t kDeepest = 1000;
    if (blocks_.size() >= kDeepest) return;
    blocks_.push_back(block);
    ++open_[static_cast<std::size_t>(block)];
  }

  void close() {
    if (blocks_.empty()) return;
    const Block block = blocks_.back();
    pop();
    if (block == Block::Entry) end_entry();
  }

  [[nodiscard]] bool inside(Block block) const {
    return open_[static_cast<std::size_t>(block)] != 0;
  }

  void pop() {
    --open_[static_cast<std::size_t>(blocks_.back())];
    blocks_.pop_back();
  }

  void begin_entry(const std::vector<Word>& command) {
    entry_ = BootEntry();
    kernels_ = 0;
    if (command.size() > 1) entry_.title = printable(command[1].text);
    for (std::size_t i = 2; i + 1 < command.size(); ++i) {
      // $menuentry_id_option is "--id" where GRUB knows it (00_header of grub-mkconfig).
      const std::string& word = command[i].text;
      if (word == "--id" || word == "$menuentry_id_option")
        entry_.id = printable(command[i + 1].text);
      if (word.starts_with("--id=")) entry_.id = printable(word.substr(5));
    }
    if (entry_.id.empty() && command.size() > 1) {
      const std::string& last = command.back().text;
      if (last.starts_with("--id=")) entry_.id = printable(last.substr(5));
    }
    entry_.in_submenu = inside(Block::Submenu);
  }

  void end_entry() {
    if (entry_.kernel.empty()) return;  // another system's loader, or the firmware's set-up
    kept_ += entry_.arguments.size() + entry_.kernel.size() + entry_.title.size();
    for (const std::string& initrd : entry_.initrds) kept_ += initrd.size();
    if (result_.entries.size() >= kMostEntries || kept_ > kMostKept) {
      result_.complete = false;
      return;
    }
    // Which of several kernels is started, conditions decide.
    if (kernels_ > 1) entry_.open.emplace_back("?");
    entry_.recovery = is_recovery(entry_.id, entry_.arguments);
    result_.entries.push_back(std::move(entry_));
    entry_ = BootEntry();
  }

  void execute(std::span<const Word> command) {
    const auto goes_on = [](const Word& word) {
      return !word.quoted && (word.text == "then" || word.text == "else" || word.text == "do");
    };
    while (!command.empty() && goes_on(command.front())) command = command.subspan(1);
    if (command.empty()) return;
    const Word& first = command.front();
    if (!first.quoted && keyword(command)) return;
    if (first.text == "set" && command.size() >= 2) return assign(command[1]);
    if (first.text.find('=') != std::string::npos && !first.text.starts_with('=') &&
        command.size() == 1) {
      return assign(first);
    }
    if (first.text == "blscfg") result_.loader_entries = true;
    if (!inside(Block::Entry)) return;
    if (is_linux(first.text)) return kernel(command, 1);
    if (is_initrd(first.text)) return initrds(command);
    // Under Xen the first module is the kernel; its first argument is a word to be passed over.
    if (first.text == "module" || first.text == "module2") return module(command);
  }

  bool keyword(std::span<const Word> command) {
    const std::string& word = command.front().text;
    if (word == "if" || word == "while" || word == "until" || word == "for") {
      push(Block::Condition);
      return true;
    }
    if (word == "fi" || word == "done") {
      if (!blocks_.empty() && blocks_.back() == Block::Condition) pop();
      return true;
    }
    return word == "elif" || word == "menuentry" || word == "submenu";
  }

  void assign(const Word& word) {
    const std::size_t equals = word.text.find('=');
    if (equals == std::string::npos || equals == 0) return;
    const std::string name = word.text.substr(0, equals);
    Word value = word;
    value.text = word.text.substr(equals + 1);
    if (name == "default") result_.default_entry = printable(value.text);
    variables_.set(name, value, blocks_.empty());
  }

  void kernel(std::span<const Word> command, std::size_t first) {
    ++kernels_;
    if (kernels_ > 1 || command.size() <= first) return;
    entry_.kernel = command[first].text;
    for (std::size_t i = first + 1; i < command.size(); ++i) {
      append_argument(entry_.arguments, command[i]);
      for (const std::string& name : command[i].open) note_open(name);
    }
  }

  void note_open(const std::string& name) {
    const bool is_new = std::ranges::find(entry_.open, name) == entry_.open.end();
    if (is_new && entry_.open.size() < kMostOpen) entry_.open.push_back(name);
  }

  void module(std::span<const Word> command) {
    std::vector<Word> rest;
    for (const Word& word : command) {
      if (!word.text.starts_with("--")) rest.push_back(word);
    }
    if (rest.size() < 2) return;
    if (!entry_.kernel.empty()) {
      if (rest.size() == 2) entry_.initrds.push_back(rest[1].text);
      return;
    }
    if (rest.size() > 2 && rest[2].text == "placeholder") rest.erase(rest.begin() + 2);
    kernel(rest, 1);
  }

  void initrds(std::span<const Word> command) {
    for (std::size_t i = 1; i < command.size(); ++i) {
      if (!command[i].text.empty()) entry_.initrds.push_back(command[i].text);
    }
  }

  // Only at the end everything that a variable may become is known.
  void add_possible(BootEntry& entry) const {
    std::set<std::string, std::less<>> seen;
    for (const std::string& name : entry.open) {
      if (!seen.insert(name).second) continue;
      for (const std::string& value : variables_.possible(name)) {
        for (const std::string_view word : words(value)) {
          if (entry.possible.size() < kMostPossible) entry.possible.emplace_back(word);
        }
      }
    }
  }

  Variables variables_;
  Lexer lexer_;
  std::vector<Block> blocks_;
  std::array<std::size_t, 5> open_{};  // how many blocks of each kind
  BootEntry entry_;
  std::size_t command_bytes_ = 0;
  std::size_t kept_ = 0;
  std::size_t kernels_ = 0;  // commands in this entry that load one
  GrubConfig result_;
};

}  // namespace

std::optional<GrubEnvironment> parse_grub_environment(std::string_view text) {
  if (text.size() > kLongestBlock || !text.starts_with(kSignature)) return std::nullopt;
  GrubEnvironment environment;
  std::string name;
  std::string value;
  bool in_value = false;
  const auto finish = [&] {
    if (in_value && !name.empty() && environment.size() < kMostBlockVariables) {
      environment.insert_or_assign(name, value);
    }
    name.clear();
    value.clear();
    in_value = false;
  };
  for (std::size_t at = kSignature.size(); at < text.size(); ++at) {
    const char letter = text[at];
    if (letter == '\n') {
      finish();
    } else if (!in_value && name.empty() && letter == '#') {
      // What is left of the block, or a comment.
      at = std::min(text.find('\n', at), text.size());
    } else if (!in_value) {
      in_value = letter == '=';
      if (!in_value) name += letter;
    } else {
      // A backslash protects itself and a newline (grub-core/lib/envblk.c).
      if (letter == '\\' && at + 1 < text.size()) ++at;
      value += text[at];
    }
  }
  finish();
  return environment;
}

GrubConfig parse_grub_config(std::string_view text, const GrubEnvironment& environment) {
  return Reader(text, environment).run();
}

BootEntry expand_loader_entry(BootEntry entry, const GrubEnvironment& environment) {
  const Variables variables(environment);
  Lexer lexer(entry.arguments, variables);
  std::string arguments;
  for (Word word;;) {
    const Lexer::Kind kind = lexer.next(word);
    if (kind == Lexer::Kind::EndOfText) break;
    if (kind != Lexer::Kind::Word) continue;
    append_argument(arguments, word);
    for (std::string& name : word.open) {
      if (entry.open.size() < kMostOpen) entry.open.push_back(std::move(name));
    }
    if (arguments.size() > kLongestCommand) break;
  }
  entry.arguments = std::move(arguments);
  entry.recovery = is_recovery(entry.id, entry.arguments);
  return entry;
}

}  // namespace cleave
