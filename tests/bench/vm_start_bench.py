#!/usr/bin/env python3
"""`cleave vm start` until QEMU's monitor answers, beside the same QEMU started by hand.

usage: vm_start_bench.py PATH/TO/cleave [RUNS]

Both start the very same argv (from `cleave vm command`) in turn, so that a busy machine slows
both. Each is started with posix_spawn, and the clock stops when query-status is answered on the
VM's monitor socket, which is tried again every 0.2 ms. Needs no GPU and no KVM. Budget: at most
5 ms more.

Where virsh and libvirtd are installed (data/packages/install.sh bench), `virsh start` of the same
VM is measured in the same run, until it returns: a libvirtd of its own for one user (as root:
nobody), in a scratch directory, started before. Budget: cleave is at least five times as fast.
"""
import contextlib
import json
import os
import pathlib
import shlex
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

BUDGET_MS = 5.0
LIBVIRT_RATIO = 5.0
NOBODY = 65534
DEFINITION = """accelerator = "tcg"
memory = "64M"
[display]
type = "none"
"""


# What DEFINITION comes to, in libvirt's words.
DOMAIN = """<domain type="qemu">
  <name>bench</name>
  <memory unit="MiB">64</memory>
  <vcpu>{cpus}</vcpu>
  <os><type arch="x86_64" machine="q35">hvm</type></os>
  <features><acpi/></features>
  <devices>
    <emulator>{emulator}</emulator>
    <interface type="user"><model type="e1000e"/></interface>
    <memballoon model="virtio"/>
    <video><model type="vga"/></video>
  </devices>
</domain>
"""


class Libvirt:
    """A libvirtd for one user alone, that ends with the block."""

    def __init__(self, scratch, emulator, cpus):
        self.home = os.path.join(scratch, "libvirt")
        self.environment = {"PATH": os.environ["PATH"], "HOME": self.home, "LC_ALL": "C",
                            "XDG_RUNTIME_DIR": os.path.join(self.home, "run")}
        os.makedirs(self.environment["XDG_RUNTIME_DIR"], mode=0o700)
        self.domain = os.path.join(self.home, "bench.xml")
        pathlib.Path(self.domain).write_text(DOMAIN.format(emulator=emulator, cpus=cpus), encoding="ascii")
        self.user = []
        if os.getuid() == 0:
            self.user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
            for path in (self.home, self.environment["XDG_RUNTIME_DIR"]):
                os.chown(path, NOBODY, NOBODY)

    def virsh(self, *words):
        return [*self.user, "virsh", "--quiet", "--connect", "qemu:///session", *words]

    def run(self, *words):
        subprocess.run(self.virsh(*words), check=True, env=self.environment, cwd="/",
                       stdout=subprocess.DEVNULL)

    def __enter__(self):
        self.daemon = subprocess.Popen([*self.user, "libvirtd"], env=self.environment, cwd="/",
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            if subprocess.run(self.virsh("uri"), env=self.environment, capture_output=True, cwd="/",
                              check=False).returncode == 0:
                break
            time.sleep(0.1)
        self.run("define", self.domain)
        return self

    def __exit__(self, *_):
        self.daemon.terminate()
        self.daemon.wait()

    def start(self):
        begin = time.perf_counter()
        process = spawn(self.virsh("start", "bench"), self.environment)
        _, status = os.waitpid(process, 0)
        elapsed = time.perf_counter() - begin
        if status != 0:
            raise RuntimeError("virsh start failed")
        self.run("destroy", "bench")
        return elapsed * 1000


def answer(path):
    """Connects as soon as there is a socket, and asks for the status."""
    while True:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(path)
            break
        except OSError:
            connection.close()
            time.sleep(0.0002)
    with connection, connection.makefile("rw") as stream:
        stream.readline()
        for command in ("qmp_capabilities", "query-status"):
            stream.write(json.dumps({"execute": command}) + "\n")
            stream.flush()
            while "return" not in json.loads(stream.readline()):
                pass


def spawn(argv, environment=None):
    null = os.open(os.devnull, os.O_RDWR)
    process = os.posix_spawnp(argv[0], argv, environment or os.environ, file_actions=[
        (os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, null, 1),
        (os.POSIX_SPAWN_DUP2, null, 2)])
    os.close(null)
    return process


def by_hand(argv, directory):
    os.makedirs(directory, mode=0o700, exist_ok=True)
    path = os.path.join(directory, "qmp.sock")
    begin = time.perf_counter()
    process = spawn(argv)
    answer(path)
    elapsed = time.perf_counter() - begin
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    os.unlink(path)
    return elapsed * 1000


def by_cleave(cleave, definition, directory):
    begin = time.perf_counter()
    process = spawn([cleave, "vm", "start", definition])
    answer(os.path.join(directory, "qmp.sock"))
    elapsed = time.perf_counter() - begin
    os.waitpid(process, 0)
    subprocess.run([cleave, "vm", "kill", definition], check=True, stdout=subprocess.DEVNULL)
    return elapsed * 1000


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    cleave = os.path.abspath(sys.argv[1])
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 15
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["XDG_RUNTIME_DIR"] = scratch
        definition = os.path.join(scratch, "bench.toml")
        os.chmod(scratch, 0o755)
        with open(definition, "w", encoding="ascii") as file:
            file.write(DEFINITION)
        shown = json.loads(subprocess.run([cleave, "vm", "command", definition, "--json"],
                                          check=True, capture_output=True, text=True).stdout)
        argv = shown["argv"]
        monitor = next(word for word in argv if word.startswith("unix:") and "qmp.sock" in word)
        directory = os.path.dirname(monitor.removeprefix("unix:").split(",")[0])
        print(shlex.join(argv))
        with contextlib.ExitStack() as stack:
            libvirt = None
            if shutil.which("virsh") and shutil.which("libvirtd"):
                cpus = argv[argv.index("-smp") + 1].split(",")[0].removeprefix("cpus=")
                libvirt = stack.enter_context(Libvirt(scratch, shutil.which(argv[0]), cpus))
                libvirt.start()
            by_hand(argv, directory)
            by_cleave(cleave, definition, directory)
            hand, ours, theirs = [], [], []
            for _ in range(runs):
                hand.append(by_hand(argv, directory))
                ours.append(by_cleave(cleave, definition, directory))
                if libvirt:
                    theirs.append(libvirt.start())
    difference = statistics.median(ours) - statistics.median(hand)
    print(f"by hand   median {statistics.median(hand):7.2f} ms  (least {min(hand):.2f})")
    print(f"cleave    median {statistics.median(ours):7.2f} ms  (least {min(ours):.2f})")
    print(f"more      {difference:+7.2f} ms, budget {BUDGET_MS:+.1f} ms, {runs} runs each")
    good = difference <= BUDGET_MS
    if not theirs:
        print("libvirt   not measured: virsh or libvirtd is not installed")
    else:
        ratio = statistics.median(theirs) / statistics.median(ours)
        print(f"libvirt   median {statistics.median(theirs):7.2f} ms  (least {min(theirs):.2f})")
        print(f"ratio     {ratio:7.2f}, budget at least {LIBVIRT_RATIO:.0f}")
        good = good and ratio >= LIBVIRT_RATIO
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
