"""Runs inside the virtual laptop and prints what it saw as JSON; vgpu_life_test.py judges it.

usage: vgpu_life_inside.py cycles COUNT | race COUNT | vms COUNT | function-vms COUNT ADDRESS |
       kill-qemu PARENT TYPE | kill-supervisor PARENT TYPE | run-out-of-memory PARENT TYPE
"""
import json
import os
import signal
import subprocess
import sys
import time
import uuid

DEVICES = "/sys/bus/mdev/devices"
PCI_DEVICES = "/sys/bus/pci/devices"
STATE = "/var/lib/cleave"
RUNTIME = "/run/cleave"
PARENT, TYPE = "mdpy", "mdpy-vga"
LIMIT_S = 60


def cleave(*words):
    return subprocess.run(["cleave", *words], capture_output=True, text=True, check=False,
                          timeout=LIMIT_S * 10)


def must(*words):
    done = cleave(*words)
    if done.returncode != 0:
        sys.exit(f"cleave {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def processes(name):
    """Numbers of those whose program is called so; the laptop's own agent is no user's."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue  # it ended meanwhile
        if os.path.basename(words[0].decode()) == name and b"lab-agent" not in words:
            found.append(int(entry))
    return found


def number_in(path, line="", column=0):
    with open(path, encoding="ascii") as file:
        for each in file:
            if each.startswith(line):
                return int(each.split()[column])
    raise ValueError(path)


def count_files(top):
    return sum(len(files) + len(directories) for _, directories, files in os.walk(top))


def snapshot():
    return {
        "devices": len(os.listdir(DEVICES)),
        "pci_devices": len(os.listdir(PCI_DEVICES)),
        "nodes": len(os.listdir("/dev/vfio")),
        # The first number: allocated handles (Documentation/admin-guide/sysctl/fs.rst, file-nr).
        "open_files": number_in("/proc/sys/fs/file-nr"),
        "programs": len(processes("cleave")) + len(processes("qemu-system-x86_64")),
        "state_files": count_files(STATE),
        "runtime_files": count_files(RUNTIME),
        # What the kernel cannot give back: a leak of objects grows here (proc(5), SUnreclaim).
        "kernel_kb": number_in("/proc/meminfo", "SUnreclaim:", 1),
    }


def cycles(count):
    def once():
        name = str(uuid.uuid4())
        must("vgpu", "create", "--parent", PARENT, "--type", TYPE, "--uuid", name)
        must("vgpu", "remove", name)
    once()  # what the first one makes stays: the state directory, the last journal
    before = snapshot()
    for _ in range(count):
        once()
    return {"before": before, "after": snapshot()}


def race(count):
    """Each wants a vGPU of its own; all are started before the first is waited for."""
    begun = [subprocess.Popen(["cleave", "vgpu", "create", "--parent", PARENT, "--type", TYPE, "--json"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
             for _ in range(count)]
    results = []
    for process in begun:
        output, errors = process.communicate()
        results.append({"status": process.returncode, "output": output, "errors": errors})
    made = sorted(os.listdir(DEVICES))
    for name in made:
        must("vgpu", "remove", name)
    return {"results": results, "devices": made, "after": snapshot()}


def define_vm(name, parent, kind):
    way = "gvt-g" if kind.startswith("i915-") else "mdev"
    path = f"/run/{name}.toml"
    with open(path, "w", encoding="ascii") as file:
        file.write(f'accelerator = "tcg"\nmemory = "64M"\ncpus = 1\n[gpu]\nway = "{way}"\n'
                   f'parent = "{parent}"\ntype = "{kind}"\ndisplay = false\n[display]\ntype = "none"\n')
    return path


def wait_until(condition):
    begin = time.monotonic()
    while not condition():
        if time.monotonic() - begin > LIMIT_S:
            return None
        time.sleep(0.002)
    return time.monotonic() - begin


def define_function_vm(name, address):
    path = f"/run/{name}.toml"
    with open(path, "w", encoding="ascii") as file:
        file.write(f'accelerator = "tcg"\nmemory = "64M"\ncpus = 1\n[gpu]\nway = "sr-iov"\n'
                   f'parent = "{address}"\n[display]\ntype = "none"\n')
    return path


def start_and_kill(path, count):
    """What a VM took must be free again before the next begins; the first one is no measure."""
    at_rest = [len(os.listdir(PCI_DEVICES)), len(os.listdir(DEVICES))]

    def once():
        must("vm", "start", path)
        must("vm", "kill", path)
        if wait_until(lambda: [len(os.listdir(PCI_DEVICES)), len(os.listdir(DEVICES))] == at_rest
                      and not processes("cleave")) is None:
            sys.exit(f"the VM is gone, its device or its supervisor is not: {snapshot()}")
    once()
    before = snapshot()
    for _ in range(count):
        once()
    return {"before": before, "after": snapshot()}


def vms(count):
    return start_and_kill(define_vm("again", PARENT, TYPE), count)


def function_vms(count, address):
    return start_and_kill(define_function_vm("function", address), count)


def owner_of_the_only_device():
    """Users who own the node and the `remove` attribute of the device that is there."""
    device = f"{DEVICES}/{os.listdir(DEVICES)[0]}"
    group = os.path.basename(os.readlink(f"{device}/iommu_group"))
    return [os.stat(f"/dev/vfio/{group}").st_uid, os.stat(f"{device}/remove").st_uid]


def start_for_kill(parent, kind):
    path = define_vm("killed", parent, kind)
    must("vm", "start", path)
    [qemu] = processes("qemu-system-x86_64")
    [supervisor] = processes("cleave")
    return {"path": path, "qemu": qemu, "supervisor": supervisor,
            "owners": owner_of_the_only_device(), "qemu_user": os.stat(f"/proc/{qemu}").st_uid}


def start_again(path):
    again = cleave("vm", "start", path)
    killed = cleave("vm", "kill", path)
    freed = wait_until(lambda: not os.listdir(DEVICES))
    return {"status": again.returncode, "text": again.stdout + again.stderr,
            "killed": killed.returncode, "free": freed is not None}


def kill_qemu(parent, kind):
    seen = start_for_kill(parent, kind)
    os.kill(seen["qemu"], signal.SIGKILL)
    seen["free_after_s"] = wait_until(lambda: not os.listdir(DEVICES))
    seen["left"] = len(processes("cleave")) if wait_until(lambda: not processes("cleave")) is None else 0
    seen["again"] = start_again(seen["path"])
    return seen


def run_out_of_memory(parent, kind):
    """The kernel picks its victim when it is asked to (Documentation/admin-guide/sysrq.rst, “f”)."""
    seen = start_for_kill(parent, kind)
    for path, text in ((f"/proc/{seen['qemu']}/oom_score_adj", "1000"), ("/proc/sysrq-trigger", "f")):
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
    seen["free_after_s"] = wait_until(lambda: not os.listdir(DEVICES))
    seen["status"] = cleave("vm", "status", seen["path"]).stdout
    return seen


def kill_supervisor(parent, kind):
    seen = start_for_kill(parent, kind)
    os.kill(seen["supervisor"], signal.SIGKILL)
    time.sleep(1)
    seen["qemu_lives"] = bool(processes("qemu-system-x86_64"))
    seen["owners_after"] = owner_of_the_only_device() if os.listdir(DEVICES) else None
    seen["status"] = cleave("vm", "status", seen["path"]).stdout
    seen["killed"] = cleave("vm", "kill", seen["path"]).returncode if seen["qemu_lives"] else 0
    seen["again"] = start_again(seen["path"])
    seen["after"] = snapshot()
    return seen


def main():
    what, *words = sys.argv[1:]
    if what in ("cycles", "race", "vms"):
        result = {"cycles": cycles, "race": race, "vms": vms}[what](int(words[0]))
    elif what == "function-vms":
        result = function_vms(int(words[0]), words[1])
    else:
        result = {"kill-qemu": kill_qemu, "kill-supervisor": kill_supervisor,
                  "run-out-of-memory": run_out_of_memory}[what](*words)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
