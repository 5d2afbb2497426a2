// The laptop's agent: lines from anybody, in both directions; what parses prints and parses again.
#include "fuzz.h"
#include "lab/agent_protocol.h"
#include "lab/module_tree.h"
#include "lab/registry.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = cleave::fuzz::text_of(data, size);
  cleave::AgentLines lines;
  lines.push(text);
  lines.push("\n");
  while (true) {
    const auto line = lines.next();
    if (!line) continue;
    if (!line->has_value()) break;
    if (const auto request = cleave::parse_agent_request(**line)) {
      const auto again = cleave::parse_agent_request(cleave::to_line(*request));
      cleave::fuzz::require(again && *again == *request);
    }
    if (const auto reply = cleave::parse_agent_reply(**line)) {
      const auto again = cleave::parse_agent_reply(cleave::to_line(*reply));
      cleave::fuzz::require(again && *again == *reply);
    }
    if (const auto bytes = cleave::from_base64(**line)) {
      cleave::fuzz::require(cleave::to_base64(*bytes) == **line);
    }
  }
  if (const auto table = cleave::parse_module_dependencies(text)) {
    for (const auto& [name, module] : *table) {
      const auto order = cleave::load_order(*table, {name});
      cleave::fuzz::require(!order || order->back() == module.path);
    }
  }
  if (const auto record = cleave::parse_laptop_record(text)) {
    cleave::fuzz::require(cleave::parse_laptop_record(cleave::to_text(*record)).has_value());
  }
  return 0;
}
