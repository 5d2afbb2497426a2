// The definitions of tests/golden/vm/, shared by the tests of the command line and of real starts.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "vm/command_line.h"

namespace cleave::testing {

inline constexpr std::array<const char*, 19> kExamples = {"win10",
                                                          "minimal",
                                                          "full",
                                                          "without-gpu",
                                                          "kernel-and-serial",
                                                          "tcg",
                                                          "egl-headless",
                                                          "commas-and-blanks",
                                                          "korean",
                                                          "raw",
                                                          "sata-and-cdrom",
                                                          "extra-arguments",
                                                          "own-sandbox",
                                                          "sr-iov",
                                                          "gpu-not-shown",
                                                          "virtio-gpu",
                                                          "virtio-gpu-2d",
                                                          "virtio-gpu-window",
                                                          "pc"};

// The checked VM of tests/golden/vm/NAME.toml; empty, with the test failed, if it has problems.
std::optional<Vm> example(const std::string& name, std::string_view directory);

// All problems as "LINE:COLUMN sentence", one a line.
std::string problems_text(const std::vector<DefinitionProblem>& problems);

// What a way would hand over for `vm`.
StartResources example_resources(const Vm& vm, std::string runtime_directory);

}  // namespace cleave::testing
