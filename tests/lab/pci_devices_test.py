"""Virtual functions and whole devices in VMs: real SR-IOV, real IOMMU groups, real vfio-pci."""
import json
import unittest

from laptop import LaptopTest

FUNCTIONS = "0000:01:00.0"  # an NVMe controller with SR-IOV
CARD, TWIN = "0000:02:00.0", "0000:03:00.0"  # network cards of one kind
PAIR = ("0000:05:01.0", "0000:05:02.0")  # behind one old bridge: one IOMMU group

# What a person does by hand, or a rule of udev.
BIND = f"""
import os
def write(path, text):
    with open(path, "w") as file: file.write(text)
device = "/sys/bus/pci/devices/{CARD}"
write(device + "/driver_override", OVERRIDE)
write(device + "/driver/unbind", "{CARD}")
write("/sys/bus/pci/drivers_probe", "{CARD}")
"""
TO_VFIO = BIND.replace("OVERRIDE", "'vfio-pci'")
FROM_VFIO = BIND.replace("OVERRIDE", "'\\n'")


def port(number):
    return f"pcie-root-port,id=port{number},chassis={number},slot={number}"


def definition(way, device, key="device"):
    return f"""
memory = "64M"
cpus = 1
accelerator = "tcg"
[gpu]
way = "{way}"
{key} = "{device}"
[display]
type = "none"
"""


class PciDevices(LaptopTest):
    devices = (port(1), "nvme-subsys,id=subsystem",
               "nvme,serial=1,subsys=subsystem,bus=port1,sriov_max_vfs=4,sriov_vq_flexible=8,"
               "sriov_vi_flexible=4",
               port(2), "e1000e,bus=port2", port(3), "e1000e,bus=port3",
               port(4), "pcie-pci-bridge,id=bridge,bus=port4",
               "e1000,bus=bridge,addr=1", "e1000,bus=bridge,addr=2")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.python("import subprocess\nsubprocess.run(['modprobe', '-a', 'nvme', 'e1000e', 'e1000'], check=True)")
        for name, text in (("first", definition("sr-iov", FUNCTIONS, "parent")),
                           ("second", definition("sr-iov", FUNCTIONS, "parent")),
                           ("card", definition("passthrough", CARD)),
                           ("pair", definition("passthrough", PAIR[0]))):
            cls.python(f"open('/tmp/{name}.toml', 'w').write({text!r})")

    @classmethod
    def python(cls, program):
        test = cls("python")
        result = test.run_in_laptop("python3", "-c", program)
        test.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result.stdout

    def runTest(self):
        """For python(), which is no test."""

    @property
    def before(self):
        """The machine as it was before the first test: every test leaves it so."""
        if PciDevices.first_seen is None:
            PciDevices.first_seen = self.machine()
        return PciDevices.first_seen

    first_seen = None

    def setUp(self):
        self.started = set()
        self.assertTrue(self.before)

    def tearDown(self):
        for name in self.started:
            self.laptop_cleave("vm", "kill", f"/tmp/{name}.toml")
        self.assertEqual(self.machine(), self.before, "the host has back what it had")

    def machine(self):
        """Of every PCI device its driver and its override; how many functions; who owns nodes."""
        return json.loads(self.python("""
import glob, json, os
def read(path):
    return open(path).read().strip() if os.path.exists(path) else None
print(json.dumps({
    "devices": {os.path.basename(path): [os.path.basename(os.path.realpath(path + "/driver"))
                                         if os.path.exists(path + "/driver") else None,
                                         read(path + "/driver_override"), read(path + "/sriov_numvfs"),
                                         read(path + "/sriov_drivers_autoprobe")]
                for path in glob.glob("/sys/bus/pci/devices/*")},
    "nodes": {path: os.stat(path).st_uid for path in glob.glob("/dev/vfio/[0-9]*")}}))
"""))

    def driver(self, address):
        return self.machine()["devices"].get(address, [None])[0]

    def start(self, name, *words, expected_status=0):
        self.started.add(name)
        return self.laptop_json("vm", "start", f"/tmp/{name}.toml", *words,
                                expected_status=expected_status)

    def refusal(self, name, *words, status):
        result = self.laptop_cleave("vm", "start", f"/tmp/{name}.toml", *words)
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        return result.stderr

    def test_a_function_is_made_for_a_vm_and_goes_with_it(self):
        started = self.start("first")
        self.assertEqual(started["devices"], ["0000:01:00.1"])
        self.assertEqual(self.driver("0000:01:00.1"), "vfio-pci")
        self.assertEqual(self.driver(FUNCTIONS), "nvme", "the physical function stays")
        refused = self.refusal("second", status=3)
        self.assertIn("the VM first", refused)
        stopped = self.laptop_json("vm", "kill", "/tmp/first.toml")
        self.started.remove("first")
        self.assertEqual(len(stopped["given_back"]), 2)
        self.assertNotIn("0000:01:00.1", self.machine()["devices"])

    def test_functions_that_are_made_are_ready_for_vms_and_go_when_nobody_uses_them(self):
        made = self.laptop_json("vgpu", "create", "--parent", FUNCTIONS, "--functions", "2")
        self.assertEqual(made["functions"], 2)
        functions = ("0000:01:00.1", "0000:01:00.2")
        self.assertEqual([self.driver(function) for function in functions], ["vfio-pci"] * 2)
        started = [self.start(name)["devices"] for name in ("first", "second")]
        self.assertEqual(started, [[function] for function in functions])
        functions_listed = self.laptop_json("vgpu", "list")["functions"]
        self.assertEqual([(each["address"], each["parent"], each["users"][0]["vm"])
                          for each in functions_listed],
                         [(functions[0], FUNCTIONS, "first"), (functions[1], FUNCTIONS, "second")])
        listed = self.laptop_cleave("devices").stdout
        self.assertIn("the VM first", listed)
        self.assertIn("the VM second", listed)
        other = self.laptop_cleave("vgpu", "create", "--parent", FUNCTIONS, "--functions", "3")
        self.assertEqual(other.returncode, 1, other.stdout + other.stderr)
        busy = self.laptop_cleave("vgpu", "remove", FUNCTIONS)
        self.assertEqual(busy.returncode, 1, busy.stdout + busy.stderr)
        self.assertIn("the VM first", busy.stderr)
        for name in ("first", "second"):
            self.laptop_json("vm", "kill", f"/tmp/{name}.toml")
            self.started.remove(name)
        self.assertEqual([self.driver(function) for function in functions], ["vfio-pci"] * 2)
        self.laptop_json("vgpu", "remove", FUNCTIONS)

    def test_of_starts_that_race_for_functions_each_gets_its_own_or_is_refused(self):
        self.laptop_json("vgpu", "create", "--parent", FUNCTIONS, "--functions", "4")
        text = definition("sr-iov", FUNCTIONS, "parent")
        self.started.update(f"racer{number}" for number in range(6))
        ended = json.loads(self.python(f"""
import json, subprocess
starts = []
for number in range(6):
    open(f"/tmp/racer{{number}}.toml", "w").write({text!r})
for number in range(6):
    starts.append(subprocess.Popen(["cleave", "vm", "start", f"/tmp/racer{{number}}.toml", "--json"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
ended = []
for start in starts:
    out, err = start.communicate()
    ended.append([start.returncode, json.loads(out).get("devices"), err])
print(json.dumps(ended))
"""))
        served = [devices[0] for status, devices, _ in ended if status == 0]
        self.assertEqual(sorted(served), [f"0000:01:00.{number}" for number in range(1, 5)], ended)
        for status, _, error in ended:
            self.assertTrue(status == 0 or "All 4 virtual functions" in error, error)
        for name in list(self.started):
            self.laptop_cleave("vm", "kill", f"/tmp/{name}.toml")
        self.started.clear()
        self.laptop_json("vgpu", "remove", FUNCTIONS)

    def test_defined_functions_are_made_as_the_unit_makes_them(self):
        self.laptop_json("vgpu", "define", "--parent", FUNCTIONS, "--functions", "3", "--auto")
        made = self.laptop_json("vgpu", "start", "--parent", FUNCTIONS)
        self.assertEqual([each["functions"] for each in made["functions"]], [3])
        self.assertEqual(self.driver("0000:01:00.3"), "vfio-pci")
        again = self.laptop_json("vgpu", "start", "--all")
        self.assertNotIn("reason", again["functions"][0])
        self.laptop_json("vgpu", "stop", FUNCTIONS)
        self.assertIsNone(self.driver("0000:01:00.1"))
        self.laptop_json("vgpu", "undefine", FUNCTIONS)
        self.assertEqual(self.laptop_json("vgpu", "start", "--all")["functions"], [])

    def test_more_functions_than_there_can_be_are_refused_with_the_number(self):
        refused = self.laptop_cleave("vgpu", "create", "--parent", FUNCTIONS, "--functions", "9")
        self.assertEqual(refused.returncode, 2, refused.stdout + refused.stderr)
        self.assertIn("from 1 to 4", refused.stderr)

    def test_a_twin_is_never_touched(self):
        self.start("card")
        self.assertEqual((self.driver(CARD), self.driver(TWIN)), ("vfio-pci", "e1000e"))
        self.assertEqual(self.machine()["devices"][TWIN], self.before["devices"][TWIN])

    def test_a_killed_vm_and_a_killed_supervisor_leave_nothing_that_is_not_given_back(self):
        started = self.start("card")
        status = self.laptop_json("vm", "status", "/tmp/card.toml")["vm"]
        self.assertIn("the VM card", self.second_start_of_the_card())
        # The supervisor alone: QEMU keeps the reservation.
        self.python(f"import os; os.kill({status['supervisor_process_id']}, 9)")
        self.assertIn("the VM card", self.second_start_of_the_card())
        self.python(f"import os, time; os.kill({started['process_id']}, 9); time.sleep(1)")
        given = self.laptop_json("vm", "give-back")["given_back"]
        self.assertEqual(len(given), 1)
        self.assertEqual(self.driver(CARD), "e1000e")

    def second_start_of_the_card(self):
        self.python("open('/tmp/other.toml', 'w').write(open('/tmp/card.toml').read())")
        return self.refusal("other", status=3)

    def test_a_group_goes_as_a_whole_and_the_plan_says_so(self):
        self.started.add("pair")
        shown = self.laptop_cleave("vm", "start", "/tmp/pair.toml")
        self.assertEqual(shown.returncode, 0, shown.stdout + shown.stderr)
        self.assertIn("same IOMMU group", shown.stdout)
        self.assertEqual([self.driver(address) for address in PAIR], ["vfio-pci", "vfio-pci"])

    def test_what_others_use_is_seen(self):
        self.python(TO_VFIO + f"""
import subprocess
group = os.path.basename(os.readlink("/sys/bus/pci/devices/{CARD}/iommu_group"))
holder = subprocess.Popen(["sleep", "600"], stdin=open("/dev/vfio/" + group, "r+b", buffering=0),
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
open("/tmp/holder", "w").write(str(holder.pid))
""")
        self.assertIn("(sleep)", self.refusal("card", status=3))
        self.python("import os, time; os.kill(int(open('/tmp/holder').read()), 9); time.sleep(0.5)")
        self.python(FROM_VFIO)

    def test_without_root_what_is_ready_is_enough_and_the_rest_is_asked_of_root(self):
        as_user = ("prlimit", "--memlock=1073741824", "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "HOME=/tmp/user",
                   "XDG_RUNTIME_DIR=/tmp/user/run", "cleave", "vm")
        self.python("import os; os.makedirs('/tmp/user/run', 0o700, exist_ok=True)\n"
                    "os.chown('/tmp/user', 65534, 65534); os.chown('/tmp/user/run', 65534, 65534)\n"
                    "os.chmod('/tmp/card.toml', 0o644)")
        refused = self.run_in_laptop(*as_user, "start", "/tmp/card.toml")
        self.assertEqual(refused.returncode, 4, refused.stdout + refused.stderr)
        self.assertIn("only root can give it there", refused.stderr)
        # As rules of udev do it at every start of the machine.
        self.python(TO_VFIO + f"""
node = "/dev/vfio/" + os.path.basename(os.readlink("/sys/bus/pci/devices/{CARD}/iommu_group"))
os.chown(node, 0, 65534)
os.chmod(node, 0o660)
""")
        started = self.run_in_laptop(*as_user, "start", "/tmp/card.toml", "--json")
        self.assertEqual(started.returncode, 0, started.stdout + started.stderr)
        self.assertEqual(json.loads(started.stdout)["given_back"], "nothing")
        killed = self.run_in_laptop(*as_user, "kill", "/tmp/card.toml")
        self.assertEqual(killed.returncode, 0, killed.stdout + killed.stderr)
        self.assertEqual(self.driver(CARD), "vfio-pci")
        self.python(FROM_VFIO)


if __name__ == "__main__":
    unittest.main()
