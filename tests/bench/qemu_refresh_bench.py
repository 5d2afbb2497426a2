#!/usr/bin/env python3
"""How many distinct frames of a guest reach a viewer, for each of several QEMUs, side by side.

usage: qemu_refresh_bench.py PATH/TO/cleave [QEMU…] [--seconds N] [--runs N]

QEMU: the name of a build (`cleave qemu list`) or the path of a program; without any, the
distribution's and all that cleave built. Each boots the demo guest, which draws on QEMU's
bochs-display as fast as it can, emulated (needs no KVM and no GPU). A VNC client over a unix
socket asks for changes back to back, with raw encoding, and counts the updates that change
something. The QEMUs take turns, so that a busy machine slows all; medians are printed. CPU is
what QEMU's threads other than the virtual processor took, for each second: the display's polls,
the comparing and the sending.
"""
import argparse
import json
import os
import pathlib
import socket
import statistics
import struct
import subprocess
import tempfile
import threading
import time
import zlib

GUEST = "lab/guest/cleave-demo-guest.elf"
WARM_UP = 2.0
TICKS = os.sysconf("SC_CLK_TCK")


class Viewer:
    """RFB 3.8 (RFC 6143), security none, raw encoding."""

    def __init__(self, path):
        for _ in range(200):
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(path)
                break
            except OSError:
                self.socket.close()
                time.sleep(0.05)
        self.stream = self.socket.makefile("rb", 1 << 20)
        self.stream.read(12)
        self.socket.sendall(b"RFB 003.008\n")
        self.stream.read(self.stream.read(1)[0])
        self.socket.sendall(b"\x01")
        assert self.stream.read(4) == b"\0\0\0\0"
        self.socket.sendall(b"\x01")
        self.size = struct.unpack(">HH", self.stream.read(4))
        self.pixel = self.stream.read(16)[0] // 8
        self.stream.read(struct.unpack(">I", self.stream.read(4))[0])
        # Raw, and the pseudo-encoding that tells of another size.
        self.socket.sendall(struct.pack(">BxHii", 2, 2, 0, -223))

    def ask(self, incremental):
        self.socket.sendall(struct.pack(">BBHHHH", 3, incremental, 0, 0, *self.size))

    def update(self):
        """The checksum of the next update's pixels; 0 for none."""
        while True:
            kind = self.stream.read(1)[0]
            if kind == 0:
                break
            if kind == 3:  # cut text
                self.stream.read(struct.unpack(">3xI", self.stream.read(7))[0])
        count = struct.unpack(">xH", self.stream.read(3))[0]
        checksum = 0
        for _ in range(count):
            x, y, width, height, encoding = struct.unpack(">HHHHi", self.stream.read(12))
            if encoding == -223:
                self.size = (width, height)
                continue
            data = self.stream.read(width * height * self.pixel)
            checksum = zlib.crc32(data, zlib.crc32(struct.pack(">HH", x, y), checksum))
        return checksum

    def distinct_frames(self, seconds):
        self.ask(0)
        self.update()
        last, frames = 0, 0
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.ask(1)
            checksum = self.update()
            frames += checksum not in (0, last)
            last = checksum
        return frames / seconds


def cpu_of_others(process):
    """Seconds that all threads but the virtual processor's took."""
    total = 0
    for task in pathlib.Path(f"/proc/{process}/task").iterdir():
        try:
            text = (task / "stat").read_text()
        except OSError:
            continue
        name = text[text.index("(") + 1:text.rindex(")")]
        fields = text[text.rindex(")") + 2:].split()
        if not name.startswith("CPU "):
            total += int(fields[11]) + int(fields[12])  # utime, stime: proc(5)
    return total / TICKS


class Reports(threading.Thread):
    """What the guest says of itself: how many frames it draws a second."""

    def __init__(self, stream):
        super().__init__(daemon=True)
        self.stream, self.rates = stream, []

    def run(self):
        for line in self.stream:
            try:
                self.rates.append(json.loads(line)["frames_per_second"])
            except (ValueError, KeyError):
                pass


def measure(program, guest, directory, seconds):
    path = os.path.join(directory, "vnc")
    process = subprocess.Popen(
        [program, "-nodefaults", "-no-user-config", "-name", "bench,debug-threads=on", "-machine",
         "q35,accel=tcg", "-cpu", "qemu64", "-m", "128", "-vga", "none", "-device",
         "bochs-display,edid=on,xres=640,yres=480", "-kernel", guest, "-vnc", f"unix:{path}",
         "-chardev", "stdio,id=serial,signal=off", "-serial", "chardev:serial"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        reports = Reports(process.stdout)
        reports.start()
        viewer = Viewer(path)
        viewer.distinct_frames(WARM_UP)
        before = cpu_of_others(process.pid)
        frames = viewer.distinct_frames(seconds)
        cpu = (cpu_of_others(process.pid) - before) / seconds
        return frames, cpu, reports.rates[-1] if reports.rates else 0
    finally:
        process.kill()
        process.wait()
        pathlib.Path(path).unlink(missing_ok=True)


def chosen(cleave, wanted):
    listed = json.loads(subprocess.run([cleave, "qemu", "list", "--json"], capture_output=True,
                                       text=True, check=False).stdout)["programs"]
    named = {(one["built_by_cleave"] or {}).get("name") or one["path"]: one["path"]
             for one in listed}
    if not wanted:
        return named
    return {name: named.get(name, name) for name in wanted}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cleave")
    parser.add_argument("qemu", nargs="*")
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    cleave = os.path.abspath(options.cleave)
    guest = os.path.join(os.path.dirname(cleave), GUEST)
    programs = chosen(cleave, options.qemu)
    results = {name: [] for name in programs}
    with tempfile.TemporaryDirectory() as directory:
        for _ in range(options.runs):
            for name, program in programs.items():
                results[name].append(measure(program, guest, directory, options.seconds))
    print(f"{'QEMU':44} {'frames/s':>9} {'least':>6} {'most':>6} {'CPU s/s':>8} {'guest draws':>12}")
    for name, rows in results.items():
        frames = [row[0] for row in rows]
        print(f"{name:44} {statistics.median(frames):9.1f} {min(frames):6.1f} {max(frames):6.1f} "
              f"{statistics.median(row[1] for row in rows):8.2f} "
              f"{statistics.median(row[2] for row in rows):10.0f}/s")
    print(f"{options.runs} runs of {options.seconds:g} s each, by turns")


if __name__ == "__main__":
    main()
