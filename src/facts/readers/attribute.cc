#include "base/text.h"
#include "facts/readers/readers.h"

namespace cleave {
namespace {

Fact<std::uint32_t> number_from(const Fact<std::string>& text) {
  if (text.unreadable() != nullptr) return *text.unreadable();
  if (text.is_absent()) return {Absent{}, text.source()};
  if (const auto number = parse_unsigned<std::uint32_t>(*text.value())) {
    return {*number, text.source()};
  }
  return Unreadable{.path = text.source(), .why = "not a number: " + printable(*text.value())};
}

}  // namespace

std::string why(const Error& error) {
  return error.error_number != 0 ? errno_text(error.error_number) : english(error.message);
}

Fact<std::string> read_text_fact(const HostReader& host, const std::string& path) {
  const auto content = host.read_file(path);
  if (!content) return fact_from_error<std::string>(content.error(), path);
  return {std::string(trim(*content)), path};
}

Fact<std::uint32_t> read_number_fact(const HostReader& host, const std::string& path) {
  return number_from(read_text_fact(host, path));
}

Fact<std::string> read_link_name_fact(const HostReader& host, const std::string& path) {
  const auto target = host.read_link(path);
  if (!target) return fact_from_error<std::string>(target.error(), path);
  return {std::string(base_name(*target)), path};
}

Fact<std::uint32_t> read_link_number_fact(const HostReader& host, const std::string& path) {
  return number_from(read_link_name_fact(host, path));
}

Fact<std::vector<std::string>> read_names_fact(const HostReader& host, const std::string& path,
                                               const std::string& subsystem) {
  using Names = std::vector<std::string>;
  auto names = host.list_directory(path);
  if (names) return {std::move(*names), path};
  if (names.error().code == ErrorCode::NotFound) {
    const auto above = host.status(subsystem);
    if (!above) return Unreadable{.path = subsystem, .why = why(above.error())};
  }
  return fact_from_error<Names>(names.error(), path);
}

}  // namespace cleave
