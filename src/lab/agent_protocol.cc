#include "lab/agent_protocol.h"

#include <array>
#include <limits>

#include "base/text.h"
#include "lab/cache.h"

namespace cleave {
namespace {

// Of argv and environment; the kernel's own limit is on their bytes, which the line's covers.
constexpr std::size_t kWordLimit = 4096;
constexpr std::size_t kSessionLimit = 64;
constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

template <typename Kind>
struct KindName {
  Kind kind;
  const char* name;
};

using RequestKind = AgentRequest::Kind;
using ReplyKind = AgentReply::Kind;

constexpr std::array kRequestNames = {
    KindName<RequestKind>{RequestKind::Hello, "hello"},
    KindName<RequestKind>{RequestKind::Run, "run"},
    KindName<RequestKind>{RequestKind::Input, "input"},
    KindName<RequestKind>{RequestKind::Resize, "resize"},
    KindName<RequestKind>{RequestKind::Fetch, "fetch"},
    KindName<RequestKind>{RequestKind::PowerOff, "power-off"},
};
constexpr std::array kReplyNames = {
    KindName<ReplyKind>{ReplyKind::Hello, "hello"},
    KindName<ReplyKind>{ReplyKind::Output, "output"},
    KindName<ReplyKind>{ReplyKind::ErrorOutput, "error-output"},
    KindName<ReplyKind>{ReplyKind::Ended, "ended"},
    KindName<ReplyKind>{ReplyKind::Failed, "failed"},
    KindName<ReplyKind>{ReplyKind::File, "file"},
    KindName<ReplyKind>{ReplyKind::FileEnd, "file-end"},
};

template <typename Names, typename Kind>
const char* name_of(const Names& names, Kind kind) {
  for (const auto& entry : names) {
    if (entry.kind == kind) return entry.name;
  }
  return "";
}

template <typename Names>
auto kind_of(const Names& names, std::string_view name) -> std::optional<decltype(names[0].kind)> {
  for (const auto& entry : names) {
    if (name == entry.name) return entry.kind;
  }
  return std::nullopt;
}

Error malformed(const char* what) {
  return lab_error(ErrorCode::Malformed,
                   Message(N_("The laptop's agent and cleave do not understand each other: "
                              "“{field}” is wrong"),
                           {{"field", what}}));
}

// Reads the members of one object; the first that is wrong is remembered, and the rest is skipped.
class Members {
 public:
  explicit Members(const Json& json) : json_(json) {}

  std::string text(const char* key, std::size_t limit) {
    const Json* member = json_.find(key);
    const std::string* value = member != nullptr ? member->as_string() : nullptr;
    if (value == nullptr || value->size() > limit) return wrong(key);
    return *value;
  }

  std::string bytes(const char* key) {
    auto decoded = from_base64(text(key, kAgentLineLimit));
    return decoded ? *std::move(decoded) : wrong(key);
  }

  // A word for the kernel: no byte 0.
  std::string word(const Json& encoded, const char* key) {
    const std::string* value = encoded.as_string();
    auto decoded = value != nullptr ? from_base64(*value) : std::nullopt;
    if (!decoded || decoded->find('\0') != std::string::npos) return wrong(key);
    return *std::move(decoded);
  }

  std::string word(const char* key) {
    const Json* member = json_.find(key);
    return member != nullptr ? word(*member, key) : wrong(key);
  }

  template <typename Integer>
  Integer number(const char* key) {
    const Json* member = json_.find(key);
    const auto value = member != nullptr ? member->as_unsigned() : std::nullopt;
    if (!value || *value > static_cast<std::uint64_t>(std::numeric_limits<Integer>::max())) {
      wrong(key);
      return 0;
    }
    return static_cast<Integer>(*value);
  }

  bool flag(const char* key) {
    const Json* member = json_.find(key);
    const bool* value = member != nullptr ? member->as_bool() : nullptr;
    if (value == nullptr) wrong(key);
    return value != nullptr && *value;
  }

  const Json::Array& array(const char* key) {
    static const Json::Array kEmpty;
    const Json* member = json_.find(key);
    const Json::Array* value = member != nullptr ? member->as_array() : nullptr;
    if (value == nullptr || value->size() > kWordLimit) {
      wrong(key);
      return kEmpty;
    }
    return *value;
  }

  std::string wrong(const char* key) {
    if (wrong_ == nullptr) wrong_ = key;
    return {};
  }
  [[nodiscard]] const char* wrong() const { return wrong_; }

 private:
  const Json& json_;
  const char* wrong_ = nullptr;
};

void read_run(Members& members, AgentRequest& request) {
  request.id = members.number<std::uint64_t>("id");
  for (const Json& word : members.array("argv")) {
    request.argv.push_back(members.word(word, "argv"));
  }
  if (request.argv.empty() || request.argv.front().empty()) members.wrong("argv");
  const Json::Array& environment = members.array("environment");
  if (environment.size() % 2 != 0) members.wrong("environment");
  for (std::size_t i = 0; i + 1 < environment.size(); i += 2) {
    std::string name = members.word(environment[i], "environment");
    if (name.empty() || name.find('=') != std::string::npos) members.wrong("environment");
    request.environment.emplace_back(std::move(name),
                                     members.word(environment[i + 1], "environment"));
  }
  request.working_directory = members.word("working_directory");
  request.terminal = members.flag("terminal");
  if (!request.terminal) return;
  request.rows = members.number<std::uint16_t>("rows");
  request.columns = members.number<std::uint16_t>("columns");
}

Json run_members(const AgentRequest& request) {
  Json json;
  json.set("type", name_of(kRequestNames, request.kind));
  json.set("id", request.id);
  Json argv = Json::array();
  for (const std::string& word : request.argv) argv.push_back(to_base64(word));
  json.set("argv", std::move(argv));
  Json environment = Json::array();
  for (const auto& [name, value] : request.environment) {
    environment.push_back(to_base64(name));
    environment.push_back(to_base64(value));
  }
  json.set("environment", std::move(environment));
  json.set("working_directory", to_base64(request.working_directory));
  json.set("terminal", request.terminal);
  if (request.terminal) {
    json.set("rows", static_cast<unsigned>(request.rows));
    json.set("columns", static_cast<unsigned>(request.columns));
  }
  return json;
}

}  // namespace

std::string to_line(const AgentRequest& request) {
  Json json;
  json.set("type", name_of(kRequestNames, request.kind));
  switch (request.kind) {
    case RequestKind::Hello:
      json.set("session", request.session);
      break;
    case RequestKind::Run:
      json = run_members(request);
      break;
    case RequestKind::Input:
      json.set("data", to_base64(request.data));
      break;
    case RequestKind::Resize:
      json.set("rows", static_cast<unsigned>(request.rows));
      json.set("columns", static_cast<unsigned>(request.columns));
      break;
    case RequestKind::Fetch:
      json.set("id", request.id);
      json.set("path", to_base64(request.path));
      break;
    case RequestKind::PowerOff:
      break;
  }
  return to_text(json) + "\n";
}

std::string to_line(const AgentReply& reply) {
  Json json;
  json.set("type", name_of(kReplyNames, reply.kind));
  if (reply.kind == ReplyKind::Hello) {
    json.set("session", reply.session);
    Json failed = Json::array();
    for (const std::string& name : reply.failed_modules) failed.push_back(to_base64(name));
    json.set("failed_modules", std::move(failed));
    return to_text(json) + "\n";
  }
  json.set("id", reply.id);
  switch (reply.kind) {
    case ReplyKind::Output:
    case ReplyKind::ErrorOutput:
    case ReplyKind::File:
      json.set("data", to_base64(reply.data));
      break;
    case ReplyKind::Ended:
      json.set("exit_status", reply.exit_status);
      break;
    case ReplyKind::Failed:
      json.set("errno", reply.error_number);
      break;
    default:
      break;
  }
  return to_text(json) + "\n";
}

Result<AgentRequest> parse_agent_request(std::string_view line) {
  const Json json = TRY(parse_json(line));
  const auto kind = kind_of(kRequestNames, json.text_of("type"));
  if (!kind) return malformed("type");
  AgentRequest request;
  request.kind = *kind;
  Members members(json);
  switch (request.kind) {
    case RequestKind::Hello:
      request.session = members.text("session", kSessionLimit);
      break;
    case RequestKind::Run:
      read_run(members, request);
      break;
    case RequestKind::Input:
      request.data = members.bytes("data");
      break;
    case RequestKind::Resize:
      request.rows = members.number<std::uint16_t>("rows");
      request.columns = members.number<std::uint16_t>("columns");
      break;
    case RequestKind::Fetch:
      request.id = members.number<std::uint64_t>("id");
      request.path = members.word("path");
      break;
    case RequestKind::PowerOff:
      break;
  }
  if (members.wrong() != nullptr) return malformed(members.wrong());
  return request;
}

Result<AgentReply> parse_agent_reply(std::string_view line) {
  const Json json = TRY(parse_json(line));
  const auto kind = kind_of(kReplyNames, json.text_of("type"));
  if (!kind) return malformed("type");
  AgentReply reply;
  reply.kind = *kind;
  Members members(json);
  if (reply.kind == ReplyKind::Hello) {
    reply.session = members.text("session", kSessionLimit);
    for (const Json& name : members.array("failed_modules")) {
      reply.failed_modules.push_back(members.word(name, "failed_modules"));
    }
  } else {
    reply.id = members.number<std::uint64_t>("id");
  }
  switch (reply.kind) {
    case ReplyKind::Output:
    case ReplyKind::ErrorOutput:
    case ReplyKind::File:
      reply.data = members.bytes("data");
      break;
    case ReplyKind::Ended:
      reply.exit_status = members.number<std::int32_t>("exit_status");
      break;
    case ReplyKind::Failed:
      reply.error_number = members.number<std::int32_t>("errno");
      break;
    default:
      break;
  }
  if (members.wrong() != nullptr) return malformed(members.wrong());
  return reply;
}

std::string to_base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group <<= 8U;
      if (j < count) group |= static_cast<unsigned char>(bytes[i + j]);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      text += j <= count ? kAlphabet[(group >> (18U - 6U * j)) & 63U] : '=';
    }
  }
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && text.ends_with('=')) {
    text.remove_suffix(1);
    ++padding;
  }
  static const std::array<std::int8_t, 256> kValues = [] {
    std::array<std::int8_t, 256> values{};
    values.fill(-1);
    for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
      values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::int8_t>(i);
    }
    return values;
  }();
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t group = 0;
  unsigned bits = 0;
  for (const char character : text) {
    const std::int8_t value = kValues[static_cast<unsigned char>(character)];
    if (value < 0) return std::nullopt;
    group = (group << 6U) | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes += static_cast<char>((group >> bits) & 255U);
    group &= (1U << bits) - 1U;
  }
  // What is left over must be zero, else two texts would mean the same bytes.
  if (group != 0 || (bits >= 6)) return std::nullopt;
  return bytes;
}

void AgentLines::push(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t newline = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, newline);
    if (!partial_.too_long && partial_.text.size() + piece.size() > kAgentLineLimit) {
      partial_ = {.text = {}, .too_long = true};
    }
    if (!partial_.too_long) partial_.text += piece;
    if (newline == std::string_view::npos) return;
    if (partial_.too_long || !partial_.text.empty()) lines_.push_back(std::move(partial_));
    partial_ = {};
    bytes.remove_prefix(newline + 1);
  }
}

Result<std::optional<std::string>> AgentLines::next() {
  if (lines_.empty()) return std::optional<std::string>();
  Line line = std::move(lines_.front());
  lines_.pop_front();
  if (line.too_long) return malformed("line");
  return std::optional<std::string>(std::move(line.text));
}

void AgentLines::clear() {
  lines_.clear();
  partial_ = {};
}

}  // namespace cleave
