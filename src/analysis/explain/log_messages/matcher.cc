#include <algorithm>

#include "analysis/explain/log_messages/message.h"
#include "base/order.h"
#include "base/text.h"

namespace cleave {
namespace {

constexpr std::size_t kLongestField = 256;  // names and addresses are shorter
// A message that a log quotes (a command line, an audit record) is not that message.
constexpr std::string_view kQuoting[] = {
    "Command line:",
    "Kernel command line:",
    "Unknown kernel command line parameters",
    "audit:",
    "Unknown command line parameters",
    "Modules linked in:",
};

std::size_t key_of(std::string_view text) {
  return static_cast<std::size_t>(static_cast<unsigned char>(text[0])) << 8U |
         static_cast<unsigned char>(text[1]);
}

// Where a message can begin: behind the name of its driver or device.
bool begins_at(std::string_view text, std::size_t at) {
  if (at == 0) return true;
  const char before = text[at - 1];
  if (before == ':' || before == ']') return text[at] != ' ';
  if (before != ' ' || at < 2) return false;
  const char earlier = text[at - 2];
  return earlier == ':' || earlier == ']' || earlier == '*' || earlier == ' ';
}

}  // namespace

std::vector<LogMatcher::Piece> LogMatcher::pieces_of(std::string_view pattern) {
  std::vector<Piece> pieces;
  while (!pattern.empty()) {
    const std::size_t open = std::min(pattern.find('{'), pattern.size());
    Piece piece{.literal = pattern.substr(0, open), .field = {}, .takes_rest = false};
    pattern.remove_prefix(open);
    if (const std::size_t close = pattern.find('}'); close != std::string_view::npos) {
      piece.field = pattern.substr(1, close - 1);
      piece.takes_rest = piece.field.ends_with('*');
      if (piece.takes_rest) piece.field.remove_suffix(1);
      pattern.remove_prefix(close + 1);
    }
    pieces.push_back(piece);
  }
  return pieces;
}

LogMatcher::LogMatcher(const std::vector<const LogMessage*>& messages) : first_(1U << 16U, 0) {
  for (const LogMessage* message : messages) {
    Pattern pattern{.message = message, .pieces = pieces_of(message->pattern), .fixed = 0};
    // The index needs two bytes; the tests hold every row to it.
    if (pattern.pieces.empty() || pattern.pieces.front().literal.size() < 2) continue;
    for (const Piece& piece : pattern.pieces) pattern.fixed += piece.literal.size();
    patterns_.push_back(std::move(pattern));
  }
  const auto key = [](const Pattern& pattern) { return key_of(pattern.pieces.front().literal); };
  sort_keeping_order(patterns_, key);
  for (std::size_t i = patterns_.size(); i > 0; --i) {
    first_[key(patterns_[i - 1])] = static_cast<std::uint16_t>(i);
  }
}

// `text` begins where the pattern does. A field ends where the literal behind it first appears.
bool LogMatcher::fits(const Pattern& pattern, std::string_view text, std::vector<Field>* fields) {
  for (std::size_t i = 0; i < pattern.pieces.size(); ++i) {
    const Piece& piece = pattern.pieces[i];
    if (!text.starts_with(piece.literal)) return false;
    text.remove_prefix(piece.literal.size());
    if (piece.field.empty()) continue;
    std::size_t end = text.size();
    if (!piece.takes_rest) {
      const bool last = i + 1 == pattern.pieces.size();
      const std::string_view stop = last ? " " : pattern.pieces[i + 1].literal;
      end = text.substr(0, kLongestField + stop.size()).find(stop);
      if (end == std::string_view::npos) {
        if (!last || text.size() > kLongestField) return false;
        end = text.size();
      }
      if (text.substr(0, end).find(' ') != std::string_view::npos) return false;
    }
    if (end == 0) return false;
    if (fields != nullptr) fields->emplace_back(piece.field, text.substr(0, end));
    text.remove_prefix(end);
  }
  return true;
}

std::optional<LogMatch> LogMatcher::match(std::string_view text) const {
  const bool quotes =
      std::ranges::any_of(kQuoting, [text](auto start) { return text.starts_with(start); });
  const std::size_t end = quotes ? 1 : text.size();
  const Pattern* best = nullptr;
  std::size_t best_at = 0;
  for (std::size_t at = 0; at + 1 < text.size() && at < end; ++at) {
    if (!begins_at(text, at)) continue;
    const std::size_t key = key_of(text.substr(at));
    for (std::size_t i = first_[key]; i != 0 && i <= patterns_.size(); ++i) {
      const Pattern& pattern = patterns_[i - 1];
      if (key_of(pattern.pieces.front().literal) != key) break;
      if (best != nullptr && pattern.fixed <= best->fixed) continue;
      if (!fits(pattern, text.substr(at), nullptr)) continue;
      best = &pattern;
      best_at = at;
    }
  }
  if (best == nullptr) return std::nullopt;
  LogMatch found{.message = best->message, .at = best_at, .fields = {}};
  fits(*best, text.substr(best_at), &found.fields);
  return found;
}

Annotation log_annotation(const LogMatch& match, std::size_t line) {
  std::vector<Field> fields = match.fields;
  for (Field& field : fields) field.value = printable(field.value);
  const LogMessage& message = *match.message;
  return {.line = line,
          .id = message.id,
          .severity = message.severity,
          .meaning = {message.meaning, fields},
          .action = *message.action == 0 ? Message() : Message(message.action, fields),
          .arguments = fields};
}

}  // namespace cleave
