#include "vm/uuid.h"

#include <gtest/gtest.h>

#include "vm/vm.h"

namespace cleave {
namespace {

const UuidBytes kDns = *uuid_bytes("6ba7b810-9dad-11d1-80b4-00c04fd430c8");  // RFC 9562, 6.6

std::string named(std::string_view name) { return uuid_text(name_based_uuid(kDns, name)); }

TEST(Uuid, AgreesWithTheExampleOfTheRfc) {  // RFC 9562, A.4
  EXPECT_EQ(named("www.example.com"), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
}

// The other expected values are those of Python's uuid.uuid5. The 16 bytes of the namespace, the
// name, and 9 bytes of padding fill one block exactly at 39 bytes of name.
TEST(Uuid, AgreesWithPythonAroundTheEndsOfBlocks) {
  EXPECT_EQ(named(""), "4ebd0208-8328-5d69-8c44-ec50939c0967");
  EXPECT_EQ(named(std::string(38, 'x')), "f3ddef67-6e5b-53ca-baa2-12b379ef6ced");
  EXPECT_EQ(named(std::string(39, 'x')), "2f80c0d1-1c62-579f-8d68-e61ad5592c9b");
  EXPECT_EQ(named(std::string(40, 'x')), "e56fd57a-7633-5e1d-8f80-70e05ac413e5");
  EXPECT_EQ(named(std::string(47, 'x')), "a112377b-8258-5ef7-b5b0-d2540bc03abb");
  EXPECT_EQ(named(std::string(48, 'x')), "83993b6c-dea9-55ca-be5b-9989c85943fc");
  EXPECT_EQ(named(std::string(103, 'x')), "69b5a616-6ae8-5c37-8b46-37d527314c4d");
  EXPECT_EQ(named(std::string(104, 'x')), "c917ca2c-8395-5e00-8f28-a898d41a4b8d");
  EXPECT_EQ(named(std::string(1000, 'x')), "f6d12730-a238-51ed-bf69-3689855f9bbf");
  EXPECT_EQ(named("윈도우"), "5969b42d-e924-5560-acf1-387a96001e93");
}

TEST(Uuid, ReadsWhatItWrites) {
  const auto bytes = uuid_bytes("9E3B6E4F-52D2-4C7E-8D0B-3A1B6C5D4E2F");
  ASSERT_TRUE(bytes);
  EXPECT_EQ(uuid_text(*bytes), "9e3b6e4f-52d2-4c7e-8d0b-3a1b6c5d4e2f");
}

TEST(Uuid, RefusesEverythingElse) {
  for (const char* text :
       {"", "9e3b6e4f", "9e3b6e4f-52d2-4c7e-8d0b-3a1b6c5d4e2",
        "9e3b6e4f-52d2-4c7e-8d0b-3a1b6c5d4e2f0", "9e3b6e4f052d2-4c7e-8d0b-3a1b6c5d4e2f",
        "9e3b6e4g-52d2-4c7e-8d0b-3a1b6c5d4e2f", "9e3b6e4f-52d24-c7e-8d0b-3a1b6c5d4e2f",
        "{9e3b6e4f-52d2-4c7e-8d0b-3a1b6c5d4e}"}) {
    EXPECT_FALSE(uuid_bytes(text)) << text;
  }
}

TEST(VgpuUuid, NeverChanges) {
  EXPECT_EQ(vgpu_uuid("win10"), "a9917336-8c76-53a7-899a-8c75819f34ab");
  EXPECT_EQ(vgpu_uuid("win10", 1), "811f9b79-ae14-5a8d-82df-6b2d512402d2");
}

}  // namespace
}  // namespace cleave
