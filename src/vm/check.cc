#include "vm/check.h"

#include <algorithm>
#include <array>

#include "base/format.h"
#include "base/text.h"
#include "vm/definition_keys.h"

namespace cleave {
namespace {

constexpr std::size_t kLongestPath = 4095;     // PATH_MAX without its NUL
constexpr std::size_t kLongestFileName = 255;  // NAME_MAX; sysfs names are file names
constexpr std::size_t kLongestShownValue = 80;
constexpr std::uint64_t kLargestSize = std::uint64_t{16} << 40U;

struct Unit {
  char letter;
  unsigned int shift;
};
constexpr std::array<Unit, 4> kUnits = {{{'T', 40}, {'G', 30}, {'M', 20}, {'K', 10}}};

bool is_letter_or_digit(char letter) {
  return (letter >= '0' && letter <= '9') || (letter >= 'A' && letter <= 'Z') ||
         (letter >= 'a' && letter <= 'z');
}

}  // namespace

std::string shown_value(std::string_view value) {
  if (value.size() <= kLongestShownValue) return printable(value);
  return printable(value.substr(0, kLongestShownValue)) + "…";
}

bool is_control_character(char letter) {
  const auto code = static_cast<unsigned char>(letter);
  return code < 0x20 || code == 0x7F;
}

bool has_only_letters_digits_or(std::string_view text, std::string_view more) {
  return std::ranges::all_of(text, [more](char letter) {
    return is_letter_or_digit(letter) || more.find(letter) != std::string_view::npos;
  });
}

std::optional<std::uint64_t> size_in_bytes(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const char letter = text.back() >= 'a' ? static_cast<char>(text.back() - 'a' + 'A') : text.back();
  const auto* unit = std::ranges::find(kUnits, letter, &Unit::letter);
  if (unit == kUnits.end()) return std::nullopt;
  const auto number = parse_unsigned<std::uint64_t>(text.substr(0, text.size() - 1));
  if (!number || *number > kLargestSize >> 10U) return std::nullopt;
  // At most 2^34 times 2^40 would overflow: bound the product before making it.
  if (*number > kLargestSize >> unit->shift) return kLargestSize + 1;
  return *number << unit->shift;
}

std::string size_text(std::uint64_t bytes) {
  for (const Unit& unit : kUnits) {
    if (bytes % (std::uint64_t{1} << unit.shift) == 0) {
      return format("{}{}", bytes >> unit.shift, unit.letter);
    }
  }
  return {};
}

void DefinitionChecks::problem(Position position, const char* key, Message message,
                               std::string suggestion) {
  message.fields.emplace_back("key", key);
  problems_.push_back({position, std::move(message), key, std::move(suggestion)});
}

std::string DefinitionChecks::choice(const Written<std::string>& written, const char* key,
                                     std::string fallback) {
  if (!written.is_written()) return fallback;
  const DefinitionKey* row = find_definition_key(key);
  std::vector<std::string> choices;
  if (row != nullptr) choices.assign(row->choices.begin(), row->choices.end());
  if (std::ranges::find(choices, written.value) != choices.end()) return written.value;
  std::string suggestion;
  if (written.value.size() <= kLongestShownValue) {
    suggestion = nearest(written.value, choices).value_or("");
  }
  problem(written.position, key,
          {N_("{key} is \"{value}\"; it can be one of: {choices}."),
           {{"value", shown_value(written.value)}, {"choices", join(choices, ", ")}}},
          std::move(suggestion));
  return fallback;
}

std::int64_t DefinitionChecks::number(const Written<std::int64_t>& written, const char* key,
                                      std::int64_t fallback, std::int64_t least,
                                      std::int64_t most) {
  if (!written.is_written()) return fallback;
  if (written.value >= least && written.value <= most) return written.value;
  problem(written.position, key,
          {N_("{key} is {value}; it must be from {least} to {limit}."),
           {{"value", written.value}, {"least", least}, {"limit", most}}});
  return fallback;
}

std::string DefinitionChecks::path(const Written<std::string>& written, const char* key) {
  if (!written.is_written()) return {};
  const std::string& value = written.value;
  if (value.empty()) {
    problem(written.position, key, N_("{key} is empty."));
  } else if (std::ranges::any_of(value, is_control_character)) {
    problem(written.position, key,
            {N_("{key} is \"{value}\"; a line end or another control character cannot stand in "
                "it."),
             {{"value", shown_value(value)}}});
  } else if (value.starts_with('-')) {
    problem(written.position, key,
            {N_("{key} is \"{value}\"; a name that starts with \"-\" looks like an option. Write "
                "./ in front of it."),
             {{"value", shown_value(value)}}});
  } else if (value.starts_with("~/")) {
    problem(written.position, key,
            {N_("{key} is \"{value}\"; \"~\" means nothing here. Write the whole path."),
             {{"value", shown_value(value)}}});
  } else {
    return absolute(written, key);
  }
  return {};
}

std::string DefinitionChecks::absolute(const Written<std::string>& written, const char* key) {
  std::string whole = written.value;
  if (!whole.starts_with('/')) {
    whole = (directory_.empty() ? std::string(".") : directory_) + "/" + whole;
  }
  if (whole.size() > kLongestPath) {
    problem(written.position, key,
            {N_("{key} is longer than the {limit} bytes that a path can have."),
             {{"limit", kLongestPath}}});
  }
  return whole;
}

std::string DefinitionChecks::sysfs_name(const Written<std::string>& written, const char* key) {
  if (!written.is_written()) return {};
  const std::string& value = written.value;
  const bool good = !value.empty() && value.size() <= kLongestFileName && value != "." &&
                    value != ".." && value.find('/') == std::string::npos &&
                    std::ranges::none_of(value, is_control_character);
  if (!good) {
    problem(written.position, key,
            {N_("{key} is \"{value}\"; it must be the name of one entry of sysfs."),
             {{"value", shown_value(value)}}});
  }
  return value;
}

std::string DefinitionChecks::plain_text(const Written<std::string>& written, const char* key,
                                         std::string_view more, std::size_t longest) {
  if (!written.is_written()) return {};
  const std::string& value = written.value;
  if (!value.empty() && value.size() <= longest && has_only_letters_digits_or(value, more)) {
    return value;
  }
  problem(written.position, key,
          {N_("{key} is \"{value}\"; it can have letters, digits and any of “{others}”, at most "
              "{limit} of them."),
           {{"value", shown_value(value)}, {"others", more}, {"limit", longest}}});
  return {};
}

CheckedDefinition check_definition(const VmDefinition& definition, std::string_view directory) {
  DefinitionChecks checks(definition, directory);
  check_general(checks);
  check_firmware(checks);
  check_display(checks);
  check_disks(checks);
  check_networks(checks);
  check_gpu(checks);
  check_devices(checks);
  check_sound(checks);
  check_shares(checks);
  check_extra_arguments(checks);
  CheckedDefinition checked;
  if (checks.problems().empty()) checked.vm = std::move(checks.vm());
  checked.problems = std::move(checks.problems());
  sort_by_position(checked.problems);
  return checked;
}

}  // namespace cleave
