#include "run/bridge.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/format.h"
#include "base/text.h"
#include "run/program_output.h"
#include "run/vm_state.h"

namespace cleave {
namespace {

constexpr int kSocketNumber = 3;  // of the connection in the helper

Error refusal(const std::string& bridge, const std::string& helper, const ProgramOutput& output) {
  const std::string words = last_words(output.text);
  const auto says = [&words](const char* text) { return words.find(text) != std::string::npos; };
  Message remedy;
  ErrorCode code = ErrorCode::Denied;
  // The sentences are those of QEMU's qemu-bridge-helper.c, unchanged since 1.1.
  if (says("acl file")) {
    remedy = Message(N_("Let users have cards on it: as root, write the line “allow {bridge}” into "
                        "/etc/qemu/bridge.conf."),
                     {{"bridge", bridge}});
  } else if (says("No such device")) {
    code = ErrorCode::NotFound;
    remedy =
        Message(N_("Make the bridge first, or name another one: “ip link show type bridge” "
                   "lists them."));
  } else if (says("open /dev/net/tun")) {
    remedy = Message(N_("As root: chmod 666 {path}. udev does so at every start on most systems; "
                        "alone it gives no right to the network."),
                     {{"path", "/dev/net/tun"}});
  } else if (says("not permitted") || says("Permission denied")) {
    remedy = Message(N_("The helper has to be root's program for everybody: chmod u+s {helper}"),
                     {{"helper", helper}});
  }
  return error_of(code,
                  {N_("QEMU's network helper gave no card on the bridge {bridge} (exit status "
                      "{status}). Its own words: {words}"),
                   {{"bridge", bridge}, {"status", output.end.exit_status}, {"words", words}}},
                  std::move(remedy));
}

// The descriptor that came over the connection; closed if there is none. The helper has ended.
OwnedFd received(int socket) {
  char byte = 0;
  iovec data{.iov_base = &byte, .iov_len = 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  if (::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) <= 0) return {};
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
      header->cmsg_len != CMSG_LEN(sizeof(int))) {
    return {};
  }
  int descriptor = -1;
  std::memcpy(&descriptor, CMSG_DATA(header), sizeof(descriptor));
  return OwnedFd(descriptor);
}

}  // namespace

Result<OwnedFd> tap_on_bridge(const std::string& helper, const std::string& bridge,
                              std::chrono::milliseconds limit) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return system_error(errno, Message(N_("Could not start {program}"), {{"program", helper}}));
  }
  const OwnedFd ours(ends[0]);
  OwnedFd theirs(ends[1]);
  ProcessSpec spec;
  spec.argv = {helper, "--use-vnet", format("--br={}", bridge), format("--fd={}", kSocketNumber)};
  spec.environment = {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}, {"LC_ALL", "C"}};
  spec.inherit_environment = false;
  spec.descriptors = {{kSocketNumber, theirs.get()}};
  const ProgramOutput output = TRY(output_of(std::move(spec), limit));
  theirs.reset();
  OwnedFd tap = received(ours.get());
  if (!tap.is_open() || output.end.signal != 0 || output.end.exit_status != 0) {
    return refusal(bridge, helper, output);
  }
  return tap;
}

}  // namespace cleave
