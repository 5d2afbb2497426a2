#include "run/pinning.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "base/format.h"
#include "base/text.h"

namespace cleave {
namespace {

// 0 or errno.
int bind_thread(pid_t thread, const std::vector<std::uint32_t>& cpus) {
  if (cpus.empty()) return EINVAL;
  const std::size_t count = std::size_t{*std::ranges::max_element(cpus)} + 1;
  cpu_set_t* set = CPU_ALLOC(count);
  if (set == nullptr) return ENOMEM;
  const std::size_t size = CPU_ALLOC_SIZE(count);
  CPU_ZERO_S(size, set);
  for (const std::uint32_t cpu : cpus) CPU_SET_S(cpu, size, set);
  const int error_number = ::sched_setaffinity(thread, size, set) == 0 ? 0 : errno;
  CPU_FREE(set);
  return error_number;
}

// Number of the guest's processor → QEMU's thread.
Result<std::map<std::uint64_t, std::uint64_t>> threads_of(QmpClient& monitor) {
  const Json reply = TRY(monitor.execute("query-cpus-fast"));
  std::map<std::uint64_t, std::uint64_t> threads;
  if (reply.as_array() == nullptr) return threads;
  for (const Json& cpu : *reply.as_array()) {
    const Json* index = cpu.find("cpu-index");
    const Json* thread = cpu.find("thread-id");
    if (index == nullptr || thread == nullptr) continue;
    if (index->as_unsigned() && thread->as_unsigned()) {
      threads[*index->as_unsigned()] = *thread->as_unsigned();
    }
  }
  return threads;
}

Message not_bound(std::size_t processor, const std::vector<std::uint32_t>& cpus,
                  const std::string& reason) {
  std::vector<std::string> numbers;
  for (const std::uint32_t cpu : cpus) numbers.push_back(format("{}", cpu));
  return {N_("Could not bind processor {processor} of the guest to {cpus} of the host: {reason}"),
          {{"processor", processor}, {"cpus", join(numbers, ", ")}, {"reason", reason}}};
}

}  // namespace

std::vector<Message> pin_processors(QmpClient& monitor, std::uint32_t qemu,
                                    const std::vector<std::vector<std::uint32_t>>& pin) {
  std::vector<Message> failures;
  if (pin.empty()) return failures;
  const auto threads = threads_of(monitor);
  if (!threads) {
    failures.emplace_back(N_("Could not bind the guest's processors to the host's: {reason}"),
                          std::vector<Field>{{"reason", english(threads.error())}});
    return failures;
  }
  for (std::size_t i = 0; i < pin.size(); ++i) {
    const auto thread = threads->find(i);
    if (thread == threads->end() ||
        ::access(format("/proc/{}/task/{}", qemu, thread->second).c_str(), F_OK) != 0) {
      failures.push_back(not_bound(i, pin[i], english(Message(N_("QEMU has no thread for it")))));
      continue;
    }
    const int error_number = bind_thread(static_cast<pid_t>(thread->second), pin[i]);
    if (error_number == 0) continue;
    failures.push_back(not_bound(i, pin[i], errno_text(error_number)));
  }
  return failures;
}

}  // namespace cleave
