// Binds a guest's processors to the host's.
#pragma once

#include <cstdint>
#include <vector>

#include "base/message.h"
#include "run/qmp.h"

namespace cleave {

// `pin`: for the guest's first processors the host's, by number. Asks QEMU which threads run them;
// one that is none of its process is left alone. What could not be done, in sentences.
std::vector<Message> pin_processors(QmpClient& monitor, std::uint32_t qemu,
                                    const std::vector<std::vector<std::uint32_t>>& pin);

}  // namespace cleave
