#include "app/vm_huge_pages.h"

#include <gtest/gtest.h>

#include "base/format.h"
#include "host/memory_host.h"

namespace cleave {
namespace {

Vm with_huge_pages(std::uint64_t mebibytes) {
  Vm vm;
  vm.name = "huge";
  vm.huge_pages = true;
  vm.memory_bytes = mebibytes << 20U;
  return vm;
}

MemoryHost host_with(int total, int free, int reserved) {
  MemoryHost host;
  host.add_file("/proc/meminfo", format("MemTotal:       24000000 kB\nHugePages_Total:      {}\n"
                                        "HugePages_Free:       {}\nHugePages_Rsvd:       {}\n"
                                        "HugePages_Surp:        0\nHugepagesize:       2048 kB\n",
                                        total, free, reserved));
  return host;
}

TEST(VmHugePages, AreEnoughOrToldHowManyToReserve) {
  EXPECT_TRUE(check_huge_pages(host_with(32, 32, 0), with_huge_pages(64)).empty());
  EXPECT_TRUE(check_huge_pages(host_with(0, 0, 0), Vm()).empty()) << "not wanted";
  const auto problems = check_huge_pages(host_with(40, 38, 30), with_huge_pages(63));
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].id, "memory.huge_pages");
  EXPECT_EQ(english(problems[0].message),
            "The guest's memory needs 32 huge pages of 2M, and 8 of the host's are free");
  EXPECT_NE(english(problems[0].remedy).find("vm.nr_hugepages=64"), std::string::npos);
}

TEST(VmHugePages, CountWhatTheKernelMakesOnDemand) {
  MemoryHost host = host_with(0, 0, 0);
  host.add_file("/proc/sys/vm/nr_overcommit_hugepages", "32\n");
  EXPECT_TRUE(check_huge_pages(host, with_huge_pages(64)).empty());
  EXPECT_EQ(check_huge_pages(host, with_huge_pages(66)).size(), 1U);
}

TEST(VmHugePages, LeaveWhatIsNotKnownToQemu) {
  EXPECT_TRUE(check_huge_pages(MemoryHost(), with_huge_pages(64)).empty());
  MemoryHost without;
  without.add_file("/proc/meminfo", "MemTotal: 24000000 kB\n");
  EXPECT_TRUE(check_huge_pages(without, with_huge_pages(64)).empty());
}

}  // namespace
}  // namespace cleave
