// One picture over the Remote Framebuffer protocol (VNC; RFC 6143) from a unix socket.
//
// QEMU cannot dump the screen of a vGPU whose picture is a DMABUF: its console has no surface then
// (docs/decisions/0002-laptop-display.md). With egl-headless each frame is copied for VNC, so that
// is where the picture can be had.
#pragma once

#include <chrono>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "run/picture.h"

namespace cleave {

// Errors: NotFound if nobody listens, Unsupported if a password is asked for, Malformed for what is
// not RFB, Io with ETIMEDOUT after `limit`.
Result<Picture> capture_over_rfb(const std::string& socket_path, std::chrono::milliseconds limit);

// Over a socket that is connected already.
Result<Picture> capture_over_rfb(OwnedFd socket, std::chrono::milliseconds limit);

}  // namespace cleave
