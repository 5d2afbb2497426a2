"""Devices of the host in VMs on a laptop with systemd and udev: given back when a VM ends, however it ends, and there
again after a restart."""
import json
import os
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "disk"))
import images
import qemu_in_laptop
from laptop_with_disk import COMMAND_LIMIT, LaptopWithDisk

CLEAVE = os.environ["CLEAVE"]
PROGRAM = "/usr/local/bin/cleave"
FUNCTIONS = "0000:01:00.0"  # an NVMe controller with SR-IOV
CARD = "0000:02:00.0"
DEVICES = ("pcie-root-port,id=port1,chassis=1,slot=1", "nvme-subsys,id=subsystem",
           "nvme,serial=1,subsys=subsystem,bus=port1,sriov_max_vfs=4,sriov_vq_flexible=8,sriov_vi_flexible=4",
           "pcie-root-port,id=port2,chassis=2,slot=2", "nvme,serial=2,bus=port2")
DEFINITION = f"""
memory = "64M"
cpus = 1
accelerator = "tcg"
qemu = "{qemu_in_laptop.PROGRAM}"
[gpu]
way = "%s"
%s = "%s"
[display]
type = "none"
"""


class PciUnits(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        reason = images.missing("grub")
        if reason:
            raise unittest.SkipTest(f"skipped: {reason}")
        cls.laptop = cls.enterClassContext(LaptopWithDisk("grub", devices=DEVICES))
        cls.laptop.power_on()
        cls.laptop.wait_for_login()
        cls.laptop.put(CLEAVE, PROGRAM)
        qemu_in_laptop.install(cls.laptop)
        for name, words in (("card", ("passthrough", "device", CARD)), ("function", ("sr-iov", "parent", FUNCTIONS))):
            cls.laptop.check(f"cat > /root/{name}.toml <<'END'\n{DEFINITION % words}END\n")
        cls.laptop.check("modprobe -a nvme vfio-pci vfio_iommu_type1")

    def cleave(self, words, expected_status=0):
        done = self.laptop.run(f"{PROGRAM} {words} --json", limit=3 * COMMAND_LIMIT)
        self.assertEqual(done.status, expected_status, done.stdout.decode() + done.stderr.decode())
        return json.loads(done.stdout)

    def driver(self, address):
        return self.laptop.check(f"basename $(readlink /sys/bus/pci/devices/{address}/driver) 2>&1 || true").strip()

    def wait_for_driver(self, address, driver, limit=30):
        end = time.monotonic() + limit
        while self.driver(address) != driver:
            self.assertLess(time.monotonic(), end, f"{address} is with {self.driver(address)}\n"
                            + self.laptop.check("systemctl status 'cleave*' --no-pager || true; journalctl -n 30 --no-pager"))
            time.sleep(0.5)

    def test_systemd_gives_back_what_killed_vms_had(self):
        started = self.cleave("vm start /root/card.toml")
        self.assertEqual(started["given_back"], "at-the-end")
        self.assertEqual(self.driver(CARD), "vfio-pci")
        supervisor = self.cleave("vm status /root/card.toml")["vm"]["supervisor_process_id"]
        self.laptop.check(f"kill -9 {supervisor}")
        time.sleep(2)
        self.assertEqual(self.driver(CARD), "vfio-pci", "QEMU still has it")
        self.laptop.check(f"kill -9 {started['process_id']}")
        self.wait_for_driver(CARD, "nvme")

    def test_systemd_gives_back_what_a_stopped_vm_had_of_a_function(self):
        started = self.cleave("vm start /root/function.toml")
        self.assertEqual(started["devices"], ["0000:01:00.1"])
        # As the VM's user does it, who can give nothing back.
        self.laptop.check(f"kill {started['process_id']}")
        end = time.monotonic() + 30
        path = f"/sys/bus/pci/devices/{FUNCTIONS}/sriov_numvfs"
        while self.laptop.check(f"cat {path}").strip() != "0":
            self.assertLess(time.monotonic(), end, self.laptop.check("journalctl -n 30 --no-pager"))
            time.sleep(0.5)

    def test_defined_functions_are_there_again_after_a_restart(self):
        self.cleave(f"vgpu define --parent {FUNCTIONS} --functions 2 --auto")
        self.laptop.reboot()
        self.wait_for_driver("0000:01:00.2", "vfio-pci", limit=60)
        self.assertEqual(self.driver(FUNCTIONS), "nvme")
        self.laptop.check("modprobe -r nvme; modprobe nvme")
        self.wait_for_driver("0000:01:00.2", "vfio-pci", limit=60)
        self.cleave(f"vgpu stop {FUNCTIONS}")
        self.cleave(f"vgpu undefine {FUNCTIONS}")


if __name__ == "__main__":
    unittest.main()
