// Which virtual machines use a GPU: all of it, one of its virtual functions, or a vGPU of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "facts/facts.h"

namespace cleave {

enum class GuestShare : std::uint8_t { Whole, Function, Vgpu };

// One device of one VM. Points into the facts.
struct GuestUse {
  const VirtualMachine* machine = nullptr;
  const GuestSettings* settings = nullptr;
  const HostDevice* device = nullptr;
  GuestShare share = GuestShare::Whole;
};

// In the order of the facts. A virtual function's users belong to the GPU that it is a part of.
std::vector<GuestUse> guests_of(const Facts& facts, const PciDevice& gpu);

// "process", "libvirt", "proxmox": as in JSON.
const char* source_name(VmSource source);
// The vGPU's UUID or type, or the address of what it has.
std::string device_name(const HostDevice& device);

// What is known of the QEMU that runs a VM, or would run it.
struct QemuBounds {
  std::optional<Version> exact;     // as a log or the program itself told it
  std::optional<Version> at_least;  // a machine type of that version is asked for
  // Empty: not known.
  [[nodiscard]] std::optional<bool> is_at_least(Version version) const;
};
QemuBounds qemu_bounds(const Facts& facts, const GuestUse& use);

// What QEMU said of a VM that is one of the known messages `ids` ("qemu.no_opengl"), the last of
// them; without ids any that is a problem. Empty: nothing of it.
std::optional<std::string> last_said(const VirtualMachine& machine,
                                     std::initializer_list<std::string_view> ids);

// The known messages of QEMU's words, a line each, without what stands before them: other words may
// hold the names of disks and people.
std::string known_messages(std::string_view said);

}  // namespace cleave
