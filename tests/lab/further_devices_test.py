"""Further devices of the host in a VM: a whole PCI device and single devices of USB, as QEMU sees them."""
import json
import unittest

from laptop import LaptopTest

DISK = "0000:01:00.0"  # an NVMe controller
TABLET, PEN, KEYBOARD = "1-1", "1-2", "1-3"  # the first and the last have the same ids
ROOM = '\nmemory = "64M"\ncpus = 1\naccelerator = "tcg"\n'
DISPLAY = '[display]\ntype = "none"\n'


def device(key, value, more=""):
    return f'[[device]]\n{key} = "{value}"\n{more}\n'


DEFINITIONS = {
    "bare": 'pointer = "tablet"\n',  # which brings a controller of USB
    "all": device("pci", DISK) + device("usb", TABLET) + device("usb", "056a:0"),
    "other": device("usb", TABLET),
    "by-ids": device("usb", "0627:0001"),
    "keyboard": device("usb", KEYBOARD),
    "missing": device("usb", "1234:5678"),
    "later": device("usb", "1234:5678", "optional = true"),
}


class FurtherDevices(LaptopTest):
    devices = ("pcie-root-port,id=port1,chassis=1,slot=1", "nvme,serial=1,bus=port1",
               "qemu-xhci,id=usb", "usb-tablet,bus=usb.0,port=1", "usb-kbd,bus=usb.0,port=3",
               "usb-wacom-tablet,bus=usb.0,port=2")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.python("import subprocess, time\n"
                   "subprocess.run(['modprobe', '-a', 'nvme', 'xhci-pci', 'usbhid',"
                   " 'hid-generic', 'evdev'], check=True)\ntime.sleep(3)")
        for name, text in DEFINITIONS.items():
            cls.python(f"open('/tmp/{name}.toml', 'w').write({ROOM + text + DISPLAY!r})")

    @classmethod
    def python(cls, program):
        test = cls("python")
        result = test.run_in_laptop("python3", "-c", program)
        test.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result.stdout

    def runTest(self):
        """For python(), which is no test."""

    def setUp(self):
        self.started = set()
        self.before = self.machine()

    def tearDown(self):
        for name in self.started:
            self.laptop_cleave("vm", "kill", f"/tmp/{name}.toml")
        self.assertEqual(self.machine(), self.before, "the host has back what it had")

    def machine(self):
        """The driver of each PCI device and each interface of USB; who owns the nodes."""
        return json.loads(self.python("""
import glob, json, os
def driver(path):
    return os.path.basename(os.path.realpath(path + "/driver")) if os.path.exists(path + "/driver") else None
print(json.dumps({
    "pci": {os.path.basename(path): driver(path) for path in glob.glob("/sys/bus/pci/devices/*")},
    "usb": {os.path.basename(path): driver(path) for path in glob.glob("/sys/bus/usb/devices/*:*")},
    "nodes": {path: (os.stat(path).st_uid, os.stat(path).st_gid)
              for path in glob.glob("/dev/bus/usb/*/*") + glob.glob("/dev/vfio/[0-9]*")}}))
"""))

    def start(self, name, *words):
        self.started.add(name)
        return self.laptop_json("vm", "start", f"/tmp/{name}.toml", *words)

    def refusal(self, name, *words):
        result = self.laptop_cleave("vm", "start", f"/tmp/{name}.toml", *words)
        self.assertNotEqual(result.returncode, 0, result.stdout)
        return result.stderr

    def in_qemu(self, started, command):
        """What QEMU's monitor answers."""
        return self.python(f"""
import json, socket
monitor = socket.socket(socket.AF_UNIX)
monitor.settimeout(20)
monitor.connect({started["qmp_socket"]!r})
lines = monitor.makefile("rw")
lines.readline()
def ask(text):
    lines.write(text + "\\n")
    lines.flush()
    while "return" not in (answer := json.loads(lines.readline())): pass
    return answer["return"]
ask('{{"execute": "qmp_capabilities"}}')
print(ask('{{"execute": "human-monitor-command", "arguments": {{"command-line": "{command}"}}}}'))
""")

    def test_qemu_has_all_of_them_and_the_host_has_them_back(self):
        started = self.start("all", "--force", DISK)  # the root is an overlay: nobody can say
        self.assertEqual(started["devices"], [DISK, TABLET, PEN])
        seen = self.in_qemu(started, "info usb")
        self.assertIn("QEMU USB Tablet", seen)
        self.assertIn("Port 2", seen)
        self.assertIn("vfio-pci", self.in_qemu(started, "info qtree"))
        self.assertEqual(self.machine()["pci"][DISK], "vfio-pci")
        self.assertIn("the VM all", self.refusal("other"))
        stopped = self.laptop_json("vm", "kill", "/tmp/all.toml")
        self.assertEqual(len(stopped["given_back"]), 1)

    def open_nodes(self, mode):
        self.python(f"import glob, os\nfor node in glob.glob('/dev/bus/usb/*/*'): os.chmod(node, {mode})")

    def attach(self, device, status=0):
        """Into the VM "bare", which runs."""
        result = self.laptop_cleave("vm", "usb", "attach", "/tmp/bare.toml", device)
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        return result.stdout + result.stderr

    def test_what_is_attached_later_is_reserved_until_it_is_detached_or_the_vm_ends(self):
        self.open_nodes(0o666)
        self.addCleanup(self.open_nodes, 0o664)
        self.start("bare")
        self.attach(TABLET)
        self.assertIn("has", self.attach(TABLET))
        self.assertIn("the VM bare", self.refusal("other"))
        self.laptop_json("vm", "usb", "detach", "/tmp/bare.toml", TABLET)
        self.start("other")
        self.assertIn("the VM other", self.attach(TABLET, status=1))
        self.laptop_json("vm", "kill", "/tmp/other.toml")
        self.attach(TABLET)
        # In order, so that QEMU lets the host's driver have it again.
        self.laptop_json("vm", "stop", "/tmp/bare.toml", "--limit", "0")
        self.start("other")

    def test_what_was_attached_has_its_driver_again_after_a_kill(self):
        self.open_nodes(0o666)
        self.addCleanup(self.open_nodes, 0o664)
        self.start("bare")
        self.attach(TABLET)
        self.assertNotEqual(self.machine()["usb"], self.before["usb"])
        self.laptop_json("vm", "kill", "/tmp/bare.toml")
        self.assertEqual(self.machine()["usb"], self.before["usb"])

    def test_without_root_a_killed_qemu_leaves_no_device_without_its_driver(self):
        self.open_nodes(0o666)
        self.addCleanup(self.open_nodes, 0o664)
        started = self.as_user("start", "/tmp/other.toml", "--json")
        self.assertEqual(started.returncode, 0, started.stdout + started.stderr)
        self.assertNotEqual(self.machine()["usb"], self.before["usb"])
        self.python(f"""
import os, signal, time
os.kill({json.loads(started.stdout)["process_id"]}, signal.SIGKILL)
time.sleep(3)
""")
        self.assertEqual(self.machine()["usb"], self.before["usb"])

    def test_they_are_listed_with_their_vm_and_the_line_of_a_definition(self):
        def listed():
            devices = self.laptop_json("devices")["usb_devices"]
            return {each["port"]: each for each in devices}

        before = listed()
        self.assertEqual(sorted(before), [TABLET, PEN, KEYBOARD])
        self.assertEqual([before[port]["definition"] for port in (TABLET, PEN)],
                         [f'usb = "{TABLET}"', 'usb = "056a:0000"'])
        self.assertEqual((before[TABLET]["state"], before[TABLET]["users"]), ("free", []))
        self.assertNotEqual(before[KEYBOARD]["state"], "free")
        self.start("other")
        tablet = listed()[TABLET]
        self.assertEqual((tablet["state"], tablet["users"][0]["vm"]), ("used", "other"))
        said = self.laptop_cleave("devices", PEN)
        self.assertIn('usb = "056a:0000"', said.stdout)

    def test_what_qemu_gives_back_itself_is_borne(self):
        started = self.start("other")
        self.in_qemu(started, "info usb")
        self.python(f"""
import json, socket, time
monitor = socket.socket(socket.AF_UNIX)
monitor.connect({started["qmp_socket"]!r})
monitor.sendall(b'{{"execute": "qmp_capabilities"}}{{"execute": "quit"}}')
time.sleep(2)
""")
        self.laptop_json("vm", "give-back")

    def test_two_of_the_same_ids_are_told_apart_by_their_ports(self):
        told = self.refusal("by-ids")
        self.assertIn(f'usb = "{TABLET}"', told)
        self.assertIn(KEYBOARD, told)

    def test_a_keyboard_is_refused_unless_its_port_is_named(self):
        self.assertIn("--force " + KEYBOARD, self.refusal("keyboard"))
        self.assertEqual(self.start("keyboard", "--force", KEYBOARD)["devices"], [KEYBOARD])

    def test_what_is_not_plugged_in_is_refused_unless_it_is_optional(self):
        self.assertIn("not plugged in", self.refusal("missing"))
        self.assertEqual(self.start("later")["devices"], ["1234:5678"])

    def as_user(self, *words):
        self.python("import os; os.makedirs('/tmp/user/run', 0o700, exist_ok=True)\n"
                    "os.chown('/tmp/user', 65534, 65534); os.chown('/tmp/user/run', 65534, 65534)\n"
                    "os.chmod('/tmp/other.toml', 0o644)")
        return self.run_in_laptop("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env",
                                  "HOME=/tmp/user", "XDG_RUNTIME_DIR=/tmp/user/run", "cleave", "vm", *words)

    def test_without_root_the_node_must_be_open_and_the_rule_is_told(self):
        refused = self.as_user("start", "/tmp/other.toml")
        self.assertEqual(refused.returncode, 4, refused.stdout + refused.stderr)
        self.assertIn('ATTR{idVendor}=="0627"', refused.stderr)


if __name__ == "__main__":
    unittest.main()
