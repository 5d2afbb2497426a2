"""The laptop with a disk and a boot loader (tests/lab/disk), by itself: what tests of cleave on it rely on."""
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "disk"))
import fingerprint
import images
from laptop_with_disk import BOOT_LIMIT, LaptopWithDisk, saved_login
from volatile_disk import BLOCK, Unflushed, VolatileDisk, WRITTEN_OUT_AFTER

DROP_IN = "/etc/default/grub.d/90-test.cfg"
ARGUMENT = "i915.enable_gvt=1"
HANGING = "cleave lab: hanging, as asked"  # lab/kernel/igpu_drv.c
# An entry beside the generated ones; without "quiet", so that the kernel's last words are seen.
TRIAL = r"""sed -n '/^menuentry /,/^}/p' /boot/grub/grub.cfg | sed "s/^menuentry .*/menuentry trial --id trial {/
s/ quiet/ i915.hang=1/" > /boot/grub/custom.cfg"""


class Disk(unittest.TestCase):
    """The write cache without a machine around it."""

    def setUp(self):
        base = self.enterContext(tempfile.NamedTemporaryFile())
        base.write(b"0" * BLOCK * 4)
        base.flush()
        self.disk = VolatileDisk(base.name)
        self.addCleanup(self.disk.close)

    def write(self, number, letter):
        self.assertTrue(self.disk.write(number * BLOCK, letter * BLOCK))

    def letters(self):
        return "".join(chr(self.disk.read(number * BLOCK, 1)[0]) for number in range(4))

    def test_what_is_flushed_survives_and_the_rest_does_not(self):
        self.write(0, b"a")
        self.assertTrue(self.disk.flush())
        self.write(0, b"b")
        self.write(1, b"c")
        self.assertEqual(self.letters(), "bc00")
        self.disk.cut_power(Unflushed.LOST)
        self.assertEqual(self.letters(), "a000")

    def test_a_drive_may_have_written_everything_or_some(self):
        self.write(0, b"a")
        self.disk.cut_power(Unflushed.KEPT)
        self.assertEqual(self.letters(), "a000")
        seen = set()
        for seed in range(40):
            for letter in (b"x", b"y"):
                self.write(1, letter)
            self.write(2, b"z")
            self.disk.cut_power(Unflushed.MIXED, seed)
            seen.add(self.letters()[1:3])
            self.disk.write(BLOCK, b"0" * 2 * BLOCK, through=True)
        self.assertEqual(seen, {one + two for one in "0xy" for two in "0z"})

    def test_a_part_of_a_block(self):
        self.disk.write(BLOCK - 2, b"abcd")
        self.assertEqual(self.disk.read(BLOCK - 3, 6), b"0abcd0")

    def test_no_write_is_answered_after_the_stop(self):
        self.disk.stop_at_write(2)
        self.write(0, b"a")
        self.assertFalse(self.disk.write(BLOCK, b"b" * BLOCK))
        self.assertFalse(self.disk.flush())
        self.disk.cut_power(Unflushed.KEPT)
        self.assertEqual(self.letters(), "a000")

    def test_an_old_write_is_on_the_platter(self):
        self.write(0, b"a")
        when, content = self.disk._cached[0][0]
        self.disk._cached[0] = [(when - WRITTEN_OUT_AFTER, content)]
        self.write(1, b"b")
        self.disk.cut_power(Unflushed.LOST)
        self.assertEqual(self.letters(), "a000")


class LaptopTest(unittest.TestCase):
    """Every test has a laptop of its own, at which root is logged in."""

    kind = None

    @classmethod
    def setUpClass(cls):
        reason = images.missing(cls.kind)
        if reason:
            raise unittest.SkipTest(f"skipped: {reason}")
        cls.state = saved_login(cls.kind)

    def setUp(self):
        self.laptop = self.enterContext(LaptopWithDisk(self.kind, self.state))


class Grub(LaptopTest):
    kind = "grub"

    def add_argument(self):
        self.laptop.check(f"""echo 'GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT {ARGUMENT}"' > {DROP_IN}""")

    def test_commands_and_files(self):
        done = self.laptop.run("printf 'a\\0\\n'; echo err >&2; cat; exit 7")
        self.assertEqual(done, (7, b"a\0\n", b"err\n"))
        everything = bytes(range(256)) * 4000
        with tempfile.NamedTemporaryFile() as file:
            file.write(everything)
            file.flush()
            self.laptop.put(file.name, "/root/everything")
        self.assertEqual(self.laptop.run("cat /root/everything").stdout, everything)
        self.assertEqual(self.laptop.get("/root/everything"), everything)
        script = f": {'x' * 20000}\necho end"
        self.assertEqual(self.laptop.check(script), "end\n")
        self.assertEqual(self.laptop.check("cat /sys/module/i915/parameters/enable_gvt; grep -c ^kvmgt /proc/modules; true"),
                         "N\n0\n")

    def test_a_login_shows_what_is_put_there_for_it(self):
        self.laptop.check("echo from-motd >> /etc/motd; mkdir -p /etc/motd.d && echo from-motd-d > /etc/motd.d/test; "
                          "echo 'echo from-profile' > /etc/profile.d/test.sh")
        text = self.laptop.log_in_again()
        for words in ("from-motd\r", "from-motd-d", "from-profile"):
            self.assertIn(words, text)

    def test_a_saved_laptop_can_be_saved_again(self):
        self.laptop.check("echo second > /run/second; echo unflushed > /root/second")
        with tempfile.TemporaryDirectory() as directory:
            self.laptop.save(directory)
            self.laptop.check("rm /run/second")
            with LaptopWithDisk("grub", directory) as again:
                self.assertEqual(again.check("cat /run/second /root/second"), "second\nunflushed\n")

    def test_an_argument_outlives_a_power_cut_and_a_boot_changes_nothing_else(self):
        self.add_argument()
        self.laptop.check("update-grub && sync")
        before = fingerprint.fingerprint(self.laptop)
        self.laptop.check("echo lost > /etc/unflushed")
        self.laptop.power_cut(Unflushed.LOST)
        self.laptop.power_on()
        self.laptop.wait_for_login()
        self.assertIn(ARGUMENT, self.laptop.kernel_command_line())
        self.assertEqual(self.laptop.check("cat /sys/module/i915/parameters/enable_gvt"), "Y\n")
        self.assertEqual(fingerprint.differences(before, fingerprint.fingerprint(self.laptop)), [])

    def test_an_entry_for_one_boot_that_hangs(self):
        self.laptop.check(TRIAL + " && grub-reboot trial && sync")
        self.laptop.begin_reboot()
        self.laptop.wait_for_text(HANGING)
        self.assertFalse(self.laptop.boots_to_login(limit=WRITTEN_OUT_AFTER + 3))
        self.laptop.power_cut(Unflushed.LOST)
        self.laptop.power_on()
        self.assertTrue(self.laptop.boots_to_login())
        self.assertNotIn("i915.hang=1", self.laptop.kernel_command_line())

    def test_a_power_cut_while_the_menu_is_written(self):
        self.add_argument()
        self.laptop.check("sync; (update-grub; sync) > /dev/null 2>&1 &")
        self.assertTrue(self.laptop.power_cut_at_write(3, BOOT_LIMIT, Unflushed.MIXED, seed=1))
        self.laptop.power_on()
        self.assertTrue(self.laptop.boots_to_login())


class GrubSettings(LaptopTest):
    kind = "grub-settings"

    def test_only_the_file_of_settings_is_read(self):
        self.laptop.check(f"""mkdir /etc/default/grub.d && echo 'GRUB_CMDLINE_LINUX="a.drop_in=1"' > {DROP_IN}
sed -i 's/^GRUB_CMDLINE_LINUX_DEFAULT="/&{ARGUMENT} /' /etc/default/grub""")
        self.laptop.check("grub-mkconfig -o /boot/grub/grub.cfg")
        menu = self.laptop.check("cat /boot/grub/grub.cfg")
        self.assertIn(f" {ARGUMENT} quiet\n", menu)
        self.assertNotIn("a.drop_in", menu)
        self.assertNotEqual(self.laptop.run("type update-grub").status, 0)


class SystemdBoot(LaptopTest):
    kind = "systemd-boot"

    def test_a_new_entry_that_hangs_has_one_try(self):
        entries = "/boot/efi/loader/entries"
        good, = self.laptop.check(f"ls {entries}").split()
        self.assertNotIn("+", good, "the boot was good: systemd-bless-boot takes the counter away")
        # The newest version is booted first unless it has no tries left.
        self.laptop.check(f"sed 's/^version .*/version 99/; s/^options .*/& i915.hang=1/; s/ quiet//' {entries}/{good} "
                          f"> {entries}/trial+1.conf && sync")
        before = fingerprint.fingerprint(self.laptop)
        self.laptop.begin_reboot()
        self.laptop.wait_for_text(HANGING)
        self.laptop.power_cut(Unflushed.LOST)
        self.laptop.power_on()
        self.assertTrue(self.laptop.boots_to_login())
        self.assertNotIn("i915.hang=1", self.laptop.kernel_command_line())
        self.assertEqual(fingerprint.differences(before, fingerprint.fingerprint(self.laptop)),
                         [f"{entries}/trial+0-1.conf", f"{entries}/trial+1.conf"])


if __name__ == "__main__":
    unittest.main()
