// Messages → text of the person's language (gettext), and text laid out for a terminal.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/message.h"
#include "base/result.h"

namespace cleave {

// Once, before the first translation. `language` is "en", "ko", or empty for the environment's
// (LC_ALL, LC_MESSAGES, LANG, LANGUAGE as gettext has them). `locale_directory` holds
// ko/LC_MESSAGES/cleave.mo.
void choose_language(std::string_view language, const std::string& locale_directory);

std::string translate(const char* text);
std::string translate(const Message& message);

// Several lines: what failed, the chain of causes, the system's answer, what to do next.
std::string translate(const Error& error);

// Columns a terminal needs for `text`: Korean letters are two wide (UAX #11).
std::size_t display_width(std::string_view text);

// Rows of cells as aligned columns, two blanks between, no blanks at line ends. The first row is
// the header if `header` is true.
std::string table(const std::vector<std::vector<std::string>>& rows, bool header = true);

// Breaks at blanks so that no line is wider than `width` columns; continuation lines start with
// `indent` blanks.
std::string wrap(std::string_view text, std::size_t width, std::size_t indent = 0);

// Width of the terminal on standard output; 80 if it is none.
std::size_t terminal_width();

// True if colour may be used on standard output (a terminal, and NO_COLOR is not set).
bool colour_allowed();

}  // namespace cleave
