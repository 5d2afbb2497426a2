#!/usr/bin/env python3
"""`cleave vm start` until QEMU's monitor answers, beside the same QEMU started by hand.

usage: vm_start_bench.py PATH/TO/cleave [RUNS]

Both start the very same argv (from `cleave vm command`) in turn, so that a busy machine slows
both. Each is started with posix_spawn, and the clock stops when query-status is answered on the
VM's monitor socket, which is tried again every 0.2 ms. Needs no GPU and no KVM. Budget: at most
5 ms more.
"""
import json
import os
import shlex
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

BUDGET_MS = 5.0
DEFINITION = """accelerator = "tcg"
memory = "64M"
[display]
type = "none"
"""


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


def spawn(argv):
    null = os.open(os.devnull, os.O_RDWR)
    process = os.posix_spawnp(argv[0], argv, os.environ, file_actions=[
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
        by_hand(argv, directory)
        by_cleave(cleave, definition, directory)
        hand, ours = [], []
        for _ in range(runs):
            hand.append(by_hand(argv, directory))
            ours.append(by_cleave(cleave, definition, directory))
    difference = statistics.median(ours) - statistics.median(hand)
    print(f"by hand   median {statistics.median(hand):7.2f} ms  (least {min(hand):.2f})")
    print(f"cleave    median {statistics.median(ours):7.2f} ms  (least {min(ours):.2f})")
    print(f"more      {difference:+7.2f} ms, budget {BUDGET_MS:+.1f} ms, {runs} runs each")
    return 0 if difference <= BUDGET_MS else 1


if __name__ == "__main__":
    sys.exit(main())
