#include "lab/agent_protocol.h"

#include <gtest/gtest.h>

namespace cleave {
namespace {

AgentRequest run_request() {
  AgentRequest request;
  request.kind = AgentRequest::Kind::Run;
  request.id = 7;
  request.argv = {"printf", "%s", "", "\xff\xfe not UTF-8", "line\nbreak"};
  request.environment = {{"LANG", "C.UTF-8"}, {"EMPTY", ""}};
  request.working_directory = "/a b";
  return request;
}

TEST(AgentProtocol, RequestsComeBackAsTheyWere) {
  AgentRequest terminal = run_request();
  terminal.terminal = true;
  terminal.rows = 50;
  terminal.columns = 65535;
  AgentRequest input;
  input.kind = AgentRequest::Kind::Input;
  input.data = std::string("\0\x03\n", 3);
  AgentRequest fetch;
  fetch.kind = AgentRequest::Kind::Fetch;
  fetch.id = 1;
  fetch.path = "/tmp/\xfc";
  for (const AgentRequest& request : {run_request(), terminal, input, fetch}) {
    const std::string line = to_line(request);
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    const Result<AgentRequest> parsed = parse_agent_request(line);
    ASSERT_TRUE(parsed) << line;
    EXPECT_EQ(*parsed, request) << line;
  }
}

TEST(AgentProtocol, RepliesComeBackAsTheyWere) {
  AgentReply hello;
  hello.session = "abc";
  hello.failed_modules = {"i915"};
  AgentReply output;
  output.kind = AgentReply::Kind::Output;
  output.id = 3;
  for (int byte = 0; byte < 256; ++byte) output.data += static_cast<char>(byte);
  AgentReply ended;
  ended.kind = AgentReply::Kind::Ended;
  ended.id = 3;
  ended.exit_status = 137;
  for (const AgentReply& reply : {hello, output, ended}) {
    const Result<AgentReply> parsed = parse_agent_reply(to_line(reply));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(*parsed, reply);
  }
}

TEST(AgentProtocol, GarbageIsMalformed) {
  for (
      const char* line : {
          "",
          "x",
          "[]",
          "{}",
          R"({"type":"unheard-of"})",
          R"({"type":"hello"})",
          R"({"type":"input","data":"not base64!"})",
          R"({"type":"resize","rows":65536,"columns":1})",
          R"({"type":"resize","rows":-1,"columns":1})",
          // No program; a program with a byte 0 in its name; an environment that is not in pairs.
          R"({"type":"run","id":1,"argv":[],"environment":[],"working_directory":"Lw==","terminal":false})",
          R"({"type":"run","id":1,"argv":["YQBi"],"environment":[],"working_directory":"Lw==","terminal":false})",
          R"({"type":"run","id":1,"argv":["YQ=="],"environment":["YQ=="],"working_directory":"Lw==","terminal":false})",
          // "a=b" as the name of a variable.
          R"({"type":"run","id":1,"argv":["YQ=="],"environment":["YT1i","YQ=="],"working_directory":"Lw==","terminal":false})",
      }) {
    const Result<AgentRequest> parsed = parse_agent_request(line);
    ASSERT_FALSE(parsed) << line;
    EXPECT_EQ(parsed.error().code, ErrorCode::Malformed) << line;
  }
  EXPECT_FALSE(parse_agent_reply(R"({"type":"ended","id":1,"exit_status":4294967296})"));
}

// The examples of RFC 4648, section 10.
TEST(Base64, IsTheStandards) {
  const std::vector<std::pair<std::string, std::string>> examples = {{"", ""},
                                                                     {"f", "Zg=="},
                                                                     {"fo", "Zm8="},
                                                                     {"foo", "Zm9v"},
                                                                     {"foob", "Zm9vYg=="},
                                                                     {"fooba", "Zm9vYmE="},
                                                                     {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : examples) {
    EXPECT_EQ(to_base64(bytes), text);
    EXPECT_EQ(from_base64(text), bytes);
  }
  for (const char* bad :
       {"Z", "Zg", "Zg=", "Zg===", "====", "=Zg=", "Zh==", "Zm9=", "Zg==Zg==", "Z g="}) {
    EXPECT_FALSE(from_base64(bad)) << bad;
  }
}

TEST(AgentLines, PiecesBecomeLines) {
  AgentLines lines;
  lines.push("a");
  EXPECT_FALSE(lines.next()->has_value());
  lines.push("b\n\n\nc\nd");
  EXPECT_EQ(**lines.next(), "ab");
  EXPECT_EQ(**lines.next(), "c");
  EXPECT_FALSE(lines.next()->has_value());
  lines.clear();
  lines.push("e\n");
  EXPECT_EQ(**lines.next(), "e");
}

TEST(AgentLines, ALineAboveTheLimitIsToldOnceAndPassed) {
  AgentLines lines;
  const std::string piece(kAgentLineLimit / 2 + 1, 'x');
  for (int i = 0; i < 6; ++i) lines.push(piece);
  lines.push("\nnext\n");
  EXPECT_FALSE(lines.next());
  EXPECT_EQ(**lines.next(), "next");
  lines.push(std::string(kAgentLineLimit, 'y') + "\n");
  EXPECT_EQ((*lines.next())->size(), kAgentLineLimit);
}

}  // namespace
}  // namespace cleave
