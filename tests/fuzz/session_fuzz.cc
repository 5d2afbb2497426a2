// What logind, group(5) and /proc say of people: a session's file, a cgroup, groups, ids.
#include "facts/session.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using cleave::fuzz::require;
  const std::string_view text = cleave::fuzz::text_of(data, size);
  if (const auto session = cleave::parse_login_session(text, "1")) {
    for (const std::string* word : {&session->type, &session->klass, &session->seat}) {
      require(word->size() <= 64 && word->find(' ') == std::string::npos);
    }
  }
  if (const auto id = cleave::session_of_cgroup(text)) require(!id->empty() && id->size() <= 64);
  std::size_t length = 0;
  for (const cleave::UserGroup& group : cleave::parse_groups(text)) {
    require(!group.name.empty());
    length += group.name.size();
    for (const std::string& member : group.members) {
      require(!member.empty());
      length += member.size();
    }
  }
  require(length <= size);
  if (const auto ids = cleave::parse_process_ids(text)) require(!ids->groups.empty());
  return 0;
}
