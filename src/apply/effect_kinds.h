// The parts of effects.h by kind of effect, and what they share. For apply/ alone; a new kind is
// five functions here and one line in plan/change.h.
#pragma once

#include <cstddef>
#include <string>

#include "apply/effects.h"

namespace cleave {

// Files that cleave changes are configuration; the largest such thing is a boot loader's.
inline constexpr std::size_t kFileLimit = std::size_t{16} << 20U;

// What is known of an effect when it is taken back.
struct Trace {
  const Before& before;
  const std::string& copy;
  const std::string& outcome;
};

Error conflict(Message message, const std::string& path, Message remedy = {});
bool is_missing(const Error& error);
// "" if the file is absent (and `absent` is set); other errors are handed on.
Result<std::string> read_if_there(const HostReader& host, const std::string& path, bool& absent);
Error not_a_plain_file(const std::string& path);
// Notes the plain file at `path`, which is there.
Result<Before> observe_file(const HostReader& host, const std::string& path);

// attribute_effects.cc
Result<bool> is_done_here(const HostReader& host, const WriteAttribute& effect);
Result<Before> observe_here(HostWriter& host, const WriteAttribute& effect);
Result<void> perform_here(HostWriter& host, const WriteAttribute& effect, const Before& before);
Result<Notes> take_back_here(HostWriter& host, const WriteAttribute& effect, const Trace& trace);
bool is_gone_here(const HostReader& host, const WriteAttribute& effect, const Before& before);

Result<bool> is_done_here(const HostReader& host, const ChangeOwner& effect);
Result<Before> observe_here(HostWriter& host, const ChangeOwner& effect);
Result<void> perform_here(HostWriter& host, const ChangeOwner& effect, const Before& before);
Result<Notes> take_back_here(HostWriter& host, const ChangeOwner& effect, const Trace& trace);
bool is_gone_here(const HostReader& host, const ChangeOwner& effect, const Before& before);

// driver_effects.cc
Result<bool> is_done_here(const HostReader& host, const BindDriver& effect);
Result<Before> observe_here(HostWriter& host, const BindDriver& effect);
Result<void> perform_here(HostWriter& host, const BindDriver& effect, const Before& before);
Result<Notes> take_back_here(HostWriter& host, const BindDriver& effect, const Trace& trace);
bool is_gone_here(const HostReader& host, const BindDriver& effect, const Before& before);

// usb_effects.cc
Result<bool> is_done_here(const HostReader& host, const ReleaseUsb& effect);
Result<Before> observe_here(HostWriter& host, const ReleaseUsb& effect);
Result<void> perform_here(HostWriter& host, const ReleaseUsb& effect, const Before& before);
Result<Notes> take_back_here(HostWriter& host, const ReleaseUsb& effect, const Trace& trace);
bool is_gone_here(const HostReader& host, const ReleaseUsb& effect, const Before& before);

// file_effects.cc
Result<bool> is_done_here(const HostReader& host, const WriteFile& effect);
Result<Before> observe_here(HostWriter& host, const WriteFile& effect);
Result<void> perform_here(HostWriter& host, const WriteFile& effect, const Before& before);
Result<Notes> take_back_here(HostWriter& host, const WriteFile& effect, const Trace& trace);
bool is_gone_here(const HostReader& host, const WriteFile& effect, const Before& before);

Result<bool> is_done_here(const HostReader& host, const RemoveFile& effect);
Result<Before> observe_here(HostWriter& host, const RemoveFile& effect);
Result<void> perform_here(HostWriter& host, const RemoveFile& effect, const Before& before);
Result<Notes> take_back_here(HostWriter& host, const RemoveFile& effect, const Trace& trace);
bool is_gone_here(const HostReader& host, const RemoveFile& effect, const Before& before);

// command_effects.cc
Result<bool> is_done_here(const HostReader& host, const RunCommand& effect);
Result<Before> observe_here(HostWriter& host, const RunCommand& effect);
Result<void> perform_here(HostWriter& host, const RunCommand& effect, const Before& before);
Result<Notes> take_back_here(HostWriter& host, const RunCommand& effect, const Trace& trace);
bool is_gone_here(const HostReader& host, const RunCommand& effect, const Before& before);

Result<bool> is_done_here(const HostReader& host, const GenerateFile& effect);
Result<Before> observe_here(HostWriter& host, const GenerateFile& effect);
Result<void> perform_here(HostWriter& host, const GenerateFile& effect, const Before& before);
Result<Notes> take_back_here(HostWriter& host, const GenerateFile& effect, const Trace& trace);
bool is_gone_here(const HostReader& host, const GenerateFile& effect, const Before& before);

}  // namespace cleave
