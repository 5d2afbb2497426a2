// /etc/default/grub and its drop-ins: what a shell that reads them ends up with. Assignments,
// quotes, +=, $NAME and ${NAME}, comments, continued lines, export and unset are understood; what
// anything else sets is unknown, with the line that makes it so. Pure: text in, values out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cleave {

struct GrubVariable {
  std::optional<std::string> value;  // empty: only a shell on that machine could tell
  std::size_t line = 0;              // of the assignment that decides it, from 1
  // A line with +=, which bash knows and dash refuses: where grub-mkconfig is run by dash with
  // set -e (Debian, Ubuntu), it stops there. 0: none.
  std::size_t append_line = 0;
};

struct GrubProblem {
  enum class Kind : std::uint8_t {
    Append,     // += is not for every shell
    Command,    // a command in the file; `name` is its word
    Temporary,  // NAME=value word: only for that command, so NAME is not set
    Unknown,    // NAME gets a value that cannot be told from the text
    OpenQuote,  // a quote is not closed: the shell stops here
    TooMuch,    // more than the limits below
  };
  Kind kind = Kind::Command;
  std::size_t line = 0;
  std::string name;  // the variable or the command
};

struct GrubDefaults {
  std::map<std::string, GrubVariable, std::less<>> variables;
  std::vector<GrubProblem> problems;  // by line

  // The value; empty if the variable is not set or not known.
  [[nodiscard]] std::optional<std::string> value_of(std::string_view name) const;
};

// `before`: what the files read earlier came to (grub-mkconfig reads /etc/default/grub and then
// /etc/default/grub.d/*.cfg by one shell). At most 1 MiB of text, 4,096 variables, 1,000 problems
// and values of 64 KiB are looked at; what goes beyond is unknown.
GrubDefaults parse_grub_defaults(std::string_view text, GrubDefaults before = {});

}  // namespace cleave
