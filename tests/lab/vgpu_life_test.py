"""The life of vGPUs: made and removed again and again, by many at once, by VMs that are killed;
and of virtual functions.

Without CLEAVE_LONG the counts are small; tests/lab/CMakeLists.txt sets it for the test
lab.vgpu_life_long.
"""
import json
import os
import pathlib
import unittest

from laptop import LaptopTest

INSIDE = str(pathlib.Path(__file__).resolve().parent / "vgpu_life_inside.py")
LONG = "CLEAVE_LONG" in os.environ
CYCLES = 1000 if LONG else 10
VMS = 100 if LONG else 3
FUNCTION_VMS = 30 if LONG else 2
RACERS = 200 if LONG else 24
INSTANCES = 8
PARENTS = {"mtty": "mtty-1", "mdpy": "mdpy-vga", "mbochs": "mbochs-small", "10000:00:02.0": "i915-GVTg_V5_8"}
NOBODY = 65534
# Handles that other processes of the laptop may open meanwhile, and slab pages that are half used.
OPEN_FILES_NOISE = 64
KERNEL_KB_NOISE = 8192


class LifeTest(LaptopTest):
    def inside(self, *words):
        done = self.run_in_laptop("python3", INSIDE, *map(str, words), timeout=3000)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def assert_nothing_leaks(self, seen):
        before, after = seen["before"], seen["after"]
        print(f"\n  before {before}\n  after  {after}")
        for what in ("devices", "pci_devices", "nodes", "programs", "runtime_files"):
            self.assertEqual(after[what], before[what], what)
        # The last journal, and the one that the next transaction forgets.
        self.assertLessEqual(after["state_files"], before["state_files"] + 2)
        self.assertLess(after["open_files"], before["open_files"] + OPEN_FILES_NOISE)
        self.assertLess(after["kernel_kb"], before["kernel_kb"] + KERNEL_KB_NOISE)


class Life(LifeTest):
    module_parameters = (f"mdpy.count={INSTANCES}",)

    def test_making_and_removing_leaves_nothing(self):
        self.assert_nothing_leaks(self.inside("cycles", CYCLES))

    def test_starting_and_stopping_vms_leaves_nothing(self):
        self.assert_nothing_leaks(self.inside("vms", VMS))

    def test_of_many_at_once_as_many_are_served_as_there_are_instances(self):
        seen = self.inside("race", RACERS)
        served = [each for each in seen["results"] if each["status"] == 0]
        refused = [each for each in seen["results"] if each["status"] == 1]
        others = [each for each in seen["results"] if each["status"] not in (0, 1)]
        self.assertEqual(others, [])
        self.assertEqual(len(served), INSTANCES)
        uuids = {json.loads(each["output"])["uuid"] for each in served}
        self.assertEqual(sorted(uuids), seen["devices"], "none twice, none that nobody was told of")
        self.assertEqual(len(refused), RACERS - INSTANCES)
        for each in refused:
            self.assertIn("mdpy", each["errors"])
            self.assertRegex(each["errors"], "is left on|has no room left")
        self.assertEqual(seen["after"]["devices"], 0)

    def test_a_vm_that_is_killed_gives_its_device_back(self):
        for parent, kind in PARENTS.items():
            with self.subTest(parent=parent):
                seen = self.inside("kill-qemu", parent, kind)
                print(f"\n  {parent}: free {seen['free_after_s']} s after SIGKILL of QEMU")
                self.assertEqual(seen["owners"], [NOBODY, NOBODY])
                self.assertEqual(seen["qemu_user"], NOBODY)
                self.assertIsNotNone(seen["free_after_s"])
                self.assertEqual(seen["left"], 0)
                self.assertEqual((seen["again"]["status"], seen["again"]["killed"]), (0, 0), seen)
                self.assertTrue(seen["again"]["free"])

    def test_when_memory_runs_out_the_reason_is_told(self):
        seen = self.inside("run-out-of-memory", "mdpy", "mdpy-vga")
        self.assertIsNotNone(seen["free_after_s"])
        self.assertIn("for lack of memory", seen["status"])

    def test_a_supervisor_that_is_killed_leaves_a_device_that_is_free_or_rightly_owned(self):
        for parent, kind in PARENTS.items():
            with self.subTest(parent=parent):
                seen = self.inside("kill-supervisor", parent, kind)
                print(f"\n  {parent}: QEMU lives on: {seen['qemu_lives']}, owners {seen['owners_after']}")
                self.assertIn(seen["owners_after"], (None, [NOBODY, NOBODY]))
                self.assertEqual(seen["killed"], 0, seen)
                self.assertEqual((seen["again"]["status"], seen["again"]["killed"]), (0, 0), seen)
                self.assertEqual((seen["after"]["devices"], seen["after"]["programs"]), (0, 0), seen)

    def test_a_vgpu_that_was_given_to_a_user_needs_no_root(self):
        uuid = self.laptop_json("vgpu", "create", "--parent", "mdpy", "--type", "mdpy-vga",
                                "--for", "nobody")["uuid"]
        definition = (f'accelerator = "tcg"\nmemory = "64M"\n[gpu]\nway = "mdev"\nuuid = "{uuid}"\n'
                      'display = false\n[display]\ntype = "none"\n')
        as_nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                     "env", "HOME=/run/nobody", "XDG_RUNTIME_DIR=/run/nobody"]
        made = self.run_in_laptop("bash", "-c", "install -d -m 700 -o nobody -g nogroup /run/nobody && "
                                  f"cat > /run/nobody/own.toml <<'END'\n{definition}\nEND")
        self.assertEqual(made.returncode, 0, made.stderr)
        for verb in ("start", "kill"):
            done = self.run_in_laptop(*as_nobody, "cleave", "vm", verb, "/run/nobody/own.toml")
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(self.run_in_laptop("ls", "/sys/bus/mdev/devices").stdout.split(), [uuid],
                         "what the VM did not make it does not remove")
        removed = self.laptop_cleave("vgpu", "remove", uuid)
        self.assertEqual(removed.returncode, 0, removed.stderr)


class FunctionLife(LifeTest):
    """The same of virtual functions: each VM has one made, bound to vfio-pci, and taken away."""

    FUNCTIONS = "0000:01:00.0"
    devices = ("pcie-root-port,id=port1,chassis=1,slot=1", "nvme-subsys,id=subsystem",
               "nvme,serial=1,subsys=subsystem,bus=port1,sriov_max_vfs=4,sriov_vq_flexible=8,"
               "sriov_vi_flexible=4")

    def test_starting_and_stopping_vms_leaves_nothing(self):
        loaded = self.run_in_laptop("modprobe", "nvme")
        self.assertEqual(loaded.returncode, 0, loaded.stderr)
        self.assert_nothing_leaks(self.inside("function-vms", FUNCTION_VMS, self.FUNCTIONS))


if __name__ == "__main__":
    unittest.main(verbosity=2)
