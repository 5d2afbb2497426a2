"""VMs that start by themselves under a real systemd: the installed guest is the machine, its user mina the person, and the VM in
it is the demo guest, under emulation in emulation."""
import contextlib
import os
import pathlib
import shutil
import unittest

import guest_agent
from guest_case import BOOT_LIMIT, DEFINITION, GuestCase, installed_disk, why_not

TOOLS = """
[[share]]
path = "{home}/tools"
tag = "tools"
type = "9p"
read_only = true
"""

TINY = """\
accelerator = "tcg"
cpus = 1
memory = "64M"
kernel = "/usr/local/lib/demo.elf"

[[network]]
type = "none"

[display]
type = "none"
"""

AS_MINA = "runuser -u mina -- env HOME=/home/mina XDG_RUNTIME_DIR=/run/user/1000 LC_ALL=C.UTF-8 "
PROMPT = r"mina@debian:~\$ "
QEMU_OF = "pgrep -c -u {user} -f '^/usr/bin/qemu-system-x86_64|^qemu-system-x86_64' || true"


def demo_guest():
    return pathlib.Path(os.environ["CLEAVE"]).parent / "lab/guest/cleave-demo-guest.elf"


@unittest.skipIf(why_not(), why_not())
class StartsByItself(GuestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        tools = cls.person.home / "tools"
        tools.mkdir()
        shutil.copy(os.environ["CLEAVE"], tools / "cleave")
        shutil.copy(demo_guest(), tools / "demo.elf")

    def mina(self, words, status=0):
        return self.inside(f"cd /home/mina && {AS_MINA} {words}", status=status)

    def unit_of_mina(self):
        return self.mina("systemctl --user is-active cleave-vm-tiny.service || true")

    def mina_logs_in(self):
        console = self.console()
        console.log_in()
        return console

    def qemus_of(self, user):
        return int(self.inside(QEMU_OF.format(user=user)))

    def only_session(self):
        (session,) = self.inside("ls /run/systemd/sessions | grep -v '[.]'").split()
        return session

    def mina_is_gone(self):
        return self.inside("systemctl is-active user@1000.service || true") == "inactive"

    def is_running(self, name="tiny"):
        done = self.inside(f"cd /home/mina && {AS_MINA} cleave vm status {name} || true")
        return "runs: QEMU is process" in done

    def test_01_a_person_at_a_terminal_asks_for_it(self):
        installed_disk(self)
        self.person.write(self.definition, DEFINITION + TOOLS.format(home=self.person.home))
        self.start()
        self.inside("mkdir /mnt/tools && mount -t 9p -o trans=virtio,version=9p2000.L tools /mnt/tools && "
                    "install -m 755 /mnt/tools/cleave /usr/local/bin/cleave && "
                    "install -D -m 644 /mnt/tools/demo.elf /usr/local/lib/demo.elf && umount /mnt/tools")
        self.inside("install -d -o mina -g mina /home/mina/.config /home/mina/.config/cleave /home/mina/.config/cleave/vms && "
                    f"printf '%s' '{TINY}' > /home/mina/.config/cleave/vms/tiny.toml")
        console = self.mina_logs_in()
        console.type("cleave --lang en vm autostart tiny boot; echo status=$?")
        console.wait_for(r"enable-linger\s+mina")  # wrapped as the terminal is wide
        console.wait_for("status=1")
        console.type("cleave --lang en vm autostart tiny login; echo status=$?")
        console.wait_for("status=0")
        self.mina("systemctl --user daemon-reload")
        self.mina("systemd-analyze --user verify /home/mina/.config/systemd/user/cleave-vm-tiny.service")
        self.assertFalse(self.is_running())
        console.type("exit")
        self.assertEqual(console.leave(), 0)
        self.wait_until(self.mina_is_gone, "the end of mina's manager")
        self.passed()

    def test_02_it_starts_when_its_user_logs_in(self):
        console = self.mina_logs_in()
        self.wait_until(self.is_running, "the VM")
        self.assertEqual(self.mina("systemctl --user is-active cleave-vm-tiny.service"), "active")
        self.assertEqual(self.qemus_of("mina"), 1)
        self.mina("cleave vm stop tiny")
        self.wait_until(lambda: self.unit_of_mina() == "inactive", "the end of its unit")
        self.mina("systemctl --user start cleave-vm-tiny.service")
        self.wait_until(self.is_running, "the VM again")
        self.inside("kill -KILL $(pgrep -u mina qemu-system)")
        self.wait_until(lambda: self.unit_of_mina() == "failed", "the failure of its unit")
        self.assertIn("QEMU was killed by signal 9.", self.mina("systemctl --user status cleave-vm-tiny.service", status=3))
        self.mina("systemctl --user start cleave-vm-tiny.service")
        self.wait_until(self.is_running, "the VM once more")
        console.type("exit")
        self.assertEqual(console.leave(), 0)
        self.passed()

    def test_03_it_shuts_down_in_order_when_its_user_has_left(self):
        self.wait_until(self.mina_is_gone, "the end of mina's manager")
        self.assertEqual(self.qemus_of("mina"), 0)
        self.inside("test ! -e /run/user/1000/cleave")
        self.assertIn("The VM tiny has shut itself down.", self.inside("journalctl -b -o cat _UID=1000"))
        self.passed()

    def test_04_one_that_was_started_by_hand_ends_with_its_session(self):
        console = self.mina_logs_in()
        self.wait_until(self.is_running, "the VM")
        console.type("cleave --lang en vm autostart tiny no && cleave --lang en vm stop tiny; echo status=$?")
        console.wait_for("status=0")
        self.inside("loginctl enable-linger mina")  # so that something is left that can tell
        console.type("cleave --lang en vm start tiny; echo status=$?")
        console.wait_for("status=0")
        self.assertTrue(self.is_running())
        self.inside(f"loginctl terminate-session {self.only_session()}; sleep 1")
        said = self.mina("cleave vm status tiny", status=1)
        self.assertIn("QEMU was asked to end.", said)
        self.assertEqual(self.qemus_of("mina"), 0)
        self.assertEqual(console.leave(), 0)
        self.passed()

    def test_05_one_that_was_started_by_hand_outlives_a_logout(self):
        self.inside("loginctl disable-linger mina")
        console = self.mina_logs_in()
        console.type("cleave --lang en vm start tiny; echo status=$?")
        console.wait_for("status=0")
        session = self.only_session()
        console.type("exit")
        self.wait_until(lambda: "closing" in self.inside(f"loginctl show-session -P State {session}"), "the logout")
        self.assertTrue(self.is_running())  # KillUserProcesses=no, logind's default
        self.mina("cleave vm stop tiny")
        self.wait_until(self.mina_is_gone, "the end of mina's manager")
        self.assertEqual(self.qemus_of("mina"), 0)
        self.assertEqual(console.leave(), 0)
        self.passed()

    def test_06_one_that_was_started_by_hand_ends_with_its_user(self):
        console = self.mina_logs_in()
        console.type("cleave --lang en vm start tiny; echo status=$?")
        console.wait_for("status=0")
        self.inside("loginctl terminate-user mina")
        self.wait_until(self.mina_is_gone, "the end of mina's manager")
        self.assertEqual(self.inside("pgrep -c -u mina . || true"), "0")
        self.inside("test ! -e /run/user/1000")
        self.assertEqual(console.leave(), 0)
        self.passed()

    def test_07_they_start_with_the_machine(self):
        self.inside("loginctl enable-linger mina")
        self.wait_until(lambda: self.inside("test -d /run/user/1000 && echo there || true") == "there", "mina's manager")
        self.mina("cleave vm autostart tiny boot")
        self.inside(f"mkdir -p /etc/cleave/vms && printf '%s' '{TINY}' > /etc/cleave/vms/house.toml && "
                    "cleave vm autostart house boot")
        self.inside("systemctl daemon-reload && systemd-analyze verify /etc/systemd/system/cleave-vm-house.service")
        self.reboot()
        self.wait_until(self.is_running, "mina's VM", BOOT_LIMIT)
        self.assertEqual(self.inside("systemctl is-active cleave-vm-house.service"), "active")
        self.assertEqual((self.qemus_of("mina"), self.qemus_of("nobody"), self.qemus_of("root")), (1, 1, 0))
        self.assertEqual(self.inside("loginctl list-sessions --no-legend"), "")
        self.passed()

    def reboot(self):
        boot = self.inside("cat /proc/sys/kernel/random/boot_id")
        with contextlib.suppress(guest_agent.Silent):  # it may end before it answers
            self.inside("systemctl --no-block reboot")

        def is_another():
            try:
                guest_agent.ask(self.agent, "guest-ping", 5)
                return self.inside("cat /proc/sys/kernel/random/boot_id") != boot
            except (guest_agent.Silent, OSError, AssertionError):
                return False
        self.wait_until(is_another, "the next start", BOOT_LIMIT)

    def test_08_they_shut_down_before_the_machine_does(self):
        status, report = self.person.json("vm", "stop", "debian", "--limit", "180")
        self.assertEqual((status, report["means"]), (0, "guest"), report)
        self.start()
        before = self.inside("journalctl -b -1 -o cat")
        self.assertIn("The VM tiny has shut itself down.", before)
        self.assertIn("The VM house has shut itself down.", before)
        self.cleave("vm", "stop", "debian", "--limit", "180")
        self.passed()


if __name__ == "__main__":
    unittest.main()
