// A fact: something read from the host, with its source. Absent and Unreadable are different
// answers: "no DMAR table" and "not allowed to read the DMAR table" never give the same verdict.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace cleave {

struct Absent {
  bool operator==(const Absent&) const = default;
};

struct Unreadable {
  std::string path;
  std::string why;  // the system's words: "Permission denied"

  bool operator==(const Unreadable&) const = default;
};

template <typename T>
class Fact {
 public:
  Fact() = default;  // absent, and nobody looked
  Fact(T value, std::string source) : state_(std::move(value)), source_(std::move(source)) {}
  Fact(Absent absent, std::string source) : state_(absent), source_(std::move(source)) {}
  Fact(Unreadable unreadable) : state_(unreadable), source_(std::move(unreadable.path)) {}

  [[nodiscard]] bool is_known() const { return std::holds_alternative<T>(state_); }
  [[nodiscard]] bool is_absent() const { return std::holds_alternative<Absent>(state_); }
  [[nodiscard]] const T* value() const { return std::get_if<T>(&state_); }
  [[nodiscard]] const Unreadable* unreadable() const { return std::get_if<Unreadable>(&state_); }
  // The file, attribute or table it was read from (or looked for in).
  [[nodiscard]] const std::string& source() const { return source_; }

  // The value, or `fallback` where it is absent or unreadable: only for showing, not for deciding.
  [[nodiscard]] T value_or(const T& fallback) const {
    const T* held = value();
    return held == nullptr ? fallback : *held;
  }

  bool operator==(const Fact&) const = default;

 private:
  std::variant<Absent, T, Unreadable> state_;
  std::string source_;
};

}  // namespace cleave
