"""A VM on virtio-gpu: QEMU draws for it with OpenGL, on the node of the GPU and not on the first one."""
import json
import pathlib
import tempfile
import time
import unittest

from laptop import LaptopTest
from png import read_png

GPU = "10000:00:02.0"  # its driver brings a render node on which Mesa draws by the processor

TEXT_MODE = (720, 400)  # VGA's, in which SeaBIOS starts


class VirtioGpu(LaptopTest):
    def define(self, name, *gpu_lines, display="egl-headless"):
        text = "\n".join([f'name = "{name}"', 'accelerator = "tcg"', 'cpu = "qemu64"', "cpus = 1",
                          'memory = "128M"', "[gpu]", 'way = "virtio-gpu"', *gpu_lines,
                          "[display]", f'type = "{display}"'])
        path = f"/run/{name}.toml"
        self.run_in_laptop("bash", "-c", f"cat > {path} <<'END'\n{text}\nEND")
        return path

    def groups(self, definition):
        command = self.laptop_json("vm", "command", definition)
        return {group["name"]: group for group in command["groups"]}

    def screen(self, definition):
        with tempfile.TemporaryDirectory() as scratch:
            picture = pathlib.Path(scratch) / "screen.png"
            taken = self.laptop_cleave("vm", "screenshot", definition, "/run/screen.png",
                                       fetch=(f"/run/screen.png:{picture}",))
            self.assertEqual(taken.returncode, 0, taken.stdout + taken.stderr)
            return read_png(picture)

    def test_a_vm_is_drawn_with_opengl_and_its_screen_is_seen(self):
        # A second node, of no GPU. Its number is the higher one, or the lower: it is never taken.
        self.assertEqual(self.run_in_laptop("modprobe", "vgem").returncode, 0)
        self.assertEqual(self.run_in_laptop("bash", "-c", "ls /dev/dri | grep -c render").stdout, "2\n")
        definition = self.define("drawn")
        groups = self.groups(definition)
        self.assertEqual(groups["gpu"]["arguments"], ["-device", "virtio-vga-gl"])
        self.assertIn("venus", groups["gpu"]["reason"])
        self.assertIn("virgl", groups["gpu"]["reason"])
        self.assertIn(GPU, groups["display"]["reason"])
        node = groups["display"]["arguments"][1].split("rendernode=")[1]
        device = self.run_in_laptop(
            "readlink", "-f", f"/sys/class/drm/{pathlib.PurePath(node).name}/device").stdout.strip()
        self.assertTrue(device.endswith(GPU), f"{node} belongs to {device}")

        checked = self.laptop_cleave("vm", "check", definition)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        started = self.laptop_cleave("vm", "start", definition)
        self.assertEqual(started.returncode, 0, started.stdout + started.stderr)
        try:
            # QEMU answers over QMP that its CPU runs, with this device and under its sandbox.
            status = self.laptop_json("vm", "status", definition)
            self.assertEqual(status["vm"]["guest_status"], "running", status)
            for _ in range(20):  # until then QEMU shows that nothing was drawn yet, in 640 x 480
                width, height, rows = self.screen(definition)
                if (width, height) == TEXT_MODE:
                    break
                time.sleep(1)
            self.assertEqual((width, height), TEXT_MODE)
            colours = {bytes(row[x:x + 3]) for row in rows for x in range(0, len(row), 3)}
            self.assertGreater(len(colours), 1, "the firmware's text is not in the picture")
        finally:
            ended = self.laptop_cleave("vm", "kill", definition)
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)

    def test_what_qemu_answers_is_kept_for_the_next_start(self):
        definition = self.define("kept", 'mode = "2d"', display="none")
        self.run_in_laptop("rm", "-rf", "/var/cache/cleave/qemu")
        started = self.laptop_cleave("vm", "start", definition)
        self.assertEqual(started.returncode, 0, started.stdout + started.stderr)
        self.laptop_cleave("vm", "kill", definition)
        kept = self.run_in_laptop("bash", "-c", "cat /var/cache/cleave/qemu/*.json")
        self.assertIn("virtio-vga-gl", json.loads(kept.stdout)["devices"])

    def test_a_mode_that_cannot_be_had_is_refused_with_what_is_missing(self):
        definition = self.define("wished", 'mode = "venus"')
        refused = self.laptop_cleave("vm", "start", definition)
        self.assertNotEqual(refused.returncode, 0, refused.stdout)
        for piece in ("venus", "virglrenderer", "Linux", 'mode = "virgl"'):
            self.assertIn(piece, refused.stderr)
        listed = self.run_in_laptop("pgrep", "qemu-system")
        self.assertEqual(listed.stdout, "", "nothing is left of a start that was refused")


if __name__ == "__main__":
    unittest.main(verbosity=2)
