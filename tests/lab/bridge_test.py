"""A VM of a user's on a bridge of the host's, with QEMU's own helper; nothing of it runs as root."""
import unittest

from laptop import LaptopTest

HELPER = "/usr/lib/qemu/qemu-bridge-helper"
DEFINITION = """name = "bridged"
memory = "64M"
cpus = 1
accelerator = "tcg"
[[network]]
type = "bridge"
bridge = "br0"
[display]
type = "none"
"""


class Bridge(LaptopTest):
    def shell(self, text):
        done = self.run_in_laptop("sh", "-c", text)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def as_person(self, *words):
        return self.run_in_laptop("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env",
                                  "HOME=/run/person", "XDG_RUNTIME_DIR=/run/person", *words)

    def problems(self):
        """What the check says is missing, in the order in which a person mends it."""
        return self.as_person("cleave", "vm", "check", "/run/person/bridged.toml").stdout

    def cards(self):
        return [name for name in self.shell("ls /sys/class/net").split() if name.startswith("tap")]

    def test_what_is_missing_is_told_and_then_it_runs(self):
        self.shell("modprobe -a tun bridge && ip link add br0 type bridge && ip link set br0 up && "
                   f"install -d -m 700 -o nobody -g nogroup /run/person && chmod u-s {HELPER} && "
                   f"cat > /run/person/bridged.toml <<'END'\n{DEFINITION}\nEND")
        for said, mended in (("allow br0", "mkdir -p /etc/qemu && echo allow br0 > /etc/qemu/bridge.conf"),
                             ("chmod u+s", f"chmod u+s {HELPER}"),
                             ("chmod 666 /dev/net/tun", "chmod 666 /dev/net/tun")):
            self.assertIn(said, self.problems())
            refused = self.as_person("cleave", "vm", "start", "/run/person/bridged.toml")
            self.assertNotEqual(refused.returncode, 0)
            self.shell(mended)
            self.assertNotIn(said, self.problems())
        started = self.as_person("cleave", "vm", "start", "/run/person/bridged.toml")
        self.assertEqual(started.returncode, 0, started.stdout + started.stderr)
        self.assertEqual(len(self.cards()), 1)
        killed = self.as_person("cleave", "vm", "kill", "/run/person/bridged.toml")
        self.assertEqual(killed.returncode, 0, killed.stderr)
        self.shell("for i in $(seq 100); do ls /sys/class/net | grep -q ^tap || exit 0; sleep 0.1; done; exit 1")


if __name__ == "__main__":
    unittest.main(verbosity=2)
