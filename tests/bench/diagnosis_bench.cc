// How many captured machines a second one core diagnoses: every file of tests/machines/, from its
// text on, again and again; without and with the report in JSON. Budget: 1,000 a second.
#include <chrono>
#include <cstdio>

#include "cli/render/doctor_json.h"
#include "facts/readers/read_facts.h"
#include "host/memory_host.h"
#include "support/golden.h"

namespace cleave {
namespace {

using Clock = std::chrono::steady_clock;

MemoryHost load(const std::string& text) {
  auto host = parse_machine(text, [](const std::string& name) -> Result<std::string> {
    return testing::read_test_file("machines/" + name);
  });
  if (!host) std::abort();
  return std::move(*host);
}

double machines_a_second(const std::vector<std::string>& texts, bool report) {
  constexpr auto kLong = std::chrono::seconds(3);
  std::size_t machines = 0;
  std::size_t bytes = 0;
  const auto begin = Clock::now();
  while (Clock::now() - begin < kLong) {
    for (const std::string& text : texts) {
      const MemoryHost host = load(text);
      const Facts facts = read_facts(host);
      const Diagnosis diagnosis = diagnose(facts);
      bytes += report ? to_text(doctor_json(diagnosis)).size() : diagnosis.findings.size();
      ++machines;
    }
  }
  const std::chrono::duration<double> seconds = Clock::now() - begin;
  if (bytes == 0) std::abort();  // nothing may be left out as unused
  return static_cast<double>(machines) / seconds.count();
}

}  // namespace
}  // namespace cleave

int main() {
  std::vector<std::string> texts;
  for (const std::string& name : cleave::testing::machine_names()) {
    texts.push_back(cleave::testing::read_test_file("machines/" + name + ".machine"));
  }
  std::printf("%.0f machines a second diagnosed, %.0f with the report in JSON\n",
              cleave::machines_a_second(texts, false), cleave::machines_a_second(texts, true));
}
