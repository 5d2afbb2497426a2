"""A real Debian with systemd, cloud-init and QEMU's guest agent, from its cloud image on: `cleave vm install` and all that
one does with a VM that runs. Each test goes on where the one before it ended; one that fails ends the row."""
import base64
import signal
import subprocess
import sys
import time
import unittest

import cloud_image  # noqa: F401  the lab's directories are in the path from here on
import guest_agent
import png
import virtiofs
from guest_case import DEFINITION, HERE, KEY, PASSWORD, GuestCase, why_not

SHARES = """
[[share]]
path = "{home}/fast"
tag = "fast"

[[share]]
path = "{home}/fast"
tag = "locked"
read_only = true

[[share]]
path = "{home}/plain"
tag = "plain"
type = "9p"
"""


@unittest.skipIf(why_not(), why_not())
class RealGuest(GuestCase):
    # --- The installation

    def test_01_is_installed_from_its_cloud_image(self):
        said = self.install()
        self.assertIn("Its user is mina.", said)
        self.assertIn("debian is installed. Start it: cleave vm start debian", said)
        self.assertNotIn("cloud-init reported", said)
        self.assertNotIn("\x1b", said)
        self.assertFalse((self.person.home / ".local/share/cleave/vms/debian/installation").exists())
        self.passed()

    def test_02_has_what_the_person_and_the_host_have(self):
        self.start()
        self.assertEqual(self.inside("hostname"), "debian")
        self.assertEqual(self.inside("id -un 1000"), "mina")
        self.assertEqual(self.inside("cat /home/mina/.ssh/authorized_keys"), KEY)
        self.assertEqual(self.inside("readlink -f /etc/localtime"), "/usr/share/zoneinfo/Asia/Seoul")
        self.assertIn("XKBLAYOUT=kr", self.inside("cat /etc/default/keyboard").replace('"', ""))
        self.assertIn("LANG=ko_KR.UTF-8", self.inside("cat /etc/default/locale").replace('"', ""))
        self.assertIn("ko_KR.utf8", self.inside("locale -a"))
        self.assertEqual(self.inside("systemctl is-active qemu-guest-agent"), "active")
        self.assertEqual(self.inside("cloud-init status || true"), "status: disabled")
        self.assertGreater(int(self.inside("df --output=size -B1M / | tail -1")), 5000)  # of 6 GiB
        self.assertEqual(self.inside("systemctl --failed --no-legend"), "")
        self.passed()

    # --- A VM that runs

    def test_03_proof_hears_of_its_driver(self):
        # What the agent tells of a whole device's driver: what is read from Linux, and as it is read.
        handle = guest_agent.ask(self.agent, "guest-file-open", path="/proc/bus/pci/devices", mode="r")
        read = guest_agent.ask(self.agent, "guest-file-read", handle=handle, count=32 * 1024)
        guest_agent.ask(self.agent, "guest-file-close", handle=handle)
        devices = base64.b64decode(read["buf-b64"]).decode().splitlines()
        self.assertEqual([line.split()[-1] for line in devices if line.split()[1] == "1af41050"], ["virtio-pci"])
        status, proof = self.person.json("vm", "prove", "debian", "--wait", "5")
        signs = {sign["id"]: sign for sign in proof["signs"]}
        self.assertEqual(signs["driver"]["answer"], "yes", signs)
        self.assertEqual(signs["virgl"]["answer"], "no", signs)  # the mode 2d
        self.assertEqual(signs["qemu-log"]["answer"], "yes", signs)
        self.assertEqual((status, proof["answer"]), (1, "no"))
        said = self.cleave("vm", "status", "debian")
        self.assertIn("QEMU says of the guest: running", said)
        self.passed()

    def test_04_keys_reach_it_and_its_screen_shows_it(self):
        self.wait_until(lambda: self.picture("before.png")[:2] == (1280, 800), "virtio-gpu's own size")
        before = self.picture("before.png")
        self.cleave("vm", "send-key", "debian", "ret", *"mina", "ret")
        time.sleep(10)  # login(1) asks for the password then; nothing tells when
        self.cleave("vm", "send-key", "debian", *(letter if letter != " " else "spc" for letter in PASSWORD), "ret")
        self.wait_until(lambda: "tty1" in self.inside("who"), "somebody on tty1")
        self.assertNotEqual(before, self.picture("after.png"))
        self.passed()

    def picture(self, name):
        self.cleave("vm", "screenshot", "debian", name)
        width, height, rows = png.read_png(self.person.home / name)
        self.assertTrue(any(any(row) for row in rows), "all black")
        return width, height, rows

    def test_05_one_logs_in_on_its_console(self):
        console = self.console()
        console.log_in()
        console.type("echo $((40+2)) $LANG $(hostname)")
        console.wait_for("42 ko_KR.UTF-8 debian")
        console.type("exit")
        self.assertEqual(console.leave(), 0)
        self.passed()

    def test_06_it_gives_memory_back(self):
        def mebibytes():
            return int(self.inside("awk '/MemTotal/ {print $2}' /proc/meminfo")) // 1024

        before = mebibytes()
        self.assertIn("has 600M of memory now", self.cleave("vm", "balloon", "debian", "600M"))
        self.assertAlmostEqual(before - mebibytes(), 1024 - 600, delta=8)
        self.cleave("vm", "balloon", "debian", "1G")
        self.wait_until(lambda: mebibytes() == before, "all memory again")
        self.passed()

    def test_07_a_snapshot_brings_disk_and_memory_back(self):
        self.inside("echo old > /root/kept; sleep 10000 > /dev/null 2>&1 & echo $! > /run/sleeper; sync")
        self.cleave("vm", "snapshot", "create", "debian", "running")
        self.inside("echo new > /root/kept; kill $(cat /run/sleeper); sync")
        self.cleave("vm", "snapshot", "restore", "debian", "running")
        guest_agent.wait_for_agent(self.agent, 60)
        self.assertEqual(self.inside("cat /root/kept"), "old")
        self.inside("kill -0 $(cat /run/sleeper)")
        self.assertIn("running", self.cleave("vm", "snapshot", "list", "debian"))
        self.cleave("vm", "snapshot", "delete", "debian", "running")
        self.passed()

    def test_08_discs_go_in_and_out(self):
        content = self.person.write("disc/hello", "from the host\n").parent
        disc = self.person.home / "disc.iso"
        subprocess.run(["genisoimage", "-quiet", "-R", "-V", "HELLO", "-o", disc, content], check=True)
        self.cleave("vm", "insert", "debian", disc)
        self.wait_until(lambda: "HELLO" in self.inside("lsblk -no LABEL /dev/sr0"), "the disc")
        self.assertEqual(self.inside("mount -r /dev/sr0 /mnt && cat /mnt/hello"), "from the host")
        self.inside("umount /mnt")
        self.assertIn("Taken out of", self.cleave("vm", "eject", "debian"))
        self.assertIn("No medium found", self.inside("LC_ALL=C dd if=/dev/sr0 of=/dev/null count=1", status=1))
        self.passed()

    def test_09_a_viewer_that_vanishes_is_not_missed(self):
        for ending in (signal.SIGTERM, signal.SIGKILL):
            viewer = subprocess.Popen([sys.executable, HERE / "vnc_viewer.py", self.runtime / "vnc.sock"],
                                      stdout=subprocess.PIPE, text=True)
            self.addCleanup(viewer.stdout.close)
            self.assertEqual(viewer.stdout.readline(), "connected\n")
            viewer.send_signal(ending)
            viewer.wait()
            self.assertIn("QEMU says of the guest: running", self.cleave("vm", "status", "debian"))
        self.picture("still.png")
        self.inside("true")
        self.passed()

    def test_10_it_switches_itself_off_at_the_power_button(self):
        status, report = self.person.json("vm", "stop", "debian")
        self.assertEqual((status, report["means"]), (0, "guest"), report)
        self.assertIn("switched itself off", self.cleave("vm", "status", "debian", status=1))
        self.passed()

    def test_11_its_disks_alone_have_snapshots(self):
        self.cleave("vm", "snapshot", "create", "debian", "off")
        self.cleave("vm", "snapshot", "restore", "debian", "off")
        self.assertIn("off", self.cleave("vm", "snapshot", "list", "debian"))
        self.cleave("vm", "snapshot", "delete", "debian", "off")
        self.passed()

    # --- With shares

    def test_12_shares_of_both_kinds_are_mounted(self):
        virtiofs.install(self.person.libexec)
        self.person.write("fast/from-host", "fast\n")
        self.person.write("plain/from-host", "plain\n")
        self.person.write(self.definition, DEFINITION + SHARES.format(home=self.person.home))
        self.start()
        for tag, mount in (("fast", "mount -t virtiofs fast"), ("locked", "mount -t virtiofs locked"),
                           ("plain", "mount -t 9p -o trans=virtio,version=9p2000.L plain")):
            self.inside(f"mkdir -p /mnt/{tag} && {mount} /mnt/{tag}")
        self.assertEqual(self.inside("cat /mnt/fast/from-host /mnt/locked/from-host /mnt/plain/from-host"),
                         "fast\nfast\nplain")
        for tag in ("fast", "plain"):
            self.inside(f"echo guest > /mnt/{tag}/from-guest")
            made = self.person.home / tag / "from-guest"
            self.assertEqual((made.read_text(), made.stat().st_uid), ("guest\n", self.person.home.stat().st_uid))
        self.inside("touch /mnt/locked/no", status=1)
        self.passed()

    def test_13_what_cannot_be_kept_with_a_share_is_said(self):
        said = self.cleave("vm", "snapshot", "create", "debian", "shared", status=1)
        self.assertIn("a snapshot of its disks alone can be made then", said)
        self.assertNotIn("shared", self.cleave("vm", "snapshot", "list", "debian"))
        self.inside("true")
        self.passed()

    def test_14_a_guest_that_ignores_the_button_is_asked_by_its_agent(self):
        self.inside("mkdir -p /etc/systemd/logind.conf.d && "
                    "printf '[Login]\\nHandlePowerKey=ignore\\n' > /etc/systemd/logind.conf.d/key.conf && "
                    "systemctl restart systemd-logind")
        status, report = self.person.json("vm", "stop", "debian")
        self.assertEqual((status, report["means"]), (0, "guest-agent"), report)
        self.assertEqual(sorted(path.name for path in self.runtime.glob("*.sock")), [])
        self.passed()


if __name__ == "__main__":
    unittest.main()
