// What the machine is: maker, distribution, memory, render nodes, and who looks.
#include <algorithm>
#include <limits>

#include "base/text.h"
#include "facts/readers/readers.h"

namespace cleave {
namespace {

// The words behind "KEY" at the start of a line; empty if there is no such line.
std::vector<std::string_view> row(std::string_view text, std::string_view key) {
  for (const std::string_view line : lines(text)) {
    if (line.starts_with(key)) return words(line.substr(key.size()));
  }
  return {};
}

// A value of os-release(5): bare, or in quotes with backslashes before special characters.
std::string unquoted(std::string_view value) {
  const bool quoted = value.size() >= 2 && (value.front() == '"' || value.front() == '\'') &&
                      value.back() == value.front();
  if (quoted) value = value.substr(1, value.size() - 2);
  std::string plain;
  for (size_t i = 0; i < value.size(); ++i) {
    if (value[i] == '\\' && i + 1 < value.size()) ++i;
    plain += value[i];
  }
  return plain;
}

}  // namespace

Fact<std::uint64_t> read_memory_bytes(const HostReader& host) {
  const std::string path = "/proc/meminfo";
  const auto text = host.read_file(path);
  if (!text) return fact_from_error<std::uint64_t>(text.error(), path);
  const auto columns = row(*text, "MemTotal:");
  const auto kilobytes =
      columns.empty() ? std::nullopt : parse_unsigned<std::uint64_t>(columns.front());
  if (!kilobytes || *kilobytes > std::numeric_limits<std::uint64_t>::max() / 1024) {
    return Unreadable{.path = path, .why = "no row \"MemTotal\""};
  }
  return {*kilobytes * 1024, path};
}

Fact<std::string> read_product(const HostReader& host) {
  const auto vendor = read_text_fact(host, "/sys/class/dmi/id/sys_vendor");
  auto product = read_text_fact(host, "/sys/class/dmi/id/product_name");
  if (!product.is_known()) return product;
  return {std::string(trim(vendor.value_or("") + " " + *product.value())), product.source()};
}

Fact<std::string> read_distribution(const HostReader& host) {
  constexpr std::string_view kKey = "PRETTY_NAME=";
  // os-release(5): the first takes precedence.
  auto text = read_text_fact(host, "/etc/os-release");
  if (text.is_absent()) text = read_text_fact(host, "/usr/lib/os-release");
  if (!text.is_known()) return text;
  for (const std::string_view line : lines(*text.value())) {
    if (line.starts_with(kKey)) return {unquoted(trim(line.substr(kKey.size()))), text.source()};
  }
  return {Absent{}, text.source()};
}

Fact<std::vector<std::string>> read_render_nodes(const HostReader& host) {
  const std::string directory = "/dev/dri";
  auto names = read_names_fact(host, directory, "/dev");
  if (!names.is_known()) return names;
  std::vector<std::string> nodes;
  for (const std::string& name : *names.value()) {
    if (name.starts_with("renderD")) nodes.push_back(join_path(directory, name));
  }
  return {std::move(nodes), directory};
}

bool read_is_root(const HostReader& host) {
  const auto text = host.read_file("/proc/self/status");
  if (!text) return false;
  const auto users = row(*text, "Uid:");  // real, effective, saved, file system
  return users.size() == 4 && users[1] == "0";
}

}  // namespace cleave
