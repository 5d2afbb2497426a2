#include "vm/uuid.h"

#include <bit>
#include <span>
#include <vector>

#include "base/format.h"

namespace cleave {
namespace {

constexpr std::size_t kSha1BlockSize = 64;
constexpr std::size_t kUuidTextLength = 36;

// SHA-1 (FIPS 180-4, 6.1.2), because version 5 is defined by it; nothing here depends on its being
// secure. None of cleave's libraries offers it as a pure function: libsystemd's sd_id128 hashes
// only with the machine's id, and a cryptographic library for one UUID would be a new dependency.
class Sha1 {
 public:
  void add_block(std::span<const std::uint8_t, kSha1BlockSize> block) {
    std::array<std::uint32_t, 80> schedule{};
    for (std::size_t i = 0; i < 16; ++i) {
      schedule[i] = static_cast<std::uint32_t>(block[4 * i] << 24U | block[4 * i + 1] << 16U |
                                               block[4 * i + 2] << 8U | block[4 * i + 3]);
    }
    for (std::size_t i = 16; i < 80; ++i) {
      schedule[i] =
          std::rotl(schedule[i - 3] ^ schedule[i - 8] ^ schedule[i - 14] ^ schedule[i - 16], 1);
    }
    auto [a, b, c, d, e] = state_;
    for (std::size_t i = 0; i < 80; ++i) {
      const std::uint32_t next =
          std::rotl(a, 5) + mix(i, b, c, d) + e + kConstants[i / 20] + schedule[i];
      e = d;
      d = c;
      c = std::rotl(b, 30);
      b = a;
      a = next;
    }
    state_[0] += a;
    state_[1] += b;
    state_[2] += c;
    state_[3] += d;
    state_[4] += e;
  }

  [[nodiscard]] const std::array<std::uint32_t, 5>& state() const { return state_; }

 private:
  static constexpr std::array<std::uint32_t, 4> kConstants = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc,
                                                              0xca62c1d6};

  static std::uint32_t mix(std::size_t round, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
    if (round < 20) return (b & c) ^ (~b & d);
    if (round >= 40 && round < 60) return (b & c) ^ (b & d) ^ (c & d);
    return b ^ c ^ d;
  }

  std::array<std::uint32_t, 5> state_ = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476,
                                         0xc3d2e1f0};
};

std::array<std::uint32_t, 5> sha1(std::vector<std::uint8_t> message) {
  const std::uint64_t bits = message.size() * std::uint64_t{8};
  message.push_back(0x80);
  while (message.size() % kSha1BlockSize != kSha1BlockSize - sizeof(bits)) message.push_back(0);
  for (unsigned int shift = 64; shift > 0; shift -= 8) {
    message.push_back(static_cast<std::uint8_t>(bits >> (shift - 8)));
  }
  Sha1 hash;
  for (std::size_t at = 0; at < message.size(); at += kSha1BlockSize) {
    hash.add_block(
        std::span<const std::uint8_t, kSha1BlockSize>(message.data() + at, kSha1BlockSize));
  }
  return hash.state();
}

bool is_hyphen_place(std::size_t index) {
  return index == 8 || index == 13 || index == 18 || index == 23;
}

std::optional<std::uint8_t> hexadecimal_digit(char digit) {
  if (digit >= '0' && digit <= '9') return static_cast<std::uint8_t>(digit - '0');
  if (digit >= 'a' && digit <= 'f') return static_cast<std::uint8_t>(digit - 'a' + 10);
  if (digit >= 'A' && digit <= 'F') return static_cast<std::uint8_t>(digit - 'A' + 10);
  return std::nullopt;
}

}  // namespace

std::optional<UuidBytes> uuid_bytes(std::string_view text) {
  if (text.size() != kUuidTextLength) return std::nullopt;
  UuidBytes bytes{};
  std::size_t digits = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_hyphen_place(i)) {
      if (text[i] != '-') return std::nullopt;
      continue;
    }
    const auto digit = hexadecimal_digit(text[i]);
    if (!digit) return std::nullopt;
    bytes[digits / 2] = static_cast<std::uint8_t>(bytes[digits / 2] << 4U | *digit);
    ++digits;
  }
  return bytes;
}

std::string uuid_text(const UuidBytes& bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) {
    if (is_hyphen_place(text.size())) text += '-';
    text += format("{:02x}", byte);
  }
  return text;
}

UuidBytes name_based_uuid(const UuidBytes& name_space, std::string_view name) {
  std::vector<std::uint8_t> message(name_space.begin(), name_space.end());
  message.insert(message.end(), name.begin(), name.end());
  const std::array<std::uint32_t, 5> hash = sha1(std::move(message));
  UuidBytes uuid{};
  for (std::size_t i = 0; i < uuid.size(); ++i) {
    uuid[i] = static_cast<std::uint8_t>(hash[i / 4] >> (24 - 8 * (i % 4)));
  }
  uuid[6] = static_cast<std::uint8_t>((uuid[6] & 0x0FU) | 0x50U);  // version 5 (RFC 9562, 4.2)
  uuid[8] = static_cast<std::uint8_t>((uuid[8] & 0x3FU) | 0x80U);  // its variant (4.1)
  return uuid;
}

}  // namespace cleave
