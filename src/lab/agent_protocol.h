// What the machine and the agent in the laptop say to each other: one JSON object a line, both
// ways. Bytes of programs (arguments, output, files) are base64, since they need not be UTF-8.
//
// docs/decisions/0003-laptop-agent.md has the conversation.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace cleave {

inline constexpr std::size_t kAgentLineLimit = std::size_t{1} << 20U;    // bytes
inline constexpr std::size_t kAgentPieceLimit = std::size_t{48} << 10U;  // of output, before base64
inline constexpr std::uint64_t kAgentFileLimit = std::uint64_t{64} << 20U;

struct AgentRequest {
  enum class Kind : std::uint8_t { Hello, Run, Input, Resize, Fetch, PowerOff };
  Kind kind = Kind::Hello;
  std::string session;   // Hello: what the answers shall begin with
  std::uint64_t id = 0;  // Run, Fetch: named in every answer
  std::vector<std::string> argv;
  std::vector<std::pair<std::string, std::string>> environment;  // beside the agent's own
  std::string working_directory;
  bool terminal = false;
  std::uint16_t rows = 0;
  std::uint16_t columns = 0;
  std::string data;  // Input
  std::string path;  // Fetch
  bool operator==(const AgentRequest&) const = default;
};

struct AgentReply {
  enum class Kind : std::uint8_t { Hello, Output, ErrorOutput, Ended, Failed, File, FileEnd };
  Kind kind = Kind::Hello;
  std::string session;                      // Hello
  std::vector<std::string> failed_modules;  // Hello
  std::uint64_t id = 0;
  std::string data;               // Output, ErrorOutput, File
  std::int32_t exit_status = 0;   // Ended: 128 + signal where a signal ended it
  std::int32_t error_number = 0;  // Failed: errno
  bool operator==(const AgentReply&) const = default;
};

// With the newline.
std::string to_line(const AgentRequest& request);
std::string to_line(const AgentReply& reply);

// Malformed for anything that `to_line` would not write.
Result<AgentRequest> parse_agent_request(std::string_view line);
Result<AgentReply> parse_agent_reply(std::string_view line);

std::string to_base64(std::string_view bytes);
// RFC 4648, section 4, padded; empty if it is anything else.
std::optional<std::string> from_base64(std::string_view text);

// Bytes in, lines out. A line above the limit is Malformed, once; reading goes on after it.
class AgentLines {
 public:
  void push(std::string_view bytes);
  // Empty if no whole line is there.
  Result<std::optional<std::string>> next();
  void clear();

 private:
  struct Line {
    std::string text;
    bool too_long = false;
  };
  std::deque<Line> lines_;
  Line partial_;
};

}  // namespace cleave
