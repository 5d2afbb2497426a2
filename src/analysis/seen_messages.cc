#include "analysis/seen_messages.h"

#include "analysis/explain/log_messages/message.h"
#include "base/text.h"
#include "facts/kernel_log.h"

namespace cleave {

const SeenMessage* SeenMessages::first_of(std::initializer_list<std::string_view> ids) const {
  const SeenMessage* first = nullptr;
  for (const std::string_view id : ids) {
    const auto found = by_id.find(id);
    if (found == by_id.end()) continue;
    if (first == nullptr || found->second.line < first->line) first = &found->second;
  }
  return first;
}

SeenMessages find_messages(std::string_view log) {
  static const LogMatcher kMatcher(kernel_messages());
  SeenMessages seen;
  KernelLogReader reader(log);
  while (const auto line = reader.next()) {
    if (!line->prefixed || line->other_program) continue;
    const auto match = kMatcher.match(line->text);
    if (!match) continue;
    const std::string_view id = match->message->id;
    if (id == "log.linux_version") {
      seen = SeenMessages();
      seen.whole = true;
    }
    SeenMessage& message = seen.by_id[id];
    if (message.count == 0) {
      message.line = line->number;
      message.text = printable(line->text);
    }
    ++message.count;
  }
  return seen;
}

}  // namespace cleave
