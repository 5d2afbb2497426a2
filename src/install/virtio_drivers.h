// Which files of the virtio drivers' disc (virtio-win) Windows' setup needs to see its disk and
// its network card. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cleave {

// Setup takes drivers from this folder of any drive, whatever its letter (learn.microsoft.com,
// "Limitations of $WinPeDriver$…").
inline constexpr const char* kSetupDriverFolder = "$WinPEDriver$";

// Folders of Windows versions on that disc, the best first: "w11", "w10".
std::vector<std::string> virtio_versions(std::string_view windows);  // "10", "11" or ""

// For a file of the disc its place on the answers' disc; empty: setup does not need it.
// "viostor/w10/amd64/viostor.sys" → "$WinPEDriver$/viostor/viostor.sys".
std::optional<std::string> setup_driver_place(std::string_view path, std::string_view version);

// The drivers of these places that lack their .inf: "viostor", "NetKVM". Empty: all are there.
std::vector<std::string> missing_setup_drivers(const std::vector<std::string>& places);

}  // namespace cleave
