#!/usr/bin/env python3
"""Starts command lines of cleave with real QEMU programs of several versions.

  tests/qemu_versions/start_test.py [VERSION…]     after tests/qemu_versions/fetch.py

Each command line of tests/golden/qemu_versions/ is started with -S and must answer query-status.
What a machine for tests lacks (KVM, devices of the host, screens, sound) is left out of the whole,
and tried for itself: QEMU must understand it and fail only because it is not there. Ends with 1 if
anything is not so.
"""
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

from releases import chosen, program_of

GOLDENS = pathlib.Path(__file__).resolve().parents[1] / "golden" / "qemu_versions"
SKIPPED = 77  # SKIP_RETURN_CODE in CMakeLists.txt
PATIENCE = 60  # seconds; one core of a busy machine
HOST_FIRMWARE = pathlib.Path("/usr/share/OVMF")

# What QEMU says of words that it does not know.
MISTAKES = re.compile(r"Property .* not found|Invalid parameter|invalid .*option|does not accept|"
                      r"is not a valid|Parameter .* (is missing|expects)|undefined symbol")
# What it says of something that is not on this machine. Everything else is a mistake, too.
LACKS = re.compile("|".join([
    r"vfio [^ ]+: (no such host device|error getting device from group|failed to open|.*No such file)",
    r"Could not open '?/sys/", r"no such host device",
    r"The display backend does not have OpenGL support enabled", r"opengl is not available",
    r"OpenGL is not supported by (the display|display backend)", r"CPU model 'host' requires KVM",
    r"System Management Mode not supported by this hypervisor",
    r"kernel doesn't allow setting HyperV|Hyper-?V .*(not supported|is not available)",
    r"Failed to open file '/boot/initrd|could not load initrd|error reading initrd",
    r"[Ee]gl: no drm render node|egl: render node init failed|eglInitialize failed",
    r"Could not open '/dev/dri/|open\(?.*/dev/dri/",
    r"gtk initialization failed", r"Could not initialize SDL", r"Could not connect to session bus",
    r"Cannot autolaunch D-Bus|Failed to (connect to|setup).*([Dd]-?[Bb]us|bus)",
    r"Failed to connect to '.*\.sock': No such file",
    r"Could not access KVM kernel module|failed to initialize kvm",
    r"failed to find host usb device|no usb device matching",
    r"could not open '?/dev/iommu|iommufd.*No such file|/dev/iommu",
    r"[Uu]nable to map backing store for guest RAM|Cannot allocate memory|failed to resize memfd",
    r"pulseaudio|pulse/pid|[Cc]ould not (init|create) .*(pa|pipewire|audio)|pa_|Failed to initialize PipeWire|"
    r"[Cc]ould not create PipeWire context",
    r"fd=\d+.*Bad file descriptor|TUNGETIFF|Invalid fd|fd \d+ is not",
]))


def part(text):
    """One part of a golden file: [(group, arguments)]."""
    found = re.findall(r"^([a-z-]+): (-.*)$", text, re.M)
    return [(name, arguments.split(" | ")) for name, arguments in found]


def lines_of(version):
    """(name, groups) of each definition for that version; no groups where it cannot run there."""
    for path in sorted(GOLDENS.glob("*.txt")):
        for section in re.split(r"^== QEMU ", path.read_text(), flags=re.M)[1:]:
            versions, _, text = section.partition("\n")
            groups = part(text)
            if version in versions.split():
                yield path.stem, groups


def without_what_is_lacking(name, arguments):
    if name in ("gpu", "device", "usb", "iommufd", "tpm"):
        return []
    text = " | ".join(arguments)
    if "tap,id=" in text or "vhost-user-fs" in text:
        return []
    if name == "display":
        return ["-display", "none"]
    if name == "machine":
        text = text.replace("accel=kvm", "accel=tcg")
    elif name == "cpu":
        text = re.sub(r",hv-[a-z]+=\w+", "", re.sub(r"\bhost\b", "max", text))
    elif name == "clock":
        text = text.replace(" | -global | kvm-pit.lost_tick_policy=delay", "")
    elif name == "memory":
        text = text.replace(",hugetlb=on", "")
    elif name == "kernel":  # QEMU parts an -initrd at commas for a kernel that is no Linux
        text = re.sub(r" \| -initrd \| [^|]+?(?= \| -|$)", "", text)
    elif name == "network":
        text = re.sub(r",hostfwd=[^,| ]+", "", text)
    elif name == "sound" and "spice,id=" not in text:
        text = re.sub(r"-audiodev \| \w+,", "-audiodev | none,", text)
    return text.split(" | ")


def with_own_paths(arguments, directory):
    """The same, with what is on no machine below `directory`: sockets, disks, variables, folders."""
    changed = []
    for option, argument in zip(["", *arguments], arguments):
        if option == "-kernel":
            argument = f"{directory}/kernel"
            pathlib.Path(argument).write_bytes(small_kernel())
        argument = re.sub(r"(=|unix:)/(home|srv|run/user|run/cleave|var/lib/cleave|vms|boot)/",
                          rf"\1{directory}/\2/", argument)
        for path in re.findall(r"(?:file|path|addr|unix:)[=]?(/(?:[^,]|,,)+)", argument):
            prepare(pathlib.Path(path.replace(",,", ",")), argument)
        for path in re.findall(r"=(/usr/share/OVMF/[^,]+)", argument):  # not in every tree
            shutil.copy(HOST_FIRMWARE / pathlib.Path(path).name, directory)
            argument = argument.replace(path, f"{directory}/{pathlib.Path(path).name}")
        changed.append(argument)
    return changed


def small_kernel():
    """A multiboot header with addresses (Multiboot Specification 0.6.96, 3.1); it never runs."""
    magic, flags, address = 0x1BADB002, 1 << 16, 0x100000
    return struct.pack("<8I", magic, flags, -(magic + flags) & 0xFFFFFFFF, address, address, 0, 0,
                       address + 32) + b"\xfa\xf4\xeb\xfd"


def prepare(path, argument):
    path.parent.mkdir(parents=True, exist_ok=True)
    if argument.startswith("local,"):
        path.mkdir(exist_ok=True)
    elif "nvram" in path.name:
        shutil.copy(HOST_FIRMWARE / "OVMF_VARS_4M.fd", path)
    elif "format=qcow2" in argument:
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", path, "1M"], check=True)
    elif "file=" in argument and str(path).startswith("/tmp/"):
        path.write_bytes(bytes(1 << 20))


def answer_of(path, qemu):
    """What query-status says on that socket; empty if QEMU ends before."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and qemu.poll() is None:
        try:
            with socket.socket(socket.AF_UNIX) as monitor:
                monitor.settimeout(PATIENCE)
                monitor.connect(str(path))
                stream = monitor.makefile("rw")
                for command in ["qmp_capabilities", "query-status"]:
                    stream.write(json.dumps({"execute": command}))
                    stream.flush()
                for line in stream:
                    if "status" in (answer := json.loads(line).get("return", {})):
                        return answer["status"]
        except OSError:
            time.sleep(0.02)
    return ""


def start(program, arguments, monitor, directory):
    """The status of that QEMU, and what it printed."""
    log = pathlib.Path(directory) / "log"
    with log.open("w") as output:
        qemu = subprocess.Popen([program, *arguments, "-S"], stdin=subprocess.DEVNULL,
                                stdout=output, stderr=output, cwd=directory,
                                env={"PATH": os.environ["PATH"], "HOME": directory, "LC_ALL": "C",
                                     "XDG_RUNTIME_DIR": directory,
                                     "DBUS_SESSION_BUS_ADDRESS": "disabled:"})
        try:
            status = answer_of(monitor, qemu)
        finally:
            qemu.kill()
            qemu.wait()
    return status, log.read_text(errors="replace")


def context_of(name, groups):
    """What a group needs around it to be tried alone."""
    needed = {"gpu": ["iommufd"], "device": ["iommufd"], "usb": ["input"], "sound": ["input"]}
    context = ["-nodefaults", "-machine", "pc,accel=tcg", "-m", "256M", "-vga", "none"]
    machine = next(arguments for group, arguments in groups if group == "machine")
    if "q35" in machine[2]:
        context[2] = "q35,accel=tcg"
    if name in ("machine", "cpu", "memory", "display"):
        context = context[:1] + ["-m", "256M"]
        context += [] if name == "machine" else ["-machine", "q35,accel=tcg"]
    for group, arguments in groups:
        if group in needed.get(name, []):
            context += arguments
    if name == "share":
        context += ["-object", "memory-backend-memfd,id=memory,size=256M,share=on",
                    "-machine", "memory-backend=memory"]
    return context


def alone(program, name, groups, arguments):
    with tempfile.TemporaryDirectory(prefix="q") as directory:
        given = [one for one in arguments if "memory-backend=" not in one or name != "machine"]
        if given != arguments:  # -machine without its value
            given = [re.sub(r",memory-backend=\w+", "", one) for one in arguments]
        line = with_own_paths(context_of(name, groups) + given, directory)
        line = line + ["-qmp", f"unix:{directory}/alone.sock,server=on,wait=off"]
        status, output = start(program, line, f"{directory}/alone.sock", directory)
    understood = status == "prelaunch" or LACKS.search(output)
    if understood and not MISTAKES.search(output):
        return None
    return f"{name} alone: {' '.join(arguments)}\n      {output.strip()}"


def try_line(program, groups):
    """What is wrong with it, how many of its groups were tried for themselves, and what QEMU said of
    things that it will not know for ever.
    """
    kept, problems, tried = [], [], 0
    for name, arguments in groups:
        left = without_what_is_lacking(name, arguments)
        kept += left
        if left != arguments:
            tried += 1
            problems.append(alone(program, name, groups, arguments))
    with tempfile.TemporaryDirectory(prefix="q") as directory:
        line = with_own_paths(kept, directory)
        monitor = next(re.search(r"unix:([^,]+/qmp\.sock)", one)[1] for one in line
                       if "/qmp.sock" in one)
        status, output = start(program, line, monitor, directory)
    if status != "prelaunch":
        problems.append(f"status “{status}”: {' '.join(line)}\n      {output.strip()}")
    aging = re.findall(r"^.*deprecated.*$", output, re.M)
    return [problem for problem in problems if problem], tried, aging


def main():
    failed = False
    for release in chosen(sys.argv[1:]):
        program = program_of(release)
        if not program.exists():
            print(f"skipped: no {program}: tests/qemu_versions/fetch.py {release.qemu}")
            return SKIPPED
        definitions = list(lines_of(release.qemu))
        lines = [line for line in definitions if line[1]]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            results = list(pool.map(lambda line: try_line(program, line[1]), lines))
        bad = [(name, result[0]) for (name, _), result in zip(lines, results) if result[0]]
        tried = sum(result[1] for result in results)
        print(f"QEMU {release.qemu}: {len(lines) - len(bad)} of {len(lines)} command lines are good, "
              f"{tried} parts of them tried alone; {len(definitions) - len(lines)} definitions cannot "
              "run, which cleave says", flush=True)
        for warning in sorted({warning for result in results for warning in result[2]}):
            print(f"  {warning}")
        for name, problems in bad:
            print(f"  {name}:", *problems, sep="\n    ")
        failed = failed or bool(bad) or not definitions
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
