#include "base/json.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/format.h"

namespace cleave {
namespace {

constexpr size_t kMaximumSize = size_t{64} << 20U;
constexpr size_t kMaximumDepth = 64;

// Collects values as the parser meets them. The library would build (and destroy) deep trees by
// recursion, so depth is limited here, before a tree exists.
class Builder : public nlohmann::json_sax<nlohmann::ordered_json> {
 public:
  bool null() override { return add(Json()); }
  bool boolean(bool value) override { return add(Json(value)); }
  bool number_integer(number_integer_t value) override { return add(Json(value)); }
  bool number_unsigned(number_unsigned_t value) override { return add(Json(value)); }
  bool number_float(number_float_t value, const string_t& /*text*/) override {
    return add(Json(value));
  }
  bool string(string_t& value) override { return add(Json(value)); }
  bool binary(binary_t& /*value*/) override { return false; }
  bool start_object(std::size_t /*elements*/) override { return open(Json::object()); }
  bool start_array(std::size_t /*elements*/) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& value) override {
    keys_.back() = value;
    return true;
  }
  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& problem) override {
    error_position = position;
    error_text = problem.what();
    return false;
  }

  Json result;
  std::size_t error_position = 0;
  std::string error_text;

 private:
  bool add(Json value) {
    if (open_.empty()) {
      result = std::move(value);
    } else if (open_.back().as_array() != nullptr) {
      open_.back().push_back(std::move(value));
    } else {
      open_.back().as_object()->emplace_back(keys_.back(), std::move(value));
    }
    return true;
  }
  bool open(Json container) {
    if (open_.size() >= kMaximumDepth) {
      error_text = "nested too deeply";
      return false;
    }
    open_.push_back(std::move(container));
    keys_.emplace_back();
    return true;
  }
  bool close() {
    Json done = std::move(open_.back());
    open_.pop_back();
    keys_.pop_back();
    return add(std::move(done));
  }

  std::vector<Json> open_;
  std::vector<std::string> keys_;
};

Error malformed(std::string_view text, size_t position, std::string_view why) {
  const std::string_view before = text.substr(0, position > 0 ? position - 1 : 0);
  const size_t line = 1 + static_cast<size_t>(std::ranges::count(before, '\n'));
  const size_t last_newline = before.rfind('\n');
  const size_t column =
      1 +
      (last_newline == std::string_view::npos ? before.size() : before.size() - last_newline - 1);
  // The library's text starts with its own position: "[json…] parse error at line 1, column 2: …".
  const size_t colon = why.find(": ");
  if (colon != std::string_view::npos) why.remove_prefix(colon + 2);
  Error error;
  error.code = ErrorCode::Malformed;
  error.message = Message(N_("This is not valid JSON: line {line}, column {column}: {why}"),
                          {{"line", line}, {"column", column}, {"why", why}});
  return error;
}

}  // namespace

// Writes what the library's dump() would, without a second tree of it: half of what a transaction
// of many vGPUs took was that tree.
struct JsonConversion {
  std::string text;
  std::size_t indent = 0;  // blanks a level; 0: one line

  void write(const Json& value, std::size_t level) {
    std::visit([&](const auto& held) { put(held, level); }, value.value_);
  }

 private:
  void put(std::monostate, std::size_t /*level*/) { text += "null"; }
  void put(bool value, std::size_t /*level*/) { text += value ? "true" : "false"; }
  void put(std::int64_t value, std::size_t /*level*/) { text += std::to_string(value); }
  void put(std::uint64_t value, std::size_t /*level*/) { text += std::to_string(value); }
  void put(double value, std::size_t /*level*/) { text += nlohmann::json(value).dump(); }
  void put(const std::string& value, std::size_t /*level*/) { quote(value); }

  void put(const Json::Array& items, std::size_t level) {
    text += '[';
    for (const Json& item : items) {
      separate(&item == &items.front(), level + 1);
      write(item, level + 1);
    }
    close(']', items.empty(), level);
  }

  void put(const Json::Object& members, std::size_t level) {
    text += '{';
    for (const auto& member : members) {
      separate(&member == &members.front(), level + 1);
      quote(member.first);
      text += indent > 0 ? ": " : ":";
      write(member.second, level + 1);
    }
    close('}', members.empty(), level);
  }

  void separate(bool is_first, std::size_t level) {
    if (!is_first) text += ',';
    break_line(level);
  }

  void close(char bracket, bool is_empty, std::size_t level) {
    if (!is_empty) break_line(level);
    text += bracket;
  }

  void break_line(std::size_t level) {
    if (indent == 0) return;
    text += '\n';
    text.append(indent * level, ' ');
  }

  void quote(const std::string& value) {
    // What has to be escaped or looked at closely is left to the library.
    const bool is_plain = std::ranges::all_of(value, [](char letter) {
      return letter >= ' ' && letter <= '~' && letter != '"' && letter != '\\';
    });
    if (is_plain) {
      text.append(1, '"').append(value).append(1, '"');
    } else {
      text += nlohmann::json(value).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    }
  }
};

std::optional<std::int64_t> Json::as_integer() const {
  if (const auto* number = std::get_if<std::int64_t>(&value_)) return *number;
  if (const auto* number = std::get_if<std::uint64_t>(&value_)) {
    if (*number <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      return static_cast<std::int64_t>(*number);
    }
  }
  return std::nullopt;
}

std::optional<std::uint64_t> Json::as_unsigned() const {
  if (const auto* number = std::get_if<std::uint64_t>(&value_)) return *number;
  if (const auto* number = std::get_if<std::int64_t>(&value_)) {
    if (*number >= 0) return static_cast<std::uint64_t>(*number);
  }
  return std::nullopt;
}

std::optional<double> Json::as_number() const {
  if (const auto* number = std::get_if<double>(&value_)) return *number;
  if (const auto* number = std::get_if<std::int64_t>(&value_)) return static_cast<double>(*number);
  if (const auto* number = std::get_if<std::uint64_t>(&value_)) return static_cast<double>(*number);
  return std::nullopt;
}

const Json* Json::find(std::string_view key) const {
  const Object* members = as_object();
  if (members == nullptr) return nullptr;
  for (const auto& [name, member] : *members) {
    if (name == key) return &member;
  }
  return nullptr;
}

std::string_view Json::text_of(std::string_view key) const {
  const Json* member = find(key);
  const std::string* text = member == nullptr ? nullptr : member->as_string();
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

void Json::set(std::string_view key, Json value) {
  if (is_null()) value_ = Object();
  Object* members = as_object();
  if (members == nullptr) return;
  for (auto& [name, member] : *members) {
    if (name == key) {
      member = std::move(value);
      return;
    }
  }
  members->emplace_back(std::string(key), std::move(value));
}

void Json::push_back(Json value) {
  if (is_null()) value_ = Array();
  if (Array* items = as_array()) items->push_back(std::move(value));
}

Result<Json> parse_json(std::string_view text) {
  if (text.size() > kMaximumSize) return malformed(text, 0, "larger than 64 MiB");
  Builder builder;
  const bool parsed = nlohmann::ordered_json::sax_parse(text.begin(), text.end(), &builder);
  if (!parsed) return malformed(text, builder.error_position, builder.error_text);
  return std::move(builder.result);
}

std::string to_text(const Json& value, int indent) {
  JsonConversion writer{.text = {}, .indent = static_cast<std::size_t>(std::max(indent, 0))};
  writer.write(value, 0);
  return std::move(writer.text);
}

}  // namespace cleave
