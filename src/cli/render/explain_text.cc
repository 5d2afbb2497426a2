#include "cli/render/explain_text.h"

#include <algorithm>
#include <map>

#include "base/format.h"
#include "base/order.h"
#include "base/text.h"
#include "cli/render/translate.h"

namespace cleave {
namespace {

// Of files up to this many lines all are shown; of longer ones those with notes.
constexpr std::size_t kShortFile = 60;
constexpr std::size_t kLongestLine = 2048;  // bytes of a line that are shown
constexpr std::size_t kMostNumbers = 6;     // of further lines with the same note

struct Mark {
  const char* sign;
  const char* colour;
};

Mark mark_of(Severity severity) {
  switch (severity) {
    case Severity::Good:
      return {.sign = "✓", .colour = "32"};
    case Severity::Harmless:
      return {.sign = "○", .colour = "2"};
    case Severity::Note:
      return {.sign = "·", .colour = "36"};
    case Severity::Warning:
      return {.sign = "!", .colour = "33"};
    case Severity::Problem:
      return {.sign = "✗", .colour = "31"};
  }
  return {.sign = "·", .colour = "36"};
}

// Words that are wider than the page are cut at its edge.
std::string broken(std::string_view text, std::size_t width) {
  std::string pieces;
  std::size_t column = 0;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t length = 1;
    while (at + length < text.size() &&
           (static_cast<unsigned char>(text[at + length]) & 0xC0U) == 0x80U) {
      ++length;
    }
    const std::string_view letter = text.substr(at, length);
    const std::size_t wide = display_width(letter);
    if (letter == " ") column = 0;
    if (column + wide > width) {
      pieces += ' ';
      column = 0;
    }
    pieces += letter;
    if (letter != " ") column += wide;
    at += length;
  }
  return pieces;
}

std::size_t count_lines(std::string_view bytes) {
  const auto ends = static_cast<std::size_t>(std::ranges::count(bytes, '\n'));
  return ends + (bytes.empty() || bytes.ends_with('\n') ? 0 : 1);
}

class ExplainText {
 public:
  ExplainText(const ExplainedFile& file, const ExplainStyle& style)
      : file_(file), style_(style), line_count_(count_lines(file.bytes)) {
    for (const Annotation& note : file.explanation.annotations) ++counts_[note.severity];
    number_width_ = std::to_string(line_count_).size();
    margin_ = number_width_ + 2;
  }

  std::string write() {
    if (file_.explainer == nullptr) {
      const char* text = file_.bytes.empty()
                             ? N_("{path} is empty.")
                             : N_("{path}: cleave does not know this kind of file.");
      paragraph(0, 2, translate(Message(text, {{"path", printable(file_.path)}})));
      return std::move(text_);
    }
    write_title();
    write_notes(0);
    const bool every = style_.all_lines || line_count_ <= kShortFile;
    if (!is_binary()) write_lines(every);
    write_end(every);
    return std::move(text_);
  }

 private:
  [[nodiscard]] bool is_binary() const {
    return file_.bytes.substr(0, 4096).find('\0') != std::string::npos;
  }

  [[nodiscard]] std::string coloured(const char* colour, const std::string& text) const {
    return style_.colour ? format("\x1b[{}m{}\x1b[0m", colour, text) : text;
  }

  // Colour goes around whole lines, after they were broken.
  void paragraph(std::size_t indent, std::size_t further, const std::string& text,
                 const char* colour = nullptr) {
    const std::size_t room = style_.width > further + 20 ? style_.width - further : 20;
    const std::string wrapped =
        wrap(std::string(indent, ' ') + broken(text, room - 1), style_.width, further);
    for (const std::string_view line : lines(wrapped)) {
      text_ += (colour != nullptr ? coloured(colour, std::string(line)) : std::string(line)) + "\n";
    }
  }

  void write_title() {
    paragraph(
        0, 2,
        translate(Message(N_("{path}: {kind}"), {{"path", printable(file_.path)},
                                                 {"kind", translate(file_.explainer->title)}})),
        "1");
    text_ += "\n";
  }

  // One line after the other: a list of all is larger than a file of empty ones.
  void write_lines(bool every) {
    std::string_view rest = file_.bytes;
    for (std::size_t number = 1; !rest.empty(); ++number) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      std::string_view line = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      const bool noted = has_notes(number);
      if (!every && (!noted || !has_fresh_note(number))) continue;
      if (line.ends_with('\r')) line.remove_suffix(1);
      write_line(number, line, noted);
      write_notes(number);
    }
  }

  void write_line(std::size_t number, std::string_view line, bool noted) {
    std::string shown = printable(line.substr(0, kLongestLine));
    std::ranges::replace(shown, '\t', ' ');
    const std::string label = format("{:>{}}", number, number_width_);
    paragraph(0, margin_, label + "  " + shown, noted ? nullptr : "2");
  }

  [[nodiscard]] std::pair<std::size_t, std::size_t> notes_of(std::size_t number) const {
    const auto& notes = file_.explanation.annotations;
    const auto [first, last] = std::ranges::equal_range(notes, number, {}, &Annotation::line);
    return {static_cast<std::size_t>(first - notes.begin()),
            static_cast<std::size_t>(last - notes.begin())};
  }

  [[nodiscard]] bool has_notes(std::size_t number) const {
    const auto [first, last] = notes_of(number);
    return first != last;
  }

  static std::string key_of(const Annotation& note) {
    return note.id + '\n' + english(note.meaning);
  }

  // A note that was not told before.
  [[nodiscard]] bool has_fresh_note(std::size_t number) const {
    const auto [first, last] = notes_of(number);
    for (std::size_t i = first; i < last; ++i) {
      if (!told_.contains(key_of(file_.explanation.annotations[i]))) return true;
    }
    return false;
  }

  void write_notes(std::size_t number) {
    const auto [first, last] = notes_of(number);
    for (std::size_t i = first; i < last; ++i) write_note(file_.explanation.annotations[i]);
  }

  void write_note(const Annotation& note) {
    const Mark mark = mark_of(note.severity);
    const auto [place, fresh] = told_.emplace(key_of(note), note.line);
    if (!fresh) {
      paragraph(margin_, margin_ + 2,
                std::string(mark.sign) + " " +
                    translate(Message(N_("As on line {line}."), {{"line", place->second}})),
                mark.colour);
      return;
    }
    const std::string symbol = symbol_of(note);
    paragraph(margin_, margin_ + 2, std::string(mark.sign) + " " + symbol + translate(note.meaning),
              mark.colour);
    if (!note.action.empty()) {
      paragraph(margin_ + 2, margin_ + 4, "→ " + translate(note.action));
    }
  }

  // What a note without a line is about, or which of several things on its line.
  static std::string symbol_of(const Annotation& note) {
    for (const char* name : {"symbol", "argument"}) {
      const auto found = std::ranges::find(note.arguments, name, &Field::name);
      if (found != note.arguments.end()) return found->value + ": ";
    }
    return {};
  }

  void write_end(bool every) {
    text_ += "\n";
    paragraph(0, 2,
              translate(Message(N_("{notes} notes: {problems} problems, {warnings} warnings."),
                                {{"notes", file_.explanation.annotations.size()},
                                 {"problems", counts_[Severity::Problem]},
                                 {"warnings", counts_[Severity::Warning]}})));
    if (!every) {
      paragraph(0, 2,
                translate(Message(N_("Of {lines} lines only those with a new note are shown; all "
                                     "with --all."),
                                  {{"lines", line_count_}})));
    }
  }

  const ExplainedFile& file_;
  const ExplainStyle& style_;
  std::size_t line_count_;
  std::map<std::string, std::size_t> told_;  // note → the line where it was told
  std::map<Severity, std::size_t> counts_;
  std::size_t number_width_ = 1;
  std::size_t margin_ = 3;
  std::string text_;
};

Json arguments_json(const std::vector<Field>& fields) {
  Json json = Json::object();
  for (const Field& field : fields) json.set(field.name, field.value);
  return json;
}

}  // namespace

ExplainedFile explain_file(std::string path, std::string bytes) {
  ExplainedFile file{
      .path = std::move(path), .bytes = std::move(bytes), .explainer = nullptr, .explanation = {}};
  file.explainer = recognise(file.bytes);
  if (file.explainer != nullptr) file.explanation = file.explainer->explain(file.bytes);
  // Shown in the order of the lines, whatever order the explainer had.
  sort_keeping_order(file.explanation.annotations, &Annotation::line);
  file.explanation.kind = file.explainer == nullptr ? "unknown" : file.explainer->kind;
  return file;
}

std::string explain_text(const ExplainedFile& file, const ExplainStyle& style) {
  return ExplainText(file, style).write();
}

Json explain_json(const std::vector<ExplainedFile>& files) {
  Json list = Json::array();
  for (const ExplainedFile& file : files) {
    Json notes = Json::array();
    for (const Annotation& note : file.explanation.annotations) {
      notes.push_back(Json::object({{"line", note.line},
                                    {"id", note.id},
                                    {"severity", severity_name(note.severity)},
                                    {"args", arguments_json(note.arguments)}}));
    }
    list.push_back(Json::object({{"path", file.path},
                                 {"kind", file.explanation.kind},
                                 {"annotations", std::move(notes)},
                                 {"decoded", file.explanation.decoded}}));
  }
  return Json::object({{"schema", "cleave.explain/1"}, {"files", std::move(list)}});
}

}  // namespace cleave
