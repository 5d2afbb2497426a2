"""`cleave up --demo`: from nothing to a picture of a VM on a vGPU, and after being killed halfway."""
import json
import pathlib
import tempfile
import unittest

from laptop import CLEAVE, LaptopTest, cleave
from png import read_png

# The test card's bars, left to right (lab/guest/test_card.c).
BARS = [(255, 255, 255), (255, 255, 0), (0, 255, 255), (0, 255, 0),
        (255, 0, 255), (255, 0, 0), (0, 0, 255), (0, 0, 0)]


def has_bars(row, width):
    """Whether the row crosses all eight bars: they fill its middle 95 % in equal parts."""
    left, share = width * 0.026, width * 0.948 / len(BARS)
    centres = [int(left + share * (i + 0.5)) * 3 for i in range(len(BARS))]
    return [tuple(row[x:x + 3]) for x in centres] == BARS


def expect_test_card(test, picture, width, height):
    seen_width, seen_height, rows = read_png(picture)
    test.assertEqual((seen_width, seen_height), (width, height))
    bars = sum(has_bars(row, width) for row in rows)
    test.assertGreater(bars, height // 20, "the colour bars are not in the picture")


class Demo(unittest.TestCase):
    def test_the_whole_job_ends_with_the_test_card(self):
        with tempfile.TemporaryDirectory() as scratch:
            picture = pathlib.Path(scratch) / "demo.png"
            done = cleave("up", "--demo", "--json", "--picture", str(picture), timeout=400)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            report = json.loads(done.stdout)
            self.assertEqual(report["where"], "laptop")
            self.assertEqual(report["vgpu"]["type"], "i915-GVTg_V5_4")
            guest = report["guest"]
            self.assertEqual((guest["gpu"]["vendor_id"], guest["gpu"]["device_id"]), ("8086", "9b41"))
            self.assertGreater(guest["frames_per_second"], 0)
            framebuffer = guest["framebuffer"]
            expect_test_card(self, picture, framebuffer["width"], framebuffer["height"])

    def test_the_picture_of_a_vgpu_that_hands_it_over_as_a_dmabuf(self):
        """As the real driver does: QEMU draws it with OpenGL, and it comes over VNC."""
        with tempfile.TemporaryDirectory() as scratch:
            picture = pathlib.Path(scratch) / "demo.png"
            done = cleave("lab", "run", "--module-parameter", "kvmgt.display=dmabuf",
                          "--get", f"/run/demo.png:{picture}", "--",
                          "cleave", "up", "--demo", "--no-laptop", "--picture", "/run/demo.png",
                          timeout=400)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            expect_test_card(self, picture, 1920, 1200)


class KilledDemo(LaptopTest):
    def devices_and_qemus(self):
        listed = self.run_in_laptop("bash", "-c", "ls /sys/bus/mdev/devices; pgrep qemu-system")
        return listed.stdout.split()

    def test_the_next_call_clears_up_and_goes_on(self):
        demo = f"{CLEAVE} up --demo --no-laptop --picture /run/demo.png"
        for delay in ("0.5", "2", "6"):
            with self.subTest(killed_after=delay):
                self.run_in_laptop("timeout", "--signal=KILL", delay, *demo.split())
        again = self.run_in_laptop(*demo.split())
        self.assertEqual(again.returncode, 0, again.stdout + again.stderr)
        self.assertEqual(self.devices_and_qemus(), [])

    def test_a_vm_that_is_killed_gives_its_vgpu_back_and_is_explained(self):
        definition = "\n".join([
            'name = "killed"', 'serial = true', 'memory = "64M"', 'cpus = 1', '[gpu]',
            'way = "mdev"', 'parent = "mdpy"', 'type = "mdpy-vga"', '[display]', 'type = "none"'])
        self.run_in_laptop("bash", "-c", f"cat > /run/killed.toml <<'END'\n{definition}\nEND")
        started = self.laptop_cleave("vm", "start", "/run/killed.toml")
        self.assertEqual(started.returncode, 0, started.stdout + started.stderr)
        self.assertNotEqual(self.devices_and_qemus(), [])
        second = self.laptop_cleave("vm", "start", "/run/killed.toml")
        self.assertEqual(second.returncode, 3, second.stderr)
        owner = self.run_in_laptop("bash", "-c", "ps -o user= -p $(pgrep qemu-system)")
        self.assertEqual(owner.stdout.strip(), "nobody")
        self.run_in_laptop("bash", "-c", "pkill -KILL qemu-system; sleep 1")
        self.assertEqual(self.devices_and_qemus(), [])
        status = self.laptop_cleave("vm", "status", "/run/killed.toml")
        self.assertIn("signal 9", status.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
