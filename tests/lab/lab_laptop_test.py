"""The virtual laptop itself, booted for real: commands, files, a terminal, hangs, panics, leftovers.

One laptop is booted for the cheap checks; those that destroy one boot their own.
"""
import json
import os
import pathlib
import pty
import select
import signal
import subprocess
import tempfile
import time
import unittest

CLEAVE = os.environ["CLEAVE"]  # set by CMake
NAME = f"test-{os.getpid()}"
# Booting takes a few seconds on a quiet machine; test machines are not quiet.
BOOT_LIMIT = 600


def run(*words, limit=BOOT_LIMIT):
    return subprocess.run([CLEAVE, *words], capture_output=True, timeout=limit, check=False)


def in_laptop(*words, options=()):
    return run("lab", "run", "--name", NAME, *options, "--", *words)


def laptop_processes():
    """Ids of QEMU processes whose arguments name the agent's port."""
    found = set()
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            arguments = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if b"name=cleave.agent" in arguments:
            found.add(int(entry.name))
    return found


class SharedLaptop(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        up = run("lab", "up", "--name", NAME, "--json")
        assert up.returncode == 0, up.stderr.decode()
        cls.process = json.loads(up.stdout)["process_id"]

    @classmethod
    def tearDownClass(cls):
        down = run("lab", "down", "--name", NAME)
        assert down.returncode == 0, down.stderr.decode()
        assert cls.process not in laptop_processes()

    def test_output_and_status_are_those_of_the_command(self):
        done = in_laptop("sh", "-c", "echo out; echo err >&2; exit 7")
        self.assertEqual((done.returncode, done.stdout), (7, b"out\n"))
        self.assertIn(b"err\n", done.stderr)

    def test_a_signal_is_128_and_its_number(self):
        self.assertEqual(in_laptop("sh", "-c", "kill -TERM $$").returncode, 128 + 15)

    def test_bytes_pass_unchanged(self):
        script = "import sys; sys.stdout.buffer.write(bytes(range(256)) * 4000)"
        done = in_laptop("/usr/bin/env", "python3", "-c", script)
        if done.returncode == 127:
            self.skipTest("skipped: no python3 in the laptop's PATH")
        self.assertEqual(done.stdout, bytes(range(256)) * 4000)

    def test_arguments_are_not_touched(self):
        words = ["a b", "$HOME", "'", "", "ü", "\\n"]
        done = in_laptop("printf", "%s|", *words)
        self.assertEqual(done.stdout.decode(), "".join(word + "|" for word in words))

    def test_a_missing_command_is_an_error_and_the_laptop_lives(self):
        done = in_laptop("/no/such/program")
        self.assertEqual(done.returncode, 3)
        self.assertIn(b"/no/such/program", done.stderr)
        self.assertEqual(in_laptop("true").returncode, 0)

    def test_a_file_comes_back_and_a_missing_one_is_told(self):
        with tempfile.TemporaryDirectory() as directory:
            here = pathlib.Path(directory) / "back"
            done = in_laptop("sh", "-c", "head -c 300000 /dev/urandom > /tmp/f; cksum < /tmp/f",
                             options=("--get", f"/tmp/f:{here}", "--get", f"/tmp/none:{here}2"))
            self.assertEqual(done.returncode, 3)
            self.assertIn(b"/tmp/none", done.stderr)
            check = subprocess.run(["cksum"], input=here.read_bytes(), capture_output=True,
                                   check=True)
            self.assertEqual(done.stdout, check.stdout)

    def test_changes_stay_in_the_laptop(self):
        mark = f"/var/tmp/cleave-mark-{os.getpid()}"
        self.assertEqual(in_laptop("touch", mark).returncode, 0)
        self.assertEqual(in_laptop("test", "-e", mark).returncode, 0)
        self.assertFalse(os.path.exists(mark))

    def test_the_machine_is_in_sight(self):
        own = os.path.realpath(CLEAVE)
        self.assertEqual(in_laptop("cmp", own, own).returncode, 0)
        cmdline = in_laptop("cat", "/proc/cmdline").stdout
        self.assertIn(b"i915.enable_gvt=1", cmdline)
        groups = in_laptop("ls", "/sys/kernel/iommu_groups").stdout.split()
        self.assertTrue(groups)

    def test_mediated_devices_can_be_made(self):
        parents = in_laptop("ls", "/sys/class/mdev_bus").stdout.decode().split()
        self.assertEqual({"mtty", "mdpy", "mbochs"} - set(parents), set())
        script = ("u=83b8f4f2-509f-382f-3c1e-e6bfe0fa1001; "
                  "echo $u > /sys/class/mdev_bus/mtty/mdev_supported_types/mtty-1/create && "
                  "ls /sys/bus/mdev/devices/ && echo 1 > /sys/bus/mdev/devices/$u/remove")
        done = in_laptop("sh", "-c", script)
        self.assertEqual(done.stdout, b"83b8f4f2-509f-382f-3c1e-e6bfe0fa1001\n", done.stderr)
        self.assertEqual(done.returncode, 0)

    def test_the_gpu_is_on_its_own_bus(self):
        done = in_laptop("cat", "/sys/bus/pci/devices/10000:00:02.0/vendor",
                         "/sys/bus/pci/devices/10000:00:02.0/class")
        self.assertEqual(done.stdout, b"0x8086\n0x030000\n", done.stderr)

    def test_a_program_left_behind_does_not_hold_up_the_end(self):
        start = time.monotonic()
        done = in_laptop("sh", "-c", "sleep 300 & echo $!")
        self.assertLess(time.monotonic() - start, 60)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(in_laptop("kill", done.stdout.decode().strip()).returncode, 0)

    def test_a_caller_that_is_killed_takes_its_command_along(self):
        caller = subprocess.Popen([CLEAVE, "lab", "run", "--name", NAME, "--", "sh", "-c",
                                   "echo ready; exec sleep 4242"], stdout=subprocess.PIPE)
        self.assertEqual(caller.stdout.readline(), b"ready\n")
        caller.kill()
        caller.wait()
        caller.stdout.close()
        done = in_laptop("sh", "-c", "grep -lsz '^4242$' /proc/[0-9]*/cmdline; true")
        self.assertEqual(done.stdout, b"")

    def test_two_callers_at_once(self):
        with subprocess.Popen([CLEAVE, "lab", "run", "--name", NAME, "--", "sh", "-c",
                               "echo ready; sleep 3"], stdout=subprocess.PIPE) as caller:
            self.assertEqual(caller.stdout.readline(), b"ready\n")
            done = in_laptop("true")
            self.assertEqual(done.returncode, 3)
            self.assertIn(NAME.encode(), done.stderr)
            self.assertEqual(caller.wait(timeout=60), 0)

    def test_list_and_the_name_that_is_taken(self):
        listed = json.loads(run("lab", "list", "--json").stdout)
        self.assertEqual(listed["schema"], "cleave.lab-list/1")
        mine = [entry for entry in listed["laptops"] if entry["name"] == NAME]
        self.assertEqual(mine[0]["process_id"], self.process)
        again = run("lab", "up", "--name", NAME)
        self.assertEqual(again.returncode, 3)

    def test_shell_has_a_terminal_and_passes_ctrl_c(self):
        child, terminal = pty.fork()
        if child == 0:
            os.execv(CLEAVE, [CLEAVE, "lab", "shell", "--name", NAME])
        # Whatever goes wrong, the shell does not outlive the test; its hang-up ends it.
        self.addCleanup(os.close, terminal)
        text = b""

        def read_until(mark, limit=120):
            nonlocal text
            end = time.monotonic() + limit
            while mark not in text:
                left = end - time.monotonic()
                self.assertGreater(left, 0, text)
                if select.select([terminal], [], [], left)[0]:
                    text += os.read(terminal, 65536)
            text = text.split(mark, 1)[1]

        os.write(terminal, b"tty; echo at-$((40+2))\n")
        read_until(b"/dev/pts/")
        read_until(b"at-42")
        os.write(terminal, b"sleep 1000\n")
        time.sleep(2)
        os.write(terminal, b"\x03")
        os.write(terminal, b"echo back-$((40+2)); exit 5\n")
        read_until(b"back-42")
        _, status = os.waitpid(child, 0)
        self.assertEqual(os.waitstatus_to_exitcode(status), 5)


class LaptopOfItsOwn(unittest.TestCase):
    def test_a_panic_is_told_at_once(self):
        start = time.monotonic()
        done = run("lab", "run", "--kernel-argument", "cleave.test=1", "--", "sh", "-c",
                   "echo c > /proc/sysrq-trigger; sleep 300")
        self.assertEqual(done.returncode, 3)
        self.assertIn(b"Kernel panic - not syncing: sysrq", done.stderr)
        self.assertLess(time.monotonic() - start, 290)

    def test_a_command_over_its_limit_ends_the_laptop(self):
        before = laptop_processes()
        done = run("lab", "run", "--kernel-argument", "cleave.test=1", "--limit", "3", "--",
                   "sleep", "1000")
        self.assertEqual(done.returncode, 3)
        self.assertIn(b"3", done.stderr)
        self.assertLessEqual(laptop_processes(), before)

    def test_two_at_once_with_their_own_parameters(self):
        callers = [
            subprocess.Popen([CLEAVE, "lab", "run", "--module-parameter",
                              f"i915.enable_gvt={value}", "--", "cat", "/proc/cmdline"],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            for value in (0, 1)]
        for value, caller in enumerate(callers):
            output, _ = caller.communicate(timeout=BOOT_LIMIT)
            self.assertEqual(caller.returncode, 0)
            self.assertIn(f"i915.enable_gvt={value}".encode(), output)
            self.assertNotIn(f"i915.enable_gvt={1 - value}".encode(), output)

    def test_nothing_is_left_of_a_killed_one(self):
        before = laptop_processes()
        caller = subprocess.Popen([CLEAVE, "lab", "run", "--kernel-argument", "cleave.test=1",
                                   "--", "sh", "-c", "echo ready; sleep 1000"],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.assertEqual(caller.stdout.readline(), b"ready\n")
        mine = laptop_processes() - before
        self.assertEqual(len(mine), 1)
        caller.send_signal(signal.SIGKILL)
        caller.wait()
        caller.stdout.close()
        end = time.monotonic() + 10
        while mine & laptop_processes() and time.monotonic() < end:
            time.sleep(0.1)
        self.assertFalse(mine & laptop_processes())

    def test_bad_arguments_are_refused_before_booting(self):
        for option, value, status in (("--module-parameter", "enable_gvt", 2),
                                      ("--kernel-argument", "a b", 2),
                                      ("--memory", "12", 2), ("--limit", "0", 2)):
            done = run("lab", "run", option, value, "--", "true", limit=20)
            self.assertEqual(done.returncode, status, (option, done.stderr))


if __name__ == "__main__":
    unittest.main()
