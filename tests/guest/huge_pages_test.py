"""A VM whose memory is in the host's huge pages. Some are reserved for the time of the test, where root may do so."""
import os
import pathlib
import re
import shutil
import tempfile
import unittest

from person import Person

RESERVED = pathlib.Path("/proc/sys/vm/nr_hugepages")
PAGE_MIB = 2
MEMORY_MIB = 64
NEEDED = MEMORY_MIB // PAGE_MIB

DEFINITION = f"""\
accelerator = "tcg"
cpus = 1
memory = "{MEMORY_MIB}M"
huge_pages = true
kernel = "demo.elf"

[[network]]
type = "none"

[display]
type = "none"
"""


def meminfo(name):
    return int(re.search(rf"^{name}:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text(), re.M).group(1))


@unittest.skipIf(os.geteuid() != 0 or not os.access(RESERVED, os.W_OK), "only root can reserve huge pages, and not everywhere")
class HugePages(unittest.TestCase):
    def setUp(self):
        if meminfo("Hugepagesize") != PAGE_MIB * 1024:
            self.skipTest("huge pages have another size here")
        scratch = tempfile.mkdtemp(prefix="guest-", dir="/tmp")
        self.addCleanup(shutil.rmtree, scratch)
        self.person = Person(scratch, os.environ["CLEAVE"])
        self.person.write(".config/cleave/vms/huge.toml", DEFINITION)
        self.person.give(pathlib.Path(os.environ["CLEAVE"]).parent / "lab/guest/cleave-demo-guest.elf",
                         ".config/cleave/vms/demo.elf")
        before = RESERVED.read_text()
        self.addCleanup(RESERVED.write_text, before)
        self.free = meminfo("HugePages_Free") - meminfo("HugePages_Rsvd")
        self.before = int(before)

    def reserve(self, free):
        wanted = self.before + free - self.free
        RESERVED.write_text(str(wanted))
        if int(RESERVED.read_text()) != wanted:
            self.skipTest("the kernel finds no huge pages: its memory is in pieces")

    def test_the_guests_memory_is_in_them(self):
        self.reserve(NEEDED)
        self.addCleanup(self.person.run, "vm", "kill", "huge")
        started = self.person.run("vm", "start", "huge")
        self.assertEqual(started.returncode, 0, started.stdout)
        process = re.search(r"QEMU is process (\d+)", started.stdout).group(1)
        mapped = re.search(r"memfd:memory-backend-memfd.*?\nKernelPageSize:\s+(\d+) kB",
                           pathlib.Path(f"/proc/{process}/smaps").read_text(), re.S)
        self.assertEqual(int(mapped.group(1)), PAGE_MIB * 1024)
        self.assertEqual(meminfo("HugePages_Free") - meminfo("HugePages_Rsvd"), 0)
        self.assertEqual(self.person.run("vm", "check", "huge").returncode, 0)
        self.assertEqual(self.person.run("vm", "kill", "huge").returncode, 0)
        self.assertEqual(meminfo("HugePages_Free") - meminfo("HugePages_Rsvd"), NEEDED)

    def test_too_few_are_told_with_what_to_do(self):
        self.reserve(NEEDED - 1)
        refused = self.person.run("vm", "start", "huge")
        self.assertEqual(refused.returncode, 3)
        self.assertIn(f"needs {NEEDED} huge pages of 2M, and {NEEDED - 1} of the host's are free", refused.stdout)
        self.assertIn(f"vm.nr_hugepages={int(RESERVED.read_text()) + 1}.", refused.stdout)


if __name__ == "__main__":
    unittest.main()
