"""`cleave devices` and --watch on a real kernel, in the virtual laptop."""
import json
import subprocess
import unittest

from laptop import CLEAVE, LaptopTest

GPU = "10000:00:02.0"
UUID = "5d0c3c5e-0f5b-4b7e-9d35-8f6f4a1c2b3d"


class DevicesInLaptop(LaptopTest):
    def tearDown(self):
        self.laptop_cleave("vgpu", "remove", UUID)

    def listed(self, *words):
        return {device["address"] or device["name"]: device
                for device in self.laptop_json("devices", *words)["devices"]}

    def test_a_vgpu_takes_from_what_is_free(self):
        before = self.listed()[GPU]
        self.assertEqual((before["kind"], before["ways"][0]), ("gpu", "gvt-g"))
        free = {kind["id"]: kind["available"] for kind in before["mediated"]["types"]}
        self.assertEqual(free, {"i915-GVTg_V5_4": 1, "i915-GVTg_V5_8": 2})
        self.laptop_json("vgpu", "create", "--type", "i915-GVTg_V5_4", "--uuid", UUID)
        after = self.listed("10000:00:02.0")[GPU]
        self.assertEqual({kind["available"] for kind in after["mediated"]["types"]}, {0})
        made = after["mediated"]["vgpus"][0]
        self.assertEqual((made["uuid"], made["state"], made["users"]), (UUID, "free", []))
        self.assertEqual(after["whole"]["state"], "in-use")

    def test_who_has_a_vgpu_open_and_since_when(self):
        self.laptop_json("vgpu", "create", "--type", "i915-GVTg_V5_8", "--uuid", UUID)
        group = self.listed()[GPU]["mediated"]["vgpus"][0]["iommu_group"]
        # The process that has the group open is the shell itself; it looks while it has it.
        looked = self.run_in_laptop(
            "sh", "-c", f"exec 9<>/dev/vfio/{group}; date +%s; cleave devices --json")
        self.assertEqual(looked.returncode, 0, looked.stderr)
        now, _, listed = looked.stdout.partition("\n")
        gpu = next(each for each in json.loads(listed)["devices"] if each["address"] == GPU)
        vgpu = gpu["mediated"]["vgpus"][0]
        self.assertEqual(vgpu["state"], "used")
        self.assertIn("sh", [user["command"] for user in vgpu["users"]])
        for user in vgpu["users"]:
            self.assertLess(abs(user["since"] - int(now)), 30)

    def test_a_root_that_hides_its_disk_makes_controllers_unknown(self):
        """The laptop's root is an overlay: nobody can say which disk is below it."""
        disks = [each for each in self.listed().values() if each["kind"] == "disk"]
        self.assertNotEqual(disks, [])
        for device in disks:
            self.assertEqual(device["whole"]["state"], "unknown", device)
            self.assertIn("overlay", device["whole"]["reasons"][0]["text"])

    def test_an_unknown_device_is_named_with_those_there_are(self):
        refused = self.laptop_cleave("devices", "0000:7f:00.0")
        self.assertEqual(refused.returncode, 1)
        self.assertIn(GPU, refused.stderr)

    def test_watching_sees_a_vgpu_come_and_go(self):
        # As Ctrl-C on a terminal; its status then is 128 and the signal's number.
        words = [CLEAVE, "lab", "run", "--name", self.name, "--", "sh", "-c",
                 "(sleep 3; "
                 f"echo {UUID} > /sys/class/mdev_bus/{GPU}/mdev_supported_types/i915-GVTg_V5_4/create; "
                 "sleep 4; "
                 f"echo 1 > /sys/bus/mdev/devices/{UUID}/remove) & "
                 "timeout --preserve-status -s INT 15 cleave devices --watch; echo ended with $?"]
        watched = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
        self.assertIn(f"{UUID}: free", watched.stdout, watched.stderr)
        self.assertIn(f"{GPU} i915-GVTg_V5_4: 0 free", watched.stdout)
        self.assertIn(f"{UUID}: gone", watched.stdout)
        self.assertIn(f"{GPU} i915-GVTg_V5_4: 1 free", watched.stdout)
        self.assertIn("ended with 130", watched.stdout)


if __name__ == "__main__":
    unittest.main()
