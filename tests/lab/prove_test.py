"""`cleave vm prove`: a guest that draws on its vGPU is told from one with which the kernel is not content."""
import json
import pathlib
import unittest

from laptop import CLEAVE, LaptopTest

GPU = "10000:00:02.0"
KERNEL = "/run/demo-guest.elf"
FAILSAFE = "Now vgpu {vgpu} will enter failsafe mode."  # gvt/handlers.c, enter_failsafe_mode


def definition(*gpu_lines, kernel=True):
    lines = ['accelerator = "tcg"', 'cpu = "qemu64"', 'memory = "128M"', "cpus = 1"]
    lines += [f'kernel = "{KERNEL}"'] if kernel else []
    return "\n".join([*lines, "[gpu]", *gpu_lines, "[display]", 'type = "egl-headless"'])


VGPU = ('way = "gvt-g"', f'parent = "{GPU}"', 'type = "i915-GVTg_V5_8"')


class Prove(LaptopTest):
    module_parameters = ("kvmgt.display=dmabuf",)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        guest = pathlib.Path(CLEAVE).resolve().parent / "lab/guest/cleave-demo-guest.elf"
        cls("prepare").run_in_laptop("install", "-m", "644", str(guest), KERNEL)

    def prepare(self):
        """For setUpClass, which is no test."""

    def define(self, name, text):
        path = f"/run/{name}.toml"
        self.run_in_laptop("bash", "-c", f"cat > {path} <<'END'\n{text}\nEND")
        self.addCleanup(self.laptop_cleave, "vm", "kill", path)
        return path

    def signs(self, proof):
        return {sign["id"]: sign["answer"] for sign in proof["signs"]}

    def test_a_guest_that_draws_is_proved_and_one_in_failsafe_mode_is_not(self):
        path = self.define("drawing", definition(*VGPU))
        result = self.laptop_cleave("vm", "start", "--prove", "--limit", "300", path, "--json", timeout=500)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        started = json.loads(result.stdout)
        proof = started["proof"]
        self.assertEqual(proof["answer"], "yes", proof)
        signs = self.signs(proof)
        self.assertEqual((signs["frames"], signs["display"]), ("yes", "yes"), proof)
        self.assertEqual((signs["kernel-log"], signs["qemu-log"]), ("yes", "yes"), proof)
        self.assertEqual(signs["driver"], "unknown", "the demo guest has no agent")

        number = self.run_in_laptop(
            "cat", f"/sys/bus/mdev/devices/{started['vgpu']}/intel_vgpu/vgpu_id").stdout.strip()
        self.tell_kernel(FAILSAFE.format(vgpu=int(number) + 1))
        another = self.laptop_json("vm", "prove", path, "--wait", "60")
        self.assertEqual(another["answer"], "yes", "what is said of another vGPU is not its affair")
        self.tell_kernel(FAILSAFE.format(vgpu=number))
        refuted = self.laptop_json("vm", "prove", path, expected_status=1)
        self.assertEqual(refuted["answer"], "no")
        self.assertIn("log.gvt_g_guest_rejected", [finding["id"] for finding in refuted["findings"]])
        text = self.laptop_cleave("vm", "prove", path).stdout
        self.assertIn("failsafe mode", text)
        self.assertIn("older Intel driver", text)

    def tell_kernel(self, line):
        """Into the kernel's log, as if the kernel had said so."""
        told = self.run_in_laptop("bash", "-c", f"echo '<6>{line}' > /dev/kmsg")
        self.assertEqual(told.returncode, 0, told.stderr)

    def test_the_firmwares_picture_proves_nothing(self):
        path = self.define("firmware", definition(*VGPU, kernel=False))
        started = self.laptop_cleave("vm", "start", path, "--limit", "300", timeout=330)
        self.assertEqual(started.returncode, 0, started.stdout + started.stderr)
        proof = self.laptop_json("vm", "prove", path, "--wait", "20", expected_status=1)
        self.assertEqual(proof["answer"], "unknown", proof)
        self.assertNotEqual(self.signs(proof)["frames"], "yes")

    def test_virtio_gpu_without_a_driver_in_the_guest_is_a_no(self):
        path = self.define("drawn", definition('way = "virtio-gpu"', 'mode = "virgl"', kernel=False))
        started = self.laptop_cleave("vm", "start", path, "--limit", "300", timeout=330)
        self.assertEqual(started.returncode, 0, started.stdout + started.stderr)
        proof = self.laptop_json("vm", "prove", path, "--wait", "5", expected_status=1)
        signs = self.signs(proof)
        self.assertEqual((proof["answer"], signs["driver"], signs["virgl"]), ("no", "no", "no"), proof)

    def test_a_vm_that_does_not_run_is_refused(self):
        path = self.define("off", definition(*VGPU))
        refused = self.laptop_cleave("vm", "prove", path)
        self.assertEqual(refused.returncode, 1, refused.stdout + refused.stderr)
        self.assertIn("cleave vm start off", refused.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
