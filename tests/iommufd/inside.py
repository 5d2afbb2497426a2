"""Runs as the first program of a machine whose kernel knows no VFIO groups; prints JSON at its end.

usage: inside.py CLEAVE QEMU MODULE…
"""
import ctypes
import glob
import grp
import json
import os
import pathlib
import pwd
import subprocess
import sys

USER = "person"
NODES = "/dev/vfio/devices"
DEFINITION = """name = "{name}"
memory = "128M"
cpus = 1
accelerator = "tcg"
qemu = "{qemu}"
[gpu]
way = "{way}"
{device}
[display]
type = "none"
"""


def run(*words):
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=240)


def device_of(driver):
    return os.path.basename(sorted(glob.glob(f"/sys/bus/pci/drivers/{driver}/0000:*"))[0])


def driver_of(address):
    return os.path.basename(os.path.realpath(f"/sys/bus/pci/devices/{address}/driver"))


def prepare(modules):
    for module in modules:
        subprocess.run(["insmod", module], check=True)
    subprocess.run(["useradd", "--create-home", "--groups", "kvm", USER], check=True)
    person = pwd.getpwnam(USER)
    # What `cleave setup` has udev do, which does not run here.
    os.chown("/dev/iommu", 0, grp.getgrnam("kvm").gr_gid)
    os.chmod("/dev/iommu", 0o660)
    runtime = f"/run/user/{person.pw_uid}"
    os.makedirs(runtime)
    os.chown(runtime, person.pw_uid, person.pw_gid)
    os.environ |= {"SUDO_USER": USER, "SUDO_UID": str(person.pw_uid), "SUDO_GID": str(person.pw_gid)}
    return person.pw_uid


def process_of(name):
    """Of the VM's QEMU: who it runs as, what it may, what of VFIO it has open."""
    for place in pathlib.Path("/proc").glob("[0-9]*"):
        words = (place / "cmdline").read_bytes().split(b"\0")
        if b"-name" not in words or not any(word.startswith(name.encode()) for word in words):
            continue
        status = dict(line.split(":", 1) for line in (place / "status").read_text().splitlines())
        files = {os.path.realpath(file) for file in glob.glob(f"{place}/fd/*")}
        return {"user": int(status["Uid"].split()[1]), "capabilities": int(status["CapEff"], 16),
                "no_new_privileges": int(status["NoNewPrivs"]), "seccomp": int(status["Seccomp"]),
                "files": sorted(file for file in files if file.startswith(("/dev/vfio", "/dev/iommu"))),
                "devices": [word.decode() for word in words if b"iommufd=" in word]}
    return None


def life(cleave, qemu, name, way, device):
    path = f"/tmp/{name}.toml"
    pathlib.Path(path).write_text(DEFINITION.format(name=name, qemu=qemu, way=way, device=device),
                                  encoding="ascii")
    started = run(cleave, "vm", "start", path)
    seen = {"status": started.returncode, "said": started.stdout + started.stderr,
            "process": process_of(name),
            "nodes": {node: os.stat(f"{NODES}/{node}").st_uid for node in os.listdir(NODES)}
                     if os.path.isdir(NODES) else {}}
    seen["killed"] = run(cleave, "vm", "kill", name).returncode
    run(cleave, "vm", "give-back")
    seen["nodes_after"] = os.listdir(NODES) if os.path.isdir(NODES) else []
    return seen


def main():
    cleave, qemu, *modules = sys.argv[1:]
    user = prepare(modules)
    card, controller = device_of("e1000e"), device_of("nvme")
    seen = {"user": user, "groups": os.path.exists("/dev/vfio/vfio"),
            "mdev": life(cleave, qemu, "mdev", "mdev", 'parent = "mtty"\ntype = "mtty-1"'),
            "card": life(cleave, qemu, "card", "passthrough", f'device = "{card}"'),
            "function": life(cleave, qemu, "function", "sr-iov", f'parent = "{controller}"'),
            "driver_after": driver_of(card),
            "functions_after": pathlib.Path(f"/sys/bus/pci/devices/{controller}/sriov_numvfs")
                               .read_text(encoding="ascii").strip()}
    print("\nSEEN " + json.dumps(seen), flush=True)


try:
    main()
finally:
    os.sync()
    ctypes.CDLL(None).reboot(0x4321FEDC)  # LINUX_REBOOT_CMD_POWER_OFF, linux/reboot.h
