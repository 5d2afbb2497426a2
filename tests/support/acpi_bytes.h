// Tables made by hand, field by field.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/format.h"
#include "facts/acpi_table.h"

namespace cleave::testing {

// `width` bytes, the lowest first.
inline std::string number(std::uint64_t value, std::size_t width) {
  std::string bytes;
  for (std::size_t i = 0; i < width; ++i) {
    bytes.push_back(static_cast<char>(static_cast<std::uint8_t>(value >> (8 * i))));
  }
  return bytes;
}

// Text filled up with zeros to `width`.
inline std::string fixed(std::string_view text, std::size_t width) {
  std::string bytes(text);
  bytes.resize(width, '\0');
  return bytes;
}

inline void set_byte(std::string& bytes, std::size_t offset, unsigned value) {
  bytes.at(offset) = static_cast<char>(static_cast<std::uint8_t>(value));
}

// Makes the checksum right, whatever else is wrong.
inline std::string with_checksum(std::string table) {
  set_byte(table, 9, 0);
  set_byte(table, 9, 256U - acpi_sum(table));
  return table;
}

// A whole table: header, `own` fields and structures.
inline std::string table(std::string_view signature, const std::string& body) {
  const std::string header = std::string(signature) + number(kAcpiHeaderSize + body.size(), 4) +
                             number(1, 1) + number(0, 1) + fixed("OEMID", 6) + fixed("TABLEID", 8) +
                             number(0x20240101, 4) + fixed("TEST", 4) + number(7, 4);
  return with_checksum(header + body);
}

inline std::string dmar(const std::string& structures, unsigned width = 0x26, unsigned flags = 1) {
  return table("DMAR", number(width, 1) + number(flags, 1) + std::string(10, '\0') + structures);
}

// Type and length in front of a structure's fields.
inline std::string structure(std::uint16_t type, const std::string& fields) {
  return number(type, 2) + number(4 + fields.size(), 2) + fields;
}

inline std::string scope(unsigned type, unsigned bus, const std::string& path, unsigned id = 0,
                         unsigned flags = 0) {
  return number(type, 1) + number(6 + path.size(), 1) + number(flags, 1) + number(0, 1) +
         number(id, 1) + number(bus, 1) + path;
}

inline std::string step(unsigned device, unsigned function) {
  return number(device, 1) + number(function, 1);
}

inline std::string drhd(unsigned flags, std::uint64_t address, const std::string& scopes = "",
                        unsigned segment = 0) {
  return structure(
      0, number(flags, 1) + number(0, 1) + number(segment, 2) + number(address, 8) + scopes);
}

inline std::string rmrr(std::uint64_t first, std::uint64_t last, const std::string& scopes,
                        unsigned segment = 0) {
  return structure(1,
                   number(0, 2) + number(segment, 2) + number(first, 8) + number(last, 8) + scopes);
}

inline std::string ivrs(const std::string& blocks, unsigned ivinfo = 0x203041) {
  return table("IVRS", number(ivinfo, 4) + std::string(8, '\0') + blocks);
}

inline std::string block(unsigned type, unsigned flags, const std::string& fields) {
  return number(type, 1) + number(flags, 1) + number(4 + fields.size(), 2) + fields;
}

inline std::string ivhd(unsigned type, const std::string& entries, unsigned device_id = 2) {
  const std::string images = type == 0x10 ? "" : number(0x1122334455667788, 8) + number(0x20, 8);
  return block(type, 0xB0,
               number(device_id, 2) + number(0x40, 2) + number(0xFD200000, 8) + number(0, 2) +
                   number(0x15, 2) + number(0x80048F6E, 4) + images + entries);
}

// As acpidump prints it.
inline std::string dump_text(std::string_view bytes, std::string_view name) {
  std::string text = std::string(name) + " @ 0x000000008F7E1000\n";
  for (std::size_t offset = 0; offset < bytes.size(); offset += 16) {
    text += format("    {:04X}:", offset);
    std::string letters;
    for (std::size_t i = offset; i < offset + 16; ++i) {
      if (i >= bytes.size()) {
        text += "   ";
        continue;
      }
      text += format(" {:02X}", static_cast<std::uint8_t>(bytes[i]));
      letters += bytes[i] > ' ' && bytes[i] <= '~' ? bytes[i] : '.';
    }
    text += "  " + letters + "\n";
  }
  return text + "\n";
}

}  // namespace cleave::testing
