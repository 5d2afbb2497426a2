"""A card that vfio-pci has from the initramfs on, beside its twin; on Debian 12 with initramfs-tools, whose initramfs has the
driver of both."""
import unittest

from setup_laptop import CLEAVE, COMMAND_LIMIT, NEEDS_RESTART, PROGRAM, SetupTest
import fingerprint
from laptop_with_disk import LaptopWithDisk

CARD, TWIN = "0000:00:10.0", "0000:00:11.0"  # 1234:1111 both
DEVICES = ("bochs-display,addr=0x10", "bochs-display,addr=0x11")
SCRIPT = "/etc/initramfs-tools/scripts/init-top/cleave-early-binding"
SET_UP = f"setup --way passthrough --gpu {CARD} --yes"
BUILD_LIMIT = 6 * COMMAND_LIMIT  # an initramfs is built under emulation


class EarlyBinding(SetupTest):
    def setUp(self):
        self.laptop = self.enterContext(LaptopWithDisk(self.kind, devices=DEVICES))
        self.laptop.power_on()
        self.laptop.wait_for_login(BUILD_LIMIT)
        self.laptop.put(CLEAVE, PROGRAM)
        self.laptop.check("echo bochs >> /etc/initramfs-tools/modules && update-initramfs -u", BUILD_LIMIT)
        self.laptop.reboot(BUILD_LIMIT)
        self.before = self.fingerprint()
        self.command_line = self.laptop.kernel_command_line()

    def fingerprint(self):
        """An image that is built anew has other times in it: of it what it holds."""
        known = fingerprint.fingerprint(self.laptop)
        for path in [path for path in known if path.startswith("/boot/initrd.img")]:
            # modules.*.bin and ld.so.cache are made anew, too; they are as long as they were.
            known[path] = self.laptop.check(f"lsinitramfs -l {path} | awk '{{ print $1, $3, $4, $5, $NF }}' | sort | sha256sum", BUILD_LIMIT)
        return known

    def driver(self, address):
        return self.laptop.check(f"basename $(readlink /sys/bus/pci/devices/{address}/driver) 2>&1 || true").strip()

    def expect_drivers(self, card, twin):
        self.assertEqual((self.driver(card[0]), self.driver(twin[0])), (card[1], twin[1]), self.laptop.check("dmesg | tail -40"))

    def set_up(self):
        # Nothing is connected to the card, as a person's second card has it.
        self.laptop.check(f"echo off > $(echo /sys/bus/pci/devices/{CARD}/drm/card*/card*-*/status)")
        done = self.laptop.run(f"{PROGRAM} {SET_UP} --no-trial", limit=BUILD_LIMIT)
        self.assertEqual(done.status, NEEDS_RESTART, done)
        return done.stdout.decode()

    def test_by_address_from_the_initramfs_on_and_taken_back(self):
        self.expect_drivers((CARD, "bochs-drm"), (TWIN, "bochs-drm"))
        self.laptop.check(f"echo off > $(echo /sys/bus/pci/devices/{CARD}/drm/card*/card*-*/status)")
        # The usual entries would start with the new initramfs: no start is tried.
        refused = self.laptop.run(f"{PROGRAM} {SET_UP} --trial", limit=BUILD_LIMIT)
        self.assertEqual(refused.status, 1, refused)
        self.assertIn(b"initramfs", refused.stderr)
        self.assertEqual(fingerprint.differences(self.before, self.fingerprint()), [])

        plan = self.set_up()
        self.assertIn("update-initramfs -u -k all", plan)
        self.assertIn(f"give_to_vfio {CARD} 0x1234 0x1111", plan)
        self.laptop.reboot(BUILD_LIMIT)
        self.expect_drivers((CARD, "vfio-pci"), (TWIN, "bochs-drm"))
        # Before the real system: the driver of the host never had it.
        log = self.laptop.check("dmesg")
        self.assertNotIn(f"bochs-drm {CARD}", log)
        self.assertIn(f"bochs-drm {TWIN}", log)
        self.assertIn("nothing was changed", self.laptop.check(f"{PROGRAM} {SET_UP}"))

        self.cleave_undo()
        self.laptop.reboot(BUILD_LIMIT)
        self.expect_drivers((CARD, "bochs-drm"), (TWIN, "bochs-drm"))
        self.assertEqual(fingerprint.differences(self.before, self.fingerprint()), [])
        self.assertEqual(self.laptop.kernel_command_line(), self.command_line)

    def cleave_undo(self):
        done = self.laptop.run(f"{PROGRAM} setup --undo", limit=BUILD_LIMIT)
        self.assertEqual(done.status, 0, done)

    def test_a_person_says_no_and_a_card_that_is_another_one(self):
        self.set_up()
        self.laptop.check("sed -i '/^GRUB_CMDLINE_LINUX=/s/\"$/ cleave.early_binding=off\"/' /etc/default/grub && update-grub",
                          BUILD_LIMIT)
        self.laptop.reboot(BUILD_LIMIT)
        self.assertIn("cleave.early_binding=off", self.laptop.kernel_command_line())
        self.expect_drivers((CARD, "bochs-drm"), (TWIN, "bochs-drm"))
        # As after a change of the hardware: another device has the address.
        self.laptop.check("sed -i 's/ cleave.early_binding=off//' /etc/default/grub && update-grub && "
                          f"sed -i 's/ 0x1234 0x1111$/ 0x1002 0x73ff/' {SCRIPT} && "
                          "sed -i 's/0x1111/0x73ff/' /etc/udev/rules.d/90-cleave.rules && update-initramfs -u -k all", BUILD_LIMIT)
        self.laptop.reboot(BUILD_LIMIT)
        self.expect_drivers((CARD, "bochs-drm"), (TWIN, "bochs-drm"))


if __name__ == "__main__":
    unittest.main()
