// The use case of `cleave vm prove`: whether the guest of a running VM really uses its GPU.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "app/vm_place.h"
#include "base/json.h"
#include "base/result.h"
#include "host/host.h"
#include "run/guest_agent.h"
#include "run/picture.h"
#include "ways/guest_proof.h"

namespace cleave {

struct ProofRequest {
  std::string name;                                            // of the VM, or its definition file
  std::chrono::milliseconds limit = std::chrono::seconds(10);  // how long to look
};

struct VmProof {
  std::string name;
  std::string way;  // "gvt-g"
  GuestProof proof;
};

// Looks until the answer is settled, at most for `limit`. NotFound: the VM does not run;
// Unsupported: it has no GPU of the host.
Result<VmProof> prove_vm(const HostReader& host, const VmEnvironment& environment,
                         const ProofRequest& request);

Json to_json(const VmProof& proof);

// What the agent says of these cards; an agent that may not tell is Io with its own words.
Result<std::vector<DeviceInGuest>> ask_guest_devices(GuestAgent& agent, bool is_windows,
                                                     const std::vector<GuestCard>& cards);

// What the pictures of one screen, one after the other, come to.
class PictureComparison {
 public:
  void add(const Picture& picture);
  [[nodiscard]] const PicturesSeen& seen() const { return seen_; }

 private:
  PicturesSeen seen_;
  std::size_t last_ = 0;  // hash of the one before
};

}  // namespace cleave
