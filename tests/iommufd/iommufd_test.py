"""VMs on a kernel without VFIO's groups, with a real iommufd: a vGPU, a whole device, a function."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import kernel

HERE = pathlib.Path(__file__).resolve().parent
CLEAVE = os.environ["CLEAVE"]
SECONDS = 900
BUSYBOX = "/bin/busybox"
# The host's root, which nothing is written to, below a file system in memory.
INIT = """#!{busybox} sh
{busybox} --install -s /bin
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C HOME=/root
mkdir -p /proc /sys /dev /host /room /top
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro hostroot /host
mount -t tmpfs room /room; mkdir /room/upper /room/work
mount -t overlay -o lowerdir=/host,upperdir=/room/upper,workdir=/room/work over /top
for each in proc sys dev; do mount --move /$each /top/$each; done
mkdir -p /top/dev/shm /top/dev/pts
for each in run tmp dev/shm var/lib/cleave; do mkdir -p /top/$each; mount -t tmpfs room /top/$each; done
chmod 1777 /top/tmp /top/dev/shm
mount -t devpts pts /top/dev/pts
exec switch_root /top {words}
"""
# The tree of tests/qemu_versions without its namespaces, which this kernel has not.
QEMU = """#!/bin/sh
tree={tree}
export QEMU_MODULE_DIR=$tree/usr/lib/x86_64-linux-gnu/qemu
exec $tree/lib64/ld-linux-x86-64.so.2 --library-path $tree/usr/lib/x86_64-linux-gnu \\
  $tree/usr/bin/qemu-system-x86_64 -L $tree/usr/share/qemu -L $tree/usr/share/seabios "$@"
"""
MACHINE = ["qemu-system-x86_64", "-machine", "q35,kernel-irqchip=split", "-accel", "tcg,thread=multi",
           "-cpu", "max", "-smp", "2", "-m", "3G", "-nodefaults", "-nographic", "-no-reboot",
           "-serial", "stdio", "-device", "intel-iommu,intremap=on",
           "-fsdev", "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap",
           "-device", "virtio-9p-pci,fsdev=root,mount_tag=hostroot",
           "-device", "pcie-root-port,id=port1,chassis=1,slot=1", "-device", "e1000e,bus=port1",
           "-device", "pcie-root-port,id=port2,chassis=2,slot=2", "-device", "nvme-subsys,id=subsystem",
           "-device", "nvme,serial=1,subsys=subsystem,bus=port2,sriov_max_vfs=4,sriov_vq_flexible=8,"
                      "sriov_vi_flexible=4"]


def initramfs(scratch, words):
    top = scratch / "initramfs"
    (top / "bin").mkdir(parents=True)
    shutil.copy(shutil.which("busybox"), top / "bin/busybox")
    init = top / "init"
    init.write_text(INIT.format(busybox=BUSYBOX, words=" ".join(words)), encoding="ascii")
    init.chmod(0o755)
    archive = scratch / "initramfs.cpio"
    with archive.open("wb") as file:
        subprocess.run(["busybox", "cpio", "-o", "-H", "newc"], cwd=top, stdout=file, check=True,
                       input=b"".join(f"{path.relative_to(top)}\n".encode() for path in sorted(top.rglob("*"))),
                       stderr=subprocess.DEVNULL)
    return archive


class Iommufd(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        source = kernel.build()
        release = kernel.release()
        kernel.fetch.fetch(release)
        # Below / of the host, where the machine sees it, too.
        with tempfile.TemporaryDirectory(dir=kernel.releases.cache().parent) as name:
            scratch = pathlib.Path(name)
            scratch.chmod(0o755)
            qemu = scratch / "qemu"
            qemu.write_text(QEMU.format(tree=kernel.releases.program_of(release).parent.parent / "tree"),
                            encoding="ascii")
            qemu.chmod(0o755)
            words = [shutil.which("python3"), HERE / "inside.py", CLEAVE, qemu,
                     *(source / module for module in kernel.MODULES)]
            machine = subprocess.run(
                [*MACHINE, "-kernel", source / kernel.IMAGE, "-initrd",
                 initramfs(scratch, map(str, words)), "-append", "console=ttyS0 quiet intel_iommu=on panic=1"],
                capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL,
                timeout=SECONDS, check=False)
        said = [line for line in machine.stdout.splitlines() if line.startswith("SEEN ")]
        if not said:
            raise AssertionError(machine.stdout[-4000:] + machine.stderr)
        cls.seen = json.loads(said[-1].removeprefix("SEEN "))

    def test_the_kernel_has_no_groups(self):
        self.assertFalse(self.seen["groups"])

    def test_each_device_is_opened_by_itself_and_given_back(self):
        for name in ("mdev", "card", "function"):
            with self.subTest(name):
                seen = self.seen[name]
                self.assertEqual(seen["status"], 0, seen["said"])
                self.assertEqual(list(seen["nodes"].values()), [self.seen["user"]], "the person's")
                [node] = seen["nodes"]
                process = seen["process"]
                self.assertEqual(process["files"], ["/dev/iommu", f"/dev/vfio/devices/{node}"])
                self.assertEqual(len(process["devices"]), 1)
                self.assertEqual(process["user"], self.seen["user"])
                self.assertEqual((process["capabilities"], process["no_new_privileges"], process["seccomp"]),
                                 (0, 1, 2))
                self.assertEqual(seen["killed"], 0)
                self.assertEqual(seen["nodes_after"], [])

    def test_the_host_has_back_what_it_had(self):
        self.assertEqual((self.seen["driver_after"], self.seen["functions_after"]), ("e1000e", "0"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
