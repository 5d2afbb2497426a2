// Runs a fuzz target's entry point over the files of one directory: the seeds as ordinary tests.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
    return 2;
  }
  int seeds = 0;
  std::error_code problem;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1], problem)) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string seed{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    std::printf("%s\n", entry.path().filename().c_str());
    std::fflush(stdout);  // the last name printed is the seed that failed
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(seed.data()), seed.size());
    ++seeds;
  }
  if (seeds == 0) std::fprintf(stderr, "no seeds in %s\n", argv[1]);
  return seeds == 0 ? 1 : 0;
}
