"""`cleave setup` on a laptop with a disk: other boot loaders, a start that hangs, hosts on which something stands in the way."""
import time
import unittest

from setup_laptop import COMMAND_LIMIT, NEEDS_RESTART, PROGRAM, WORD, SetupTest
import fingerprint
from laptop_with_disk import PROMPT
from volatile_disk import Unflushed, WRITTEN_OUT_AFTER

HANGING = "cleave lab: hanging, as asked"  # lab/kernel/igpu_drv.c


class SystemdBoot(SetupTest):
    """With kernel-install, on UEFI firmware; its entries count their tries."""
    kind = "systemd-boot"

    def test_what_works_becomes_permanent_and_an_undo_takes_back_every_byte(self):
        self.expect_a_trial_to_become_permanent_and_to_be_taken_back()


class GrubWithoutDropIns(SetupTest):
    """As on Arch and openSUSE: grub-mkconfig reads /etc/default/grub and nothing beside it."""
    kind = "grub-settings"

    def test_what_works_becomes_permanent_and_an_undo_takes_back_every_byte(self):
        self.expect_a_trial_to_become_permanent_and_to_be_taken_back()


class Hang(SetupTest):
    def test_a_start_that_hangs_leaves_the_machine_as_it_was(self):
        self.begin_trial()
        # The driver that cleave switches on hangs on this machine.
        self.laptop.check("sed -i 's/ quiet / i915.hang=1 /' /boot/grub/custom.cfg && sync")
        self.laptop.begin_reboot()
        self.laptop.wait_for_text(HANGING)
        time.sleep(WRITTEN_OUT_AFTER)
        self.laptop.power_cut(Unflushed.LOST)
        self.laptop.power_on()
        login = self.laptop.wait_for_login()
        self.assertIn("did not come up", " ".join(login.split()), login)
        status = self.status()
        self.assertEqual(status["last_trial"]["result"], "failed")
        self.assertEqual(status["applied"], [])
        self.expect_as_before()


class AtTheTerminal(SetupTest):
    """As a person types it, and as a normal user."""

    def answer(self, keys):
        """Types `keys` at the question of a set-up; what was said, and the exit status."""
        self.laptop.type(f"{PROGRAM} setup --way gvt-g --no-trial; echo $? > /run/status\n")
        self.laptop.wait_for_text(r"\[y/N\] ")
        for key, pause in keys:
            self.laptop.type(key)
            time.sleep(pause)
        return " ".join(self.laptop.wait_for_text(PROMPT).split())

    def test_no_and_ctrl_c_leave_everything_as_it_was(self):
        self.laptop.log_in_again()
        self.assertIn("Nothing was changed.", self.answer([("n\n", 0)]))
        self.assertEqual(self.laptop.check("cat /run/status").strip(), "1")
        self.answer([("\x03", 0)])
        said = ""
        for pause in (0.2, 0.4, 0.8, 1.6):  # one of them is within grub-mkconfig, on any machine
            said = self.answer([("y\n", pause), ("\x03", 0)])
            if "It was interrupted." in said:
                break
            self.cleave("setup --undo")
        self.assertIn("It was interrupted.", said)
        self.assertRegex(said, "was put back|Nothing was changed")
        self.expect_as_before()

    def test_a_normal_user_is_told_that_root_is_needed(self):
        as_nobody = f"runuser -u nobody -- {PROGRAM}"
        for words in ("setup --way gvt-g --yes", "setup --way gvt-g --no-trial --yes"):
            done = self.laptop.run(f"{as_nobody} {words}")
            self.assertEqual(done.status, 4, done)
            self.assertIn(b"sudo", done.stderr)
        self.cleave("setup --way gvt-g --no-trial --yes", NEEDS_RESTART)
        for words in ("setup --undo", "setup --status"):
            self.assertEqual(self.laptop.run(f"{as_nobody} {words}").status, 4, words)
        self.cleave("setup --undo")
        self.expect_as_before()


# Holds dpkg's lock as apt does (fcntl F_SETLK; struct flock of x86-64) until it is ended.
APT = r"""perl -e 'use Fcntl ":DEFAULT"; sysopen F, "/var/lib/dpkg/lock-frontend", O_RDWR|O_CREAT or die;
my $lock = pack("ssx4qqix4", F_WRLCK, 0, 0, 0, 0); fcntl F, F_SETLK, $lock or die; $| = 1; print "held"; sleep 600' > /run/apt 2>&1 < /dev/null & echo $! > /run/apt.pid
for try in $(seq 50); do grep -q held /run/apt && exit 0; sleep 0.1; done; cat /run/apt; exit 1"""
FULL = """mkdir /run/grub && mount -t tmpfs -o size=16M none /run/grub && cp -a /boot/grub/. /run/grub &&
mount --bind /run/grub /boot/grub && { dd if=/dev/zero of=/boot/grub/filler bs=4k 2>/dev/null; rm -f /boot/grub/x; }"""


class Awkward(SetupTest):
    """Hosts on which something stands in the way: refused or taken back, never halfway."""

    def expect_refused(self, words, statuses=(1, 3), option="--no-trial"):
        done = self.laptop.run(f"{PROGRAM} setup --way gvt-g --yes {option}", limit=3 * COMMAND_LIMIT)
        said = " ".join((done.stdout + done.stderr).decode().split())
        self.assertIn(done.status, statuses, said)
        self.assertIn(words, said)
        self.assertEqual(self.cleave("setup --status")["applied"], [])

    def test_boot_is_read_only(self):
        self.laptop.check("mount --bind /boot /boot && mount -o remount,ro,bind /boot")
        self.expect_refused("Read-only file system")
        self.expect_refused("Read-only file system", option="--trial")
        self.laptop.check("umount /boot")
        self.expect_as_before()

    def test_boot_is_full(self):
        self.laptop.check(FULL)
        self.expect_refused("No space left on device")
        self.laptop.check("umount /boot/grub")
        self.expect_as_before()

    def test_a_package_manager_is_at_work(self):
        self.laptop.check(APT)
        self.expect_refused("package manager")
        self.laptop.check("kill $(cat /run/apt.pid)")
        self.expect_as_before()

    def test_settings_with_the_line_ends_of_another_system(self):
        self.laptop.check("sed -i 's/$/\\r/' /etc/default/grub")
        before = fingerprint.fingerprint(self.laptop)
        self.expect_refused("/etc/default/grub")
        self.assertEqual(fingerprint.differences(before, fingerprint.fingerprint(self.laptop)), [])

    def test_settings_behind_a_link(self):
        self.laptop.check("mv /etc/default/grub /etc/grub-settings && ln -s ../grub-settings /etc/default/grub")
        before = fingerprint.fingerprint(self.laptop)
        self.cleave("setup --way gvt-g --no-trial --yes", NEEDS_RESTART)
        self.assertIn(WORD, self.laptop.check("cat /boot/grub/grub.cfg"))
        self.cleave("setup --undo")
        self.assertEqual(fingerprint.differences(before, fingerprint.fingerprint(self.laptop)), [])

    def test_a_new_kernel_that_cannot_share_is_told_of_and_not_stopped(self):
        self.cleave("setup --way gvt-g --no-trial --yes", NEEDS_RESTART)
        hook = "/etc/kernel/postinst.d/zzz-cleave"
        # The running one is as good as it was.
        self.assertEqual(self.laptop.run(f"{hook} $(uname -r)"), (0, b"", b""))
        self.laptop.check("mkdir /lib/modules/6.99.0 && touch /lib/modules/6.99.0/modules.dep")
        done = self.laptop.run(f"{hook} 6.99.0 /boot/vmlinuz-6.99.0")
        self.assertEqual(done.status, 0)
        self.assertIn(b"kvmgt", done.stdout)
        self.assertIn("6.99.0", self.laptop.log_in_again())
        self.laptop.check("rm -r /lib/modules/6.99.0")
        self.cleave("setup --undo")
        self.expect_as_before()

    def test_two_at_once(self):
        script = f"""for n in 1 2; do {PROGRAM} setup --way gvt-g --no-trial --yes > /run/setup.$n 2>&1 & pids="$pids $!"; done
for pid in $pids; do wait $pid; echo $?; done"""
        statuses = sorted(int(word) for word in self.laptop.check(script, limit=3 * COMMAND_LIMIT).split())
        said = self.laptop.check("cat /run/setup.1 /run/setup.2")
        # The second one finds the first at work, or everything done.
        self.assertIn(NEEDS_RESTART, statuses, said)
        self.assertIn(statuses[0], (1, 3, NEEDS_RESTART), said)
        self.assertEqual(len(self.cleave("setup --status", NEEDS_RESTART)["applied"]), 1, said)
        self.cleave("setup --undo")
        self.expect_as_before()


if __name__ == "__main__":
    unittest.main()
