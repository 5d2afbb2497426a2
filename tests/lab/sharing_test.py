"""The diagnosis and the life of vGPUs on real mediated-device drivers, in the virtual laptop."""
import json
import unittest

from laptop import CLEAVE, LaptopTest

GPU = "10000:00:02.0"
MDEV = "/sys/bus/mdev/devices"


def gpu_of(diagnosis):
    return next(gpu for gpu in diagnosis["gpus"] if gpu["device_id"] == "9b41")


class ReadyLaptop(LaptopTest):
    def remove_all(self):
        for device in self.laptop_json("vgpu", "list")["vgpus"]:
            self.laptop_cleave("vgpu", "remove", device["uuid"])

    def tearDown(self):
        self.remove_all()

    def create(self, *words):
        return self.laptop_json("vgpu", "create", *words)

    def test_the_doctor_finds_gvt_g_ready(self):
        gpu = gpu_of(self.laptop_json("doctor"))
        self.assertEqual((gpu["address"], gpu["vendor_id"]), (GPU, "8086"))
        ways = {way["id"]: way["verdict"] for way in gpu["ways"]}
        self.assertEqual(ways["gvt-g"], "ready")
        available = {kind["id"]: kind["available"] for kind in gpu["vgpu_types"]}
        self.assertEqual(available["i915-GVTg_V5_4"], 1)
        self.assertEqual(available["i915-GVTg_V5_8"], 2)

    def test_a_second_vgpu_is_refused_in_megabytes(self):
        self.create("--type", "i915-GVTg_V5_4")
        refused = self.laptop_cleave("vgpu", "create", "--type", "i915-GVTg_V5_8")
        self.assertEqual(refused.returncode, 1, refused.stderr)
        self.assertIn("64 MB", refused.stderr)
        self.assertIn("128 MB", refused.stderr)
        korean = self.laptop_cleave("vgpu", "create", "--type", "i915-GVTg_V5_8", "--lang", "ko")
        self.assertIn("64 MB", korean.stderr)
        self.assertNotEqual(korean.stderr, refused.stderr)

    def test_the_best_type_is_taken_when_none_is_named(self):
        self.assertEqual(self.create("--parent", GPU)["type"], "i915-GVTg_V5_4")

    def test_a_uuid_is_used_once(self):
        made = self.create("--type", "i915-GVTg_V5_8")
        other = self.laptop_cleave("vgpu", "create", "--parent", "mdpy", "--type", "mdpy-vga",
                                   "--uuid", made["uuid"])
        self.assertNotEqual(other.returncode, 0)
        self.assertIn(made["uuid"], other.stderr)

    def test_drivers_that_nobody_here_wrote_and_mdevctl_agree(self):
        made = {self.create("--parent", parent, "--type", kind)["uuid"]: kind
                for parent, kind in (("mtty", "mtty-1"), ("mdpy", "mdpy-vga"), ("mbochs", "mbochs-small"))}
        listed = {device["uuid"]: device["type"]
                  for device in self.laptop_json("vgpu", "list")["vgpus"]}
        self.assertEqual(listed, made)
        # mdevctl --dumpjson: [{parent: [{uuid: {"mdev_type": …}}]}]
        peer = json.loads(self.run_in_laptop("mdevctl", "list", "--dumpjson").stdout)
        by_peer = {uuid: details["mdev_type"]
                   for group in peer for devices in group.values()
                   for device in devices for uuid, details in device.items()}
        self.assertEqual(by_peer, made)
        for uuid in made:
            removed = self.laptop_cleave("vgpu", "remove", uuid)
            self.assertEqual(removed.returncode, 0, removed.stderr)
        self.assertEqual(self.run_in_laptop("ls", MDEV).stdout, "")

    def defined_by_peer(self):
        """mdevctl's own view of what is defined: {uuid: type}."""
        peer = json.loads(self.run_in_laptop("mdevctl", "list", "-d", "--dumpjson").stdout)
        return {uuid: details["mdev_type"]
                for group in peer for devices in group.values()
                for device in devices for uuid, details in device.items()}

    def start(self, *words):
        return {each["uuid"]: each["state"] for each in self.laptop_json("vgpu", "start", *words)["vgpus"]}

    def test_what_cleave_defines_mdevctl_starts_and_stops(self):
        kinds = {"10000:00:02.0": "i915-GVTg_V5_8", "mtty": "mtty-2", "mdpy": "mdpy-hd", "mbochs": "mbochs-small"}
        defined = {self.laptop_json("vgpu", "define", "--parent", parent, "--type", kind, "--auto")["uuid"]: kind
                   for parent, kind in kinds.items()}
        self.assertEqual(self.defined_by_peer(), defined)
        self.assertEqual(self.start("--all", "--dry-run"), dict.fromkeys(defined, "planned"))
        for uuid in defined:
            self.assertEqual(self.run_in_laptop("mdevctl", "start", "-u", uuid).returncode, 0)
        self.assertEqual(self.start("--all"), dict.fromkeys(defined, "already-there"))
        for uuid in defined:
            self.assertEqual(self.run_in_laptop("mdevctl", "stop", "-u", uuid).returncode, 0)
        self.assertEqual(self.start("--parent", "mtty"), {uuid: "started" for uuid in defined if defined[uuid] == "mtty-2"})
        self.assertEqual(sorted(self.start("--all").values()), ["already-there", "started", "started", "started"])
        for uuid in defined:
            self.assertEqual(self.laptop_cleave("vgpu", "stop", uuid).returncode, 0)
            self.assertEqual(self.laptop_cleave("vgpu", "undefine", uuid).returncode, 0)
        self.assertEqual(self.defined_by_peer(), {})
        self.assertEqual(self.run_in_laptop("ls", MDEV).stdout, "")

    def test_what_mdevctl_defines_cleave_starts_and_takes_away(self):
        uuid = "0b3a5c1e-6a3f-4a45-9a7d-1e9f5a2b6c01"
        made = self.run_in_laptop("mdevctl", "define", "-u", uuid, "-p", "mbochs", "-t", "mbochs-medium")
        self.assertEqual(made.returncode, 0, made.stderr)
        listed = self.laptop_json("vgpu", "list")["definitions"]
        self.assertEqual([(each["uuid"], each["start"], each["exists"]) for each in listed], [(uuid, "manual", False)])
        self.assertEqual(self.start("--all"), {})
        self.assertEqual(self.start(uuid), {uuid: "started"})
        self.assertEqual(self.laptop_cleave("vgpu", "define", "--uuid", uuid, "--auto").returncode, 0)
        self.assertIn("auto", self.run_in_laptop("mdevctl", "list", "-d").stdout)
        self.assertEqual(self.laptop_cleave("vgpu", "stop", uuid).returncode, 0)
        self.assertEqual(self.laptop_cleave("vgpu", "undefine", uuid).returncode, 0)
        self.assertEqual(self.run_in_laptop("mdevctl", "list", "-d").stdout.strip(), "")

    def test_what_does_not_fit_is_said_and_the_rest_is_made(self):
        for kind in ("i915-GVTg_V5_4", "i915-GVTg_V5_8"):
            self.laptop_json("vgpu", "define", "--parent", GPU, "--type", kind, "--auto")
        begun = self.laptop_json("vgpu", "start", "--all", expected_status=1)["vgpus"]
        states = {each["type"]: (each["state"], each["reason"]) for each in begun}
        self.assertEqual(sorted(state for state, _ in states.values()), ["refused", "started"])
        reason = next(reason for state, reason in states.values() if state == "refused")
        self.assertIn("128 MB", reason)
        for each in begun:
            self.laptop_cleave("vgpu", "undefine", each["uuid"])

    def test_wrong_names_are_answered_with_the_right_ones(self):
        typo = self.laptop_cleave("vgpu", "create", "--parent", GPU, "--type", "i915-GVTg_V5_5")
        self.assertNotEqual(typo.returncode, 0)
        self.assertIn("i915-GVTg_V5_", typo.stderr)
        parent = self.laptop_cleave("vgpu", "create", "--parent", "mdpi", "--type", "mdpy-vga")
        self.assertIn("mdpy", parent.stderr)

    def test_a_dry_run_changes_nothing(self):
        shown = self.laptop_cleave("vgpu", "create", "--type", "i915-GVTg_V5_8", "--dry-run")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertIn("/create", shown.stdout)
        self.assertEqual(self.run_in_laptop("ls", MDEV).stdout, "")

    def test_a_device_in_use_names_its_user(self):
        made = self.create("--type", "i915-GVTg_V5_8")
        holder = ("group=$(basename $(readlink /sys/bus/mdev/devices/%s/iommu_group)); "
                  "exec 9<>/dev/vfio/$group; exec sleep 60 >/dev/null 2>&1 &"
                  "echo $!") % made["uuid"]
        process = self.run_in_laptop("bash", "-c", holder).stdout.strip()
        refused = self.laptop_cleave("vgpu", "remove", made["uuid"])
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn(process, refused.stderr)
        self.run_in_laptop("kill", process)

    def test_as_a_normal_user_root_is_asked_for(self):
        result = self.run_in_laptop("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                    CLEAVE, "vgpu", "create", "--parent", GPU)
        self.assertEqual(result.returncode, 4, result.stdout + result.stderr)
        self.assertIn("sudo", result.stderr)


class LaptopWithoutTheParameter(LaptopTest):
    module_parameters = ("i915.enable_gvt=0",)

    def test_the_doctor_names_what_is_missing_and_the_remedy(self):
        diagnosis = self.laptop_json("doctor", expected_status=1)
        gvt_g = next(way for way in gpu_of(diagnosis)["ways"] if way["id"] == "gvt-g")
        self.assertEqual(gvt_g["verdict"], "needs-changes")
        self.assertIn("gvt_g.parameter_enable_gvt", gvt_g["deciding"])
        text = self.laptop_cleave("doctor").stdout
        self.assertIn("i915.enable_gvt=1", text)


if __name__ == "__main__":
    unittest.main(verbosity=2)
