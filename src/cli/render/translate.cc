#include "cli/render/translate.h"

#include <libintl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <cstdlib>

#include "base/text.h"

namespace cleave {
namespace {

constexpr const char* kDomain = "cleave";
constexpr const char* kSystemDomain = "libc";  // the texts of strerror(3)
constexpr std::size_t kDefaultWidth = 80;

// The language that the environment asks for, in gettext's order of precedence.
std::string environment_language() {
  for (const char* name : {"LC_ALL", "LC_MESSAGES", "LANG"}) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread
    if (value != nullptr && *value != '\0') return value;
  }
  return "C";
}

struct Character {
  char32_t code = 0;
  std::size_t length = 1;  // bytes
};

// The first character of `text`, which is not empty. A broken byte counts as one character.
Character first_character(std::string_view text) {
  const auto byte = [&](std::size_t index) { return static_cast<unsigned char>(text[index]); };
  const unsigned char lead = byte(0);
  std::size_t length = 1;
  char32_t code = lead;
  if (lead >= 0xF0) {
    length = 4;
    code = lead & 0x07U;
  } else if (lead >= 0xE0) {
    length = 3;
    code = lead & 0x0FU;
  } else if (lead >= 0xC0) {
    length = 2;
    code = lead & 0x1FU;
  }
  if (length > text.size()) return {lead, 1};
  for (std::size_t i = 1; i < length; ++i) code = (code << 6U) | (byte(i) & 0x3FU);
  return {code, length};
}

// Two columns: the East Asian wide blocks that can occur in our texts (UAX #11: Hangul Jamo,
// CJK symbols to Yi, Hangul syllables, compatibility ideographs, full-width forms).
bool is_wide(char32_t code) {
  return (code >= 0x1100 && code <= 0x115F) || (code >= 0x2E80 && code <= 0xA4CF) ||
         (code >= 0xAC00 && code <= 0xD7A3) || (code >= 0xF900 && code <= 0xFAFF) ||
         (code >= 0xFE30 && code <= 0xFE4F) || (code >= 0xFF00 && code <= 0xFF60) ||
         (code >= 0xFFE0 && code <= 0xFFE6);
}

}  // namespace

void choose_language(std::string_view language, const std::string& locale_directory) {
  const std::string wanted = language.empty() ? environment_language() : std::string(language);
  // Not LC_ALL: what is not needed would be eleven files read at every start. Nor LC_CTYPE, of
  // which gettext takes only the character set: ours is UTF-8 everywhere, as it is said below.
  std::setlocale(LC_MESSAGES, "");
  // A language whose locale is not generated on this machine still gets its sentences: gettext
  // needs any locale but "C", and LANGUAGE then names the catalogue.
  if (!language.empty() || std::string_view(std::setlocale(LC_MESSAGES, nullptr)) == "C") {
    std::setlocale(LC_MESSAGES, "C.UTF-8");
    if (!language.empty() || wanted.starts_with("ko")) {
      const std::string name = wanted.substr(0, wanted.find_first_of("_.@"));
      ::setenv("LANGUAGE", name.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
    }
  }
  ::bindtextdomain(kDomain, locale_directory.c_str());
  ::bind_textdomain_codeset(kDomain, "UTF-8");
  ::bind_textdomain_codeset(kSystemDomain, "UTF-8");
  ::textdomain(kDomain);
}

std::string translate(const char* text) {
  // gettext("") would answer with the catalogue's header.
  return *text == '\0' ? std::string() : std::string(::gettext(text));
}

std::string translate(const Message& message) {
  return fill_fields(translate(message.text.c_str()), message.fields);
}

std::string translate(const Error& error) {
  std::string text = "cleave: " + translate(error.message);
  if (error.error_number != 0) {
    while (text.ends_with('.')) text.pop_back();
    text += ": " + std::string(::dgettext(kSystemDomain, errno_text(error.error_number).c_str()));
  }
  if (!error.path.empty() && text.find(error.path) == std::string::npos) {
    text += " (" + error.path + ")";
  }
  text += "\n";
  for (const Message& doing : error.context) text += "  " + translate(doing) + "\n";
  if (!error.remedy.empty()) text += "  → " + translate(error.remedy) + "\n";
  return text;
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    // Colour codes (ESC [ … m) take no room.
    if (text.starts_with("\x1b[")) {
      const std::size_t end = text.find('m');
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
      continue;
    }
    const Character character = first_character(text);
    width += is_wide(character.code) ? 2U : 1U;
    text.remove_prefix(character.length);
  }
  return width;
}

std::string table(const std::vector<std::vector<std::string>>& rows, bool header) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t column = 0; column < row.size(); ++column) {
      widths[column] = std::max(widths[column], display_width(row[column]));
    }
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t column = 0; column < row.size(); ++column) {
      line += row[column];
      const bool last = column + 1 == row.size();
      if (!last) line.append(widths[column] - display_width(row[column]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    const bool emphasise = header && &row == &rows.front() && colour_allowed();
    text += emphasise ? "\x1b[1m" + line + "\x1b[0m\n" : line + "\n";
  }
  return text;
}

std::string wrap(std::string_view text, std::size_t width, std::size_t indent) {
  std::string wrapped;
  std::string line;
  std::size_t line_width = 0;
  // Blanks at the start belong to the first word: they are its indentation.
  std::size_t start = 0;
  while (start < text.size()) {
    std::size_t end = text.find_first_not_of(' ', start);
    end = end == std::string_view::npos ? text.size() : text.find(' ', end);
    if (end == std::string_view::npos) end = text.size();
    const std::string_view word = text.substr(start, end - start);
    const std::size_t word_width = display_width(word);
    if (!line.empty() && line_width + word_width > width) {
      wrapped += line + "\n";
      const std::string_view bare = trim(word);
      line = std::string(indent, ' ').append(bare);
      line_width = indent + display_width(bare);
    } else {
      line += word;
      line_width += word_width;
    }
    start = end;
  }
  return wrapped + line;
}

std::size_t terminal_width() {
  winsize size{};
  if (::isatty(STDOUT_FILENO) == 1 && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 &&
      size.ws_col >= 40) {
    return size.ws_col;
  }
  return kDefaultWidth;
}

bool colour_allowed() {
  const char* no_colour = std::getenv("NO_COLOR");  // NOLINT(concurrency-mt-unsafe)
  return ::isatty(STDOUT_FILENO) == 1 && (no_colour == nullptr || *no_colour == '\0');
}

}  // namespace cleave
