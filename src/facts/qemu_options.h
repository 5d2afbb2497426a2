// The option syntax of QEMU: key=value pairs with commas, or JSON. Shared by the parser of command
// lines and what reduces them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cleave {

// A command line of the kernel is 128 KiB a word and some megabytes in all (execve(2)); real ones
// of libvirt have some hundred words.
inline constexpr std::size_t kMostQemuArguments = 4096;

using QemuOptions = std::vector<std::pair<std::string, std::string>>;

// "a,key=value,flag,noflag,text=x,,y" → pairs; the first without "=" belongs to `implied`. A comma
// is written twice (util/qemu-option.c, get_opt_value). JSON objects give their members.
QemuOptions split_options(std::string_view text, std::string_view implied);

// The last one counts (qemu_opt_get); empty if there is none.
std::string_view value_of(const QemuOptions& options, std::string_view key);
bool has_option(const QemuOptions& options, std::string_view key);

// on, yes, true, y (qapi/qapi-util.c, qapi_bool_parse); empty if it is neither.
std::optional<bool> parse_switch(std::string_view value);

// One of the words of `list`, which has blanks around each.
bool is_word_of(std::string_view list, std::string_view word);

// Options of QEMU that take no argument; every other one takes the next word.
bool is_qemu_flag(std::string_view option);

bool is_vfio_driver(std::string_view driver);
std::string last_part(std::string_view path);

}  // namespace cleave
