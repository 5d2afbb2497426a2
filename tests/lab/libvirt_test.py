"""libvirt as a peer: its list of node devices against what cleave defines and makes.

Needs libvirtd and virsh (data/packages/install.sh test), and says so where they are not there.
"""
import shutil
import time
import unittest

from laptop import LaptopTest

# Debian's place (libvirt-daemon); libvirtd looks into LIBVIRT_DRIVER_DIR first
# (src/driver.c, virDriverLoadModule), and the other drivers want users and services.
DRIVER = "/usr/lib/x86_64-linux-gnu/libvirt/connection-driver/libvirt_driver_nodedev.so"
BEGIN = f"""set -e
/lib/systemd/systemd-udevd --daemon
mkdir -p /run/drivers /var/lib/libvirt /var/cache/libvirt /var/log/libvirt
cp {DRIVER} /run/drivers
printf 'unix_sock_group = "root"\\nauth_unix_rw = "none"\\n' > /run/libvirtd.conf
LIBVIRT_DRIVER_DIR=/run/drivers exec libvirtd -d -f /run/libvirtd.conf -p /run/libvirtd.pid
"""
LIMIT_S = 60


def libvirts_name(uuid, parent):
    """mdev_UUID_PARENT, all but letters and digits replaced (node_device_udev.c)."""
    return f"mdev_{uuid}_{parent}".replace("-", "_")


@unittest.skipUnless(shutil.which("libvirtd") and shutil.which("virsh"),
                     "libvirtd or virsh is not installed: data/packages/install.sh test")
class Libvirt(LaptopTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        begun = cls.run_in_laptop(cls, "bash", "-c", BEGIN)
        if begun.returncode != 0:
            raise AssertionError(begun.stdout + begun.stderr)

    def virsh(self, *words):
        return self.run_in_laptop("virsh", "--connect", "nodedev:///system", *words)

    def listed(self, *words):
        return set(self.virsh("nodedev-list", "--cap", "mdev", *words).stdout.split())

    def wait_for(self, names, *words):
        """libvirt hears of devices from udev and of definitions from inotify, a moment later."""
        begin = time.monotonic()
        while self.listed(*words) != names:
            if time.monotonic() - begin > LIMIT_S:
                log = self.run_in_laptop("tail", "-n", "5", "/var/log/libvirt/libvirtd.log").stdout
                self.fail(f"libvirt lists {self.listed(*words)}, not {names}\n{log}"
                          + self.virsh("nodedev-list", "--cap", "mdev").stderr)
            time.sleep(0.5)

    def test_its_list_shows_what_cleave_defines_makes_and_takes_away(self):
        self.wait_for(set())
        made = self.laptop_json("vgpu", "create", "--parent", "mtty", "--type", "mtty-1")["uuid"]
        self.wait_for({libvirts_name(made, "mtty")})
        defined = self.laptop_json("vgpu", "define", "--parent", "mdpy", "--type", "mdpy-vga", "--auto")["uuid"]
        self.wait_for({libvirts_name(defined, "mdpy")}, "--inactive")
        self.assertEqual(self.laptop_cleave("vgpu", "start", defined).returncode, 0)
        self.wait_for({libvirts_name(made, "mtty"), libvirts_name(defined, "mdpy")})
        described = self.virsh("nodedev-dumpxml", libvirts_name(defined, "mdpy")).stdout
        self.assertIn("<type id='mdpy-vga'", described)
        self.assertIn(defined, described)
        for words in (("remove", made), ("stop", defined), ("undefine", defined)):
            done = self.laptop_cleave("vgpu", *words)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.wait_for(set(), "--all")


if __name__ == "__main__":
    unittest.main(verbosity=2)
