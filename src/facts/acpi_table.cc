#include "facts/acpi_table.h"

#include <algorithm>
#include <tuple>

namespace cleave {
namespace {

// Text of a fixed width, filled up with zeros.
std::string text_field(std::string_view bytes, std::size_t offset, std::size_t width) {
  const std::string_view field = bytes.substr(offset, width);
  const std::size_t last = field.find_last_not_of('\0');
  return std::string(last == std::string_view::npos ? "" : field.substr(0, last + 1));
}

Error malformed(Message message) {
  return {.code = ErrorCode::Malformed,
          .message = std::move(message),
          .context = {},
          .path = {},
          .error_number = 0,
          .remedy = {}};
}

Error too_short(std::string_view signature, std::size_t length, std::size_t minimum) {
  return malformed({N_("A {signature} table has at least {minimum} bytes, this has {length}."),
                    {{"signature", signature}, {"minimum", minimum}, {"length", length}}});
}

}  // namespace

std::uint64_t little_endian(std::string_view bytes, std::size_t offset, std::size_t width) {
  std::uint64_t number = 0;
  for (std::size_t i = width; i-- > 0;) {
    const bool there = offset < bytes.size() && i < bytes.size() - offset;
    number = (number << 8U) | (there ? static_cast<std::uint8_t>(bytes[offset + i]) : 0U);
  }
  return number;
}

std::uint8_t byte_at(std::string_view bytes, std::size_t offset) {
  return static_cast<std::uint8_t>(little_endian(bytes, offset, 1));
}

std::uint16_t word_at(std::string_view bytes, std::size_t offset) {
  return static_cast<std::uint16_t>(little_endian(bytes, offset, 2));
}

std::uint32_t dword_at(std::string_view bytes, std::size_t offset) {
  return static_cast<std::uint32_t>(little_endian(bytes, offset, 4));
}

std::uint64_t qword_at(std::string_view bytes, std::size_t offset) {
  return little_endian(bytes, offset, 8);
}

bool is_zero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

Result<AcpiHeader> parse_acpi_header(std::string_view bytes) {
  if (bytes.size() < kAcpiHeaderSize) {
    return malformed({N_("An ACPI table has at least {minimum} bytes, this has {length}."),
                      {{"minimum", kAcpiHeaderSize}, {"length", bytes.size()}}});
  }
  AcpiHeader header;
  header.signature = std::string(bytes.substr(0, 4));
  header.length = dword_at(bytes, 4);
  header.revision = byte_at(bytes, 8);
  header.checksum = byte_at(bytes, 9);
  header.oem_id = text_field(bytes, 10, 6);
  header.oem_table_id = text_field(bytes, 16, 8);
  header.oem_revision = dword_at(bytes, 24);
  header.creator_id = text_field(bytes, 28, 4);
  header.creator_revision = dword_at(bytes, 32);
  return header;
}

std::uint8_t acpi_sum(std::string_view table) {
  std::uint8_t sum = 0;
  for (const char byte : table) sum = static_cast<std::uint8_t>(sum + static_cast<unsigned>(byte));
  return sum;
}

const char* acpi_problem_name(AcpiProblemKind kind) {
  switch (kind) {
    case AcpiProblemKind::ChecksumWrong:
      return "checksum_wrong";
    case AcpiProblemKind::TableTruncated:
      return "table_truncated";
    case AcpiProblemKind::BytesAfterTable:
      return "bytes_after_table";
    case AcpiProblemKind::LengthTooSmall:
      return "length_too_small";
    case AcpiProblemKind::StructureTooShort:
      return "structure_too_short";
    case AcpiProblemKind::StructureOverruns:
      return "structure_overruns";
    case AcpiProblemKind::ScopeTooShort:
      return "scope_too_short";
    case AcpiProblemKind::ScopeOverruns:
      return "scope_overruns";
    case AcpiProblemKind::ScopePathOdd:
      return "scope_path_odd";
    case AcpiProblemKind::NameUnterminated:
      return "name_unterminated";
    case AcpiProblemKind::BytesLeft:
      return "bytes_left";
    case AcpiProblemKind::UnknownStructure:
      return "unknown_structure";
    case AcpiProblemKind::UnknownEntry:
      return "unknown_entry";
    case AcpiProblemKind::RangeReversed:
      return "range_reversed";
    case AcpiProblemKind::RangesOverlap:
      return "ranges_overlap";
  }
  return "unknown";
}

void AcpiProblems::add(const AcpiProblem& problem) {
  if (list.size() < kMost) {
    list.push_back(problem);
  } else {
    ++left_out;
  }
}

void AcpiProblems::add(AcpiProblemKind kind, std::size_t offset, std::size_t length,
                       std::size_t available) {
  add({.kind = kind,
       .offset = static_cast<std::uint32_t>(offset),
       .length = static_cast<std::uint32_t>(length),
       .available = static_cast<std::uint32_t>(available)});
}

bool AcpiProblems::has(AcpiProblemKind kind) const {
  return std::ranges::find(list, kind, &AcpiProblem::kind) != list.end();
}

Result<AcpiFrame> parse_acpi_frame(std::string_view bytes, std::string_view signature,
                                   std::size_t minimum) {
  AcpiFrame frame;
  frame.header = TRY(parse_acpi_header(bytes));
  if (frame.header.signature != signature) {
    return malformed({N_("This is no {signature} table."), {{"signature", signature}}});
  }
  const std::size_t said = frame.header.length;
  if (said < minimum) return too_short(signature, said, minimum);
  if (bytes.size() < minimum) return too_short(signature, bytes.size(), minimum);
  if (said > kLargestIommuTable) {
    return malformed({N_("A {signature} table of {length} bytes is larger than any real one."),
                      {{"signature", signature}, {"length", said}}});
  }
  frame.table = bytes.substr(0, said);
  if (bytes.size() < said) {
    frame.problems.add({.kind = AcpiProblemKind::TableTruncated,
                        .offset = static_cast<std::uint32_t>(bytes.size()),
                        .length = frame.header.length,
                        .available = static_cast<std::uint32_t>(bytes.size())});
    return frame;
  }
  const std::uint8_t sum = acpi_sum(frame.table);
  frame.checksum_ok = sum == 0;
  constexpr std::uint32_t kChecksumOffset = 9;
  if (sum != 0) {
    frame.problems.add(
        {.kind = AcpiProblemKind::ChecksumWrong, .offset = kChecksumOffset, .length = sum});
  }
  if (bytes.size() > said) {
    frame.problems.add({.kind = AcpiProblemKind::BytesAfterTable,
                        .offset = frame.header.length,
                        .length = static_cast<std::uint32_t>(
                            std::min<std::size_t>(bytes.size() - said, UINT32_MAX))});
  }
  return frame;
}

void check_ranges(std::vector<AcpiRange> ranges, AcpiProblems& problems) {
  for (const AcpiRange& range : ranges) {
    if (range.last >= range.first) continue;
    problems.add({.kind = AcpiProblemKind::RangeReversed, .offset = range.offset});
  }
  std::erase_if(ranges, [](const AcpiRange& range) { return range.last < range.first; });
  std::ranges::sort(ranges, {}, [](const AcpiRange& range) {
    return std::tuple(range.first, range.last, range.offset);
  });
  // The range that reaches furthest so far: whatever begins before its end overlaps it.
  const AcpiRange* furthest = nullptr;
  for (const AcpiRange& range : ranges) {
    const bool equal =
        furthest != nullptr && furthest->first == range.first && furthest->last == range.last;
    if (furthest != nullptr && range.first <= furthest->last && !equal) {
      problems.add({.kind = AcpiProblemKind::RangesOverlap, .offset = range.offset});
    }
    if (furthest == nullptr || range.last > furthest->last) furthest = &range;
  }
}

void each_acpi_structure(std::string_view table, std::size_t first, AcpiProblems& problems,
                         const AcpiStructureVisitor& visit) {
  constexpr std::size_t kTypeAndLength = 4;
  std::size_t offset = first;
  while (offset < table.size()) {
    const std::size_t rest = table.size() - offset;
    if (rest < kTypeAndLength) {
      problems.add(AcpiProblemKind::BytesLeft, offset, rest);
      return;
    }
    const std::size_t length = word_at(table, offset + 2);
    if (length < kTypeAndLength) {
      problems.add(AcpiProblemKind::LengthTooSmall, offset, length, rest);
      return;
    }
    if (length > rest) problems.add(AcpiProblemKind::StructureOverruns, offset, length, rest);
    visit(table.substr(offset, length), offset);
    offset += std::min(length, rest);
  }
}

}  // namespace cleave
