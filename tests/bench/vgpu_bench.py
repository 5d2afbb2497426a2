#!/usr/bin/env python3
"""What making vGPUs costs, beside a write by hand and beside mdevctl, in the virtual laptop.

usage: vgpu_bench.py PATH/TO/cleave [RUNS]

Boots a laptop whose mdpy offers 64 instances and runs itself in it. Three questions:
- one vGPU: a process that does nothing but write the UUID to `create` (busybox tee), and
  `cleave vgpu create`; budget on real hardware: at most 3 ms more. The laptop is emulated, so what
  an empty cleave (`--version`) takes there and here is measured, too: their ratio turns the
  laptop's milliseconds into this machine's.
- 64 defined vGPUs: `mdevctl start-parent-mdevs` and `cleave vgpu start --parent`; budget: half. The
  64 writes alone, one after another, show what the kernel's part is; cleave has two threads do it.
- the GPU's driver is bound: how long until the defined vGPU is there, when a rule of udev runs
  either; budget on real hardware: 100 ms. systemd, which starts cleave's unit, is not in it: the
  laptop has none.
The rivals take turns, so that a busy machine slows all of them.
"""
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
import uuid

PARENT, TYPE, COUNT = "mdpy", "mdpy-vga", 64
CREATE = f"/sys/class/mdev_bus/{PARENT}/mdev_supported_types/{TYPE}/create"
DEVICES = "/sys/bus/mdev/devices"
GPU, GPU_TYPE = "10000:00:02.0", "i915-GVTg_V5_8"
GPU_DRIVER = "/sys/bus/pci/drivers/i915"
RULES = "/run/udev/rules.d"
BUDGET_MS, BUDGET_RATIO, BUDGET_REGISTERED_MS = 3.0, 0.5, 100.0
LIMIT_S = 30


def put(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def define(parent, kind):
    put(f"/etc/mdevctl.d/{parent}/{uuid.uuid4()}",
        json.dumps({"mdev_type": kind, "start": "auto", "attrs": []}))


def timed(argv, given=""):
    begin = time.perf_counter()
    subprocess.run(argv, input=given, text=True, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - begin) * 1000


def remove_all(expected):
    names = os.listdir(DEVICES)
    assert len(names) == expected, names
    for name in names:
        with open(f"{DEVICES}/{name}/remove", "w", encoding="ascii") as file:
            file.write("1")


def write_alone():
    """Without a process: what the kernel itself takes."""
    file = os.open(CREATE, os.O_WRONLY)
    begin = time.perf_counter()
    os.write(file, str(uuid.uuid4()).encode())
    elapsed = (time.perf_counter() - begin) * 1000
    os.close(file)
    return elapsed


def writes_alone():
    return sum(write_alone() for _ in range(COUNT))


def by_hand():
    return timed(["busybox", "tee", CREATE], str(uuid.uuid4()))


def measure(rivals, made, runs):
    taken = {name: [] for name in rivals}
    for _ in range(runs + 1):
        for name, rival in rivals.items():
            taken[name].append(rival())
            remove_all(made.get(name, 0))
    return {name: statistics.median(times[1:]) for name, times in taken.items()}  # first: warm-up


def wait_for(condition):
    begin = time.perf_counter()
    while not condition():
        if time.perf_counter() - begin > LIMIT_S:
            sys.exit("the vGPU did not come")
        time.sleep(0.0005)
    return time.perf_counter()


def registered(program):
    """From the driver's registration as a parent to the vGPU, which udev has `program` make."""
    # In the place of mdevctl's own rule, with its conditions.
    put(f"{RULES}/60-mdevctl.rules",
        'ACTION=="change", ENV{MDEV_STATE}=="registered", TEST=="mdev_supported_types", '
        f'RUN+="{program} %k"\n')
    subprocess.run(["udevadm", "control", "--reload"], check=True)
    put(f"{GPU_DRIVER}/unbind", GPU)
    wait_for(lambda: not os.path.exists(f"/sys/class/mdev_bus/{GPU}"))
    subprocess.run(["udevadm", "settle"], check=True)
    put(f"{GPU_DRIVER}/bind", GPU)
    begin = wait_for(lambda: os.path.isdir(f"/sys/class/mdev_bus/{GPU}/mdev_supported_types"))
    elapsed = (wait_for(lambda: os.listdir(DEVICES)) - begin) * 1000
    subprocess.run(["udevadm", "settle"], check=True)
    return elapsed


def inside(cleave, runs):
    # Addresses that differ in each process cost the emulator most of a program's start (measured: an
    # empty cleave 61 ms, without them 19; mdevctl 50 and 16), and a processor nothing (4.0 and 3.9).
    put("/proc/sys/kernel/randomize_va_space", "0")
    one = measure({"write": write_alone, "hand": by_hand,
                   "version": lambda: timed([cleave, "--version"]),
                   "cleave": lambda: timed([cleave, "vgpu", "create", "--parent", PARENT, "--type", TYPE])},
                  {"write": 1, "hand": 1, "cleave": 1}, runs)
    for _ in range(COUNT):
        define(PARENT, TYPE)
    many = measure({"writes": writes_alone,
                    "mdevctl": lambda: timed(["mdevctl", "start-parent-mdevs", PARENT]),
                    "cleave": lambda: timed([cleave, "vgpu", "start", "--parent", PARENT])},
                   {"writes": COUNT, "mdevctl": COUNT, "cleave": COUNT}, max(3, runs // 3))
    subprocess.run(["/lib/systemd/systemd-udevd", "--daemon"], check=True, stderr=subprocess.DEVNULL)
    define(GPU, GPU_TYPE)
    came = measure({"mdevctl": lambda: registered(shutil.which("mdevctl") + " start-parent-mdevs"),
                    "cleave": lambda: registered(cleave + " vgpu start --parent")},
                   {"mdevctl": 1, "cleave": 1}, max(3, runs // 3))
    print(json.dumps({"one": one, "many": many, "came": came}))


def main():
    if len(sys.argv) > 1 and sys.argv[1] == "--inside":
        inside(sys.argv[2], int(sys.argv[3]))
        return 0
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    cleave = os.path.abspath(sys.argv[1])
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 15
    here = statistics.median(timed([cleave, "--version"]) for _ in range(runs))
    laptop = subprocess.run([cleave, "lab", "run", "--module-parameter", f"mdpy.count={COUNT}", "--",
                             "python3", os.path.abspath(__file__), "--inside", cleave, str(runs)],
                            check=True, stdout=subprocess.PIPE, text=True)
    seen = json.loads(laptop.stdout.splitlines()[-1])
    one, many, came = seen["one"], seen["many"], seen["came"]
    slower = one["version"] / here
    more = one["cleave"] - one["hand"]
    ratio = many["cleave"] / many["mdevctl"]
    print(f"one vGPU: the write alone {one['write']:.1f} ms, by hand {one['hand']:.1f} ms, "
          f"cleave {one['cleave']:.1f} ms (--version {one['version']:.1f} ms)")
    print(f"  more {more:+.1f} ms in the laptop, {slower:.0f} times slower than here: "
          f"about {more / slower:+.1f} ms, budget {BUDGET_MS:+.1f} ms")
    print(f"{COUNT} vGPUs: mdevctl {many['mdevctl']:.0f} ms, cleave {many['cleave']:.0f} ms: "
          f"{ratio:.2f} of it, budget {BUDGET_RATIO:.2f}; the writes alone, one after another, "
          f"{many['writes']:.0f} ms")
    print(f"after its driver registered: mdevctl {came['mdevctl']:.0f} ms, cleave {came['cleave']:.0f} ms, "
          f"here about {came['cleave'] / slower:.0f} ms, budget {BUDGET_REGISTERED_MS:.0f} ms")
    kept = (more / slower <= BUDGET_MS and ratio <= BUDGET_RATIO
            and came["cleave"] / slower <= BUDGET_REGISTERED_MS)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
