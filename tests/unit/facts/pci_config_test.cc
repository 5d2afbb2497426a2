#include "facts/pci_config.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>

#include "base/text.h"
#include "facts/pci.h"
#include "support/golden.h"

namespace cleave {
namespace {

// A configuration space by hand: registers are written where the specification has them.
class Space {
 public:
  explicit Space(std::size_t size) : bytes_(size, '\0') {
    word(0x00, 0x8086).word(0x02, 0x9A49).byte(0x0B, 0x03);
  }
  Space& byte(std::size_t offset, unsigned value) {
    bytes_.at(offset) = static_cast<char>(value);
    return *this;
  }
  Space& word(std::size_t offset, unsigned value) {
    return byte(offset, value & 0xFFU).byte(offset + 1, value >> 8U);
  }
  Space& double_word(std::size_t offset, unsigned value) {
    return word(offset, value & 0xFFFFU).word(offset + 2, value >> 16U);
  }
  // A list that starts at `first`.
  Space& list(unsigned first) { return word(0x06, 0x10).byte(0x34, first); }
  Space& capability(std::size_t offset, unsigned id, unsigned next) {
    return byte(offset, id).byte(offset + 1, next);
  }
  Space& extended(std::size_t offset, unsigned id, unsigned next) {
    return double_word(offset, id | (1U << 16U) | (next << 20U));
  }
  [[nodiscard]] PciConfig parse() const { return parse_pci_config(bytes_); }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

TEST(PciConfig, WhatIsNotThereIsNotSeen) {
  for (const std::size_t size : {0U, 1U, 63U, 64U, 255U}) {
    EXPECT_EQ(parse_pci_config(std::string(size, '\0')), PciConfig()) << size;
  }
  const PciConfig plain = Space(256).double_word(0xFC, 0x7B3A5018).parse();
  EXPECT_TRUE(plain.capabilities_seen);
  EXPECT_FALSE(plain.extended_seen);
  EXPECT_EQ(plain.opregion_address, 0x7B3A5018U);
  EXPECT_FALSE(Space(4095).parse().extended_seen);
  EXPECT_TRUE(Space(4096).parse().extended_seen);
}

TEST(PciConfig, ADeviceThatDoesNotAnswerHasNothing) {
  EXPECT_EQ(parse_pci_config(std::string(4096, '\xFF')), PciConfig());
}

TEST(PciConfig, OnlyIntelsGpusHaveAnOpRegion) {
  EXPECT_EQ(Space(256).word(0, 0x10DE).parse().opregion_address, std::nullopt);
  EXPECT_EQ(Space(256).byte(0x0B, 0x02).parse().opregion_address, std::nullopt);
  EXPECT_EQ(Space(256).parse().opregion_address, 0U);
}

TEST(PciConfig, FunctionLevelResetIsToldInTwoPlaces) {
  Space express(256);
  express.list(0x40).capability(0x40, 0x05, 0x70).capability(0x70, 0x10, 0);
  EXPECT_TRUE(express.parse().express);
  EXPECT_FALSE(express.parse().function_level_reset);
  EXPECT_TRUE(express.double_word(0x74, 1U << 28U).parse().function_level_reset);

  Space advanced(256);
  advanced.list(0x50).capability(0x50, 0x13, 0).byte(0x53, 0x02);
  EXPECT_TRUE(advanced.parse().function_level_reset);
  EXPECT_FALSE(advanced.byte(0x53, 0x01).parse().function_level_reset);
}

TEST(PciConfig, WithoutTheStatusBitThereIsNoList) {
  Space space(256);
  space.list(0x40).capability(0x40, 0x10, 0).word(0x06, 0);
  EXPECT_FALSE(space.parse().express);
}

TEST(PciConfig, ReadsSriovAtsAndAcs) {
  Space space(4096);
  space.extended(0x100, 0x000F, 0x200).extended(0x200, 0x000D, 0x320).extended(0x320, 0x0010, 0);
  space.word(0x204, 0x001F).word(0x206, 0x001D);
  space.word(0x328, 1).word(0x32C, 6).word(0x32E, 7).word(0x330, 2);
  space.word(0x334, 1).word(0x336, 1).word(0x33A, 0x9A49);
  const PciConfig config = space.parse();
  EXPECT_TRUE(config.address_translation);
  EXPECT_EQ(config.acs, (AcsCapability{.supported = 0x1F, .enabled = 0x1D}));
  EXPECT_TRUE(config.acs->isolates());
  EXPECT_EQ(config.sriov, (SriovCapability{.total_vfs = 7,
                                           .initial_vfs = 6,
                                           .num_vfs = 2,
                                           .vf_offset = 1,
                                           .vf_stride = 1,
                                           .vf_device_id = 0x9A49,
                                           .enabled = true}));
  EXPECT_FALSE((AcsCapability{.supported = 0x1F, .enabled = 0x0D}.isolates()));
}

TEST(PciConfig, LoopsEnd) {
  Space space(4096);
  space.list(0x40).capability(0x40, 0x05, 0x50).capability(0x50, 0x10, 0x40);
  space.extended(0x100, 0x0001, 0x140).extended(0x140, 0x000F, 0x100);
  EXPECT_TRUE(space.parse().express);
  EXPECT_TRUE(space.parse().address_translation);
  EXPECT_TRUE(space.capability(0x50, 0x10, 0x50).extended(0x140, 0x000F, 0x140).parse().express);
}

TEST(PciConfig, ChainsThatPointNowhereEnd) {
  Space space(4096);
  // Into the header, and past what is there.
  space.list(0x40).capability(0x40, 0x05, 0x04).capability(0x04, 0x10, 0);
  space.extended(0x100, 0x0001, 0x0FC).extended(0xFFC, 0x0010, 0);
  EXPECT_FALSE(space.parse().express);
  EXPECT_EQ(space.parse().sriov, std::nullopt);
  // A capability that the end cuts off counts with what is there.
  space.extended(0x100, 0x0001, 0xFFC);
  EXPECT_EQ(space.parse().sriov, SriovCapability());
  EXPECT_EQ(parse_pci_config(space.bytes() + "more").sriov, SriovCapability());
}

// --- against lspci

struct Dump {
  std::string bytes;
  std::string listing;  // what lspci says of it
};
using Dumps = std::map<std::string, Dump>;  // by address as lspci prints it

// The address at the start of a device's line; empty if it is no such line.
std::string address_of(std::string_view line) {
  const std::string_view word = line.substr(0, line.find(' '));
  return word.size() < line.size() && parse_pci_address(word) ? std::string(word) : "";
}

// "100: 0e 00 01 15": bytes at an offset. Dumps have them in order.
void add_row(std::string_view line, std::string& bytes) {
  const auto columns = words(line);
  if (columns.empty() || !columns[0].ends_with(':')) return;
  const auto offset = parse_unsigned<std::size_t>(columns[0].substr(0, columns[0].size() - 1), 16);
  if (offset != bytes.size()) return;
  for (const std::string_view column : std::span(columns).subspan(1)) {
    const auto byte = column.size() == 2 ? parse_unsigned<unsigned>(column, 16) : std::nullopt;
    if (!byte) return;
    bytes += static_cast<char>(*byte);
  }
}

std::string output_of(const std::string& command) {
  std::string output;
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return output;
  char buffer[4096];
  while (std::fgets(buffer, sizeof buffer, pipe) != nullptr) output += buffer;
  ::pclose(pipe);
  return output;
}

Dumps read_dumps(const std::filesystem::path& path) {
  Dumps dumps;
  std::string address;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (const std::string next = address_of(line); !next.empty()) address = next;
    if (!address.empty()) add_row(line, dumps[address].bytes);
  }
  std::erase_if(dumps, [](const auto& dump) { return dump.second.bytes.size() < 256; });
  if (dumps.empty()) return dumps;
  address.clear();
  const std::string listing = output_of("lspci -vv -F '" + path.string() + "' 2>/dev/null");
  for (const std::string_view line : lines(listing)) {
    if (const std::string next = address_of(line); !next.empty()) address = next;
    const auto found = dumps.find(address);
    if (found != dumps.end()) found->second.listing += std::string(line) + "\n";
  }
  std::erase_if(dumps, [](const auto& dump) { return dump.second.listing.empty(); });
  return dumps;
}

bool says(const Dump& dump, std::string_view text) { return dump.listing.contains(text); }

void compare(const Dump& dump) {
  // A dump may end early: what is behind is empty for both.
  std::string bytes = dump.bytes;
  if (bytes.size() > 256) bytes.resize(4096, '\0');
  const PciConfig config = parse_pci_config(bytes);
  EXPECT_EQ(config.express, says(dump, "] Express ("));
  if (says(dump, "FLReset")) {
    const bool advanced = says(dump, "FLR+");
    EXPECT_EQ(config.function_level_reset, says(dump, "FLReset+") || advanced);
  }
  if (!config.extended_seen || !config.express) return;
  EXPECT_EQ(config.address_translation, says(dump, "Address Translation Service (ATS)"));
  EXPECT_EQ(config.acs.has_value(), says(dump, "] Access Control Services"));
  EXPECT_EQ(config.sriov.has_value(), says(dump, "] Single Root I/O Virtualization (SR-IOV)"));
  if (config.sriov && says(dump, "Total VFs: ")) {
    const SriovCapability& sriov = *config.sriov;
    EXPECT_TRUE(says(dump, "Total VFs: " + std::to_string(sriov.total_vfs) + ","));
    EXPECT_TRUE(says(dump, "Number of VFs: " + std::to_string(sriov.num_vfs) + ","));
    EXPECT_TRUE(says(dump, "VF offset: " + std::to_string(sriov.vf_offset) + ","));
  }
}

TEST(PciConfig, AgreesWithLspciOnRealDumps) {
  const std::string corpus = testing::corpus_directory();
  if (corpus.empty()) GTEST_SKIP() << "skipped: no corpus";
  if (output_of("lspci --version 2>/dev/null").empty()) GTEST_SKIP() << "skipped: no lspci";
  int checked = 0;
  int extended = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(corpus + "/lspci")) {
    if (!entry.is_regular_file()) continue;
    for (const auto& [address, dump] : read_dumps(entry.path())) {
      SCOPED_TRACE(entry.path().string() + " " + address);
      compare(dump);
      ++checked;
      if (dump.bytes.size() > 256) ++extended;
    }
  }
  EXPECT_GT(checked, 0);
  EXPECT_GT(extended, 0);
  RecordProperty("devices", checked);
  RecordProperty("extended", extended);
}

}  // namespace
}  // namespace cleave
