"""Suspend to RAM on a laptop with a disk: what becomes of a vGPU, and of running VMs with each policy."""
import base64
import json
import os
import pathlib
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "disk"))
import images
import qemu_in_laptop
from laptop_with_disk import COMMAND_LIMIT, LaptopWithDisk, saved_login

CLEAVE = os.environ["CLEAVE"]
PROGRAM = "/usr/local/bin/cleave"
SLEEP_LIMIT = 90  # seconds; 3 were measured on a quiet machine
GUEST_LIMIT = 15  # for guests to shut down, in place of the unit's 60
NEEDS_RESTART = 5
UNIT = "cleave-sleep.service"

# A boot sector that waits for the power button and switches off: Q35's power management is at port 0x600, where SeaBIOS
# puts it (src/fw/dev-q35.h); its registers are those of the ACPI specification, 4.8.3.
BUTTON = bytes.fromhex(
    "ba0206 ed 80cc01 ef fb"  # PM1 enable: tell of the power button; interrupts on
    "f4 ba0006 ed f6c401 74f6"  # at every tick of the timer: is its bit in PM1 status set?
    "ba0406 b80020 ef"  # PM1 control: sleep enable, type 0, which is "off" in QEMU
    "f4 ebfd")

DEFINITION = """\
accelerator = "tcg"
cpus = 1
memory = "64M"
qemu = "%(qemu)s"
extra_arguments = ["-nic", "none"]
%(more)s
[display]
type = "none"
[[disk]]
file = "/vms/%(name)s.raw"
cache = "writeback"
%(gpu)s
"""


# One laptop that everything is in already, from which each test has its own.
PREPARED = tempfile.TemporaryDirectory()


def setUpModule():
    reason = images.missing("grub")
    if reason:
        raise unittest.SkipTest(f"skipped: {reason}")
    try:
        state = saved_login("grub")
    except images.CannotFetch as why:
        raise unittest.SkipTest(f"skipped: {why}") from why
    unittest.addModuleCleanup(PREPARED.cleanup)
    with LaptopWithDisk("grub", state) as laptop:
        qemu_in_laptop.install(laptop)
        laptop.put(CLEAVE, PROGRAM)
        laptop.check("groupadd -f kvm && useradd --create-home --groups kvm mina && mkdir /vms /etc/cleave /etc/cleave/vms"
                     " && modprobe -r i915 && modprobe i915 enable_gvt=1 && modprobe kvmgt && modprobe vfio_iommu_type1")
        # As after the restart that the set-up asks for.
        laptop.check(f"{PROGRAM} setup --way gvt-g --yes --no-trial; test $? = {NEEDS_RESTART}", limit=3 * COMMAND_LIMIT)
        laptop.check(f"mkdir -p /etc/systemd/system/{UNIT}.d && printf '[Service]\\nExecStart=\\nExecStart={PROGRAM} sleep "
                     f"before --limit {GUEST_LIMIT}\\n' > /etc/systemd/system/{UNIT}.d/test.conf && systemctl daemon-reload")
        laptop.save(PREPARED.name)


class SuspendTest(unittest.TestCase):
    def setUp(self):
        self.laptop = self.enterContext(LaptopWithDisk("grub", PREPARED.name))

    # VMs

    def define(self, name, more="", gpu="", listens=True, user="nobody"):
        text = DEFINITION % {"name": name, "more": more, "gpu": gpu, "qemu": qemu_in_laptop.PROGRAM}
        sector = (BUTTON if listens else b"\xf4\xeb\xfd").ljust(510, b"\0") + b"\x55\xaa"
        self.laptop.check(f"cat > /etc/cleave/vms/{name}.toml <<'END'\n{text}END\n"
                          f"echo {base64.b64encode(sector).decode()} | base64 -d > /vms/{name}.raw && "
                          f"truncate -s 1M /vms/{name}.raw && chown {user} /vms/{name}.raw")

    def cleave(self, words, expected_status=0, user=None):
        command = f"{PROGRAM} {words} --json"
        if user:
            command = f"su {user} -c 'XDG_RUNTIME_DIR=/run/user/$(id -u) {command}'"
        done = self.laptop.run(command, limit=COMMAND_LIMIT)
        self.assertEqual(done.status, expected_status, done.stdout.decode() + done.stderr.decode())
        return json.loads(done.stdout)

    def start(self, name, user=None, **definition):
        self.define(name, user=user or "nobody", **definition)
        return self.cleave(f"vm start {name}", user=user)

    def status(self, name, runs=True, user=None):
        return self.cleave(f"vm status {name}", 0 if runs else 1, user=user)["vm"]

    # Sleep

    def suspended(self):
        return self.laptop._ask("query-status")["status"] == "suspended"

    def wait_until(self, what, is_so):
        end = time.monotonic() + SLEEP_LIMIT
        while not is_so():
            self.assertLess(time.monotonic(), end, f"{what}\n{self.journal()}")
            time.sleep(0.2)

    def begin_suspend(self):
        """The command is not waited for: nobody could answer."""
        self.laptop.check(f"systemctl reset-failed {UNIT} 2> /dev/null; (sleep 1; systemctl suspend) > /dev/null 2>&1 &")

    def suspend_and_wake_up(self):
        self.begin_suspend()
        end = time.monotonic() + SLEEP_LIMIT
        while not self.suspended():
            if time.monotonic() > end:
                self.fail("the laptop does not sleep\n" + self.journal())
            time.sleep(0.2)
        self.laptop._ask("system_wakeup")
        self.wait_until("the laptop does not wake up", lambda: not self.suspended())
        self.wait_until("the hook is not over", lambda: self.unit_state() == "inactive")
        return self.journal()

    def expect_refusal(self):
        self.begin_suspend()
        self.wait_until("nobody refuses", lambda: self.unit_state() == "failed")
        self.assertFalse(self.suspended())
        journal = self.journal()
        self.assertIn("Dependency failed for systemd-suspend.service", journal)
        self.assertNotIn("suspend entry", journal)
        return journal

    def unit_state(self):
        return self.laptop.run(f"systemctl is-active {UNIT}").stdout.decode().strip()

    def journal(self):
        return self.laptop.check("journalctl -b --no-pager -n 200")


class Vgpu(SuspendTest):
    def test_one_that_is_defined_and_without_a_vm_is_there_afterwards(self):
        uuid = self.cleave("vgpu define --type i915-GVTg_V5_8 --auto")["uuid"]
        self.cleave(f"vgpu start {uuid}")
        journal = self.suspend_and_wake_up()
        self.assertIn("System returned from sleep state", journal)
        self.assertEqual([vgpu["uuid"] for vgpu in self.cleave("vgpu list")["vgpus"]], [uuid])

    def test_one_in_a_vm_is_there_afterwards_and_its_guest_goes_on(self):
        started = self.start("shared", gpu='[gpu]\nway = "gvt-g"\ntype = "i915-GVTg_V5_8"\ndisplay = false\n')
        self.assertEqual(started["on_suspend"], "pause")
        self.assertEqual(self.status("shared")["guest_status"], "running")
        journal = self.suspend_and_wake_up()
        self.assertIn("The VM shared of nobody is paused.", journal)
        self.assertIn("The VM shared of nobody goes on.", journal)
        order = [journal.index(words) for words in ("shared of nobody is paused", "suspend entry", "suspend exit",
                                                    "shared of nobody goes on")]
        self.assertEqual(order, sorted(order))
        after = self.status("shared")
        self.assertEqual((after["guest_status"], after["for_suspend"], after["process_id"]),
                         ("running", None, started["process_id"]))
        self.assertEqual([vgpu["uuid"] for vgpu in self.cleave("vgpu list")["vgpus"]], [started["vgpu"]])


class Policies(SuspendTest):
    def test_keep_pause_and_stop_together(self):
        kept = self.start("kept")
        self.assertEqual(kept["on_suspend"], "keep")
        self.laptop.check("install -d -o mina -m 700 /run/user/$(id -u mina)")
        paused = self.start("paused", more='on_suspend = "pause"', user="mina")
        standing = self.start("standing", more='on_suspend = "pause"')
        stopped = self.start("stopped", more='on_suspend = "stop"')
        time.sleep(3)  # the guest's boot sector
        self.monitor("standing", "stop")

        before = self.cleave(f"sleep before --limit {GUEST_LIMIT}")
        self.assertEqual({step["vm"]: step["done"] for step in before["steps"]},
                         {"kept": "kept", "paused": "paused", "standing": "kept", "stopped": "stopped"})
        self.assertEqual(self.status("paused", user="mina")["guest_status"], "paused")
        self.assertEqual(self.status("kept")["guest_status"], "running")
        after = self.cleave("sleep after")
        self.assertEqual([(step["vm"], step["done"]) for step in after["steps"]], [("paused", "continued")])

        self.start_again("stopped", stopped)
        time.sleep(3)
        journal = self.suspend_and_wake_up()
        for sentence in ("The VM kept of nobody stays as it is.", "The VM paused of mina is paused.",
                         "The VM standing of nobody stands still already.",
                         "The VM stopped of nobody was shut down", "The VM paused of mina goes on."):
            self.assertIn(sentence, journal)
        for name, user, process, guest in (("kept", None, kept, "running"), ("paused", "mina", paused, "running"),
                                           ("standing", None, standing, "paused")):
            status = self.status(name, user=user)
            self.assertEqual((status["guest_status"], status["process_id"]), (guest, process["process_id"]), name)
        ended = self.status("stopped", runs=False)
        self.assertEqual((ended["end"]["kind"], ended["for_suspend"]), ("guest-shutdown", "stopped"))
        told = self.laptop.run(f"{PROGRAM} vm status stopped").stdout.decode()
        self.assertIn("It was shut down because the host was suspended.", told)

    def start_again(self, name, before):
        ended = self.status(name, runs=False)
        self.assertEqual((ended["end"]["kind"], ended["for_suspend"]), ("guest-shutdown", "stopped"))
        again = self.cleave(f"vm start {name}")
        self.assertNotEqual(again["process_id"], before["process_id"])
        self.assertIsNone(self.status(name)["for_suspend"], "another run, another story")

    def monitor(self, name, command):
        """One command to QEMU, as its owner may give it."""
        self.laptop.check(f"""perl -MSocket -e '
socket(my $s, PF_UNIX, SOCK_STREAM, 0); connect($s, sockaddr_un("/run/cleave/{name}/qmp.sock")) or die $!;
$s->autoflush(1); <$s>;
for ("qmp_capabilities", "{command}") {{ print $s "{{\\"execute\\": \\"$_\\"}}\\n"; my $a = <$s>; }}'""")

    def test_refuse(self):
        started = self.start("kept-awake", more='on_suspend = "refuse"')
        self.assertTrue(started["inhibits_suspend"], started)
        asked = self.laptop.run("systemctl suspend --check-inhibitors=yes")
        self.assertEqual(asked.status, 1)
        self.assertIn("The virtual machine kept-awake runs.", asked.stderr.decode())
        self.assertFalse(self.suspended())
        # root's command passes over inhibitors, and not over the unit.
        journal = self.expect_refusal()
        self.assertIn("The VM kept-awake of nobody runs and must not be suspended.", journal)
        self.assertIn('Its definition says so: on_suspend = "refuse"', journal)
        self.assertEqual(self.status("kept-awake")["guest_status"], "running")
        # The inhibitor ends with the VM, whoever ended it.
        self.laptop.check(f"kill -9 {started['process_id']}; sleep 1")
        self.assertNotIn("kept-awake", self.laptop.check("busctl call org.freedesktop.login1 /org/freedesktop/login1 "
                                                         "org.freedesktop.login1.Manager ListInhibitors"))
        self.expect_one_without_an_inhibitor()
        self.suspend_and_wake_up()

    def expect_one_without_an_inhibitor(self):
        """Whom logind does not let have one (here there is no polkit to ask) starts nevertheless, and the unit refuses."""
        self.laptop.check("install -d -o mina -m 700 /run/user/$(id -u mina)")
        started = self.start("mine", more='on_suspend = "refuse"', user="mina")
        self.assertFalse(started["inhibits_suspend"], started)
        self.assertIn("The VM mine of mina runs and must not be suspended.", self.expect_refusal())
        self.cleave("vm kill mine", user="mina")

    def test_a_guest_that_does_not_listen_is_not_lost(self):
        other = self.start("other", more='on_suspend = "pause"')
        deaf = self.start("deaf", more='on_suspend = "stop"', listens=False)
        time.sleep(3)
        journal = self.expect_refusal()
        self.assertIn(f"The guest of deaf (nobody) did not shut down within {GUEST_LIMIT} seconds.", journal)
        for name, process in (("other", other), ("deaf", deaf)):
            status = self.status(name)
            self.assertEqual((status["guest_status"], status["process_id"], status["for_suspend"]),
                             ("running", process["process_id"], None))


class WithoutAnybody(SuspendTest):
    def test_a_laptop_without_vms_sleeps_and_an_undo_takes_the_hook_away(self):
        self.suspend_and_wake_up()
        self.laptop.check(f"rm -r /etc/systemd/system/{UNIT}.d")
        self.cleave("setup --undo")
        self.assertNotIn(UNIT, self.laptop.check("systemctl show -p Requires sleep.target"))
        self.laptop.check("test ! -e /etc/systemd/system/sleep.target.d")

    def test_a_program_that_is_gone_stops_no_suspend(self):
        self.laptop.check(f"rm {PROGRAM}")
        self.suspend_and_wake_up()


if __name__ == "__main__":
    unittest.main()
