// The journal of one transaction as text: one JSON object a line.
//
//   {"begin":N,"time":…,"boot":"…","plan":{…}}
//   {"intent":I,"before":{…}}   the effect of change I may happen from here on
//   {"done":I,"outcome":"…"}    it happened; what was generated, where the plan does not tell it
//   {"end":"applied"|"undone"}
//   {"undoing":true}            an undo began: the transaction is open again
//   {"undone":I}                it was taken back
//
// A last line without its newline was torn by a power cut and counts as not written, and so does
// whatever stands after a zero byte: some file systems know a file's new length before its content.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "plan/plan.h"

namespace cleave {

// What a change found, as far as it is needed to take the change back.
struct Before {
  std::string path;        // the thing itself, links resolved
  bool existed = false;    // of a file
  std::string hash;        // content_hash() of the file
  std::string text;        // what the attribute read; empty if it cannot be read
  std::string driver;      // of a PCI device; empty: none
  std::uint32_t user = 0;  // of a file, node or attribute that existed
  std::uint32_t group = 0;
  std::vector<std::string> created_directories;  // parents that were missing, outermost first

  bool operator==(const Before&) const = default;
};

struct Journal {
  enum class End : std::uint8_t { None, Applied, Undone };

  std::uint32_t number = 0;
  std::int64_t time = 0;  // seconds since 1970, UTC
  std::string boot;       // /proc/sys/kernel/random/boot_id; empty if it could not be read
  Plan plan;
  std::map<std::size_t, Before> intents;        // by change
  std::vector<std::size_t> done;                // in order
  std::map<std::size_t, std::string> outcomes;  // by change, where there is something to tell
  std::set<std::size_t> undone;
  End end = End::None;
  bool undoing = false;  // it was applied, and an undo began
  bool torn = false;     // the last line is to be dropped before anything is appended
};

std::string begin_line(const Journal& journal);  // from number, time, boot and plan
std::string intent_line(std::size_t change, const Before& before);
std::string done_line(std::size_t change, const std::string& outcome = {});
std::string undoing_line();
std::string undone_line(std::size_t change);
std::string end_line(Journal::End end);

// The end of one that was applied and changed what stays: nobody has to read it to know that.
std::string lasting_end_line();
// Whether that is the last line, with nothing torn behind it.
bool has_lasting_end(std::string_view text);

// What goes with the power, or as soon as none of these paths is there any more.
struct Standing {
  std::string boot;
  std::vector<std::string> paths;
};

// The end of a transaction that was applied and did only such things.
std::string end_line(const Standing& standing);

// What the last line tells, if it is such an end. A start of the machine leaves journals of dozens
// of vGPUs; to understand all of their lines took a third of the next start's instructions.
std::optional<Standing> standing_of(std::string_view text);

// NotFound if not even the first line is whole: nothing had begun. Malformed, with the line's
// number, for anything but a torn last line.
Result<Journal> parse_journal(std::string_view text);

// Whether a journal of that text has an end, for which its many lines need not be understood: that
// of a start of the machine may tell of dozens of vGPUs, and every command asks.
bool has_ended(std::string_view text);

}  // namespace cleave
