"""A laptop with a disk on which `cleave setup` is tried, made permanent and taken back."""
import json
import os
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "disk"))
import fingerprint
import images
from laptop_with_disk import COMMAND_LIMIT, LaptopWithDisk, saved_login

CLEAVE = os.environ["CLEAVE"]  # set by CMake: the release build, as users have it
PROGRAM = "/usr/local/bin/cleave"
WORD = "i915.enable_gvt=1"
TYPES = "ls /sys/bus/pci/devices/10000:00:02.0/mdev_supported_types"
NEEDS_RESTART = 5


class SetupTest(unittest.TestCase):
    kind = "grub"

    @classmethod
    def setUpClass(cls):
        reason = images.missing(cls.kind)
        if reason:
            raise unittest.SkipTest(f"skipped: {reason}")
        try:
            cls.state = saved_login(cls.kind)
        except images.CannotFetch as why:
            raise unittest.SkipTest(f"skipped: {why}") from why

    def setUp(self):
        self.laptop = self.enterContext(LaptopWithDisk(self.kind, self.state))
        self.laptop.put(CLEAVE, PROGRAM)
        self.before = fingerprint.fingerprint(self.laptop)
        self.command_line = self.laptop.kernel_command_line()

    def cleave(self, words, expected_status=0):
        done = self.laptop.run(f"{PROGRAM} {words} --json", limit=3 * COMMAND_LIMIT)
        self.assertEqual(done.status, expected_status, done.stdout.decode() + done.stderr.decode())
        return json.loads(done.stdout)

    def status(self):
        """What stands, once no trial is being looked at any more."""
        end = time.monotonic() + 3 * COMMAND_LIMIT
        while True:
            done = self.laptop.run(f"{PROGRAM} setup --status --json")
            status = json.loads(done.stdout)
            if status["trial"] is None or time.monotonic() > end:
                return status
            time.sleep(1)

    def begin_trial(self):
        begun = self.cleave("setup --way gvt-g --trial --yes", NEEDS_RESTART)
        self.assertEqual(begun["state"], "trial")
        self.assertTrue(begun["trial"]["once"])

    def expect_as_before(self):
        self.assertEqual(fingerprint.differences(self.before, fingerprint.fingerprint(self.laptop)), [])
        self.assertEqual(self.laptop.kernel_command_line(), self.command_line)

    def expect_in_operation(self):
        self.assertIn(WORD, self.laptop.kernel_command_line())
        self.assertIn("i915-GVTg_V5_4", self.laptop.check(TYPES))

    def expect_vgpu(self, uuid):
        """Made by a unit, some time after the driver registered."""
        self.laptop.check(f"for i in $(seq 50); do test -e /sys/bus/mdev/devices/{uuid} && break; sleep 0.2; done")
        listed = self.cleave("vgpu list")
        self.assertEqual([vgpu["uuid"] for vgpu in listed["vgpus"]], [uuid], listed)

    def expect_a_trial_to_become_permanent_and_to_be_taken_back(self):
        self.begin_trial()
        self.laptop.reboot()
        status = self.status()
        self.assertEqual(status["last_trial"]["result"], "confirmed", status["last_trial"])
        self.expect_in_operation()
        self.assertIn("is set up for good", self.laptop.log_in_again())

        defined = self.cleave("vgpu define --type i915-GVTg_V5_4 --auto")["uuid"]
        self.laptop.reboot()
        self.expect_in_operation()
        self.expect_vgpu(defined)
        # Its driver goes and comes back: as late as it can be.
        self.laptop.check("modprobe -r kvmgt 2>&1 && modprobe kvmgt")
        self.expect_vgpu(defined)
        self.cleave(f"vgpu stop {defined}")
        self.cleave(f"vgpu undefine {defined}")
        self.assertFalse([word for word in self.laptop.kernel_command_line() if word.startswith("cleave.")])
        self.assertIn("nothing was changed", self.laptop.check(f"{PROGRAM} setup --way gvt-g"))

        self.cleave("setup --undo")
        self.laptop.reboot()
        self.expect_as_before()
