// How many captured machines a second one core diagnoses: every file of tests/machines/, from its
// text to the report in JSON, again and again. Budget: 1,000 a second.
#include <chrono>
#include <cstdio>

#include "cli/render/doctor_json.h"
#include "facts/readers/read_facts.h"
#include "support/machine.h"

int main() {
  using namespace cleave;
  using Clock = std::chrono::steady_clock;
  constexpr auto kLong = std::chrono::seconds(3);
  std::size_t machines = 0;
  std::size_t bytes = 0;
  const auto begin = Clock::now();
  while (Clock::now() - begin < kLong) {
    for (const std::string& name : testing::machine_names()) {
      const MemoryHost host = testing::load_machine(name);
      const Facts facts = read_facts(host);
      bytes += to_text(doctor_json(diagnose(facts))).size();
      ++machines;
    }
  }
  const std::chrono::duration<double> seconds = Clock::now() - begin;
  std::printf("%.0f machines a second (%zu machines, %zu MB of reports)\n",
              static_cast<double>(machines) / seconds.count(), machines, bytes >> 20U);
}
