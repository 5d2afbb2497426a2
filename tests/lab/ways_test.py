"""A VM from ten lines on each way, with SeaBIOS and with UEFI, and its picture; and whether its guest uses the GPU.

CLEAVE_PICTURES=DIRECTORY keeps the pictures."""
import os
import pathlib
import shutil
import tempfile
import time
import unittest

from laptop import CLEAVE, LaptopTest
from png import read_png
from up_test import has_bars

GPU = "10000:00:02.0"
FUNCTIONS = "0000:01:00.0"  # an NVMe controller with SR-IOV
CARD = "0000:02:00.0"  # a network card
KERNEL = "/run/demo-guest.elf"

# The lines of [gpu] beside its way. Not mdpy for the first: its own picture is there from the start
# and hides what the firmware draws.
WAYS = {
    "region": ("gvt-g", f'parent = "{GPU}"', 'type = "i915-GVTg_V5_4"'),
    "dmabuf": ("gvt-g", f'parent = "{GPU}"', 'type = "i915-GVTg_V5_4"'),
    "function": ("sr-iov", f'parent = "{FUNCTIONS}"'),
    "whole": ("passthrough", f'device = "{CARD}"'),
    "virtio": ("virtio-gpu", 'mode = "virgl"'),
}


def port(number):
    return f"pcie-root-port,id=port{number},chassis={number},slot={number}"


def ten_lines(way, *more):
    name, *settings = WAYS[way]
    lines = ['accelerator = "tcg"', 'memory = "128M"', "cpus = 1", *more, "[gpu]", f'way = "{name}"', *settings,
             "[display]", 'type = "egl-headless"']
    assert len(lines) <= 10, lines
    return "\n".join(lines)


class Picture:
    def __init__(self, path):
        self.width, self.height, self.rows = read_png(path)

    def colours(self):
        return {bytes(row[x:x + 3]) for row in self.rows for x in range(0, len(row), 3)}

    def has_test_card(self):
        return sum(has_bars(row, self.width) for row in self.rows) > self.height // 20

    def has_text(self):
        """VGA's text mode, in which SeaBIOS says who it is."""
        return (self.width, self.height) == (720, 400) and len(self.colours()) > 1

    def has_logo(self):
        """UEFI's logo has soft edges and stands on black; what QEMU shows by itself has two colours."""
        return len(self.colours()) > 8 and self.rows[0].count(0) == len(self.rows[0])


class EachWay(LaptopTest):
    devices = (port(1), "nvme-subsys,id=subsystem",
               "nvme,serial=1,subsys=subsystem,bus=port1,sriov_max_vfs=4,sriov_vq_flexible=8,"
               "sriov_vi_flexible=4", port(2), "e1000e,bus=port2")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        guest = pathlib.Path(CLEAVE).resolve().parent / "lab/guest/cleave-demo-guest.elf"
        cls("prepare").run_in_laptop("bash", "-c", f"modprobe -a nvme e1000e; install -m 644 {guest} {KERNEL}")

    def prepare(self):
        """For setUpClass, which is no test."""

    def define(self, name, text):
        path = f"/run/{name}.toml"
        self.run_in_laptop("bash", "-c", f"cat > {path} <<'END'\n{text}\nEND")
        self.addCleanup(self.laptop_cleave, "vm", "kill", path)
        return path

    def started(self, name, text):
        path = self.define(name, text)
        start = self.laptop_cleave("vm", "start", path, "--limit", "300", timeout=330)
        self.assertEqual(start.returncode, 0, start.stdout + start.stderr)
        return path

    def picture(self, name, definition):
        with tempfile.TemporaryDirectory() as scratch:
            file = pathlib.Path(scratch) / "screen.png"
            taken = self.laptop_cleave("vm", "screenshot", definition, "/run/screen.png",
                                       fetch=(f"/run/screen.png:{file}",))
            self.assertEqual(taken.returncode, 0, taken.stdout + taken.stderr)
            if "CLEAVE_PICTURES" in os.environ:
                shutil.copy(file, pathlib.Path(os.environ["CLEAVE_PICTURES"]) / f"{name}.png")
            return Picture(file)

    def expect_picture(self, name, text, shows, seconds=400):
        definition = self.started(name, text)
        end = time.monotonic() + seconds
        while True:
            picture = self.picture(name, definition)
            if shows(picture):
                return definition
            self.assertLess(time.monotonic(), end,
                            f"{name}: {picture.width} x {picture.height}, {len(picture.colours())} colours")
            time.sleep(2)

    def expect_both(self, way, with_bios=Picture.has_test_card):
        """Each ends before the next: some of these devices are there once."""
        kernel = f'kernel = "{KERNEL}"'
        for firmware, lines, shows in (("bios", [kernel] if with_bios == Picture.has_test_card else [], with_bios),
                                       ("uefi", ['firmware.type = "uefi"'], Picture.has_logo)):
            with self.subTest(firmware=firmware):
                self.expect_picture(f"{way}-{firmware}", ten_lines(way, *lines), shows)
            self.doCleanups()

    def show_by(self, kind):
        shown = self.run_in_laptop("bash", "-c", f"echo {kind} > /sys/module/kvmgt/parameters/display")
        self.assertEqual(shown.returncode, 0, shown.stderr)

    def test_a_vgpu_whose_picture_is_in_memory(self):
        self.show_by("region")
        self.expect_both("region")

    def test_a_vgpu_that_hands_its_picture_over(self):
        self.show_by("dmabuf")
        self.expect_both("dmabuf")

    def test_a_virtual_function_beside_an_emulated_screen(self):
        self.expect_both("function")

    def test_a_whole_device_beside_an_emulated_screen(self):
        self.expect_both("whole")

    def test_what_qemu_draws(self):
        self.expect_both("virtio", Picture.has_text)


if __name__ == "__main__":
    unittest.main(verbosity=2)
