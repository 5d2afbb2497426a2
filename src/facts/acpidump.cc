#include "facts/acpidump.h"

#include <optional>

#include "base/text.h"

namespace cleave {
namespace {

constexpr std::size_t kBytesPerLine = 16;

std::optional<unsigned> digit(char character) {
  if (character >= '0' && character <= '9') return static_cast<unsigned>(character - '0');
  if (character >= 'a' && character <= 'f') return static_cast<unsigned>(character - 'a' + 10);
  if (character >= 'A' && character <= 'F') return static_cast<unsigned>(character - 'A' + 10);
  return std::nullopt;
}

std::size_t count_digits(std::string_view text) {
  std::size_t count = 0;
  while (count < text.size() && digit(text[count])) ++count;
  return count;
}

std::size_t count_blanks(std::string_view text) {
  const std::size_t count = text.find_first_not_of(" \t");
  return count == std::string_view::npos ? text.size() : count;
}

struct HexLine {
  std::uint64_t offset = 0;
  std::string bytes;  // up to kBytesPerLine
};

// The bytes of groups of two digits (acpidump, hexdump -C) or four (xxd). Two blanks in a row
// begin the column of characters, but in the middle of a line of hexdump -C.
std::string parse_hex_groups(std::string_view text) {
  std::string bytes;
  while (bytes.size() < kBytesPerLine) {
    const std::size_t digits = count_digits(text);
    const bool ends = digits == text.size() || text[digits] == ' ' || text[digits] == '\t';
    if ((digits != 2 && digits != 4) || !ends) break;
    for (std::size_t i = 0; i < digits; i += 2) {
      bytes.push_back(static_cast<char>((*digit(text[i]) << 4U) | *digit(text[i + 1])));
    }
    text.remove_prefix(digits);
    const std::size_t blanks = count_blanks(text);
    text.remove_prefix(blanks);
    if (blanks != 1 && !(blanks == 2 && bytes.size() == kBytesPerLine / 2)) break;
  }
  return bytes;
}

// "    0010: 44 4D …" or "00000010  44 4d …".
std::optional<HexLine> parse_hex_line(std::string_view line) {
  line.remove_prefix(count_blanks(line));
  const std::size_t digits = count_digits(line);
  const auto offset = parse_unsigned<std::uint64_t>(line.substr(0, digits), 16);
  if (!offset || digits < 2) return std::nullopt;
  line.remove_prefix(digits);
  if (line.starts_with(':')) {
    line.remove_prefix(1);
  } else if (!line.starts_with("  ")) {
    return std::nullopt;
  }
  line.remove_prefix(count_blanks(line));
  HexLine hex{.offset = *offset, .bytes = parse_hex_groups(line)};
  if (hex.bytes.empty()) return std::nullopt;
  return hex;
}

// "DMAR @ 0x000000008F7E1000"; the address may come without "0x".
std::optional<AcpiDumpTable> parse_heading(std::string_view line, std::size_t number) {
  const auto parts = words(line.substr(0, 64));
  if (parts.size() < 3 || parts[0].size() != 4 || parts[1] != "@") return std::nullopt;
  const auto address = parse_hexadecimal<std::uint64_t>(parts[2]);
  if (!address) return std::nullopt;
  AcpiDumpTable table;
  table.name = std::string(parts[0]);
  table.address = *address;
  table.line = number;
  return table;
}

class Parser {
 public:
  void take(std::string_view line, std::size_t number) {
    if (auto heading = parse_heading(line, number)) {
      close();
      open_ = std::move(*heading);
    } else if (const auto hex = parse_hex_line(line)) {
      take_bytes(*hex, number);
    } else if (trim(line).empty()) {
      ended_ = open_ && !open_->bytes.empty();
    }
  }

  AcpiDump finish() {
    close();
    return std::move(dump_);
  }

 private:
  void take_bytes(const HexLine& hex, std::size_t number) {
    // A dump of one table has no heading; a new one begins where the offsets do.
    const bool another = hex.offset == 0 && open_ && !open_->bytes.empty();
    if (another && (ended_ || open_->name.empty())) close();
    if (!open_) {
      open_.emplace();
      open_->line = number;
    }
    ended_ = false;
    AcpiDumpTable& table = *open_;
    if (table.bad_line != 0) return;
    total_ += hex.bytes.size();
    if (hex.offset != table.bytes.size() || total_ > AcpiDump::kMostInAll ||
        table.bytes.size() + hex.bytes.size() > AcpiDump::kMostBytes) {
      table.bad_line = number;
      return;
    }
    table.bytes += hex.bytes;
  }

  void close() {
    if (open_ && (!open_->bytes.empty() || open_->bad_line != 0)) {
      if (dump_.tables.size() < AcpiDump::kMostTables) {
        dump_.tables.push_back(std::move(*open_));
      } else {
        dump_.too_many = true;
      }
    }
    open_.reset();
    ended_ = false;
  }

  AcpiDump dump_;
  std::optional<AcpiDumpTable> open_;
  std::size_t total_ = 0;  // bytes of all tables
  bool ended_ = false;     // a blank line came after the last bytes
};

}  // namespace

AcpiDump parse_acpidump(std::string_view text) {
  Parser parser;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    // Neither program writes longer lines, whatever stands in the file.
    constexpr std::size_t kLongestLine = 512;
    if (line.size() <= kLongestLine) parser.take(line, number);
  }
  return parser.finish();
}

}  // namespace cleave
