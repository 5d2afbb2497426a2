// What the lab keeps between runs. A directory of the cache is there completely or not at all.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace cleave {

// An error in one line: g++ 12 wants every member named in an aggregate.
Error lab_error(ErrorCode code, Message message, std::string path = {}, Message remedy = {});

// The exclusive lock on a file, which is made if needed; gone with the process. Waits for another
// holder, calling `on_wait` once; Interrupted if `cancel_descriptor` (or -1) becomes readable.
Result<OwnedFd> wait_for_lock(const std::string& path, int cancel_descriptor,
                              const std::function<void()>& on_wait);
// The same without waiting: Busy if another holds it.
Result<OwnedFd> try_lock(const std::string& path);

// Lets `make` fill a temporary directory beside `directory` and puts it in its place in one step.
// What an interrupted run left there is removed first. The caller holds the cache's lock.
Result<void> make_directory_once(const std::string& directory,
                                 const std::function<Result<void>(const std::string&)>& make);

struct ToolRun {
  std::vector<std::string> argv;
  std::string working_directory;
  std::string log_path;  // both outputs are appended to it
  std::chrono::seconds limit{600};
  int cancel_descriptor = -1;
};

// Runs a program to its end. A failure is an error with the last lines of its log.
Result<void> run_tool(const ToolRun& run);
// What it prints on standard output, at most 1 MiB.
Result<std::string> tool_output(const std::vector<std::string>& argv);

Result<std::string> read_whole_file(const std::string& path, std::size_t limit);
Result<void> write_whole_file(const std::string& path, std::string_view content,
                              std::uint32_t mode = 0644);
Result<void> make_directories(const std::string& path);
void remove_tree(const std::string& path);

// The last `line_count` lines of a file, from its last 64 KiB, fit for a terminal; empty if it
// cannot be read.
std::string file_tail(const std::string& path, std::size_t line_count);

// FNV-1a, 64 bits (http://www.isthe.com/chongo/tech/comp/fnv/): tells changed sources apart from
// those that were built; not meant to withstand an attacker.
std::uint64_t content_hash(std::string_view content, std::uint64_t start = 0xcbf29ce484222325U);

}  // namespace cleave
