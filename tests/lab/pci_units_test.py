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

# What `cleave setup` writes where a VM is to have a PCI device (src/ways/preparing.cc), for a machine
# whose devices are no GPUs.
SET_UP = """
groupadd -f kvm
id mina > /dev/null 2>&1 || useradd --create-home --groups kvm mina
echo 'SUBSYSTEM=="vfio", GROUP="kvm", MODE="0660"' > /etc/udev/rules.d/90-cleave.rules
echo '@kvm - memlock unlimited' > /etc/security/limits.d/90-cleave.conf
printf 'vfio-pci\nvfio_iommu_type1\n' > /etc/modules-load.d/cleave.conf
install -m 644 /root/function.toml /home/mina/function.toml
sync
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

    def reset(self):
        """The power is gone for a moment: nothing was stopped, and what was not flushed is lost."""
        self.laptop.power_cut()
        self.laptop.power_on()
        self.laptop.wait_for_login()

    def as_mina(self, words):
        # su is no login, for which systemd-logind would make this directory.
        self.laptop.check("install -d -m 700 -o mina /run/user/$(id -u mina)")
        done = self.laptop.run(f"su mina -c 'XDG_RUNTIME_DIR=/run/user/$(id -u) {PROGRAM} {words} --json'",
                               limit=3 * COMMAND_LIMIT)
        self.assertEqual(done.status, 0, done.stdout.decode() + done.stderr.decode())
        return json.loads(done.stdout)

    def test_a_reset_under_running_vms_leaves_every_device_in_its_place(self):
        self.laptop.check(SET_UP)
        self.cleave(f"vgpu define --parent {FUNCTIONS} --functions 2 --auto")
        self.cleave(f"vgpu start {FUNCTIONS}")
        card = self.cleave("vm start /root/card.toml")
        self.assertEqual(card["devices"], [CARD])
        function = self.cleave("vm start /root/function.toml")["devices"]
        self.laptop.check(f"kill -9 {self.cleave('vm status /root/card.toml')['vm']['supervisor_process_id']}")
        self.reset()
        # Back in place: nobody has asked for the card since; the functions are there as defined.
        for address, driver in ((CARD, "nvme"), (FUNCTIONS, "nvme"), ("0000:01:00.1", "vfio-pci"),
                                ("0000:01:00.2", "vfio-pci")):
            self.wait_for_driver(address, driver, limit=120)
        for name in ("card", "function"):
            self.cleave(f"vm status /root/{name}.toml", expected_status=1)
        # Free for a user without root, the very function that the VM had, too.
        first = self.as_mina("vm start /home/mina/function.toml")
        self.assertEqual(first["devices"], function)
        self.as_mina("vm kill /home/mina/function.toml")
        self.assertEqual(self.driver(function[0]), "vfio-pci", "defined: it stays")
        again = self.cleave("vm start /root/card.toml")
        self.assertEqual(self.driver(CARD), "vfio-pci")
        self.laptop.check(f"kill {again['process_id']}")
        self.wait_for_driver(CARD, "nvme")
        self.cleave(f"vgpu stop {FUNCTIONS}")
        self.cleave(f"vgpu undefine {FUNCTIONS}")


if __name__ == "__main__":
    unittest.main()
