// The messages of logs that matter, as rows: what a line says, what that means here, what to do.
// One file per family. A row's pattern is the message's own format string with {fields} in the
// places of its values: "DMAR: Host address width {width}". A field is one word; {field*} is the
// rest of the line.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/explain/explainer.h"

namespace cleave {

struct LogMessage {
  const char* id;  // API: never renamed, never reused
  const char* pattern;
  Severity severity;
  const char* meaning;      // N_; its {fields} are among the pattern's
  const char* action = "";  // N_; empty: nothing to do
};

std::span<const LogMessage> boot_messages();
std::span<const LogMessage> dmar_table_messages();
std::span<const LogMessage> dmar_messages();
std::span<const LogMessage> dmar_fault_messages();
std::span<const LogMessage> amd_iommu_messages();
std::span<const LogMessage> gvt_g_messages();
std::span<const LogMessage> gpu_driver_messages();
std::span<const LogMessage> gpu_messages();
std::span<const LogMessage> gpu_vendor_messages();
std::span<const LogMessage> vfio_messages();
std::span<const LogMessage> kvm_messages();
std::span<const LogMessage> qemu_messages();

// All families of the kernel's log, in the order above, without QEMU's.
const std::vector<const LogMessage*>& kernel_messages();

struct LogMatch {
  const LogMessage* message = nullptr;
  std::size_t at = 0;  // where the pattern begins in the text
  std::vector<Field> fields;
};

// The note for a line, with the values of its fields made fit to be shown.
Annotation log_annotation(const LogMatch& match, std::size_t line);

// Finds which of many messages a line has. A pattern is looked for where a message can begin: at
// the line's start, and behind ": ", "] " or "* " of a driver's or device's name. Of several that
// fit the one with most fixed text wins. Linear in the line's length, whatever it holds.
class LogMatcher {
 public:
  explicit LogMatcher(const std::vector<const LogMessage*>& messages);
  [[nodiscard]] std::optional<LogMatch> match(std::string_view text) const;

 private:
  struct Piece {
    std::string_view literal;  // stands in front of the field
    std::string_view field;    // empty: the pattern ends with the literal
    bool takes_rest = false;
  };
  struct Pattern {
    const LogMessage* message = nullptr;
    std::vector<Piece> pieces;
    std::size_t fixed = 0;  // bytes of literal text
  };

  static std::vector<Piece> pieces_of(std::string_view pattern);
  static bool fits(const Pattern& pattern, std::string_view text, std::vector<Field>* fields);

  std::vector<Pattern> patterns_;     // sorted by their first two bytes
  std::vector<std::uint16_t> first_;  // by first two bytes: index of the first such pattern + 1
};

}  // namespace cleave
