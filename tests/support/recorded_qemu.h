// What real QEMU programs answered, as tests/qemu_versions/record.py wrote it down.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "facts/qemu_questions.h"
#include "support/golden.h"

namespace cleave::testing {

// "4.2", "10.0": those of tests/data/qemu/.
inline std::vector<std::string> recorded_qemu_versions() {
  return file_stems("data/qemu", ".json");
}

// The answer to the same question, or what says that there is none.
inline Result<Json> recorded_reply(const Json& record, const std::string& command,
                                   const Json& arguments) {
  for (const Json& one : *record.find("monitor")->as_array()) {
    const Json* asked = one.find("arguments");
    if (one.text_of("execute") != command) continue;
    if (asked == nullptr ? !arguments.as_object()->empty() : *asked != arguments) continue;
    if (const Json* reply = one.find("return")) return *reply;
    const bool none = one.find("error")->text_of("class") == "DeviceNotFound";
    return error_of(none ? ErrorCode::NotFound : ErrorCode::Unsupported, {"refused"});
  }
  return error_of(ErrorCode::Internal, {"not recorded: record again"});
}

inline Result<std::string> recorded_help(const Json& record,
                                         const std::vector<std::string>& arguments) {
  Json wanted = Json::array();
  for (const std::string& argument : arguments) wanted.push_back(argument);
  for (const Json& one : *record.find("help")->as_array()) {
    if (*one.find("arguments") == wanted) return std::string(one.text_of("text"));
  }
  return error_of(ErrorCode::Internal, {"not recorded: record again"});
}

// What that QEMU can do, by cleave's own questions.
inline QemuAbilities recorded_qemu(std::string_view version) {
  const std::string path = "data/qemu/" + std::string(version) + ".json";
  const auto record = parse_json(read_test_file(path));
  if (!record || record->text_of("schema") != "cleave.recorded-qemu-replies/1") {
    ADD_FAILURE() << path << " holds no replies";
    return {};
  }
  auto abilities = ask_abilities({.monitor =
                                      [&](const std::string& command, const Json& arguments) {
                                        return recorded_reply(*record, command, arguments);
                                      },
                                  .help =
                                      [&](const std::vector<std::string>& arguments) {
                                        return recorded_help(*record, arguments);
                                      }});
  EXPECT_TRUE(abilities) << path << ": " << english(abilities.error().message);
  return abilities ? std::move(*abilities) : QemuAbilities();
}

}  // namespace cleave::testing
