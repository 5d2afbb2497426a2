// Names in a VM's runtime directory of the sockets and files that QEMU has there. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace cleave {

inline constexpr const char* kQmpSocket = "qmp.sock";
inline constexpr const char* kToolsSocket = "tools.sock";  // QMP for the person's own programs
inline constexpr const char* kSerialSocket = "serial.sock";
inline constexpr const char* kVncSocket = "vnc.sock";
inline constexpr const char* kSpiceSocket = "spice.sock";
inline constexpr const char* kAgentSocket = "agent.sock";  // QEMU's guest agent
inline constexpr const char* kTpmSocket = "tpm.sock";
inline constexpr const char* kLookingGlassFile = "looking-glass";

inline constexpr std::size_t kMaximumShares = 8;
// Of the virtiofs share of that number, from 0.
std::string share_socket(std::size_t number);

// All that can be there of them: what is removed at the VM's end.
std::vector<std::string> all_runtime_files();

}  // namespace cleave
