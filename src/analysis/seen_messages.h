// Which known messages a kernel log has: what rules ask of it.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>

namespace cleave {

struct SeenMessage {
  std::size_t line = 0;   // of the first one, from 1
  std::string text;       // the message without the log's prefix
  std::size_t count = 0;  // how often
};

struct SeenMessages {
  // By id (analysis/explain/log_messages); the keys are constants.
  std::map<std::string_view, SeenMessage> by_id;
  // The log begins with the boot. Of one that does not, "not seen" says nothing.
  bool whole = false;

  // The one of `ids` that comes first in the log; null if there is none.
  [[nodiscard]] const SeenMessage* first_of(std::initializer_list<std::string_view> ids) const;
};

// Of the last boot in the log. Linear in its size.
SeenMessages find_messages(std::string_view log);

}  // namespace cleave
