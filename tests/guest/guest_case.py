"""What the tests with a real guest share: a person of this machine, and that person's VM `debian`."""
import atexit
import contextlib
import hashlib
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import cloud_image
import guest_agent
import images
from person import Person

HERE = pathlib.Path(__file__).resolve().parent
PASSWORD = "correct horse 42"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGNsZWF2ZSBjbGVhdmUgY2xlYXZlIGNsZWF2ZSBjbGVhdmUg mina@host"
# 240 s were measured for the installation and 60 s for a start on a quiet machine under emulation.
INSTALL_LIMIT = 1800
BOOT_LIMIT = 600

DEFINITION = """\
guest = "linux"
accelerator = "tcg"
cpus = 2
memory = "1G"
serial = true

[gpu]
way = "virtio-gpu"
mode = "2d"

[[disk]]
file = "debian.qcow2"

[[disk]]
interface = "cdrom"

[display]
type = "vnc"
"""


def why_not():
    return cloud_image.missing() or ("" if shutil.which("genisoimage") else "genisoimage is not installed")


class GuestCase(unittest.TestCase):
    """Each test goes on where the one before it ended; one that fails ends the row."""
    definition = ".config/cleave/vms/debian.toml"

    @classmethod
    def setUpClass(cls):
        scratch = tempfile.mkdtemp(prefix="guest-", dir="/tmp")  # short: sockets lie below it
        # Ctrl-C passes by the cleanups of unittest.
        atexit.register(shutil.rmtree, scratch, ignore_errors=True)
        try:
            image = cloud_image.cloud_image()
        except images.CannotFetch as error:
            raise unittest.SkipTest(str(error)) from error
        cls.person = Person(scratch, os.environ["CLEAVE"])
        atexit.register(cls.person.run, "vm", "kill", "debian")
        cls.image = cls.person.give(image, "cloud.qcow2")
        cls.runtime = cls.person.runtime / "cleave/debian"
        cls.agent = cls.runtime / "agent.sock"
        cls.failed = ""

    def setUp(self):
        if self.failed:
            self.skipTest(f"{self.failed} failed")
        type(self).failed = self.id()
        self.begin = time.monotonic()

    def passed(self):
        type(self).failed = ""
        print(f"[{time.monotonic() - self.begin:.0f} s]", end=" ", file=sys.stderr, flush=True)

    def cleave(self, *words, status=0, limit=BOOT_LIMIT):
        done = self.person.run(*words, limit=limit)
        self.assertEqual(done.returncode, status, f"{words}:\n{done.stdout}")
        return done.stdout

    def inside(self, script, limit=300, status=0):
        """What a script says that root runs in the guest."""
        ended, said = guest_agent.run_in_guest(self.agent, script, limit)
        self.assertEqual(ended, status, f"{script}:\n{said}")
        return said.strip()

    def install(self):
        self.person.write(self.definition, DEFINITION)
        self.person.write(".ssh/id_ed25519.pub", KEY + "\n")
        self.person.write("password", PASSWORD + "\n")
        return self.cleave("vm", "install", "debian", "--cloud-image", self.image, "--size", "6G",
                           "--password-file", "password", limit=INSTALL_LIMIT)

    def start(self):
        self.cleave("vm", "start", "debian")
        guest_agent.wait_for_agent(self.agent, BOOT_LIMIT)
        self.inside("systemctl is-system-running --wait || true", BOOT_LIMIT)

    def wait_until(self, is_so, what, limit=120):
        end = time.monotonic() + limit
        while not is_so():
            self.assertLess(time.monotonic(), end, what)
            time.sleep(1)

    def console(self):
        return Console(self.person)


class Console:
    """A person at the terminal of `cleave vm console debian`."""

    def __init__(self, person):
        self._said = b""
        self._process, self._terminal = pty.fork()
        if self._process == 0:
            os.chdir(person.home)
            os.execvpe("unshare", person.argv(person.cleave, "vm", "console", "debian"), person.environment())
        self.wait_for(r"Ctrl-\] leaves")

    def wait_for(self, pattern, limit=120):
        pattern = pattern.encode()
        end = time.monotonic() + limit
        while not (found := re.search(pattern, self._said)):
            if time.monotonic() > end:
                raise AssertionError(f"{pattern} did not come: {self._said}")
            if select.select([self._terminal], [], [], 1)[0]:
                self._said += os.read(self._terminal, 65536)
        self._said = self._said[found.end():]
        return found.group().decode()

    def type(self, text):
        os.write(self._terminal, text.encode() + b"\r")

    def log_in(self):
        for _ in range(12):
            self.type("")  # agetty drops what was typed while it started
            with contextlib.suppress(AssertionError):
                self.wait_for("login: ", 10)
                break
        self.type("mina")
        self.wait_for("(Password|암호): ")
        self.type(PASSWORD)
        self.wait_for("mina@debian:")

    def leave(self):
        """How `cleave vm console` ended; the session in the guest stays."""
        os.write(self._terminal, b"\x1d")
        status = os.waitpid(self._process, 0)[1]
        os.close(self._terminal)
        return os.waitstatus_to_exitcode(status)


def installed_disk(case):
    """The disk of an installed guest, made once with this recipe: path below the person's home."""
    recipe = [HERE / name for name in ("cloud_image.py", "guest_case.py")]
    recipe.append(HERE.parent.parent / "src/install/cloud_init.cc")
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in recipe)).hexdigest()[:16]
    made = case.person.home / case.definition
    disk = made.with_name("debian.qcow2")

    def make(directory):
        case.install()
        subprocess.run(["cp", "--sparse=always", disk, directory / "debian.qcow2"], check=True)

    kept = images.made_once(f"installed-{digest}", make) / "debian.qcow2"
    case.person.write(case.definition, DEFINITION)
    if not disk.exists():
        case.person.give(kept, disk.relative_to(case.person.home))
